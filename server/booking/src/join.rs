//! What a code leads to: joining, and the state of a session or a booking. Nothing here changes anything.

use crate::extend::most_minutes;
use crate::ledger::Ledger;
use crate::model::{Code, SessionStage, UnixSeconds};
use crate::policy::Policy;
use crate::start::is_over;

/// What somebody finds who comes with a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Join {
    /// It runs.
    Running {
        /// The host and the port that users connect to.
        address: (String, u16),
        /// When its time is over.
        ends_at: UnixSeconds,
    },
    /// Somebody else has just started it: wait for the same answer.
    Starting,
    /// A booking before its time.
    NotStarted {
        /// When it may be started.
        starts_at: UnixSeconds,
    },
    /// A booking whose time has come: call [`crate::start::start_booking`].
    StartIt,
    /// Nothing has this code, or not any more.
    NotExist,
}

/// What a code leads to.
#[must_use]
pub fn join(ledger: &Ledger, policy: &Policy, now: UnixSeconds, code: Code) -> Join {
    if let Some(session) = ledger.world().sessions.get(&code) {
        return match &session.address {
            _ if session.ends_at <= now => Join::NotExist,
            Some(address) if session.stage == SessionStage::Running => Join::Running {
                address: address.clone(),
                ends_at: session.ends_at,
            },
            _ => Join::Starting,
        };
    }
    let Some(booking) = ledger.world().bookings.get(&code) else {
        return Join::NotExist;
    };
    if is_over(policy, booking, now) {
        return Join::NotExist;
    }
    let early = i64::from(policy.early_start_seconds);
    if now.0 < booking.starts_at.0.saturating_sub(early) {
        return Join::NotStarted {
            starts_at: booking.starts_at,
        };
    }
    Join::StartIt
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Booked.
    Planned,
    /// Its server was asked.
    Starting,
    /// It runs.
    Running,
}

/// The state of a session or a booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// How far it is.
    pub stage: Stage,
    /// What runs.
    pub application: String,
    /// Its first second.
    pub starts_at: UnixSeconds,
    /// The first second after it.
    pub ends_at: UnixSeconds,
    /// By how many minutes it may be extended, as things are; 0 for what does not run.
    pub can_extend_minutes: u32,
}

/// The state of what has a code; none if nothing has it.
#[must_use]
pub fn status(ledger: &Ledger, policy: &Policy, now: UnixSeconds, code: Code) -> Option<Status> {
    if let Some(session) = ledger.world().sessions.get(&code) {
        if session.ends_at <= now {
            return None;
        }
        let runs = session.stage == SessionStage::Running;
        return Some(Status {
            stage: if runs {
                Stage::Running
            } else {
                Stage::Starting
            },
            application: session.application.clone(),
            starts_at: session.starts_at,
            ends_at: session.ends_at,
            can_extend_minutes: if runs {
                most_minutes(ledger, policy, now, session)
            } else {
                0
            },
        });
    }
    let booking = ledger.world().bookings.get(&code)?;
    (!is_over(policy, booking, now)).then(|| Status {
        stage: Stage::Planned,
        application: booking.application.clone(),
        starts_at: booking.starts_at,
        ends_at: booking.ends_at,
        can_extend_minutes: 0,
    })
}
