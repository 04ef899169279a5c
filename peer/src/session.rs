//! What the running peer's tasks share, and the tasks that watch: events into notices, samples for rates and menus.
//! Nothing here waits for a disk, a terminal or a script.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use overlay_core::{Cause, Event};
use overlay_quic::Member;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::board::Notices;
use crate::control::server::Answers;
use crate::error::PeerError;
use crate::notice::Notice;
use crate::pending::Looker;
use crate::rates::Rates;
use crate::status::{self, Flow, State, Status};
use crate::storing::{Counts, Storing};

/// Between two samples while the menus are up: they are drawn as often.
pub(crate) const MENU_SAMPLE: Duration = Duration::from_millis(500);
/// Between two samples otherwise.
pub(crate) const QUIET_SAMPLE: Duration = Duration::from_secs(1);
/// How long a stranger must be at the invite's address before the peer gives up: an origin that is just being started
/// knows its channels a moment after it has its port. A guess.
const STRANGER_PATIENCE: Duration = Duration::from_secs(3);
/// Between two words about a slow disk.
const DISK_SLOW_EVERY: Duration = Duration::from_secs(30);
/// How long a script waits for the list of pending files; without it, it gets the rest.
const LOOK_WAIT: Duration = Duration::from_secs(1);
/// Wishes to stop that are kept: the first decides, the second hurries.
pub(crate) const MAX_STOPS: usize = 4;

/// Why the peer ends.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Leave politely.
    Leave,
    /// The same, by Ctrl-C or a signal: said twice, it means at once.
    Now,
    /// It cannot do its job.
    Fail(PeerError),
}

/// See the module.
pub(crate) struct Shared {
    /// What never changes.
    pub(crate) fixed: Status,
    /// Once the names in the invite are resolved.
    member: Mutex<Option<Member>>,
    /// What became of the chunks.
    pub(crate) counts: Arc<Counts>,
    /// Looks at the spool.
    pub(crate) looker: Arc<Looker>,
    /// Who is told.
    pub(crate) notices: Notices,
    /// Where wishes to stop go.
    pub(crate) stops: mpsc::Sender<Stop>,
    /// When the process began.
    pub(crate) started: Instant,
    /// The state machine found no place.
    full: AtomicBool,
    /// The channel was received once.
    was_running: AtomicBool,
    /// On the way out.
    leaving: AtomicBool,
    /// Below an old server: this peer is the head.
    head: AtomicBool,
    /// Blocks that the old server brought and that were published.
    old_blocks: AtomicU64,
    /// Their bytes.
    old_bytes: AtomicU64,
    rates: Mutex<Rates<Flow>>,
    trouble: Mutex<String>,
}

impl Shared {
    /// Everything at its beginning.
    pub(crate) fn new(
        fixed: Status,
        counts: Arc<Counts>,
        looker: Arc<Looker>,
        notices: Notices,
        stops: mpsc::Sender<Stop>,
    ) -> Self {
        Self {
            fixed,
            member: Mutex::default(),
            counts,
            looker,
            notices,
            stops,
            started: Instant::now(),
            full: AtomicBool::new(false),
            was_running: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            head: AtomicBool::new(false),
            old_blocks: AtomicU64::new(0),
            old_bytes: AtomicU64::new(0),
            rates: Mutex::default(),
            trouble: Mutex::new("nobody answered".to_owned()),
        }
    }

    /// The channel, once it is joined.
    pub(crate) fn member(&self) -> Option<Member> {
        self.member
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The channel is joined, or joined anew: listens to it from now on, and stores what comes until it is closed. Whoever
    /// wants to know that everything is stored waits for the end of the task.
    pub(crate) fn begin(self: &Arc<Self>, member: Member, storing: &Arc<Storing>) -> Stored {
        let (events, chunks) = (member.events(), member.chunks());
        *self.member.lock().unwrap_or_else(PoisonError::into_inner) = Some(member);
        self.head.store(false, Ordering::Relaxed);
        tokio::spawn(listen(self.clone(), events));
        let (shared, storing) = (self.clone(), storing.clone());
        Stored(tokio::spawn(async move {
            if !storing.all(chunks).await {
                shared.stop(Stop::Fail(PeerError::Broken("thread that stores chunks")));
            }
        }))
    }

    /// Below an old server: whether this peer is the head.
    pub(crate) fn set_head(&self, head: bool) {
        self.head.store(head, Ordering::Relaxed);
    }

    /// A block of the old server, of so many bytes, was published.
    pub(crate) fn note_block(&self, seq: u64, bytes: usize) {
        tracing::debug!(seq, bytes, "block published");
        self.old_blocks.fetch_add(1, Ordering::Relaxed);
        self.old_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Asks for the end. If several were asked for already, one more changes nothing.
    pub(crate) fn stop(&self, stop: Stop) {
        let _ = self.stops.try_send(stop);
    }

    /// From now on the state is `leaving`.
    pub(crate) fn set_leaving(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// Whether the peer is on its way out.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    /// Whether the channel was ever received.
    pub(crate) fn was_running(&self) -> bool {
        self.was_running.load(Ordering::Relaxed)
    }

    /// Why there is no place, as far as is known.
    pub(crate) fn trouble(&self) -> String {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// All that is known, but for the files that wait: those are on the disk.
    pub(crate) fn sample(&self) -> Status {
        let mut status = self.fixed.clone();
        status.uptime_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        if let Some(member) = self.member() {
            let facts = member.facts();
            let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
            status::fill(&mut status, &facts, &mut rates, Instant::now());
            status.chunks.not_stored = facts.counters.chunks_not_taken;
        }
        if let Some(old) = &mut status.legacy {
            old.head = self.head.load(Ordering::Relaxed);
            old.blocks = self.old_blocks.load(Ordering::Relaxed);
            old.bytes = self.old_bytes.load(Ordering::Relaxed);
        }
        status.chunks.stored = self.counts.stored();
        status.chunks.not_stored += self.counts.refused();
        status.chunks.evicted = self.counts.evicted();
        status.chunks.disk_full = self.counts.is_full();
        status.latest_stored = self.counts.latest();
        status.state = self.state(&status);
        status
    }

    fn state(&self, status: &Status) -> State {
        let parents = status
            .stripes
            .iter()
            .filter(|stripe| stripe.parent.is_some())
            .count();
        if status.data_stripes > 0 && parents == status.stripes.len() {
            self.full.store(false, Ordering::Relaxed);
        }
        if self.leaving.load(Ordering::Relaxed) {
            State::Leaving
        } else if self.head.load(Ordering::Relaxed)
            || status.data_stripes > 0 && parents >= usize::from(status.data_stripes)
        {
            self.was_running.store(true, Ordering::Relaxed);
            State::Running
        } else if self.was_running() {
            State::Repairing
        } else if self.full.load(Ordering::Relaxed) {
            State::Full
        } else {
            State::Joining
        }
    }

    /// Tells everybody, and remembers why there is no place.
    pub(crate) fn say(&self, notice: &Notice) {
        let trouble = match notice {
            Notice::Full { .. } => Some("the channel is full".to_owned()),
            Notice::Unreachable { at, why, .. } => Some(format!("{at}: {why}")),
            _ => None,
        };
        if let Some(trouble) = trouble {
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
        }
        self.notices.say(notice);
    }
}

/// Chunks are being stored until the channel is closed.
#[must_use]
pub(crate) struct Stored(JoinHandle<()>);

impl Stored {
    /// Until everything that came is stored.
    pub(crate) async fn end(self) {
        // It fails only if it was aborted with the runtime.
        let _ = self.0.await;
    }
}

impl Answers for Shared {
    async fn status(&self) -> Status {
        let looker = self.looker.clone();
        let look = tokio::task::spawn_blocking(move || looker.look());
        let looked = tokio::time::timeout(LOOK_WAIT, look).await;
        let mut status = self.sample();
        if let Ok(Ok(pending)) = looked {
            status.pending = pending;
        }
        status
    }

    fn leave(&self) {
        self.stop(Stop::Leave);
    }
}

/// Takes samples, so that there are rates, and shows them to the menus.
pub(crate) async fn watch(shared: Arc<Shared>, every: Duration, shown: watch::Sender<Arc<Status>>) {
    let mut not_taken = 0;
    let mut said: Option<Instant> = None;
    loop {
        let status = shared.sample();
        if let Some(member) = shared.member() {
            let now = member.facts().counters.chunks_not_taken;
            let in_time = said.is_none_or(|said| said.elapsed() >= DISK_SLOW_EVERY);
            // A full disk has been spoken of.
            if now > not_taken && in_time && !shared.counts.is_full() {
                shared.say(&Notice::DiskSlow {
                    chunks: now - not_taken,
                });
                (not_taken, said) = (now, Some(Instant::now()));
            }
        }
        shown.send_replace(Arc::new(status));
        tokio::time::sleep(every).await;
    }
}

/// Turns the channel's events into notices, until the channel is closed.
pub(crate) async fn listen(
    shared: Arc<Shared>,
    mut events: tokio::sync::broadcast::Receiver<Event>,
) {
    let mut ear = Ear::default();
    loop {
        match events.recv().await {
            Ok(event) => {
                if let Some(notice) = ear.hear(&shared, event) {
                    shared.say(&notice);
                }
            }
            Err(RecvError::Lagged(lost)) => tracing::debug!(lost, "events lost"),
            Err(RecvError::Closed) => return,
        }
    }
}

/// What was said already, so that it is said once.
#[derive(Default)]
struct Ear {
    joined: bool,
    full: bool,
    unreachable: bool,
    stranger_since: Option<Instant>,
}

impl Ear {
    fn hear(&mut self, shared: &Shared, event: Event) -> Option<Notice> {
        let notice = match event {
            Event::Joined { data, parity } => {
                (self.joined, self.unreachable) = (true, false);
                Notice::Joined {
                    channel: shared.fixed.channel,
                    data,
                    parity,
                }
            }
            Event::Parent { stripe, peer } => {
                self.unreachable = false;
                // Notes, too, that there is no lack any more.
                if shared.sample().state == State::Running {
                    self.full = false;
                }
                Notice::Parent { stripe, peer }
            }
            Event::Orphaned {
                stripe,
                peer,
                cause,
            } => Notice::Orphaned {
                stripe,
                peer,
                cause,
            },
            Event::Repaired {
                stripe,
                cause,
                outage_ms,
            } => Notice::Repaired {
                stripe,
                cause,
                ms: outage_ms,
            },
            Event::Full {
                stripes_lacking,
                retry_ms,
            } => {
                shared.full.store(true, Ordering::Relaxed);
                if std::mem::replace(&mut self.full, true) {
                    return None;
                }
                Notice::Full {
                    stripes: stripes_lacking,
                    retry_ms,
                    had_place: shared.was_running(),
                }
            }
            Event::Unreachable {
                addr,
                cause,
                retry_ms,
            } => {
                if cause == Cause::Mismatch && !self.joined {
                    let since = *self.stranger_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= STRANGER_PATIENCE {
                        let (at, channel) = (shared.fixed.origin.clone(), shared.fixed.channel);
                        shared.stop(Stop::Fail(PeerError::OtherOrigin { at, channel }));
                    }
                }
                if std::mem::replace(&mut self.unreachable, true) {
                    return None;
                }
                Notice::Unreachable {
                    at: addr.to_string(),
                    why: why(cause),
                    retry_ms,
                }
            }
            Event::Missed { seq } => Notice::Missed { seq },
            Event::Left => return None,
        };
        Some(notice)
    }
}

fn why(cause: Cause) -> String {
    match cause {
        Cause::Lost => "no answer".to_owned(),
        Cause::Mismatch => "somebody else is there, or it has no such channel".to_owned(),
        other => other.to_string(),
    }
}
