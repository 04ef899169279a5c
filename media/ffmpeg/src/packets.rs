//! Chunks taken apart into the packets that browsers play: H.264 or VP8, and Opus.
//!
//! What a browser plays as it is stays as it is, without decoding: H.264 of 8 bits whose pictures are stored in the
//! order in which they are shown, VP8, Opus of one or two channels. Other sound becomes Opus, which is cheap. Other
//! video (HEVC, VP9, H.264 with B-frames, for which RTP receivers have no place) is encoded anew up to
//! [`MAX_RECODED_PIXELS`]; beyond that the chunk is refused by the codec's name.
//!
//! A chunk is foreign bytes: its length, packets, picture and times are bounded, and whatever is wrong with it is a
//! [`PacketsError`]. This module must never know channels, viewers or the time of day.

mod annexb;
mod memory;
mod opus;
mod picture;
mod sound;

use media_packet::{SoundPacket, VideoPacket};

use crate::cut::How;

pub use picture::MAX_RECODED_PIXELS;

pub(crate) use annexb::parameter_sets;

/// Longest time of a chunk, microseconds: the model's bound.
const MAX_DURATION_US: i64 = media_model::MAX_DURATION_US as i64;

/// What a chunk holds.
#[derive(Clone, Debug, Default)]
pub struct ChunkPackets {
    /// The picture, in the order in which it is decoded and shown. Starts with a keyframe.
    pub video: Vec<VideoPacket>,
    /// The sound, in order.
    pub sound: Vec<SoundPacket>,
    /// How long the chunk plays, microseconds; more than 0.
    pub duration_us: u64,
    /// What was done to the picture; `None`: there is none.
    pub video_how: Option<How>,
    /// What was done to the sound; `None`: there is none.
    pub sound_how: Option<How>,
}

/// Why a chunk cannot be taken apart. One line for people.
#[derive(Debug, thiserror::Error)]
pub enum PacketsError {
    /// It is no Matroska or MP4, or broken.
    #[error("the chunk cannot be read: {0}")]
    Unreadable(String),
    /// It is beyond a bound of chunks.
    #[error("the chunk is beyond a bound: {0}")]
    Bound(&'static str),
    /// Neither picture nor sound is in it.
    #[error("the chunk has neither picture nor sound")]
    Empty,
    /// The picture cannot be shown by browsers, and is too much to be encoded anew.
    #[error("this channel is {codec} {width}x{height}; browsers cannot play it here")]
    Unplayable {
        /// The codec's name.
        codec: &'static str,
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// A step of decoding or encoding failed.
    #[error("{0}")]
    Recode(#[from] crate::cut::CutError),
}

/// Takes one chunk apart by itself; times count from its start.
///
/// # Errors
/// Whatever is wrong with it.
pub fn read_chunk(bytes: &[u8]) -> Result<ChunkPackets, PacketsError> {
    let mut reader = ChunkReader::default();
    let mut packets = reader.read(bytes, 0)?;
    reader.finish(&mut packets)?;
    Ok(packets)
}

/// Takes the chunks of a channel apart, one after the other, so that sound which is encoded anew goes on over their
/// boundaries without a seam. Blocking.
#[derive(Default)]
pub struct ChunkReader {
    sound: Option<sound::Recoder>,
}

impl ChunkReader {
    /// Takes a chunk apart whose start is `at_us` on the clock of what comes out. A chunk that follows the last one
    /// without a gap is given at the end of the last one.
    ///
    /// # Errors
    /// Whatever is wrong with the chunk; the next may be better.
    pub fn read(&mut self, bytes: &[u8], at_us: u64) -> Result<ChunkPackets, PacketsError> {
        let mut source = memory::Source::read(bytes)?;
        let mut packets = ChunkPackets::default();
        if let Some(track) = source.video.take() {
            let (video, how) = picture::read(track, at_us)?;
            packets.video = video;
            packets.video_how = Some(how);
        }
        if let Some(track) = source.sound.take() {
            let how = match opus::copy(&track, at_us) {
                Some(copied) => {
                    self.sound = None;
                    packets.sound = copied;
                    How::Copied
                }
                None => {
                    packets.sound = sound::Recoder::feed(&mut self.sound, track, at_us)?;
                    How::Reencoded
                }
            };
            packets.sound_how = Some(how);
        }
        if packets.video.is_empty() && packets.sound.is_empty() {
            return Err(PacketsError::Empty);
        }
        let last_picture = packets.video.last().map(|p| p.at_us);
        let end = packets
            .sound
            .last()
            .map(|p| p.at_us + u64::from(p.duration_us));
        let found_us = last_picture.max(end).unwrap_or(at_us).saturating_sub(at_us);
        packets.duration_us = source.duration_us.unwrap_or(found_us).max(1);
        Ok(packets)
    }

    /// Gives out the sound that waits for more of it.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn finish(&mut self, packets: &mut ChunkPackets) -> Result<(), PacketsError> {
        if let Some(recoder) = self.sound.take() {
            recoder.finish(&mut packets.sound)?;
        }
        Ok(())
    }
}

/// A codec's header.
fn extradata(parameters: &ffmpeg_next::codec::Parameters) -> &[u8] {
    // SAFETY: FFmpeg keeps `extradata` valid for `extradata_size` bytes as long as the parameters live.
    unsafe {
        let raw = parameters.as_ptr();
        match usize::try_from((*raw).extradata_size) {
            Ok(length) if length > 0 && !(*raw).extradata.is_null() => {
                std::slice::from_raw_parts((*raw).extradata, length)
            }
            _ => &[],
        }
    }
}

/// How the picture of a chunk comes out of [`ChunkReader::read`]; `None`: it has none. Cheap.
///
/// # Errors
/// When the chunk cannot be read.
pub fn codec_of(bytes: &[u8]) -> Result<Option<media_packet::VideoCodec>, PacketsError> {
    let source = memory::Source::read(bytes)?;
    Ok(source.video.as_ref().map(picture::codec_of))
}
