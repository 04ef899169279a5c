//! One encoder of one rendition: H.264 by x264 or VP8 by libvpx, through FFmpeg, or H.264 by our own encoder for screens; a
//! packet for each picture at once.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use ffmpeg_next::codec::packet::side_data;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::util::picture;
use ffmpeg_next::{Dictionary, Error, Packet, Rational, codec, encoder, ffi, frame};
use media_h264::{Picture, Shape};
use media_packet::VideoCodec;

use super::changes::Changes;
use super::spread::Spread;
use super::{Content, ScreenError, vbv};
use crate::clock::now_us;

/// x264's `open` and `close` share tables that are not guarded by themselves.
static OPENING: Mutex<()> = Mutex::new(());

/// Finest quantiser of H.264, 0..=51: below it nobody sees a difference, but a simple picture would fill the line.
const FINEST_QP: &str = "16";

/// Same for VP8, 0..=63.
const VP8_FINEST_QP: i32 = 4;

/// x264's balance of speed and bits, measured at 1280x720 (docs/decisions/0009): `superfast` takes 1.5 times as long, and
/// is no better at the same bitrate with buffers as short as ours.
const PRESET: &str = "ultrafast";

/// What x264 is told beside the preset. `zerolatency` has no look-ahead, no frame threads and no B-frames. Headers are
/// repeated before each keyframe, and there is none but those asked for. Bits go where the eye looks (`aq-mode`), which the
/// preset leaves out and costs little.
const X264_PARAMS: &str = "keyint=infinite:scenecut=0:repeat-headers=1:annexb=1:sliced-threads=0:threads=1:\
                           lookahead-threads=1:rc-lookahead=0:bframes=0:ref=1:aud=0:weightp=0:nal-hrd=none:\
                           force-cfr=1:aq-mode=1";

/// Factor of FFmpeg's quality figures (`FF_QP2LAMBDA`).
const QUALITY_FACTOR: u32 = 118;

/// How to open an encoder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) codec: VideoCodec,
    pub(super) content: Content,
    /// Pixels, even.
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) frame_rate: u32,
    pub(super) bitrate_bps: u32,
}

/// One encoded picture.
pub(super) struct Encoded {
    pub(super) data: Bytes,
    pub(super) keyframe: bool,
    /// Mean quantiser of x264, that of the coarsest part of our own encoder; VP8's is not told.
    pub(super) qp: Option<u32>,
}

pub(super) struct Encoder {
    form: Form,
    /// `None` only while it is being replaced or dropped.
    inner: Option<Inner>,
    pictures: i64,
    packet: Packet,
    spread: Spread,
}

enum Inner {
    Ffmpeg(encoder::video::Encoder),
    Own(Box<media_h264::Encoder>),
}

impl Encoder {
    pub(super) fn open(form: Form) -> Result<Self, ScreenError> {
        let inner = open(form).map_err(|error| failure("opening", form.codec, error))?;
        Ok(Self {
            form,
            inner: Some(inner),
            pictures: 0,
            packet: Packet::empty(),
            spread: Spread::new(form.frame_rate),
        })
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// Bits a second from the next picture on. `true`: the next picture has to be a keyframe, because the encoder had
    /// to be opened again.
    pub(super) fn set_bitrate(&mut self, bps: u32) -> Result<bool, ScreenError> {
        if self.form.bitrate_bps == bps {
            return Ok(false);
        }
        self.form.bitrate_bps = bps;
        if self.form.codec == VideoCodec::H264 {
            // Told with the next picture.
            return Ok(false);
        }
        self.close();
        let form = self.form;
        let inner = open(form).map_err(|error| failure("opening", form.codec, error))?;
        self.inner = Some(inner);
        Ok(true)
    }

    /// Encodes the picture; `changes`: what of it differs from the one before. `None`: the encoder left it out, which only a failing libvpx does.
    pub(super) fn encode(
        &mut self,
        picture: &mut frame::Video,
        changes: &Changes,
        keyframe: bool,
    ) -> Result<Option<Encoded>, ScreenError> {
        let fail = |error| failure("encoding with", self.form.codec, error);
        let bitrate_bps = match self.form.codec {
            VideoCodec::H264 => self.spread.bitrate(now_us(), self.form.bitrate_bps),
            VideoCodec::Vp8 => self.form.bitrate_bps,
        };
        let form = Form {
            bitrate_bps,
            ..self.form
        };
        let inner = match &mut self.inner {
            None => return Ok(None),
            Some(Inner::Own(own)) => {
                return Ok(encode_own(own, picture, changes, keyframe, form));
            }
            Some(Inner::Ffmpeg(inner)) => inner,
        };
        if form.codec == VideoCodec::H264 {
            set_rates(inner, form);
        }
        picture.set_pts(Some(self.pictures));
        picture.set_kind(if keyframe {
            picture::Type::I
        } else {
            picture::Type::None
        });
        self.pictures += 1;
        inner.send_frame(picture).map_err(fail)?;
        match inner.receive_packet(&mut self.packet) {
            Ok(()) => {}
            Err(Error::Other {
                errno: libc::EAGAIN,
            }) => return Ok(None),
            Err(error) => return Err(fail(error)),
        }
        Ok(Some(Encoded {
            data: Bytes::copy_from_slice(self.packet.data().unwrap_or_default()),
            keyframe: self.packet.is_key(),
            qp: qp(&self.packet),
        }))
    }

    fn close(&mut self) {
        let _alone = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
        self.inner = None;
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.close();
    }
}

fn failure(doing: &str, codec: VideoCodec, error: Error) -> ScreenError {
    ScreenError::Encoder(format!("{doing} {}: {error}", name(codec)))
}

fn name(codec: VideoCodec) -> &'static str {
    match codec {
        VideoCodec::H264 => "libx264",
        VideoCodec::Vp8 => "libvpx",
    }
}

fn open(form: Form) -> Result<Inner, Error> {
    match (form.codec, form.content) {
        (VideoCodec::H264, Content::Screen) => {
            Ok(Inner::Own(Box::new(media_h264::Encoder::new(Shape {
                width: form.width,
                height: form.height,
                level: vbv::level(form.width, form.height, form.frame_rate),
            }))))
        }
        _ => open_ffmpeg(form).map(Inner::Ffmpeg),
    }
}

/// `None`: the picture is not of the encoder's size, which it always is.
fn encode_own(
    own: &mut media_h264::Encoder,
    picture: &frame::Video,
    changes: &Changes,
    keyframe: bool,
    form: Form,
) -> Option<Encoded> {
    let planes = [0, 1, 2].map(|plane| picture.data(plane));
    let strides = [0, 1, 2].map(|plane| picture.stride(plane));
    let picture = Picture::new((form.width, form.height), planes, strides)?;
    let share = form.bitrate_bps / form.frame_rate.max(1);
    let encoded = own.encode(&picture, changes.marks(), keyframe, share);
    Some(Encoded {
        data: Bytes::from(encoded.data),
        keyframe: encoded.keyframe,
        qp: Some(u32::from(encoded.coarsest_qp)),
    })
}

fn open_ffmpeg(form: Form) -> Result<encoder::video::Encoder, Error> {
    let codec = encoder::find_by_name(name(form.codec)).ok_or(Error::EncoderNotFound)?;
    let mut video = codec::Context::new_with_codec(codec).encoder().video()?;
    let rate = i32::try_from(form.frame_rate).unwrap_or(i32::MAX);
    video.set_width(form.width);
    video.set_height(form.height);
    video.set_format(Pixel::YUV420P);
    video.set_time_base(Rational(1, rate));
    video.set_frame_rate(Some(Rational(rate, 1)));
    set_rates(&mut video, form);
    // SAFETY: the context is valid and ours alone; plain fields are set before it is opened.
    unsafe {
        let context = video.as_mut_ptr();
        (*context).thread_count = 1;
        (*context).color_range = ffi::AVColorRange::AVCOL_RANGE_MPEG;
        match form.codec {
            VideoCodec::H264 => {
                (*context).colorspace = ffi::AVColorSpace::AVCOL_SPC_BT709;
                (*context).color_primaries = ffi::AVColorPrimaries::AVCOL_PRI_BT709;
                (*context).color_trc = ffi::AVColorTransferCharacteristic::AVCOL_TRC_BT709;
            }
            VideoCodec::Vp8 => {
                (*context).rc_min_rate = (*context).bit_rate;
                (*context).gop_size = i32::MAX;
                (*context).qmin = VP8_FINEST_QP;
                (*context).qmax = 63;
            }
        }
    }
    let options = match form.codec {
        VideoCodec::H264 => x264_options(form),
        VideoCodec::Vp8 => vpx_options(),
    };
    let _alone = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
    video.open_with(options)
}

fn x264_options(form: Form) -> Dictionary<'static> {
    let level = vbv::level(form.width, form.height, form.frame_rate);
    let mut options = Dictionary::new();
    options.set("preset", PRESET);
    options.set("tune", "zerolatency");
    options.set("profile", "baseline");
    options.set("level", &format!("{}.{}", level / 10, level % 10));
    options.set("forced-idr", "1");
    options.set("qmin", FINEST_QP);
    options.set("x264-params", X264_PARAMS);
    options
}

fn vpx_options() -> Dictionary<'static> {
    let mut options = Dictionary::new();
    for (key, value) in [
        ("deadline", "realtime"),
        ("cpu-used", "8"),
        ("lag-in-frames", "0"),
        ("error-resilient", "default"),
        ("static-thresh", "100"),
        ("drop-threshold", "0"),
        ("max-intra-rate", "300"),
        ("undershoot-pct", "100"),
        ("overshoot-pct", "15"),
    ] {
        options.set(key, value);
    }
    options
}

/// Puts the rates into the context. x264 takes them from there with the next picture, also while it runs.
fn set_rates(video: &mut encoder::video::Video, form: Form) {
    let bps = i64::from(form.bitrate_bps);
    let buffer = match form.codec {
        VideoCodec::H264 => i64::from(vbv::buffer_bits(form.bitrate_bps, form.frame_rate)),
        // libvpx steers by its buffer's fill and needs more of it.
        VideoCodec::Vp8 => bps / 4,
    };
    // SAFETY: the context is valid and ours alone, and no call into it runs.
    unsafe {
        let context = video.as_mut_ptr();
        (*context).bit_rate = bps;
        (*context).rc_max_rate = bps;
        (*context).rc_buffer_size = i32::try_from(buffer).unwrap_or(i32::MAX);
    }
}

/// The mean quantiser, from the packet's statistics.
fn qp(packet: &Packet) -> Option<u32> {
    let stats = packet
        .side_data()
        .find(|data| data.kind() == side_data::Type::QualityStats)?;
    let quality = u32::from_le_bytes(*stats.data().first_chunk::<4>()?);
    (quality > 0).then_some(quality / QUALITY_FACTOR)
}
