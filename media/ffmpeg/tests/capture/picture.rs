//! The picture that comes out is the one that was painted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use media_ffmpeg::screen::{Content, ScreenConfig};
use media_packet::{Rendition, VideoCodec};

use crate::decoded::{Decoder, nal_types};
use crate::painter::{Colour, Painter};
use crate::seen::{Seen, config, start};
use crate::xvfb::Xvfb;

const BLACK: Colour = [0; 3];
const RED: Colour = [230, 20, 30];
const GREEN: Colour = [20, 200, 60];
const BLUE: Colour = [30, 60, 220];
const YELLOW: Colour = [240, 220, 40];

/// Decodes all packets of a rendition until a picture shows these colours.
fn wait_for_colours(
    seen: &Seen,
    decoder: &mut Decoder,
    decoded: &mut usize,
    rendition: Rendition,
    colours: &[(usize, usize, Colour)],
) {
    let what = format!("picture with {colours:?}");
    seen.wait(&what, |log| {
        log.of(rendition).skip(*decoded).find_map(|packet| {
            decoder.decode(packet);
            *decoded += 1;
            let shown = colours.iter().map(|(x, y, _)| decoder.colour(*x, *y));
            println!("{:?}", shown.collect::<Vec<_>>());
            let right = colours.iter().all(|(x, y, c)| decoder.shows(*x, *y, *c));
            right.then_some(())
        })
    });
}

fn four_quarters(painter: &Painter) -> [(usize, usize, Colour); 4] {
    let (w, h) = (painter.width / 2, painter.height / 2);
    painter.fill(0, 0, w, h, RED);
    painter.fill(w as i16, 0, w, h, GREEN);
    painter.fill(0, h as i16, w, h, BLUE);
    painter.fill(w as i16, h as i16, w, h, YELLOW);
    painter.sync();
    let (w, h) = (usize::from(w), usize::from(h));
    [
        (w / 2, h / 2, RED),
        (w + w / 2, h / 2, GREEN),
        (w / 2, h + h / 2, BLUE),
        (w + w / 2, h + h / 2, YELLOW),
    ]
}

fn the_picture_is_right(xvfb: &Xvfb, config: ScreenConfig) {
    let painter = Painter::new(xvfb);
    let colours = four_quarters(&painter);
    let codec = config.codec;
    let (width, height) = (config.width & !1, config.height & !1);
    let (screen, seen) = start(config);
    let mut decoder = Decoder::new(codec);
    let mut decoded = 0;
    wait_for_colours(&seen, &mut decoder, &mut decoded, Rendition::Full, &colours);
    let first = &seen.packets(0)[0];
    assert!(first.keyframe);
    assert_eq!((first.width, first.height), (width, height));
    if codec == VideoCodec::H264 {
        let types = nal_types(&first.data);
        let parameters = types.iter().position(|t| *t == 5).map(|idr| &types[..idr]);
        let parameters = parameters.expect("an IDR picture");
        assert!(
            parameters.contains(&7) && parameters.contains(&8),
            "{types:?}"
        );
        assert!(first.data.starts_with(&[0, 0, 0, 1]));
    }
    // A corner changes, at odd pixels; the rest stays.
    painter.fill(3, 5, 33, 21, YELLOW);
    let mut changed = colours.to_vec();
    changed.extend([(10, 12, YELLOW), (30, 20, YELLOW), (44, 34, RED)]);
    wait_for_colours(&seen, &mut decoder, &mut decoded, Rendition::Full, &changed);
    let packets = seen.packets(0);
    assert!(packets[1..].iter().all(|p| !p.keyframe));
    assert!(packets.windows(2).all(|p| p[0].at_us < p[1].at_us));
    drop(screen);
}

#[test]
fn the_picture_is_the_one_that_was_painted() {
    let xvfb = Xvfb::start(640, 480);
    the_picture_is_right(&xvfb, config(&xvfb, 640, 480));
}

#[test]
fn the_picture_is_right_with_the_encoder_for_screens() {
    for (width, height) in [(640, 480), (701, 483)] {
        let xvfb = Xvfb::start(width, height);
        let mut config = config(&xvfb, width, height);
        config.content = Content::Screen;
        the_picture_is_right(&xvfb, config);
    }
}

#[test]
fn the_picture_is_right_in_vp8() {
    let xvfb = Xvfb::start(640, 480);
    let mut config = config(&xvfb, 640, 480);
    config.codec = VideoCodec::Vp8;
    the_picture_is_right(&xvfb, config);
}

/// The ways to a display that was not started for this.
fn of_any_display(xvfb: &Xvfb, width: u32, height: u32) -> ScreenConfig {
    ScreenConfig {
        framebuffer: None,
        ..config(xvfb, width, height)
    }
}

#[test]
fn the_picture_is_right_with_shared_memory() {
    for (width, height) in [(640, 480), (701, 483)] {
        let xvfb = Xvfb::start(width, height);
        the_picture_is_right(&xvfb, of_any_display(&xvfb, width, height));
    }
}

#[test]
fn the_picture_is_right_without_shared_memory() {
    let xvfb = Xvfb::start_with(640, 480, &["-extension", "MIT-SHM"]);
    the_picture_is_right(&xvfb, of_any_display(&xvfb, 640, 480));
}

#[test]
fn the_pointer_is_not_in_the_picture() {
    for framebuffer in [true, false] {
        let xvfb = Xvfb::start(640, 480);
        let painter = Painter::new(&xvfb);
        painter.fill(0, 0, 640, 480, BLUE);
        painter.point(200, 200, YELLOW);
        let config = match framebuffer {
            true => config(&xvfb, 640, 480),
            false => of_any_display(&xvfb, 640, 480),
        };
        let (_screen, seen) = start(config);
        let (mut decoder, mut decoded) = (Decoder::new(VideoCodec::H264), 0);
        let full = Rendition::Full;
        let without = [(200, 200, BLUE), (190, 210, BLUE), (20, 20, BLUE)];
        wait_for_colours(&seen, &mut decoder, &mut decoded, full, &without);
        // It moves, and something beside it changes.
        painter.point(300, 300, YELLOW);
        painter.fill(280, 280, 4, 4, RED);
        painter.sync();
        let moved = [(282, 282, RED), (300, 300, BLUE), (200, 200, BLUE)];
        wait_for_colours(&seen, &mut decoder, &mut decoded, full, &moved);
    }
}

#[test]
fn every_picture_is_of_one_moment_however_fast_an_application_paints() {
    const PICTURES: usize = 100;
    let xvfb = Xvfb::start(1280, 720);
    let painter = Painter::new(&xvfb);
    painter.fill(0, 0, 1280, 720, RED);
    painter.sync();
    let mut config = config(&xvfb, 1280, 720);
    config.content = Content::Screen;
    config.bitrate_bps = 50_000_000;
    let (_screen, seen) = start(config);
    let is_done = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&is_done);
    let painting = std::thread::spawn(move || {
        while !until.load(Ordering::Relaxed) {
            for colour in [BLUE, YELLOW] {
                painter.fill(0, 0, 1280, 720, colour);
                painter.sync();
            }
        }
    });
    let packets = seen.wait("pictures", |log| {
        (log.packets.len() > PICTURES).then(|| log.packets.clone())
    });
    is_done.store(true, Ordering::Relaxed);
    painting.join().expect("it paints");
    let mut decoder = Decoder::new(VideoCodec::H264);
    for (at, packet) in packets.iter().enumerate() {
        decoder.decode(packet);
        let whole = [RED, BLUE, YELLOW].into_iter().any(|colour| {
            let mut rows = (0..12).map(|row| row * 60 + 30);
            rows.all(|y| decoder.shows(y + 200, y, colour))
        });
        assert!(whole, "picture {at} is torn");
    }
}

#[test]
fn the_last_column_and_row_of_an_odd_size_are_left_out() {
    let xvfb = Xvfb::start(701, 483);
    the_picture_is_right(&xvfb, config(&xvfb, 701, 483));
}

#[test]
fn windows_outside_that_come_and_move_do_no_harm() {
    let xvfb = Xvfb::start(640, 480);
    let first = Painter::new(&xvfb);
    first.fill(0, 0, 640, 480, RED);
    // Only a part of the display is captured.
    let (_screen, seen) = start(config(&xvfb, 320, 240));
    let mut decoder = Decoder::new(VideoCodec::H264);
    let mut decoded = 0;
    let middle = |colour| [(160, 120, colour)];
    wait_for_colours(
        &seen,
        &mut decoder,
        &mut decoded,
        Rendition::Full,
        &middle(RED),
    );
    let second = Painter::new(&xvfb);
    second.fill(300, 200, 340, 280, BLUE);
    let corner = [(100, 100, BLACK), (310, 230, BLUE)];
    wait_for_colours(&seen, &mut decoder, &mut decoded, Rendition::Full, &corner);
    // The server paints the first one's background where the second one was.
    drop(second);
    let uncovered = [(100, 100, BLACK), (310, 230, BLACK)];
    wait_for_colours(
        &seen,
        &mut decoder,
        &mut decoded,
        Rendition::Full,
        &uncovered,
    );
}

#[test]
fn the_low_rendition_has_half_the_size_and_the_same_picture() {
    let xvfb = Xvfb::start(640, 480);
    let painter = Painter::new(&xvfb);
    let colours = four_quarters(&painter);
    let (screen, seen) = start(config(&xvfb, 640, 480));
    screen
        .control()
        .set_bitrate(Rendition::Low, Some(1_000_000));
    let mut decoder = Decoder::new(VideoCodec::H264);
    let mut decoded = 0;
    let halved = colours.map(|(x, y, colour)| (x / 2, y / 2, colour));
    wait_for_colours(&seen, &mut decoder, &mut decoded, Rendition::Low, &halved);
    let first = seen.wait("low packet", |log| log.of(Rendition::Low).next().cloned());
    assert!(first.keyframe);
    assert_eq!((first.width, first.height), (320, 240));
    painter.fill(100, 100, 60, 40, GREEN);
    let mut changed = halved.to_vec();
    changed.push((65, 60, GREEN));
    wait_for_colours(&seen, &mut decoder, &mut decoded, Rendition::Low, &changed);
}
