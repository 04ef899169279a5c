//! Why a question has no other answer: one list for both ways of asking.

use std::time::Duration;

use server_booking::Refusal;
use server_booking::model::UnixSeconds;

use crate::desk::NotDone;

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failed {
    /// No place, no server, no code is free.
    #[error("every session server of that application is taken at that time")]
    Busy,
    /// No session and no booking has that code.
    #[error("there is no session with that code")]
    NotExist,
    /// The booking's time has not come.
    #[error("the session has not started yet")]
    NotStarted { starts_at: UnixSeconds },
    /// The request itself is wrong.
    #[error("{0}")]
    BadRequest(String),
    /// Too many wrong codes.
    #[error("too many wrong codes: try again in {} s", seconds(*wait))]
    LockedOut { wait: Duration },
    /// Too many requests.
    #[error("too many requests: try again in {} s", seconds(*wait))]
    TooMany { wait: Duration },
    /// The database or a session server does not answer at the moment.
    #[error("{0}")]
    TryAgain(String),
}

/// Whole seconds, rounded up: who waits so long has waited long enough.
pub(crate) fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Busy | Refusal::NoCodeFree => Self::Busy,
            Refusal::NotExist => Self::NotExist,
            Refusal::NotStarted { starts_at } => Self::NotStarted { starts_at },
            Refusal::BadRequest(why) => Self::BadRequest(why),
        }
    }
}

impl From<NotDone> for Failed {
    fn from(not_done: NotDone) -> Self {
        match not_done {
            NotDone::Refused(refusal) => refusal.into(),
            NotDone::Unavailable => Self::TryAgain(NotDone::Unavailable.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_in_seconds_that_are_enough() {
        assert_eq!(seconds(Duration::from_millis(1)), 1);
        assert_eq!(seconds(Duration::from_secs(30)), 30);
        let locked = Failed::LockedOut {
            wait: Duration::from_millis(29_001),
        };
        assert!(locked.to_string().ends_with("30 s"), "{locked}");
    }
}
