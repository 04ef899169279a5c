//! What a running origin says about itself: plain values for people and scripts.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use overlay_core::ChildFacts;
use overlay_quic::{Counters, Root};
use serde::Serialize;
use serde_json::Value;

/// All of a running origin.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    /// Its process.
    pub(crate) pid: u32,
    /// Where it listens.
    pub(crate) listen: String,
    /// Its identity in the forest.
    pub(crate) identity: String,
    /// Since when, seconds.
    pub(crate) uptime_s: u64,
    /// In the order of the configuration.
    pub(crate) channels: Vec<ChannelStatus>,
    /// What the ways out beside the forest say, by their names.
    #[serde(flatten)]
    pub(crate) outlets: BTreeMap<&'static str, Value>,
}

/// One channel.
#[derive(Debug, Serialize)]
pub(crate) struct ChannelStatus {
    /// Its number.
    pub(crate) channel: u32,
    /// What it broadcasts.
    pub(crate) source: String,
    /// What a viewer types; absent until it is on air.
    pub(crate) invite: Option<String>,
    /// Its place in the broadcast.
    #[serde(flatten)]
    pub(crate) air: Air,
    /// Its place in the forest; absent until it is on air.
    #[serde(flatten)]
    pub(crate) forest: Option<ForestStatus>,
}

/// Where a channel's broadcast stands.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Air {
    /// The authority.
    pub(crate) epoch: u64,
    /// The chunk that is on air.
    pub(crate) seq_on_air: Option<u64>,
    /// The last chunk that was published whole.
    pub(crate) last_published_seq: Option<u64>,
    /// Its file name on the channel.
    pub(crate) last_published_name: Option<String>,
    /// Chunks published since the start.
    pub(crate) chunks_published: u64,
    /// Bytes of these.
    pub(crate) chunk_bytes: u64,
    /// Chunks that fell due and were not published.
    pub(crate) chunks_left_out: u64,
    /// Chunks of the loop that are there; absent for a live input.
    pub(crate) loop_chunks: Option<usize>,
    /// Whether the loop is all there; absent for a live input.
    pub(crate) loop_complete: Option<bool>,
    /// What went wrong last, if it still matters.
    pub(crate) problem: Option<String>,
}

/// A channel's root in the forest.
#[derive(Debug, Serialize)]
pub(crate) struct ForestStatus {
    /// Peers at most that the origin serves itself.
    max_direct_peers: u16,
    /// Those that it serves now.
    direct_peers: Vec<ChildFacts>,
    /// UDP payload bytes sent on the channel since the start.
    bytes_sent: u64,
    /// The same, received.
    bytes_received: u64,
    /// All other sums.
    counters: Counters,
}

impl ForestStatus {
    /// From the forest's own facts.
    pub(crate) fn of(root: &Root) -> Self {
        let facts = root.facts();
        Self {
            max_direct_peers: facts.forest.fan_out,
            direct_peers: facts.forest.children,
            bytes_sent: facts.counters.udp_bytes_sent,
            bytes_received: facts.counters.udp_bytes_received,
            counters: facts.counters,
        }
    }
}

/// A channel's board: its task writes on it, the status command reads it.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<Air>);

impl Board {
    /// Changes it.
    pub(crate) fn write(&self, change: impl FnOnce(&mut Air)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// A copy.
    pub(crate) fn read(&self) -> Air {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
