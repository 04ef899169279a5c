//! The spool: a directory of chunk files between the peer, which stores them, and the player, which shows and
//! deletes them. Two processes, one [`Writer`] and any number of [`Reader`]s.
//!
//! `SPOOL/` holds nothing but whole chunk files. `SPOOL/.treecast/` holds what belongs to the peer: `index.jsonl`
//! (one line a stored chunk, see docs/protocols/media.md), `tmp/` (files being written), `lock`, and whatever
//! the peer keeps there itself. A chunk is **pending** while a regular file of the length in its index line is
//! there; nothing else is ever deleted.
//!
//! A file gets its name only when it is whole. Nothing is flushed to the platter: after a power cut files shorter
//! than their line are removed and can be fetched again.
//!
//! This crate must never know about peers, links, codecs, or whether what it stores was verified.

mod dirs;
mod error;
mod index;
mod reader;
mod record;
mod writer;

pub use dirs::state_dir;
pub use error::StoreError;
pub use reader::Reader;
pub use record::{ChunkMeta, PendingChunk};
pub use writer::{Put, Writer};

/// Most chunks that wait in a spool, whatever its limit in bytes: 36 hours at two seconds each (a guess). The
/// oldest goes when there are more.
pub const MAX_PENDING: usize = 65_536;

/// How many chunks that were shown, evicted or deleted a spool remembers, so that none of them comes back after
/// a restart: 2.3 hours at two seconds each (a guess; a peer's window is seconds long).
pub const MAX_REMEMBERED: usize = 4_096;
