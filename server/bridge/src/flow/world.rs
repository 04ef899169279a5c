//! One viewer in virtual time: an encoder that does what it is asked, the flow, a way with a queue, losses and a delay, and
//! a browser. The same seed, the same course of events.
//!
//! It must never know real time.

mod browser;
mod ramps;
mod way;

use super::*;
use crate::demand::{self, View};
use crate::transport::{Feedback, Stream};
use browser::Browser;
use std::time::Duration;
use way::{Way, Wire};

const START_US: u64 = 1_000_000;
const PICTURE_US: u64 = 16_667;
const SOUND_US: u64 = 10_000;
const DECIDE_US: u64 = 100_000;

/// What the application does.
#[derive(Clone, Copy, PartialEq)]
enum Scene {
    /// Every picture wants all that it can have.
    Busy,
    /// Nothing changes.
    Still,
}

struct World {
    way: Way,
    scene: Scene,
    flow: Flow,
    /// Another viewer, whose way carries this: the full rendition is for that one.
    other_bps: Option<u32>,
    sound: bool,
    max_bps: u32,
    browser: Browser,
    wire: Wire,
    base: Instant,
    now_us: u64,
    picture_us: u64,
    sound_us: u64,
    decide_us: u64,
    full_bps: u32,
    low_bps: Option<u32>,
    keyframes: [bool; 2],
    view: View,
    encoded: usize,
}

impl World {
    fn new(bps: f64, max_bps: u32, seed: u64) -> World {
        let video = Stream {
            ssrc: 1,
            payload_type: 102,
            rtx: Some((2, 103)),
            transport_cc: Some(1),
            playout_delay: Some(2),
        };
        let sound = Stream {
            ssrc: 3,
            payload_type: 111,
            rtx: None,
            transport_cc: None,
            playout_delay: None,
        };
        let streams = Streams {
            video: Some(video),
            sound: Some(sound),
        };
        let bounds = Bounds {
            start_bps: 2_500_000.min(max_bps),
            least_bps: 30_000,
            most_bps: (f64::from(max_bps) * 1.4) as u32,
        };
        World {
            way: Way::new(bps, seed),
            scene: Scene::Busy,
            flow: Flow::new(streams, bounds, START_US),
            other_bps: None,
            sound: true,
            max_bps,
            browser: Browser::default(),
            wire: Wire::default(),
            base: Instant::now(),
            now_us: START_US,
            picture_us: START_US,
            sound_us: START_US,
            decide_us: START_US,
            full_bps: bounds.start_bps,
            low_bps: None,
            keyframes: [false; 2],
            view: View {
                room_bps: bounds.start_bps,
                wanted: Rendition::Full,
                doubt_us: None,
                overflowed: false,
            },
            encoded: 0,
        }
    }

    fn encode(&mut self) {
        let still = self.scene == Scene::Still;
        if !still {
            self.encoded += 1;
        }
        for (number, rendition) in [Rendition::Full, Rendition::Low].into_iter().enumerate() {
            let bps = match rendition {
                Rendition::Full => Some(self.full_bps),
                Rendition::Low => self.low_bps,
            };
            let keyframe = self.keyframes[number];
            let Some(bps) = bps.filter(|_| keyframe || !still) else {
                continue;
            };
            self.keyframes[number] = false;
            let len = (bps as usize / 8 / 60 * if keyframe { 3 } else { 1 }).max(10);
            let mut rest = len;
            let mut payloads = Vec::new();
            while rest > 0 {
                let now = rest.min(crate::send::frame::MAX_PAYLOAD);
                let first = u8::from(keyframe && payloads.is_empty());
                let mut payload = vec![0; now];
                payload[0] = first;
                payloads.push(payload.into());
                rest -= now;
            }
            let frame = Arc::new(Frame {
                rendition,
                keyframe,
                timestamp: self.now_us as u32,
                payloads,
            });
            self.flow.frame(&frame, self.now_us);
        }
    }

    fn decide(&mut self) {
        self.view.room_bps = self.flow.room_bps(self.now_us);
        let other = self.other_bps.map(|room_bps| View {
            room_bps,
            wanted: Rendition::Full,
            doubt_us: None,
            overflowed: false,
        });
        let mut views: Vec<View> = std::iter::once(self.view).chain(other).collect();
        let rates = demand::decide(&mut views, 2_500_000, 60_000, self.max_bps, self.now_us);
        self.view = views[0];
        self.flow.want(self.view.wanted);
        (self.full_bps, self.low_bps) = (rates.full_bps, rates.low_bps);
    }

    /// For a while.
    fn run(&mut self, seconds: f64) {
        let end = self.now_us + (seconds * 1e6) as u64;
        while self.now_us < end {
            let now_us = self.now_us;
            let now = self.base + Duration::from_micros(now_us);
            while let Some(packet) = self.way.arrived(now_us) {
                if let Some(feedback) = self.browser.receive(&packet, now_us) {
                    self.way.reply(feedback, now_us);
                }
            }
            for feedback in self.browser.tick(now_us) {
                self.way.reply(feedback, now_us);
            }
            while let Some(feedback) = self.way.reported(now_us) {
                match feedback {
                    Feedback::Nack { sequences } => self.flow.again(&sequences, now_us),
                    Feedback::Keyframe => self.flow.keyframe_asked(now_us),
                    Feedback::Arrivals(acks) => self.flow.arrivals(&acks, now_us),
                    Feedback::Report { .. } => {}
                }
            }
            if now_us >= self.sound_us && self.sound {
                self.sound_us += SOUND_US;
                let sound = Sound {
                    timestamp: 0,
                    payload: vec![0; 120].into(),
                };
                self.flow.sound(&sound, &mut self.wire, now, now_us);
            }
            for rendition in self.flow.keyframes(now_us).into_iter().flatten() {
                self.keyframes[usize::from(rendition == Rendition::Low)] = true;
            }
            if now_us >= self.picture_us {
                self.picture_us += PICTURE_US;
                self.encode();
            }
            if now_us >= self.decide_us {
                self.decide_us += DECIDE_US;
                self.decide();
            }
            self.flow.run(&|| None, &mut self.wire, now, now_us);
            for packet in self.wire.0.drain(..) {
                self.way.offer(packet, now_us);
            }
            self.now_us += 1_000;
        }
    }

    /// What of the picture came, over the last seconds.
    fn got_bps(&self, seconds: f64) -> f64 {
        let since = self.now_us.saturating_sub((seconds * 1e6) as u64);
        let bytes: usize = self
            .browser
            .bytes
            .iter()
            .rev()
            .take_while(|(at, _)| *at >= since)
            .map(|(_, len)| len)
            .sum();
        bytes as f64 * 8.0 / seconds
    }

    /// Pictures that could be decoded so far.
    fn decoded(&self) -> usize {
        self.browser.decoded.len()
    }

    /// What came for nothing so far, bytes: probes.
    fn probed(&self) -> usize {
        self.browser.probed
    }

    /// How long until a whole second had so much of the picture; `None`: not within `most` seconds.
    fn until_bps(&mut self, bps: f64, most: f64) -> Option<f64> {
        let from = self.now_us;
        while self.now_us < from + (most * 1e6) as u64 {
            self.run(0.1);
            if self.got_bps(1.0) >= bps {
                return Some((self.now_us - from) as f64 / 1e6);
            }
        }
        None
    }
}

/// From a good way to a narrow one, and after a while to a wider one; how long until that one is used.
fn widens(mut world: World, narrow: f64, wide: f64, wanted_bps: f64) -> f64 {
    world.run(3.0);
    (world.way.bps, world.way.queue_bytes) = (narrow, 20_000.0);
    world.run(15.0);
    let (got, probed, decoded) = (world.got_bps(5.0), world.probed(), world.decoded());
    world.run(5.0);
    // The sound of this world takes half of what is the target's narrow way.
    let free = narrow - if world.sound { 150e3 } else { 0.0 };
    assert!(got >= 0.7 * free, "of {free} the picture had {got}");
    let probing = (world.probed() - probed) as f64 * 8.0 / 5.0;
    assert!(probing < 0.12 * narrow, "of {narrow} probes had {probing}");
    let rate = (world.decoded() - decoded) as f64 / 5.0;
    assert!(rate >= 57.0, "{rate} pictures a second");
    (world.way.bps, world.way.queue_bytes) = (wide, 250_000.0);
    world
        .until_bps(wanted_bps, 20.0)
        .expect("it is used within 20 s")
}

#[test]
fn a_way_that_widens_from_300_kb_to_3_mb_has_the_picture_at_2_5_mb_within_three_seconds() {
    for (seed, jitter_us, sound) in [
        (1, 0, false),
        (2, 0, true),
        (3, 3_000, false),
        (4, 6_000, true),
    ] {
        let mut world = World::new(50e6, 4_000_000, seed);
        (world.sound, world.way.jitter_us) = (sound, jitter_us);
        let narrow = if sound { 450e3 } else { 300e3 };
        let took = widens(world, narrow, 3e6, 2.5e6);
        let most = if sound { 4.5 } else { 3.0 };
        assert!(took <= most, "{took} s with {jitter_us} us of scatter");
    }
}

#[test]
fn a_way_that_loses_one_packet_in_twenty_widens_as_fast() {
    let mut world = World::new(50e6, 4_000_000, 5);
    world.way.loss = 0.05;
    world.way.delay_us = 15_000;
    let took = widens(world, 400e3, 3e6, 2.2e6);
    assert!(took <= 4.0, "{took} s");
}

#[test]
fn one_packet_in_twenty_is_lost_each_way_and_every_picture_comes() {
    for (seed, delay_us) in [(6, 1_000), (7, 15_000), (8, 40_000)] {
        let mut world = World::new(50e6, 4_000_000, seed);
        (world.way.loss, world.way.delay_us) = (0.05, delay_us);
        world.run(5.0);
        let (before, from, probed) = (world.decoded(), world.encoded, world.probed());
        world.run(20.0);
        let for_nothing = (world.probed() - probed) as f64 / (world.got_bps(20.0) * 20.0 / 8.0);
        assert!(for_nothing < 0.03, "{for_nothing} of it came twice");
        let (decoded, encoded) = (world.decoded() - before, world.encoded - from);
        assert!(
            decoded + 15 >= encoded,
            "{decoded} of {encoded}, {delay_us} us"
        );
        let counts = world.flow.counts();
        assert_eq!((counts.overflows, counts.plis), (0, 0), "{counts:?}");
        assert!(world.full_bps >= 3_000_000, "{}", world.full_bps);
    }
}

#[test]
fn a_viewer_of_a_still_picture_comes_back_from_the_low_rendition() {
    let mut world = World::new(500e3, 4_000_000, 9);
    world.other_bps = Some(4_000_000);
    world.way.queue_bytes = 20_000.0;
    world.run(10.0);
    assert_eq!(world.flow.rendition(), Rendition::Low);
    world.scene = Scene::Still;
    world.sound = false;
    world.run(2.0);
    let (probed, since) = (world.probed(), world.now_us);
    world.run(20.0);
    assert_eq!(world.flow.rendition(), Rendition::Low, "it is as narrow");
    let probing = (world.probed() - probed) as f64 * 8e6 / (world.now_us - since) as f64;
    assert!(probing < 60e3, "{probing} bits a second of probes");
    world.way.bps = 20e6;
    world.run(6.0);
    assert_eq!(world.flow.rendition(), Rendition::Full);
    let probed = world.probed();
    world.run(10.0);
    assert_eq!(world.probed(), probed, "all that is wanted is there");
}

#[test]
fn who_asks_again_for_what_came_gets_nothing() {
    let mut world = World::new(50e6, 4_000_000, 10);
    world.run(2.0);
    let newest = world.flow.sequence;
    let sequences: Vec<u16> = (1..300).map(|back| newest.wrapping_sub(back)).collect();
    let probed = world.probed();
    for _ in 0..20 {
        // The newest are not reported yet.
        world.flow.again(&sequences[60..], world.now_us);
        world.run(0.1);
    }
    let again = world.probed() - probed;
    assert!(again < 20_000, "{again} bytes again");
}
