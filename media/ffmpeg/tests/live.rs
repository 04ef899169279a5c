//! Live inputs: generated pictures, pipes, inputs that never come, and ending them.

mod lab;

use std::ffi::CString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lab::{Lab, ON_GRID, PICTURE, TONE, complaints};
use media_ffmpeg::cut::{CutChunk, CutError, CutOptions, CutSummary, How};
use media_ffmpeg::live::{LiveCutter, LiveEvent, LiveOptions};

/// Longest that anything here may take.
const DEADLINE: Duration = Duration::from_secs(20);

const GENERATED: &str = "testsrc2=s=160x120:r=25[out0];sine=r=44100[out1]";

fn options() -> LiveOptions {
    LiveOptions::new(CutOptions::new("live"))
}

fn generated() -> LiveOptions {
    LiveOptions {
        input_format: Some("lavfi".to_owned()),
        ..options()
    }
}

fn all(cutter: &LiveCutter) -> (Vec<CutChunk>, Result<CutSummary, CutError>) {
    let mut chunks = Vec::new();
    let begun = Instant::now();
    loop {
        let left = DEADLINE.saturating_sub(begun.elapsed());
        match cutter
            .recv_timeout(left)
            .expect("an event before the deadline")
        {
            LiveEvent::Chunk(chunk) => chunks.push(chunk),
            LiveEvent::Ended(summary) => return (chunks, Ok(summary)),
            LiveEvent::Failed(error) => return (chunks, Err(error)),
        }
    }
}

fn fifo(path: &Path) {
    let name = CString::new(path.to_str().expect("a plain name")).expect("no NUL");
    // SAFETY: the name is NUL-terminated.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
}

#[test]
fn a_generated_picture_is_cut_in_its_own_time() {
    let begun = Instant::now();
    let live = LiveOptions {
        limit_us: Some(3_000_000),
        ..generated()
    };
    let cutter = LiveCutter::start(GENERATED, live).expect("a thread");
    let (chunks, ended) = all(&cutter);
    assert_eq!(ended.expect("it ends").chunks, 2);
    assert!(
        begun.elapsed() > Duration::from_millis(2_500),
        "not in real time"
    );
    assert_eq!(chunks[0].duration_us, 2_000_000);
    assert_eq!(chunks[0].frames, 50);
    assert_eq!(chunks[0].name, "live_00000.mkv");
    assert_eq!(chunks[1].frames, 25);
    assert_eq!(chunks[0].how(), How::Reencoded);
    let lab = Lab::new();
    for chunk in &chunks {
        let path = lab.path(&chunk.name);
        std::fs::write(&path, &chunk.bytes).expect("a chunk");
        assert_eq!(complaints(&path), "", "{}", chunk.name);
    }
}

#[test]
fn a_pipe_is_cut_while_it_is_written() {
    let lab = Lab::new();
    let film = lab.film("film.mkv", &[PICTURE, TONE, ON_GRID, "-c:a libopus"]);
    let pipe = lab.path("pipe");
    fifo(&pipe);
    let cutter =
        LiveCutter::start(pipe.to_str().expect("a plain name"), options()).expect("a thread");
    let mut writer = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y", "-i"])
        .arg(&film)
        .args(["-c", "copy", "-f", "matroska"])
        .arg(&pipe)
        .stderr(Stdio::null())
        .spawn()
        .expect("ffmpeg is installed");
    let (chunks, ended) = all(&cutter);
    writer.wait().expect("ffmpeg ends");
    let summary = ended.expect("it ends with its writer");
    assert_eq!(summary.chunks, 4);
    assert_eq!(
        (summary.video, summary.sound),
        (Some(How::Reencoded), Some(How::Copied))
    );
    assert_eq!(chunks.iter().map(|c| c.frames).sum::<u32>(), 175);
}

#[test]
fn a_pipe_without_a_writer_is_given_up_at_once_when_dropped() {
    let lab = Lab::new();
    let pipe = lab.path("pipe");
    fifo(&pipe);
    let cutter =
        LiveCutter::start(pipe.to_str().expect("a plain name"), options()).expect("a thread");
    let waited = cutter.recv_timeout(Duration::from_millis(200));
    assert!(waited.is_err(), "{waited:?}");
    let begun = Instant::now();
    drop(cutter);
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_network_input_that_never_comes_is_given_up_at_once_when_dropped() {
    let cutter = LiveCutter::start("udp://127.0.0.1:0", options()).expect("a thread");
    assert!(cutter.recv_timeout(Duration::from_millis(200)).is_err());
    let begun = Instant::now();
    drop(cutter);
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_consumer_that_takes_nothing_can_still_be_dropped() {
    let lab = Lab::new();
    let film = lab.film(
        "film.ts",
        &["-f lavfi -i testsrc2=s=160x120:r=25:d=30 -c:v mpeg2video"],
    );
    let cutter =
        LiveCutter::start(film.to_str().expect("a plain name"), options()).expect("a thread");
    let first = cutter.recv_timeout(DEADLINE).expect("a chunk");
    assert!(matches!(first, LiveEvent::Chunk(_)));
    let begun = Instant::now();
    drop(cutter);
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn finishing_gives_out_what_there_is() {
    let cutter = LiveCutter::start(GENERATED, generated()).expect("a thread");
    let first = cutter.recv_timeout(DEADLINE).expect("a chunk");
    assert!(matches!(first, LiveEvent::Chunk(_)));
    cutter.finish();
    let (chunks, ended) = all(&cutter);
    assert_eq!(ended.expect("it ends").chunks, 2);
    assert!(chunks[0].duration_us < 2_000_000);
    assert!(cutter.recv().is_none());
}

#[test]
fn inputs_that_cannot_be_opened_say_why() {
    let fails = |input: &str, options: LiveOptions| {
        let cutter = LiveCutter::start(input, options).expect("a thread");
        all(&cutter).1.expect_err("it fails").to_string()
    };
    let refused = fails("tcp://127.0.0.1:1", options());
    assert!(
        refused.contains("tcp://127.0.0.1:1: cannot be opened: Connection refused"),
        "{refused}"
    );
    let nothing = fails("/nothing/there", options());
    assert!(nothing.contains("No such file"), "{nothing}");
    let format = LiveOptions {
        input_format: Some("nosuch".to_owned()),
        ..options()
    };
    assert!(fails("x", format).contains("`nosuch` is no input format"));
    let bad = LiveCutter::start("x", LiveOptions::new(CutOptions::new("a/b")));
    assert!(matches!(bad, Err(CutError::BadName { .. })));
}
