//! How captures do not start, and how they end.

use std::time::{Duration, Instant};

use media_ffmpeg::screen::{Screen, ScreenConfig, ScreenError};

use crate::painter::Painter;
use crate::seen::{PATIENCE, Seen, config, start};
use crate::xvfb::Xvfb;

fn refusal(config: ScreenConfig) -> ScreenError {
    match Screen::start(config, Seen::default().sink()) {
        Ok(_) => panic!("it started"),
        Err(error) => error,
    }
}

/// Threads and descriptors of this process.
fn resources() -> (usize, usize) {
    let count = |path| std::fs::read_dir(path).expect("proc").count();
    (count("/proc/self/task"), count("/proc/self/fd"))
}

/// Waits until this process has these threads and descriptors: a thread that was joined is still there for a moment.
#[track_caller]
fn until_resources(before: (usize, usize)) {
    let deadline = Instant::now() + PATIENCE;
    while resources() != before {
        assert!(Instant::now() < deadline, "{:?}", resources());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_cannot_be_captured_is_refused_with_a_reason() {
    let xvfb = Xvfb::start(320, 240);
    let good = config(&xvfb, 320, 240);
    let with = |change: fn(&mut ScreenConfig)| {
        let mut config = good.clone();
        change(&mut config);
        refusal(config)
    };
    let error = with(|c| c.display = ":59999".to_owned());
    assert!(matches!(&error, ScreenError::Open { .. }), "{error}");
    assert!(error.to_string().contains(":59999"), "{error}");
    let error = with(|c| c.display = ":58999".to_owned());
    assert!(matches!(&error, ScreenError::Open { .. }), "{error}");
    let error = with(|c| c.display = "elsewhere:0".to_owned());
    assert!(matches!(&error, ScreenError::Open { .. }), "{error}");
    let error = with(|c| c.authority = None);
    assert!(matches!(&error, ScreenError::Open { .. }), "{error}");
    let error = with(|c| c.authority = Some("/nowhere".into()));
    assert!(error.to_string().contains("/nowhere"), "{error}");
    let error = with(|c| c.width = 640);
    assert!(matches!(&error, ScreenError::Unsuitable(_)), "{error}");
    for wrong in [
        with(|c| c.width = 5_000),
        with(|c| c.height = 2),
        with(|c| c.max_frame_rate = 0),
    ] {
        assert!(matches!(&wrong, ScreenError::Config(_)), "{wrong}");
    }
    let mut wrong = good.clone();
    wrong.authority = Some(xvfb.wrong_authority());
    let error = refusal(wrong);
    assert!(matches!(&error, ScreenError::Open { .. }), "{error}");
    let (_screen, seen) = start(good);
    seen.wait("packet", |log| log.packets.first().map(|_| ()));
}

#[test]
fn a_display_of_another_depth_is_refused() {
    let xvfb = Xvfb::start_with(64, 64, &["-screen", "0", "320x240x16"]);
    let error = refusal(config(&xvfb, 320, 240));
    assert!(matches!(&error, ScreenError::Unsuitable(_)), "{error}");
}

#[test]
fn a_display_that_dies_is_told_and_nothing_is_left() {
    let before = resources();
    let mut xvfb = Xvfb::start(320, 240);
    let (screen, seen) = start(config(&xvfb, 320, 240));
    seen.wait("packet", |log| log.packets.first().map(|_| ()));
    xvfb.kill();
    seen.wait("failure", |log| {
        let failed = log.failed.as_ref()?;
        assert!(matches!(failed, ScreenError::Gone(_)), "{failed}");
        Some(())
    });
    screen.control().set_watched(true);
    drop(screen);
    drop(xvfb);
    until_resources(before);
}

#[test]
fn a_display_that_hangs_is_told() {
    let mut xvfb = Xvfb::start(320, 240);
    let (screen, seen) = start(config(&xvfb, 320, 240));
    seen.wait("packet", |log| log.packets.first().map(|_| ()));
    seen.wait_for_silence(Duration::from_millis(300));
    xvfb.hang();
    seen.wait("failure", |log| {
        let failed = log.failed.as_ref()?;
        assert!(matches!(failed, ScreenError::Hangs), "{failed}");
        Some(())
    });
    drop(screen);
}

#[test]
fn a_capture_of_a_display_that_hangs_does_not_start() {
    let mut xvfb = Xvfb::start(320, 240);
    xvfb.hang();
    let error = refusal(config(&xvfb, 320, 240));
    assert!(matches!(&error, ScreenError::Hangs), "{error}");
}

#[test]
fn a_capture_of_a_display_that_hangs_is_dropped_at_once() {
    let mut xvfb = Xvfb::start(320, 240);
    let mut painter = Painter::new(&xvfb);
    let (screen, seen) = start(config(&xvfb, 320, 240));
    seen.wait("packet", |log| log.packets.first().map(|_| ()));
    painter.noise();
    xvfb.hang();
    let begun = Instant::now();
    drop(screen);
    // Long before a display that does not answer is given up.
    assert!(begun.elapsed() < Duration::from_secs(4));
}

#[test]
fn many_captures_leave_nothing_behind() {
    let xvfb = Xvfb::start(320, 240);
    // The first one loads what stays loaded.
    drop(start(config(&xvfb, 320, 240)));
    let before = resources();
    for _ in 0..20 {
        let (screen, seen) = start(config(&xvfb, 320, 240));
        seen.wait("packet", |log| log.packets.first().map(|_| ()));
        drop(screen);
        let mut wrong = config(&xvfb, 320, 240);
        wrong.authority = Some(xvfb.wrong_authority());
        refusal(wrong);
    }
    until_resources(before);
}
