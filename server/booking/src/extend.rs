//! Extending a session that runs, while the time after it is free.

use crate::decision::{Caller, Decision, Refusal};
use crate::ledger::{Ledger, Place};
use crate::model::{Change, Code, ServerId, ServerState, Session, SessionStage, UnixSeconds};
use crate::place::Draft;
use crate::plan::moves;
use crate::policy::Policy;
use crate::timeline::Span;

/// A session lasts longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extended {
    /// The server to tell.
    pub server: ServerId,
    /// The new end.
    pub ends_at: UnixSeconds,
}

/// Extends a session that runs. Bookings that are in the way move to another server if they can.
///
/// # Errors
/// [`Refusal::NotExist`] if no session with this code runs; [`Refusal::Busy`] if the time after it is promised;
/// [`Refusal::BadRequest`] for more than the policy allows, or a server that is being emptied.
pub fn extend(
    ledger: &Ledger,
    policy: &Policy,
    caller: &Caller,
    code: Code,
    minutes: u32,
) -> Result<Decision<Extended>, Refusal> {
    let world = ledger.world();
    let session = match world.sessions.get(&code) {
        Some(session) if session.ends_at > caller.now => session,
        None if world.bookings.contains_key(&code) => {
            return Err(Refusal::bad(
                "the session has not started yet: only one that runs can be extended",
            ));
        }
        _ => return Err(Refusal::NotExist),
    };
    if session.stage != SessionStage::Running {
        return Err(Refusal::bad(
            "the session is being started: ask again when it runs",
        ));
    }
    let most = allowed_minutes(policy, session);
    if minutes == 0 || minutes > most {
        return Err(Refusal::bad(format!(
            "{minutes} minutes cannot be added: a session lasts at most {} minutes, {most} are left",
            policy.max_session_minutes
        )));
    }
    let place = open_place(ledger, session).ok_or_else(|| {
        Refusal::bad("the session server takes nothing new: the session cannot be extended")
    })?;
    let span = after(session, minutes);
    let mut draft = Draft::new(ledger);
    if !draft.make_room(place, span) {
        return Err(Refusal::Busy);
    }
    let mut session = session.clone();
    session.ends_at = UnixSeconds(span.until);
    let mut changes = moves(&draft, caller);
    let extended = Extended {
        server: session.server.clone(),
        ends_at: session.ends_at,
    };
    changes.push(Change::PutSession(session));
    changes.push(caller.audit(
        "session_extended",
        &code.to_string(),
        &format!("by {minutes} minutes"),
    ));
    Ok(Decision {
        changes,
        answer: extended,
    })
}

/// By how many minutes a session may be extended: as far as its server is free, or one slot if moves free it.
pub(crate) fn most_minutes(
    ledger: &Ledger,
    policy: &Policy,
    now: UnixSeconds,
    session: &Session,
) -> u32 {
    let allowed = allowed_minutes(policy, session);
    let Some(place) = open_place(ledger, session) else {
        return 0;
    };
    if allowed == 0 || session.ends_at <= now {
        return 0;
    }
    let slot = ledger.slot(place);
    let all = after(session, allowed);
    let Some(taken) = slot.timeline.first_at_least(all, slot.limit) else {
        return allowed;
    };
    let free = u32::try_from((taken - all.from) / 60).unwrap_or(0);
    let one = policy.slot_minutes.min(allowed);
    if free < one && Draft::new(ledger).make_room(place, after(session, one)) {
        return one;
    }
    free
}

fn allowed_minutes(policy: &Policy, session: &Session) -> u32 {
    let lasts = session.ends_at.0.saturating_sub(session.starts_at.0);
    let most = i64::from(policy.max_session_minutes) * 60;
    u32::try_from(most.saturating_sub(lasts) / 60).unwrap_or(0)
}

/// The session's server, if it takes something new.
fn open_place(ledger: &Ledger, session: &Session) -> Option<Place> {
    ledger
        .place(&session.server)
        .filter(|place| ledger.slot(*place).state == Some(ServerState::Online))
}

fn after(session: &Session, minutes: u32) -> Span {
    Span {
        from: session.ends_at.0,
        until: session.ends_at.0.saturating_add(i64::from(minutes) * 60),
    }
}
