//! Which times of a day are free.

use crate::decision::Refusal;
use crate::ledger::Ledger;
use crate::model::UnixSeconds;
use crate::place::Draft;
use crate::plan::{bad_time, check_application, check_when, span_of, zone_of};
use crate::policy::Policy;
use crate::time;

/// What is asked for, as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlotsRequest {
    /// Its name; none: any of them.
    pub application: Option<String>,
    /// `day/month/year` or `YYYY-MM-DD`.
    pub date: String,
    /// An IANA name; none: the policy's.
    pub time_zone: Option<String>,
    /// None: the policy's `session_minutes`.
    pub minutes: Option<u32>,
}

/// A time that can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// `14:00`; the second of two equal times with its offset, `02:30+01:00`. A plan takes it as it is.
    pub time: String,
    /// The second that it means.
    pub starts_at: UnixSeconds,
    /// Whether a plan would be granted, as things are. All slots of a day together have one plan's share of
    /// [`crate::limits::MAX_CLEARINGS`]; when they have used it up, a slot that only moves would free is not shown as
    /// free.
    pub free: bool,
}

/// The slots of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// `YYYY-MM-DD`.
    pub date: String,
    /// The zone's name as the database writes it.
    pub time_zone: String,
    /// How long each is asked for.
    pub minutes: u32,
    /// In the order of time; none on a day that a zone has jumped over.
    pub slots: Vec<Slot>,
}

/// The slots of a day in a zone, and which are free. Those that are past or too far ahead are not.
///
/// # Errors
/// [`Refusal::BadRequest`] for what is unknown, not a date or out of bounds.
pub fn free_slots(
    ledger: &Ledger,
    policy: &Policy,
    now: UnixSeconds,
    request: &SlotsRequest,
) -> Result<Day, Refusal> {
    let zone = zone_of(policy, request.time_zone.as_deref())?;
    let date = time::date(&request.date).map_err(bad_time)?;
    let minutes = request.minutes.unwrap_or(policy.session_minutes);
    span_of(policy, now, Some(minutes))?;
    if let Some(name) = &request.application {
        check_application(ledger, name)?;
    }
    let names = ledger.world().applications.keys();
    let names: Vec<&String> = names
        .filter(|name| {
            let asked = request.application.as_ref();
            asked.is_none_or(|asked| asked == *name)
        })
        .collect();
    let mut draft = Draft::new(ledger);
    let room =
        u32::try_from(ledger.world().bookings.len()).unwrap_or(u32::MAX) < policy.max_bookings;
    let mut slots = Vec::new();
    for starts_at in time::grid(date, policy.slot_minutes, &zone) {
        let span = span_of(policy, starts_at, Some(minutes))?;
        let free = room
            && check_when(policy, now, starts_at).is_ok()
            && names.iter().any(|name| draft.has_room(name, span));
        slots.push(Slot {
            time: time::label(starts_at, &zone),
            starts_at,
            free,
        });
    }
    Ok(Day {
        date: date.to_string(),
        time_zone: time::zone_name(&zone),
        minutes,
        slots,
    })
}
