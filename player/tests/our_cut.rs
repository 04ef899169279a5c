//! A film cut by our own cutter and played: what is shown and heard is the film.

mod lab;

use std::path::Path;
use std::process::Command;

use lab::{Lab, Player, on_time};
use media_ffmpeg::cut::{Container, CutOptions, cut_film};

fn ffmpeg(args: &[&str], to: &Path) {
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(args)
        .arg(to)
        .status()
        .expect("the ffmpeg program is installed");
    assert!(status.success(), "ffmpeg {args:?}");
}

fn samples(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).expect("the sound is there");
    let quads = bytes.chunks_exact(4);
    quads
        .map(|q| f32::from_le_bytes([q[0], q[1], q[2], q[3]]))
        .collect()
}

/// Where `pattern` is in `sound`.
fn find(sound: &[f32], pattern: &[f32]) -> Option<usize> {
    let same = |window: &[f32]| {
        window
            .iter()
            .zip(pattern)
            .all(|(a, b)| (a - b).abs() < 1e-4)
    };
    sound.windows(pattern.len()).position(same)
}

/// What came of playing a film.
struct Played {
    json: serde_json::Value,
    heard: Vec<f32>,
    decoded: Vec<f32>,
    left: Vec<String>,
}

/// Plays a film of five seconds with sound of a codec that remembers.
fn play(container: Container, codec: &str) -> Played {
    let mut lab = Lab::new();
    let dir = lab.dir.path().to_owned();
    let film = dir.join("film.mkv");
    let sound = "aevalsrc='0.4*sin(2*PI*(200+50*t)*t)|0.4*sin(2*PI*333*t)':s=48000:d=5.5";
    let picture = "testsrc2=size=320x180:rate=30:duration=5.5";
    let args = [
        "-f",
        "lavfi",
        "-i",
        picture,
        "-f",
        "lavfi",
        "-i",
        sound,
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-bf",
        "2",
        "-g",
        "60",
        "-keyint_min",
        "60",
        "-sc_threshold",
        "0",
        "-c:a",
        codec,
    ];
    ffmpeg(&args, &film);
    let mut options = CutOptions::new("film");
    options.container = container;
    cut_film(&film, &options, |chunk| {
        lab.put(u64::from(chunk.index), &chunk.bytes);
        Ok(())
    })
    .expect("the film is cut");
    let heard = dir.join("heard.raw");
    // SDL's driver that writes what a device would play into a file.
    let ended = Player::start(
        &lab.spool(),
        &["--output", "window", "--json", "--until-idle", "0.5"],
        &[
            ("SDL_VIDEODRIVER", "dummy"),
            ("SDL_AUDIODRIVER", "disk"),
            ("SDL_DISKAUDIOFILE", heard.to_str().expect("a plain path")),
        ],
    )
    .end();
    let decoded = dir.join("film.raw");
    let name = film.to_str().expect("a plain path");
    ffmpeg(
        &["-i", name, "-f", "f32le", "-ac", "2", "-ar", "48000"],
        &decoded,
    );
    Played {
        json: ended.json(),
        heard: samples(&heard),
        decoded: samples(&decoded),
        left: lab.chunks(),
    }
}

/// Plays it, and compares.
fn shown_and_heard(container: Container, codec: &str) {
    let played = on_time(|| play(container, codec));
    let Played {
        json,
        heard,
        decoded,
        left,
    } = played;
    let count = |key: &str| json[key].as_u64().unwrap_or(0);
    assert_eq!(
        count("frames_shown") + count("frames_dropped"),
        165,
        "{json}"
    );
    assert_eq!((count("chunks_shown"), count("stalls")), (3, 0), "{json}");
    // From a second into the film on, as its very start may be silence.
    let start = 96_000;
    let at = find(&heard, &decoded[start..start + 200]).expect("the film is heard");
    let compared = (decoded.len() - start).min(heard.len() - at);
    assert!(compared > 4 * 96_000, "only {compared} samples");
    let wrong = (0..compared).find(|i| (heard[at + i] - decoded[start + i]).abs() > 1e-3);
    assert_eq!(wrong, None, "of {compared} samples");
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn opus_in_matroska_is_heard_as_if_it_had_never_been_cut() {
    shown_and_heard(Container::Mkv, "libopus");
}

#[test]
fn aac_in_mp4_is_heard_as_if_it_had_never_been_cut() {
    shown_and_heard(Container::Mp4, "aac");
}
