//! The measurement: each scene for some seconds, then what the capture's thread and the display counted.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use media_ffmpeg::screen::{Content, Screen, ScreenConfig, ScreenEvent};
use media_packet::{Rendition, VideoCodec};

use super::scene::{HEIGHT, Painter, Scene, WIDTH, Xvfb};

pub(super) fn main() {
    let mut args = std::env::args().skip(1);
    let seconds: u64 = args.next().and_then(|a| a.parse().ok()).unwrap_or(5);
    let bitrate_bps: u32 = args
        .next()
        .and_then(|a| a.parse().ok())
        .unwrap_or(6_000_000);
    let (codec, content) = match args.next().as_deref() {
        Some("vp8") => (VideoCodec::Vp8, Content::Any),
        Some("screen") => (VideoCodec::H264, Content::Screen),
        _ => (VideoCodec::H264, Content::Any),
    };
    println!(
        "{WIDTH}x{HEIGHT}, at most 60/s, {bitrate_bps} b/s, {codec:?} for {content:?}; milliseconds a frame"
    );
    println!(
        "scene            fps   grab  convert  encode  late p50/p99  kb/s  thread CPU  Xvfb CPU"
    );
    for (scene, low) in [
        (Scene::Still, false),
        (Scene::Box, false),
        (Scene::Scroll, false),
        (Scene::Cuts, false),
        (Scene::Scroll, true),
    ] {
        measure(scene, low, seconds, bitrate_bps, (codec, content));
    }
}

fn measure(
    scene: Scene,
    low: bool,
    seconds: u64,
    bitrate_bps: u32,
    (codec, content): (VideoCodec, Content),
) {
    let xvfb = Xvfb::start();
    let painter = Painter::start(&xvfb, scene);
    let late = Arc::new(Mutex::new(Vec::new()));
    let theirs = Arc::clone(&late);
    let config = ScreenConfig {
        display: format!(":{}", xvfb.number),
        authority: None,
        framebuffer: Some(xvfb.framebuffer.clone()),
        width: WIDTH.into(),
        height: HEIGHT.into(),
        max_frame_rate: 60,
        codec,
        content,
        bitrate_bps,
    };
    let sink = move |event| match event {
        ScreenEvent::Packet(packet) => {
            let late = monotonic_us().saturating_sub(packet.at_us);
            if packet.rendition == Rendition::Full {
                theirs.lock().expect("no panic").push(late);
            }
        }
        ScreenEvent::Failed(error) => println!("failed: {error}"),
    };
    let screen = Screen::start(config, Box::new(sink)).expect("it starts");
    if low {
        screen
            .control()
            .set_bitrate(Rendition::Low, Some(1_000_000));
    }
    // The first picture and its refinements are over.
    thread::sleep(Duration::from_secs(2));
    late.lock().expect("no panic").clear();
    let (begun, before, display) = (Instant::now(), screen.stats(), xvfb.cpu());
    thread::sleep(Duration::from_secs(seconds));
    let (took, after, display) = (begun.elapsed(), screen.stats(), xvfb.cpu() - display);
    drop(painter);
    let per = |sum: u64, count: u64| sum as f64 / 1e3 / count.max(1) as f64;
    let grabs = after.grabs - before.grabs;
    let frames = after.frames - before.frames;
    let share = |us: f64| us / took.as_micros() as f64 * 100.0;
    let mut late = late.lock().expect("no panic").clone();
    late.sort_unstable();
    let at = |p: usize| {
        late.get(late.len() * p / 100)
            .map_or(0.0, |us| *us as f64 / 1e3)
    };
    println!(
        "{:<14} {:>5.1} {:>6.2} {:>8.2} {:>7.2}  {:>6.2}/{:<5.2} {:>5.0}  {:>9.1}% {:>8.1}%",
        format!("{scene:?}{}", if low { " + low" } else { "" }),
        frames as f64 / took.as_secs_f64(),
        per(after.grab_us - before.grab_us, grabs),
        per(after.convert_us - before.convert_us, grabs),
        per(after.encode_us - before.encode_us, frames),
        at(50),
        at(99),
        (after.bytes - before.bytes) as f64 * 8e-3 / took.as_secs_f64(),
        share((after.cpu_us - before.cpu_us) as f64),
        share(display.as_micros() as f64),
    );
}

/// The clock of the packets' stamps.
fn monotonic_us() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1_000
}
