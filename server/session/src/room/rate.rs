//! How often somebody may do something: a bucket that fills up again with time.
//!
//! It must never know what is done.

use std::time::Duration;

/// Words of one person: five a second, which is faster than anybody types.
pub(super) const CHAT: Limit = Limit {
    burst: 5,
    each_second: 5,
};
/// Data that a program passes on: others' queues hold 64 messages. A guess.
pub(super) const RELAY: Limit = Limit {
    burst: 20,
    each_second: 10,
};
/// Everything else: buttons that a person presses, offers of a page that comes back, candidates of its connection. A
/// guess.
pub(super) const ASKS: Limit = Limit {
    burst: 60,
    each_second: 10,
};

/// How often at once, and in the long run.
pub(super) struct Limit {
    burst: u32,
    each_second: u32,
}

/// What one person has left.
#[derive(Clone, Debug)]
pub(super) struct Rate {
    /// Millionths of one time.
    left: u64,
    at: Duration,
}

/// One time.
const ONE: u64 = 1_000_000;

impl Limit {
    /// Nothing was done yet.
    pub(super) fn full(&self, now: Duration) -> Rate {
        Rate {
            left: u64::from(self.burst) * ONE,
            at: now,
        }
    }
}

impl Rate {
    /// Whether one time more is within the limit.
    pub(super) fn take(&mut self, limit: &Limit, now: Duration) -> bool {
        let passed = now.saturating_sub(self.at).as_micros();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        let more = passed.saturating_mul(limit.each_second.into());
        self.left = self
            .left
            .saturating_add(more)
            .min(u64::from(limit.burst) * ONE);
        self.at = self.at.max(now);
        let fits = self.left >= ONE;
        if fits {
            self.left -= ONE;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_let_through_and_then_the_rate_holds() {
        let start = Duration::from_secs(100);
        let mut rate = CHAT.full(start);
        let burst = (0..100).filter(|_| rate.take(&CHAT, start)).count();
        assert_eq!(burst, 5);
        let steps = (1..=10_000_u64).map(|step| start + Duration::from_millis(step));
        let later = steps.filter(|&now| rate.take(&CHAT, now)).count();
        assert_eq!(later, 50, "five a second for ten seconds");
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let mut rate = CHAT.full(Duration::from_secs(100));
        while rate.take(&CHAT, Duration::from_secs(100)) {}
        assert!(!rate.take(&CHAT, Duration::ZERO));
        assert!(!rate.take(&CHAT, Duration::from_secs(100)));
    }
}
