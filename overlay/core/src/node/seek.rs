//! The node as a child: the search for a parent in each stripe, make before break.
//!
//! A search asks one candidate at a time and follows redirects. While a candidate has our tick, the tick stands still
//! (see `tick.rs`): that is the whole price of never having a cycle.

use rand::Rng;

use crate::id::{Contact, PeerId};
use crate::io::{Bootstrap, Cause, Event, Output};
use crate::stripe::{Asking, MAX_ASKED, Purpose, Search};
use crate::time::Span;
use crate::wire::{Candidate, Message, Refusal};

use super::{MAX_DIALS, Node};

/// What a candidate costs more for every other stripe that we already take from it: the failure of one peer should cost
/// one stripe, which parity restores.
const SAME_PARENT_COST: u16 = 6;
/// What a candidate costs more if a link must be made first, in a repair: a round trip or two.
const DIAL_COST: u16 = 3;
/// How long a dial may take before the next candidate is asked; the dial itself goes on. A far peer's three round trips.
const DIAL_PATIENCE: Span = Span::ms(800);
/// How long a planned search may hold the tick still: then those below would take the stripe for broken.
const PLANNED_PATIENCE: Span = Span::ms(300);
/// Cost of peers that are known but not as good places.
const KNOWN_COST: u16 = 20;

impl Node {
    /// Asks the next address of the invite.
    pub(super) fn bootstrap(&mut self) {
        if self.config.bootstrap.is_empty()
            || self.now < self.next_bootstrap
            || self.leaving.is_some()
        {
            return;
        }
        let turn = self.bootstrap_turn % self.config.bootstrap.len();
        self.bootstrap_turn += 1;
        let Bootstrap { id, addr } = self.config.bootstrap[turn];
        self.next_bootstrap = self.now + self.backoff(self.bootstrap_failures);
        if id.is_some_and(|id| self.links.contains_key(&id)) {
            return;
        }
        self.dial(id, addr);
    }

    pub(super) fn dial(&mut self, peer: Option<PeerId>, addr: std::net::SocketAddr) -> bool {
        let known = self
            .dials
            .iter()
            .any(|(at, whom)| *at == addr || (peer.is_some() && *whom == peer));
        if known {
            return true;
        }
        if self.dials.len() >= MAX_DIALS || self.links.len() >= self.config.params.max_links {
            return false;
        }
        self.dials.push((addr, peer));
        self.push(Output::Dial { peer, addr });
        true
    }

    fn backoff(&mut self, failures: u32) -> Span {
        let (min, max) = (
            self.config.params.retry_min.0,
            self.config.params.retry_max.0,
        );
        let ceiling = min.saturating_mul(1 << failures.min(10)).min(max);
        Span(self.rng.random_range(ceiling / 2..=ceiling))
    }

    /// A random pause of 1 to 2 times `span`.
    pub(super) fn jittered(&mut self, span: Span) -> Span {
        Span(self.rng.random_range(span.0..=span.0 * 2))
    }

    pub(super) fn dial_failed(
        &mut self,
        peer: Option<PeerId>,
        addr: std::net::SocketAddr,
        cause: Cause,
    ) {
        self.dials
            .retain(|(at, whom)| *at != addr && (peer.is_none() || *whom != peer));
        if peer.is_some_and(|peer| self.links.contains_key(&peer)) {
            // Another link to it came first.
            return;
        }
        let is_bootstrap = self.config.bootstrap.iter().any(|entry| entry.addr == addr);
        if let Some(peer) = peer {
            if !is_bootstrap {
                self.book.avoid(self.now, peer, self.config.params.avoid);
            }
            for stripe in &mut self.stripes {
                stripe
                    .alternates
                    .retain(|candidate| candidate.contact.id != peer);
                stripe.backup = stripe.backup.filter(|backup| backup.id != peer);
            }
            for stripe in 0..self.stripes.len() {
                if self.stripes[stripe].asking() == Some(peer) {
                    self.next_candidate(stripe as u8);
                }
            }
        }
        if is_bootstrap && self.links.is_empty() {
            self.bootstrap_failures += 1;
            let pause = self.backoff(self.bootstrap_failures);
            self.next_bootstrap = self.now + pause;
            self.push(Output::Event(Event::Unreachable {
                addr,
                cause,
                retry_ms: pause.as_ms(),
            }));
        }
    }

    /// Starts the searches that are wanted now: for stripes without a parent, and for those whose parent is suspected.
    pub(super) fn start_searches(&mut self) {
        if self.is_root() || self.leaving.is_some() {
            return;
        }
        for stripe in 0..self.stripes.len() as u8 {
            let state = &self.stripes[usize::from(stripe)];
            if state.search.is_some() || self.now < state.next_try {
                continue;
            }
            match state.parent {
                None => self.search(stripe, Purpose::Need, state.orphaned.is_some(), Vec::new()),
                Some(parent) if self.links.get(&parent).is_some_and(|link| link.suspected) => {
                    self.search(stripe, Purpose::Need, true, Vec::new());
                }
                Some(_) => {}
            }
        }
    }

    /// Begins a search in a stripe, unless one for a stronger reason runs.
    pub(super) fn search(
        &mut self,
        stripe: u8,
        purpose: Purpose,
        urgent: bool,
        candidates: Vec<Candidate>,
    ) {
        let state = &mut self.stripes[usize::from(stripe)];
        if let Some(search) = &mut state.search {
            if purpose != Purpose::Improve {
                search.offer(candidates);
                if purpose == Purpose::Need {
                    search.purpose = Purpose::Need;
                    search.urgent |= urgent;
                }
            }
            return;
        }
        let mut search = Search::new(purpose, urgent, self.now);
        search.offer(candidates);
        state.search = Some(search);
        if purpose == Purpose::Need {
            self.offer_known(stripe);
        } else if purpose == Purpose::Asked {
            self.offer_parents(stripe);
        }
        self.next_candidate(stripe);
    }

    /// Puts everybody that we know into a search: the backup, the alternates, our other parents, all links.
    pub(super) fn offer_known(&mut self, stripe: u8) {
        let state = &self.stripes[usize::from(stripe)];
        let mut known: Vec<Candidate> = Vec::new();
        let depth_of = |peer: PeerId| {
            self.stripes
                .iter()
                .filter(|other| other.parent == Some(peer))
                .map(|other| other.depth)
                .min()
                .unwrap_or(KNOWN_COST)
        };
        known.extend(state.backup.map(|contact| Candidate {
            contact,
            cost: 0,
            places: 1,
        }));
        known.extend(state.alternates.iter().copied());
        let links = self
            .links
            .values()
            .filter(|link| !link.suspected && !self.children.serves(link.contact.id, stripe));
        known.extend(links.map(|link| {
            let cost = if link.root && !self.stripes.iter().any(|stripe| stripe.parent.is_some()) {
                // A newcomer asks the root first: it knows the shape of the whole forest.
                0
            } else {
                depth_of(link.contact.id)
            };
            Candidate {
                contact: link.contact,
                cost,
                places: 0,
            }
        }));
        let bootstrap = self.config.bootstrap.iter().filter_map(|entry| {
            let contact = Contact {
                id: entry.id?,
                addr: entry.addr,
            };
            Some(Candidate {
                contact,
                cost: KNOWN_COST,
                places: 0,
            })
        });
        known.extend(bootstrap);
        if let Some(search) = &mut self.stripes[usize::from(stripe)].search {
            search.offer(known);
        }
    }

    /// Puts our parents in other stripes into a search: they have a place for us already.
    fn offer_parents(&mut self, stripe: u8) {
        let parents: Vec<Candidate> = self
            .stripes
            .iter()
            .filter_map(|other| {
                Some(Candidate {
                    contact: self.contact_of(other.parent?)?,
                    cost: other.depth,
                    places: 1,
                })
            })
            .collect();
        if let Some(search) = &mut self.stripes[usize::from(stripe)].search {
            search.offer(parents);
        }
    }

    /// How many distinct parents we may have: as many peers as we serve ourselves, and one at least. Places are what a
    /// forest runs out of; whoever brings few takes few, and its links carry more stripes each.
    pub(super) fn parent_limit(&self) -> usize {
        let gives = if self.reachable {
            usize::from(self.config.fan_out)
        } else {
            1
        };
        gives.clamp(1, self.stripes.len().max(1))
    }

    /// Whether taking `stripe` from `peer`, too, keeps us within the number of parents that we may have.
    fn may_take_from(&self, peer: PeerId, stripe: u8) -> bool {
        let mut parents: Vec<PeerId> = Vec::new();
        for (s, state) in self.stripes.iter().enumerate() {
            let asking = state.asking().filter(|_| {
                state
                    .search
                    .as_ref()
                    .is_some_and(|search| search.purpose == Purpose::Need)
            });
            // A suspected parent is on its way out, and so is the one that this search replaces.
            let parent = state.parent.filter(|parent| {
                s != usize::from(stripe)
                    && !self.links.get(parent).is_some_and(|link| link.suspected)
            });
            parents.extend(
                parent
                    .into_iter()
                    .chain(asking.filter(|_| s != usize::from(stripe))),
            );
        }
        parents.sort_unstable();
        parents.dedup();
        // A planned move may take one more for a while: it often is the first of several stripes that go the same way.
        let planned = self.stripes[usize::from(stripe)]
            .search
            .as_ref()
            .is_some_and(|search| search.purpose == Purpose::Asked);
        parents.contains(&peer) || parents.len() < self.parent_limit() + usize::from(planned)
    }

    fn cost_of(&self, candidate: &Candidate, stripe: u8, urgent: bool) -> u16 {
        let peer = candidate.contact.id;
        let others = self.stripes.iter().enumerate().filter(|(s, other)| {
            *s != usize::from(stripe)
                && (other.parent == Some(peer) || other.asking() == Some(peer))
        });
        let dial = if self.links.contains_key(&peer) {
            0
        } else {
            DIAL_COST
        };
        let shared = if urgent { 1 } else { SAME_PARENT_COST };
        let root_first = self.links.get(&peer).is_some_and(|link| link.root)
            && !self.stripes.iter().any(|s| s.parent.is_some());
        if root_first {
            return 0;
        }
        candidate
            .cost
            .saturating_add(shared.saturating_mul(others.count() as u16))
            .saturating_add(dial)
    }

    /// Asks the best candidate that is left, or ends the search.
    pub(super) fn next_candidate(&mut self, stripe: u8) {
        loop {
            let state = &self.stripes[usize::from(stripe)];
            let Some(search) = &state.search else { return };
            let urgent = search.urgent;
            let planned = search.purpose != Purpose::Need;
            if planned && self.now.since(search.started) > PLANNED_PATIENCE {
                self.search_exhausted(stripe);
                return;
            }
            // Who has no parent at all was perhaps stopped itself, and everybody's silence was its own.
            let alone = urgent && self.distinct_parents() == 0;
            let eligible = |candidate: &&Candidate| {
                let peer = candidate.contact.id;
                let suspected = self.links.get(&peer).is_some_and(|link| link.suspected);
                peer != self.config.id
                    && state.parent != Some(peer)
                    && !suspected
                    && !self.children.serves(peer, stripe)
                    && (alone || !self.book.avoids(self.now, peer))
                    && self.may_take_from(peer, stripe)
            };
            let best = search
                .queue
                .iter()
                .filter(eligible)
                .min_by_key(|candidate| {
                    (
                        self.cost_of(candidate, stripe, urgent),
                        candidate.contact.id,
                    )
                });
            let best = best.copied().filter(|_| search.asked.len() < MAX_ASKED);
            let Some(candidate) = best else {
                let waits = !search.hedged.is_empty();
                if waits {
                    if let Some(search) = &mut self.stripes[usize::from(stripe)].search {
                        search.asking = None;
                    }
                } else {
                    self.search_exhausted(stripe);
                }
                return;
            };
            let peer = candidate.contact.id;
            let linked = self.links.contains_key(&peer);
            let patience = if linked {
                self.config.params.attach_timeout
            } else {
                DIAL_PATIENCE
            };
            let deadline = self.now + patience;
            let dialled = linked || self.dial(Some(peer), candidate.contact.addr);
            let Some(search) = &mut self.stripes[usize::from(stripe)].search else {
                return;
            };
            search.queue.retain(|queued| queued.contact.id != peer);
            search.asked.push(peer);
            if !dialled {
                // No more dials for now.
                search.asking = None;
                continue;
            }
            search.asking = Some(Asking {
                peer,
                deadline,
                sent: false,
            });
            if linked {
                self.send_attach(peer, stripe);
            }
            return;
        }
    }

    fn send_attach(&mut self, peer: PeerId, stripe: u8) {
        let desperate = self.stripes.iter().all(|stripe| stripe.parent.is_none());
        let want = self.ledger.want(stripe);
        let rtt = self
            .links
            .get(&peer)
            .and_then(|link| link.rtt_us)
            .unwrap_or(0);
        let hedge = Span(self.config.params.hedge_after.0 + 2 * rtt);
        let timeout = self.config.params.attach_timeout;
        let state = &mut self.stripes[usize::from(stripe)];
        let Some(search) = &mut state.search else {
            return;
        };
        let deadline = self.now
            + if search.urgent {
                hedge.min(timeout)
            } else {
                timeout
            };
        search.asking = Some(Asking {
            peer,
            deadline,
            sent: true,
        });
        let (tick, urgent, primary) = (state.tick, search.urgent, self.primary);
        self.send(
            peer,
            Message::Attach {
                stripe,
                tick,
                urgent,
                primary,
                desperate,
                want,
            },
        );
    }

    fn search_exhausted(&mut self, stripe: u8) {
        let state = &mut self.stripes[usize::from(stripe)];
        let Some(search) = &mut state.search else {
            return;
        };
        search.asking = None;
        if search.purpose == Purpose::Need && !search.urgent {
            search.urgent = true;
            search.asked.clear();
            self.offer_known(stripe);
            self.next_candidate(stripe);
            return;
        }
        let purpose = search.purpose;
        state.search = None;
        let parent_lives = state
            .parent
            .and_then(|parent| self.links.get(&parent))
            .is_some_and(|link| !link.suspected);
        if parent_lives {
            // The parent that was to be replaced goes on: nothing is broken any more.
            state.orphaned = None;
        }
        if purpose != Purpose::Need {
            state.improve_failures = (state.improve_failures + 1).min(6);
            return;
        }
        state.failures += 1;
        let failures = state.failures;
        let pause = self.backoff(failures);
        self.stripes[usize::from(stripe)].next_try = self.now + pause;
        // Somebody in the invite may know more than those whom we asked.
        self.bootstrap();
        let lacking = self
            .stripes
            .iter()
            .filter(|stripe| stripe.parent.is_none())
            .count();
        if lacking > usize::from(self.config.parity) && failures.is_power_of_two() {
            self.push(Output::Event(Event::Full {
                stripes_lacking: lacking as u8,
                retry_ms: pause.as_ms(),
            }));
        }
    }

    /// A link has come up: whoever waited for it asks now; and a stripe without any search begins one.
    pub(super) fn searches_link_up(&mut self, peer: PeerId) {
        for stripe in 0..self.stripes.len() as u8 {
            let state = &self.stripes[usize::from(stripe)];
            let waits = state
                .search
                .as_ref()
                .and_then(|search| search.asking)
                .is_some_and(|a| a.peer == peer && !a.sent);
            if self.stripes[usize::from(stripe)]
                .seeking
                .is_some_and(|(whom, _)| whom == peer)
            {
                self.send(peer, Message::Seek { stripe });
            }
            let state = &self.stripes[usize::from(stripe)];
            if waits {
                self.send_attach(peer, stripe);
            } else if state.parent.is_none() && state.search.is_none() {
                self.stripes[usize::from(stripe)].next_try = self.now;
            }
        }
        self.start_searches();
    }

    /// Ends the waiting for candidates that do not answer. In an urgent search the next one is asked soon, and the first
    /// may still accept for a while: one dead candidate must not cost a repair its time.
    pub(super) fn expire_searches(&mut self) {
        let (now, timeout) = (self.now, self.config.params.attach_timeout);
        for stripe in 0..self.stripes.len() as u8 {
            let Some(search) = &mut self.stripes[usize::from(stripe)].search else {
                continue;
            };
            let mut late: Vec<PeerId> = search
                .hedged
                .iter()
                .filter(|(_, until)| *until <= now)
                .map(|(peer, _)| *peer)
                .collect();
            search.hedged.retain(|(_, until)| *until > now);
            let expired = search.asking.filter(|asking| asking.deadline <= now);
            if let Some(asking) = expired {
                search.asking = None;
                if asking.sent && search.urgent {
                    search.hedged.push((asking.peer, now + timeout));
                } else if asking.sent {
                    late.push(asking.peer);
                }
            }
            let go_on = expired.is_some() || (!late.is_empty() && search.asking.is_none());
            for peer in late {
                // Should it accept after all, it hears that it is too late.
                self.send(peer, Message::Detach { stripe });
            }
            if go_on {
                self.next_candidate(stripe);
            }
        }
    }

    pub(super) fn redirected(
        &mut self,
        peer: PeerId,
        stripe: u8,
        refusal: Option<Refusal>,
        candidates: Vec<Candidate>,
    ) {
        if refusal == Some(Refusal::Evicted) {
            self.book
                .avoid(self.now, peer, Span(self.config.params.avoid.0 * 10));
        }
        if refusal.is_none() {
            let mut candidates = candidates;
            // A place at the sender itself comes without its address.
            if let Some(contact) = self.contact_of(peer) {
                for candidate in candidates
                    .iter_mut()
                    .filter(|candidate| candidate.contact.id == peer)
                {
                    candidate.contact = contact;
                }
            }
            self.sought(peer, stripe, candidates);
            return;
        }
        let state = &mut self.stripes[usize::from(stripe)];
        let Some(search) = &mut state.search else {
            return;
        };
        search.offer(candidates);
        let asked_it = search
            .asking
            .is_some_and(|asking| asking.peer == peer && asking.sent);
        let hedged_it = search.hedged.iter().any(|(id, _)| *id == peer);
        search.hedged.retain(|(id, _)| *id != peer);
        if asked_it || (hedged_it && search.asking.is_none()) {
            search.asking = None;
            self.next_candidate(stripe);
        }
    }
}
