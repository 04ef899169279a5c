//! A capture does what it is ordered: keyframes, bitrates, rest.

use std::time::{Duration, Instant};

use media_ffmpeg::screen::{Content, ScreenConfig};
use media_packet::{Rendition, VideoCodec, VideoPacket};

use crate::painter::Painter;
use crate::seen::{Seen, config, start};
use crate::xvfb::Xvfb;

/// Nothing comes for this long on a still picture after it settled.
const QUIET: Duration = Duration::from_millis(2_000);

/// Paints noise `rate` times a second for so long.
fn paint_for(painter: &mut Painter, rate: u32, time: Duration) {
    let begun = Instant::now();
    let mut n = 0;
    while begun.elapsed() < time {
        painter.noise();
        n += 1;
        let due = Duration::from_secs(1) * n / rate;
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    painter.sync();
}

fn wait_for_keyframe(seen: &Seen, from: usize, rendition: Rendition) -> VideoPacket {
    seen.wait("keyframe", |log| {
        let mut new = log.packets[from..].iter();
        new.find(|p| p.keyframe && p.rendition == rendition)
            .cloned()
    })
}

#[test]
fn a_still_picture_costs_no_packet_and_gives_a_keyframe_when_asked() {
    let xvfb = Xvfb::start(640, 480);
    let mut painter = Painter::new(&xvfb);
    painter.noise();
    painter.sync();
    let (screen, seen) = start(config(&xvfb, 640, 480));
    seen.wait_for_silence(QUIET);
    let before = (seen.count(), screen.stats());
    std::thread::sleep(Duration::from_secs(2));
    let after = (seen.count(), screen.stats());
    assert_eq!(before.0, after.0);
    assert_eq!(before.1.grabs, after.1.grabs);
    let asked = Instant::now();
    screen.control().request_keyframe(Rendition::Full);
    let packet = wait_for_keyframe(&seen, before.0, Rendition::Full);
    // It has to be quick, but the machine may be busy with other tests.
    assert!(asked.elapsed() < Duration::from_secs(10));
    assert!(packet.at_us > seen.packets(0)[before.0 - 1].at_us + 1_000_000);
    assert_eq!(screen.stats().grabs, before.1.grabs);
}

/// Most pictures within a time: a 32nd more than the rate, to make up for late ones, the first, and one that is early.
fn most_within(span_us: u64, rate: u64) -> u64 {
    span_us * rate * 33 / 32 / 1_000_000 + 3
}

#[test]
fn no_more_pictures_come_than_allowed() {
    let xvfb = Xvfb::start(320, 240);
    let mut painter = Painter::new(&xvfb);
    let mut config = config(&xvfb, 320, 240);
    config.max_frame_rate = 20;
    let (_screen, seen) = start(config);
    // A machine that stands still for a moment paints nothing meanwhile.
    for _ in 0..10 {
        paint_for(&mut painter, 100, Duration::from_secs(2));
        if seen.count() > 20 {
            break;
        }
    }
    let stamps: Vec<u64> = seen.packets(0).iter().map(|p| p.at_us).collect();
    let span_us = stamps[stamps.len() - 1] - stamps[0];
    let most = most_within(span_us, 20);
    assert!(
        stamps.len() as u64 <= most,
        "{} in {span_us} us",
        stamps.len()
    );
    assert!(stamps.len() > 20, "{}", stamps.len());
}

/// Mean bits of a picture while noise is painted `rate` times a second, after some time to settle. Unlike bits a second
/// it does not depend on how busy the machine is.
fn picture_bits(painter: &mut Painter, seen: &Seen, rate: u32) -> (u64, Vec<VideoPacket>) {
    paint_for(painter, rate, Duration::from_millis(700));
    let from = seen.count();
    paint_for(painter, rate, Duration::from_secs(2));
    let packets = seen.packets(from);
    let bits: u64 = packets.iter().map(|p| p.data.len() as u64 * 8).sum();
    (bits / packets.len() as u64, packets)
}

fn the_bitrate_follows(content: Content) {
    let xvfb = Xvfb::start(320, 240);
    let mut painter = Painter::new(&xvfb);
    let config = ScreenConfig {
        content,
        ..config(&xvfb, 320, 240)
    };
    let (screen, seen) = start(config);
    for bps in [4_000_000, 1_200_000, 3_000_000] {
        screen.control().set_bitrate(Rendition::Full, Some(bps));
        let (bits, packets) = picture_bits(&mut painter, &seen, 60);
        let share = u64::from(bps) / 60;
        // Twice where the machine does not manage 60 a second.
        assert!(
            (share / 2..=share * 22 / 10).contains(&bits),
            "{bps}: {bits}"
        );
        assert!(packets.iter().all(|p| !p.keyframe));
    }
}

#[test]
fn the_bitrate_follows_without_a_keyframe() {
    the_bitrate_follows(Content::Any);
}

#[test]
fn the_bitrate_follows_with_the_encoder_for_screens() {
    the_bitrate_follows(Content::Screen);
}

#[test]
fn an_application_that_paints_rarely_gets_more_bits_for_each_picture() {
    let xvfb = Xvfb::start(320, 240);
    let mut painter = Painter::new(&xvfb);
    let (_screen, seen) = start(config(&xvfb, 320, 240));
    let (bits, _) = picture_bits(&mut painter, &seen, 20);
    let share = 4_000_000 / 60;
    assert!(
        (share * 14 / 10..=share * 22 / 10).contains(&bits),
        "{bits}"
    );
}

#[test]
fn the_bitrate_of_vp8_follows_with_a_keyframe() {
    let xvfb = Xvfb::start(320, 240);
    let mut painter = Painter::new(&xvfb);
    let mut config = config(&xvfb, 320, 240);
    config.codec = VideoCodec::Vp8;
    let (screen, seen) = start(config);
    let (high, _) = picture_bits(&mut painter, &seen, 60);
    let from = seen.count();
    // So low that the encoder does what it can: how coarse VP8 may become bounds what noise takes.
    screen.control().set_bitrate(Rendition::Full, Some(200_000));
    wait_for_keyframe(&seen, from, Rendition::Full);
    let (low, _) = picture_bits(&mut painter, &seen, 60);
    assert!(low < high * 3 / 4, "{high} -> {low}");
}

#[test]
fn nobody_watches_nothing_happens_then_it_begins_with_a_keyframe() {
    let xvfb = Xvfb::start(320, 240);
    let mut painter = Painter::new(&xvfb);
    let (screen, seen) = start(config(&xvfb, 320, 240));
    seen.wait_for_silence(QUIET);
    screen.control().set_watched(false);
    // The order is taken when the thread looks; what was under way may still come.
    let mut before = (0, 0);
    for _ in 0..20 {
        paint_for(&mut painter, 60, Duration::from_millis(300));
        let now = (seen.count(), screen.stats().grabs);
        if std::mem::replace(&mut before, now) == now {
            break;
        }
    }
    screen.control().request_keyframe(Rendition::Full);
    paint_for(&mut painter, 60, Duration::from_secs(1));
    assert_eq!((seen.count(), screen.stats().grabs), before);
    screen.control().set_watched(true);
    let first = seen.wait("packet", |log| log.packets.get(before.0).cloned());
    assert!(first.keyframe);
    assert!(screen.stats().grabs > before.1, "the picture is a new one");
}

#[test]
fn keyframes_come_in_the_interval_also_on_a_still_picture() {
    let xvfb = Xvfb::start(320, 240);
    let _painter = Painter::new(&xvfb);
    let (screen, seen) = start(config(&xvfb, 320, 240));
    seen.wait_for_silence(QUIET);
    screen.control().set_keyframe_interval(Some(300_000));
    let stamps = seen.wait("four keyframes", |log| {
        let keyframes = log.packets.iter().filter(|p| p.keyframe);
        let stamps: Vec<u64> = keyframes.map(|p| p.at_us).collect();
        (stamps.len() >= 5).then(|| stamps[1..].to_vec())
    });
    for pair in stamps.windows(2) {
        let apart = pair[1] - pair[0];
        assert!((290_000..5_000_000).contains(&apart), "{stamps:?}");
    }
    screen.control().set_keyframe_interval(None);
    seen.wait_for_silence(QUIET);
}

#[test]
fn the_low_rendition_comes_while_it_is_needed_at_most_thirty_times_a_second() {
    let xvfb = Xvfb::start(320, 240);
    let mut painter = Painter::new(&xvfb);
    let (screen, seen) = start(config(&xvfb, 320, 240));
    paint_for(&mut painter, 60, Duration::from_millis(300));
    assert!(
        seen.packets(0)
            .iter()
            .all(|p| p.rendition == Rendition::Full)
    );
    screen.control().set_bitrate(Rendition::Low, Some(500_000));
    let from = seen.count();
    paint_for(&mut painter, 60, Duration::from_secs(2));
    let packets = seen.packets(from);
    let low: Vec<_> = packets
        .iter()
        .filter(|p| p.rendition == Rendition::Low)
        .collect();
    assert!(low[0].keyframe);
    let span_us = low[low.len() - 1].at_us - low[0].at_us;
    assert!(
        low.len() as u64 <= most_within(span_us, 30),
        "{} in {span_us} us",
        low.len()
    );
    let from = seen.count();
    screen.control().request_keyframe(Rendition::Low);
    wait_for_keyframe(&seen, from, Rendition::Low);
    screen.control().set_bitrate(Rendition::Low, None);
    paint_for(&mut painter, 60, Duration::from_secs(1));
    let from = seen.count();
    paint_for(&mut painter, 60, Duration::from_millis(500));
    let later = seen.packets(from);
    assert!(!later.is_empty() && later.iter().all(|p| p.rendition == Rendition::Full));
}
