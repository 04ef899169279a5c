//! What the spool knows of a chunk, and its line in the index.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use media_model::{Hash, MAX_CHUNK_LEN, MAX_NUMBER, check_chunk_name};
use serde::{Deserialize, Serialize};

/// What the caller knows of a chunk that it stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkMeta {
    /// The file's name, as [`check_chunk_name`] allows it.
    pub name: String,
    /// The chunk's number on its channel.
    pub seq: u64,
    /// The epoch in which it was broadcast.
    pub epoch: u64,
    /// How long it plays, in microseconds.
    pub duration_us: u64,
    /// When it was on air: microseconds since the Unix epoch. Tells two broadcasts of the same chunk apart.
    pub wall_us: u64,
    /// BLAKE3 of the whole file.
    pub hash: Hash,
}

/// A chunk that waits to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingChunk {
    /// The file's name.
    pub name: String,
    /// The chunk's number on its channel.
    pub seq: u64,
    /// The epoch in which it was broadcast.
    pub epoch: u64,
    /// The file's length.
    pub bytes: u64,
    /// How long it plays, in microseconds.
    pub duration_us: u64,
    /// When it was on air: microseconds since the Unix epoch.
    pub wall_us: u64,
    /// When it was stored: microseconds since the Unix epoch.
    pub stored_us: u64,
    /// The file.
    pub path: PathBuf,
}

/// One line of the index, as JSON. Field names are part of docs/protocols/media.md.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) name: String,
    pub(crate) seq: u64,
    pub(crate) epoch: u64,
    pub(crate) bytes: u64,
    pub(crate) duration_us: u64,
    pub(crate) wall_us: u64,
    pub(crate) hash: String,
    pub(crate) stored_us: u64,
}

impl Record {
    pub(crate) fn new(meta: &ChunkMeta, bytes: u64, stored_us: u64) -> Self {
        Self {
            name: meta.name.clone(),
            seq: meta.seq,
            epoch: meta.epoch,
            bytes,
            duration_us: meta.duration_us,
            wall_us: meta.wall_us,
            hash: HEXLOWER.encode(&meta.hash),
            stored_us,
        }
    }

    /// Reads a line; `None` for one that no writer wrote, whose name could lead out of the spool for example.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let record: Self = serde_json::from_slice(line).ok()?;
        (check_chunk_name(&record.name).is_ok() && record.within_bounds()).then_some(record)
    }

    /// Whether all numbers are such as a chunk may have.
    pub(crate) fn within_bounds(&self) -> bool {
        let numbers = [
            self.seq,
            self.epoch,
            self.duration_us,
            self.wall_us,
            self.stored_us,
        ];
        self.bytes <= MAX_CHUNK_LEN && numbers.iter().all(|number| *number <= MAX_NUMBER)
    }

    /// The line, with its end.
    pub(crate) fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("numbers and strings always encode");
        line.push(b'\n');
        line
    }

    /// Whether this is the same chunk of the same broadcast.
    pub(crate) fn same_broadcast(&self, seq: u64, wall_us: u64) -> bool {
        self.seq == seq && self.wall_us == wall_us
    }

    pub(crate) fn pending(&self, spool: &Path) -> PendingChunk {
        PendingChunk {
            name: self.name.clone(),
            seq: self.seq,
            epoch: self.epoch,
            bytes: self.bytes,
            duration_us: self.duration_us,
            wall_us: self.wall_us,
            stored_us: self.stored_us,
            path: spool.join(&self.name),
        }
    }
}

/// Sorts as chunks are shown: by time on air, which within a broadcast is the order of `seq`.
pub(crate) fn sort_for_showing(chunks: &mut [PendingChunk]) {
    chunks.sort_by(|a, b| (a.wall_us, a.seq, &a.name).cmp(&(b.wall_us, b.seq, &b.name)));
}
