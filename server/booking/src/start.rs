//! Starting sessions: at once, or of a booking whose time has come; which server is asked, and which one next.
//!
//! The place is taken before the server is asked: the session is in the world in stage
//! [`SessionStage::Starting`], and holds its place whatever is decided meanwhile.

use crate::code::draw;
use crate::decision::{Caller, Decision, Refusal};
use crate::ledger::{Ledger, Place};
use crate::model::{
    Booking, Change, Code, EndReason, ServerId, ServerState, Session, SessionStage, UnixSeconds,
};
use crate::place::{Draft, Terms};
use crate::plan::{check_application, moves, span_of};
use crate::policy::Policy;
use crate::timeline::Span;

/// Ask this server to start this session; then call [`started`] or [`next_server`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// As it is stored, with the server that is to be asked.
    pub session: Session,
}

/// What follows when a server has refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another one is asked.
    Ask(Ask),
    /// Every one is taken or was asked: the session is over, tell `SERVERS_BUSY`.
    NoServer,
    /// The same, but it was booked: the booking stands again and may be tried again.
    Rebooked(Booking),
}

/// Takes a place for a session that starts at once and lasts the policy's `session_minutes`, if no promise falls into
/// that time. `application`: none means any that has room, in the order of their names, as the first stage asked.
///
/// # Errors
/// [`Refusal::Busy`], [`Refusal::NoCodeFree`], [`Refusal::BadRequest`] for an unknown application.
pub fn start(
    ledger: &Ledger,
    policy: &Policy,
    caller: &Caller,
    application: Option<&str>,
    token_hash: &str,
    candidates: &mut impl FnMut() -> Code,
) -> Result<Decision<Ask>, Refusal> {
    if let Some(name) = application {
        check_application(ledger, name)?;
    }
    let span = span_of(policy, caller.now, None)?;
    let terms = Terms {
        not_on: &[],
        starts_now: true,
    };
    let mut draft = Draft::new(ledger);
    let names = ledger.world().applications.keys();
    let (name, place) = names
        .filter(|name| application.is_none_or(|asked| asked == *name))
        .find_map(|name| Some((name, draft.find(name, span, terms)?)))
        .ok_or(Refusal::Busy)?;
    let session = Session {
        code: draw(ledger, candidates)?,
        application: name.clone(),
        server: ledger.id(place).clone(),
        starts_at: caller.now,
        ends_at: UnixSeconds(span.until),
        stage: SessionStage::Starting,
        address: None,
        token_hash: token_hash.to_owned(),
        booked: false,
    };
    let mut changes = moves(&draft, caller);
    put(&mut changes, caller, &session, "session_asked");
    Ok(Decision {
        changes,
        answer: Ask { session },
    })
}

/// Makes a session of a booking whose time has come. It goes to the server that was promised, or to another that has
/// room when that one is away or full.
///
/// # Errors
/// [`Refusal::NotExist`]; [`Refusal::NotStarted`] before its time; [`Refusal::Busy`] when no server can take it now:
/// the booking stands and may be tried again.
pub fn start_booking(
    ledger: &Ledger,
    policy: &Policy,
    caller: &Caller,
    code: Code,
    token_hash: &str,
) -> Result<Decision<Ask>, Refusal> {
    let booking = ledger
        .world()
        .bookings
        .get(&code)
        .ok_or(Refusal::NotExist)?;
    if is_over(policy, booking, caller.now) {
        return Err(Refusal::NotExist);
    }
    let early = i64::from(policy.early_start_seconds);
    let not_yet = Refusal::NotStarted {
        starts_at: booking.starts_at,
    };
    if caller.now.0 < booking.starts_at.0.saturating_sub(early) {
        return Err(not_yet);
    }
    let is_early = caller.now < booking.starts_at;
    let (changes, place) = match promised_place(ledger, booking, caller.now) {
        Some(place) => (Vec::new(), place),
        None if is_early => return Err(not_yet),
        None => {
            let mut draft = Draft::new(ledger);
            let own: Vec<Place> = ledger.place(&booking.server).into_iter().collect();
            let terms = Terms {
                not_on: &own,
                starts_now: true,
            };
            let span = Span {
                from: caller.now.0,
                until: booking.ends_at.0,
            };
            let place = draft
                .find(&booking.application, span, terms)
                .ok_or(Refusal::Busy)?;
            (moves(&draft, caller), place)
        }
    };
    let session = Session {
        code,
        application: booking.application.clone(),
        server: ledger.id(place).clone(),
        starts_at: caller.now,
        ends_at: booking.ends_at,
        stage: SessionStage::Starting,
        address: None,
        token_hash: token_hash.to_owned(),
        booked: true,
    };
    let mut changes = changes;
    changes.push(Change::RemoveBooking { code, why: None });
    put(&mut changes, caller, &session, "session_asked");
    Ok(Decision {
        changes,
        answer: Ask { session },
    })
}

/// The server that was asked has refused, or did not answer in time: another one, if there is one. `asked` are all that
/// were asked so far for this session, that one included. To ask the same server once more, as when a session there has
/// only just ended, nothing has to be decided: the place is still taken.
///
/// # Errors
/// [`Refusal::NotExist`] if no session with this code waits for a server (it has ended meanwhile).
pub fn next_server(
    ledger: &Ledger,
    policy: &Policy,
    caller: &Caller,
    code: Code,
    asked: &[ServerId],
) -> Result<Decision<Next>, Refusal> {
    let session = waiting(ledger, code)?;
    let refused: Vec<Place> = asked
        .iter()
        .chain([&session.server])
        .filter_map(|id| ledger.place(id))
        .collect();
    let terms = Terms {
        not_on: &refused,
        starts_now: true,
    };
    let span = Span {
        from: session.starts_at.0.min(caller.now.0),
        until: session.ends_at.0,
    };
    let mut draft = Draft::new(ledger);
    if let Some(place) = draft.find(&session.application, span, terms) {
        let mut session = session.clone();
        session.server = ledger.id(place).clone();
        let mut changes = moves(&draft, caller);
        put(&mut changes, caller, &session, "session_asked");
        return Ok(Decision {
            changes,
            answer: Next::Ask(Ask { session }),
        });
    }
    Ok(give_up(policy, caller, session))
}

/// Nobody can start it: a session that was booked becomes a booking again, another ends.
pub(crate) fn give_up(policy: &Policy, caller: &Caller, session: &Session) -> Decision<Next> {
    let code = session.code;
    let mut changes = vec![
        Change::RemoveSession {
            code,
            why: EndReason::NotStarted,
            at: caller.now,
        },
        caller.audit("session_not_started", &code.to_string(), &session.server.0),
    ];
    if !session.booked || session.ends_at <= caller.now {
        return Decision {
            changes,
            answer: Next::NoServer,
        };
    }
    let booking = Booking {
        code,
        application: session.application.clone(),
        server: session.server.clone(),
        starts_at: session.starts_at,
        ends_at: session.ends_at,
        time_zone: policy.time_zone.clone(),
        made_at: caller.now,
    };
    changes.push(Change::PutBooking(booking.clone()));
    Decision {
        changes,
        answer: Next::Rebooked(booking),
    }
}

/// The server that was asked runs the session, and says where users connect to.
///
/// # Errors
/// [`Refusal::NotExist`] if no session with this code waits for this server: it has ended meanwhile or went to another;
/// tell the server to end it.
pub fn started(
    ledger: &Ledger,
    caller: &Caller,
    code: Code,
    server: &ServerId,
    address: (String, u16),
) -> Result<Decision<Session>, Refusal> {
    let session = waiting(ledger, code)?;
    if session.server != *server {
        return Err(Refusal::NotExist);
    }
    let mut session = session.clone();
    session.stage = SessionStage::Running;
    session.address = Some(address);
    let mut changes = Vec::new();
    put(&mut changes, caller, &session, "session_started");
    Ok(Decision {
        changes,
        answer: session,
    })
}

/// Whether nobody may start a booking any more, though it is still in the world.
pub(crate) fn is_over(policy: &Policy, booking: &Booking, now: UnixSeconds) -> bool {
    let unused = booking
        .starts_at
        .0
        .saturating_add(i64::from(policy.unused_seconds));
    now.0 >= unused.min(booking.ends_at.0)
}

/// The place that a booking was promised, if its server can take the session now.
fn promised_place(ledger: &Ledger, booking: &Booking, now: UnixSeconds) -> Option<Place> {
    let place = ledger.place(&booking.server)?;
    let slot = ledger.slot(place);
    let takes = matches!(
        slot.state,
        Some(ServerState::Online | ServerState::Draining)
    );
    let before = Span {
        from: now.0,
        until: booking.starts_at.0,
    };
    let has_room = slot.sessions < slot.limit && slot.timeline.peak(before) < slot.limit;
    (takes && has_room).then_some(place)
}

fn waiting(ledger: &Ledger, code: Code) -> Result<&Session, Refusal> {
    ledger
        .world()
        .sessions
        .get(&code)
        .filter(|session| session.stage == SessionStage::Starting)
        .ok_or(Refusal::NotExist)
}

fn put(changes: &mut Vec<Change>, caller: &Caller, session: &Session, action: &str) {
    changes.push(Change::PutSession(session.clone()));
    let detail = format!("{} on {}", session.application, session.server.0);
    changes.push(caller.audit(action, &session.code.to_string(), &detail));
}
