//! What keeps a coordinator from starting or going on, in one line for people.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use server_state::StateError;

/// Why a coordinator does not start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CoordinatorError {
    /// A file is not there, cannot be read or written, or is not what it should be.
    #[error("{file}: {why}")]
    File {
        /// Which.
        file: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The address cannot be opened.
    #[error("{address} cannot be opened: {why}; is another program listening there?")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system says.
        why: io::Error,
    },
    /// The database cannot be opened.
    #[error("{0}")]
    State(#[from] StateError),
}

impl CoordinatorError {
    pub(crate) fn at(path: &Path, why: impl Display) -> Self {
        Self::file(&path.display(), why)
    }

    pub(crate) fn file(file: &dyn Display, why: impl Display) -> Self {
        Self::File {
            file: file.to_string(),
            why: why.to_string(),
        }
    }
}
