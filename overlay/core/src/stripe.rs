//! A node's place in one stripe's tree, seen as a child: its parent, its tick, and its search for a (better) parent.

use crate::id::{Contact, PeerId};
use crate::io::Cause;
use crate::tick::Tick;
use crate::time::Time;
use crate::wire::Candidate;

/// Candidates that wait to be asked: two messages' worth and all links that matter. A guess.
pub(crate) const MAX_QUEUE: usize = 32;
/// Peers asked in one search before it ends: bounds a search among stale candidates. A guess.
pub(crate) const MAX_ASKED: usize = 48;

/// Why a search runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The stripe has no parent, or a suspected one.
    Need,
    /// The parent asked us to go elsewhere.
    Asked,
    /// A better place is looked for.
    Improve,
}

/// A search for a parent: one candidate is asked at a time, and a redirect leads on.
#[derive(Debug)]
pub(crate) struct Search {
    pub(crate) purpose: Purpose,
    /// Ask beyond soft budgets.
    pub(crate) urgent: bool,
    pub(crate) queue: Vec<Candidate>,
    pub(crate) asked: Vec<PeerId>,
    pub(crate) asking: Option<Asking>,
    /// Asked before and still free to accept: an urgent search does not wait long before it asks the next one, too.
    pub(crate) hedged: Vec<(PeerId, Time)>,
    pub(crate) started: Time,
}

/// The candidate that is being asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking {
    pub(crate) peer: PeerId,
    /// When the next one is asked instead.
    pub(crate) deadline: Time,
    /// `Attach` was sent; before that, the link is being made. While it is sent, the stripe's tick is held still.
    pub(crate) sent: bool,
}

impl Search {
    pub(crate) fn new(purpose: Purpose, urgent: bool, now: Time) -> Self {
        Self {
            purpose,
            urgent,
            queue: Vec::new(),
            asked: Vec::new(),
            asking: None,
            hedged: Vec::new(),
            started: now,
        }
    }

    /// Whether `peer` was asked and may still accept.
    pub(crate) fn awaits(&self, peer: PeerId) -> bool {
        self.asking
            .is_some_and(|asking| asking.peer == peer && asking.sent)
            || self.hedged.iter().any(|(id, _)| *id == peer)
    }

    /// Everybody who was asked and may still accept.
    pub(crate) fn asked_and_free_to_accept(&self) -> Vec<PeerId> {
        let asking = self.asking.filter(|asking| asking.sent);
        let asking = asking.map(|asking| asking.peer);
        asking
            .into_iter()
            .chain(self.hedged.iter().map(|(id, _)| *id))
            .collect()
    }

    /// When something must be done if no answer comes.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.asking
            .map(|asking| asking.deadline)
            .into_iter()
            .chain(self.hedged.iter().map(|(_, until)| *until))
            .min()
    }

    /// Adds candidates that were neither asked nor queued, within the bound.
    pub(crate) fn offer(&mut self, candidates: impl IntoIterator<Item = Candidate>) {
        for candidate in candidates {
            let id = candidate.contact.id;
            let known =
                self.asked.contains(&id) || self.queue.iter().any(|queued| queued.contact.id == id);
            if !known && self.queue.len() < MAX_QUEUE {
                self.queue.push(candidate);
            }
        }
    }
}

/// What happened to a parent that is being replaced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Orphaned {
    pub(crate) cause: Cause,
    /// The old parent's last sign.
    pub(crate) since: Time,
}

/// One stripe.
#[derive(Debug)]
pub(crate) struct Stripe {
    pub(crate) tick: Tick,
    pub(crate) tick_at: Time,
    pub(crate) depth: u16,
    pub(crate) parent: Option<PeerId>,
    pub(crate) orphaned: Option<Orphaned>,
    pub(crate) search: Option<Search>,
    pub(crate) backup: Option<Contact>,
    pub(crate) alternates: Vec<Candidate>,
    pub(crate) siblings: Vec<Candidate>,
    /// Not searched for a parent before this time; failures in a row make it later.
    pub(crate) next_try: Time,
    pub(crate) failures: u32,
    /// Not improved before this time.
    pub(crate) next_improve: Time,
    pub(crate) improve_failures: u32,
    /// Whom `Seek` was sent to, or will be when the link stands, and how many more may be asked.
    pub(crate) seeking: Option<(PeerId, u8)>,
}

impl Stripe {
    pub(crate) fn new(now: Time) -> Self {
        Self {
            tick: Tick::default(),
            tick_at: now,
            depth: 0,
            parent: None,
            orphaned: None,
            search: None,
            backup: None,
            alternates: Vec::new(),
            siblings: Vec::new(),
            next_try: now,
            failures: 0,
            next_improve: now,
            improve_failures: 0,
            seeking: None,
        }
    }

    /// Whether the tick is held still because a candidate was told it.
    pub(crate) fn frozen(&self) -> bool {
        self.search.as_ref().is_some_and(|search| {
            search.asking.is_some_and(|asking| asking.sent) || !search.hedged.is_empty()
        })
    }

    /// Whom the search is asking now.
    pub(crate) fn asking(&self) -> Option<PeerId> {
        self.search
            .as_ref()
            .and_then(|search| search.asking)
            .map(|asking| asking.peer)
    }
}
