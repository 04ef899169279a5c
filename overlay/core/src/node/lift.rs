//! Interior nodes must sit above leaves, or they form a chain: how a peer that will be interior in a stripe gets the place
//! of one that is a leaf in it, make before break, and without ever serving more peers than the fan-out allows.

use crate::id::PeerId;
use crate::io::Cause;
use crate::tick::Tick;
use crate::time::Span;
use crate::wire::{Candidate, Message};

use super::Node;
use super::serve::Request;

/// How long a place is kept for a peer that was promised it: the leaf's move takes a few round trips and a tick.
const RESERVED_FOR: Span = Span::ms(800);

impl Node {
    /// A child that is a leaf in this stripe and prefers another one: it loses nothing by going one level down.
    pub(super) fn leaf_to_displace(&self, newcomer: PeerId, stripe: u8) -> Option<PeerId> {
        let is_primary_here = self.primary == Some(stripe) || self.is_root();
        if !is_primary_here {
            return None;
        }
        self.children.of_stripe(stripe).find(|child| {
            *child != newcomer
                && self.links.get(child).is_some_and(|link| {
                    link.primary != Some(stripe)
                        && link
                            .reports
                            .get(&stripe)
                            .is_none_or(|report| report.size <= 1)
                })
        })
    }

    /// Interior nodes must sit above leaves, or they form a chain: a leaf is asked to go below the newcomer.
    pub(super) fn displace_leaf_for(&mut self, newcomer: PeerId, stripe: u8) {
        let over = if self.is_root() {
            self.stripe_load(stripe) > usize::from(self.config.params.root_children_per_stripe)
        } else {
            self.children.load() > self.budget()
        };
        let Some(link) = self.links.get(&newcomer) else {
            return;
        };
        if !over || link.primary != Some(stripe) || !link.reachable {
            return;
        }
        let place = Candidate {
            contact: link.contact,
            cost: self.depth(stripe) + 1,
            places: 1,
        };
        if let Some(leaf) = self.leaf_to_displace(newcomer, stripe) {
            self.send(
                leaf,
                Message::Move {
                    stripe,
                    candidates: vec![place],
                },
            );
        }
    }

    /// All places are taken, one of them by a leaf, and the asker, who has a parent elsewhere, would be interior: the leaf
    /// is asked to go below the asker, the place is kept for it, and it is called when the place is free.
    pub(super) fn swap_in(&mut self, peer: PeerId, request: &Request) {
        let stripe = request.stripe;
        let Some(link) = self.links.get(&peer) else {
            return;
        };
        let rooted = request.tick != Tick::default();
        if !rooted
            || request.urgent
            || request.primary != Some(stripe)
            || !link.reachable
            || link.fan_out < 2
        {
            return;
        }
        let below = Candidate {
            contact: link.contact,
            cost: self.depth(stripe) + 1,
            places: 1,
        };
        let only_here = |child: PeerId| {
            self.children
                .iter()
                .any(|(id, stripes)| id == child && stripes.len() == 1)
        };
        if let Some(leaf) = self
            .leaf_to_displace(peer, stripe)
            .filter(|leaf| only_here(*leaf))
        {
            self.reserved = Some((peer, stripe, self.now + RESERVED_FOR));
            self.send(
                leaf,
                Message::Move {
                    stripe,
                    candidates: vec![below],
                },
            );
        }
    }

    /// All places are taken, and a newcomer without any parent would serve others: a child that serves nobody gives up its
    /// place, and is told to turn to the newcomer. For some round trips it lacks its stripes, and then gets what it missed
    /// out of a window. It goes only for somebody who gives more than it does, so nobody is pushed about in circles.
    /// Returns whether a child went.
    pub(super) fn replace_idle_child(&mut self, newcomer: PeerId) -> bool {
        let gives = |peer: PeerId| {
            self.links
                .get(&peer)
                .is_some_and(|link| link.reachable && link.fan_out > 0)
        };
        if !gives(newcomer) {
            return false;
        }
        let idle = self
            .children
            .iter()
            .find(|(child, _)| !gives(*child))
            .map(|(child, stripes)| (child, stripes.clone()));
        let (Some((child, stripes)), Some(contact)) = (idle, self.contact_of(newcomer)) else {
            return false;
        };
        for stripe in stripes {
            let place = Candidate {
                contact,
                cost: self.depth(stripe) + 1,
                places: 1,
            };
            self.detached(child, stripe);
            self.send(
                child,
                Message::Drop {
                    stripe,
                    cause: Cause::Evicted,
                    candidates: vec![place],
                },
            );
        }
        true
    }

    /// A place became free: whom it is kept for is called.
    pub(super) fn call_reserved(&mut self) {
        let Some((peer, stripe, until)) = self.reserved else {
            return;
        };
        if self.now >= until || !self.links.contains_key(&peer) {
            self.reserved = None;
        } else if self.has_place_for(peer) {
            let nowhere = std::net::SocketAddr::from(([0, 0, 0, 0], 0));
            let here = crate::id::Contact {
                id: self.config.id,
                addr: nowhere,
            };
            let place = Candidate {
                contact: here,
                cost: self.depth(stripe) + 1,
                places: 1,
            };
            self.send(
                peer,
                Message::Redirect {
                    stripe,
                    refusal: None,
                    candidates: vec![place],
                },
            );
        }
    }

    /// This node as a place for a peer that will be interior: there is a leaf that can go below it.
    pub(super) fn own_lift(&self, stripe: u8) -> Option<Candidate> {
        let rooted = self.stripes[usize::from(stripe)].parent.is_some();
        let asker = self.config.id;
        if !rooted
            || !self.reachable
            || self.leaving.is_some()
            || self.leaf_to_displace(asker, stripe).is_none()
        {
            return None;
        }
        let nowhere = std::net::SocketAddr::from(([0, 0, 0, 0], 0));
        let contact = crate::id::Contact {
            id: self.config.id,
            addr: nowhere,
        };
        Some(Candidate {
            contact,
            cost: self.depth(stripe).saturating_add(1),
            places: 1,
        })
    }

    /// The best such nodes below this one, as its children report them.
    pub(super) fn lifts_below(&self, stripe: u8) -> Vec<Candidate> {
        let children = self
            .children
            .of_stripe(stripe)
            .filter_map(|child| self.links.get(&child)?.reports.get(&stripe));
        let mut lifts: Vec<Candidate> = children
            .flat_map(|report| report.lifts.iter().copied())
            .collect();
        lifts.sort_by_key(|place| (place.cost, place.contact));
        lifts
    }
}
