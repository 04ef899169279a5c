//! Small films made by the real `ffmpeg`, and their cuts compared by it.
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};
use std::process::Command;

use media_ffmpeg::check::{self, Comparison};
use media_ffmpeg::cut::{Container, CutError, CutOptions, How, Manifest, cut_to_folder};

/// A moving picture of 7 s with 25 frames a second and a clock, as ffmpeg's input.
pub(crate) const PICTURE: &str = "-f lavfi -i testsrc2=s=160x120:r=25:d=7";

/// A tone of 7 s.
pub(crate) const TONE: &str = "-f lavfi -i sine=f=440:r=48000:d=7";

/// H.264 with closed groups of two seconds and B-frames.
pub(crate) const ON_GRID: &str =
    "-c:v libx264 -preset veryfast -bf 3 -g 50 -keyint_min 50 -sc_threshold 0";

pub(crate) struct Lab {
    pub(crate) dir: tempfile::TempDir,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Makes a film with ffmpeg; `arguments` without the output's name.
    pub(crate) fn film(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let film = self.path(name);
        let words = arguments.iter().flat_map(|a| a.split_whitespace());
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-y"])
            .args(words)
            .arg(&film)
            .output()
            .expect("ffmpeg is installed");
        assert!(
            made.status.success(),
            "ffmpeg: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        film
    }

    pub(crate) fn cut(&self, film: &Path, container: Container) -> Cut {
        self.try_cut(film, container).expect("the film can be cut")
    }

    pub(crate) fn try_cut(&self, film: &Path, container: Container) -> Result<Cut, CutError> {
        let dir = self.path(&format!("cut-{}", container.extension()));
        let mut options = CutOptions::new("film");
        options.container = container;
        let manifest = cut_to_folder(film, &dir, &options, |_, _| Ok(()))?;
        Ok(Cut {
            film: film.into(),
            dir,
            manifest,
        })
    }
}

pub(crate) struct Cut {
    pub(crate) film: PathBuf,
    pub(crate) dir: PathBuf,
    pub(crate) manifest: Manifest,
}

impl Cut {
    /// Decodes film and chunks and demands that nothing is lost and nothing is there twice.
    pub(crate) fn is_exact(&self) -> Comparison {
        let found = check::compare(&self.film, &self.dir, &self.manifest).expect("ffmpeg runs");
        let copied = self.manifest.video == Some(How::Copied);
        let off_us = check::MKV_TIME_US;
        assert!(
            found.holds(copied, off_us),
            "{found:?}\n{:?}",
            self.manifest.notes
        );
        self.adds_up();
        found
    }

    /// Chunks follow each other without hole or overlap, and every one stands alone.
    fn adds_up(&self) {
        let mut next_us = 0;
        for chunk in &self.manifest.chunks {
            assert_eq!(chunk.start_us, next_us, "{}", chunk.file);
            assert!(chunk.duration_us <= 2_250_000, "{}", chunk.duration_us);
            next_us += chunk.duration_us;
            let path = self.dir.join(&chunk.file);
            let said = media_ffmpeg::probe::probe_chunk(&path).expect("a chunk");
            assert_eq!(said, chunk.duration_us, "{}", chunk.file);
        }
        assert_eq!(self.manifest.duration_us, next_us);
    }

    pub(crate) fn how(&self) -> (Option<How>, Option<How>) {
        (self.manifest.video, self.manifest.sound)
    }

    pub(crate) fn durations_us(&self) -> Vec<u64> {
        self.manifest.chunks.iter().map(|c| c.duration_us).collect()
    }

    pub(crate) fn chunk(&self, k: usize) -> PathBuf {
        self.dir.join(&self.manifest.chunks[k].file)
    }
}

/// Times in seconds of the packets of a track ("v" or "a"), in the order of the file.
pub(crate) fn packet_times(file: &Path, track: &str) -> Vec<f64> {
    let out = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-select_streams",
            track,
            "-show_entries",
            "packet=pts_time",
            "-of",
            "csv=p=0",
        ])
        .arg(file)
        .output()
        .expect("ffprobe is installed");
    String::from_utf8_lossy(&out.stdout)
        .lines()
        .filter_map(|l| l.trim_end_matches(',').parse().ok())
        .collect()
}

/// What ffmpeg complains about when it decodes the file; empty: nothing.
pub(crate) fn complaints(file: &Path) -> String {
    let out = Command::new("ffmpeg")
        .args(["-v", "warning", "-nostdin", "-i"])
        .arg(file)
        .args(["-f", "null", "-"])
        .output()
        .expect("ffmpeg is installed");
    String::from_utf8_lossy(&out.stderr).into_owned()
}
