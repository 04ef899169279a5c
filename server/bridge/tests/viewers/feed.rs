//! An encoder's stand-in: pictures of the size that is asked for, 30 a second, keyframes when they are asked for.

use bytes::Bytes;
use media_packet::{Rendition, SoundPacket, VideoCodec, VideoPacket};
use server_bridge::Stage;
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;

const PICTURE_US: u64 = 33_333;

/// One picture; its number and length can be read from it.
pub(crate) fn picture(number: u32, keyframe: bool, len: usize) -> Vec<u8> {
    let mut data = Vec::new();
    if keyframe {
        data.extend([
            0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0x8c, 0, 0, 0, 1, 0x68, 0xce, 0x3c,
        ]);
    }
    data.extend([0, 0, 0, 1, if keyframe { 0x65 } else { 0x61 }]);
    data.extend(format!("{number:08}").bytes());
    let filler = (number % 200) as u8 + 2;
    data.extend(std::iter::repeat_n(
        filler,
        len.max(data.len() + 1) - data.len(),
    ));
    data
}

/// The number of a picture made by [`picture`], after a check of every byte.
pub(crate) fn number(data: &[u8]) -> u32 {
    let at = data
        .windows(5)
        .position(|window| window[..4] == [0, 0, 0, 1] && matches!(window[4], 0x65 | 0x61))
        .expect("a slice");
    let text = std::str::from_utf8(&data[at + 5..at + 13]).expect("a number");
    let number = text.parse().expect("a number");
    assert_eq!(
        data,
        picture(number, data[at + 4] == 0x65, data.len()),
        "every byte arrives"
    );
    number
}

/// Feeds until dropped.
pub(crate) struct Feed(AbortHandle);

impl Feed {
    pub(crate) fn start(stage: &Stage) -> Feed {
        Feed(tokio::spawn(run(stage.clone())).abort_handle())
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn run(stage: Stage) {
    let demand = stage.demand();
    let started = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_micros(PICTURE_US));
    let mut answered = (0, 0);
    for number in 0.. {
        ticks.tick().await;
        let wanted = demand.borrow().clone();
        let at_us = started.elapsed().as_micros() as u64;
        let renditions = [
            (
                Rendition::Full,
                Some(wanted.full_bps),
                wanted.keyframes_full,
                &mut answered.0,
            ),
            (
                Rendition::Low,
                wanted.low_bps,
                wanted.keyframes_low,
                &mut answered.1,
            ),
        ];
        for (rendition, bps, asked, answered) in renditions {
            let Some(bps) = bps else {
                continue;
            };
            let keyframe = number == 0 || asked != *answered;
            *answered = asked;
            let len = (bps / 8 / 30) as usize * if keyframe { 3 } else { 1 };
            stage.video(VideoPacket {
                codec: VideoCodec::H264,
                rendition,
                data: Bytes::from(picture(number, keyframe, len)),
                at_us,
                keyframe,
                width: 1280,
                height: 720,
            });
        }
        for part in 0..3 {
            let data = Bytes::from_static(&[0xfc, 0xff, 0xfe]);
            stage.sound(SoundPacket {
                data,
                at_us: at_us + part * 10_000,
                duration_us: 10_000,
            });
        }
    }
}
