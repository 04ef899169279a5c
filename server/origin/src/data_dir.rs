//! The origin's data directory: who it is, and where its channels keep what they need.
//!
//! `DIR/lock` keeps a second server out; `DIR/origin.key` is the origin's one secret; `DIR/channel-N/` belongs to
//! channel N. This file must never know what a channel does.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::error::OriginError;
use crate::files::{self, Mode};

const LOCK: &str = "lock";
const KEY: &str = "origin.key";
/// 64 digits and a line's end; a longer file is none of ours.
const MAX_KEY_FILE: u64 = 128;

/// A data directory that this process alone uses, until it is dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// The origin's secret.
pub(crate) struct OriginSecret {
    /// The 32 secret bytes.
    pub(crate) bytes: [u8; 32],
    /// Whether it was made just now: then no peer can know an epoch of this origin.
    pub(crate) new: bool,
}

impl DataDir {
    /// Makes the directory where it lacks, and takes it for this process.
    pub(crate) fn open(path: &Path) -> Result<Self, OriginError> {
        let write = |source| OriginError::write(path, source);
        fs::create_dir_all(path).map_err(write)?;
        let lock = path.join(LOCK);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(lock)
            .map_err(write)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let path = path.to_owned();
                return Err(OriginError::InUse { path });
            }
            Err(TryLockError::Error(source)) => return Err(write(source)),
        }
        Ok(Self {
            path: path.to_owned(),
            _lock: file,
        })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of a channel, made where it lacks.
    pub(crate) fn channel(&self, channel: u32) -> Result<PathBuf, OriginError> {
        let path = channel_dir(&self.path, channel);
        fs::create_dir_all(&path).map_err(|source| OriginError::write(&path, source))?;
        Ok(path)
    }

    /// The origin's secret; a new one at the first start.
    pub(crate) fn secret(&self) -> Result<OriginSecret, OriginError> {
        let path = self.path.join(KEY);
        let text = match files::read_small(&path, MAX_KEY_FILE) {
            Ok(text) => text,
            Err(why) if why.kind() == io::ErrorKind::InvalidData => {
                return Err(OriginError::DamagedKey { path });
            }
            Err(why) => return Err(OriginError::read(&path, why)),
        };
        let Some(text) = text else {
            let bytes: [u8; 32] = rand::random();
            let text = format!("{}\n", to_hex(&bytes));
            files::replace(&path, text.as_bytes(), Mode::Secret)
                .map_err(|why| OriginError::write(&path, why))?;
            return Ok(OriginSecret { bytes, new: true });
        };
        let open = fs::metadata(&path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0);
        if open {
            tracing::warn!(file = %path.display(), "others can read the origin's key: chmod 600 it");
        }
        let bytes = from_hex(text.trim_ascii()).ok_or(OriginError::DamagedKey { path })?;
        Ok(OriginSecret { bytes, new: false })
    }
}

/// Where a channel keeps what it needs.
pub(crate) fn channel_dir(data_dir: &Path, channel: u32) -> PathBuf {
    data_dir.join(format!("channel-{channel}"))
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &[u8]) -> Option<[u8; 32]> {
    if text.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, digits) in bytes.iter_mut().zip(text.chunks(2)) {
        let high = char::from(digits[0]).to_digit(16)?;
        let low = char::from(digits[1]).to_digit(16)?;
        *byte = (high * 16 + low) as u8;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_only_its_owner_can_read_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("deep/data");
        let data = DataDir::open(&path).expect("a data directory");
        let first = data.secret().expect("a new key");
        let again = data.secret().expect("the same key");
        assert!(first.new && !again.new);
        assert_eq!(first.bytes, again.bytes);
        let mode = fs::metadata(path.join(KEY)).expect("there").permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }

    #[test]
    fn a_second_server_is_kept_out_until_the_first_is_gone() {
        let dir = tempfile::tempdir().expect("a folder");
        let first = DataDir::open(dir.path()).expect("free");
        assert!(matches!(
            DataDir::open(dir.path()),
            Err(OriginError::InUse { .. })
        ));
        drop(first);
        DataDir::open(dir.path()).expect("free again");
    }

    #[test]
    fn a_damaged_key_is_never_replaced_silently() {
        let dir = tempfile::tempdir().expect("a folder");
        let data = DataDir::open(dir.path()).expect("free");
        let long = "a".repeat(4096);
        for text in ["", "zz", &"g".repeat(64), &"ä".repeat(32), &long] {
            fs::write(dir.path().join(KEY), text).expect("writable");
            assert!(matches!(data.secret(), Err(OriginError::DamagedKey { .. })));
            let kept = fs::read_to_string(dir.path().join(KEY)).expect("there");
            assert_eq!(kept, text);
        }
    }

    #[test]
    fn a_data_directory_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("file");
        fs::write(&file, "x").expect("writable");
        let why = DataDir::open(&file.join("data")).expect_err("a file is no folder");
        assert!(why.to_string().contains("file"), "{why}");
    }
}
