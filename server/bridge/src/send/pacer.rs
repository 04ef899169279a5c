//! Spreads packets over time, so that a keyframe does not fill the buffers of the way, and never lets them get old: what
//! cannot be sent in time is thrown away and the viewer gets a fresh keyframe instead.
//!
//! It must never know what the packets are.

use std::collections::VecDeque;

/// Packets leave this much faster than the way is believed to carry. Measured: 2.5 keeps the 99th percentile of a
/// picture's age at 21 ms where 1.0 gave 64 to 81 ms.
const SPEED: f64 = 2.5;

/// Never slower than this, bits per second: sound and small pictures are not held back by a bad estimate.
const MIN_BPS: f64 = 500_000.0;

/// This much may leave at once, bytes: most pictures between keyframes are smaller.
const BURST: f64 = 12_000.0;

/// The oldest packet that waits is never older than this when another picture comes, microseconds. A guess: a person
/// who works with a picture that is half a second old gets it wrong.
const MAX_AGE_US: u64 = 400_000;

/// Packets that wait. Twice the largest picture that is sent.
const MAX_WAITING: usize = 8192;

/// A queue that gives packets their time.
#[derive(Debug)]
pub(crate) struct Pacer<T> {
    waiting: VecDeque<(T, usize, u64)>,
    urgent: VecDeque<(T, usize)>,
    bps: f64,
    /// Bytes that may leave now.
    allowance: f64,
    counted_us: u64,
}

impl<T> Pacer<T> {
    /// An empty queue for a way that is believed to carry `estimate_bps`.
    pub(crate) fn new(estimate_bps: u32, now_us: u64) -> Pacer<T> {
        let mut pacer = Pacer {
            waiting: VecDeque::new(),
            urgent: VecDeque::new(),
            bps: MIN_BPS,
            allowance: BURST,
            counted_us: now_us,
        };
        pacer.set_estimate(estimate_bps);
        pacer
    }

    /// The way is now believed to carry this.
    pub(crate) fn set_estimate(&mut self, bps: u32) {
        self.bps = (f64::from(bps) * SPEED).max(MIN_BPS);
    }

    /// Whether another picture must not be queued because what waits is too old or too much.
    pub(crate) fn is_overdue(&self, now_us: u64) -> bool {
        self.waiting.len() >= MAX_WAITING
            || self
                .waiting
                .front()
                .is_some_and(|(_, _, since)| now_us.saturating_sub(*since) > MAX_AGE_US)
    }

    /// Throws away what waits; how many.
    pub(crate) fn clear(&mut self) -> usize {
        let dropped = self.waiting.len() + self.urgent.len();
        self.waiting.clear();
        self.urgent.clear();
        dropped
    }

    /// Nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.urgent.is_empty()
    }

    /// Queues a packet of `len` bytes.
    pub(crate) fn push(&mut self, packet: T, len: usize, now_us: u64) {
        self.waiting.push_back((packet, len, now_us));
    }

    /// Queues a packet before all others that are not urgent: one that was asked for again.
    pub(crate) fn push_urgent(&mut self, packet: T, len: usize) {
        if self.urgent.len() < MAX_WAITING {
            self.urgent.push_back((packet, len));
        }
    }

    /// The next packet whose time has come.
    pub(crate) fn pop(&mut self, now_us: u64) -> Option<T> {
        self.count(now_us);
        if self.allowance <= 0.0 {
            return None;
        }
        let (packet, len) = match self.urgent.pop_front() {
            Some((packet, len)) => (packet, len),
            None => self
                .waiting
                .pop_front()
                .map(|(packet, len, _)| (packet, len))?,
        };
        self.allowance -= len as f64;
        Some(packet)
    }

    /// When to ask again; `None`: nothing waits.
    pub(crate) fn deadline(&self) -> Option<u64> {
        if self.is_empty() {
            return None;
        }
        // A byte above zero is enough; the timers of the runtime have a millisecond.
        let missing = (1.0 - self.allowance).max(0.0);
        Some(self.counted_us + (missing * 8.0e6 / self.bps) as u64)
    }

    fn count(&mut self, now_us: u64) {
        let elapsed = now_us.saturating_sub(self.counted_us) as f64;
        self.counted_us = self.counted_us.max(now_us);
        self.allowance = (self.allowance + elapsed * self.bps / 8.0e6).min(BURST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyframe_is_spread_and_a_small_picture_is_not() {
        let mut pacer = Pacer::new(2_000_000, 0);
        for number in 0..100 {
            pacer.push(number, 1200, 0);
        }
        let at_once = std::iter::from_fn(|| pacer.pop(0)).count();
        assert_eq!(at_once, 10, "a burst");
        let mut now_us = 0;
        let mut sent = at_once;
        while let Some(at) = pacer.deadline() {
            now_us = at.max(now_us + 1000);
            while pacer.pop(now_us).is_some() {
                sent += 1;
            }
        }
        assert_eq!(sent, 100);
        // 108 kB at 5 Mb/s.
        assert!((150_000..190_000).contains(&now_us), "{now_us}");
    }

    #[test]
    fn what_was_asked_for_again_goes_first() {
        let mut pacer = Pacer::new(1_000_000, 0);
        pacer.push(1, 100, 0);
        pacer.push_urgent(2, 100);
        assert_eq!(pacer.pop(0), Some(2));
        assert_eq!(pacer.pop(0), Some(1));
    }

    #[test]
    fn a_queue_that_gets_old_is_overdue_and_can_be_thrown_away() {
        let mut pacer = Pacer::new(100_000, 0);
        for number in 0..500 {
            pacer.push(number, 1200, 0);
        }
        while pacer.pop(300_000).is_some() {}
        assert!(!pacer.is_overdue(300_000));
        assert!(pacer.is_overdue(400_001));
        assert!(pacer.clear() > 400);
        assert!(!pacer.is_overdue(400_001) && pacer.is_empty());
    }
}
