//! The root's tick: the pulse of a stripe, its freshness, and the reason why no stripe can hold a cycle.

use serde::{Deserialize, Serialize};

/// A counter that only the channel's root raises, once a heartbeat, and that travels down every stripe's tree.
///
/// **Loop freedom.** In each stripe a node's tick never falls, and it grows only through its parent. A node commits
/// itself to a new parent only if the parent's tick is then *strictly* newer than its own, which it holds still while it
/// asks. So along every link the parent's tick is never older than the child's. Suppose a commit closed a cycle: then the
/// new parent already was below the committing node, and its tick was not newer: a contradiction. The argument is that
/// of sequence-numbered distance vectors (DSDV, SIGCOMM 1994; Babel, RFC 8966 section 3.5) with the counter alone. It
/// holds at every instant and for any delays, with no path to carry and nothing to re-check.
///
/// An orphan's tick stands still, and so do those of all below it; everybody else's is newer one heartbeat later. So the
/// rule costs a repair at most about one heartbeat.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Serialize, Deserialize,
)]
pub struct Tick {
    /// The uninterrupted authority over the channel that the tick belongs to. 0: never heard from a root.
    pub epoch: u64,
    /// Counts the root's heartbeats within the epoch, from 1.
    pub count: u64,
}

/// How far the broadcast has come at the root, told with each tick: what a node may expect to have, or to be sent soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Progress {
    /// The epoch that this progress belongs to.
    pub epoch: u64,
    /// The chunk that is being sent (or was sent last).
    pub seq: u64,
    /// How many of that chunk's rows were sent.
    pub rows: u32,
    /// The first chunk of this epoch: older ones that nobody has were never broadcast in it.
    pub first_seq: u64,
}
