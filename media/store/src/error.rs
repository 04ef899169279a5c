//! What can go wrong with a spool, each in one line that says what to do.

use std::io;
use std::path::PathBuf;

use media_model::NameError;

/// Why the spool cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory or something in it cannot be made or written.
    #[error("the spool {} cannot be written ({source}): choose another directory with --spool", dir.display())]
    NotWritable {
        /// The spool.
        dir: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another peer writes there.
    #[error("the spool {} is used by another peer: give each peer a --spool of its own", dir.display())]
    Busy {
        /// The spool.
        dir: PathBuf,
    },
    /// The directory is not there.
    #[error("there is no directory {}: name the --spool of a peer", dir.display())]
    NoSpool {
        /// What was named.
        dir: PathBuf,
    },
    /// No space is left on the disk. Nothing of the chunk was kept.
    #[error("the disk is full: {name} ({bytes} bytes) is not stored in {}: free some space", dir.display())]
    Full {
        /// The spool.
        dir: PathBuf,
        /// The chunk that was not stored.
        name: String,
        /// Its length.
        bytes: u64,
    },
    /// The chunk alone is larger than the spool may be.
    #[error("{name} has {bytes} bytes, the whole spool may have {limit}: raise --spool-limit")]
    LargerThanLimit {
        /// The chunk that was not stored.
        name: String,
        /// Its length.
        bytes: u64,
        /// The spool's limit.
        limit: u64,
    },
    /// A chunk with a name that cannot be a file of the spool.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A chunk that is longer, or whose numbers are larger, than any chunk's.
    #[error("the length or a number of {name} is out of the bounds of a chunk")]
    Bounds {
        /// The chunk that was not stored.
        name: String,
    },
    /// A file that the spool did not write has the name of a chunk.
    #[error("{} is in the way and is not a chunk of this spool: move it away", path.display())]
    InTheWay {
        /// The file.
        path: PathBuf,
    },
    /// Asked to delete what is not a pending chunk.
    #[error("{} is not deleted: {why}", path.display())]
    NotAChunk {
        /// The file.
        path: PathBuf,
        /// Why it is none.
        why: &'static str,
    },
    /// Any other failure of the system.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Whether `error` says that no space is left.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
