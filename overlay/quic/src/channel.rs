//! One channel: its state machine, its window and its links behind one lock, and the one way in.
//!
//! Every input goes through [`Channel::drive`], which carries out all outputs before the lock is released. The lock is
//! never held over an await. This file must never know how bytes are read or written.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use media_model::MAX_STRIPES;
use overlay_core::ledger::FROM_NEWEST;
use overlay_core::{Cause, Config, Event, Input, Node, Output, PeerId, Role, Time, Want};
use tokio::sync::{Notify, broadcast, watch};
use tokio::task::{AbortHandle, JoinHandle};

use crate::authority::{Authorities, Trust};
use crate::chunks::{WholeChunk, missing_blocks};
use crate::counters::{ChannelFacts, Counters};
use crate::dial::{self, Dialing};
use crate::endpoint::Net;
use crate::link::{self, Link, LinkRef};
use crate::window::Window;
use crate::{serve, timer};

mod links;

pub(crate) use links::NewLink;

/// Events that a slow listener may be behind; it loses the oldest and is told how many.
const EVENTS: usize = 256;
/// Dials under way at once; the state machine asks for at most half as many. More fail as busy.
const MAX_DIALS: usize = 64;
/// Links at most, whatever the state machine says: twice its own bound.
const MAX_LINKS: usize = 512;
/// How long a row that could be restored waits for its last blocks. All blocks of a row are sent within about this time,
/// so without the wait nearly every row would be restored for nothing; with it, a lost stripe is late by this and no more.
const RESTORE_GRACE: Duration = Duration::from_millis(20);
/// Rows that wait for that: at most so many, or the oldest are restored early. The rows of four of the largest chunks.
const MAX_RESTORES: usize = 16_384;

/// A child's sender in one stripe.
struct Sender {
    wake: Arc<Notify>,
    task: AbortHandle,
}

/// What the lock protects.
pub(crate) struct State {
    pub(crate) node: Node,
    pub(crate) window: Window,
    pub(crate) authorities: Authorities,
    pub(crate) links: BTreeMap<PeerId, Link>,
    pub(crate) dials: BTreeMap<u64, Dialing>,
    pub(crate) counters: Counters,
    senders: [BTreeMap<PeerId, Sender>; MAX_STRIPES],
    restores: VecDeque<(Instant, u64, u32)>,
    /// Whole chunks that nobody has taken yet.
    untaken: VecDeque<u64>,
    inbox: VecDeque<Input>,
    next_id: u64,
    armed: Time,
    next_rtt: Instant,
    pub(crate) closed: bool,
}

/// See the module.
pub(crate) struct Channel {
    pub(crate) number: u32,
    pub(crate) net: Arc<Net>,
    pub(crate) timer: Notify,
    pub(crate) whole: Notify,
    pub(crate) links_changed: Notify,
    /// Another key counts from now on.
    pub(crate) trust_changed: Notify,
    zero: Instant,
    state: Mutex<State>,
    events: broadcast::Sender<Event>,
    left: watch::Sender<bool>,
}

impl Channel {
    /// Makes the channel and starts its state machine and timer. Needs a running tokio runtime.
    pub(crate) fn start(net: Arc<Net>, trust: Trust, config: Config) -> Arc<Self> {
        let zero = Instant::now();
        let window = match config.role {
            Role::Root { epoch } => Window::of_root(epoch),
            Role::Member => Window::new(),
        };
        let channel = Arc::new(Self {
            number: config.channel,
            net,
            timer: Notify::new(),
            whole: Notify::new(),
            links_changed: Notify::new(),
            trust_changed: Notify::new(),
            zero,
            state: Mutex::new(State {
                node: Node::new(config),
                window,
                authorities: Authorities::new(trust),
                links: BTreeMap::new(),
                dials: BTreeMap::new(),
                counters: Counters::default(),
                senders: Default::default(),
                restores: VecDeque::new(),
                untaken: VecDeque::new(),
                inbox: VecDeque::new(),
                next_id: 0,
                armed: Time::default(),
                next_rtt: zero + timer::RTT_EVERY,
                closed: false,
            }),
            events: broadcast::Sender::new(EVENTS),
            left: watch::Sender::new(false),
        });
        tokio::spawn(timer::run(channel.clone()));
        channel
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn time(&self) -> Time {
        Time(self.zero.elapsed().as_micros() as u64)
    }

    /// Gives one input and carries out everything that follows.
    pub(crate) fn drive(self: &Arc<Self>, state: &mut State, input: Input) {
        state.inbox.push_back(input);
        while let Some(input) = state.inbox.pop_front() {
            state.node.handle(self.time(), input);
            while let Some(output) = state.node.poll_output() {
                self.perform(state, output);
            }
        }
        if state.node.poll_timeout().is_some_and(|at| at < state.armed) {
            self.timer.notify_one();
        }
    }

    fn perform(self: &Arc<Self>, state: &mut State, output: Output) {
        match output {
            Output::Dial { peer, addr } => {
                if state.dials.len() >= MAX_DIALS || state.closed {
                    state.inbox.push_back(Input::DialFailed {
                        peer,
                        addr,
                        cause: Cause::Busy,
                    });
                    return;
                }
                let id = state.new_id();
                state.dials.insert(id, Dialing::default());
                tokio::spawn(dial::dial(self.clone(), id, peer, addr));
            }
            Output::Send { peer, message } => {
                let Some(link) = state.links.get(&peer) else {
                    return;
                };
                if !link.outbox.push(&message) {
                    tracing::debug!(peer = %peer.short(), "takes no control messages: too slow");
                    link::close(&link.conn, Cause::TooSlow);
                    self.remove_link(state, peer);
                    state.inbox.push_back(Input::LinkDown {
                        peer,
                        cause: Cause::TooSlow,
                    });
                }
            }
            Output::Close { peer, cause } => {
                if let Some(link) = self.remove_link(state, peer) {
                    tracing::debug!(peer = %peer.short(), %cause, "link closed");
                    link.outbox.close(cause);
                }
            }
            Output::Serve { peer, stripe, want } => self.serve(state, peer, stripe, want),
            Output::StopServing { peer, stripe } => state.stop_serving(peer, stripe),
            Output::SendBlocks {
                peer,
                seq,
                stripe,
                rows,
            } => {
                let Some(link) = state.links.get(&peer) else {
                    return;
                };
                let Ok(permit) = link.answers.clone().try_acquire_owned() else {
                    state.counters.pulls_dropped += 1;
                    return;
                };
                let link = LinkRef {
                    peer,
                    id: link.id,
                    conn: link.conn.clone(),
                };
                tokio::spawn(serve::answer(self.clone(), link, seq, stripe, rows, permit));
            }
            Output::Forget { before_seq } => {
                state.window.forget(before_seq);
                let untaken = state.untaken.len();
                state.untaken.retain(|seq| *seq >= before_seq);
                state.counters.chunks_not_taken += (untaken - state.untaken.len()) as u64;
            }
            Output::Event(event) => {
                tracing::debug!(channel = self.number, ?event, "event");
                if event == Event::Left {
                    self.left.send_replace(true);
                }
                if let Event::Missed { seq } = event {
                    let chunk = state.window.assembler(seq);
                    state.counters.blocks_missing += chunk.map_or(0, missing_blocks);
                }
                // An error says that nobody listens.
                let _ = self.events.send(event);
            }
        }
    }

    fn serve(self: &Arc<Self>, state: &mut State, peer: PeerId, stripe: u8, mut want: Want) {
        state.stop_serving(peer, stripe);
        if want.from_seq == FROM_NEWEST {
            want.from_seq = state.node.newest_whole().unwrap_or(0);
        }
        let (Some(link), true) = (state.links.get(&peer), usize::from(stripe) < MAX_STRIPES) else {
            return;
        };
        let link = LinkRef {
            peer,
            id: link.id,
            conn: link.conn.clone(),
        };
        let wake = Arc::new(Notify::new());
        let task = tokio::spawn(serve::serve(self.clone(), link, stripe, want, wake.clone()))
            .abort_handle();
        state.senders[usize::from(stripe)].insert(peer, Sender { wake, task });
    }

    // Blocks.

    /// Wakes whoever serves the stripe.
    pub(crate) fn wake_senders(&self, state: &State, stripe: u8) {
        for sender in state.senders[usize::from(stripe)].values() {
            sender.wake.notify_one();
        }
    }

    /// A row has enough blocks to restore the rest of it.
    pub(crate) fn restorable(&self, state: &mut State, seq: u64, row: u32) {
        if state.restores.is_empty() {
            self.timer.notify_one();
        }
        let due = if state.restores.len() < MAX_RESTORES {
            RESTORE_GRACE
        } else {
            Duration::ZERO
        };
        state.restores.push_back((Instant::now() + due, seq, row));
    }

    /// Checks a chunk whose data is complete, and announces it.
    pub(crate) async fn check_whole(self: &Arc<Self>, seq: u64) {
        let Some((epoch, parts, end)) = self.lock().window.start_check(seq) else {
            return;
        };
        let hash = move || {
            let mut hasher = blake3::Hasher::new();
            for part in parts {
                hasher.update(&part);
            }
            *hasher.finalize().as_bytes()
        };
        let hash = if end.len > serve::BLOCKING_LEN {
            tokio::task::spawn_blocking(hash).await.unwrap_or_default()
        } else {
            hash()
        };
        let mut state = self.lock();
        let right = hash == end.hash;
        if !state.window.end_check(seq, epoch, right) {
            return;
        }
        if right {
            state.counters.chunks_whole += 1;
            state.untaken.push_back(seq);
            self.drive(&mut state, Input::Whole { seq });
            self.whole.notify_one();
        } else {
            state.counters.chunks_broken += 1;
            tracing::warn!(
                channel = self.number,
                seq,
                "the origin signed a wrong hash of a chunk: it is dropped"
            );
        }
    }

    /// The oldest whole chunk that was not taken, and whether none will come any more.
    pub(crate) fn take_whole(&self) -> (Option<WholeChunk>, bool) {
        let mut state = self.lock();
        let chunk = loop {
            let Some(seq) = state.untaken.pop_front() else {
                break None;
            };
            let whole = state.window.assembler(seq).and_then(|chunk| {
                let end = chunk.end()?;
                Some(WholeChunk {
                    epoch: chunk.epoch(),
                    seq,
                    name: chunk.name().to_owned(),
                    wall_time_us: chunk.wall_time_us(),
                    duration_us: chunk.duration_us(),
                    hash: end.hash,
                    len: end.len,
                    parts: chunk.parts().collect(),
                })
            });
            if whole.is_some() {
                break whole;
            }
            // The window's own bound was faster than the state machine's word.
            state.counters.chunks_not_taken += 1;
        };
        (chunk, state.closed)
    }

    // Time.

    /// When the timer is to fire next; `None` when the channel is closed.
    pub(crate) fn arm_timer(&self) -> Option<Instant> {
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        let node = state.node.poll_timeout().unwrap_or(Time(u64::MAX / 2));
        state.armed = node;
        let node = self.zero + Duration::from_micros(node.0.min(self.time().0 + FAR_US));
        let restore = state.restores.front().map(|(due, ..)| *due);
        Some(
            restore
                .into_iter()
                .fold(node.min(state.next_rtt), Instant::min),
        )
    }

    /// Says which neighbours were not silent, whatever it was that came from them.
    fn tell_heard(self: &Arc<Self>, state: &mut State) {
        let links = state.links.iter_mut();
        let heard: Vec<_> = links
            .filter_map(|(peer, link)| link.has_news().then_some(*peer))
            .collect();
        for peer in heard {
            self.drive(state, Input::Heard { peer });
        }
    }

    /// The timer fired.
    pub(crate) fn on_time(self: &Arc<Self>) {
        let now = Instant::now();
        self.restore_due(now);
        let mut state = self.lock();
        if state.closed {
            return;
        }
        if state
            .node
            .poll_timeout()
            .is_some_and(|at| at <= self.time())
        {
            self.tell_heard(&mut state);
            self.drive(&mut state, Input::Timer);
        }
        if state.next_rtt <= now {
            state.next_rtt = now + timer::RTT_EVERY;
            let rtts: Vec<_> = state
                .links
                .iter()
                .map(|(peer, link)| (*peer, link.conn.rtt()))
                .collect();
            for (peer, rtt) in rtts {
                self.drive(
                    &mut state,
                    Input::Rtt {
                        peer,
                        rtt_us: rtt.as_micros() as u64,
                    },
                );
            }
        }
    }

    fn restore_due(self: &Arc<Self>, now: Instant) {
        loop {
            // One row a lock: restoring is the longest work under it.
            let mut state = self.lock();
            let Some((due, seq, row)) = state.restores.front().copied() else {
                return;
            };
            if due > now {
                return;
            }
            state.restores.pop_front();
            let (stripes, complete) = state.window.restore(seq, row, now);
            state.counters.blocks_restored += stripes.len() as u64;
            for stripe in stripes {
                self.wake_senders(&state, stripe);
                self.drive(
                    &mut state,
                    Input::Block {
                        seq,
                        row,
                        stripe,
                        from: None,
                    },
                );
            }
            drop(state);
            if complete {
                let channel = self.clone();
                tokio::spawn(async move { channel.check_whole(seq).await });
            }
        }
    }

    // For people.

    pub(crate) fn facts(&self) -> ChannelFacts {
        let state = self.lock();
        let links: Vec<_> = state
            .links
            .iter()
            .map(|(peer, link)| link.facts(*peer))
            .collect();
        let mut counters = state.counters;
        counters.window_bytes = state.window.bytes() as u64;
        counters.udp_bytes_sent += links.iter().map(|link| link.udp_bytes_sent).sum::<u64>();
        counters.udp_bytes_received += links
            .iter()
            .map(|link| link.udp_bytes_received)
            .sum::<u64>();
        ChannelFacts {
            forest: state.node.facts(self.time()),
            links,
            counters,
        }
    }

    pub(crate) fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Says goodbye and waits for the end of it, at most `patience`.
    pub(crate) async fn leave(self: &Arc<Self>, patience: Duration) {
        let mut left = self.left.subscribe();
        {
            let mut state = self.lock();
            self.drive(&mut state, Input::Leave);
        }
        if tokio::time::timeout(patience, left.wait_for(|left| *left))
            .await
            .is_err()
        {
            tracing::debug!(channel = self.number, "left without the last goodbye");
        }
        for writer in self.close() {
            // It fails only if it was aborted with the runtime.
            let _ = writer.await;
        }
    }

    /// Ends everything now: links are closed as `Leaving`. Gives what still writes; each ends by itself, soon.
    pub(crate) fn close(&self) -> Vec<JoinHandle<()>> {
        self.net.forget(self.number);
        let mut state = self.lock();
        state.closed = true;
        let peers: Vec<_> = state.links.keys().copied().collect();
        let mut writers = Vec::new();
        for peer in peers {
            if let Some(link) = self.remove_link(&mut state, peer) {
                link.outbox.close(Cause::Leaving);
                writers.push(link.writer);
            }
        }
        drop(state);
        self.timer.notify_one();
        self.whole.notify_one();
        writers
    }
}

/// A time-out farther away than this, microseconds, is looked at again then: a day.
const FAR_US: u64 = 86_400_000_000;

impl State {
    pub(crate) fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Whether the link is the one in the table.
    pub(crate) fn has_link(&self, link: &LinkRef) -> bool {
        self.links
            .get(&link.peer)
            .is_some_and(|there| there.id == link.id)
    }

    fn stop_serving(&mut self, peer: PeerId, stripe: u8) {
        let senders = self.senders.get_mut(usize::from(stripe));
        if let Some(sender) = senders.and_then(|senders| senders.remove(&peer)) {
            sender.task.abort();
        }
    }
}
