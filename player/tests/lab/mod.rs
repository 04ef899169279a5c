//! A spool as a peer makes it, films made by the `ffmpeg` program, and a real `player` on it.

#![allow(dead_code, reason = "each test program uses its own part of the lab")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use media_store::{ChunkMeta, Writer};
use serde_json::Value;
use tempfile::TempDir;

/// Longest that any test waits for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Pictures of one chunk of [`film`].
pub(crate) const FRAMES: u64 = 25;

/// A time of broadcast for chunk 0.
const ON_AIR_US: u64 = 1_700_000_000_000_000;

/// Cuts `seconds` of a test film into chunks of one second.
pub(crate) fn film(dir: &Path, seconds: u32, codecs: &[&str]) -> Vec<Vec<u8>> {
    let pattern = dir.join("cut_%05d.mkv");
    let video = format!("testsrc2=size=320x180:rate=25:duration={seconds}");
    let sound = format!("sine=frequency=440:sample_rate=48000:duration={seconds}");
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(["-f", "lavfi", "-i", &video, "-f", "lavfi", "-i", &sound])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2"])
        .args(["-force_key_frames", "expr:gte(t,n_forced)", "-c:a", "flac"])
        .args(codecs)
        .args([
            "-f",
            "segment",
            "-segment_time",
            "1",
            "-reset_timestamps",
            "1",
        ])
        .arg(&pattern)
        .status()
        .expect("the ffmpeg program is installed");
    assert!(status.success(), "ffmpeg cut the film");
    (0..seconds)
        .map(|k| {
            let path = dir.join(format!("cut_{k:05}.mkv"));
            std::fs::read(path).expect("the chunk is there")
        })
        .collect()
}

/// The sound of [`film`], as the player gives it to a device.
pub(crate) fn sound_of_film(dir: &Path, seconds: u32) -> PathBuf {
    let path = dir.join("sound.raw");
    let sound = format!("sine=frequency=440:sample_rate=48000:duration={seconds}");
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", &sound])
        .args(["-f", "f32le", "-ac", "2", "-ar", "48000"])
        .arg(&path)
        .status()
        .expect("the ffmpeg program is installed");
    assert!(status.success(), "ffmpeg made the sound");
    path
}

/// Gives a chunk the place in its film that our cutter would write into it.
pub(crate) fn with_place(dir: &Path, chunk: &[u8], start_us: u64, duration_us: u64) -> Vec<u8> {
    let (from, to) = (dir.join("plain.mkv"), dir.join("placed.mkv"));
    std::fs::write(&from, chunk).expect("the directory is writable");
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y", "-i"])
        .arg(&from)
        .args(["-c", "copy", "-metadata"])
        .arg(format!("TREECAST_START_US={start_us}"))
        .arg("-metadata")
        .arg(format!("TREECAST_DURATION_US={duration_us}"))
        .arg(&to)
        .status()
        .expect("the ffmpeg program is installed");
    assert!(status.success(), "ffmpeg copied the chunk");
    std::fs::read(to).expect("the copy is there")
}

/// A spool with its writer.
pub(crate) struct Lab {
    pub(crate) dir: TempDir,
    pub(crate) writer: Writer,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().expect("a directory for the test");
        let writer = Writer::open(&dir.path().join("spool"), None).expect("the spool is ours");
        Self { dir, writer }
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.dir.path().join("spool")
    }

    pub(crate) fn path(&self, seq: u64) -> PathBuf {
        self.spool().join(format!("film_{seq:05}.mkv"))
    }

    pub(crate) fn put(&mut self, seq: u64, bytes: &[u8]) {
        let meta = ChunkMeta {
            name: format!("film_{seq:05}.mkv"),
            seq,
            epoch: 1,
            duration_us: 1_000_000,
            wall_us: ON_AIR_US + seq * 1_000_000,
            hash: [0; 32],
        };
        let bytes = Bytes::copy_from_slice(bytes);
        self.writer
            .put(&meta, std::iter::once(bytes))
            .expect("the chunk is stored");
    }

    /// Chunk files in the spool.
    pub(crate) fn chunks(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.spool())
            .expect("the spool is there")
            .map(|entry| entry.expect("an entry").file_name())
            .filter_map(|name| name.into_string().ok())
            .filter(|name| name != ".treecast")
            .collect();
        names.sort();
        names
    }

    /// Starts a player with `--output null --json` on the spool.
    pub(crate) fn player(&self, args: &[&str]) -> Player {
        let mut all = vec!["--output", "null", "--json"];
        all.extend(args);
        Player::start(&self.spool(), &all, &[])
    }
}

/// A player in its own process; killed when dropped.
pub(crate) struct Player {
    child: Child,
    said: Arc<Mutex<String>>,
    listener: Option<JoinHandle<()>>,
}

/// What a player left.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Player {
    pub(crate) fn start(spool: &Path, args: &[&str], env: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_player"))
            .arg("--spool")
            .arg(spool)
            .args(args)
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the player starts");
        let said = Arc::new(Mutex::new(String::new()));
        let pipe = child.stderr.take().expect("it is piped");
        let words = Arc::clone(&said);
        let listener = std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines() {
                let line = line.expect("its words are UTF-8");
                let mut words = words.lock().expect("nobody panics with it");
                words.push_str(&line);
                words.push('\n');
            }
        });
        Self {
            child,
            said,
            listener: Some(listener),
        }
    }

    /// Waits until it has told `text` on standard error.
    #[track_caller]
    pub(crate) fn wait_said(&self, text: &str) {
        wait_until(text, || {
            self.said
                .lock()
                .expect("nobody panics with it")
                .contains(text)
        });
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .expect("kill is there");
        assert!(status.success());
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("the child is ours").is_none()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        let end = Instant::now() + DEADLINE;
        while self.is_running() {
            assert!(Instant::now() < end, "the player did not end");
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut ended = Ended {
            status: self.child.wait().expect("the child is ours"),
            stdout: String::new(),
            stderr: String::new(),
        };
        if let Some(mut pipe) = self.child.stdout.take() {
            pipe.read_to_string(&mut ended.stdout)
                .expect("its words are UTF-8");
        }
        if let Some(listener) = self.listener.take() {
            listener.join().expect("it does not panic");
        }
        let said = self.said.lock().expect("nobody panics with it");
        ended.stderr.push_str(&said);
        drop(said);
        ended
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// The summary, which must be the last line.
    pub(crate) fn json(&self) -> Value {
        let line = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(line)
            .unwrap_or_else(|e| panic!("{e} in {line:?}; it said {}", self.stderr))
    }

    /// Asserts some of the summary's numbers.
    #[track_caller]
    pub(crate) fn assert_counts(&self, expected: &[(&str, u64)]) {
        let json = self.json();
        for (key, value) in expected {
            assert_eq!(
                json[key].as_u64(),
                Some(*value),
                "{key} in {json}; it said {}",
                self.stderr
            );
        }
    }
}

/// Nobody is on time on a machine on which nobody has a turn for so long: less than the sound that a device has in hand.
const NO_TURN: Duration = Duration::from_millis(150);
/// How often what has to be on time is done at most.
const TIMES: usize = 4;

/// Does something that has to be on time: again if nobody had a turn meanwhile, whatever came of it. Gives what came of
/// the first time that counts, or of the last.
pub(crate) fn on_time<T>(mut work: impl FnMut() -> T) -> T {
    for _ in 1..TIMES {
        let (worst, done) = watched(&mut work);
        if worst < NO_TURN {
            return done;
        }
        eprintln!("nobody had a turn for {worst:?}: once more");
    }
    work()
}

/// Does something, and tells the longest time in which nobody had a turn: a thread that sleeps a moment again and again
/// woke that late.
fn watched<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let nap = Duration::from_millis(10);
    let (end, ended) = std::sync::mpsc::sync_channel::<()>(1);
    let watcher = std::thread::spawn(move || {
        let mut worst = Duration::ZERO;
        loop {
            let before = Instant::now();
            if ended.recv_timeout(nap) != Err(RecvTimeoutError::Timeout) {
                return worst;
            }
            worst = worst.max(before.elapsed().saturating_sub(nap));
        }
    });
    let done = work();
    drop(end);
    (watcher.join().expect("it does not panic"), done)
}

/// Waits until `condition` holds.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
