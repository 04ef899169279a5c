//! The chunk files of a loop: a thread adds them while it cuts or looks at them, the channel's task reads along.
//!
//! This file must never know how chunks are made or when they are due.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use crate::schedule::Timeline;

/// One chunk of the loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoopFile {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// `mkv` or `mp4`.
    pub(crate) extension: &'static str,
    /// Its length.
    pub(crate) bytes: u64,
    /// How long it plays, microseconds.
    pub(crate) duration_us: u64,
}

impl LoopFile {
    /// Reads it. Blocking.
    ///
    /// # Errors
    /// When it cannot be read, or has another length than when it was added.
    pub(crate) fn read(&self) -> io::Result<Bytes> {
        let mut data = Vec::with_capacity(usize::try_from(self.bytes).unwrap_or(0));
        // One more than expected shows that it has grown, however large it is now.
        File::open(&self.path)?
            .take(self.bytes + 1)
            .read_to_end(&mut data)?;
        if data.len() as u64 == self.bytes {
            Ok(data.into())
        } else {
            Err(io::Error::other("it changed since it was added"))
        }
    }

    /// Whether a regular file of this length is there.
    pub(crate) fn is_there(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|m| m.is_file() && m.len() == self.bytes)
    }
}

/// How far a library is. Only grows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Chunks that are there.
    pub(crate) files: usize,
    /// Set when no more come: with the reason, if they should have.
    pub(crate) ended: Option<Result<(), String>>,
}

#[derive(Default)]
struct Shelf {
    files: Vec<LoopFile>,
    timeline: Timeline,
}

/// See the module. Bounded by whoever adds: the cutter and the folder's reader have limits of their own.
pub(crate) struct Library {
    shelf: Mutex<Shelf>,
    progress: watch::Sender<Progress>,
    stop: AtomicBool,
}

impl Library {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self {
            shelf: Mutex::default(),
            progress: watch::Sender::default(),
            stop: AtomicBool::new(false),
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds chunks, which become visible together.
    pub(crate) fn add(&self, files: impl IntoIterator<Item = LoopFile>) {
        let mut shelf = self.shelf();
        for file in files {
            shelf.timeline.push(file.duration_us);
            shelf.files.push(file);
        }
        let files = shelf.files.len();
        drop(shelf);
        self.progress.send_modify(|progress| progress.files = files);
    }

    /// Adds the last chunks and says that there are no more: it is a loop from now on, of what is there.
    pub(crate) fn end(&self, last: Vec<LoopFile>, result: Result<(), String>) {
        {
            let mut shelf = self.shelf();
            for file in last {
                shelf.timeline.push(file.duration_us);
                shelf.files.push(file);
            }
            shelf.timeline.complete();
        }
        let files = self.shelf().files.len();
        self.progress.send_modify(|progress| {
            progress.files = files;
            progress.ended = Some(result);
        });
    }

    /// Follows how far it is.
    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Asks the timeline.
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&Timeline) -> T) -> T {
        question(&self.shelf().timeline)
    }

    /// A chunk that is there.
    pub(crate) fn file(&self, index: usize) -> Option<LoopFile> {
        self.shelf().files.get(index).cloned()
    }

    /// Tells the thread that adds to end.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether nobody wants more.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_changed_is_not_broadcast() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("f_00000.mkv");
        fs::write(&path, b"12345").expect("writable");
        let file = LoopFile {
            path: path.clone(),
            extension: "mkv",
            bytes: 5,
            duration_us: 2_000_000,
        };
        assert!(file.is_there());
        assert_eq!(file.read().expect("unchanged"), &b"12345"[..]);
        for changed in [&b"1234"[..], b"123456", b""] {
            fs::write(&path, changed).expect("writable");
            assert!(!file.is_there());
            assert!(file.read().is_err());
        }
        fs::remove_file(&path).expect("there");
        assert!(file.read().is_err());
    }

    #[test]
    fn a_loop_is_one_only_when_it_has_ended() {
        let library = Library::new();
        let file = |n: u32| LoopFile {
            path: format!("f_{n:05}.mkv").into(),
            extension: "mkv",
            bytes: 1,
            duration_us: 2_000_000,
        };
        let anchor = crate::schedule::Anchor {
            unix_us: 0,
            base_seq: 0,
        };
        library.add([file(0)]);
        assert_eq!(library.ask(|t| t.slot(anchor, 1)), None);
        assert_eq!(library.progress().borrow().files, 1);
        library.end(vec![file(1)], Ok(()));
        let slot = library.ask(|t| t.slot(anchor, 2)).expect("round 1");
        assert_eq!(library.file(slot.index), Some(file(0)));
        assert_eq!(library.progress().borrow().ended, Some(Ok(())));
    }
}
