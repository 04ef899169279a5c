//! The desk's one task: transactions, one after the other, and what readers see of them.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use server_booking::Ledger;
use server_booking::model::{Change, World};
use server_state::{State, StateError};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::{DeskStats, Job};
use crate::clock::Clock;

/// Requests that are decided in one transaction at most, so that the first of them does not wait for long. A guess.
const BATCH: usize = 256;
/// How often changes of other coordinators are looked for.
const LOOK: Duration = Duration::from_millis(250);

pub(super) struct Writer {
    pub(super) state: State,
    pub(super) clock: Arc<Clock>,
    /// The version of `ledger`; none when it is not known what the database holds.
    pub(super) version: Option<u64>,
    /// What is decided upon; runs ahead of the database while a batch is decided.
    pub(super) ledger: Ledger,
    /// What others may see: what is committed.
    pub(super) seen: Arc<RwLock<Ledger>>,
    pub(super) publish: watch::Sender<u64>,
    pub(super) stats: Arc<DeskStats>,
}

impl Writer {
    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                biased;
                taken = jobs.recv_many(&mut batch, BATCH) => {
                    if taken == 0 {
                        return;
                    }
                    let outcome = self.decide(&mut batch).await;
                    self.note(outcome);
                    // Those that were not reached: nothing is known to decide upon.
                    for job in batch.drain(..) {
                        self.stats.unavailable.fetch_add(1, Ordering::Relaxed);
                        job(None, self.clock.now());
                    }
                }
                _ = look.tick() => {
                    let outcome = self.refresh().await;
                    self.note(outcome);
                }
            }
        }
    }

    /// Decides all of the batch in one transaction. What is left in the batch after an error was not decided.
    async fn decide(&mut self, batch: &mut Vec<Job>) -> Result<(), StateError> {
        let state = self.state.clone();
        let mut transaction = state.begin().await?;
        let version = transaction.version();
        if self.version != Some(version) {
            let world = transaction.load().await?;
            self.take(version, world);
        }
        let now = self.clock.now();
        let mut changes = Vec::new();
        let mut answers = Vec::with_capacity(batch.len());
        for job in batch.drain(..) {
            if let Some((more, answering)) = job(Some(&self.ledger), now) {
                self.ledger.apply_all(&more);
                changes.extend(more);
                answers.push(answering);
            }
        }
        // Until the database says so, the changed ledger is only a wish.
        self.version = None;
        let outcome = transaction.commit(&changes).await;
        if let Ok(version) = outcome {
            self.version = Some(version);
            if !changes.is_empty() {
                self.stats.commits.fetch_add(1, Ordering::Relaxed);
                self.show(version, &changes);
            }
        }
        let counter = match outcome {
            Ok(_) => &self.stats.decided,
            Err(_) => &self.stats.unavailable,
        };
        counter.fetch_add(answers.len() as u64, Ordering::Relaxed);
        for answering in answers {
            answering(outcome.is_ok());
        }
        outcome.map(|_| ())
    }

    /// Looks whether somebody else changed the world.
    async fn refresh(&mut self) -> Result<(), StateError> {
        if self.version != Some(self.state.version().await?) {
            let (version, world) = self.state.load().await?;
            self.take(version, world);
        }
        Ok(())
    }

    fn take(&mut self, version: u64, world: World) {
        self.ledger.replace(world.clone());
        self.version = Some(version);
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        seen.replace(world);
        drop(seen);
        self.publish.send_replace(version);
    }

    fn show(&self, version: u64, changes: &[Change]) {
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        seen.apply_all(changes);
        drop(seen);
        self.publish.send_replace(version);
    }

    fn note(&self, outcome: Result<(), StateError>) {
        let was_up = self
            .stats
            .database_up
            .swap(outcome.is_ok(), Ordering::Relaxed);
        match outcome {
            Err(why) if was_up => {
                tracing::error!(%why, "requests are refused until the database is back");
            }
            Ok(()) if !was_up => tracing::info!("the database is back"),
            _ => {}
        }
    }
}
