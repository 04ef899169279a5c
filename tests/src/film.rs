//! Films for tests, made by the real `ffmpeg`: once for each set of parameters, then kept beside the programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A film to make: a moving picture with noise, so that it does not compress to nothing, and a tone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Film {
    /// Its length.
    pub seconds: u32,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Pictures a second.
    pub fps: u32,
    /// Seconds between keyframes; where 2 is a multiple of it, the cutter copies the streams.
    pub keyframe_every_s: u32,
    /// Kilobits a second of the picture.
    pub video_kbit: u32,
    /// Whether it has sound.
    pub sound: bool,
}

impl Default for Film {
    /// A minute that costs little to make, cut, relay and play: about four rows of blocks a chunk.
    fn default() -> Self {
        Self {
            seconds: 60,
            width: 160,
            height: 120,
            fps: 25,
            keyframe_every_s: 2,
            video_kbit: 800,
            sound: true,
        }
    }
}

impl Film {
    /// A film of this length, else as usual.
    pub fn of(seconds: u32) -> Self {
        Self {
            seconds,
            ..Self::default()
        }
    }

    /// How many pictures it has.
    pub fn frames(&self) -> u64 {
        u64::from(self.seconds) * u64::from(self.fps)
    }

    fn args(&self) -> Vec<String> {
        let picture = format!(
            "testsrc2=size={}x{}:rate={}:duration={},noise=alls=40:allf=t",
            self.width, self.height, self.fps, self.seconds
        );
        let mut args = vec![
            "-f".to_owned(),
            "lavfi".to_owned(),
            "-i".to_owned(),
            picture,
        ];
        if self.sound {
            let tone = format!(
                "sine=frequency=440:sample_rate=48000:duration={}",
                self.seconds
            );
            args.extend(["-f".to_owned(), "lavfi".to_owned(), "-i".to_owned(), tone]);
        }
        let rate = format!("{}k", self.video_kbit);
        let keyframes = format!("expr:gte(t,n_forced*{})", self.keyframe_every_s);
        args.extend(
            [
                "-c:v",
                "libx264",
                "-preset",
                "ultrafast",
                "-pix_fmt",
                "yuv420p",
                "-b:v",
                &rate,
                "-maxrate",
                &rate,
                "-bufsize",
                &rate,
                "-force_key_frames",
                &keyframes,
            ]
            .map(str::to_owned),
        );
        if self.sound {
            args.extend(["-c:a", "libopus", "-b:a", "48k", "-shortest"].map(str::to_owned));
        }
        args
    }

    /// The film's file in the folder `cache`, made if it is not there.
    pub(crate) fn file(&self, cache: &Path) -> PathBuf {
        let args = self.args();
        let key = blake3::hash(args.join("\n").as_bytes()).to_hex();
        let path = cache.join(format!("film-{}.mkv", &key[..16]));
        if path.is_file() {
            return path;
        }
        fs::create_dir_all(cache).expect("the build's folder is writable");
        // Another test may make the same: each under a name of its own, the last one stays.
        let new = cache.join(format!("{}.{}.mkv", &key[..16], std::process::id()));
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-y"])
            .args(&args)
            .arg(&new)
            .output()
            .expect("the ffmpeg program is installed");
        let words = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "ffmpeg makes a film: {words}");
        fs::rename(&new, &path).expect("the build's folder is writable");
        path
    }
}
