//! The node as a parent: who is accepted in which stripe, where others are sent, and when a child goes.
//!
//! Two limits. The fan-out is hard: so many distinct peers, at every instant. The budget is soft: so many stripe links in
//! all, about what the node receives itself; only urgent requests go beyond it, and `upkeep` moves the surplus away.

use crate::id::PeerId;
use crate::io::{Cause, Output};
use crate::tick::Tick;
use crate::time::Span;
use crate::wire::{Candidate, MAX_CANDIDATES, Message, Refusal, Report, Want, names};

use super::{Deferred, MAX_DEFERRED, Node};

/// What a place in a stripe that is not the node's primary costs more, in hops: such a place makes the tree deeper, so it
/// is only taken where no interior node has one. A guess; measured in the simulator.
pub(super) const NOT_PRIMARY_COST: u16 = 4;
/// A child that was too slow this often within `SLOW_MEMORY` is dropped from the stripe. A guess.
const SLOW_LIMIT: u32 = 3;
/// How long slowness is remembered.
const SLOW_MEMORY: Span = Span::ms(30_000);

/// An `Attach`, as it came.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) stripe: u8,
    pub(super) tick: Tick,
    pub(super) urgent: bool,
    pub(super) primary: Option<u8>,
    pub(super) desperate: bool,
    pub(super) want: Want,
}

impl Node {
    pub(super) fn attach(&mut self, peer: PeerId, request: Request) {
        self.deferred
            .retain(|deferred| deferred.peer != peer || deferred.request.stripe != request.stripe);
        let stripe = &self.stripes[usize::from(request.stripe)];
        if self.leaving.is_some() {
            self.refuse(peer, request.stripe, Refusal::Leaving);
        } else if !self.is_root() && (stripe.parent.is_none() || stripe.tick == Tick::default()) {
            self.refuse(peer, request.stripe, Refusal::NotRooted);
        } else if !self.has_room(peer, &request) && !self.make_room(peer, &request) {
            self.refuse(peer, request.stripe, Refusal::Full);
        } else if self.stripes[usize::from(request.stripe)].tick > request.tick {
            self.accept(peer, request);
        } else if self.deferred.len() < MAX_DEFERRED {
            let until = self.now + self.config.params.defer;
            self.deferred.push(Deferred {
                peer,
                request,
                until,
            });
        } else {
            self.refuse(peer, request.stripe, Refusal::NotNewer);
        }
    }

    /// Looks at the waiting requests again: after a tick, and when their time is over.
    pub(super) fn retry_deferred(&mut self) {
        let waiting = std::mem::take(&mut self.deferred);
        for deferred in waiting {
            let stripe = &self.stripes[usize::from(deferred.request.stripe)];
            if stripe.tick > deferred.request.tick {
                self.attach(deferred.peer, deferred.request);
            } else if self.now >= deferred.until {
                self.refuse(deferred.peer, deferred.request.stripe, Refusal::NotNewer);
            } else {
                self.deferred.push(deferred);
            }
        }
    }

    fn accept(&mut self, peer: PeerId, request: Request) {
        let Request {
            stripe,
            primary,
            want,
            ..
        } = request;
        if let Some(link) = self.links.get_mut(&peer) {
            link.primary = primary;
            link.used = self.now;
            // It may have waited here for a newer tick, with nothing to say.
            link.last_heard = self.now;
            link.told_alternates.remove(&stripe);
        }
        if self.reserved.is_some_and(|(whom, _, _)| whom == peer) {
            self.reserved = None;
        }
        self.children.add(peer, stripe);
        let (tick, depth) = (self.stripes[usize::from(stripe)].tick, self.depth(stripe));
        self.send(
            peer,
            Message::Accept {
                stripe,
                tick,
                depth,
                progress: self.ledger.progress(),
            },
        );
        self.push(Output::Serve { peer, stripe, want });
        self.displace_leaf_for(peer, stripe);
        self.tell_alternates();
    }

    fn refuse(&mut self, peer: PeerId, stripe: u8, refusal: Refusal) {
        let candidates = self.candidates_for(peer, stripe);
        self.send(
            peer,
            Message::Redirect {
                stripe,
                refusal: Some(refusal),
                candidates,
            },
        );
    }

    pub(super) fn seek_asked(&mut self, peer: PeerId, stripe: u8) {
        let mut candidates = self.candidates_for(peer, stripe);
        if let Some(contact) = self.stripes[usize::from(stripe)]
            .parent
            .and_then(|parent| self.contact_of(parent))
        {
            candidates.truncate(MAX_CANDIDATES - 1);
            candidates.push(Candidate {
                contact,
                cost: self.depth(stripe),
                places: 0,
            });
        }
        self.send(
            peer,
            Message::Redirect {
                stripe,
                refusal: None,
                candidates,
            },
        );
    }

    /// Stripe links that this node gives without being pressed: what it receives itself. The root has its own measure.
    pub(super) fn budget(&self) -> usize {
        let stripes = self.stripes.len();
        if self.is_root() {
            stripes * usize::from(self.config.params.root_children_per_stripe)
        } else {
            stripes
        }
    }

    pub(super) fn stripe_load(&self, stripe: u8) -> usize {
        self.children.of_stripe(stripe).count()
    }

    /// Whether one more child in this stripe is within the soft limits.
    fn within_budget(&self, stripe: u8) -> bool {
        if self.is_root() {
            self.stripe_load(stripe) < usize::from(self.config.params.root_children_per_stripe)
        } else {
            self.children.load() < self.budget()
        }
    }

    fn has_room(&self, peer: PeerId, request: &Request) -> bool {
        let stripe = request.stripe;
        if self.children.serves(peer, stripe) {
            return true;
        }
        // A newcomer that will be interior here is worth a place above the budget: a leaf goes below it.
        let gives = self
            .links
            .get(&peer)
            .is_some_and(|link| link.reachable && link.fan_out > 1);
        let lifts = request.primary == Some(stripe)
            && gives
            && self.leaf_to_displace(peer, stripe).is_some()
            && self.children.load() <= self.budget();
        // The root's places are for those who pass on what they get, as long as others have places.
        let welcome = !self.is_root() || gives || self.places_below(stripe).is_empty();
        self.has_place_for(peer)
            && (request.urgent || lifts || (welcome && self.within_budget(stripe)))
    }

    /// Whether the fan-out allows `peer`, a place that is kept for somebody else left aside.
    pub(super) fn has_place_for(&self, peer: PeerId) -> bool {
        let kept = self
            .reserved
            .is_some_and(|(whom, _, until)| whom != peer && self.now < until);
        self.children.contains(peer) || self.children.places() > usize::from(kept)
    }

    /// A newcomer without any parent found no place here: a child that takes one stripe only, and has other parents, is
    /// asked to take that stripe from one of them. Its place is free a moment later, when the newcomer asks again. Where
    /// there is no such child, one that serves nobody makes way for a newcomer that will: then there is room at once, and
    /// this returns true.
    fn make_room(&mut self, peer: PeerId, request: &Request) -> bool {
        if self.has_place_for(peer) {
            return false;
        }
        if request.urgent && self.give_up_suspected_child() {
            return self.has_room(peer, request);
        }
        if self.reserved.is_some_and(|(_, _, until)| self.now < until) {
            return false;
        }
        if !request.desperate {
            self.swap_in(peer, request);
            return false;
        }
        let child = self.children.iter().find_map(|(child, stripes)| {
            let others = self.links.get(&child).is_some_and(|link| link.parents > 1);
            (others && stripes.len() == 1).then(|| (child, stripes.iter().next().copied()))
        });
        if let Some((child, Some(stripe))) = child {
            self.send(
                child,
                Message::Move {
                    stripe,
                    candidates: Vec::new(),
                },
            );
            return false;
        }
        self.replace_idle_child(peer) && self.has_room(peer, request)
    }

    /// A child that is suspected keeps its place only as long as nobody needs it at once: the orphans of a dead peer ask
    /// its parent before that gives the dead one up. Should it live, it hears that it must look elsewhere. Returns whether
    /// there was one.
    fn give_up_suspected_child(&mut self) -> bool {
        let suspected = |peer: &PeerId| self.links.get(peer).is_some_and(|link| link.suspected);
        let child = self.children.iter().find(|(child, _)| suspected(child));
        let Some((child, stripes)) = child.map(|(child, stripes)| (child, stripes.clone())) else {
            return false;
        };
        for stripe in stripes {
            self.detached(child, stripe);
            self.send(
                child,
                Message::Drop {
                    stripe,
                    cause: Cause::Lost,
                    candidates: Vec::new(),
                },
            );
        }
        true
    }

    /// Whether `peer` may pull blocks from this node: if it has a place somewhere, or serves us. Who has none would get
    /// the whole channel by pulls, beyond the fan-out of everybody.
    pub(super) fn owes_blocks_to(&self, peer: PeerId) -> bool {
        self.is_active(peer) || self.links.get(&peer).is_some_and(|link| link.parents > 0)
    }

    pub(super) fn depth(&self, stripe: u8) -> u16 {
        self.stripes[usize::from(stripe)].depth
    }

    /// This node's own place in a stripe, if it has one; its address is filled in by its parent.
    pub(super) fn own_place(&self, stripe: u8) -> Option<Candidate> {
        let rooted = self.stripes[usize::from(stripe)].parent.is_some();
        let spare = self.budget().saturating_sub(self.children.load());
        if !rooted
            || !self.reachable
            || self.leaving.is_some()
            || spare == 0
            || self.children.places() == 0
        {
            return None;
        }
        let cost = self.depth(stripe).saturating_add(1)
            + if self.primary == Some(stripe) {
                0
            } else {
                NOT_PRIMARY_COST
            };
        let places = self.children.places().min(spare).min(usize::from(u8::MAX)) as u8;
        let nowhere = std::net::SocketAddr::from(([0, 0, 0, 0], 0));
        Some(Candidate {
            contact: crate::id::Contact {
                id: self.config.id,
                addr: nowhere,
            },
            cost,
            places,
        })
    }

    /// The best places below this node in a stripe, as its children report them.
    pub(super) fn places_below(&self, stripe: u8) -> Vec<Candidate> {
        let mut places: Vec<Candidate> = self
            .children
            .of_stripe(stripe)
            .filter_map(|child| self.links.get(&child)?.reports.get(&stripe))
            .flat_map(|report| report.places.iter().copied())
            .collect();
        places.sort_by_key(|place| (place.cost, place.contact));
        places
    }

    /// Where `peer` should ask next in this stripe.
    fn candidates_for(&mut self, peer: PeerId, stripe: u8) -> Vec<Candidate> {
        let mut candidates = self.places_below(stripe);
        if self
            .links
            .get(&peer)
            .is_some_and(|link| link.primary == Some(stripe) && link.fan_out > 1)
        {
            candidates.extend(self.lifts_below(stripe));
            candidates.sort_by_key(|place| (place.cost, place.contact));
        }
        if candidates.is_empty() {
            // Nobody below reports a place: the children themselves know best, urgent requests may fit there.
            candidates.extend(self.children.of_stripe(stripe).filter_map(|child| {
                let link = self.links.get(&child)?;
                let cost = self.depth(stripe) + 2 + 2 * NOT_PRIMARY_COST;
                (link.reachable && link.fan_out > 0).then_some(Candidate {
                    contact: link.contact,
                    cost,
                    places: 0,
                })
            }));
            candidates.extend(self.stripes[usize::from(stripe)].alternates.iter().copied());
        }
        let asker = self.links.get(&peer).map(|link| link.contact.addr);
        candidates.retain(|candidate| candidate.contact.id != peer && told_to(candidate, asker));
        let mut unique = Vec::new();
        merge(&mut unique, candidates);
        let mut candidates = unique;
        candidates.truncate(MAX_CANDIDATES);
        if let Some(first) = candidates.first().copied() {
            self.note_promise(stripe, first);
        }
        candidates
    }

    /// Until its next report, the place that was told is counted as taken, so that the next asker is sent elsewhere.
    fn note_promise(&mut self, stripe: u8, told: Candidate) {
        for link in self.links.values_mut() {
            let Some(report) = link.reports.get_mut(&stripe) else {
                continue;
            };
            for place in report
                .places
                .iter_mut()
                .filter(|place| place.contact.id == told.contact.id)
            {
                place.places = place.places.saturating_sub(1);
            }
            report.places.retain(|place| place.places > 0);
            report
                .lifts
                .retain(|place| place.contact.id != told.contact.id);
        }
    }

    pub(super) fn detached(&mut self, peer: PeerId, stripe: u8) {
        self.deferred
            .retain(|deferred| deferred.peer != peer || deferred.request.stripe != stripe);
        if self.children.remove(peer, stripe) {
            if let Some(link) = self.links.get_mut(&peer) {
                link.reports.remove(&stripe);
                link.told_alternates.remove(&stripe);
                link.used = self.now;
            }
            self.push(Output::StopServing { peer, stripe });
            self.call_reserved();
        }
        self.finish_leave_if_done();
    }

    pub(super) fn reports(&mut self, peer: PeerId, reports: Vec<Report>) {
        let Some(link) = self.links.get_mut(&peer) else {
            return;
        };
        for mut report in reports {
            if usize::from(report.stripe) >= self.stripes.len()
                || !self.children.serves(peer, report.stripe)
            {
                continue;
            }
            for list in [&mut report.places, &mut report.lifts] {
                for place in list.iter_mut().filter(|place| place.contact.id == peer) {
                    place.contact.addr = link.contact.addr;
                }
                list.retain(|place| {
                    place.contact.addr.port() != 0 && place.contact.id != self.config.id
                });
            }
            link.reports.insert(report.stripe, report);
        }
    }

    pub(super) fn child_slow(&mut self, peer: PeerId, stripe: u8) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&peer) else {
            return;
        };
        link.slow = if now.since(link.slow_at) > SLOW_MEMORY {
            1
        } else {
            link.slow + 1
        };
        link.slow_at = now;
        if link.slow < SLOW_LIMIT || !self.children.serves(peer, stripe) {
            return;
        }
        link.slow = 0;
        let candidates = self.candidates_for(peer, stripe);
        self.detached(peer, stripe);
        self.send(
            peer,
            Message::Drop {
                stripe,
                cause: Cause::TooSlow,
                candidates,
            },
        );
    }

    pub(super) fn subtree_size(&self, stripe: u8) -> u32 {
        let below: u32 = self
            .children
            .of_stripe(stripe)
            .map(|child| {
                self.links
                    .get(&child)
                    .and_then(|link| link.reports.get(&stripe))
                    .map_or(1, |report| report.size)
            })
            .fold(0, u32::saturating_add);
        below.saturating_add(1)
    }

    /// Peers below and including this node that prefer a stripe.
    pub(super) fn subtree_interior(&self, stripe: u8) -> u32 {
        let below = self
            .children
            .of_stripe(stripe)
            .filter_map(|child| self.links.get(&child)?.reports.get(&stripe));
        let own = u32::from(self.primary == Some(stripe));
        below
            .map(|report| report.interior)
            .fold(own, u32::saturating_add)
    }
}

/// Loopback addresses mean something only to those who are on this machine too.
fn told_to(candidate: &Candidate, asker: Option<std::net::SocketAddr>) -> bool {
    !candidate.contact.addr.ip().is_loopback()
        || asker.is_some_and(|asker| asker.ip().is_loopback())
}

/// Keeps the first of each peer.
pub(super) fn merge(into: &mut Vec<Candidate>, more: impl IntoIterator<Item = Candidate>) {
    for candidate in more {
        if into.len() < MAX_CANDIDATES && !names(into, candidate.contact.id) {
            into.push(candidate);
        }
    }
}
