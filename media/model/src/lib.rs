//! What is broadcast, as pure data: chunks, spans, rows, blocks, parity, Merkle proofs and signatures.
//!
//! A **chunk** (one file of about two seconds) is covered by consecutive **spans**, each a run of **rows** under
//! one signed Merkle root. A row is K data **blocks** and M parity blocks; block `s` of every row travels in
//! **stripe** `s`. Any K blocks of a row give the whole row.
//!
//! This crate does no I/O, has no clock and no randomness of its own, and must never know about peers, links,
//! files or codecs. Everything that arrives from outside is checked against the bounds below before anything is
//! allocated for it. The bytes of every wire form are written down in `docs/protocols/media.md`.

mod assemble;
mod block;
mod chunk;
mod coding;
mod encode;
mod geometry;
mod key;
mod merkle;
mod name;
mod parity;
mod span;
mod verify;

pub use assemble::{Inserted, RestoreError, SpanAssembler};
pub use block::{Block, BlockHead, FRAME_HEAD_LEN, HeadError};
pub use chunk::{AddedSpan, ChunkAssembler, ChunkError};
pub use coding::{Coding, CodingError};
pub use encode::{ChunkDraft, EncodedSpan, SpanDraft, encode_chunk, encode_span};
pub use geometry::Geometry;
pub use key::{KeyError, OriginKey, SigningKey};
pub use name::{NameError, check_chunk_name};
pub use span::{ChunkEnd, SignedSpan, SpanError, SpanHeader, Unverified};
pub use verify::{BlockError, SpanVerifier};

/// Most payload bytes of one block. overlay.md: a block of 16 KiB takes 10 ms a hop to 8 children at 100 Mb/s.
pub const BLOCK_LEN: usize = 16_384;

/// Most bytes of one chunk: 64 MiB, two seconds at 268 Mb/s (a guess at more than anybody broadcasts).
pub const MAX_CHUNK_LEN: u64 = 64 * 1024 * 1024;

/// Most stripes (data and parity blocks of a row) of a channel. One byte a stripe in the overlay; 16 is a guess
/// at the point where more links cost more than they balance.
pub const MAX_STRIPES: usize = 16;

/// Most data blocks of a row.
pub const MAX_DATA: u8 = 16;

/// Most parity blocks of a row.
pub const MAX_PARITY: u8 = 8;

/// Most bytes of a chunk's file name: below the 255 that every usual file system allows, with room for suffixes
/// of temporary files.
pub const MAX_NAME_LEN: usize = 200;

/// Most rows of one chunk: four times the 4096 rows that [`MAX_CHUNK_LEN`] has at K = 1, so that the short rows
/// of a live chunk fit as well (the factor is a guess).
pub const MAX_CHUNK_ROWS: u32 = 16_384;

/// Longest duration of a chunk in microseconds: 60 s, thirty times the usual (a guess).
pub const MAX_DURATION_US: u64 = 60_000_000;

/// Largest epoch, sequence number and wall time (in microseconds): 2^53, so that JSON readers with doubles keep
/// them exactly and sums of a few of them never overflow.
pub const MAX_NUMBER: u64 = 1 << 53;

/// Bytes of a hash (BLAKE3).
pub const HASH_LEN: usize = 32;

/// Most bytes of a block's proof: the leaves of its row and the path to the root of a span with the most rows
/// (2^14).
pub const MAX_PROOF_LEN: usize = HASH_LEN * (MAX_STRIPES + 14);

/// Bytes of an Ed25519 signature.
pub const SIGNATURE_LEN: usize = 64;

/// Most bytes of an encoded span header: the name and 312 bytes for everything else (at most 9 bytes a number,
/// three hashes' worth of fixed fields).
pub const MAX_HEADER_LEN: usize = 512;

/// Most bytes of an encoded signed span.
pub const MAX_SPAN_LEN: usize = 2 + MAX_HEADER_LEN + SIGNATURE_LEN;

/// A BLAKE3 hash.
pub type Hash = [u8; HASH_LEN];
