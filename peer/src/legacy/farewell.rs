//! The end of a peer below an old server: first the old server is told, then the head gives the forest what it has in
//! hand, and only then the forest is left. So a block that the old server brought to its end is not lost.
//!
//! This file must never know how a block travels.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::server::OldServer;

/// How long the old server's name and goodbye may take at the end.
const GOODBYE_PATIENCE: Duration = Duration::from_secs(1);
/// How long a head may need for what it has in hand: a block that is still coming, its rows, and the children's word that
/// they have it. The forest waits that long for its next head, so not longer than a round of the old server.
const HANDS_PATIENCE: Duration = Duration::from_secs(2);

/// How far a farewell has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Step {
    /// Nobody leaves.
    #[default]
    None,
    /// The old server was told: nothing new comes.
    Told,
    /// Nothing is in hand.
    Empty,
}

/// Between the task of the forest and whoever ends it. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Farewell(Arc<watch::Sender<Step>>);

impl Farewell {
    /// Whether the old server was told, and what is in hand is all that will be.
    pub(super) fn is_told(&self) -> bool {
        *self.0.borrow() == Step::Told
    }

    /// Nothing is in hand, or nobody is left who would have it.
    pub(super) fn empty(&self) {
        self.0.send_replace(Step::Empty);
    }

    /// Tells the old server; where this peer is the head, waits until nothing is in hand. At most three seconds.
    /// Cancel-safe: the forest may be left at any time.
    pub(crate) async fn say(&self, server: &OldServer, is_head: bool) {
        goodbye(server).await;
        if !is_head {
            return;
        }
        let mut step = self.0.subscribe();
        self.0.send_if_modified(|step| {
            let new = *step == Step::None;
            if new {
                *step = Step::Told;
            }
            new
        });
        let emptied = step.wait_for(|step| *step == Step::Empty);
        if tokio::time::timeout(HANDS_PATIENCE, emptied).await.is_err() {
            tracing::warn!("left before every child had the newest block");
        }
    }
}

/// Tells the old server that nobody is here any more. At most a second.
pub(super) async fn goodbye(server: &OldServer) {
    // It forgets us by itself if it does not hear this.
    let _ = tokio::time::timeout(GOODBYE_PATIENCE, server.remove()).await;
}
