//! Cutting a film or a live input into self-contained two-second chunks.
//!
//! Nothing is lost and nothing is there twice: decoding all chunks in order gives the frames and samples of the
//! source. docs/protocols/chunks.md says what a chunk looks like. This module must never know channels, clocks
//! of a broadcast or signatures: it gives bytes and their times within the film.

mod assemble;
mod error;
mod film;
mod folder;
mod grid;
pub(crate) mod input;
mod keyframe;
mod live_sound;
mod marks;
pub(crate) mod mux;
mod plan;
mod planes;
mod sound;
mod sound_copy;
mod tracks;
mod video;

pub use error::CutError;
pub use film::cut_film;
pub use folder::{
    Manifest, ManifestChunk, SourceIdentity, cut_to_folder, read_manifest, write_whole,
};

pub(crate) use assemble::{Assembler, Kind, Shape, Starts};
pub(crate) use live_sound::LiveSound;
pub(crate) use sound::{SoundCodec, SoundEncoder};
pub(crate) use sound_copy::opus_samples;
pub(crate) use tracks::Track;
pub(crate) use video::VideoEncoder;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};

/// The grid on which films are cut, in microseconds: two seconds, as the product says.
pub const GRID_US: u64 = 2_000_000;

pub(crate) const GRID_NS: i64 = GRID_US as i64 * 1_000;

/// Most bytes of one chunk: the model's bound on a chunk, 256 Mbit/s over two seconds.
pub const MAX_CHUNK_LEN: usize = 64 * 1024 * 1024;

/// Longest chunk name without number and ending, in bytes, so that the whole name stays below the 200 bytes that
/// a span header allows.
pub const MAX_NAME_LEN: usize = 180;

/// The container of the chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Container {
    /// Matroska, `.mkv`.
    #[default]
    Mkv,
    /// MP4 with its index at the end, `.mp4`.
    Mp4,
}

impl Container {
    /// The ending of file names, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Mkv => "mkv",
            Self::Mp4 => "mp4",
        }
    }

    pub(crate) fn muxer(self) -> &'static std::ffi::CStr {
        match self {
            Self::Mkv => c"matroska",
            Self::Mp4 => c"mp4",
        }
    }
}

impl std::str::FromStr for Container {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "mkv" => Ok(Self::Mkv),
            "mp4" => Ok(Self::Mp4),
            other => Err(format!("`{other}` is no chunk format: take mkv or mp4")),
        }
    }
}

/// What was done to a stream, or to a chunk as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum How {
    /// The packets are the source's own.
    #[serde(rename = "copied")]
    Copied,
    /// Decoded and encoded anew.
    #[serde(rename = "re-encoded")]
    Reencoded,
}

impl std::fmt::Display for How {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Copied => "copied",
            Self::Reencoded => "re-encoded",
        })
    }
}

/// How to cut.
#[derive(Clone, Debug)]
pub struct CutOptions {
    /// Name of the chunks before `_00000.mkv`; see [`chunk_base_name`] for what is allowed.
    pub name: String,
    /// Container of the chunks.
    pub container: Container,
    /// x264's preset where video is re-encoded.
    pub preset: String,
    /// x264's constant rate factor where video is re-encoded, 0 (lossless) to 51.
    pub crf: u8,
    /// Re-encode the video even where it could be copied.
    pub force_reencode: bool,
    /// Once set, cutting a film ends at the next packet with [`CutError::Stopped`].
    pub stop: Arc<AtomicBool>,
}

impl CutOptions {
    /// The defaults for chunks of this name: Matroska, copy where possible, else `veryfast` at CRF 21 (a guess
    /// between size and what the eye sees).
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            container: Container::Mkv,
            preset: "veryfast".to_owned(),
            crf: 21,
            force_reencode: false,
            stop: Arc::default(),
        }
    }
}

/// One finished chunk.
#[derive(Clone, Debug)]
pub struct CutChunk {
    /// Number from 0.
    pub index: u32,
    /// File name, `NAME_00000.mkv`.
    pub name: String,
    /// Start of its span, microseconds from the film's start.
    pub start_us: u64,
    /// Length of its span, microseconds.
    pub duration_us: u64,
    /// The whole file.
    pub bytes: Vec<u8>,
    /// What was done to the video; `None`: the film has no video.
    pub video: Option<How>,
    /// What was done to the sound; `None`: the film has no sound.
    pub sound: Option<How>,
    /// Video frames in it.
    pub frames: u32,
    /// Keyframes among them, the first included.
    pub keyframes: u32,
}

impl CutChunk {
    /// `Copied` if everything in it is the source's own.
    pub fn how(&self) -> How {
        overall(self.video, self.sound)
    }
}

/// What came of a cut.
#[derive(Clone, Debug, Default)]
pub struct CutSummary {
    /// Chunks given to the sink.
    pub chunks: u32,
    /// Sum of the chunks' durations, microseconds.
    pub duration_us: u64,
    /// What was done to the video; `None`: no video.
    pub video: Option<How>,
    /// What was done to the sound; `None`: no sound.
    pub sound: Option<How>,
    /// Why something was re-encoded, and what was left out. Nothing to worry about.
    pub notes: Vec<String>,
    /// What is wrong with the film (cut off, unreadable packets). What could be read was cut.
    pub warnings: Vec<String>,
}

pub(crate) fn overall(video: Option<How>, sound: Option<How>) -> How {
    if video == Some(How::Reencoded) || sound == Some(How::Reencoded) {
        How::Reencoded
    } else {
        How::Copied
    }
}

/// The name of chunk `index`: five digits, more when needed.
pub fn chunk_file_name(name: &str, index: u32, container: Container) -> String {
    format!("{name}_{index:05}.{}", container.extension())
}

/// The default name of a film's chunks: its stem, everything outside `[A-Za-z0-9._-]` replaced by `-`, never
/// starting with a dot or a dash, cut at [`MAX_NAME_LEN`], `film` if nothing is left.
pub fn chunk_base_name(film: &Path) -> String {
    let stem = film.file_stem().unwrap_or_default().to_string_lossy();
    let mut name: String = stem
        .chars()
        .map(|c| if is_name_char(c) { c } else { '-' })
        .collect();
    name.truncate(MAX_NAME_LEN);
    let name = name.trim_start_matches(['.', '-']);
    if name.is_empty() {
        "film".to_owned()
    } else {
        name.to_owned()
    }
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// Whether `name` may be the name of chunks: only `[A-Za-z0-9._-]`, no dot or dash in front, not too long.
pub fn check_name(name: &str) -> Result<(), CutError> {
    let good = !name.is_empty()
        && name.len() <= MAX_NAME_LEN
        && !name.starts_with(['.', '-'])
        && name.chars().all(is_name_char);
    if good {
        Ok(())
    } else {
        Err(CutError::BadName {
            name: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_only_what_every_file_system_and_shell_takes() {
        assert_eq!(
            chunk_base_name(Path::new("/a/My film (1).mp4")),
            "My-film--1-"
        );
        assert_eq!(chunk_base_name(Path::new("..x.mkv")), "x");
        assert_eq!(chunk_base_name(Path::new("ä.mkv")), "film");
        assert!(check_name("a/b").is_err());
        assert!(check_name("../x").is_err());
        assert!(check_name("A_b-1.2").is_ok());
    }

    #[test]
    fn numbers_have_five_digits_and_more_when_needed() {
        assert_eq!(chunk_file_name("f", 7, Container::Mkv), "f_00007.mkv");
        assert_eq!(
            chunk_file_name("f", 123_456, Container::Mp4),
            "f_123456.mp4"
        );
    }
}
