//! The clock that does not believe a jump at once.

use std::time::Duration;

use server_booking::clock::{BELIEVED_AFTER, SteadyClock};
use server_booking::model::UnixSeconds;

const START: i64 = 1_000_000;

struct Clocks {
    steady: SteadyClock,
    wall: i64,
    monotonic: u64,
}

impl Clocks {
    fn new() -> Self {
        Self {
            steady: SteadyClock::new(UnixSeconds(START), Duration::ZERO),
            wall: START,
            monotonic: 0,
        }
    }

    fn pass(&mut self, seconds: u64) -> i64 {
        let mut shown = 0;
        for _ in 0..seconds {
            self.wall += 1;
            self.monotonic += 1;
            let before = shown;
            shown = self
                .steady
                .read(UnixSeconds(self.wall), Duration::from_secs(self.monotonic))
                .0;
            let believed = self.steady.doubted_seconds().is_none();
            assert!(
                shown >= before || believed,
                "it went back before it believed"
            );
        }
        shown
    }
}

#[test]
fn it_shows_the_wall_clock_while_that_goes_on() {
    let mut clocks = Clocks::new();
    assert_eq!(clocks.pass(100), START + 100);
    clocks.wall += 3;
    assert_eq!(clocks.pass(1), START + 104, "a small step is believed");
    clocks.wall -= 3;
    assert_eq!(clocks.pass(1), START + 104, "and never goes back");
    assert_eq!(clocks.pass(10), START + 112);
}

#[test]
fn a_day_forward_and_back_is_never_seen() {
    let mut clocks = Clocks::new();
    clocks.wall += 86_400;
    assert_eq!(clocks.pass(200), START + 200);
    assert_eq!(clocks.steady.doubted_seconds(), Some(86_400));
    clocks.wall -= 86_400;
    assert_eq!(clocks.pass(1), START + 201);
    assert_eq!(clocks.steady.doubted_seconds(), None);
}

#[test]
fn a_jump_that_stays_is_believed_in_the_end() {
    for jump in [86_400, -86_400] {
        let mut clocks = Clocks::new();
        clocks.wall += jump;
        let seconds = BELIEVED_AFTER.as_secs();
        assert_eq!(
            clocks.pass(seconds),
            START + i64::try_from(seconds).expect("small")
        );
        let later = i64::try_from(seconds + 1).expect("small");
        assert_eq!(clocks.pass(1), START + jump + later);
    }
}

#[test]
fn a_clock_that_jumps_all_the_time_is_not_believed() {
    let mut clocks = Clocks::new();
    for jump in 1..100 {
        clocks.wall += if jump % 2 == 0 { 5_000 } else { -5_000 } * jump;
        clocks.pass(60);
    }
    assert_eq!(clocks.pass(1), START + 99 * 60 + 1);
}
