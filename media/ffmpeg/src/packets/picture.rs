//! The picture of a chunk: copied where browsers play it as it is, else encoded anew.

use bytes::Bytes;
use ffmpeg_next::{Rational, codec};
use media_packet::{Rendition, VideoCodec, VideoPacket};

use super::PacketsError;
use super::annexb::{Header, parameter_sets};
use super::memory::ChunkTrack;
use crate::cut::{How, Starts, Track, VideoEncoder};

/// Most pixels of a picture that is encoded anew: 1080p, which costs a core about a third of its time at 30 a second.
pub const MAX_RECODED_PIXELS: u64 = 1920 * 1088;

/// x264's fastest: whoever watches waits for it.
const PRESET: &str = "ultrafast";

/// x264's quality; a guess that is hard to tell from the source.
const CRF: u8 = 23;

/// Profiles of H.264 that have 8 bits and 4:2:0: baseline, main, extended, high.
const PLAIN_PROFILES: [u8; 4] = [66, 77, 88, 100];

/// The packets of a chunk that starts at `at_us`, and what was done to them.
pub(super) fn read(
    source: ChunkTrack,
    at_us: u64,
) -> Result<(Vec<VideoPacket>, How), PacketsError> {
    if let Some(packets) = copy(&source, at_us) {
        return Ok((packets, How::Copied));
    }
    recode(source, at_us).map(|packets| (packets, How::Reencoded))
}

/// How it comes out.
pub(super) fn codec_of(source: &ChunkTrack) -> VideoCodec {
    match source.track.codec() {
        codec::Id::VP8 if is_in_order(source) => VideoCodec::Vp8,
        _ => VideoCodec::H264,
    }
}

fn is_in_order(source: &ChunkTrack) -> bool {
    let mut pairs = source.packets.windows(2);
    pairs.all(|pair| pair[0].at_us <= pair[1].at_us)
}

fn copy(source: &ChunkTrack, at_us: u64) -> Option<Vec<VideoPacket>> {
    if !is_in_order(source) {
        return None;
    }
    let track = &source.track;
    let header = match track.codec() {
        codec::Id::H264 => {
            let header = Header::read(track.extradata())?;
            if header.profile != 0 && !PLAIN_PROFILES.contains(&header.profile) {
                return None;
            }
            Some(header)
        }
        codec::Id::VP8 => None,
        _ => return None,
    };
    let mut packets = Vec::with_capacity(source.packets.len());
    for read in &source.packets {
        let data = read.packet.data()?;
        let (codec, data, keyframe) = match &header {
            Some(header) => {
                let (data, keyframe) = header.unit(data)?;
                (VideoCodec::H264, Bytes::from(data), keyframe)
            }
            // RFC 6386 section 9.1: the lowest bit of the first byte says what it is not.
            None => {
                let keyframe = data.first().is_some_and(|first| first & 1 == 0);
                (VideoCodec::Vp8, Bytes::copy_from_slice(data), keyframe)
            }
        };
        packets.push(packet(track, codec, data, at_us + read.at_us, keyframe));
    }
    // What a decoder cannot start with is decoded here, where it may be known how.
    packets
        .first()
        .is_some_and(|first| first.keyframe)
        .then_some(packets)
}

fn packet(
    track: &Track,
    codec: VideoCodec,
    data: Bytes,
    at_us: u64,
    keyframe: bool,
) -> VideoPacket {
    VideoPacket {
        codec,
        rendition: Rendition::Full,
        data,
        at_us,
        keyframe,
        width: track.width(),
        height: track.height(),
    }
}

fn recode(source: ChunkTrack, at_us: u64) -> Result<Vec<VideoPacket>, PacketsError> {
    let ChunkTrack { mut track, packets } = source;
    let (width, height) = (track.width(), track.height());
    let unplayable = PacketsError::Unplayable {
        codec: track.codec_name(),
        width,
        height,
    };
    if u64::from(width) * u64::from(height) > MAX_RECODED_PIXELS || width == 0 || height == 0 {
        return Err(unplayable);
    }
    if track.rate.is_none_or(|rate| rate.numerator() <= 0) {
        track.rate = Some(Rational(25, 1));
    }
    let starts = Some(Starts::Even(0));
    let mut encoder = VideoEncoder::new("the chunk", &track, starts, PRESET, CRF, true)?;
    let parameters = encoder.mux_track(&track).params;
    let sets = parameter_sets(super::extradata(&parameters));
    let mut encoded = Vec::new();
    for read in packets {
        for frame in encoder.decode(&read.packet)? {
            encoded.extend(encoder.encode(frame)?);
        }
    }
    for frame in encoder.end_of_packets()? {
        encoded.extend(encoder.encode(frame)?);
    }
    encoded.extend(encoder.finish()?);
    if encoded.is_empty() {
        return Err(unplayable);
    }
    let finished = |(_, muxed): &(usize, crate::cut::mux::MuxPacket)| {
        let bare = muxed.packet.data().unwrap_or_default();
        let keyframe = muxed.packet.is_key();
        let data = if keyframe && parameter_sets(bare).is_empty() {
            [&sets, bare].concat()
        } else {
            bare.to_vec()
        };
        let at_us = at_us + u64::try_from(muxed.pts_ns / 1000).unwrap_or(0);
        packet(&track, VideoCodec::H264, data.into(), at_us, keyframe)
    };
    Ok(encoded.iter().map(finished).collect())
}
