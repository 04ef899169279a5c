//! Slow work: backups, what parents and children are told, better places, surplus load, probes, unused links, leaving.

use rand::seq::{IndexedRandom, SliceRandom};

use crate::id::{Contact, PeerId};
use crate::io::{Cause, Event, Output};
use crate::stripe::Purpose;
use crate::time::Span;
use crate::wire::{Candidate, MAX_CANDIDATES, Message};

use super::Node;
use super::serve::{NOT_PRIMARY_COST, merge};

/// How long a primary that was suggested to a newcomer counts before a report counts it.
const PROMISE_FOR: Span = Span::ms(2_000);
/// Suggestions remembered at most.
const MAX_PROMISES: usize = 64;
/// Peers asked, one above the other, for one better place: more than any tree is deep.
const SEEK_STEPS: u8 = 8;
/// Vain looks for a better place double the pause until the next, so often at most: about a minute.
const MAX_IMPROVE_FAILURES: u32 = 6;
/// A place that is this much deeper than ours is no improvement, however unshared its giver. A guess.
const IMPROVE_SLACK: u16 = 3;

impl Node {
    pub(super) fn upkeep(&mut self) {
        while self
            .promised
            .front()
            .is_some_and(|(at, _)| self.now.since(*at) > PROMISE_FOR)
        {
            self.promised.pop_front();
        }
        if self.leaving.is_some() {
            return;
        }
        self.choose_primary();
        self.choose_backups();
        self.improve();
        self.consolidate();
        self.relieve();
        self.ask_for_probe();
        self.close_unused();
    }

    /// The stripe with the fewest interior nodes below us: what a newcomer is told to prefer.
    pub(super) fn lacking_stripe(&self) -> Option<u8> {
        let promised =
            |stripe: u8| self.promised.iter().filter(|(_, s)| *s == stripe).count() as u32;
        (0..self.stripes.len() as u8)
            .min_by_key(|stripe| (self.subtree_interior(*stripe) + promised(*stripe), *stripe))
    }

    /// Remembers that a newcomer was told to prefer the stripe that lacked interior nodes most.
    pub(super) fn promise_primary(&mut self) {
        if let Some(stripe) = self.lacking_stripe() {
            if self.promised.len() == MAX_PROMISES {
                self.promised.pop_front();
            }
            self.promised.push_back((self.now, stripe));
        }
    }

    fn choose_primary(&mut self) {
        let stripes: Vec<u8> = (0..self.stripes.len() as u8).collect();
        if self.primary.is_none() && !self.is_root() && self.config.fan_out > 0 {
            self.primary = stripes.choose(&mut self.rng).copied();
        }
    }

    /// Looks for a better place for one stripe: where one parent gives us several although we may have more parents, or
    /// else one nearer to the root, above all where we are interior.
    fn improve(&mut self) {
        if self.is_root() {
            return;
        }
        let may_spread = self.distinct_parents() < self.parent_limit();
        let mut options: Vec<(bool, bool, usize)> = (0..self.stripes.len())
            .filter(|s| {
                let state = &self.stripes[*s];
                state.parent.is_some() && state.search.is_none() && self.now >= state.next_improve
            })
            .map(|s| {
                (
                    may_spread && self.shares_parent(s as u8),
                    self.primary == Some(s as u8),
                    s,
                )
            })
            .filter(|(shared, _, s)| *shared || self.place_cost(*s as u8) > 1)
            .collect();
        options.shuffle(&mut self.rng);
        let Some((_, _, stripe)) = options
            .into_iter()
            .max_by_key(|(shared, primary, _)| (*primary, *shared))
        else {
            return;
        };
        let failures = self.stripes[stripe].improve_failures;
        let pause = self.jittered(Span(self.config.params.improve_every.0 << failures));
        self.stripes[stripe].next_improve = self.now + pause;
        self.stripes[stripe].improve_failures = (failures + 1).min(MAX_IMPROVE_FAILURES);
        let state = &self.stripes[stripe];
        // Whoever sits outside our parent's part of the tree knows places that our parent does not.
        let ask = state
            .backup
            .map(|backup| backup.id)
            .filter(|peer| self.links.contains_key(peer))
            .or(state.parent);
        let ask = ask.and_then(|peer| self.contact_of(peer));
        if let Some(contact) = ask {
            self.seek(stripe as u8, contact, SEEK_STEPS);
        }
    }

    /// Asks a peer for places; if it knows none, it names its parent, which is asked next, `steps` times at most.
    pub(super) fn seek(&mut self, stripe: u8, contact: Contact, steps: u8) {
        self.stripes[usize::from(stripe)].seeking = Some((contact.id, steps));
        if self.links.contains_key(&contact.id) {
            self.send(contact.id, Message::Seek { stripe });
        } else if steps == 0 || !self.dial(Some(contact.id), contact.addr) {
            self.stripes[usize::from(stripe)].seeking = None;
        }
    }

    /// The answer to `Seek`: a better place is tried, or the next peer towards the root is asked.
    pub(super) fn sought(&mut self, peer: PeerId, stripe: u8, candidates: Vec<Candidate>) {
        let above = candidates
            .iter()
            .rev()
            .find(|candidate| candidate.places == 0)
            .map(|candidate| candidate.contact);
        let steps = self.stripes[usize::from(stripe)]
            .seeking
            .take()
            .filter(|(id, _)| *id == peer)
            .map(|(_, steps)| steps);
        let better = self.improvements(stripe, candidates);
        let state = &self.stripes[usize::from(stripe)];
        if state.parent.is_none() || state.search.is_some() {
            return;
        }
        if !better.is_empty() {
            self.search(stripe, Purpose::Improve, false, better);
        } else if let (Some(above), Some(steps)) =
            (above, steps.and_then(|steps| steps.checked_sub(1)))
            && above.id != self.config.id
        {
            self.seek(stripe, above, steps);
        }
    }

    /// What the place that we have would cost as a candidate: its depth, and more if its giver is no interior node there.
    fn place_cost(&self, stripe: u8) -> u16 {
        let state = &self.stripes[usize::from(stripe)];
        let parent = state.parent.and_then(|parent| self.links.get(&parent));
        let interior = parent.is_none_or(|link| link.root || link.primary == Some(stripe));
        state
            .depth
            .saturating_add(if interior { 0 } else { NOT_PRIMARY_COST })
    }

    fn shares_parent(&self, stripe: u8) -> bool {
        let parent = self.stripes[usize::from(stripe)].parent;
        parent.is_some()
            && self
                .stripes
                .iter()
                .filter(|other| other.parent == parent)
                .count()
                > 1
    }

    /// Candidates for an improvement that would really be one.
    fn improvements(&self, stripe: u8, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
        let depth = self.place_cost(stripe);
        let spread = self.shares_parent(stripe) && self.distinct_parents() < self.parent_limit();
        candidates.retain(|candidate| {
            let other = !self.is_parent(candidate.contact.id);
            candidate.places > 0
                && (candidate.cost < depth
                    || (spread && other && candidate.cost <= depth + IMPROVE_SLACK))
        });
        candidates
    }

    /// Above the budget, one child is asked to take one stripe elsewhere: where a place is known.
    fn relieve(&mut self) {
        if self.now < self.next_relief {
            return;
        }
        let limit = usize::from(self.config.params.root_children_per_stripe);
        let over = |stripe: u8| {
            if self.is_root() {
                self.children.of_stripe(stripe).count() > limit
            } else {
                self.children.load() > self.budget()
            }
        };
        let mut options: Vec<(bool, u32, u8, PeerId)> = Vec::new();
        for (child, stripes) in self.children.iter() {
            let Some(link) = self.links.get(&child) else {
                continue;
            };
            for &stripe in stripes.iter().filter(|stripe| over(**stripe)) {
                let size = link.reports.get(&stripe).map_or(1, |report| report.size);
                options.push((self.primary == Some(stripe), size, stripe, child));
            }
        }
        if options.is_empty() {
            self.relief_failures = 0;
            return;
        }
        // Any leaf in a stripe that is not our primary; which one, chance decides, so that a vain try is not repeated.
        options.shuffle(&mut self.rng);
        options.sort_by_key(|(primary, size, _, _)| (*primary, *size));
        let load = self.children.load();
        if load < self.relief_load {
            self.relief_failures = 0;
        }
        self.relief_load = load;
        let pause = self.jittered(Span(
            self.config.params.improve_every.0 << self.relief_failures,
        ));
        self.next_relief = self.now + pause;
        self.relief_failures = (self.relief_failures + 1).min(MAX_IMPROVE_FAILURES);
        for (_, _, stripe, child) in options {
            let mut candidates = self.places_below(stripe);
            // Those above us see more of the tree: they refuse, and name places that we do not know.
            let state = &self.stripes[usize::from(stripe)];
            let above = state.parent.and_then(|parent| self.contact_of(parent));
            merge(
                &mut candidates,
                above.map(|contact| Candidate {
                    contact,
                    cost: state.depth,
                    places: 0,
                }),
            );
            candidates.retain(|candidate| {
                candidate.contact.id != child && candidate.contact.id != self.config.id
            });
            candidates.truncate(MAX_CANDIDATES);
            if let Some(first) = candidates.first().copied() {
                self.send(child, Message::Move { stripe, candidates });
                self.move_along(child, stripe, first);
                return;
            }
        }
    }

    /// A child that may have few parents goes with all that it takes from us, to one place: one stripe at a time would
    /// take a place in many nodes for a single stripe each, and places are what a forest of small fan-outs runs out of.
    fn move_along(&mut self, child: PeerId, moved: u8, place: Candidate) {
        let few = self
            .links
            .get(&child)
            .is_some_and(|link| usize::from(link.fan_out) < self.stripes.len());
        if !few || place.places == 0 {
            return;
        }
        let taken = self.children.iter().find(|(id, _)| *id == child);
        let others: Vec<u8> = taken
            .into_iter()
            .flat_map(|(_, stripes)| stripes.iter().copied())
            .filter(|s| *s != moved)
            .collect();
        for stripe in others {
            self.send(
                child,
                Message::Move {
                    stripe,
                    candidates: vec![place],
                },
            );
        }
    }

    /// More parents than we may have, after planned moves: the one that gives least is given up for those we keep.
    fn consolidate(&mut self) {
        if self.distinct_parents() <= self.parent_limit() {
            return;
        }
        let gives = |parent: PeerId| {
            self.stripes
                .iter()
                .filter(|stripe| stripe.parent == Some(parent))
                .count()
        };
        let free = (0..self.stripes.len())
            .filter(|s| self.stripes[*s].search.is_none() && self.stripes[*s].parent.is_some());
        let least = free.min_by_key(|s| self.stripes[*s].parent.map(gives));
        if let Some(stripe) = least {
            self.search(stripe as u8, Purpose::Asked, false, Vec::new());
        }
    }

    fn ask_for_probe(&mut self) {
        if self.reachable {
            return;
        }
        let linked: Vec<PeerId> = self.links.keys().copied().collect();
        if let Some(peer) = linked.choose(&mut self.rng).copied() {
            self.send(peer, Message::ProbeMe);
        }
    }

    /// Has somebody dial `peer` whom it is not linked to, as far as we can tell.
    pub(super) fn probe_asked(&mut self, peer: PeerId) {
        let Some(contact) = self.contact_of(peer) else {
            return;
        };
        let others: Vec<PeerId> = self
            .links
            .iter()
            .filter(|(id, link)| **id != peer && !link.root)
            .map(|(id, _)| *id)
            .collect();
        if let Some(other) = others.choose(&mut self.rng).copied() {
            self.send(other, Message::Probe { contact });
        }
    }

    pub(super) fn probe(&mut self, contact: Contact) {
        if contact.id != self.config.id && !self.links.contains_key(&contact.id) {
            self.dial(Some(contact.id), contact.addr);
        }
    }

    /// Closes links that we dialled and have no use for; the other end's uses are links that it dialled.
    fn close_unused(&mut self) {
        let mut unused = Vec::new();
        let ids: Vec<PeerId> = self.links.keys().copied().collect();
        for peer in ids {
            let wanted = self.is_active(peer)
                || self
                    .stripes
                    .iter()
                    .any(|s| s.backup.is_some_and(|b| b.id == peer) || s.asking() == Some(peer))
                || (!self.is_root() && self.distinct_parents() == 0);
            let Some(link) = self.links.get_mut(&peer) else {
                continue;
            };
            if wanted {
                link.used = self.now;
            } else if link.dialed && self.now.since(link.used) > self.config.params.linger {
                unused.push(peer);
            }
        }
        for peer in unused {
            self.close(peer, Cause::Idle);
        }
    }

    /// Says goodbye: children are handed over first, parents are told last.
    pub(super) fn leave(&mut self) {
        if self.leaving.is_some() {
            return;
        }
        self.leaving = Some(self.now);
        for stripe in &mut self.stripes {
            stripe.search = None;
        }
        for deferred in std::mem::take(&mut self.deferred) {
            let (stripe, refusal) = (deferred.request.stripe, crate::wire::Refusal::Leaving);
            self.send(
                deferred.peer,
                Message::Redirect {
                    stripe,
                    refusal: Some(refusal),
                    candidates: Vec::new(),
                },
            );
        }
        let farewells: Vec<_> = self
            .children
            .iter()
            .map(|(child, stripes)| {
                let lists: Vec<_> = stripes
                    .iter()
                    .map(|&stripe| (stripe, self.alternates_for(child, stripe).0))
                    .collect();
                (child, lists)
            })
            .collect();
        for (child, candidates) in farewells {
            self.send(child, Message::Leaving { candidates });
        }
        self.finish_leave_if_done();
    }

    pub(super) fn finish_leave_if_done(&mut self) {
        let Some(since) = self.leaving else { return };
        let patience_over = self.now.since(since) >= self.config.params.leave_patience;
        if self.left || !(self.children.is_empty() || self.is_root() || patience_over) {
            return;
        }
        self.left = true;
        for stripe in 0..self.stripes.len() as u8 {
            if let Some(parent) = self.stripes[usize::from(stripe)].parent.take() {
                self.send(parent, Message::Detach { stripe });
            }
        }
        for peer in std::mem::take(&mut self.links).into_keys() {
            for stripe in self.children.remove_all(peer) {
                self.push(Output::StopServing { peer, stripe });
            }
            self.push(Output::Close {
                peer,
                cause: Cause::Leaving,
            });
        }
        self.push(Output::Event(Event::Left));
    }
}
