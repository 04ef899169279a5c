//! What `peer status --json` and `server status --json` say, as a script reads it.

use std::net::SocketAddr;

use serde::Deserialize;

/// A peer.
#[derive(Clone, Debug, Deserialize)]
pub struct Status {
    /// 64 hexadecimal digits.
    pub identity: String,
    /// `joining`, `full`, `running`, `repairing`, `leaving`.
    pub state: String,
    /// The channel.
    pub channel: u32,
    /// The authority that is followed; 0: none yet.
    pub epoch: u64,
    /// Most children.
    pub fan_out: u16,
    /// The UDP address.
    pub listen: SocketAddr,
    /// The process.
    pub pid: i32,
    /// Since the start.
    pub uptime_ms: u64,
    /// The chunk that the origin sends now.
    pub seq_on_air: Option<u64>,
    /// By stripe: who sends it.
    pub stripes: Vec<Stripe>,
    /// Whom this peer sends to.
    pub children: Vec<Child>,
    /// All bytes of the links.
    pub bytes_sent: u64,
    /// All bytes of the links.
    pub bytes_received: u64,
    /// Blocks since the start.
    pub blocks: Blocks,
    /// Chunks since the start.
    pub chunks: Chunks,
    /// Repairs since the start.
    pub repairs: Repairs,
    /// What waits to be shown.
    pub pending: Pending,
}

/// The other end of a link.
#[derive(Clone, Debug, Deserialize)]
pub struct Neighbour {
    /// Its identity.
    pub peer: String,
    /// Where it is.
    pub addr: SocketAddr,
    /// The round trip.
    pub rtt_us: Option<u64>,
}

/// One stripe of a peer.
#[derive(Clone, Debug, Deserialize)]
pub struct Stripe {
    /// Its number.
    pub stripe: u8,
    /// Who sends it.
    pub parent: Option<Neighbour>,
    /// Who would.
    pub backup: Option<Neighbour>,
    /// Hops from the origin.
    pub depth: u16,
    /// Payload bytes from this parent.
    pub bytes: u64,
}

/// A peer that is served.
#[derive(Clone, Debug, Deserialize)]
pub struct Child {
    /// Its identity.
    pub peer: String,
    /// Where it is.
    pub addr: SocketAddr,
    /// What it is sent.
    pub stripes: Vec<u8>,
    /// The same, in bytes.
    pub sent: Vec<SentStripe>,
}

/// What a child was sent.
#[derive(Clone, Debug, Deserialize)]
pub struct SentStripe {
    /// The stripe.
    pub stripe: u8,
    /// Payload bytes.
    pub bytes: u64,
}

/// Blocks since the start.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Blocks {
    /// Right ones.
    pub verified: u64,
    /// Wrong ones.
    pub refused: u64,
    /// Given back by parity.
    pub restored: u64,
    /// There already.
    pub duplicate: u64,
    /// Lost with their chunks.
    pub missing: u64,
    /// Given to links.
    pub sent: u64,
}

/// Chunks since the start.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Chunks {
    /// Whole and verified.
    pub complete: u64,
    /// Lost.
    pub missing: u64,
    /// On the disk, now or before.
    pub stored: u64,
    /// Whole, but not on the disk.
    pub not_stored: u64,
    /// Gone for newer ones.
    pub evicted: u64,
    /// Whether the disk is full now.
    pub disk_full: bool,
}

/// Repairs since the start.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Repairs {
    /// How many.
    pub total: u64,
    /// The latest.
    pub latest: Vec<Repair>,
}

/// One repair.
#[derive(Clone, Debug, Deserialize)]
pub struct Repair {
    /// What happened to the parent.
    pub cause: String,
    /// The stripe.
    pub stripe: u8,
    /// How long it took.
    pub ms: u64,
}

/// What waits to be shown.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Pending {
    /// How many files.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The first of them.
    pub files: Vec<PendingFile>,
}

/// A file that waits.
#[derive(Clone, Debug, Deserialize)]
pub struct PendingFile {
    /// Its name in the spool.
    pub name: String,
    /// The chunk's number.
    pub seq: u64,
    /// Its length.
    pub bytes: u64,
    /// How long it plays.
    pub duration_ms: u64,
    /// How long it has been there.
    pub age_ms: u64,
}

/// An origin.
#[derive(Clone, Debug, Deserialize)]
pub struct OriginStatus {
    /// Its process.
    pub pid: i32,
    /// Its identity in the forest.
    pub identity: String,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Its channels.
    pub channels: Vec<OriginChannel>,
}

/// A channel of an origin.
#[derive(Clone, Debug, Deserialize)]
pub struct OriginChannel {
    /// Its number.
    pub channel: u32,
    /// The authority.
    pub epoch: u64,
    /// What is on air.
    pub seq_on_air: Option<u64>,
    /// The last chunk that was published whole.
    pub last_published_seq: Option<u64>,
    /// Chunks that fell due and were not published.
    pub chunks_left_out: u64,
}

impl Status {
    /// Whether every stripe has a parent.
    pub fn is_whole(&self) -> bool {
        !self.stripes.is_empty() && self.stripes.iter().all(|stripe| stripe.parent.is_some())
    }

    /// Whether it sends anything to anybody.
    pub fn is_interior(&self) -> bool {
        self.children.iter().any(|child| !child.stripes.is_empty())
    }
}
