//! The broadcast's clock: the wall clock is read once, from there on time is monotonic.
//!
//! A clock that somebody sets (or that jumps when a machine finds its time server) must not make a running broadcast
//! jump. This file must never know what is scheduled by it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A wall clock that runs away from the broadcast's by more than this was set by somebody: time servers correct a
/// running clock by at most 500 ppm, which is 43 s a day, so a slow drift passes this bound at most once in hours.
const STEP_US: u64 = 2_000_000;

/// Microseconds since the Unix epoch, as the wall clock says now; 0 for a clock before 1970.
pub(crate) fn wall_us() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    wall0_us: u64,
    mono0: Instant,
}

impl Clock {
    /// Starts with what the wall clock says now.
    pub(crate) fn start() -> Self {
        Self {
            wall0_us: wall_us(),
            mono0: Instant::now(),
        }
    }

    /// Microseconds since the Unix epoch.
    pub(crate) fn now_us(&self) -> u64 {
        let passed = self.mono0.elapsed().as_micros();
        self.wall0_us
            .saturating_add(u64::try_from(passed).unwrap_or(u64::MAX))
    }

    /// The instant of a point in time; the clock's start for one before it.
    pub(crate) fn instant(&self, at_us: u64) -> Instant {
        self.mono0 + Duration::from_micros(at_us.saturating_sub(self.wall0_us))
    }

    /// How far the wall clock was set since `noted_us`, the difference that is known already: microseconds, positive
    /// when it was set forward; `None` while it runs along.
    pub(crate) fn step_since(&self, noted_us: i64) -> Option<i64> {
        let ahead = wall_us() as i64 - self.now_us() as i64;
        let step = ahead.saturating_sub(noted_us);
        (step.unsigned_abs() > STEP_US).then_some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_is_noticed_and_changes_nothing() {
        let clock = Clock {
            wall0_us: wall_us() - 60_000_000,
            mono0: Instant::now(),
        };
        let before = clock.now_us();
        let step = clock.step_since(0).expect("a minute is a step");
        assert!((59_000_000..=61_000_000).contains(&step), "{step}");
        assert_eq!(clock.step_since(step), None, "it is told once");
        assert!(clock.now_us() < before + 5_000_000, "no jump");
        assert_eq!(Clock::start().step_since(0), None);
    }

    #[test]
    fn points_in_time_become_instants() {
        let clock = Clock::start();
        let later = clock.instant(clock.wall0_us + 3_000_000);
        assert_eq!(later - clock.mono0, Duration::from_secs(3));
        assert_eq!(clock.instant(0), clock.mono0);
    }
}
