//! Files of the data directory, written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Who may read a file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode {
    /// Its owner alone.
    Secret = 0o600,
    /// Everybody whom the folder and the umask let.
    Open = 0o666,
}

/// Puts `bytes` into the file at `path`, down to the disk: readers see what was there before or all of it. Blocking.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: Mode) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".new");
    let new = path.with_file_name(name);
    remove(&new)?;
    let written = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(mode as u32)
        .open(&new)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&new, path));
    written.inspect_err(|_| {
        // What is left of it is removed by the next try.
        let _ = fs::remove_file(&new);
    })
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
        _ => Ok(()),
    }
}

/// The bytes of a file of at most `max` bytes; `None` if there is none.
///
/// # Errors
/// When it cannot be read; invalid data when it is longer.
pub(crate) fn read_small(path: &Path, max: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        let why = format!("longer than {max} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_file_is_replaced_whole_and_a_secret_is_nobody_elses() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("file");
        assert_eq!(read_small(&path, 9).expect("no error"), None);
        replace(&path, b"one", Mode::Secret).expect("written");
        fs::write(dir.path().join("file.new"), "half of a write").expect("writable");
        replace(&path, b"two", Mode::Secret).expect("written again");
        assert_eq!(read_small(&path, 3).expect("read"), Some(b"two".to_vec()));
        assert!(read_small(&path, 2).is_err(), "longer than allowed");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 1);
        remove(&path).expect("removed");
        remove(&path).expect("nothing to do");
    }
}
