//! What every rule takes and gives: who asks and when; the changes and the answer, or why not.

use crate::limits::cut;
use crate::model::{AuditEntry, Change, UnixSeconds};

/// Who asks, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller<'a> {
    /// The time at which the request is decided.
    pub now: UnixSeconds,
    /// For the audit: an address, `operator`, `coordinator`, the name of a session server.
    pub actor: &'a str,
}

impl Caller<'_> {
    /// An entry for the operator.
    pub(crate) fn audit(&self, action: &str, subject: &str, detail: &str) -> Change {
        Change::Audit(AuditEntry {
            at: self.now,
            actor: cut(self.actor),
            action: action.to_owned(),
            subject: cut(subject),
            detail: cut(detail),
        })
    }
}

/// An answer, and what makes it true. Without changes nothing has to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the answer is true only once the changes are stored and applied"]
pub struct Decision<A> {
    /// In this order, all or none.
    pub changes: Vec<Change>,
    /// To be told after the changes are durable.
    pub answer: A,
}

/// Why a request is not granted; nothing changes then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Every place is taken at that time.
    #[error("every session server of that application is taken at that time")]
    Busy,
    /// Every code is in use, or as many bookings are made as the policy allows.
    #[error("no connection code is free: ask again when a session has ended")]
    NoCodeFree,
    /// No session and no booking has that code, or no server has that name.
    #[error("there is no such session")]
    NotExist,
    /// The booking's time has not come.
    #[error("the session has not started yet")]
    NotStarted {
        /// When it may be started.
        starts_at: UnixSeconds,
    },
    /// The request itself is wrong; for people, in one line.
    #[error("{0}")]
    BadRequest(String),
}

impl Refusal {
    /// A request that is wrong in itself.
    pub(crate) fn bad(reason: impl Into<String>) -> Self {
        Self::BadRequest(reason.into())
    }
}
