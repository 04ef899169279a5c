//! Dates, times and zones as people write them, and which second they mean.
//!
//! Zones come from the database that is built in, so that every coordinator means the same second. This file must never
//! know what time it is.

use std::sync::OnceLock;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};

use crate::model::UnixSeconds;

/// Bytes of a date, a time or the name of a zone that are looked at; the longest name has half of them.
const MAX_BYTES: usize = 64;

/// Why a date or a time means no second; for people, in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not written as a date.
    #[error("{0:?} is not a date: day/month/year, such as 28/02/2027")]
    NotADate(String),
    /// No calendar has it.
    #[error("there is no day {0}")]
    NoSuchDay(String),
    /// Not written as a time.
    #[error("{0:?} is not a time: hours:minutes from 00:00 to 23:59, such as 09:30")]
    NotATime(String),
    /// No such zone.
    #[error("{0:?} is not a time zone: an IANA name, such as Europe/Moscow")]
    NotAZone(String),
    /// The clocks jump over it.
    #[error("{time} on {date} does not exist in {zone}: the clocks are put forward over it")]
    Skipped {
        /// The date.
        date: String,
        /// The time.
        time: String,
        /// Where.
        zone: String,
    },
    /// Another offset is in force then.
    #[error("{time} on {date} is not at UTC{offset} in {zone}")]
    OtherOffset {
        /// The date.
        date: String,
        /// The time.
        time: String,
        /// The offset that was given.
        offset: String,
        /// Where.
        zone: String,
    },
}

/// A time of day to the minute; of a time that exists twice, with the offset that says which is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOfDay {
    pub(crate) time: Time,
    pub(crate) offset: Option<Offset>,
}

/// Reads `day/month/year` or `YYYY-MM-DD`.
///
/// # Errors
/// [`TimeError::NotADate`], [`TimeError::NoSuchDay`].
pub fn date(text: &str) -> Result<Date, TimeError> {
    let bad = || TimeError::NotADate(shown(text));
    let (year, month, day) = if let Some((day, rest)) = text.split_once('/') {
        let (month, year) = rest.split_once('/').ok_or_else(bad)?;
        (year, month, day)
    } else {
        let (year, rest) = text.split_once('-').ok_or_else(bad)?;
        let (month, day) = rest.split_once('-').ok_or_else(bad)?;
        (year, month, day)
    };
    let number = |text: &str, digits: std::ops::RangeInclusive<usize>| {
        digits_of(text, digits).ok_or_else(bad)
    };
    let (year, month, day) = (
        number(year, 4..=4)?,
        number(month, 1..=2)?,
        number(day, 1..=2)?,
    );
    let narrow = |number: i16| i8::try_from(number).ok();
    narrow(month)
        .zip(narrow(day))
        .and_then(|(month, day)| Date::new(year, month, day).ok())
        .ok_or_else(|| TimeError::NoSuchDay(shown(text)))
}

/// Reads `HH:MM`, or `HH:MM+HH:MM` with the offset from UTC, as [`label`] writes it.
///
/// # Errors
/// [`TimeError::NotATime`].
pub fn time_of_day(text: &str) -> Result<TimeOfDay, TimeError> {
    let bad = || TimeError::NotATime(shown(text));
    let (clock, offset) = match text.find(['+', '-']) {
        Some(sign) => (&text[..sign], Some(&text[sign..])),
        None => (text, None),
    };
    let read = |text: &str, digits| {
        let (hours, minutes) = text.split_once(':')?;
        let hours = i8::try_from(digits_of(hours, digits)?).ok()?;
        let minutes = i8::try_from(digits_of(minutes, 2..=2)?).ok()?;
        Time::new(hours, minutes, 0, 0).ok()
    };
    let time = read(clock, 1..=2).ok_or_else(bad)?;
    let offset = match offset {
        None => None,
        Some(text) => {
            let distance = read(&text[1..], 2..=2).ok_or_else(bad)?;
            let seconds = i32::from(distance.hour()) * 3600 + i32::from(distance.minute()) * 60;
            let sign = if text.starts_with('-') { -1 } else { 1 };
            Some(Offset::from_seconds(sign * seconds).map_err(|_| bad())?)
        }
    };
    Ok(TimeOfDay { time, offset })
}

/// The zone of an IANA name, in any case.
///
/// # Errors
/// [`TimeError::NotAZone`].
pub fn zone(name: &str) -> Result<TimeZone, TimeError> {
    static ZONES: OnceLock<TimeZoneDatabase> = OnceLock::new();
    let zones = ZONES.get_or_init(TimeZoneDatabase::bundled);
    if name.is_empty() || name.len() > MAX_BYTES {
        return Err(TimeError::NotAZone(shown(name)));
    }
    zones
        .get(name)
        .map_err(|_| TimeError::NotAZone(shown(name)))
}

/// The name of a zone as the database writes it.
#[must_use]
pub fn zone_name(zone: &TimeZone) -> String {
    zone.iana_name().unwrap_or("UTC").to_owned()
}

/// The second at which a day's time begins somewhere. A time that exists twice means the first, unless its offset says
/// otherwise.
///
/// # Errors
/// [`TimeError::Skipped`], [`TimeError::OtherOffset`].
pub fn second(date: Date, at: TimeOfDay, zone: &TimeZone) -> Result<UnixSeconds, TimeError> {
    let written = date.to_datetime(at.time);
    let ambiguous = zone.to_ambiguous_timestamp(written).offset();
    let offsets = match ambiguous {
        AmbiguousOffset::Unambiguous { offset } => [offset, offset],
        AmbiguousOffset::Fold { before, after } => [before, after],
        AmbiguousOffset::Gap { .. } => {
            return Err(TimeError::Skipped {
                date: date.to_string(),
                time: clock(at.time),
                zone: zone_name(zone),
            });
        }
    };
    let offset = match at.offset {
        None => Some(offsets[0]),
        Some(asked) => offsets.into_iter().find(|offset| *offset == asked),
    };
    let other = || TimeError::OtherOffset {
        date: date.to_string(),
        time: clock(at.time),
        offset: at.offset.map(suffix).unwrap_or_default(),
        zone: zone_name(zone),
    };
    let second = offset.ok_or_else(other)?.to_timestamp(written);
    second
        .map(|second| UnixSeconds(second.as_second()))
        .map_err(|_| TimeError::NoSuchDay(date.to_string()))
}

/// How a second is written somewhere as a time of day: `14:00`; the second of two equal times with its offset,
/// `02:30+01:00`. [`time_of_day`] and [`second()`] lead back to the same second, if it is at the beginning of a minute.
#[must_use]
pub fn label(at: UnixSeconds, zone: &TimeZone) -> String {
    let Ok(timestamp) = Timestamp::from_second(at.0) else {
        return String::new();
    };
    let local = zone.to_datetime(timestamp);
    let offset = zone.to_offset(timestamp);
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Fold { after, .. } if after == offset => {
            format!("{}{}", clock(local.time()), suffix(offset))
        }
        _ => clock(local.time()),
    }
}

/// The beginnings of a day's slots somewhere, by the clock on the wall: 46, 48 or 50 half hours, or others where clocks
/// change otherwise. A time that exists twice is there twice, one that is skipped is not.
#[must_use]
pub fn grid(date: Date, slot_minutes: u32, zone: &TimeZone) -> Vec<UnixSeconds> {
    let mut seconds = Vec::new();
    let step = usize::try_from(slot_minutes.max(1)).unwrap_or(usize::MAX);
    for minute in (0..24 * 60_i16).step_by(step) {
        let hours = i8::try_from(minute / 60).unwrap_or(0);
        let minutes = i8::try_from(minute % 60).unwrap_or(0);
        let written = date.at(hours, minutes, 0, 0);
        let offsets = match zone.to_ambiguous_timestamp(written).offset() {
            AmbiguousOffset::Unambiguous { offset } => vec![offset],
            AmbiguousOffset::Fold { before, after } => vec![before, after],
            AmbiguousOffset::Gap { .. } => Vec::new(),
        };
        let begins = offsets
            .into_iter()
            .filter_map(|offset| offset.to_timestamp(written).ok());
        seconds.extend(begins.map(|begin| UnixSeconds(begin.as_second())));
    }
    seconds.sort_unstable();
    seconds
}

fn clock(time: Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

fn suffix(offset: Offset) -> String {
    let minutes = offset.seconds() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

fn digits_of(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<i16> {
    let plain = digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn shown(text: &str) -> String {
    text.chars().take(MAX_BYTES).collect()
}
