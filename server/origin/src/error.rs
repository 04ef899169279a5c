//! What can go wrong at the origin, each in one line that names the thing and what to do.

use std::io;
use std::path::{Path, PathBuf};

use overlay_quic::{BindError, IdentityError};

use crate::config::ConfigError;

/// Why the origin cannot start, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    /// A way out beside the forest cannot be opened; the text says which and why.
    #[error("{0}")]
    Outlet(String),
    /// A file or folder cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file or folder cannot be written.
    #[error("{}: cannot be written: {source}{}", path.display(), advice(source))]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another server uses the data directory.
    #[error("{}: another server is using this data directory; stop it, or give this one another --data-dir", path.display())]
    InUse {
        /// The data directory.
        path: PathBuf,
    },
    /// The key's file does not hold a key.
    #[error("{}: not an origin's key (64 hexadecimal digits); restore it, or delete it to become another origin with new invites", path.display())]
    DamagedKey {
        /// The key's file.
        path: PathBuf,
    },
    /// The state's file does not hold a state.
    #[error("{}: damaged: {why}; delete it, and the channel begins at the start of its film", path.display())]
    DamagedState {
        /// The state's file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The address cannot be listened on, or TLS does not take the key.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// TLS does not take the key.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The system refuses a thread or a socket.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A channel cannot be opened in the forest.
    #[error("channel {channel}: {why}")]
    Channel {
        /// Its number.
        channel: u32,
        /// Why.
        why: String,
    },
    /// A film, folder or live input cannot be broadcast.
    #[error("channel {channel}: {why}")]
    Source {
        /// The channel's number.
        channel: u32,
        /// Why.
        why: String,
    },
    /// No server is running with this data directory, or it does not answer.
    #[error("{}: no server answers: {why}", path.display())]
    NoServer {
        /// The data directory.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

impl OriginError {
    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self::Read { path, source }
    }

    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self::Write { path, source }
    }
}

fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; free space and start again",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; give --data-dir a folder that you may write to"
        }
        _ => "",
    }
}
