//! Ending: a booking is cancelled, a session is over because its server says so or an operator wants it.

use crate::decision::{Caller, Decision, Refusal};
use crate::ledger::Ledger;
use crate::model::{Change, Code, EndReason, ServerId};

/// What was ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its code.
    pub code: Code,
    /// The server to tell, if a session was there; none for a booking.
    pub server: Option<ServerId>,
    /// Why.
    pub why: EndReason,
}

/// Cancels a booking.
///
/// # Errors
/// [`Refusal::NotExist`]; [`Refusal::BadRequest`] for a session that has started.
pub fn cancel(ledger: &Ledger, caller: &Caller, code: Code) -> Result<Decision<Ended>, Refusal> {
    if ledger.world().bookings.contains_key(&code) {
        return Ok(booking_over(caller, code, EndReason::Cancelled));
    }
    if ledger.world().sessions.contains_key(&code) {
        return Err(Refusal::bad(
            "the session has started: it can be left, not cancelled",
        ));
    }
    Err(Refusal::NotExist)
}

/// Ends whatever has a code, as an operator does. The server of a session is still to be told.
///
/// # Errors
/// [`Refusal::NotExist`].
pub fn end(
    ledger: &Ledger,
    caller: &Caller,
    code: Code,
    why: EndReason,
) -> Result<Decision<Ended>, Refusal> {
    if ledger.world().bookings.contains_key(&code) {
        return Ok(booking_over(caller, code, why));
    }
    let session = ledger
        .world()
        .sessions
        .get(&code)
        .ok_or(Refusal::NotExist)?;
    Ok(session_over(caller, code, &session.server, why))
}

/// A session server says that a session there is over.
///
/// # Errors
/// [`Refusal::NotExist`] if the session is not known or is on another server: nothing is to be done.
pub fn session_ended(
    ledger: &Ledger,
    caller: &Caller,
    code: Code,
    server: &ServerId,
    why: EndReason,
) -> Result<Decision<Ended>, Refusal> {
    let session = ledger.world().sessions.get(&code);
    match session {
        Some(session) if session.server == *server => Ok(session_over(caller, code, server, why)),
        _ => Err(Refusal::NotExist),
    }
}

pub(crate) fn booking_over(caller: &Caller, code: Code, why: EndReason) -> Decision<Ended> {
    Decision {
        changes: vec![
            Change::RemoveBooking {
                code,
                why: Some(why),
            },
            caller.audit("booking_ended", &code.to_string(), word(why)),
        ],
        answer: Ended {
            code,
            server: None,
            why,
        },
    }
}

pub(crate) fn session_over(
    caller: &Caller,
    code: Code,
    server: &ServerId,
    why: EndReason,
) -> Decision<Ended> {
    Decision {
        changes: vec![
            Change::RemoveSession {
                code,
                why,
                at: caller.now,
            },
            caller.audit("session_ended", &code.to_string(), word(why)),
        ],
        answer: Ended {
            code,
            server: Some(server.clone()),
            why,
        },
    }
}

/// The reason in one word, as it is written in messages and in the audit.
#[must_use]
pub fn word(why: EndReason) -> &'static str {
    match why {
        EndReason::TimeOver => "time_over",
        EndReason::Empty => "empty",
        EndReason::Idle => "idle",
        EndReason::Operator => "operator",
        EndReason::Cancelled => "cancelled",
        EndReason::Unused => "unused",
        EndReason::NotStarted => "not_started",
        EndReason::ServerLost => "server_lost",
        EndReason::ApplicationEnded => "application_ended",
    }
}
