//! Bytes a second out of sums that only grow, over the last few seconds.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// How far back a rate looks: two chunks, so that the pauses between chunks even out.
const WINDOW: Duration = Duration::from_secs(4);
/// Samples at most, however often they are taken.
const MAX_SAMPLES: usize = 32;

/// The latest samples of sums with keys `K`.
#[derive(Debug)]
pub(crate) struct Rates<K> {
    samples: VecDeque<(Instant, BTreeMap<K, u64>)>,
}

impl<K: Ord> Default for Rates<K> {
    fn default() -> Self {
        Self {
            samples: VecDeque::new(),
        }
    }
}

impl<K: Ord> Rates<K> {
    /// Adds the sums as they are at `now`.
    pub(crate) fn sample(&mut self, now: Instant, sums: BTreeMap<K, u64>) {
        self.samples.push_back((now, sums));
        let too_old = |at: &Instant| now.saturating_duration_since(*at) > WINDOW;
        // One sample as old as the window, or older, is what the newest is compared with.
        while self.samples.len() > MAX_SAMPLES
            || self.samples.get(1).is_some_and(|(at, _)| too_old(at))
        {
            self.samples.pop_front();
        }
    }

    /// Bytes a second of `key`; 0 while there is nothing to compare. A sum that has become smaller (a link that was
    /// closed and is back) counts from 0.
    pub(crate) fn per_second(&self, key: &K) -> u64 {
        let (Some((since, _)), Some((until, newest))) = (self.samples.front(), self.samples.back())
        else {
            return 0;
        };
        let Some(sum) = newest.get(key) else { return 0 };
        let ms = until.saturating_duration_since(*since).as_millis();
        let before = self
            .samples
            .front()
            .and_then(|(_, sums)| sums.get(key))
            .copied()
            .unwrap_or(0);
        let grown = sum.checked_sub(before).unwrap_or(*sum);
        match u128::from(grown) * 1_000 {
            0 => 0,
            scaled => u64::try_from(scaled.checked_div(ms).unwrap_or(0)).unwrap_or(u64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(sum: u64) -> BTreeMap<u8, u64> {
        BTreeMap::from([(1, sum)])
    }

    #[test]
    fn a_rate_is_what_grew_in_the_last_seconds() {
        let zero = Instant::now();
        let mut rates = Rates::default();
        rates.sample(zero, sums(1_000));
        assert_eq!(rates.per_second(&1), 0);
        for second in 1..=10 {
            rates.sample(
                zero + Duration::from_secs(second),
                sums(1_000 + second * 500),
            );
        }
        assert_eq!(rates.per_second(&1), 500);
        for second in 11..=16 {
            rates.sample(zero + Duration::from_secs(second), sums(6_000));
        }
        assert_eq!(rates.per_second(&1), 0);
        assert_eq!(rates.per_second(&2), 0);
    }

    #[test]
    fn a_link_that_is_back_starts_at_zero_and_nothing_grows_without_bound() {
        let zero = Instant::now();
        let mut rates = Rates::default();
        for tick in 0..1_000 {
            rates.sample(zero + Duration::from_millis(tick), sums(5_000));
        }
        assert!(rates.samples.len() <= MAX_SAMPLES);
        rates.sample(zero + Duration::from_millis(1_969), sums(100));
        assert_eq!(rates.per_second(&1), 100);
    }
}
