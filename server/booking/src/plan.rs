//! Booking a place for a later time.

use crate::code::draw;
use crate::decision::{Caller, Decision, Refusal};
use crate::ledger::Ledger;
use crate::limits::check_name;
use crate::model::{Booking, Change, Code, UnixSeconds};
use crate::place::{Draft, Terms};
use crate::policy::Policy;
use crate::time;
use crate::timeline::Span;

/// What is asked for, as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanRequest {
    /// None: any that has room, in the order of their names, as the first stage asked.
    pub application: Option<String>,
    /// `day/month/year` or `YYYY-MM-DD`.
    pub date: String,
    /// `HH:MM`, see [`time::time_of_day`].
    pub time: String,
    /// An IANA name; none: the policy's.
    pub time_zone: Option<String>,
    /// None: the policy's `session_minutes`.
    pub minutes: Option<u32>,
}

/// A booking was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// As it is stored.
    pub booking: Booking,
}

/// Books a place. Other bookings may move to another server to make room; their codes and times stay.
///
/// # Errors
/// [`Refusal::Busy`], [`Refusal::NoCodeFree`]; [`Refusal::BadRequest`] for an unknown application or zone, a time that
/// does not exist, is past or too far ahead, a duration that is out of bounds.
pub fn plan(
    ledger: &Ledger,
    policy: &Policy,
    caller: &Caller,
    request: &PlanRequest,
    candidates: &mut impl FnMut() -> Code,
) -> Result<Decision<Planned>, Refusal> {
    let zone = zone_of(policy, request.time_zone.as_deref())?;
    let date = time::date(&request.date).map_err(bad_time)?;
    let at = time::time_of_day(&request.time).map_err(bad_time)?;
    let starts_at = time::second(date, at, &zone).map_err(bad_time)?;
    let span = span_of(policy, starts_at, request.minutes)?;
    check_when(policy, caller.now, starts_at)?;
    if let Some(name) = &request.application {
        check_application(ledger, name)?;
    }
    let most = usize::try_from(policy.max_bookings).unwrap_or(usize::MAX);
    if ledger.world().bookings.len() >= most {
        return Err(Refusal::NoCodeFree);
    }
    let mut draft = Draft::new(ledger);
    let names = ledger.world().applications.keys();
    let (application, place) = names
        .filter(|name| {
            let asked = request.application.as_ref();
            asked.is_none_or(|asked| asked == *name)
        })
        .find_map(|name| Some((name, draft.find(name, span, Terms::default())?)))
        .ok_or(Refusal::Busy)?;
    let booking = Booking {
        code: draw(ledger, candidates)?,
        application: application.clone(),
        server: ledger.id(place).clone(),
        starts_at,
        ends_at: UnixSeconds(span.until),
        time_zone: time::zone_name(&zone),
        made_at: caller.now,
    };
    let mut changes = moves(&draft, caller);
    let detail = format!(
        "{} on {}, {} to {}",
        booking.application, booking.server.0, booking.starts_at.0, booking.ends_at.0
    );
    changes.push(Change::PutBooking(booking.clone()));
    changes.push(caller.audit("booking_made", &booking.code.to_string(), &detail));
    Ok(Decision {
        changes,
        answer: Planned { booking },
    })
}

/// The changes that a draft's moves are, with their entries for the operator.
pub(crate) fn moves(draft: &Draft, caller: &Caller) -> Vec<Change> {
    let mut changes = draft.changes();
    let entries: Vec<Change> = changes
        .iter()
        .filter_map(|change| match change {
            Change::PutBooking(moved) => {
                let detail = format!("to {}", moved.server.0);
                Some(caller.audit("booking_moved", &moved.code.to_string(), &detail))
            }
            _ => None,
        })
        .collect();
    changes.extend(entries);
    changes
}

/// The zone that is asked for, or the policy's.
pub(crate) fn zone_of(policy: &Policy, name: Option<&str>) -> Result<jiff::tz::TimeZone, Refusal> {
    time::zone(name.unwrap_or(&policy.time_zone)).map_err(bad_time)
}

/// The span of a booking or a session that lasts as long as asked, or as the policy says.
pub(crate) fn span_of(
    policy: &Policy,
    starts_at: UnixSeconds,
    minutes: Option<u32>,
) -> Result<Span, Refusal> {
    let minutes = minutes.unwrap_or(policy.session_minutes);
    if minutes == 0 || minutes > policy.max_session_minutes {
        return Err(Refusal::bad(format!(
            "{minutes} minutes cannot be asked for: 1 to {} are possible",
            policy.max_session_minutes
        )));
    }
    Ok(Span {
        from: starts_at.0,
        until: starts_at.0.saturating_add(i64::from(minutes) * 60),
    })
}

/// Refuses what is past (the minute that runs is not) and what is too far ahead.
pub(crate) fn check_when(
    policy: &Policy,
    now: UnixSeconds,
    starts_at: UnixSeconds,
) -> Result<(), Refusal> {
    if starts_at.0.saturating_add(60) <= now.0 {
        return Err(Refusal::bad("that time is past"));
    }
    let ahead = i64::from(policy.max_days_ahead) * 24 * 3600;
    if starts_at.0 > now.0.saturating_add(ahead) {
        return Err(Refusal::bad(format!(
            "that time is too far ahead: at most {} days are possible",
            policy.max_days_ahead
        )));
    }
    Ok(())
}

/// Refuses an application that is not known.
pub(crate) fn check_application(ledger: &Ledger, name: &str) -> Result<(), Refusal> {
    check_name("the application's name", name)?;
    if ledger.world().applications.contains_key(name) {
        return Ok(());
    }
    Err(Refusal::bad(format!(
        "application {name:?} is not known; GET_SERVERS lists those that are"
    )))
}

/// A time that means no second.
pub(crate) fn bad_time(error: time::TimeError) -> Refusal {
    Refusal::bad(error.to_string())
}
