//! `sessions_planned.json`: the bookings, in the form that this program writes and in those that came before it.
//!
//! Times are seconds since 1970, or a date and a time of a time zone. This file must never know the rules by which
//! bookings are made.

use std::collections::BTreeMap;

use server_booking::Policy;
use server_booking::model::{Booking, Change, Code, ServerId, UnixSeconds};
use server_booking::time;

use super::document::{At, ImportError};
use super::{checked, servers};

const SECONDS: &str = "seconds since 1970, as a number or a text";

/// A server that bookings can go to whose file does not say to which: older installations only counted.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) server: ServerId,
    pub(crate) applications: Vec<String>,
    pub(crate) limit: u32,
}

/// Reads the bookings: a list, or what stands under `planned` of the file that the coordinator writes.
///
/// One without a server goes to the first of the places that has room then; one without an application is of the only
/// one that the places have.
pub(crate) fn bookings(
    whole: &At<'_>,
    policy: &Policy,
    places: &[Place],
) -> Result<Vec<Booking>, ImportError> {
    let list = match whole.list().is_some() || whole.find(&["code"]).is_some() {
        true => whole.clone(),
        false => whole.need(&["planned"])?,
    };
    let mut settled = Vec::new();
    let mut homeless = Vec::new();
    for entry in list.entries()? {
        match booking(&entry, policy, places)? {
            (booking, true) => settled.push(checked(&entry, booking, Change::PutBooking)?),
            (booking, false) => homeless.push((entry, booking)),
        }
    }
    for (entry, mut booking) in homeless {
        booking.server = room(&settled, &booking, places).ok_or_else(|| {
            entry.fault(&format!(
                "\"server_name\" is missing, and no server in servers.json that runs {:?} has room then",
                booking.application
            ))
        })?;
        settled.push(checked(&entry, booking, Change::PutBooking)?);
    }
    Ok(settled)
}

/// The first server that has room for a booking beside the others.
fn room(others: &[Booking], new: &Booking, places: &[Place]) -> Option<ServerId> {
    let place = places.iter().find(|place| {
        // Those that meet this one may not all meet each other: then a place is thought taken that is free.
        let meeting = others.iter().filter(|other| {
            other.server == place.server
                && other.starts_at < new.ends_at
                && new.starts_at < other.ends_at
        });
        place.applications.contains(&new.application)
            && meeting.count() < usize::try_from(place.limit).unwrap_or(usize::MAX)
    });
    place.map(|place| place.server.clone())
}

/// The only application that there is.
fn only_application(places: &[Place]) -> Option<String> {
    let mut names = places.iter().flat_map(|place| &place.applications);
    let first = names.next()?;
    names.all(|name| name == first).then(|| first.clone())
}

/// What no booking of ours can be: two of one code, an end that is not after the beginning.
pub(super) fn check(whole: &At<'_>, bookings: &[Booking]) -> Result<(), ImportError> {
    let mut codes = BTreeMap::new();
    for (booking, number) in bookings.iter().zip(1..) {
        if let Some(first) = codes.insert(booking.code, number) {
            return Err(whole.fault(&format!(
                "entry {number}, code: {} is that of entry {first} already; a code is planned once",
                booking.code
            )));
        }
        if booking.ends_at <= booking.starts_at {
            return Err(whole.fault(&format!(
                "entry {number}, ends_at: {} is not after starts_at, {}",
                booking.ends_at.0, booking.starts_at.0
            )));
        }
    }
    Ok(())
}

/// A booking, and whether its server is said.
fn booking(
    entry: &At<'_>,
    policy: &Policy,
    places: &[Place],
) -> Result<(Booking, bool), ImportError> {
    let zone = match entry.find(&["tz", "time_zone"]) {
        Some(at) => at.text()?,
        None => policy.time_zone.clone(),
    };
    let starts_at = match entry.find(&["starts_at"]) {
        Some(at) => UnixSeconds(at.number(SECONDS)?),
        None => written(entry, &zone)?,
    };
    let ends_at = match entry.find(&["ends_at"]) {
        Some(at) => UnixSeconds(at.number(SECONDS)?),
        None => {
            let minutes: u32 = match entry.find(&["duration_minutes"]) {
                Some(at) => at.number("a number of minutes, as a number or a text")?,
                None => policy.session_minutes,
            };
            UnixSeconds(starts_at.0.saturating_add(i64::from(minutes) * 60))
        }
    };
    let named = entry.keys().into_iter().find(|key| servers::is_name(key));
    let server = entry
        .find(&[named.unwrap_or("server_name"), "server"])
        .map(|at| at.text())
        .transpose()?;
    let application = match entry.find(&["rc_name", "application"]) {
        Some(at) => at.text()?,
        None => only_application(places).ok_or_else(|| {
            entry.fault("\"rc_name\" is missing, and servers.json does not name just one")
        })?,
    };
    let is_settled = server.is_some();
    let booking = Booking {
        code: code(&entry.need(&["code"])?)?,
        application,
        server: ServerId(server.unwrap_or_default()),
        starts_at,
        ends_at,
        time_zone: zone,
        made_at: match entry.find(&["made_at"]) {
            Some(at) => UnixSeconds(at.number(SECONDS)?),
            None => UnixSeconds(0),
        },
    };
    Ok((booking, is_settled))
}

/// Four digits, as a text or as the number that they are.
fn code(at: &At<'_>) -> Result<Code, ImportError> {
    const ACCEPTED: &str = "four digits, 0000 to 9999, as a text or a number";
    let number = at.number(ACCEPTED)?;
    Code::new(number).ok_or_else(|| at.fault(&format!("{number} is not accepted: {ACCEPTED}")))
}

/// `date` and `time`, as people write them.
fn written(entry: &At<'_>, zone: &str) -> Result<UnixSeconds, ImportError> {
    let date_at = entry
        .find(&["date"])
        .ok_or_else(|| entry.fault("\"starts_at\" is missing, or \"date\" and \"time\""))?;
    let time_at = entry.need(&["time"])?;
    let date = time::date(&date_at.text()?).map_err(|e| date_at.fault(&e.to_string()))?;
    let at = time::time_of_day(&time_at.text()?).map_err(|e| time_at.fault(&e.to_string()))?;
    let zone = time::zone(zone).map_err(|e| entry.fault(&e.to_string()))?;
    time::second(date, at, &zone).map_err(|e| entry.fault(&e.to_string()))
}
