//! Whole chunks, for whoever stores them.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use media_model::ChunkAssembler;

use crate::channel::Channel;

/// A chunk of which every byte is here and verified against what the origin signed.
#[derive(Clone)]
pub struct WholeChunk {
    /// The authority that signed it.
    pub epoch: u64,
    /// Its number on the channel.
    pub seq: u64,
    /// Its file name, checked by [`media_model::check_chunk_name`].
    pub name: String,
    /// When it is on air: microseconds since the Unix epoch.
    pub wall_time_us: u64,
    /// How long it plays, microseconds.
    pub duration_us: u64,
    /// BLAKE3 of all of it.
    pub hash: [u8; 32],
    /// Bytes.
    pub len: u64,
    /// The bytes in order, shared with the window: no copy is made.
    pub parts: Vec<Bytes>,
}

impl fmt::Debug for WholeChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "WholeChunk({} #{} of epoch {}, {} bytes)",
            self.name, self.seq, self.epoch, self.len
        )
    }
}

/// Gives whole chunks, in the order in which they became whole.
///
/// Nothing is queued for a slow consumer and nothing waits for it: a chunk stays in the window until it is taken; if it
/// leaves the window first (about 20 s later), it is counted in [`crate::Counters::chunks_not_taken`] and never given. One
/// consumer a channel: two would share the chunks between them.
pub struct ChunkReceiver {
    channel: Arc<Channel>,
}

impl ChunkReceiver {
    pub(crate) fn new(channel: Arc<Channel>) -> Self {
        Self { channel }
    }

    /// The next whole chunk; `None` after the channel was closed and everything was taken. Cancel-safe.
    pub async fn recv(&mut self) -> Option<WholeChunk> {
        loop {
            let (chunk, closed) = self.channel.take_whole();
            if chunk.is_some() || closed {
                return chunk;
            }
            self.channel.whole.notified().await;
        }
    }
}

/// Data blocks that a chunk lacks, as far as its rows are known.
pub(crate) fn missing_blocks(chunk: &ChunkAssembler) -> u64 {
    let data = chunk.coding().data();
    let lacking = |row| chunk.missing(row).filter(|stripe| *stripe < data).count() as u64;
    (0..chunk.end_row()).map(lacking).sum()
}
