//! Decoding of real files made by the `ffmpeg` program, and of files that are none.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use media_ffmpeg::decode::{
    ChunkDecoder, Closed, DecodeError, DecodeOptions, Item, Job, Layout, Opened, PICTURES_ALWAYS,
    Pictures, SOUND_CHANNELS, Scaler,
};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(60);

fn ffmpeg(dir: &Path, args: &[&str], name: &str) -> PathBuf {
    let path = dir.join(name);
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(args)
        .arg(&path)
        .status()
        .expect("the ffmpeg program is installed");
    assert!(status.success(), "ffmpeg made {name}");
    path
}

fn film(dir: &Path, name: &str, codecs: &[&str]) -> PathBuf {
    let mut args = vec![
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x180:rate=25:duration=2",
        "-f",
        "lavfi",
        "-i",
        "sine=frequency=440:sample_rate=44100:duration=2",
    ];
    args.extend(codecs);
    ffmpeg(dir, &args, name)
}

#[derive(Default)]
struct Seen {
    opened: Option<Opened>,
    frames: Vec<(i64, i64)>,
    layouts: Vec<Layout>,
    sound: Vec<(i64, usize)>,
    order: Vec<i64>,
    closed: Option<Closed>,
}

fn decoder(pictures: Pictures) -> ChunkDecoder {
    ChunkDecoder::start(DecodeOptions {
        pictures,
        sound: true,
    })
    .unwrap()
}

/// Decodes one file, dropping what comes out at once.
fn decode(decoder: &ChunkDecoder, id: u64, path: &Path) -> Seen {
    let job = Job {
        id,
        path: path.to_owned(),
    };
    decoder
        .try_submit(job)
        .expect("there is a place for the job");
    let mut seen = Seen::default();
    let end = Instant::now() + DEADLINE;
    while Instant::now() < end {
        match decoder.next(Duration::from_millis(100)) {
            Some(Item::Opened(opened)) => seen.opened = Some(opened),
            Some(Item::Frame(frame)) => {
                assert_eq!(frame.job, id);
                seen.frames.push((frame.time_us, frame.duration_us));
                seen.layouts.push(frame.picture.layout());
                seen.order.push(frame.time_us);
            }
            Some(Item::Sound(sound)) => {
                assert_eq!(sound.job, id);
                seen.sound
                    .push((sound.time_us, sound.samples.len() / SOUND_CHANNELS));
                seen.order.push(sound.time_us);
            }
            Some(Item::Closed(closed)) => {
                seen.closed = Some(closed);
                return seen;
            }
            None => assert!(decoder.is_alive()),
        }
    }
    panic!("{} was not decoded in time", path.display());
}

fn problem(seen: &Seen) -> Option<&DecodeError> {
    seen.closed.as_ref().and_then(|c| c.problem.as_ref())
}

#[test]
fn every_picture_and_sample_of_a_film_comes_out_once_and_in_order() {
    let dir = TempDir::new().unwrap();
    for (name, codecs) in [
        (
            "a.mkv",
            &["-c:v", "libx264", "-bf", "3", "-c:a", "flac"][..],
        ),
        ("b.mp4", &["-c:v", "libx264", "-bf", "3", "-c:a", "alac"]),
        ("c.mkv", &["-c:v", "libx264", "-c:a", "pcm_s16le"]),
        ("d.mkv", &["-c:v", "mpeg4", "-c:a", "flac"]),
    ] {
        let path = film(dir.path(), name, codecs);
        let seen = decode(&decoder(Pictures::Yuv420), 7, &path);
        assert!(problem(&seen).is_none(), "{name}: {:?}", problem(&seen));
        assert_eq!(seen.frames.len(), 50, "{name}");
        assert_eq!(seen.closed.as_ref().unwrap().pictures, 50, "{name}");
        assert!(seen.order.is_sorted(), "{name}");
        let first = seen.frames[0].0;
        for (i, (time, duration)) in seen.frames.iter().enumerate() {
            let expected = first + 40_000 * i64::try_from(i).unwrap();
            assert!(
                time.abs_diff(expected) <= 1_000,
                "{name}: {time} is not {expected}"
            );
            assert!(duration.abs_diff(40_000) <= 1_000, "{name}: {duration}");
        }
        let samples: usize = seen.sound.iter().map(|(_, n)| n).sum();
        // The resampler to 48 kHz keeps its filter's length for the next chunk.
        assert!((95_900..=96_000).contains(&samples), "{name}: {samples}");
        assert_eq!(seen.opened.unwrap().sound_start_us, Some(seen.sound[0].0));
        assert!(seen.layouts.iter().all(|l| *l == Layout::Yuv420), "{name}");
    }
}

#[test]
fn pictures_of_other_forms_are_converted_only_where_asked() {
    let dir = TempDir::new().unwrap();
    let codecs = ["-c:v", "ffv1", "-pix_fmt", "yuv444p10le", "-an"];
    let path = film(dir.path(), "deep.mkv", &codecs);
    let seen = decode(&decoder(Pictures::AsDecoded), 0, &path);
    assert!(seen.layouts.iter().all(|l| *l == Layout::Other));
    let seen = decode(&decoder(Pictures::Yuv420), 0, &path);
    assert_eq!(seen.layouts.len(), 50);
    assert!(seen.layouts.iter().all(|l| *l == Layout::Yuv420));
    assert!(seen.sound.is_empty());
    assert_eq!(seen.opened.unwrap().sound_start_us, None);
}

#[test]
fn sound_alone_and_pictures_alone_are_chunks_too() {
    let dir = TempDir::new().unwrap();
    let path = film(dir.path(), "sound.mkv", &["-vn", "-c:a", "libopus"]);
    let seen = decode(&decoder(Pictures::AsDecoded), 1, &path);
    assert!(seen.frames.is_empty() && problem(&seen).is_none());
    let samples: usize = seen.sound.iter().map(|(_, n)| n).sum();
    assert!(samples.abs_diff(96_000) <= 1_000, "{samples}");
    let path = film(dir.path(), "picture.mkv", &["-an", "-c:v", "libx264"]);
    let seen = decode(&decoder(Pictures::AsDecoded), 1, &path);
    assert_eq!((seen.frames.len(), seen.sound.len()), (50, 0));
}

#[test]
fn a_film_that_keeps_all_pictures_before_all_sound_comes_out_in_step() {
    let dir = TempDir::new().unwrap();
    // One fragment with everything: first the run of pictures, then that of sound.
    let codecs = [
        "-c:v",
        "libx264",
        "-c:a",
        "alac",
        "-movflags",
        "empty_moov",
        "-frag_duration",
        "5000000",
    ];
    let path = film(dir.path(), "apart.mp4", &codecs);
    let seen = decode(&decoder(Pictures::AsDecoded), 1, &path);
    assert_eq!(seen.frames.len(), 50);
    assert!(seen.order.is_sorted());
}

#[test]
fn a_picture_is_scaled_to_rgb() {
    let dir = TempDir::new().unwrap();
    let args = [
        "-f",
        "lavfi",
        "-i",
        "color=red:size=64x48:rate=25:duration=0.2",
        "-c:v",
        "libx264",
    ];
    let path = ffmpeg(dir.path(), &args, "red.mkv");
    let decoder = decoder(Pictures::AsDecoded);
    decoder.try_submit(Job { id: 0, path }).unwrap();
    let mut scaler = Scaler::default();
    let end = Instant::now() + DEADLINE;
    loop {
        assert!(Instant::now() < end);
        if let Some(Item::Frame(frame)) = decoder.next(Duration::from_millis(100)) {
            assert!((frame.picture.display_aspect() - 64.0 / 48.0).abs() < 0.01);
            let rgb = scaler.rgb(&frame.picture, 10, 6).unwrap();
            let (r, g, b) = (rgb.bytes[0], rgb.bytes[1], rgb.bytes[2]);
            assert!(r > 230 && g < 30 && b < 30, "{r} {g} {b}");
            assert!(rgb.stride >= 30);
            break;
        }
    }
}

#[test]
fn what_is_no_chunk_is_one_clear_error_and_the_next_chunk_still_comes_out() {
    let dir = TempDir::new().unwrap();
    let good = film(dir.path(), "good.mkv", &["-c:v", "libx264", "-c:a", "flac"]);
    let bytes = std::fs::read(&good).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let rubbish: Vec<u8> = (0..50_000u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let playlist = format!("ffconcat version 1.0\nfile '{}'\n", good.display());
    let decoder = decoder(Pictures::Yuv420);
    for path in [
        write("empty.mkv", b""),
        write("rubbish.mkv", &rubbish),
        write("head.mkv", &bytes[..300]),
        write("playlist.mkv", playlist.as_bytes()),
        write(
            "list.m3u8.mkv",
            format!("#EXTM3U\n#EXTINF:2,\n{}\n", good.display()).as_bytes(),
        ),
        dir.path().join("not-there.mkv"),
    ] {
        let seen = decode(&decoder, 3, &path);
        let problem = problem(&seen).expect("it is told");
        assert!(
            seen.frames.is_empty() && seen.opened.is_none(),
            "{}",
            path.display()
        );
        assert!(!problem.to_string().contains('\n'));
        assert_eq!(
            problem.is_content(),
            !path.ends_with("not-there.mkv"),
            "{problem}"
        );
    }
    let seen = decode(&decoder, 4, &good);
    assert_eq!(seen.frames.len(), 50);
}

#[test]
fn a_truncated_or_damaged_film_gives_what_is_left_of_it() {
    let dir = TempDir::new().unwrap();
    let good = film(dir.path(), "good.mkv", &["-c:v", "libx264", "-c:a", "flac"]);
    let bytes = std::fs::read(&good).unwrap();
    let half = dir.path().join("half.mkv");
    std::fs::write(&half, &bytes[..bytes.len() / 2]).unwrap();
    let seen = decode(&decoder(Pictures::Yuv420), 0, &half);
    assert!(
        (1..50).contains(&seen.frames.len()),
        "{}",
        seen.frames.len()
    );
    let mut spoiled = bytes.clone();
    let len = spoiled.len();
    for i in (len / 4..len).step_by(97) {
        spoiled[i] ^= 0x5a;
    }
    let path = dir.path().join("spoiled.mkv");
    std::fs::write(&path, &spoiled).unwrap();
    let seen = decode(&decoder(Pictures::Yuv420), 0, &path);
    assert!(seen.order.is_sorted());
    assert!(seen.closed.is_some());
}

#[test]
fn a_picture_of_absurd_size_is_refused_before_it_is_decoded() {
    let dir = TempDir::new().unwrap();
    let args = [
        "-f",
        "lavfi",
        "-i",
        "color=black:size=16384x8192:rate=1:duration=1",
        "-c:v",
        "mjpeg",
        "-q:v",
        "31",
    ];
    let path = ffmpeg(dir.path(), &args, "huge.mkv");
    let seen = decode(&decoder(Pictures::Yuv420), 0, &path);
    assert!(
        matches!(
            problem(&seen),
            Some(DecodeError::TooBig {
                width: 16384,
                height: 8192
            })
        ),
        "{:?}",
        problem(&seen)
    );
}

#[test]
fn pictures_that_nobody_takes_stop_the_decoder_and_dropping_it_ends_at_once() {
    let dir = TempDir::new().unwrap();
    let args = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=3840x2160:rate=30:duration=1",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
    ];
    let path = ffmpeg(dir.path(), &args, "big.mkv");
    let decoder = decoder(Pictures::Yuv420);
    decoder.try_submit(Job { id: 0, path }).unwrap();
    let mut held = Vec::new();
    while let Some(item) = decoder.next(Duration::from_secs(2)) {
        held.push(item);
    }
    let pictures = held.iter().filter(|i| matches!(i, Item::Frame(_))).count();
    assert!((PICTURES_ALWAYS..=6).contains(&pictures), "{pictures}");
    let start = Instant::now();
    drop(decoder);
    assert!(start.elapsed() < Duration::from_secs(20));
}
