//! Virtual time, nodes, links and faults.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::SocketAddr;

use overlay_core::time::Span;
use overlay_core::{Bootstrap, Config, Input, Node, Params, PeerId, Role, Time};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::check;
use crate::sim::{Key, Sim};

/// Events of one run at most: a livelock is a failing test, not a hanging one.
const MAX_EVENTS: u64 = 200_000_000;

/// What a world is like.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Seeds everything.
    pub seed: u64,
    /// Data stripes.
    pub data: u8,
    /// Parity stripes.
    pub parity: u8,
    /// Rows of a chunk.
    pub rows: u32,
    /// Between chunks.
    pub chunk_every: Span,
    /// The root's children.
    pub max_direct_peers: u16,
    /// Shortest and longest one-way delay of a link, drawn once a pair.
    pub delay: (Span, Span),
    /// The state machine's times and bounds.
    pub params: Params,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            data: 4,
            parity: 1,
            rows: 8,
            chunk_every: Span::ms(2_000),
            max_direct_peers: 8,
            delay: (Span::ms(1), Span::ms(20)),
            params: Params::default(),
        }
    }
}

/// How others reach a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// At its own address.
    #[default]
    Direct,
    /// At an address that something translates, and lets strangers through: it must find that out.
    Translated,
    /// Not at all, but over links that it made itself.
    Hidden,
}

#[derive(Debug, Clone)]
pub(crate) enum Happening {
    Timer,
    Input(Box<Input>, u64),
    Block {
        from: PeerId,
        generation: u64,
        key: Key,
    },
    DialArrives {
        from: PeerId,
        expected: Option<PeerId>,
    },
    Publish {
        seq: u64,
        row: u32,
    },
}

#[derive(Debug)]
struct Queued {
    at: Time,
    order: u64,
    to: PeerId,
    event: Happening,
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}
impl Eq for Queued {}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // The heap gives the greatest: the earliest event, and among equals the one that was put in first.
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

/// The world.
#[derive(Debug)]
pub struct World {
    pub(crate) settings: Settings,
    rng: ChaCha8Rng,
    pub(crate) now: Time,
    order: u64,
    events: u64,
    queue: BinaryHeap<Queued>,
    pub(crate) sims: BTreeMap<PeerId, Sim>,
    pub(crate) by_addr: BTreeMap<SocketAddr, PeerId>,
    delays: BTreeMap<(PeerId, PeerId), Span>,
    cuts: BTreeSet<(PeerId, PeerId)>,
    last_delivery: BTreeMap<(PeerId, PeerId), Time>,
    generation: u64,
    root: PeerId,
    pub(crate) newest_seq: u64,
    pub(crate) broadcasting: bool,
    pub(crate) epoch: u64,
    pub(crate) reach: BTreeMap<PeerId, Reach>,
    hash: u64,
}

fn pair(a: PeerId, b: PeerId) -> (PeerId, PeerId) {
    if a < b { (a, b) } else { (b, a) }
}

impl World {
    /// A world with a root that broadcasts from now on.
    pub fn new(settings: Settings) -> Self {
        let root = PeerId::of_public_key(&[0xff; 32]);
        let mut world = Self {
            rng: ChaCha8Rng::seed_from_u64(settings.seed),
            now: Time(1_000_000),
            order: 0,
            events: 0,
            queue: BinaryHeap::new(),
            sims: BTreeMap::new(),
            by_addr: BTreeMap::new(),
            delays: BTreeMap::new(),
            cuts: BTreeSet::new(),
            last_delivery: BTreeMap::new(),
            generation: 0,
            root,
            newest_seq: 0,
            broadcasting: true,
            epoch: 1,
            reach: BTreeMap::new(),
            hash: 0,
            settings,
        };
        let fan_out = world.settings.max_direct_peers;
        world.spawn(root, fan_out, Role::Root { epoch: 1 });
        let at = world.now;
        world.put(at, root, Happening::Publish { seq: 0, row: 0 });
        world
    }

    // Getters.

    /// The seed, for messages.
    pub fn seed(&self) -> u64 {
        self.settings.seed
    }
    /// Virtual time.
    pub fn now(&self) -> Time {
        self.now
    }
    /// K + M.
    pub fn stripes(&self) -> u8 {
        self.settings.data + self.settings.parity
    }
    /// The root's identity.
    pub fn root(&self) -> PeerId {
        self.root
    }
    /// Processes ever.
    pub fn len(&self) -> usize {
        self.sims.len()
    }
    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.sims.is_empty()
    }
    /// The newest chunk of which anything was published.
    pub fn newest_seq(&self) -> u64 {
        self.newest_seq
    }
    /// One process.
    pub fn sim(&self, id: PeerId) -> Option<&Sim> {
        self.sims.get(&id)
    }
    /// Members that run, in the order of their identities.
    pub fn live_members(&self) -> Vec<PeerId> {
        self.sims
            .iter()
            .filter(|(id, sim)| **id != self.root && sim.alive)
            .map(|(id, _)| *id)
            .collect()
    }
    /// The parent in a stripe, if both run and the link stands on the child's side.
    pub fn live_parent(&self, id: PeerId, stripe: u8) -> Option<PeerId> {
        let sim = self.sims.get(&id).filter(|sim| sim.alive)?;
        let parent = sim.node.parent(stripe)?;
        self.sims.get(&parent).filter(|sim| sim.alive)?;
        Some(parent)
    }
    /// A digest of everything that was delivered, in order: equal seeds give equal digests.
    pub fn trace_hash(&self) -> u64 {
        self.hash
    }

    // What a test does.

    /// Starts a member that knows the root's address.
    pub fn add(&mut self, fan_out: u16) -> PeerId {
        self.add_behind(fan_out, Reach::Direct)
    }

    /// Starts a member behind something.
    pub fn add_behind(&mut self, fan_out: u16, reach: Reach) -> PeerId {
        let number = self.sims.len() as u64;
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&number.to_le_bytes());
        let id = PeerId::of_public_key(&key);
        self.reach.insert(id, reach);
        self.spawn(id, fan_out, Role::Member);
        id
    }

    fn spawn(&mut self, id: PeerId, fan_out: u16, role: Role) {
        let number = self.sims.len() as u32;
        let fresh = SocketAddr::from(((0x0a00_0000u32 + number).to_be_bytes(), 7000));
        let addr = self.sims.get(&id).map_or(fresh, |before| before.addr);
        let root_addr = self.sims.get(&self.root).map_or(addr, |root| root.addr);
        let is_root = matches!(role, Role::Root { .. });
        let config = Config {
            id,
            role,
            channel: 0,
            fan_out,
            data: if is_root { self.settings.data } else { 0 },
            parity: if is_root { self.settings.parity } else { 0 },
            bootstrap: if is_root {
                Vec::new()
            } else {
                vec![Bootstrap {
                    id: Some(self.root),
                    addr: root_addr,
                }]
            },
            incarnation: u64::from(number) + self.epoch,
            seed: self.rng.random(),
            params: self.settings.params.clone(),
        };
        let sim = Sim {
            node: Node::new(config),
            fan_out,
            addr,
            alive: true,
            paused: false,
            held: Vec::new(),
            links: BTreeMap::new(),
            have: BTreeSet::new(),
            whole: BTreeSet::new(),
            spans: BTreeSet::new(),
            serving: BTreeMap::new(),
            timer_at: None,
            sent_blocks: 0,
            events: Vec::new(),
            low: 0,
            first: None,
            rows: self.settings.rows,
            data: self.settings.data,
        };
        self.sims.insert(id, sim);
        self.by_addr.insert(addr, id);
        self.input(id, Input::Start);
    }

    /// Ends a process without a word: no packet, no close.
    pub fn kill(&mut self, id: PeerId) {
        if let Some(sim) = self.sims.get_mut(&id) {
            sim.alive = false;
        }
    }

    /// Ends the root without a word; nothing is broadcast until [`World::restart_root`].
    pub fn kill_root(&mut self) {
        self.broadcasting = false;
        self.kill(self.root);
    }

    /// Starts the root again, at the same address and with the same identity: a higher epoch, the chunk after the last one.
    pub fn restart_root(&mut self) {
        self.epoch += 1;
        self.broadcasting = true;
        let (root, epoch) = (self.root, self.epoch);
        let (fan_out, seq) = (self.settings.max_direct_peers, self.newest_seq + 1);
        self.spawn(root, fan_out, Role::Root { epoch });
        let at = self.now;
        self.put(at, root, Happening::Publish { seq, row: 0 });
    }

    /// Lets a member take the dead root's place: it broadcasts from the chunk after the last one on, in a higher epoch, and
    /// everybody is told where it is.
    pub fn take_over(&mut self, id: PeerId) {
        self.epoch += 1;
        self.broadcasting = true;
        self.root = id;
        let (epoch, seq) = (self.epoch, self.newest_seq + 1);
        let become_root = Input::BecomeRoot {
            epoch,
            data: self.settings.data,
            parity: self.settings.parity,
        };
        self.input(id, become_root);
        let addr = self.sims[&id].addr;
        for member in self.live_members() {
            let bootstrap = Bootstrap { id: Some(id), addr };
            self.input(member, Input::RootMoved { bootstrap });
        }
        let at = self.now;
        self.put(at, id, Happening::Publish { seq, row: 0 });
    }

    /// Asks a process to leave politely.
    pub fn leave(&mut self, id: PeerId) {
        self.input(id, Input::Leave);
    }

    /// Stops a process as SIGSTOP does: nothing runs, what arrives waits.
    pub fn pause(&mut self, id: PeerId) {
        if let Some(sim) = self.sims.get_mut(&id) {
            sim.paused = true;
        }
    }

    /// Lets it go on.
    pub fn resume(&mut self, id: PeerId) {
        let Some(sim) = self.sims.get_mut(&id) else {
            return;
        };
        sim.paused = false;
        sim.timer_at = None;
        for event in std::mem::take(&mut sim.held) {
            let at = self.now;
            self.put(at, id, event);
        }
        let at = self.now;
        self.put(at, id, Happening::Timer);
    }

    /// Cuts all that passes between two peers, silently, or heals it.
    pub fn cut(&mut self, a: PeerId, b: PeerId, cut: bool) {
        if cut {
            self.cuts.insert(pair(a, b));
        } else {
            self.cuts.remove(&pair(a, b));
        }
    }

    /// Runs for `span` of virtual time.
    ///
    /// # Panics
    /// When a checker finds something broken, or the events do not end.
    pub fn run(&mut self, span: Span) {
        let until = self.now + span;
        while self.queue.peek().is_some_and(|queued| queued.at <= until) {
            let Some(Queued { at, to, event, .. }) = self.queue.pop() else {
                break;
            };
            self.now = self.now.max(at);
            self.events += 1;
            assert!(
                self.events < MAX_EVENTS,
                "seed {}: the events do not end",
                self.settings.seed
            );
            self.deliver(to, event);
        }
        self.now = until;
    }

    /// Runs until `done`, at most for `limit`. Returns how long it took.
    ///
    /// # Panics
    /// When it takes longer.
    pub fn run_until(
        &mut self,
        limit: Span,
        mut done: impl FnMut(&World) -> Result<(), String>,
    ) -> Span {
        let start = self.now;
        loop {
            match done(self) {
                Ok(()) => return self.now.since(start),
                Err(why) => assert!(
                    self.now.since(start) < limit,
                    "seed {} at {}: {why}",
                    self.settings.seed,
                    self.now
                ),
            }
            self.run(Span::ms(20));
        }
    }

    /// Blocks that each live member sent since the last call.
    pub fn take_sent(&mut self) -> Vec<u64> {
        let root = self.root;
        let live = self
            .sims
            .iter_mut()
            .filter(|(id, sim)| **id != root && sim.alive);
        live.map(|(_, sim)| std::mem::take(&mut sim.sent_blocks))
            .collect()
    }

    // The machinery.

    pub(crate) fn put(&mut self, at: Time, to: PeerId, event: Happening) {
        self.order += 1;
        self.queue.push(Queued {
            at,
            order: self.order,
            to,
            event,
        });
    }

    pub(crate) fn delay(&mut self, a: PeerId, b: PeerId) -> Span {
        let (min, max) = self.settings.delay;
        let rng = &mut self.rng;
        *self
            .delays
            .entry(pair(a, b))
            .or_insert_with(|| Span(rng.random_range(min.0..=max.0)))
    }

    /// When something sent now arrives; what was sent earlier arrives earlier (a link is ordered).
    pub(crate) fn arrival(&mut self, from: PeerId, to: PeerId) -> Time {
        let at = self.now + self.delay(from, to);
        let last = self.last_delivery.entry((from, to)).or_default();
        *last = (*last).max(at);
        *last
    }

    fn is_direct(&self, id: PeerId) -> bool {
        self.reach.get(&id).copied().unwrap_or_default() == Reach::Direct
    }

    pub(crate) fn is_cut(&self, a: PeerId, b: PeerId) -> bool {
        self.cuts.contains(&pair(a, b))
    }

    pub(crate) fn input(&mut self, id: PeerId, input: Input) {
        let now = self.now;
        if let Some(sim) = self.sims.get_mut(&id).filter(|sim| sim.alive) {
            sim.node.handle(now, input);
        }
        self.drain(id);
        check::after_event(self, id);
    }

    fn note(&mut self, to: PeerId, kind: u64) {
        let word = u64::from_le_bytes([to.0[0], to.0[1], to.0[2], to.0[3], 0, 0, 0, 0])
            ^ kind
            ^ self.now.0;
        self.hash = (self.hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn deliver(&mut self, to: PeerId, event: Happening) {
        let Some(sim) = self.sims.get_mut(&to).filter(|sim| sim.alive) else {
            return;
        };
        if sim.paused {
            if !matches!(event, Happening::Timer) {
                sim.held.push(event);
            }
            return;
        }
        match event {
            Happening::Timer => {
                sim.timer_at = None;
                self.note(to, 1);
                self.input(to, Input::Timer);
            }
            Happening::Input(input, generation) => {
                let peer = match &*input {
                    Input::Message { peer, .. } | Input::LinkDown { peer, .. } => Some(*peer),
                    _ => None,
                };
                if let Some(peer) = peer {
                    if sim.links.get(&peer) != Some(&generation) {
                        return;
                    }
                    if matches!(*input, Input::LinkDown { .. }) {
                        self.unlink(to, peer);
                    }
                }
                self.note(to, 2);
                self.input(to, *input);
            }
            Happening::Block {
                from,
                generation,
                key,
            } => {
                if sim.links.get(&from) == Some(&generation) {
                    self.note(to, 3 + key.0);
                    self.got_block(to, key, Some(from));
                }
            }
            Happening::DialArrives { from, expected } => self.dial_arrives(from, to, expected),
            Happening::Publish { seq, row } => self.publish(to, seq, row),
        }
    }

    pub(crate) fn unlink(&mut self, id: PeerId, peer: PeerId) {
        if let Some(sim) = self.sims.get_mut(&id) {
            sim.links.remove(&peer);
            sim.serving.retain(|(child, _), _| *child != peer);
        }
    }

    fn dial_arrives(&mut self, from: PeerId, to: PeerId, expected: Option<PeerId>) {
        let back = self.arrival(to, from);
        let dialer_alive = self.sims.get(&from).is_some_and(|sim| sim.alive);
        let fine = expected.is_none_or(|id| id == to) && dialer_alive && !self.is_cut(from, to);
        let linked = self
            .sims
            .get(&from)
            .is_some_and(|sim| sim.links.contains_key(&to));
        if !fine || linked {
            return;
        }
        self.generation += 1;
        let generation = self.generation;
        let (from_addr, to_addr) = (self.sims[&from].addr, self.sims[&to].addr);
        let (from_hello, to_hello) = (
            self.sims[&from].node.hello(to_addr),
            self.sims[&to].node.hello(from_addr),
        );
        for (id, peer) in [(from, to), (to, from)] {
            if let Some(sim) = self.sims.get_mut(&id) {
                sim.links.insert(peer, generation);
            }
        }
        self.input(
            to,
            Input::LinkUp {
                peer: from,
                addr: from_addr,
                dialed: false,
                hello: from_hello,
                direct: self.is_direct(to),
            },
        );
        let up = Input::LinkUp {
            peer: to,
            addr: to_addr,
            dialed: true,
            hello: to_hello,
            direct: self.is_direct(from),
        };
        self.put(back, from, Happening::Input(Box::new(up), 0));
    }
}
