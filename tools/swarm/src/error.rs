//! What can go wrong with a swarm, in one line each.

use std::io;
use std::path::PathBuf;

/// Why a swarm cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SwarmError {
    /// A program lacks.
    #[error("{name} is not in {dir}: build it with `cargo build --release -p {name}`")]
    NoProgram {
        /// Its name.
        name: &'static str,
        /// Where it was looked for.
        dir: PathBuf,
    },
    /// A program could not be started.
    #[error("cannot start {name}: {why}")]
    Start {
        /// Which.
        name: String,
        /// What the system says.
        why: io::Error,
    },
    /// A program ended that should run.
    #[error("{name} has ended; its last words: {words}")]
    Ended {
        /// Which.
        name: String,
        /// The end of its standard error.
        words: String,
    },
    /// A program does not answer, or not what is expected.
    #[error("{name} does not answer: {why}")]
    Ask {
        /// Which.
        name: String,
        /// In what way.
        why: String,
    },
    /// Something did not happen in time.
    #[error("not within {seconds} s: {what}; last seen: {seen}")]
    Late {
        /// What.
        what: String,
        /// What was instead.
        seen: String,
        /// The patience.
        seconds: u64,
    },
    /// A file could not be read or written.
    #[error("{path}: {why}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl SwarmError {
    /// About a file.
    pub(crate) fn file(path: &std::path::Path, why: io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            why,
        }
    }
}
