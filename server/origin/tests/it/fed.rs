//! A channel that is fed from within the process: silent, on air, silent, on air again.

use crate::lab::{Lab, Running, Viewer, bytes};
use media_packet::{Rendition, SoundPacket, VideoCodec, VideoPacket};
use overlay_core::Invite;
use server_origin::{Feed, Source};

const SECOND_US: u64 = 1_000_000;

/// What is in the pictures is nothing that an origin looks at.
fn picture(at_us: u64) -> VideoPacket {
    VideoPacket {
        codec: VideoCodec::Vp8,
        rendition: Rendition::Full,
        data: format!("picture at {at_us}").into_bytes().into(),
        at_us,
        keyframe: at_us.is_multiple_of(2 * SECOND_US),
        width: 640,
        height: 360,
    }
}

fn sound(at_us: u64) -> SoundPacket {
    SoundPacket {
        // A packet of 10 ms by its first byte, RFC 6716.
        data: vec![30 << 3, 1, 2, 3].into(),
        at_us,
        duration_us: 10_000,
    }
}

fn feed_seconds(feed: &Feed, from_s: u64, seconds: u64) {
    for ms in (from_s * 1_000..(from_s + seconds) * 1_000).step_by(10) {
        feed.sound(&sound(ms * 1_000));
        if ms % 100 == 0 {
            feed.video(&picture(ms * 1_000));
        }
    }
}

fn invite_of(feed: &Feed) -> Invite {
    let until = std::time::Instant::now() + crate::lab::PATIENCE;
    loop {
        if let Some(invite) = feed.invite() {
            return invite.parse().expect("an invite");
        }
        assert!(std::time::Instant::now() < until, "on air in time");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

fn holds(chunk: &[u8], at_us: u64) -> bool {
    let wanted = format!("picture at {at_us}");
    chunk
        .windows(wanted.len())
        .any(|there| there == wanted.as_bytes())
}

#[tokio::test]
async fn a_fed_channel_is_silent_then_on_air_and_its_numbers_go_on_after_a_pause_and_a_restart() {
    let lab = Lab::new();
    let feed = Feed::new();
    let origin = Running::start(lab.config(Source::Fed(feed.clone())));
    // Nobody feeds: there is an invite, and who follows it waits.
    let mut viewer = Viewer::join(&invite_of(&feed)).await;
    viewer.has_its_places().await;

    // A session from 100 s on its clock, 5 s long.
    feed_seconds(&feed, 100, 5);
    let first = viewer.chunk().await;
    assert_eq!((first.seq, first.duration_us), (0, 2 * SECOND_US));
    assert_eq!(first.name, "session_00000.mkv");
    let second = viewer.chunk().await;
    assert_eq!((second.seq, second.duration_us), (1, 2 * SECOND_US));
    assert!(holds(&bytes(&first), 100 * SECOND_US) && !holds(&bytes(&first), 102 * SECOND_US));
    assert!(holds(&bytes(&second), 103_900_000));
    feed.silence();
    let last = viewer.chunk().await;
    assert_eq!(last.seq, 2);
    assert!(
        (900_000..=SECOND_US).contains(&last.duration_us),
        "{}",
        last.duration_us
    );

    // Another session, whose clock has nothing to do with the first.
    feed_seconds(&feed, 50, 3);
    let next = viewer.chunk().await;
    assert_eq!((next.seq, next.epoch), (3, last.epoch));
    assert!(holds(&bytes(&next), 50 * SECOND_US));
    origin.stop();

    let feed = Feed::new();
    let origin = Running::start(lab.config(Source::Fed(feed.clone())));
    let mut viewer = Viewer::join(&invite_of(&feed)).await;
    viewer.has_its_places().await;
    feed_seconds(&feed, 200, 3);
    let after = viewer.chunk().await;
    assert_eq!((after.seq, after.epoch), (4, next.epoch + 1));
    origin.stop();
}
