//! Chunks of a session that has lost its sound: they wait for it once, and then no more.

mod lab;

use lab::{Lab, PICTURE};
use media_ffmpeg::compose::Composer;
use media_ffmpeg::packets::read_chunk;
use media_packet::SoundPacket;

/// As sessions have it: no B-frames, a keyframe every two seconds.
const SESSION: &str = "-c:v libx264 -preset ultrafast -tune zerolatency -g 50 -keyint_min 50 -sc_threshold 0 -pix_fmt yuv420p";
/// Of Opus: silence of 10 ms.
const SILENCE: &[u8] = &[0xf0, 0xff, 0xfe];
const SOUND_US: u32 = 10_000;

#[test]
fn sound_that_is_gone_is_waited_for_in_one_chunk_and_heard_again_when_it_comes_back() {
    let lab = Lab::new();
    let film = lab.film("film.mkv", &[PICTURE, SESSION]);
    let film = read_chunk(&std::fs::read(film).expect("a file")).expect("a chunk");
    let zero_us = film.video[0].at_us;
    let mut composer = Composer::new("session").expect("a name");
    // When each chunk was complete, and whether it has sound.
    let mut chunks = Vec::new();
    let mut heard_us = 0;
    for picture in &film.video {
        let at_us = picture.at_us - zero_us;
        while heard_us <= at_us {
            let is_there = !(1_000_000..5_000_000).contains(&heard_us);
            let sound = SoundPacket {
                data: SILENCE.into(),
                at_us: zero_us + heard_us,
                duration_us: SOUND_US,
            };
            heard_us += u64::from(SOUND_US);
            if is_there {
                let done = composer.sound(&sound).expect("written");
                chunks.extend(done.into_iter().map(|chunk| (at_us, chunk)));
            }
        }
        let done = composer.video(picture).expect("written");
        chunks.extend(done.into_iter().map(|chunk| (at_us, chunk)));
    }
    let done = composer.finish().expect("written");
    chunks.extend(done.into_iter().map(|chunk| (u64::MAX, chunk)));
    let complete: Vec<u64> = chunks.iter().map(|(at_us, _)| *at_us).collect();
    assert_eq!(complete.len(), 4, "{complete:?}");
    assert!(complete[0] > 2_000_000, "it is waited for: {complete:?}");
    assert_eq!(complete[1], 4_000_000, "it is not waited for any more");
    let sounds = chunks.iter().map(|(_, chunk)| {
        let chunk = read_chunk(&chunk.bytes).expect("a chunk");
        chunk.sound.len()
    });
    let sounds: Vec<usize> = sounds.collect();
    assert!(sounds[0] > 50 && sounds[2] > 50, "{sounds:?}");
    assert_eq!(sounds[1], 0);
}
