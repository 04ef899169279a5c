//! Chunks to try things on.

use bytes::Bytes;
use media_model::{ChunkDraft, Coding, SigningKey};

/// The origin of these tests.
pub(crate) fn key() -> SigningKey {
    SigningKey::from_bytes(&[42; 32])
}

/// A chunk of a film, number `seq`.
pub(crate) fn draft(seq: u64, coding: Coding) -> ChunkDraft {
    ChunkDraft {
        channel: 3,
        epoch: 7,
        seq,
        name: format!("film_{seq:05}.mkv"),
        wall_time_us: 1_800_000_000_000_000 + seq * 2_000_000,
        duration_us: 2_000_000,
        coding,
    }
}

/// `len` bytes without a pattern that would hide an exchange of blocks.
pub(crate) fn content(len: usize, seed: u64) -> Bytes {
    let mut bytes = vec![0; len];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes.into()
}
