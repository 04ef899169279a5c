//! Small private files in the spool's state folder: written whole or not at all, readable by nobody else.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

/// Writes `bytes` to `path` under a temporary name and moves it there.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let tmp = path.with_extension("new");
    match fs::remove_file(&tmp) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = create(&tmp).and_then(|mut file| file.write_all(bytes));
    written
        .and_then(|()| fs::rename(&tmp, path))
        .inspect_err(|_| {
            // What is left of it is harmless, and the next try removes it.
            let _ = fs::remove_file(&tmp);
        })
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

/// The text of a file of at most `max` bytes; `None` if there is none. A longer one is invalid data.
pub(crate) fn read_small(path: &Path, max: u64) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut text = String::new();
    file.take(max + 1).read_to_string(&mut text)?;
    if text.len() as u64 > max {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_file_is_replaced_whole_and_is_nobody_elses() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("secret");
        write_private(&path, b"one").expect("written");
        write_private(&path, b"two").expect("written again");
        assert_eq!(read_small(&path, 3).expect("read").as_deref(), Some("two"));
        assert!(read_small(&path, 2).is_err(), "longer than allowed");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 1);
        assert!(
            read_small(&dir.path().join("none"), 9)
                .expect("no error")
                .is_none()
        );
    }
}
