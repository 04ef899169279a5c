//! When samples were captured, from when they arrived. Pure; time is an argument, microseconds.
//!
//! Samples come evenly from a sound server's clock, but are handed over late by a varying time: whoever reads is not
//! always awakened at once. So the line of "this many samples by that time" is laid along the earliest arrivals. An arrival
//! before the line proves it wrong, and moves it at once; lateness moves it slowly, unless it stays: then it was a gap in
//! what was recorded.

use super::{PACKET_US, SAMPLE_RATE};

/// Arrivals that are looked at together, each about 10 ms: half a second. A reader on a busy machine is late for less.
const WINDOW: u32 = 50;

/// Lateness of a whole window that means that samples are missing: two packets. A sound server that is late for less
/// catches up.
const GAP_US: i64 = 20_000;

/// Most that the line moves later with a window otherwise, 1 ms in a second. Quartz drifts by a tenth of that at most.
const SLEW_US: i64 = 500;

/// Least time between two stamps, half a packet: after a line that was too late stamps catch up so.
const MIN_STEP_US: u64 = 5_000;

/// The line of samples over time.
#[derive(Clone, Debug)]
pub(super) struct Stamps {
    /// When sample 0 was captured; `None`: nothing arrived yet.
    start_us: Option<i64>,
    /// Samples that arrived.
    arrived: u64,
    left: u32,
    /// Least lateness of the present window.
    least_us: i64,
    last_us: u64,
}

impl Stamps {
    pub(super) fn new() -> Self {
        Self {
            start_us: None,
            arrived: 0,
            left: WINDOW,
            least_us: i64::MAX,
            last_us: 0,
        }
    }

    /// What arrives from now on has nothing to do with what came before, but that it comes later.
    pub(super) fn restart(&mut self) {
        *self = Self {
            last_us: self.last_us,
            ..Self::new()
        };
    }

    /// The time of the next packet of a source that sleeps, if that packet is over already.
    pub(super) fn asleep(&mut self, now_us: u64) -> Option<u64> {
        let packet_us = u64::from(PACKET_US);
        if self.last_us == 0 {
            self.last_us = now_us.saturating_sub(2 * packet_us);
        }
        let at_us = self.last_us + packet_us;
        if at_us + packet_us > now_us {
            return None;
        }
        self.last_us = at_us;
        Some(at_us)
    }

    /// So many more samples arrived just now. Their last one is taken to be captured now, at the latest.
    pub(super) fn arrive(&mut self, samples: u64, now_us: u64) {
        self.arrived += samples;
        let sounded = duration_us(self.arrived);
        let now = now_us as i64;
        let start = *self.start_us.get_or_insert(now - sounded);
        let late = now - (start + sounded);
        self.least_us = self.least_us.min(late.max(0));
        if late < 0 {
            self.start_us = Some(start + late);
        }
        self.left -= 1;
        if self.left > 0 {
            return;
        }
        let moves = if self.least_us > GAP_US {
            self.least_us
        } else {
            self.least_us.min(SLEW_US)
        };
        self.start_us = self.start_us.map(|start| start + moves);
        self.left = WINDOW;
        self.least_us = i64::MAX;
    }

    /// When the first sample of a packet, which is this one of all, was captured; packets in their order.
    pub(super) fn of(&mut self, sample: u64) -> u64 {
        let at = self.start_us.unwrap_or(0) + duration_us(sample);
        self.last_us = u64::try_from(at)
            .unwrap_or(0)
            .max(self.last_us + MIN_STEP_US);
        self.last_us
    }
}

fn duration_us(samples: u64) -> i64 {
    (samples * 1_000_000 / u64::from(SAMPLE_RATE)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: u64 = 480;

    /// Lets `blocks` of 10 ms arrive, each later by `late_us(n)` than a line from `start_us`; all stamps.
    fn play(
        stamps: &mut Stamps,
        first: u64,
        blocks: u64,
        start_us: u64,
        late_us: impl Fn(u64) -> u64,
    ) -> Vec<u64> {
        (first..first + blocks)
            .map(|n| {
                stamps.arrive(BLOCK, start_us + (n + 1) * 10_000 + late_us(n));
                stamps.of(n * BLOCK)
            })
            .collect()
    }

    #[test]
    fn jitter_of_arrival_does_not_reach_the_stamps() {
        let mut stamps = Stamps::new();
        let jitter = |n: u64| n * 7919 % 6_000;
        let at = play(&mut stamps, 0, 500, 1_000_000, jitter);
        for pair in at[50..].windows(2) {
            let apart = pair[1] - pair[0];
            assert!((9_400..=10_600).contains(&apart), "{apart}");
        }
        for (n, at) in at.iter().enumerate().skip(50) {
            let truth = 1_000_000 + n as u64 * 10_000;
            assert!(at.abs_diff(truth) < 1_000, "{n}: {at} {truth}");
        }
    }

    #[test]
    fn one_long_pause_of_the_reader_is_no_gap() {
        let mut stamps = Stamps::new();
        // Block 300 is read 100 ms late, those after it at once.
        let late = |n: u64| (100_000u64).saturating_sub(n.saturating_sub(300) * 10_000);
        let late = |n: u64| if n < 300 { 0 } else { late(n) };
        let at = play(&mut stamps, 0, 600, 1_000_000, late);
        let truth = 1_000_000 + 599 * 10_000;
        assert!(at[599].abs_diff(truth) < 1_500, "{} {truth}", at[599]);
    }

    #[test]
    fn a_reader_that_is_starved_from_the_start_does_not_stamp_the_future_for_long() {
        let mut stamps = Stamps::new();
        // Everything comes 300 ms late for a second, then at once.
        play(&mut stamps, 0, 100, 1_000_000, |_| 300_000);
        let at = play(&mut stamps, 100, 100, 1_000_000, |_| 0);
        let truth = 1_000_000 + 199 * 10_000;
        assert!(at[99].abs_diff(truth) < 1_500, "{} {truth}", at[99]);
        assert!(at.windows(2).all(|p| p[1] - p[0] >= 5_000));
    }

    #[test]
    fn a_gap_stays_a_gap() {
        let mut stamps = Stamps::new();
        play(&mut stamps, 0, 200, 1_000_000, |_| 0);
        // A second was not recorded.
        let at = play(&mut stamps, 200, 100, 2_000_000, |_| 0);
        let truth = 2_000_000 + 299 * 10_000;
        assert!(at[99].abs_diff(truth) < 1_000, "{} {truth}", at[99]);
        assert!(at.windows(2).all(|p| p[0] < p[1]));
    }

    #[test]
    fn a_source_that_sleeps_has_a_packet_every_ten_milliseconds_and_goes_on_at_the_time_when_it_wakes()
     {
        let mut stamps = Stamps::new();
        let before = play(&mut stamps, 0, 100, 1_000_000, |_| 0);
        let asleep: Vec<u64> = std::iter::from_fn(|| stamps.asleep(5_004_000)).collect();
        assert_eq!(asleep.first(), Some(&(before[99] + 10_000)));
        assert!(asleep.windows(2).all(|pair| pair[1] - pair[0] == 10_000));
        assert_eq!(asleep.last(), Some(&4_990_000));
        stamps.restart();
        let after = play(&mut stamps, 0, 100, 5_010_000, |_| 0);
        assert!(after[0] > 4_990_000);
        assert!(after[99].abs_diff(5_010_000 + 99 * 10_000) < 1_000);
    }

    #[test]
    fn a_source_that_sleeps_from_the_start_has_packets_too() {
        let mut stamps = Stamps::new();
        let first: Vec<u64> = std::iter::from_fn(|| stamps.asleep(9_000_000)).collect();
        assert_eq!(first, [8_990_000]);
        let next: Vec<u64> = std::iter::from_fn(|| stamps.asleep(9_200_000)).collect();
        assert_eq!(next.len(), 20);
    }

    #[test]
    fn a_clock_that_is_a_little_fast_or_slow_is_followed() {
        for drift in [-100i64, 100] {
            let mut stamps = Stamps::new();
            let mut at = 0;
            for n in 0..60_000u64 {
                let time = (n + 1) * 10_000;
                let now = 5_000_000 + time.saturating_add_signed(time as i64 * drift / 1_000_000);
                stamps.arrive(BLOCK, now);
                at = now - 10_000;
                let stamp = stamps.of(n * BLOCK);
                assert!(stamp.abs_diff(at) < 1_000, "{n}: {stamp} {at}");
            }
            assert!(at > 600_000_000);
        }
    }
}
