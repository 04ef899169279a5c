//! The desk: the one place of a coordinator where anything is decided.
//!
//! Requests wait in a bounded queue. One task takes all that wait, opens a transaction that excludes every other
//! coordinator on the database, brings its ledger up to date, lets each request's rule decide on it, commits all changes
//! at once, and only then answers. So nothing is acknowledged that is not durable, and nothing is decided upon an old
//! world. This folder must never know the rules, nor who asks.

mod writer;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use server_booking::model::{Change, UnixSeconds};
use server_booking::{Decision, Ledger, Refusal};
use server_state::{State, StateError};
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::Clock;

/// Requests that wait at most; who comes later waits at the door, one request a connection. A guess: two batches.
const QUEUE: usize = 512;

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotDone {
    /// The rules refuse it.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The database is gone for the moment: nothing is known of what was asked.
    #[error("the database cannot be reached at the moment: try again")]
    Unavailable,
}

/// Counters for the operator.
#[derive(Debug, Default)]
pub(crate) struct DeskStats {
    /// Transactions that changed something.
    pub(crate) commits: AtomicU64,
    /// Requests that were decided.
    pub(crate) decided: AtomicU64,
    /// Requests that failed because the database was gone.
    pub(crate) unavailable: AtomicU64,
    /// Whether the database was there at the last attempt.
    pub(crate) database_up: AtomicBool,
}

/// Tells whoever asked, once it is known whether the changes are durable.
type Answering = Box<dyn FnOnce(bool) + Send>;
/// A request: decides on the ledger, and then waits for what becomes of it. Without a ledger: nothing can be decided.
type Job = Box<dyn FnOnce(Option<&Ledger>, UnixSeconds) -> Option<(Vec<Change>, Answering)> + Send>;

/// A handle to the desk; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    queue: mpsc::Sender<Job>,
    seen: Arc<RwLock<Ledger>>,
    versions: watch::Receiver<u64>,
    stats: Arc<DeskStats>,
    clock: Arc<Clock>,
}

impl Desk {
    /// Opens the desk on a database. Its task ends when the last handle is dropped.
    ///
    /// # Errors
    /// When the world cannot be read.
    pub(crate) async fn open(state: State, clock: Arc<Clock>) -> Result<Self, StateError> {
        let (version, world) = state.load().await?;
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (publish, versions) = watch::channel(version);
        let stats = Arc::new(DeskStats::default());
        stats.database_up.store(true, Ordering::Relaxed);
        let seen = Arc::new(RwLock::new(Ledger::new(world.clone())));
        let writer = writer::Writer {
            state,
            clock: Arc::clone(&clock),
            version: Some(version),
            ledger: Ledger::new(world),
            seen: Arc::clone(&seen),
            publish,
            stats: Arc::clone(&stats),
        };
        tokio::spawn(writer.run(jobs));
        Ok(Self {
            queue,
            seen,
            versions,
            stats,
            clock,
        })
    }

    /// Lets `rule` decide on the newest ledger, in its turn, and answers when its changes are durable.
    ///
    /// Cancel safe: a request whose asker is gone before its turn is not decided at all.
    ///
    /// # Errors
    /// What the rule refuses, or no database could store; or the database is gone.
    pub(crate) async fn decide<A, R>(&self, rule: R) -> Result<A, NotDone>
    where
        A: Send + 'static,
        R: FnOnce(&Ledger, UnixSeconds) -> Result<Decision<A>, Refusal> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |ledger, now| {
            if reply.is_closed() {
                return None;
            }
            // Whoever asked may go while it is decided; then nobody is told.
            let tell = move |outcome| drop(reply.send(outcome));
            let Some(ledger) = ledger else {
                tell(Err(NotDone::Unavailable));
                return None;
            };
            match rule(ledger, now).and_then(storable) {
                Ok(Decision { changes, answer }) => {
                    let answering: Answering = Box::new(move |durable| {
                        tell(if durable {
                            Ok(answer)
                        } else {
                            Err(NotDone::Unavailable)
                        });
                    });
                    Some((changes, answering))
                }
                Err(refusal) => {
                    tell(Err(refusal.into()));
                    Some((Vec::new(), Box::new(|_| {})))
                }
            }
        });
        let gone = NotDone::Unavailable;
        self.queue.send(job).await.map_err(|_| gone.clone())?;
        answer.await.unwrap_or(Err(gone))
    }

    /// What is committed, as it was seen last: at most a quarter of a second old, and never older than what this desk
    /// answered. Hold it shortly: commits wait for it.
    pub(crate) fn look(&self) -> RwLockReadGuard<'_, Ledger> {
        self.seen.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of each new version of what [`Desk::look`] shows.
    pub(crate) fn versions(&self) -> watch::Receiver<u64> {
        self.versions.clone()
    }

    /// The time by which is decided.
    pub(crate) fn now(&self) -> UnixSeconds {
        self.clock.now()
    }

    /// Its counters.
    pub(crate) fn stats(&self) -> &DeskStats {
        &self.stats
    }
}

/// Refuses what no database could store, alone: in a batch it would take the others with it.
fn storable<A>(decision: Decision<A>) -> Result<Decision<A>, Refusal> {
    let why = decision
        .changes
        .iter()
        .find_map(|change| server_state::check(change).err());
    why.map_or(Ok(decision), |why| {
        Err(Refusal::BadRequest(why.to_string()))
    })
}
