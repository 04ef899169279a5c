//! What a node knows about itself, for status, menus, dashboards and checkers. Plain values, no decisions.

use std::collections::VecDeque;
use std::net::SocketAddr;

use serde::Serialize;

use crate::id::{Contact, PeerId};
use crate::io::Cause;
use crate::tick::{Progress, Tick};

/// Repairs that are remembered in detail; the count goes on.
pub const MAX_REPAIRS: usize = 256;

/// A stripe as this node sees it.
#[derive(Debug, Clone, Serialize)]
pub struct StripeFacts {
    /// The stripe.
    pub stripe: u8,
    /// Who sends it to us.
    pub parent: Option<Contact>,
    /// That link's round trip, microseconds.
    pub rtt_us: Option<u64>,
    /// Who would send it if the parent failed.
    pub backup: Option<Contact>,
    /// Our depth in its tree; the root's is 0.
    pub depth: u16,
    /// Our tick in it.
    #[serde(skip)]
    pub tick: Tick,
    /// Peers in our part of its tree, ourselves included.
    pub size: u32,
}

/// A child of this node.
#[derive(Debug, Clone, Serialize)]
pub struct ChildFacts {
    /// Who.
    pub id: PeerId,
    /// Where.
    pub addr: SocketAddr,
    /// The stripes that we serve it in.
    pub stripes: Vec<u8>,
    /// The link's round trip, microseconds.
    pub rtt_us: Option<u64>,
}

/// A repair that was needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RepairFacts {
    /// What had happened to the parent.
    pub cause: Cause,
    /// The stripe.
    pub stripe: u8,
    /// From the old parent's last sign to the new parent's acceptance, milliseconds.
    pub ms: u64,
}

/// A snapshot of a node.
#[derive(Debug, Clone, Serialize)]
pub struct Facts {
    /// Who.
    pub id: PeerId,
    /// The channel.
    pub channel: u32,
    /// The authority that we follow; 0: none yet.
    pub epoch: u64,
    /// The most children that we serve.
    pub fan_out: u16,
    /// Whether others were seen to reach us.
    pub reachable: bool,
    /// The stripe that we prefer to relay.
    pub primary: Option<u8>,
    /// Data stripes.
    pub data: u8,
    /// Parity stripes.
    pub parity: u8,
    /// How far the broadcast has come.
    pub progress: Progress,
    /// Whether we are on our way out.
    pub leaving: bool,
    /// By stripe.
    pub stripes: Vec<StripeFacts>,
    /// By child.
    pub children: Vec<ChildFacts>,
    /// Peers that we are linked to without being their parent or child.
    pub idle_links: Vec<Contact>,
    /// The latest repairs, oldest first.
    pub repairs: VecDeque<RepairFacts>,
    /// Repairs ever.
    pub repairs_total: u64,
    /// Chunks that became whole.
    pub chunks_whole: u64,
    /// Chunks that left the window unfinished.
    pub chunks_missed: u64,
    /// Control messages sent.
    pub messages_sent: u64,
}
