//! `slice` as a user runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

struct Lab {
    dir: tempfile::TempDir,
}

impl Lab {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Five seconds of picture and sound with keyframes on the grid.
    fn film(&self, name: &str) -> PathBuf {
        let film = self.path(name);
        let made = Command::new("ffmpeg")
            .args([
                "-v",
                "error",
                "-nostdin",
                "-f",
                "lavfi",
                "-i",
                "testsrc2=s=160x120:r=25:d=5",
            ])
            .args([
                "-f",
                "lavfi",
                "-i",
                "sine=r=48000:d=5",
                "-c:v",
                "libx264",
                "-g",
                "50",
            ])
            .args(["-keyint_min", "50", "-sc_threshold", "0", "-c:a", "aac"])
            .arg(&film)
            .status()
            .expect("ffmpeg is installed");
        assert!(made.success());
        film
    }

    fn slice(&self, film: &Path, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_slice"))
            .arg(film)
            .args(arguments)
            .current_dir(self.dir.path())
            .output()
            .expect("slice was built")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .expect("the folder")
        .map(|e| {
            e.expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

#[test]
fn a_film_is_cut_and_each_chunk_has_its_line() {
    let lab = Lab::new();
    let film = lab.film("my film.mp4");
    let out = lab.slice(&film, &["--out", "chunks"]);
    assert!(out.status.success(), "{}", text(&out.stderr));
    let lines = text(&out.stdout);
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(
        lines[0],
        "my-film_00000.mkv  start 0.000 s  duration 2.000 s  copied"
    );
    assert_eq!(
        lines[1],
        "my-film_00001.mkv  start 2.000 s  duration 2.000 s  copied"
    );
    let there = names(&lab.path("chunks"));
    assert_eq!(
        there,
        [
            "my-film.json",
            "my-film_00000.mkv",
            "my-film_00001.mkv",
            "my-film_00002.mkv"
        ]
    );
    assert_eq!(text(&out.stderr), "");
}

#[test]
fn json_has_one_object_a_line() {
    let lab = Lab::new();
    let film = lab.film("film.mp4");
    let out = lab.slice(
        &film,
        &[
            "--out",
            "chunks",
            "--json",
            "--format",
            "mp4",
            "--name",
            "x",
            "--reencode",
        ],
    );
    assert!(out.status.success(), "{}", text(&out.stderr));
    let objects: Vec<serde_json::Value> = text(&out.stdout)
        .lines()
        .map(|l| serde_json::from_str(l).expect("an object"))
        .collect();
    assert_eq!(objects.len(), 3);
    assert_eq!(objects[1]["file"], "x_00001.mp4");
    assert_eq!(objects[1]["start_us"], 2_000_000);
    assert_eq!(objects[1]["how"], "re-encoded");
    let bytes = fs::metadata(lab.path("chunks/x_00001.mp4"))
        .expect("the chunk")
        .len();
    assert_eq!(objects[1]["bytes"], bytes);
    assert_eq!(
        text(&out.stderr),
        "slice: note: video is re-encoded: as asked\n"
    );
}

#[test]
fn a_second_run_uses_the_first_and_another_film_is_refused() {
    let lab = Lab::new();
    let film = lab.film("film.mp4");
    assert!(lab.slice(&film, &["--out", "chunks"]).status.success());
    let again = lab.slice(&film, &["--out", "chunks"]);
    assert!(again.status.success());
    assert_eq!(text(&again.stdout).matches("(already cut)").count(), 3);
    let other = lab.path("other.mp4");
    let mut bytes = fs::read(&film).expect("the film");
    bytes.extend_from_slice(b"\0\0\0\x08free");
    fs::write(&other, bytes).expect("another film");
    let refused = lab.slice(&other, &["--out", "chunks", "--name", "film"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(
        said.contains("already holds chunks named film of another film"),
        "{said}"
    );
}

#[test]
fn failures_are_one_line_and_a_status() {
    let lab = Lab::new();
    fs::write(lab.path("empty.mkv"), b"").expect("a file");
    for (film, said) in [
        ("none.mkv", "slice: none.mkv: no such film\n"),
        (
            "empty.mkv",
            "slice: empty.mkv: the film is empty (0 bytes)\n",
        ),
    ] {
        let out = lab.slice(Path::new(film), &["--out", "chunks"]);
        assert_eq!(out.status.code(), Some(1));
        assert_eq!(text(&out.stderr), said);
        assert_eq!(text(&out.stdout), "");
    }
}

#[test]
fn a_disk_that_takes_no_more_leaves_only_whole_chunks() {
    let lab = Lab::new();
    let film = lab.film("film.mp4");
    assert!(lab.slice(&film, &["--out", "whole"]).status.success());
    let sizes: Vec<u64> = (0..3)
        .map(|k| {
            fs::metadata(lab.path(&format!("whole/film_0000{k}.mkv")))
                .expect("a chunk")
                .len()
        })
        .collect();
    // The system refuses to let a file grow beyond this: the second half of the first chunk is not written.
    let blocks = sizes[0] / 2 / 512;
    let out = Command::new("sh")
        .arg("-c")
        .arg(format!(
            "trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" film.mp4 --out full"
        ))
        .arg(env!("CARGO_BIN_EXE_slice"))
        .current_dir(lab.dir.path())
        .output()
        .expect("a shell");
    assert_eq!(out.status.code(), Some(1));
    let said = text(&out.stderr);
    assert!(
        said.contains("full/film_00000.mkv: cannot be written: File too large"),
        "{said}"
    );
    assert_eq!(names(&lab.path("full")), ["film.json"]);
    // With room it is done again.
    assert!(lab.slice(&film, &["--out", "full"]).status.success());
    assert_eq!(names(&lab.path("full")), names(&lab.path("whole")));
}

#[test]
fn a_live_input_is_cut_for_as_long_as_asked() {
    let lab = Lab::new();
    let source = Path::new("testsrc2=s=160x120:r=25");
    let live = [
        "--live",
        "--input-format",
        "lavfi",
        "--out",
        "chunks",
        "--seconds",
        "3",
    ];
    let out = lab.slice(source, &live);
    assert!(out.status.success(), "{}", text(&out.stderr));
    assert_eq!(
        text(&out.stdout),
        "live_00000.mkv  start 0.000 s  duration 2.000 s  re-encoded\n\
         live_00001.mkv  start 2.000 s  duration 1.000 s  re-encoded\n"
    );
    let again = lab.slice(source, &live);
    assert_eq!(
        again.status.code(),
        Some(1),
        "a broadcast is not overwritten"
    );
}

/// The hashes of a stream's packets, as the `ffmpeg` program reads them.
fn packets(file: &Path, stream: &str) -> Vec<String> {
    let out = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(file)
        .args(["-map", stream, "-c", "copy", "-f", "framemd5", "-"])
        .output()
        .expect("ffmpeg is installed");
    assert!(out.status.success(), "{}", text(&out.stderr));
    text(&out.stdout)
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.rsplit(',').next().expect("a hash").trim().to_owned())
        .collect()
}

#[test]
fn an_old_server_finds_chunks_alone_in_the_order_of_their_names_and_nothing_lost_between() {
    let lab = Lab::new();
    let film = lab.film("show.mp4");
    let out = lab.slice(&film, &["--out", "films", "--plain"]);
    assert!(out.status.success(), "{}", text(&out.stderr));
    let lines = text(&out.stdout);
    assert!(
        lines.lines().all(|line| line.ends_with("copied")),
        "{lines}"
    );
    let there = names(&lab.path("films"));
    assert_eq!(
        there,
        ["show_00000.mkv", "show_00001.mkv", "show_00002.mkv"]
    );
    for stream in ["0:v", "0:a"] {
        let chunks: Vec<String> = there
            .iter()
            .flat_map(|name| packets(&lab.path("films").join(name), stream))
            .collect();
        assert!(chunks.len() > 100, "{stream}");
        assert_eq!(chunks, packets(&film, stream), "{stream}");
    }
    let again = lab.slice(&film, &["--out", "films", "--plain"]);
    assert_eq!(
        again.status.code(),
        Some(1),
        "what no list accounts for is not touched"
    );
    assert_eq!(names(&lab.path("films")), there);
}
