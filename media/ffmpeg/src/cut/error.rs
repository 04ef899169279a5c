//! What can go wrong when cutting, each with the thing it concerns and what to do about it.

use std::io;
use std::path::PathBuf;

/// Why a film or live input could not be cut. The text is one line for the user.
#[derive(Debug, thiserror::Error)]
pub enum CutError {
    /// There is no such file.
    #[error("{}: no such film", path.display())]
    Missing {
        /// The film.
        path: PathBuf,
    },
    /// A directory, pipe or device where a film's file is wanted.
    #[error("{}: not a regular file; a folder of ready chunks is not cut, a pipe or device is a live input", path.display())]
    NotAFile {
        /// What was given.
        path: PathBuf,
    },
    /// A file of length 0.
    #[error("{}: the film is empty (0 bytes)", path.display())]
    Empty {
        /// The film.
        path: PathBuf,
    },
    /// The film could not be read at all.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The film.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No demuxer takes it, or it has neither picture nor sound.
    #[error("{input}: not a film: {reason}")]
    NotAFilm {
        /// The film or live input.
        input: String,
        /// What is missing.
        reason: String,
    },
    /// The start is a film's, but nothing of it can be read.
    #[error("{input}: the film is cut off: {reason}; fetch it again or repair it")]
    CutOff {
        /// The film.
        input: String,
        /// What is missing.
        reason: String,
    },
    /// A live input could not be opened.
    #[error("{input}: cannot be opened: {reason}")]
    Open {
        /// The live input.
        input: String,
        /// What FFmpeg said.
        reason: String,
    },
    /// There is no demuxer or device of this name.
    #[error(
        "`{format}` is no input format of this FFmpeg; `ffmpeg -formats` and `ffmpeg -devices` list them"
    )]
    NoSuchFormat {
        /// The name.
        format: String,
    },
    /// The film is beyond a bound.
    #[error("{input}: {reason}")]
    Bound {
        /// The film or live input.
        input: String,
        /// Which bound, and what to do.
        reason: String,
    },
    /// FFmpeg could not do a step that it should be able to do.
    #[error("{input}: {step} failed: {reason}")]
    Ffmpeg {
        /// The film or live input.
        input: String,
        /// What was being done.
        step: &'static str,
        /// What FFmpeg said.
        reason: String,
    },
    /// The film was changed while it was being cut.
    #[error("{input}: the film changed while it was being cut; cut it again")]
    Changed {
        /// The film.
        input: String,
    },
    /// A name that cannot be the name of chunks.
    #[error(
        "`{name}` cannot be the name of chunks: letters, digits and . _ - only, none of . - in front, at most 180"
    )]
    BadName {
        /// The name.
        name: String,
    },
    /// The folder or a file in it could not be written.
    #[error("{}: cannot be written: {source}{}", path.display(), advice(source))]
    Write {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder already holds chunks of this name that are not of this film.
    #[error("{} already holds chunks named {name} of another film; take another --name or another folder", dir.display())]
    OtherFilm {
        /// The folder.
        dir: PathBuf,
        /// The chunks' name.
        name: String,
    },
    /// Whoever takes the chunks wants no more.
    #[error("cutting was stopped")]
    Stopped,
}

fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; free space and cut again",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; take a folder you may write to"
        }
        _ => "",
    }
}

impl CutError {
    pub(crate) fn ffmpeg(input: &str, step: &'static str, error: ffmpeg_next::Error) -> Self {
        Self::Ffmpeg {
            input: input.to_owned(),
            step,
            reason: error.to_string(),
        }
    }
}
