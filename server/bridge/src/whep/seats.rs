//! The viewers that came through WHEP, each under an address that nobody can guess, until its connection ends or it is deleted.
//!
//! It must never know HTTP.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};

use crate::doors::Pass;
use crate::{Candidate, MAX_CANDIDATES, Viewer};

/// One viewer on its way in.
pub(super) struct Seat {
    pub(super) viewer: Viewer,
    pub(super) pass: Pass,
    /// The ICE user name of its offer, empty if it has none.
    pub(super) ufrag: String,
}

/// What the viewer is told about its seat.
pub(super) struct Taken {
    /// 128 random bits, 32 hexadecimal digits.
    pub(super) id: String,
    /// Of its ICE credentials, which never change.
    pub(super) etag: String,
}

/// Everybody. Dropping it ends all connections.
#[derive(Default)]
pub(super) struct Seats {
    table: Arc<Mutex<BTreeMap<String, Entry>>>,
}

struct Entry {
    etag: String,
    ufrag: String,
    candidates: mpsc::Sender<Candidate>,
    /// Dropped: the viewer is let go.
    _end: oneshot::Sender<()>,
}

impl Seats {
    pub(super) fn count(&self) -> usize {
        self.table().len()
    }

    /// From now on it ends with its connection, with [`Seats::remove`], or with all of them. `None`: there are as many as may be.
    pub(super) fn add(&self, seat: Seat) -> Option<Taken> {
        let taken = Taken {
            id: format!("{:032x}", rand::random::<u128>()),
            etag: format!("\"{:016x}\"", rand::random::<u64>()),
        };
        let (candidates, added) = mpsc::channel(MAX_CANDIDATES);
        let (end, ended) = oneshot::channel();
        let mut table = self.table();
        if table.len() >= super::MAX_VIEWERS {
            return None;
        }
        table.insert(
            taken.id.clone(),
            Entry {
                etag: taken.etag.clone(),
                ufrag: seat.ufrag,
                candidates,
                _end: end,
            },
        );
        drop(table);
        // Ends when the entry is dropped, whoever does it: a task of its own outlives no table.
        let (table, id) = (Arc::downgrade(&self.table), taken.id.clone());
        tokio::spawn(async move {
            watch(seat.viewer, added, ended).await;
            if let Some(table) = table.upgrade() {
                lock(&table).remove(&id);
            }
            drop(seat.pass);
        });
        Some(taken)
    }

    /// Lets a viewer go; `None`: there is none.
    pub(super) fn remove(&self, id: &str) -> Option<()> {
        self.table().remove(id).map(|_| ())
    }

    pub(super) fn etag(&self, id: &str) -> Option<String> {
        self.table().get(id).map(|entry| entry.etag.clone())
    }

    /// Whether a fragment speaks of other credentials than the viewer's.
    pub(super) fn is_of_other(&self, id: &str, ufrag: &str) -> bool {
        self.table().get(id).is_some_and(|entry| {
            !ufrag.is_empty() && !entry.ufrag.is_empty() && entry.ufrag != ufrag
        })
    }

    /// Hands candidates on; `false`: there is no room for so many.
    pub(super) fn add_candidates(&self, id: &str, candidates: Vec<Candidate>) -> bool {
        let table = self.table();
        let Some(entry) = table.get(id) else {
            return false;
        };
        candidates
            .into_iter()
            .all(|candidate| entry.candidates.try_send(candidate).is_ok())
    }

    fn table(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        lock(&self.table)
    }
}

/// Never held across an await.
fn lock(table: &Mutex<BTreeMap<String, Entry>>) -> MutexGuard<'_, BTreeMap<String, Entry>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks after a viewer until it is over.
async fn watch(
    mut viewer: Viewer,
    mut candidates: mpsc::Receiver<Candidate>,
    mut ended: oneshot::Receiver<()>,
) {
    loop {
        let candidate = tokio::select! {
            _ = &mut ended => return,
            event = viewer.next() => match event {
                Some(_) => continue,
                None => return,
            },
            Some(candidate) = candidates.recv() => candidate,
        };
        if let Err(why) = viewer.add_candidate(&candidate).await {
            tracing::debug!(%why, "a candidate is not used");
        }
    }
}
