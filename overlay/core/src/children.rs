//! The peers that a node serves, and the limit on their number that holds at every instant.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::PeerId;

/// A node's children: by peer, the stripes that it is served in.
#[derive(Debug)]
pub struct Children {
    limit: usize,
    table: BTreeMap<PeerId, BTreeSet<u8>>,
}

impl Children {
    /// No children yet, `limit` of them at most.
    pub fn new(limit: u16) -> Self {
        Self {
            limit: usize::from(limit),
            table: BTreeMap::new(),
        }
    }

    /// Whether `peer` could be served in one more stripe without breaking the limit.
    pub fn has_place_for(&self, peer: PeerId) -> bool {
        self.table.contains_key(&peer) || self.table.len() < self.limit
    }

    /// Peers that could be added.
    pub fn places(&self) -> usize {
        self.limit.saturating_sub(self.table.len())
    }

    /// Serves `peer` in `stripe`. The caller has checked [`Self::has_place_for`].
    pub fn add(&mut self, peer: PeerId, stripe: u8) {
        assert!(
            self.has_place_for(peer),
            "a child is added only after its place was checked"
        );
        self.table.entry(peer).or_default().insert(stripe);
    }

    /// Stops serving `peer` in `stripe`. Returns whether it was served in it.
    pub fn remove(&mut self, peer: PeerId, stripe: u8) -> bool {
        let Some(stripes) = self.table.get_mut(&peer) else {
            return false;
        };
        let was = stripes.remove(&stripe);
        if stripes.is_empty() {
            self.table.remove(&peer);
        }
        was
    }

    /// Stops serving `peer`. Returns the stripes that it was served in.
    pub fn remove_all(&mut self, peer: PeerId) -> BTreeSet<u8> {
        self.table.remove(&peer).unwrap_or_default()
    }

    /// Whether `peer` is served in `stripe`.
    pub fn serves(&self, peer: PeerId, stripe: u8) -> bool {
        self.table
            .get(&peer)
            .is_some_and(|stripes| stripes.contains(&stripe))
    }

    /// Whether `peer` is served at all.
    pub fn contains(&self, peer: PeerId) -> bool {
        self.table.contains_key(&peer)
    }

    /// The children in `stripe`, in the order of their identities.
    pub fn of_stripe(&self, stripe: u8) -> impl Iterator<Item = PeerId> + '_ {
        self.table
            .iter()
            .filter(move |(_, stripes)| stripes.contains(&stripe))
            .map(|(peer, _)| *peer)
    }

    /// All children with their stripes.
    pub fn iter(&self) -> impl Iterator<Item = (PeerId, &BTreeSet<u8>)> + '_ {
        self.table.iter().map(|(peer, stripes)| (*peer, stripes))
    }

    /// How many peers are served.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether nobody is served.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// How many (peer, stripe) pairs are served: the load.
    pub fn load(&self) -> usize {
        self.table.values().map(BTreeSet::len).sum()
    }
}
