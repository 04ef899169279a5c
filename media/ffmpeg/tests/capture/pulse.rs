//! A sound server of a test's own with one sink that nobody hears, ended with the test.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use media_ffmpeg::hear::HearConfig;

pub(crate) struct Pulse {
    child: Child,
    dir: TempDir,
}

impl Pulse {
    pub(crate) fn start() -> Self {
        let dir = TempDir::new().expect("a directory");
        let socket = dir.path().join("native");
        let sink =
            "module-null-sink sink_name=session rate=48000 channels=2 format=s16le norewinds=1";
        let door = format!(
            "module-native-protocol-unix auth-anonymous=1 socket={}",
            socket.display()
        );
        let child = Command::new("pulseaudio")
            .args([
                "-n",
                "--daemonize=no",
                "--exit-idle-time=-1",
                "--use-pid-file=no",
            ])
            .args([
                "--disable-shm=yes",
                "--log-target=stderr",
                "-L",
                sink,
                "-L",
                "module-suspend-on-idle timeout=1",
                "-L",
                &door,
            ])
            .env("HOME", dir.path())
            .env("XDG_RUNTIME_DIR", dir.path())
            .env_remove("PULSE_SERVER")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pulseaudio has to be installed (package pulseaudio)");
        let pulse = Self { child, dir };
        let deadline = Instant::now() + Duration::from_secs(20);
        while UnixStream::connect(&socket).is_err() {
            assert!(Instant::now() < deadline, "pulseaudio did not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        pulse
    }

    pub(crate) fn server(&self) -> String {
        format!("unix:{}", self.dir.path().join("native").display())
    }

    pub(crate) fn config(&self) -> HearConfig {
        HearConfig {
            server: self.server(),
            source: "session.monitor".to_owned(),
            bitrate_bps: 128_000,
        }
    }

    /// Something that plays the samples (two channels, 16 bits, 48 kHz) that are written to it.
    pub(crate) fn player(&self) -> Player {
        let child = Command::new("pacat")
            .arg(format!("--server={}", self.server()))
            .args([
                "--device=session",
                "--raw",
                "--format=s16le",
                "--rate=48000",
            ])
            .args(["--channels=2", "--latency-msec=20"])
            .env("HOME", self.dir.path())
            .env("XDG_RUNTIME_DIR", self.dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pacat has to be installed (package pulseaudio-utils)");
        Player { child }
    }

    /// Waits until its sink sleeps because nobody plays.
    pub(crate) fn until_asleep(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let listed = Command::new("pactl")
                .arg(format!("--server={}", self.server()))
                .args(["list", "short", "sinks"])
                .env("HOME", self.dir.path())
                .env("XDG_RUNTIME_DIR", self.dir.path())
                .output()
                .expect("pactl has to be installed (package pulseaudio-utils)");
            if String::from_utf8_lossy(&listed.stdout).contains("SUSPENDED") {
                return;
            }
            assert!(Instant::now() < deadline, "the sink stays awake");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it, as a crash would.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Makes it hang.
    pub(crate) fn hang(&self) {
        let status = Command::new("kill")
            .args(["-STOP", &self.child.id().to_string()])
            .status();
        assert!(status.is_ok_and(|s| s.success()));
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(crate) struct Player {
    child: Child,
}

impl Player {
    /// A tone of this many hertz for so long.
    pub(crate) fn tone(&mut self, hertz: f32, time: Duration) {
        let count = (time.as_secs_f32() * 48_000.0) as usize;
        let samples: Vec<u8> = (0..count)
            .flat_map(|n| {
                let phase = n as f32 * hertz / 48_000.0 * std::f32::consts::TAU;
                let sample = ((phase.sin() * 12_000.0) as i16).to_le_bytes();
                [sample[0], sample[1], sample[0], sample[1]]
            })
            .collect();
        let stdin = self.child.stdin.as_mut().expect("piped");
        stdin.write_all(&samples).expect("pacat plays");
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
