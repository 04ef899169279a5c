//! What can be wrong with a chunk file. One line each, for people; must never carry FFmpeg's types outward.

/// Why a chunk could not be decoded, or not wholly.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The thread could not be started.
    #[error("the decoder cannot be started: {0}")]
    Setup(String),
    /// The file cannot be read at all: its content is not to blame.
    #[error("the file cannot be read: {0}")]
    Unreadable(#[source] std::io::Error),
    /// The path is not UTF-8.
    #[error("the file's path is not valid UTF-8")]
    Path,
    /// Longer than a chunk can be.
    #[error(
        "{bytes} bytes are more than a chunk can have ({})",
        media_model::MAX_CHUNK_LEN
    )]
    TooLong {
        /// Length of the file.
        bytes: u64,
    },
    /// Neither Matroska nor MP4, or damaged from the start.
    #[error("not a Matroska or MP4 file that can be read: {0}")]
    NotMedia(String),
    /// More packets than [`super::MAX_PACKETS`].
    #[error("more than {} packets", super::MAX_PACKETS)]
    TooManyPackets,
    /// A container without a picture and without sound.
    #[error("neither a picture nor sound in it")]
    Empty,
    /// Pictures beyond [`super::MAX_PIXELS`].
    #[error("pictures of {width} x {height} are beyond the limit")]
    TooBig {
        /// Width that the file claims.
        width: u32,
        /// Height that the file claims.
        height: u32,
    },
    /// No decoder for one of its streams.
    #[error("no decoder for its {kind}: {what}")]
    NoDecoder {
        /// `picture` or `sound`.
        kind: &'static str,
        /// What FFmpeg says.
        what: String,
    },
    /// Some packets could not be decoded; the rest came out.
    #[error("damaged: {packets} packets could not be decoded ({what})")]
    Damaged {
        /// How many.
        packets: u64,
        /// What FFmpeg said of the first.
        what: String,
    },
    /// Pictures or sound at times that no chunk can have; they were left out.
    #[error("times beyond {} s in it: left out", media_model::MAX_DURATION_US / 1_000_000)]
    Times,
}

impl DecodeError {
    /// Whether the file's content is to blame, so that trying again cannot help.
    #[must_use]
    pub fn is_content(&self) -> bool {
        !matches!(self, Self::Setup(_) | Self::Unreadable(_) | Self::Path)
    }
}
