//! Where things lie in a spool, and the lock that keeps a second peer out.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::StoreError;

/// The peer's own part of `spool`, `.treecast`, made if need be; on Unix nobody else can look into it, as the
/// identity key lies there.
///
/// # Errors
/// [`StoreError::NotWritable`].
pub fn state_dir(spool: &Path) -> Result<PathBuf, StoreError> {
    let dir = spool.join(".treecast");
    let made = fs::create_dir_all(spool).and_then(|()| make_private(&dir));
    made.map_err(|source| StoreError::NotWritable {
        dir: spool.to_owned(),
        source,
    })?;
    Ok(dir)
}

#[cfg(unix)]
fn make_private(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    match fs::DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if !fs::symlink_metadata(dir)?.is_dir() {
                return Err(io::Error::new(
                    io::ErrorKind::NotADirectory,
                    ".treecast is no directory",
                ));
            }
            fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
        }
        made => made,
    }
}

#[cfg(not(unix))]
fn make_private(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)
}

/// The index of `spool`.
pub(crate) fn index_path(spool: &Path) -> PathBuf {
    spool.join(".treecast").join("index.jsonl")
}

/// Takes the spool for one writer; let go when the file is closed, by a crash too.
pub(crate) fn lock(spool: &Path, state: &Path) -> Result<File, StoreError> {
    let not_writable = |source| StoreError::NotWritable {
        dir: spool.to_owned(),
        source,
    };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(state.join("lock"));
    let file = file.map_err(not_writable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Busy {
            dir: spool.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(not_writable(source)),
    }
}

/// The length of the regular file at `path`, not following a symbolic link; `None` for nothing or anything else.
pub(crate) fn regular_len(path: &Path) -> Option<u64> {
    let found = fs::symlink_metadata(path).ok()?;
    found.is_file().then_some(found.len())
}
