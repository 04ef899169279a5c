//! A display of a test's own, with a secret, ended with the test.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use media_ffmpeg::screen::Framebuffer;
use tempfile::TempDir;

/// The secret of every test's display.
pub(crate) const COOKIE: [u8; 16] = *b"a test's secret!";

pub(crate) struct Xvfb {
    child: Child,
    dir: TempDir,
    pub(crate) framebuffer: Framebuffer,
    pub(crate) number: u16,
    stopped: bool,
}

impl Xvfb {
    pub(crate) fn start(width: u32, height: u32) -> Self {
        Self::start_with(width, height, &[])
    }

    pub(crate) fn start_with(width: u32, height: u32, more: &[&str]) -> Self {
        let dir = TempDir::new().expect("a directory");
        write_authority(&dir.path().join("authority"), &COOKIE);
        let framebuffer = Framebuffer::in_folder(dir.path()).expect("memory");
        let mut child = Command::new("Xvfb")
            .args([
                "-displayfd",
                "1",
                "-nolisten",
                "tcp",
                "-noreset",
                "-screen",
                "0",
            ])
            .arg(format!("{width}x{height}x24"))
            .arg("-auth")
            .arg(dir.path().join("authority"))
            .arg("-fbdir")
            .arg(dir.path())
            .args(more)
            .stdin(framebuffer.input().expect("a descriptor"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb has to be installed (package xvfb)");
        let mut stdout = child.stdout.take().expect("piped");
        let mut said = Vec::new();
        let mut byte = [0];
        while stdout.read(&mut byte).is_ok_and(|n| n == 1) && byte[0] != b'\n' {
            said.push(byte[0]);
        }
        let number = String::from_utf8_lossy(&said).trim().parse();
        let Ok(number) = number else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("Xvfb did not start");
        };
        Self {
            child,
            dir,
            framebuffer,
            number,
            stopped: false,
        }
    }

    pub(crate) fn display(&self) -> String {
        format!(":{}", self.number)
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.dir.path().join("authority")
    }

    /// A file with another secret.
    pub(crate) fn wrong_authority(&self) -> PathBuf {
        let path = self.dir.path().join("wrong");
        write_authority(&path, b"not a secret....");
        path
    }

    /// Ends it, as a crash would.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Makes it hang.
    pub(crate) fn hang(&mut self) {
        self.signal("-STOP");
        self.stopped = true;
        let stat = format!("/proc/{}/stat", self.child.id());
        let deadline = Instant::now() + Duration::from_secs(5);
        while !std::fs::read_to_string(&stat).is_ok_and(|s| s.contains(") T ")) {
            assert!(Instant::now() < deadline, "Xvfb does not stop");
            std::thread::yield_now();
        }
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(status.is_ok_and(|s| s.success()), "kill {signal}");
    }
}

impl Drop for Xvfb {
    fn drop(&mut self) {
        self.kill();
    }
}

fn write_authority(path: &Path, cookie: &[u8]) {
    // FamilyWild, no address, any display, the name, the secret (Xauth(3)).
    let mut bytes = 65535u16.to_be_bytes().to_vec();
    for part in [b"".as_slice(), b"", b"MIT-MAGIC-COOKIE-1", cookie] {
        bytes.extend((part.len() as u16).to_be_bytes());
        bytes.extend(part);
    }
    std::fs::write(path, bytes).expect("writes");
}
