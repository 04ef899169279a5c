//! Another root: this node becomes it, or learns where it is.
//!
//! Whether a node may become the root is decided elsewhere; this file must never know how.

use crate::io::{Bootstrap, Role};
use crate::stripe::Stripe;
use crate::wire::{MAX_STRIPES, Message};

use super::Node;

/// Addresses to ask first that are remembered: the invite's and those of the latest roots. A guess.
const MAX_BOOTSTRAP: usize = 16;

impl Node {
    /// Turns this member into the root. Its children stay where they are: a tick of a higher epoch is newer than any that
    /// they can have, so the rule that keeps stripes free of cycles holds from the first heartbeat on.
    pub(super) fn become_root(&mut self, epoch: u64, data: u8, parity: u8) {
        if self.is_root() || self.leaving.is_some() || epoch <= self.epoch {
            return;
        }
        if self.stripes.is_empty() {
            if data == 0 || usize::from(data) + usize::from(parity) > MAX_STRIPES {
                return;
            }
            self.open_stripes(data, parity);
        }
        self.config.role = Role::Root { epoch };
        self.config.bootstrap.clear();
        self.epoch = epoch;
        self.root_tick = 0;
        self.primary = None;
        self.reachable = true;
        for stripe in 0..self.stripes.len() as u8 {
            let fresh = Stripe::new(self.now);
            let old = std::mem::replace(&mut self.stripes[usize::from(stripe)], fresh);
            let asked = old.search.iter().flat_map(|s| s.asked_and_free_to_accept());
            for peer in asked.chain(old.parent).collect::<Vec<_>>() {
                self.send(peer, Message::Detach { stripe });
            }
        }
        self.tell_standing();
        self.next_beat = self.now;
        self.timer();
    }

    /// Asks for places at the new root's address first.
    pub(super) fn root_moved(&mut self, bootstrap: Bootstrap) {
        if self.is_root() || bootstrap.id == Some(self.config.id) {
            return;
        }
        let known = &mut self.config.bootstrap;
        known.retain(|entry| entry.addr != bootstrap.addr);
        known.insert(0, bootstrap);
        known.truncate(MAX_BOOTSTRAP);
        self.bootstrap_turn = 0;
        self.next_bootstrap = self.now;
        for stripe in &mut self.stripes {
            stripe.next_try = self.now;
        }
        self.bootstrap();
        self.start_searches();
    }

    /// Whether this node is the root, and of which epoch.
    pub fn root_epoch(&self) -> Option<u64> {
        match self.config.role {
            Role::Root { epoch } => Some(epoch),
            Role::Member => None,
        }
    }

    /// Data and parity stripes; none before they are known.
    pub fn coding(&self) -> Option<(u8, u8)> {
        (!self.stripes.is_empty()).then_some((self.config.data, self.config.parity))
    }

    /// The highest epoch that was heard of; 0: none.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
}
