//! Who is better not asked for a while.

use std::collections::BTreeMap;

use crate::id::PeerId;
use crate::time::{Span, Time};

/// Peers that are remembered as better avoided; beyond it the one whose time ends first is forgotten. A guess.
pub const MAX_AVOIDED: usize = 256;

/// Peers to avoid, each with the end of its time.
#[derive(Debug, Default)]
pub struct Book {
    avoided: BTreeMap<PeerId, Time>,
}

impl Book {
    /// Does not ask `peer` for `span` from `now`.
    pub fn avoid(&mut self, now: Time, peer: PeerId, span: Span) {
        self.avoided.retain(|_, until| *until > now);
        if self.avoided.len() >= MAX_AVOIDED {
            let first = self
                .avoided
                .iter()
                .min_by_key(|(_, until)| **until)
                .map(|(peer, _)| *peer);
            if let Some(first) = first {
                self.avoided.remove(&first);
            }
        }
        self.avoided.insert(peer, now + span);
    }

    /// Whether `peer` is better not asked now.
    pub fn avoids(&self, now: Time, peer: PeerId) -> bool {
        self.avoided.get(&peer).is_some_and(|until| *until > now)
    }

    /// It is fine again: it answered.
    pub fn forgive(&mut self, peer: PeerId) {
        self.avoided.remove(&peer);
    }
}
