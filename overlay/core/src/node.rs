//! The state machine: its state, its front, and the routing of inputs to the parts under `node/`.
//!
//! - `node/serve.rs`: as a parent: who is accepted, who is sent where; `node/lift.rs`: who takes a leaf's place.
//! - `node/seek.rs`: as a child: the search for a parent in each stripe; `node/parents.rs`: what becomes of parents.
//! - `node/tell.rs`: what parents and children are told.
//! - `node/beat.rs`: time: ticks, heartbeats, suspicion, pulls.
//! - `node/upkeep.rs`: slow work: better places, too much load, probes, leaving.
//! - `node/takeover.rs`: another root: this node, or somebody somewhere else.
//! - `node/facts.rs`: what is told about the node itself.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::book::Book;
use crate::children::Children;
use crate::id::{Contact, PeerId};
use crate::io::{Cause, Config, Event, Input, Output, Role};
use crate::ledger::Ledger;
use crate::link::Link;
use crate::stats::{MAX_REPAIRS, RepairFacts};
use crate::stripe::Stripe;
use crate::tick::{Progress, Tick};
use crate::time::{Span, Time};
use crate::wire::{Hello, MAX_STRIPES, Message};

mod beat;
mod facts;
mod lift;
mod parents;
mod seek;
mod serve;
mod takeover;
mod tell;
mod upkeep;

/// Attach requests that wait for a newer tick: one for every stripe of a few joiners. A guess; more are refused.
const MAX_DEFERRED: usize = 64;
/// Dials under way at once. A joiner needs one a stripe, a repair likewise.
const MAX_DIALS: usize = 32;

/// An `Attach` that waits for this node's tick to become newer than the asker's.
#[derive(Debug)]
struct Deferred {
    peer: PeerId,
    request: serve::Request,
    until: Time,
}

/// The state machine of one node in one channel.
#[derive(Debug)]
pub struct Node {
    config: Config,
    rng: ChaCha8Rng,
    now: Time,
    started: bool,
    links: BTreeMap<PeerId, Link>,
    stripes: Vec<Stripe>,
    children: Children,
    ledger: Ledger,
    book: Book,
    deferred: Vec<Deferred>,
    /// Dials under way: where, whom, since when.
    dials: Vec<(SocketAddr, Option<PeerId>)>,
    out: VecDeque<Output>,
    next_beat: Time,
    next_upkeep: Time,
    next_bootstrap: Time,
    bootstrap_failures: u32,
    bootstrap_turn: usize,
    reachable: bool,
    primary: Option<u8>,
    /// Primaries given to newcomers that no report has counted yet: (when, stripe).
    promised: VecDeque<(Time, u8)>,
    epoch: u64,
    root_tick: u64,
    leaving: Option<Time>,
    left: bool,
    told_standing: (u8, bool, Option<u8>),
    repairs: VecDeque<RepairFacts>,
    repairs_total: u64,
    messages_sent: u64,
    lag_checked: Time,
    next_relief: Time,
    relief_failures: u32,
    relief_load: usize,
    /// A place that is being made free for a child that will be interior: (who, stripe, until when).
    reserved: Option<(PeerId, u8, Time)>,
}

impl Node {
    /// A node that has done nothing yet. Give it `Input::Start`.
    pub fn new(config: Config) -> Self {
        let root = matches!(config.role, Role::Root { .. });
        let epoch = match config.role {
            Role::Root { epoch } => epoch,
            Role::Member => 0,
        };
        let mut node = Self {
            rng: ChaCha8Rng::seed_from_u64(config.seed),
            now: Time::default(),
            started: false,
            links: BTreeMap::new(),
            stripes: Vec::new(),
            children: Children::new(config.fan_out),
            ledger: Ledger::new(config.data, config.parity, &config.params),
            book: Book::default(),
            deferred: Vec::new(),
            dials: Vec::new(),
            out: VecDeque::new(),
            next_beat: Time::default(),
            next_upkeep: Time::default(),
            next_bootstrap: Time::default(),
            bootstrap_failures: 0,
            bootstrap_turn: 0,
            reachable: root,
            primary: None,
            promised: VecDeque::new(),
            epoch,
            root_tick: u64::from(root),
            leaving: None,
            left: false,
            told_standing: (0, root, None),
            repairs: VecDeque::new(),
            repairs_total: 0,
            messages_sent: 0,
            lag_checked: Time::default(),
            next_relief: Time::default(),
            relief_failures: 0,
            relief_load: 0,
            reserved: None,
            config,
        };
        if root {
            node.open_stripes(node.config.data, node.config.parity);
        }
        node
    }

    // Inputs.

    /// Takes one input. Time never goes back; an earlier `now` counts as the latest one seen.
    pub fn handle(&mut self, now: Time, input: Input) {
        self.now = self.now.max(now);
        if self.left {
            return;
        }
        match input {
            Input::Start => self.start(),
            Input::LinkUp {
                peer,
                addr,
                dialed,
                hello,
                direct,
            } => self.link_up(peer, addr, dialed, &hello, direct),
            Input::LinkDown { peer, cause } => self.link_down(peer, cause),
            Input::DialFailed { peer, addr, cause } => self.dial_failed(peer, addr, cause),
            Input::Message { peer, message } => self.message(peer, message),
            Input::Rtt { peer, rtt_us } => {
                if let Some(link) = self.links.get_mut(&peer) {
                    link.measured(rtt_us);
                }
            }
            Input::Span {
                epoch,
                seq,
                rows,
                last,
            } => self.span(epoch, seq, rows, last),
            Input::Heard { peer } => {
                // It may have been a heartbeat ago, when the timer fired last: a death is not noticed later for it.
                self.heard_at(peer, self.now - self.config.params.heartbeat);
            }
            Input::Block {
                seq,
                row,
                stripe,
                from,
            } => self.block(seq, row, stripe, from),
            Input::Whole { seq } => self.ledger.whole(seq),
            Input::ChildSlow { peer, stripe } => self.child_slow(peer, stripe),
            Input::BecomeRoot {
                epoch,
                data,
                parity,
            } => self.become_root(epoch, data, parity),
            Input::RootMoved { bootstrap } => self.root_moved(bootstrap),
            Input::Leave => self.leave(),
            Input::Timer => self.timer(),
        }
    }

    /// What the driver must do next, in order; `None`: nothing until the next input.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When `Input::Timer` is wanted at the latest; `None` before the start and after the end.
    pub fn poll_timeout(&self) -> Option<Time> {
        if !self.started || self.left {
            return None;
        }
        let asking = self
            .stripes
            .iter()
            .filter_map(|stripe| stripe.search.as_ref()?.deadline());
        let deferred = self.deferred.iter().map(|deferred| deferred.until);
        asking.chain(deferred).chain([self.next_beat]).min()
    }

    fn start(&mut self) {
        self.started = true;
        self.next_beat = self.now + self.config.params.heartbeat;
        self.next_upkeep = self.now + self.config.params.heartbeat;
        self.next_bootstrap = self.now;
        self.lag_checked = self.now;
        if !self.is_root() {
            self.bootstrap();
        }
    }

    fn open_stripes(&mut self, data: u8, parity: u8) {
        self.config.data = data;
        self.config.parity = parity;
        self.ledger = Ledger::new(data, parity, &self.config.params);
        self.stripes = (0..data + parity).map(|_| Stripe::new(self.now)).collect();
        if let Role::Root { epoch } = self.config.role {
            for stripe in &mut self.stripes {
                stripe.tick = Tick { epoch, count: 1 };
            }
        }
    }

    fn link_up(
        &mut self,
        peer: PeerId,
        addr: SocketAddr,
        dialed: bool,
        hello: &Hello,
        direct: bool,
    ) {
        self.dials
            .retain(|(at, whom)| *whom != Some(peer) && !(dialed && *at == addr));
        if self.links.len() >= self.config.params.max_links || peer == self.config.id {
            let cause = if peer == self.config.id {
                Cause::Mismatch
            } else {
                Cause::Busy
            };
            self.push(Output::Close { peer, cause });
            return;
        }
        if self.links.contains_key(&peer) {
            self.link_down(peer, Cause::Lost);
        }
        self.links
            .insert(peer, Link::new(peer, addr, dialed, hello, self.now));
        self.bootstrap_failures = 0;
        let coding_known =
            hello.data > 0 && usize::from(hello.data) + usize::from(hello.parity) <= MAX_STRIPES;
        if self.stripes.is_empty() && coding_known {
            self.open_stripes(hello.data, hello.parity);
            self.push(Output::Event(Event::Joined {
                data: hello.data,
                parity: hello.parity,
            }));
        }
        if hello.data == self.config.data {
            self.hear_progress(hello.progress);
        }
        if !self.is_root() {
            // A dial from a stranger has come through, or nothing translates our address: others can reach us.
            if direct || !dialed {
                self.become_reachable();
            } else if !self.reachable {
                self.send(peer, Message::ProbeMe);
            }
            if self.primary.is_none() && self.config.fan_out > 0 {
                self.primary = hello
                    .lacking
                    .filter(|stripe| usize::from(*stripe) < self.stripes.len());
            }
            if let Some(newest) = hello.newest_whole {
                self.ledger.start_at(newest);
            }
        }
        if self.is_root() && hello.primary.is_none() {
            self.promise_primary();
        }
        if !self.tell_standing() && self.distinct_parents() > 0 {
            self.send_standing(peer);
        }
        self.searches_link_up(peer);
    }

    fn link_down(&mut self, peer: PeerId, cause: Cause) {
        let Some(link) = self.links.remove(&peer) else {
            return;
        };
        for stripe in self.children.remove_all(peer) {
            self.push(Output::StopServing { peer, stripe });
        }
        self.deferred.retain(|deferred| deferred.peer != peer);
        let avoid = match cause {
            Cause::Idle | Cause::Duplicate => None,
            Cause::Evicted | Cause::Corrupt | Cause::TooSlow => {
                Some(Span(self.config.params.avoid.0 * 10))
            }
            Cause::Leaving | Cause::Lost | Cause::Mismatch | Cause::Busy => {
                Some(self.config.params.avoid)
            }
        };
        if let Some(avoid) = avoid {
            // The root is where everybody turns in the end: it is asked again after any pause.
            if !link.root {
                self.book.avoid(self.now, peer, avoid);
            }
        }
        self.parent_failed(peer, cause, link.last_heard);
        self.finish_leave_if_done();
    }

    fn message(&mut self, peer: PeerId, message: Message) {
        if !self.heard_from(peer) {
            return;
        }
        if message
            .stripe()
            .is_some_and(|stripe| usize::from(stripe) >= self.stripes.len())
        {
            return;
        }
        match message {
            Message::Hello(_) => {}
            Message::Attach {
                stripe,
                tick,
                urgent,
                primary,
                desperate,
                want,
            } => {
                self.attach(
                    peer,
                    serve::Request {
                        stripe,
                        tick,
                        urgent,
                        primary,
                        desperate,
                        want,
                    },
                );
            }
            Message::Accept {
                stripe,
                tick,
                depth,
                progress,
            } => self.accepted(peer, stripe, tick, depth, progress),
            Message::Redirect {
                stripe,
                refusal,
                candidates,
            } => self.redirected(peer, stripe, refusal, candidates),
            Message::Seek { stripe } => self.seek_asked(peer, stripe),
            Message::Detach { stripe } => self.detached(peer, stripe),
            Message::Drop {
                stripe,
                cause,
                candidates,
            } => self.dropped(peer, stripe, cause, candidates),
            Message::Move { stripe, candidates } => self.move_asked(peer, stripe, candidates),
            Message::Pulse {
                beats,
                progress,
                newest_whole,
            } => {
                if let Some(link) = self.links.get_mut(&peer) {
                    link.newest_whole = newest_whole.max(link.newest_whole);
                }
                self.hear_progress(progress);
                self.beats(peer, &beats);
            }
            Message::Reports(reports) => self.reports(peer, reports),
            Message::Alternates {
                stripe,
                candidates,
                siblings,
            } => self.alternates(peer, stripe, candidates, siblings),
            Message::Pull { seq, stripe, rows } => {
                if self.owes_blocks_to(peer) {
                    self.push(Output::SendBlocks {
                        peer,
                        seq,
                        stripe,
                        rows,
                    });
                }
            }
            Message::Leaving { candidates } => self.parent_leaves(peer, candidates),
            Message::ProbeMe => self.probe_asked(peer),
            Message::Probe { contact } => self.probe(contact),
            Message::Standing {
                parents,
                reachable,
                primary,
            } => {
                if let Some(link) = self.links.get_mut(&peer) {
                    link.parents = parents;
                    link.reachable |= reachable;
                    link.primary = primary;
                }
            }
        }
    }

    fn span(&mut self, epoch: u64, seq: u64, rows: u32, last: bool) {
        self.epoch = self.epoch.max(epoch);
        let moved = self.ledger.span(self.now, epoch, seq, rows, last);
        for seq in moved.missed {
            self.push(Output::Event(Event::Missed { seq }));
        }
        if let Some(before_seq) = moved.forget_before {
            self.push(Output::Forget { before_seq });
        }
    }

    fn block(&mut self, seq: u64, row: u32, stripe: u8, from: Option<PeerId>) {
        let new = self.ledger.block(seq, row, stripe);
        if let Some(peer) = from {
            self.heard_from(peer);
        }
        let row_complete = usize::from(stripe) + 1 == self.stripes.len();
        if let Role::Root { epoch } = self.config.role
            && new
            && row_complete
        {
            let first_seq = self.ledger.progress().first_seq;
            self.ledger
                .published(self.now, epoch, seq, row + 1, first_seq);
        }
    }

    // Helpers that all parts use.

    /// A sign of life, now. Returns whether there is a link to that peer.
    fn heard_from(&mut self, peer: PeerId) -> bool {
        self.heard_at(peer, self.now)
    }

    fn heard_at(&mut self, peer: PeerId, at: Time) -> bool {
        let Some(link) = self.links.get_mut(&peer) else {
            return false;
        };
        link.last_heard = link.last_heard.max(at);
        if link.suspected {
            link.suspected = false;
            self.revived(peer);
        }
        true
    }

    fn is_root(&self) -> bool {
        matches!(self.config.role, Role::Root { .. })
    }

    fn push(&mut self, output: Output) {
        self.out.push_back(output);
    }

    fn send(&mut self, peer: PeerId, message: Message) {
        let Some(link) = self.links.get_mut(&peer) else {
            return;
        };
        link.last_sent = self.now;
        self.messages_sent += 1;
        self.out.push_back(Output::Send { peer, message });
    }

    fn close(&mut self, peer: PeerId, cause: Cause) {
        self.push(Output::Close { peer, cause });
        self.link_down(peer, cause);
    }

    fn hear_progress(&mut self, progress: Progress) {
        if !self.is_root() && !self.stripes.is_empty() {
            self.ledger.hear_progress(self.now, progress);
        }
    }

    /// Whether the peer is our parent in some stripe.
    fn is_parent(&self, peer: PeerId) -> bool {
        self.stripes
            .iter()
            .any(|stripe| stripe.parent == Some(peer))
    }

    /// Whether blocks flow over the link, in either direction.
    fn is_active(&self, peer: PeerId) -> bool {
        self.children.contains(peer) || self.is_parent(peer)
    }

    fn distinct_parents(&self) -> usize {
        let mut parents: Vec<PeerId> = self
            .stripes
            .iter()
            .filter_map(|stripe| stripe.parent)
            .collect();
        parents.sort_unstable();
        parents.dedup();
        parents.len()
    }

    fn become_reachable(&mut self) {
        self.reachable = true;
        self.tell_standing();
    }

    fn standing(&self) -> (u8, bool, Option<u8>) {
        (self.distinct_parents() as u8, self.reachable, self.primary)
    }

    /// Tells all neighbours how we stand, if that has changed. Returns whether it has.
    fn tell_standing(&mut self) -> bool {
        let standing = self.standing();
        if standing == self.told_standing {
            return false;
        }
        self.told_standing = standing;
        for peer in self.links.keys().copied().collect::<Vec<_>>() {
            self.send_standing(peer);
        }
        true
    }

    fn send_standing(&mut self, peer: PeerId) {
        let (parents, reachable, primary) = self.standing();
        self.send(
            peer,
            Message::Standing {
                parents,
                reachable,
                primary,
            },
        );
    }

    fn record_repair(&mut self, stripe: u8, cause: Cause, outage: Span) {
        if self.repairs.len() == MAX_REPAIRS {
            self.repairs.pop_front();
        }
        self.repairs.push_back(RepairFacts {
            cause,
            stripe,
            ms: outage.as_ms(),
        });
        self.repairs_total += 1;
        self.push(Output::Event(Event::Repaired {
            stripe,
            cause,
            outage_ms: outage.as_ms(),
        }));
    }

    /// A linked peer, with the address that it was seen at.
    fn contact_of(&self, peer: PeerId) -> Option<Contact> {
        self.links.get(&peer).map(|link| link.contact)
    }
}
