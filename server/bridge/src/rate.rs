//! So many at once, and so many a second after that.
//!
//! Pure: time is an argument.

use std::time::{Duration, Instant};

/// A bucket of tokens.
#[derive(Debug)]
pub(crate) struct Allowance {
    burst: u32,
    every: Duration,
    /// When the bucket is full again.
    full_at: Instant,
}

impl Allowance {
    /// `burst` at once, then one `every` so often.
    pub(crate) fn new(burst: u32, every: Duration, now: Instant) -> Self {
        Self {
            burst,
            every,
            full_at: now,
        }
    }

    /// Takes one now; or says when there is one.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        self.look(now)?;
        self.full_at = self.full_at.max(now) + self.every;
        Ok(())
    }

    /// Nothing was taken lately.
    pub(crate) fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }

    /// Whether there is one now, or when, without taking it.
    pub(crate) fn look(&self, now: Instant) -> Result<(), Instant> {
        let full_at = self.full_at.max(now) + self.every;
        let allowed_until = now + self.every * self.burst;
        if full_at > allowed_until {
            return Err(now + (full_at - allowed_until));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_one_at_a_time() {
        let start = Instant::now();
        let every = Duration::from_millis(100);
        let mut allowance = Allowance::new(3, every, start);
        for _ in 0..3 {
            assert_eq!(allowance.take(start), Ok(()));
        }
        let next = start + every;
        assert_eq!(allowance.take(start), Err(next));
        assert_eq!(allowance.take(next), Ok(()));
        assert_eq!(allowance.take(next), Err(next + every));
        let later = start + 10 * every;
        for _ in 0..3 {
            assert_eq!(allowance.take(later), Ok(()));
        }
        assert!(allowance.take(later).is_err());
    }
}
