//! What the node tells about itself: the first word to a peer, and a snapshot for people, scripts and checkers.

use std::net::SocketAddr;

use crate::id::PeerId;
use crate::stats::{ChildFacts, Facts, StripeFacts};
use crate::time::Time;
use crate::wire::{Hello, VERSION};

use super::Node;

impl Node {
    /// What to say first to a peer that is seen at `observed`.
    pub fn hello(&self, observed: SocketAddr) -> Hello {
        Hello {
            version: VERSION,
            channel: self.config.channel,
            incarnation: self.config.incarnation,
            fan_out: self.config.fan_out,
            reachable: self.reachable,
            root: self.is_root(),
            primary: self.primary,
            lacking: self.lacking_stripe(),
            observed,
            data: self.config.data,
            parity: self.config.parity,
            progress: self.ledger.progress(),
            newest_whole: self.ledger.newest_whole(),
        }
    }

    /// The stripes, for whoever looks often.
    pub fn stripe_facts(&self) -> Vec<StripeFacts> {
        let contact = |id: PeerId| self.links.get(&id).map(|link| link.contact);
        let rtt = |id: PeerId| self.links.get(&id).and_then(|link| link.rtt_us);
        let stripes = self.stripes.iter().enumerate();
        let facts = stripes.map(|(s, stripe)| StripeFacts {
            stripe: s as u8,
            parent: stripe.parent.and_then(contact),
            rtt_us: stripe.parent.and_then(rtt),
            backup: stripe.backup,
            depth: stripe.depth,
            tick: stripe.tick,
            size: self.subtree_size(s as u8),
        });
        facts.collect()
    }

    /// A snapshot for people, scripts and checkers.
    pub fn facts(&self, now: Time) -> Facts {
        let children = self.children.iter().filter_map(|(id, stripes)| {
            let link = self.links.get(&id)?;
            Some(ChildFacts {
                id,
                addr: link.contact.addr,
                stripes: stripes.iter().copied().collect(),
                rtt_us: link.rtt_us,
            })
        });
        let idle = self
            .links
            .iter()
            .filter(|(id, _)| !self.is_active(**id))
            .map(|(_, link)| link.contact);
        let _ = now;
        Facts {
            id: self.config.id,
            channel: self.config.channel,
            epoch: self.epoch,
            fan_out: self.config.fan_out,
            reachable: self.reachable,
            primary: self.primary,
            data: self.config.data,
            parity: self.config.parity,
            progress: self.ledger.progress(),
            leaving: self.leaving.is_some(),
            stripes: self.stripe_facts(),
            children: children.collect(),
            idle_links: idle.collect(),
            repairs: self.repairs.clone(),
            repairs_total: self.repairs_total,
            chunks_whole: self.ledger.whole_total,
            chunks_missed: self.ledger.missed_total,
            messages_sent: self.messages_sent,
        }
    }

    /// The parent in a stripe, for checkers that look after every event.
    pub fn parent(&self, stripe: u8) -> Option<PeerId> {
        self.stripes
            .get(usize::from(stripe))
            .and_then(|stripe| stripe.parent)
    }

    /// How many peers are served now, for checkers.
    pub fn child_count(&self) -> usize {
        self.children.len()
    }

    /// Whether `peer` is served in `stripe`, for checkers.
    pub fn serves(&self, peer: PeerId, stripe: u8) -> bool {
        self.children.serves(peer, stripe)
    }

    /// Whether every child has said that it has chunk `seq`, or a later one, whole.
    pub fn children_have(&self, seq: u64) -> bool {
        self.children.iter().all(|(child, _)| {
            let link = self.links.get(&child);
            link.is_none_or(|link| link.newest_whole.is_some_and(|newest| newest >= seq))
        })
    }

    /// The newest chunk that is whole here: where a newcomer would start.
    pub fn newest_whole(&self) -> Option<u64> {
        self.ledger.newest_whole()
    }
}
