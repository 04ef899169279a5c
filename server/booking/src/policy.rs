//! The numbers by which the rules decide, with their defaults.

use serde::{Deserialize, Serialize};

use crate::time;

/// The numbers by which the rules decide. The defaults are guesses where no source is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// The grid of the times that are offered, from midnight on. A booking may begin at any minute.
    pub slot_minutes: u32,
    /// How long a session lasts when nothing is said.
    pub session_minutes: u32,
    /// How long one may last, extensions included.
    pub max_session_minutes: u32,
    /// How far ahead may be booked.
    pub max_days_ahead: u32,
    /// How long before its time a booking may be started, if there is a place that early.
    pub early_start_seconds: u32,
    /// A booking that nobody has started this long after its beginning ends, and its place is free again.
    pub unused_seconds: u32,
    /// A session whose server has not answered this long after it was asked ends: whoever asked is gone as well.
    pub starting_seconds: u32,
    /// Bookings at a time. Less than there are codes, so that codes remain for sessions that start at once.
    pub max_bookings: u32,
    /// Sessions at a time on a server that a file names without its limit.
    pub file_server_limit: u32,
    /// A server that registered and was not heard for this long is away. Three heartbeats are six seconds; the time is
    /// stored less often than that, see `seen_every_seconds`.
    pub unheard_seconds: u32,
    /// How often the time at which a server was heard is stored.
    pub seen_every_seconds: u32,
    /// A server that registered and is away for this long with nothing promised on it is forgotten.
    pub forget_days: u32,
    /// The IANA time zone of requests that name none.
    pub time_zone: String,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            slot_minutes: 30,
            session_minutes: 60,
            max_session_minutes: 240,
            max_days_ahead: 60,
            early_start_seconds: 0,
            unused_seconds: 900,
            starting_seconds: 90,
            max_bookings: 9_000,
            file_server_limit: 1,
            unheard_seconds: 60,
            seen_every_seconds: 20,
            forget_days: 30,
            time_zone: "UTC".to_owned(),
        }
    }
}

/// Numbers that do not go together; names the key and what is accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {value} is not accepted; {accepted}")]
pub struct BadPolicy {
    /// The field.
    pub key: &'static str,
    /// What it is.
    pub value: String,
    /// What it may be.
    pub accepted: String,
}

/// Minutes of a day.
const DAY_MINUTES: u32 = 24 * 60;

/// Seconds of a day.
const DAY_SECONDS: u32 = 24 * 3600;

impl Policy {
    /// Checks that the rules can decide by these numbers.
    ///
    /// # Errors
    /// The first field that is out of its bounds.
    pub fn check(&self) -> Result<(), BadPolicy> {
        let bounds = [
            ("slot_minutes", self.slot_minutes, 1, DAY_MINUTES),
            (
                "max_session_minutes",
                self.max_session_minutes,
                1,
                7 * DAY_MINUTES,
            ),
            (
                "session_minutes",
                self.session_minutes,
                1,
                self.max_session_minutes,
            ),
            ("max_days_ahead", self.max_days_ahead, 0, 3_660),
            ("early_start_seconds", self.early_start_seconds, 0, 3_600),
            ("unused_seconds", self.unused_seconds, 1, 7 * DAY_SECONDS),
            ("starting_seconds", self.starting_seconds, 1, DAY_SECONDS),
            ("max_bookings", self.max_bookings, 0, 10_000),
            (
                "file_server_limit",
                self.file_server_limit,
                1,
                crate::limits::MAX_SESSIONS_OF_A_SERVER,
            ),
            ("unheard_seconds", self.unheard_seconds, 2, DAY_SECONDS),
            (
                "seen_every_seconds",
                self.seen_every_seconds,
                1,
                self.unheard_seconds / 2,
            ),
            ("forget_days", self.forget_days, 1, 3_660),
        ];
        for (key, value, least, most) in bounds {
            if value < least || value > most {
                return Err(BadPolicy {
                    key,
                    value: value.to_string(),
                    accepted: format!("{least} to {most} are"),
                });
            }
        }
        match time::zone(&self.time_zone) {
            Ok(_) => Ok(()),
            Err(_) => Err(BadPolicy {
                key: "time_zone",
                value: format!("{:?}", self.time_zone),
                accepted: "an IANA name is, such as Europe/Moscow".to_owned(),
            }),
        }
    }
}
