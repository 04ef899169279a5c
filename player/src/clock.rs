//! The presentation clock: where on the time line we are. Runs with the system's clock and is bent towards the
//! sound device's, which is the master where there is one. Pure: time comes in as an argument, in microseconds of
//! any steady clock.

/// Difference to the sound device above which the clock jumps instead of bending: from here on ears notice that
/// lips and words differ (EBU R37: 40 to 60 ms), and then some, for devices that take sound in large pieces.
const JUMP_US: i64 = 120_000;

/// The part of the difference that one correction takes away: a device's steps of 20 ms become steps of 1 ms.
const BEND: i64 = 16;

/// A clock that runs or stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    position_us: i64,
    /// When it stood at `position_us`; `None`: it stands there now.
    since_us: Option<u64>,
}

impl Clock {
    /// Where it is at `now_us`.
    pub(crate) fn position_us(&self, now_us: u64) -> i64 {
        match self.since_us {
            Some(since_us) => {
                let ran_us = i64::try_from(now_us.saturating_sub(since_us)).unwrap_or(i64::MAX);
                self.position_us.saturating_add(ran_us)
            }
            None => self.position_us,
        }
    }

    /// Whether it runs.
    pub(crate) fn runs(&self) -> bool {
        self.since_us.is_some()
    }

    /// Lets it run on from where it stands.
    pub(crate) fn run(&mut self, now_us: u64) {
        if self.since_us.is_none() {
            self.since_us = Some(now_us);
        }
    }

    /// Stops it where it is, or at `limit_us` if it is beyond.
    pub(crate) fn stop(&mut self, now_us: u64, limit_us: i64) {
        self.position_us = self.position_us(now_us).min(limit_us);
        self.since_us = None;
    }

    /// Puts a standing clock somewhere.
    pub(crate) fn set(&mut self, position_us: i64) {
        self.position_us = position_us;
    }

    /// Bends it towards `heard_us`, where the sound device is.
    pub(crate) fn follow(&mut self, now_us: u64, heard_us: i64) {
        if self.since_us.is_none() {
            return;
        }
        let position_us = self.position_us(now_us);
        let error_us = heard_us.saturating_sub(position_us);
        self.position_us = if error_us.saturating_abs() > JUMP_US {
            heard_us
        } else {
            position_us + error_us / BEND
        };
        self.since_us = Some(now_us);
    }
}

/// Times at which the clock had to wait for data after the start, and then went on. What is waited for at the end
/// of a broadcast is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stalls {
    count: u64,
    total_us: u64,
    since_us: Option<u64>,
}

impl Stalls {
    /// The clock ran out of data at `now_us`.
    pub(crate) fn begin(&mut self, now_us: u64) {
        self.since_us.get_or_insert(now_us);
    }

    /// Whether it waits now.
    pub(crate) fn waiting(&self) -> bool {
        self.since_us.is_some()
    }

    /// It goes on at `now_us`.
    pub(crate) fn end(&mut self, now_us: u64) {
        if let Some(since_us) = self.since_us.take() {
            self.count += 1;
            self.total_us += now_us.saturating_sub(since_us);
        }
    }

    /// How often it waited.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// How long it waited, all together, in milliseconds, rounded.
    pub(crate) fn total_ms(&self) -> u64 {
        (self.total_us + 500) / 1_000
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_runs_stands_and_goes_on_where_it_stood() {
        let mut clock = Clock::default();
        clock.set(500);
        assert_eq!(clock.position_us(9_999), 500);
        clock.run(1_000);
        assert_eq!(clock.position_us(1_250), 750);
        clock.run(1_250);
        clock.stop(1_500, i64::MAX);
        assert_eq!(clock.position_us(5_000), 1_000);
        clock.run(5_000);
        assert_eq!(clock.position_us(5_001), 1_001);
    }

    #[test]
    fn it_stops_at_the_limit_when_that_is_noticed_late() {
        let mut clock = Clock::default();
        clock.run(0);
        clock.stop(1_000_000, 700_000);
        assert_eq!(clock.position_us(2_000_000), 700_000);
        assert!(!clock.runs());
    }

    #[test]
    fn it_jumps_to_a_device_that_is_far_off() {
        let mut clock = Clock::default();
        clock.run(0);
        clock.follow(1_000_000, 3_000_000);
        assert_eq!(clock.position_us(1_000_000), 3_000_000);
    }

    #[test]
    fn a_standing_clock_does_not_follow() {
        let mut clock = Clock::default();
        clock.follow(1_000, 77_000);
        assert_eq!(clock.position_us(2_000), 0);
    }

    proptest! {
        #[test]
        fn it_comes_to_within_a_device_step_of_a_device_that_drifts(
            drift_ppm in -500i64..500, step_us in 1_000i64..40_000, offset_us in -100_000i64..100_000,
        ) {
            let mut clock = Clock::default();
            clock.run(0);
            let mut worst_us = 0;
            for tick in 0..3_000u64 {
                let now_us = tick * 10_000;
                let now = now_us.cast_signed();
                let true_us = now + now * drift_ppm / 1_000_000 + offset_us;
                // The device tells its place in steps.
                clock.follow(now_us, true_us.div_euclid(step_us) * step_us);
                if tick > 1_000 {
                    worst_us = worst_us.max((clock.position_us(now_us) - true_us).abs());
                }
            }
            prop_assert!(worst_us <= step_us + 2_000, "{}", worst_us);
        }

        #[test]
        fn stalls_add_up(gaps in prop::collection::vec((0u64..100_000, 0u64..3_000_000), 0..50)) {
            let (mut stalls, mut now_us, mut waited_us) = (Stalls::default(), 0, 0);
            for (play_us, wait_us) in &gaps {
                now_us += play_us;
                stalls.begin(now_us);
                stalls.begin(now_us + wait_us / 2);
                prop_assert!(stalls.waiting());
                now_us += wait_us;
                waited_us += wait_us;
                stalls.end(now_us);
                stalls.end(now_us + 1);
            }
            prop_assert_eq!(stalls.count(), gaps.len() as u64);
            prop_assert_eq!(stalls.total_ms(), (waited_us + 500) / 1_000);
        }
    }

    #[test]
    fn a_wait_that_never_ends_is_no_stall() {
        let mut stalls = Stalls::default();
        stalls.begin(10);
        assert_eq!((stalls.count(), stalls.total_ms()), (0, 0));
    }
}
