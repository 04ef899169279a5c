//! One simulated process: a state machine, its links, and the blocks that it has.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use overlay_core::{Event, Node, PeerId, Time, Want};

use crate::world::Happening;

/// A block: chunk, row, stripe.
pub(crate) type Key = (u64, u32, u8);

/// One simulated process.
#[derive(Debug)]
pub struct Sim {
    pub(crate) node: Node,
    pub(crate) fan_out: u16,
    pub(crate) addr: SocketAddr,
    pub(crate) alive: bool,
    pub(crate) paused: bool,
    /// Input that came while it was paused.
    pub(crate) held: Vec<Happening>,
    pub(crate) links: BTreeMap<PeerId, u64>,
    /// The blocks of the window, in the order of their keys.
    pub(crate) have: BTreeSet<Key>,
    pub(crate) whole: BTreeSet<u64>,
    pub(crate) spans: BTreeSet<u64>,
    pub(crate) serving: BTreeMap<(PeerId, u8), Want>,
    pub(crate) timer_at: Option<Time>,
    /// Blocks sent ever.
    pub sent_blocks: u64,
    /// Events for people.
    pub events: Vec<(Time, Event)>,
    pub(crate) low: u64,
    pub(crate) first: Option<u64>,
    pub(crate) rows: u32,
    pub(crate) data: u8,
}

impl Sim {
    /// Its state machine.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Its fan-out.
    pub fn fan_out(&self) -> u16 {
        self.fan_out
    }

    /// Whether the process runs (paused or not).
    pub fn alive(&self) -> bool {
        self.alive
    }

    /// The first row, up to chunk `newest`, that cannot be restored from what is in the window.
    pub fn first_gap(&self, newest: u64) -> Option<(u64, u32)> {
        let first = self.first?.max(self.low);
        (first..=newest)
            .filter(|seq| !self.whole.contains(seq))
            .map(|seq| (seq, 0))
            .next()
    }
}
