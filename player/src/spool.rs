//! The player's hold on a spool: waits until it is there, keeps a second player out, reads what is pending and
//! deletes what was shown, all of it through [`media_store`].

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use media_store::{PendingChunk, Reader, StoreError};

/// Why a spool cannot be played.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpoolError {
    /// Nothing is there, and waiting was not wanted.
    #[error("there is no spool at {}: start a peer with this --spool first", .0.display())]
    NotThere(PathBuf),
    /// Something else is there.
    #[error("{} is not a spool: {why}; name the directory of a peer's --spool", dir.display())]
    NotASpool {
        /// What was named.
        dir: PathBuf,
        /// Why.
        why: &'static str,
    },
    /// Another player is at it.
    #[error("another player plays {}: end it first, or give each its own peer", .0.display())]
    Busy(PathBuf),
    /// The lock that keeps other players out cannot be made.
    #[error("{} cannot be written ({source}), so nothing could be deleted there: use --keep", dir.display())]
    NotWritable {
        /// The spool.
        dir: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The store says no.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// See the module.
pub(crate) struct Spool {
    dir: PathBuf,
    keep: bool,
    open: Option<Open>,
}

struct Open {
    reader: Reader,
    _lock: Option<File>,
}

impl Spool {
    /// The spool at `dir`, whether it is there yet or not. With `keep` nothing is deleted.
    pub(crate) fn new(dir: &Path, keep: bool) -> Self {
        Self {
            dir: dir.to_owned(),
            keep,
            open: None,
        }
    }

    /// Whether a peer has made the spool.
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The error of one who does not want to wait for it.
    pub(crate) fn not_there(&self) -> SpoolError {
        SpoolError::NotThere(self.dir.clone())
    }

    /// What is pending; nothing while the spool is not there yet.
    ///
    /// # Errors
    /// If what is there is not a spool, or not ours to play.
    pub(crate) fn pending(&mut self) -> Result<Vec<PendingChunk>, SpoolError> {
        if self.open.is_none() {
            self.open = self.try_open()?;
        }
        match &mut self.open {
            Some(open) => Ok(open.reader.pending()?),
            None => Ok(Vec::new()),
        }
    }

    fn try_open(&self) -> Result<Option<Open>, SpoolError> {
        let dir = &self.dir;
        let not_a_spool = |why| SpoolError::NotASpool {
            dir: dir.clone(),
            why,
        };
        match std::fs::metadata(dir) {
            Err(_) => return Ok(None),
            Ok(found) if !found.is_dir() => return Err(not_a_spool("it is a file")),
            Ok(_) => {}
        }
        let state = dir.join(".treecast");
        if !state.is_dir() {
            let mut entries =
                std::fs::read_dir(dir).map_err(|_| not_a_spool("it cannot be read"))?;
            return if entries.next().is_some() {
                Err(not_a_spool("it has files, but none of a peer (.treecast)"))
            } else {
                Ok(None)
            };
        }
        let lock = self.lock(&state.join("player.lock"))?;
        let reader = Reader::open(dir)?;
        Ok(Some(Open {
            reader,
            _lock: lock,
        }))
    }

    /// Keeps a second player out for as long as the file is open; a player that is killed lets go by that.
    fn lock(&self, path: &Path) -> Result<Option<File>, SpoolError> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path);
        let locked = file.and_then(|file| match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(e),
        });
        match locked {
            Ok(Some(file)) => Ok(Some(file)),
            // Who deletes nothing may look on.
            _ if self.keep => Ok(None),
            Ok(None) => Err(SpoolError::Busy(self.dir.clone())),
            Err(source) => Err(SpoolError::NotWritable {
                dir: self.dir.clone(),
                source,
            }),
        }
    }

    /// A chunk's turn is over: deletes it, unless everything is kept.
    ///
    /// # Errors
    /// If it cannot be deleted, or is not the chunk any more that was shown.
    pub(crate) fn done(&mut self, chunk: &PendingChunk) -> Result<(), SpoolError> {
        match &mut self.open {
            Some(open) if !self.keep => Ok(open.reader.delete(chunk)?),
            _ => Ok(()),
        }
    }
}
