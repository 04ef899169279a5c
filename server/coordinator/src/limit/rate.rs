//! How often something may happen: the generic cell rate algorithm (ITU-T I.371, the virtual scheduling form) on one
//! atomic number.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// So often, with so much at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Nanoseconds that one takes.
    each: u64,
    /// Nanoseconds that may be used ahead of time.
    ahead: u64,
}

impl Rate {
    /// `per_second` in the long run, `burst` at once; both at least 1.
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        let each = 1_000_000_000 / u64::from(per_second.max(1));
        Self {
            each,
            ahead: each * u64::from(burst.max(1) - 1),
        }
    }
}

/// How far one caller is in its rate.
#[derive(Debug, Default)]
pub(crate) struct Used(AtomicU64);

impl Used {
    /// Whether one more fits at `now` (since any fixed moment); if so, it is counted.
    ///
    /// # Errors
    /// After how long to ask again.
    pub(crate) fn take(&self, rate: Rate, now: Duration) -> Result<(), Duration> {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let mut due = self.0.load(Ordering::Relaxed);
        loop {
            let earliest = due.saturating_sub(rate.ahead);
            if now < earliest {
                return Err(Duration::from_nanos(earliest - now));
            }
            let next = due.max(now).saturating_add(rate.each);
            match self
                .0
                .compare_exchange_weak(due, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return Ok(()),
                Err(other) => due = other,
            }
        }
    }

    /// Whether nothing of it is left at `now`: it could as well be forgotten.
    pub(crate) fn is_over(&self, now: Duration) -> bool {
        u128::from(self.0.load(Ordering::Relaxed)) <= now.as_nanos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_is_let_through_and_then_the_rate_holds() {
        let rate = Rate::new(10, 5);
        let used = Used::default();
        for _ in 0..5 {
            assert_eq!(used.take(rate, SECOND), Ok(()));
        }
        let wait = used.take(rate, SECOND).expect_err("too many");
        assert_eq!(wait, Duration::from_millis(100));
        assert_eq!(used.take(rate, SECOND + wait), Ok(()));
        assert!(used.take(rate, SECOND + wait).is_err());
    }

    #[test]
    fn in_the_long_run_no_more_than_the_rate_is_let_through() {
        let rate = Rate::new(10, 5);
        let used = Used::default();
        let let_through = (0..60_000)
            .filter(|ms| used.take(rate, SECOND + Duration::from_millis(*ms)).is_ok())
            .count();
        assert!((600..=605).contains(&let_through), "{let_through}");
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_lets_nothing_more_through() {
        let rate = Rate::new(1, 1);
        let used = Used::default();
        assert_eq!(used.take(rate, SECOND * 10), Ok(()));
        assert!(used.take(rate, SECOND * 10).is_err());
        assert!(used.take(rate, SECOND * 5).is_err());
        assert!(!used.is_over(SECOND * 10));
        assert!(used.is_over(SECOND * 11));
    }
}
