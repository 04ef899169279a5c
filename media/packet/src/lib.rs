//! Encoded pictures and sound on their way through one process: from whoever encodes or demuxes to whoever sends or cuts.
//!
//! Pure data, shared without copying. This crate must never know how packets are made, what carries them, or a clock.

use bytes::Bytes;

/// How a picture is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VideoCodec {
    /// ITU-T H.264, constrained baseline.
    H264,
    /// VP8, RFC 6386.
    Vp8,
}

/// One of the encodings of the same picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rendition {
    /// What everybody gets whose way carries it.
    Full,
    /// Fewer bits, for those whose way does not carry the full one. Exists only while somebody needs it.
    Low,
}

/// One encoded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoPacket {
    /// How it is encoded.
    pub codec: VideoCodec,
    /// Which encoding it belongs to.
    pub rendition: Rendition,
    /// H.264: one access unit in Annex B form, its parameter sets in front if it is a keyframe. VP8: one frame.
    pub data: Bytes,
    /// When it was captured (or is to be shown): microseconds of the one clock that sound and picture of a source share. For
    /// what is captured here: `CLOCK_MONOTONIC`.
    pub at_us: u64,
    /// It can be decoded without anything before it.
    pub keyframe: bool,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// One Opus packet, RFC 6716, 48 kHz, two channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoundPacket {
    /// The packet.
    pub data: Bytes,
    /// When its first sample was captured, on the same clock as the picture.
    pub at_us: u64,
    /// How long it sounds.
    pub duration_us: u32,
}
