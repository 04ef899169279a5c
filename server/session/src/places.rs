//! The folders of one session: where they are, that only this user may look into them, and that they go away.
//!
//! It must never know what is kept there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Bytes of the path of the folder for sockets at most: what unix(7) takes, less the longest name of a socket in it.
const MAX_SOCKET_FOLDER_LEN: usize = 107 - "/sound/native".len();
/// Characters of the mark in the name of a short folder: nobody guesses them.
const SHORT_MARK_LEN: usize = 20;

/// Where one session keeps its files.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The application's home and working directory.
    pub(crate) work: PathBuf,
    /// What belongs to its display and its sound server.
    pub(crate) helpers: PathBuf,
    /// Its output.
    pub(crate) log: PathBuf,
}

impl Places {
    /// Those of the session with this mark in a data directory.
    pub(crate) fn new(data: &Path, mark: &str) -> Self {
        let data = std::path::absolute(data).unwrap_or_else(|_| data.to_owned());
        let mut helpers = data.join("work").join(format!("{mark}.own"));
        if helpers.as_os_str().len() > MAX_SOCKET_FOLDER_LEN {
            let short = mark.get(..SHORT_MARK_LEN).unwrap_or(mark);
            helpers = Path::new("/tmp").join(format!("treecast-{short}"));
        }
        Self {
            work: data.join("work").join(mark),
            helpers,
            log: data.join("logs").join(format!("{mark}.log")),
        }
    }

    /// Makes the folders.
    ///
    /// # Errors
    /// When the system refuses; also when somebody was there before.
    pub(crate) fn make(&self) -> io::Result<()> {
        private_folder(&self.work)?;
        use std::os::unix::fs::DirBuilderExt as _;
        // Not among existing ones: in /tmp one could be somebody else's.
        fs::DirBuilder::new().mode(0o700).create(&self.helpers)
    }

    /// Removes them; one that does not go away is named and left.
    pub(crate) fn remove(&self) {
        for folder in [&self.work, &self.helpers] {
            match fs::remove_dir_all(folder) {
                Ok(()) => {}
                Err(why) if why.kind() == io::ErrorKind::NotFound => {}
                Err(why) => tracing::warn!("{} cannot be removed: {why}", folder.display()),
            }
        }
    }
}

/// A folder, with those above it, that only this user may look into.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn sockets_have_a_short_path_however_long_the_data_directory_is() {
        let near = Places::new(Path::new("/data"), MARK);
        assert!(near.helpers.starts_with("/data/work"));
        let far = Places::new(&Path::new("/data").join("long".repeat(60)), MARK);
        assert!(far.helpers.starts_with("/tmp"), "{}", far.helpers.display());
        for places in [near, far] {
            let socket = places.helpers.join("sound/native");
            assert!(socket.as_os_str().len() <= 107);
        }
    }

    #[test]
    fn a_folder_that_somebody_else_made_before_is_not_used() {
        let data = tempfile::tempdir().expect("a folder");
        let places = Places::new(data.path(), MARK);
        fs::create_dir_all(&places.helpers).expect("somebody's");
        places.make().expect_err("it is refused");
        places.remove();
        places.make().expect("a new one");
        places.remove();
        assert!(!places.helpers.exists() && !places.work.exists());
    }
}
