//! Chunks taken apart into packets, and packets put together into chunks: the real `ffmpeg` decodes both sides.

mod lab;

use std::path::Path;
use std::process::Command;

use lab::{Lab, ON_GRID, PICTURE, TONE, complaints};
use media_ffmpeg::compose::Composer;
use media_ffmpeg::cut::{Container, CutChunk, How};
use media_ffmpeg::packets::{ChunkPackets, ChunkReader, PacketsError, read_chunk};
use media_packet::{SoundPacket, VideoCodec, VideoPacket};

/// As sessions have it: no B-frames, a keyframe every two seconds.
const SESSION: &str = "-c:v libx264 -preset ultrafast -tune zerolatency -g 50 -keyint_min 50 -sc_threshold 0 -pix_fmt yuv420p";
const OPUS: &str = "-c:a libopus -b:a 96k -ac 2 -frame_duration 10";

/// The frames' checksums, without their times.
fn frames(file: &Path, track: &str) -> Vec<String> {
    let out = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(file)
        .args([
            "-map",
            &format!("0:{track}"),
            "-fps_mode",
            "passthrough",
            "-f",
            "framemd5",
            "-",
        ])
        .output()
        .expect("ffmpeg is installed");
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let last = |line: &str| line.rsplit(',').next().map(|sum| sum.trim().to_owned());
    said.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(last)
        .collect()
}

fn packets_of(file: &Path) -> ChunkPackets {
    read_chunk(&std::fs::read(file).expect("a file")).expect("a chunk")
}

fn compose(video: &[VideoPacket], sound: &[SoundPacket]) -> Vec<CutChunk> {
    let mut composer = Composer::new("session").expect("a name");
    let mut chunks = Vec::new();
    let mut sounds = sound.iter().peekable();
    for picture in video {
        while let Some(sound) = sounds.next_if(|sound| sound.at_us <= picture.at_us) {
            chunks.extend(composer.sound(sound).expect("written"));
        }
        chunks.extend(composer.video(picture).expect("written"));
    }
    for sound in sounds {
        chunks.extend(composer.sound(sound).expect("written"));
    }
    chunks.extend(composer.finish().expect("written"));
    chunks
}

#[test]
fn a_chunk_taken_apart_and_put_together_shows_and_sounds_the_same() {
    let lab = Lab::new();
    let film = lab.film("film.mkv", &[PICTURE, TONE, SESSION, OPUS]);
    let whole = packets_of(&film);
    assert_eq!(
        (whole.video_how, whole.sound_how),
        (Some(How::Copied), Some(How::Copied))
    );
    assert_eq!(whole.video.len(), 175);
    assert!(
        whole
            .video
            .iter()
            .all(|p| p.codec == VideoCodec::H264 && (p.width, p.height) == (160, 120))
    );
    // An encoder of Opus leads: with it ffmpeg moves all times by some milliseconds.
    let zero_us = whole.video[0].at_us;
    let keys: Vec<u64> = whole
        .video
        .iter()
        .filter(|p| p.keyframe)
        .map(|p| p.at_us - zero_us)
        .collect();
    assert_eq!(keys, [0, 2_000_000, 4_000_000, 6_000_000]);

    let chunks = compose(&whole.video, &whole.sound);
    assert_eq!(chunks.len(), 4);
    let mut shown = Vec::new();
    let mut next_us = 0;
    for (index, chunk) in chunks.iter().enumerate() {
        assert_eq!((chunk.index as usize, chunk.start_us), (index, next_us));
        next_us += chunk.duration_us;
        let file = lab.path(&chunk.name);
        std::fs::write(&file, &chunk.bytes).expect("writable");
        assert_eq!(complaints(&file), "", "{}", chunk.name);
        let said = media_ffmpeg::probe::probe_chunk(&file).expect("a chunk");
        assert_eq!(said, chunk.duration_us);
        shown.extend(frames(&file, "v"));
        // The same packets again, now from the chunk.
        let again = packets_of(&file);
        let of_it = |packet: &&VideoPacket| {
            let at_us = packet.at_us - zero_us;
            (chunk.start_us..chunk.start_us + chunk.duration_us).contains(&at_us)
        };
        let data = |packets: &[VideoPacket]| -> Vec<_> {
            packets
                .iter()
                .map(|p| (p.data.clone(), p.keyframe))
                .collect()
        };
        let wanted: Vec<VideoPacket> = whole.video.iter().filter(of_it).cloned().collect();
        assert_eq!(data(&again.video), data(&wanted));
        assert_eq!(again.duration_us, chunk.duration_us);
    }
    assert_eq!(shown, frames(&film, "v"));
    let heard: Vec<_> = chunks
        .iter()
        .flat_map(|chunk| read_chunk(&chunk.bytes).expect("a chunk").sound)
        .map(|p| p.data)
        .collect();
    // What was heard before the first picture is over.
    let spoken = whole.sound.iter().filter(|p| p.at_us >= zero_us);
    let spoken: Vec<_> = spoken.map(|p| p.data.clone()).collect();
    assert_eq!(heard, spoken);
}

#[test]
fn a_picture_that_stays_is_a_chunk_all_the_same() {
    let lab = Lab::new();
    let film = lab.film("film.mkv", &[PICTURE, SESSION]);
    let keys: Vec<VideoPacket> = packets_of(&film)
        .video
        .into_iter()
        .filter(|p| p.keyframe)
        .collect();
    let chunks = compose(&keys, &[]);
    assert_eq!(chunks.len(), 4);
    for chunk in &chunks[..3] {
        assert_eq!(
            (chunk.frames, chunk.duration_us, chunk.sound),
            (1, 2_000_000, None)
        );
    }
    let file = lab.path("still.mkv");
    std::fs::write(&file, &chunks[1].bytes).expect("writable");
    assert_eq!(complaints(&file), "");
    assert_eq!(frames(&file, "v"), frames(&film, "v")[50..51]);
}

#[test]
fn vp8_is_composed_and_taken_apart_too() {
    let lab = Lab::new();
    let film = lab.film(
        "film.webm",
        &[PICTURE, TONE, "-c:v libvpx -g 50 -auto-alt-ref 0", OPUS],
    );
    let whole = packets_of(&film);
    assert!(whole.video.iter().all(|p| p.codec == VideoCodec::Vp8));
    let chunks = compose(&whole.video, &whole.sound);
    assert!(chunks.len() >= 3, "{}", chunks.len());
    let mut shown = Vec::new();
    for chunk in &chunks {
        let file = lab.path(&chunk.name);
        std::fs::write(&file, &chunk.bytes).expect("writable");
        assert_eq!(complaints(&file), "");
        shown.extend(frames(&file, "v"));
    }
    assert_eq!(shown, frames(&film, "v"));
}

#[test]
fn pictures_without_a_keyframe_end_their_chunk_and_wait_for_one() {
    let lab = Lab::new();
    let film = lab.film(
        "film.mkv",
        &[
            "-f lavfi -i testsrc2=s=160x120:r=5:d=24",
            "-c:v libx264 -preset ultrafast -tune zerolatency -g 75 -keyint_min 75 -sc_threshold 0",
        ],
    );
    let whole = packets_of(&film);
    let mut composer = Composer::new("session").expect("a name");
    let mut chunks = Vec::new();
    // It begins in the middle: what comes before the keyframe at 15 s belongs to nothing.
    for picture in whole.video.iter().skip(10) {
        chunks.extend(composer.video(picture).expect("written"));
    }
    chunks.extend(composer.finish().expect("written"));
    let spans: Vec<_> = chunks.iter().map(|c| (c.start_us, c.duration_us)).collect();
    assert_eq!(spans, [(0, 8_000_000)]);
    assert_eq!(composer.dropped(), 65 + 5);
}

#[test]
fn chunks_of_a_film_with_aac_give_opus_without_a_seam() {
    let lab = Lab::new();
    let film = lab.film("film.mkv", &[PICTURE, TONE, SESSION, "-c:a aac -ac 2"]);
    for container in [Container::Mkv, Container::Mp4] {
        let cut = lab.cut(&film, container);
        let mut reader = ChunkReader::default();
        let (mut at_us, mut sounds, mut pictures) = (0, Vec::new(), 0);
        for k in 0..cut.manifest.chunks.len() {
            let bytes = std::fs::read(cut.chunk(k)).expect("a chunk");
            let mut read = reader.read(&bytes, at_us).expect("a chunk");
            if k + 1 == cut.manifest.chunks.len() {
                reader.finish(&mut read).expect("encoded");
            }
            assert_eq!(read.sound_how, Some(How::Reencoded));
            assert!(read.video[0].keyframe && read.video[0].at_us >= at_us);
            pictures += read.video.len();
            sounds.extend(read.sound);
            at_us += read.duration_us;
        }
        assert_eq!(pictures, 175);
        for pair in sounds.windows(2) {
            let end_us = pair[0].at_us + u64::from(pair[0].duration_us);
            // The first packet holds the encoder's lead, 6.5 ms.
            assert!(
                pair[1].at_us.abs_diff(end_us) < 7_000,
                "{container:?}: {end_us} then {}",
                pair[1].at_us
            );
        }
        let length_us: u64 = sounds.iter().map(|p| u64::from(p.duration_us)).sum();
        assert!(length_us.abs_diff(7_000_000) < 100_000, "{length_us}");
    }
}

#[test]
fn what_browsers_cannot_play_as_it_is_is_encoded_anew() {
    let lab = Lab::new();
    for (name, how) in [
        ("b-frames.mkv", ON_GRID),
        ("hevc.mkv", "-c:v libx265 -x265-params log-level=0 -g 50"),
    ] {
        let film = lab.film(name, &[PICTURE, how]);
        let read = packets_of(&film);
        assert_eq!(read.video_how, Some(How::Reencoded), "{name}");
        assert_eq!(read.video.len(), 175, "{name}");
        assert!(read.video[0].keyframe && read.video[0].codec == VideoCodec::H264);
        assert!(
            read.video
                .windows(2)
                .all(|pair| pair[0].at_us < pair[1].at_us)
        );
        let chunks = compose(&read.video, &read.sound);
        let shown: usize = chunks.iter().map(|chunk| chunk.frames as usize).sum();
        assert_eq!(shown, 175);
        let file = lab.path("recoded.mkv");
        std::fs::write(&file, &chunks[0].bytes).expect("writable");
        assert_eq!(complaints(&file), "", "{name}");
    }
}

#[test]
fn a_picture_that_is_too_large_to_be_encoded_anew_is_refused_by_its_codec() {
    let lab = Lab::new();
    let film = lab.film(
        "large.mkv",
        &[
            "-f lavfi -i testsrc2=s=2048x1152:r=25:d=0.08",
            "-c:v libx265 -preset ultrafast -x265-params log-level=0",
        ],
    );
    let why = read_chunk(&std::fs::read(film).expect("a file")).expect_err("too large");
    assert!(matches!(why, PacketsError::Unplayable { .. }));
    assert_eq!(
        why.to_string(),
        "this channel is hevc 2048x1152; browsers cannot play it here"
    );
}

#[test]
fn broken_chunks_are_errors_and_nothing_worse() {
    let lab = Lab::new();
    assert!(matches!(read_chunk(b""), Err(PacketsError::Unreadable(_))));
    assert!(matches!(
        read_chunk(b"#EXTM3U\nfile:///etc/passwd\n"),
        Err(PacketsError::Unreadable(_))
    ));
    let text = lab.path("list.mkv");
    std::fs::write(&text, "ffconcat version 1.0\nfile /etc/passwd\n").expect("writable");
    assert!(read_chunk(&std::fs::read(&text).expect("a file")).is_err());
    let film = lab.film(
        "film.mkv",
        &[
            "-f lavfi -i testsrc2=s=64x64:r=25:d=0.4",
            "-f lavfi -i sine=d=0.4",
            SESSION,
            OPUS,
        ],
    );
    let bytes = std::fs::read(film).expect("a file");
    // Every kind of damage is found by its place: one byte is changed, or the rest is missing.
    for at in (0..bytes.len()).step_by(bytes.len() / 200 + 1) {
        let mut broken = bytes.clone();
        broken[at] ^= 0xff;
        let _ = read_chunk(&broken);
        let _ = read_chunk(&bytes[..at]);
    }
}
