//! What can go wrong with the state, each in one line that names the database or file and what to do.
//!
//! It must never know which library speaks to the database.

use std::io;
use std::path::PathBuf;

use server_booking::model::Code;

use crate::url::BadUrl;

/// Why the state could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The address of the database is none.
    #[error(transparent)]
    Url(#[from] BadUrl),
    /// The database does not answer. Nothing was changed.
    #[error("{database} does not answer: {reason}")]
    Gone {
        /// Which, without its password.
        database: String,
        /// What was seen.
        reason: String,
    },
    /// Somebody else holds the database for too long. Nothing was changed.
    #[error("{database} is held by another coordinator for too long: {reason}")]
    Busy {
        /// Which, without its password.
        database: String,
        /// What was seen.
        reason: String,
    },
    /// The database was lost while it was told to commit: the changes were made all, or none. Whoever asks again must
    /// load the world first.
    #[error("{database} was lost at a commit ({reason}): all of its changes were made, or none")]
    Unsure {
        /// Which, without its password.
        database: String,
        /// What was seen.
        reason: String,
    },
    /// The database answered with an error that asking again does not cure.
    #[error("{database} refuses: {reason}")]
    Refused {
        /// Which, without its password.
        database: String,
        /// Its own words.
        reason: String,
    },
    /// A booking or a session was to be put under a code that is another's.
    #[error("code {0} is active already, for another booking or session")]
    CodeTaken(Code),
    /// A text does not fit.
    #[error("{what} has {length} {unit}, {limit} at most are stored")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// How long it is.
        length: usize,
        /// How long it may be.
        limit: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// A newer program has been at work here.
    #[error(
        "{database} has version {found} of the tables, this program knows up to {known}: run a newer program"
    )]
    Newer {
        /// Which, without its password.
        database: String,
        /// The version there.
        found: i64,
        /// The newest that is known.
        known: i64,
    },
    /// Something is stored that nobody of us wrote.
    #[error("{place}: {reason}")]
    Broken {
        /// File and entry, or table and row.
        place: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// Two coordinators on the same files.
    #[error("{0} is in use by another coordinator: only a database can be shared")]
    InUse(PathBuf),
    /// A file cannot be read or written.
    #[error("{path} cannot be {action}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// "read", "written", ...
        action: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl StateError {
    /// Whether the same may go well in a while: the database is gone or held, or a disk is full.
    ///
    /// Of a commit's error [`StateError::Unsure`] is the only one after which something may have been changed.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Gone { .. } | Self::Busy { .. } | Self::Unsure { .. } | Self::File { .. } => true,
            Self::Url(_)
            | Self::Refused { .. }
            | Self::CodeTaken(_)
            | Self::TooLong { .. }
            | Self::Newer { .. }
            | Self::Broken { .. }
            | Self::InUse(_) => false,
        }
    }
}
