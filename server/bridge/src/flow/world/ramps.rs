//! Ways that widen, many times over: with and without sound, with packets that scatter, from a moment that is another one
//! each time.
//!
//! It must never know how the estimate is made.

use super::World;

/// Ways.
const RAMPS: u64 = 120;
/// A quarter of them each, microseconds: the last are those of a busy computer.
const JITTERS_US: [u64; 4] = [0, 2_000, 6_000, 12_000];
const DELAYS_US: [u64; 3] = [1_000, 10_000, 30_000];
/// The narrow way, with half a second of queue, and the wide one.
const NARROW_BPS: f64 = 300e3;
const NARROW_QUEUE_BYTES: f64 = 20_000.0;
const WIDE_BPS: f64 = 3e6;
const WIDE_QUEUE_BYTES: f64 = 250_000.0;
/// What the picture is to have of it, with or without sound.
const WANTED_BPS: f64 = 2.5e6;
const WANTED_BESIDE_SOUND_BPS: f64 = 2.3e6;

#[test]
fn none_of_many_ways_that_widen_takes_more_than_three_seconds_or_is_overloaded_before() {
    for number in 0..RAMPS {
        let mut world = World::new(50e6, 4_000_000, number + 100);
        world.sound = number / 4 % 2 == 1;
        world.way.jitter_us = JITTERS_US[(number % 4) as usize];
        world.way.delay_us = DELAYS_US[(number / 8 % 3) as usize];
        let words = format!(
            "ramp {number}, sound {}, scatter {} us, delay {} us",
            world.sound, world.way.jitter_us, world.way.delay_us
        );
        world.run(3.0);
        (world.way.bps, world.way.queue_bytes) = (NARROW_BPS, NARROW_QUEUE_BYTES);
        world.run(15.0);
        let (dropped, probed, decoded) = (world.way.dropped, world.probed(), world.decoded());
        world.run(5.0);
        assert_eq!(world.way.dropped, dropped, "packets dropped; {words}");
        let probing = (world.probed() - probed) as f64 * 8.0 / 5.0;
        assert!(probing < 0.1 * NARROW_BPS, "{probing} of probes; {words}");
        let rate = (world.decoded() - decoded) as f64 / 5.0;
        assert!(rate >= 50.0, "{rate} pictures a second; {words}");
        // Where probes and pictures stand is another one each time.
        world.run(number as f64 * 0.017 % 1.1);
        (world.way.bps, world.way.queue_bytes) = (WIDE_BPS, WIDE_QUEUE_BYTES);
        let wanted_bps = match world.sound {
            true => WANTED_BESIDE_SOUND_BPS,
            false => WANTED_BPS,
        };
        let took = world.until_bps(wanted_bps, 20.0).unwrap_or(20.0);
        assert!(took <= 3.0, "{took} s; {words}");
    }
}
