//! The chunk files that wait to be shown, for the menus and for status. Looks at the disk, so it is never called where
//! the relay runs.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use media_store::{PendingChunk, Reader, StoreError};
use serde::{Deserialize, Serialize};

/// Files that are listed one by one: over two hours. The sums count all.
pub(crate) const MAX_LISTED: usize = 4_096;

/// What waits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pending {
    /// How many files.
    pub(crate) count: u64,
    /// Their bytes together.
    pub(crate) bytes: u64,
    /// The first of them, in the order in which they are shown.
    pub(crate) files: Vec<PendingFile>,
}

/// A file that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PendingFile {
    /// Its name in the spool.
    pub(crate) name: String,
    /// The chunk's number on its channel.
    pub(crate) seq: u64,
    /// Its length.
    pub(crate) bytes: u64,
    /// How long it plays.
    pub(crate) duration_ms: u64,
    /// How long it has been there.
    pub(crate) age_ms: u64,
}

/// Looks at a spool again and again, each time for what has changed.
pub(crate) struct Looker(Mutex<Reader>);

impl Looker {
    /// For the spool at `dir`.
    pub(crate) fn open(dir: &Path) -> Result<Self, StoreError> {
        Ok(Self(Mutex::new(Reader::open(dir)?)))
    }

    /// What waits now. Nothing, if the index cannot be read. Blocks on the disk.
    pub(crate) fn look(&self) -> Pending {
        let mut reader = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let chunks = reader.pending().unwrap_or_else(|why| {
            tracing::warn!(%why, "the spool's index cannot be read");
            Vec::new()
        });
        drop(reader);
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        list(&chunks, u64::try_from(now.as_micros()).unwrap_or(u64::MAX))
    }
}

fn list(chunks: &[PendingChunk], now_us: u64) -> Pending {
    let file = |chunk: &PendingChunk| PendingFile {
        name: chunk.name.clone(),
        seq: chunk.seq,
        bytes: chunk.bytes,
        duration_ms: chunk.duration_us / 1_000,
        age_ms: now_us.saturating_sub(chunk.stored_us) / 1_000,
    };
    Pending {
        count: chunks.len() as u64,
        bytes: chunks.iter().map(|chunk| chunk.bytes).sum(),
        files: chunks.iter().take(MAX_LISTED).map(file).collect(),
    }
}
