//! Dates and times of day as requests write them: `21/11/2026`, `09:30`.
//!
//! What exists in no calendar is refused here. Time zones, and times that a clock change leaves out, are for others.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer};
use serde::{Serialize, Serializer};

use crate::text::Text;

/// A day that exists in the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// A minute of a day, `00:00` to `23:59`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay {
    hour: u8,
    minute: u8,
}

impl Date {
    /// Years that are read: what is booked lies in the near future, and four digits are never a mistaken two.
    const YEARS: std::ops::RangeInclusive<u16> = 1970..=9998;

    /// The day, if it exists.
    #[must_use]
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            1..=12 => 31,
            _ => return None,
        };
        let exists = Self::YEARS.contains(&year) && (1..=days).contains(&day);
        exists.then_some(Self { year, month, day })
    }

    /// 1970 to 9998.
    #[must_use]
    pub fn year(self) -> u16 {
        self.year
    }

    /// 1 to 12.
    #[must_use]
    pub fn month(self) -> u8 {
        self.month
    }

    /// 1 to 31.
    #[must_use]
    pub fn day(self) -> u8 {
        self.day
    }
}

impl TimeOfDay {
    /// The minute, if there is one.
    #[must_use]
    pub fn new(hour: u8, minute: u8) -> Option<Self> {
        (hour < 24 && minute < 60).then_some(Self { hour, minute })
    }

    /// 0 to 23.
    #[must_use]
    pub fn hour(self) -> u8 {
        self.hour
    }

    /// 0 to 59.
    #[must_use]
    pub fn minute(self) -> u8 {
        self.minute
    }
}

/// A number of `min` to `max` digits and nothing else.
fn digits<T: FromStr>(text: &str, min: usize, max: usize) -> Option<T> {
    let plain = (min..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// No day, or no minute of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotInTheCalendar(&'static str);

impl FromStr for Date {
    type Err = NotInTheCalendar;

    fn from_str(text: &str) -> Result<Self, NotInTheCalendar> {
        let wrong =
            NotInTheCalendar("a day that exists is accepted, as day/month/year: 21/11/2026");
        let mut parts = text.split('/');
        let day = parts.next().and_then(|part| digits(part, 1, 2));
        let month = parts.next().and_then(|part| digits(part, 1, 2));
        let year = parts.next().and_then(|part| digits(part, 4, 4));
        match (day, month, year, parts.next()) {
            (Some(day), Some(month), Some(year), None) => Self::new(year, month, day).ok_or(wrong),
            _ => Err(wrong),
        }
    }
}

impl FromStr for TimeOfDay {
    type Err = NotInTheCalendar;

    fn from_str(text: &str) -> Result<Self, NotInTheCalendar> {
        let wrong = NotInTheCalendar("a time from 00:00 to 23:59 is accepted: 09:30");
        let (hour, minute) = text.split_once(':').ok_or(wrong)?;
        let hour = digits(hour, 1, 2).ok_or(wrong)?;
        let minute = digits(minute, 2, 2).ok_or(wrong)?;
        Self::new(hour, minute).ok_or(wrong)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}/{:02}/{:04}", self.day, self.month, self.year)
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

macro_rules! as_text {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Text::<16>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

as_text!(Date);
as_text!(TimeOfDay);
