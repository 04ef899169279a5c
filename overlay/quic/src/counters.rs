//! What a channel has done so far, and how its links are: figures for status, dashboards and checkers.

use std::net::SocketAddr;

use overlay_core::{Facts, PeerId};
use serde::Serialize;

/// Sums since the channel was opened here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Bytes of UDP payload sent on the channel's links: QUIC packets, acknowledgements and repetitions included,
    /// without UDP and IP headers.
    pub udp_bytes_sent: u64,
    /// The same, received.
    pub udp_bytes_received: u64,
    /// Payload bytes of blocks given to links.
    pub block_bytes_sent: u64,
    /// Payload bytes of blocks that were new and verified.
    pub block_bytes_received: u64,
    /// Blocks given to links.
    pub blocks_sent: u64,
    /// Blocks that were new and verified.
    pub blocks_verified: u64,
    /// Blocks, spans and streams that do not verify or are not the protocol; each has cost its link.
    pub blocks_refused: u64,
    /// Blocks that parity gave back.
    pub blocks_restored: u64,
    /// Blocks that were there already.
    pub blocks_duplicate: u64,
    /// Data blocks that chunks lacked when they left the window unfinished, as far as their rows were known.
    pub blocks_missing: u64,
    /// Streams that were refused because what they carry is old or here.
    pub streams_unwanted: u64,
    /// Times that a child was too far behind and was set to a later chunk.
    pub children_behind: u64,
    /// Pulls that were not answered because too many of the same link were being answered.
    pub pulls_dropped: u64,
    /// Chunks whose data was complete and had the signed hash.
    pub chunks_whole: u64,
    /// Whole chunks that the consumer did not take before they left the window.
    pub chunks_not_taken: u64,
    /// Chunks whose data was complete, but had another hash than the origin signed: the origin is broken.
    pub chunks_broken: u64,
    /// Payload bytes in the window now.
    pub window_bytes: u64,
}

/// One link, now.
#[derive(Debug, Clone, Serialize)]
pub struct LinkFacts {
    /// Who.
    pub id: PeerId,
    /// Where.
    pub addr: SocketAddr,
    /// Whether this end dialled.
    pub dialed: bool,
    /// The smoothed round trip, microseconds.
    pub rtt_us: u64,
    /// Payload bytes of blocks given to it, by stripe.
    pub block_bytes_sent: Vec<u64>,
    /// Payload bytes of blocks from it that were new and verified, by stripe.
    pub block_bytes_received: Vec<u64>,
    /// UDP payload bytes sent on it.
    pub udp_bytes_sent: u64,
    /// UDP payload bytes received on it.
    pub udp_bytes_received: u64,
    /// Packets sent on it.
    pub packets_sent: u64,
    /// Packets of these that were lost.
    pub packets_lost: u64,
}

/// A channel as this process sees it.
#[derive(Debug, Clone, Serialize)]
pub struct ChannelFacts {
    /// What the state machine knows.
    #[serde(flatten)]
    pub forest: Facts,
    /// Every link, parents, children and idle ones, in the order of identities.
    pub links: Vec<LinkFacts>,
    /// Sums.
    pub counters: Counters,
}
