//! The film that the benchmarks broadcast: a minute at a known rate, made by the `ffmpeg` program.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::report::Error;

/// Kilobits a second of picture and sound: what the targets speak of.
const KBIT: u32 = 4_000;
/// Of these, sound.
const SOUND_KBIT: u32 = 96;
/// One round of the broadcast.
const SECONDS: u32 = 60;

/// Makes it in `dir`. Noise and a strict rate control keep every second at the rate.
///
/// # Errors
/// When `ffmpeg` is not there or fails.
pub(crate) fn make(dir: &Path) -> Result<PathBuf, Error> {
    let path = dir.join("film.mkv");
    let rate = format!("{}k", KBIT - SOUND_KBIT);
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i"])
        .arg(format!(
            "testsrc2=size=640x360:rate=25:duration={SECONDS},noise=alls=30:allf=t"
        ))
        .args([
            "-f",
            "lavfi",
            "-i",
            &format!("sine=frequency=440:sample_rate=48000:duration={SECONDS}"),
        ])
        .args([
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p",
            "-b:v",
            &rate,
        ])
        .args([
            "-minrate",
            &rate,
            "-maxrate",
            &rate,
            "-bufsize",
            &rate,
            "-x264-params",
            "nal-hrd=cbr",
        ])
        .args(["-force_key_frames", "expr:gte(t,n_forced*2)"])
        .args([
            "-c:a",
            "libopus",
            "-b:a",
            &format!("{SOUND_KBIT}k"),
            "-shortest",
        ])
        .arg(&path)
        .output()
        .map_err(|why| {
            format!("the ffmpeg program does not start: {why}; tools/setup.sh installs it")
        })?;
    if made.status.success() {
        Ok(path)
    } else {
        Err(format!(
            "ffmpeg cannot make the film: {}",
            String::from_utf8_lossy(&made.stderr).trim()
        )
        .into())
    }
}
