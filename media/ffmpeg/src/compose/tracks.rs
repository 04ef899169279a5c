//! The tracks of composed chunks, described for a muxer without an encoder at hand.

use std::ptr;

use ffmpeg_next::{Error, Rational, codec, ffi};
use media_packet::{VideoCodec, VideoPacket};

use crate::cut::mux::MuxTrack;
use crate::packets::parameter_sets;

/// `OpusHead`, RFC 7845 section 5.1: version 1, two channels, nothing to skip, 48 kHz, no gain, the plain mapping.
const OPUS_HEAD: [u8; 19] = *b"OpusHead\x01\x02\x00\x00\x80\xbb\x00\x00\x00\x00\x00";

/// The track of the pictures that begin with this keyframe.
pub(super) fn picture(keyframe: &VideoPacket) -> Result<MuxTrack, Error> {
    let (id, header) = match keyframe.codec {
        VideoCodec::H264 => (codec::Id::H264, parameter_sets(&keyframe.data)),
        VideoCodec::Vp8 => (codec::Id::VP8, Vec::new()),
    };
    let mut params = parameters(ffi::AVMediaType::AVMEDIA_TYPE_VIDEO, id, &header)?;
    // SAFETY: the parameters are ours; plain values.
    unsafe {
        let raw = params.as_mut_ptr();
        (*raw).width = i32::try_from(keyframe.width).unwrap_or(i32::MAX);
        (*raw).height = i32::try_from(keyframe.height).unwrap_or(i32::MAX);
        (*raw).format = ffi::AVPixelFormat::AV_PIX_FMT_YUV420P as i32;
    }
    Ok(MuxTrack {
        params,
        time_base: Rational(1, 1_000_000),
        rate: None,
        aspect: Rational(0, 1),
        video: true,
    })
}

/// The track of the sound.
pub(super) fn sound() -> Result<MuxTrack, Error> {
    let kind = ffi::AVMediaType::AVMEDIA_TYPE_AUDIO;
    let mut params = parameters(kind, codec::Id::OPUS, &OPUS_HEAD)?;
    // SAFETY: the parameters are ours; the layout has no custom map, so it owns nothing.
    unsafe {
        let raw = params.as_mut_ptr();
        (*raw).sample_rate = 48_000;
        ffi::av_channel_layout_default(&raw mut (*raw).ch_layout, 2);
    }
    Ok(MuxTrack {
        params,
        time_base: Rational(1, 48_000),
        rate: None,
        aspect: Rational(0, 1),
        video: false,
    })
}

fn parameters(
    kind: ffi::AVMediaType,
    id: codec::Id,
    header: &[u8],
) -> Result<codec::Parameters, Error> {
    const PADDING: usize = ffi::AV_INPUT_BUFFER_PADDING_SIZE as usize;
    let mut params = codec::Parameters::new();
    // SAFETY: the parameters are ours; the header is allocated by FFmpeg, which frees it with them, with the padding that
    // FFmpeg asks for.
    unsafe {
        let raw = params.as_mut_ptr();
        if raw.is_null() {
            return Err(Error::Other {
                errno: libc::ENOMEM,
            });
        }
        (*raw).codec_type = kind;
        (*raw).codec_id = id.into();
        if !header.is_empty() {
            let copy = ffi::av_mallocz(header.len() + PADDING).cast::<u8>();
            if copy.is_null() {
                return Err(Error::Other {
                    errno: libc::ENOMEM,
                });
            }
            ptr::copy_nonoverlapping(header.as_ptr(), copy, header.len());
            (*raw).extradata = copy;
            (*raw).extradata_size = i32::try_from(header.len()).unwrap_or(0);
        }
    }
    Ok(params)
}
