//! Re-encoding video: every decoded frame is encoded once, at its own time, with a keyframe at the start of each
//! chunk.

use std::collections::BTreeMap;

use ffmpeg_next::codec::{self, threading};
use ffmpeg_next::format::Pixel;
use ffmpeg_next::software::scaling;
use ffmpeg_next::util::picture;
use ffmpeg_next::{Dictionary, Error, Packet, Rational, decoder, encoder, ffi, frame};

use super::mux::{MuxPacket, MuxTrack};
use super::planes;
use super::tracks::{Track, Turn};
use super::{CutError, Starts};

/// Longest group of pictures in frames: keyframes are forced on the grid, so this only has to be longer than a
/// chunk at any frame rate (300 frames a second).
const MAX_GOP: u32 = 600;

/// Frame rate that the rate control assumes if none is known.
const DEFAULT_RATE: Rational = Rational(25, 1);

/// Failures in a row after which a decoder is fed again instead of asked again: more than it has threads.
pub(super) const MAX_FAILURES: u32 = 64;

/// Decodes and encodes one video track.
pub(crate) struct VideoEncoder {
    input: String,
    decoder: decoder::Video,
    encoder: encoder::video::Encoder,
    scaler: Option<(SourceForm, scaling::Context)>,
    track: Geometry,
    starts: Option<Starts>,
    last_pts: Option<i64>,
    last_chunk: Option<usize>,
    durations: BTreeMap<i64, i64>,
    frame_ticks: i64,
    /// Packets that could not be decoded.
    pub(crate) undecodable: u64,
}

#[derive(PartialEq, Eq, Clone, Copy)]
struct SourceForm(Pixel, u32, u32);

struct Geometry {
    time_base: Rational,
    turn: Turn,
    width: u32,
    height: u32,
}

impl VideoEncoder {
    /// Readies decoder and encoder. `low_delay`: for live input, no look-ahead and no B-frames.
    pub(crate) fn new(
        input: &str,
        track: &Track,
        starts: Option<Starts>,
        preset: &str,
        crf: u8,
        low_delay: bool,
    ) -> Result<Self, CutError> {
        let fail = |step| move |e| CutError::ffmpeg(input, step, e);
        let decoder = open_decoder(track).map_err(fail("opening the video decoder"))?;
        let even = |n: u32| (n & !1).max(2);
        let (width, height) = (even(track.width()), even(track.height()));
        let (out_width, out_height, aspect) = match track.turn {
            Turn::Cw90 | Turn::Ccw90 => (height, width, track.aspect.invert()),
            _ => (width, height, track.aspect),
        };
        let codec = encoder::find_by_name("libx264")
            .or_else(|| encoder::find(codec::Id::H264))
            .ok_or(Error::EncoderNotFound)
            .map_err(fail("finding an H.264 encoder"))?;
        let mut context = codec::Context::new_with_codec(codec);
        context.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::CLOSED_GOP);
        let mut video = context
            .encoder()
            .video()
            .map_err(fail("readying the video encoder"))?;
        video.set_width(out_width);
        video.set_height(out_height);
        video.set_format(Pixel::YUV420P);
        video.set_time_base(track.time_base);
        video.set_frame_rate(Some(track.rate.unwrap_or(DEFAULT_RATE)));
        video.set_gop(MAX_GOP);
        copy_colour(track, &mut video);
        if aspect.numerator() > 0 && aspect.denominator() > 0 {
            video.set_aspect_ratio(aspect);
        }
        let mut options = Dictionary::new();
        options.set("preset", preset);
        options.set("crf", &crf.to_string());
        options.set("forced-idr", "1");
        if low_delay {
            options.set("tune", "zerolatency");
        }
        let encoder = video
            .open_with(options)
            .map_err(fail("opening the video encoder"))?;
        let rate = track.rate.unwrap_or(DEFAULT_RATE);
        let frame_ticks = rate.invert().0 as f64 / rate.invert().1 as f64
            * f64::from(track.time_base.denominator())
            / f64::from(track.time_base.numerator().max(1));
        Ok(Self {
            input: input.to_owned(),
            decoder,
            encoder,
            scaler: None,
            track: Geometry {
                time_base: track.time_base,
                turn: track.turn,
                width,
                height,
            },
            starts,
            last_pts: None,
            last_chunk: None,
            durations: BTreeMap::new(),
            frame_ticks: (frame_ticks as i64).max(1),
            undecodable: 0,
        })
    }

    /// The track as the chunks will have it.
    pub(crate) fn mux_track(&self, track: &Track) -> MuxTrack {
        MuxTrack {
            params: codec::Parameters::from(&self.encoder),
            time_base: track.time_base,
            rate: track.constant_rate,
            aspect: Rational(0, 1),
            video: true,
        }
    }

    /// Time between frames, as far as it is known.
    pub(crate) fn frame_ns(&self) -> i64 {
        self.ticks_ns(self.frame_ticks)
    }

    /// Sets where chunks start, for a live input whose start is known only by its first frame.
    pub(crate) fn set_starts(&mut self, starts: Starts) {
        self.starts = Some(starts);
    }

    /// Decodes one packet and returns the frames it completes. Packets that cannot be decoded are counted.
    pub(crate) fn decode(&mut self, packet: &Packet) -> Result<Vec<frame::Video>, CutError> {
        let sent = self.decoder.send_packet(packet);
        self.count_undecodable(sent)?;
        self.frames()
    }

    /// Says that there are no more packets and returns the last frames.
    pub(crate) fn end_of_packets(&mut self) -> Result<Vec<frame::Video>, CutError> {
        let sent = self.decoder.send_eof();
        self.count_undecodable(sent)?;
        self.frames()
    }

    /// What a decoder dislikes is the film's fault and passed over; only a lack of memory is not.
    fn count_undecodable(&mut self, result: Result<(), Error>) -> Result<(), CutError> {
        match result {
            Err(
                e @ Error::Other {
                    errno: libc::ENOMEM,
                },
            ) => Err(CutError::ffmpeg(&self.input, "decoding video", e)),
            Err(_) => {
                self.undecodable += 1;
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn frames(&mut self) -> Result<Vec<frame::Video>, CutError> {
        let mut frames = Vec::new();
        let mut failures = 0;
        loop {
            let mut frame = frame::Video::empty();
            match self.decoder.receive_frame(&mut frame) {
                Ok(()) => {
                    let pts = self.next_pts(frame.timestamp());
                    frame.set_pts(Some(pts));
                    let length = Some(frame.packet().duration).filter(|d| *d > 0);
                    self.durations
                        .insert(pts, length.unwrap_or(self.frame_ticks));
                    frames.push(frame);
                }
                Err(
                    Error::Eof
                    | Error::Other {
                        errno: libc::EAGAIN,
                    },
                ) => return Ok(frames),
                Err(e) => {
                    self.count_undecodable(Err(e))?;
                    failures += 1;
                    if failures > MAX_FAILURES {
                        return Ok(frames);
                    }
                }
            }
        }
    }

    /// Times rise strictly: a frame without a time, or with one that was there before, comes after the last.
    fn next_pts(&mut self, given: Option<i64>) -> i64 {
        let pts = match (given, self.last_pts) {
            (Some(pts), Some(last)) if pts <= last => last + 1,
            (Some(pts), _) => pts,
            (None, Some(last)) => last + self.frame_ticks,
            (None, None) => 0,
        };
        self.last_pts = Some(pts);
        pts
    }

    /// A frame's time on the film's clock.
    pub(crate) fn time_ns(&self, frame: &frame::Video) -> i64 {
        self.ticks_ns(frame.pts().unwrap_or(0))
    }

    fn ticks_ns(&self, ticks: i64) -> i64 {
        ffmpeg_next::Rescale::rescale(&ticks, self.track.time_base, super::tracks::NS)
    }

    /// Encodes a decoded frame; returns finished packets with their chunks.
    pub(crate) fn encode(
        &mut self,
        frame: frame::Video,
    ) -> Result<Vec<(usize, MuxPacket)>, CutError> {
        let pts = frame.pts();
        let chunk = self.chunk_of(self.time_ns(&frame));
        let fail = |e| CutError::ffmpeg(&self.input, "re-encoding video", e);
        let mut picture = convert(&mut self.scaler, &self.track, frame).map_err(fail)?;
        picture.set_pts(pts);
        let first = self.last_chunk.is_none_or(|last| chunk > last);
        self.last_chunk = Some(chunk);
        picture.set_kind(if first {
            picture::Type::I
        } else {
            picture::Type::None
        });
        self.encoder.send_frame(&picture).map_err(fail)?;
        self.packets()
    }

    /// The last packets, after the last frame.
    pub(crate) fn finish(&mut self) -> Result<Vec<(usize, MuxPacket)>, CutError> {
        self.encoder
            .send_eof()
            .map_err(|e| CutError::ffmpeg(&self.input, "re-encoding video", e))?;
        self.packets()
    }

    fn chunk_of(&self, time_ns: i64) -> usize {
        self.starts.as_ref().map_or(0, |s| s.chunk_of(time_ns))
    }

    fn packets(&mut self) -> Result<Vec<(usize, MuxPacket)>, CutError> {
        let mut packets = Vec::new();
        loop {
            let mut packet = Packet::empty();
            match self.encoder.receive_packet(&mut packet) {
                Ok(()) => {
                    let pts = packet.pts().unwrap_or(0);
                    let length = self.durations.remove(&pts).unwrap_or(self.frame_ticks);
                    let pts_ns = self.ticks_ns(pts);
                    packets.push((
                        self.chunk_of(pts_ns),
                        MuxPacket {
                            packet,
                            pts_ns,
                            dur_ns: self.ticks_ns(length),
                            skip: 0,
                            discard: 0,
                        },
                    ));
                }
                Err(
                    Error::Eof
                    | Error::Other {
                        errno: libc::EAGAIN,
                    },
                ) => return Ok(packets),
                Err(e) => return Err(CutError::ffmpeg(&self.input, "re-encoding video", e)),
            }
        }
    }
}

fn open_decoder(track: &Track) -> Result<decoder::Video, Error> {
    let mut context = codec::Context::from_parameters(track.params.clone())?;
    context.set_threading(threading::Config::kind(threading::Type::Frame));
    let mut decoder = context.decoder();
    decoder.set_packet_time_base(track.time_base);
    decoder.video()
}

fn copy_colour(track: &Track, video: &mut encoder::video::Video) {
    // SAFETY: both are valid; plain values are copied between them.
    unsafe {
        let from = track.params.as_ptr();
        let to = video.as_mut_ptr();
        (*to).color_primaries = (*from).color_primaries;
        (*to).color_trc = (*from).color_trc;
        (*to).colorspace = match (*from).color_space {
            ffi::AVColorSpace::AVCOL_SPC_RGB => ffi::AVColorSpace::AVCOL_SPC_UNSPECIFIED,
            space => space,
        };
        (*to).color_range = ffi::AVColorRange::AVCOL_RANGE_MPEG;
    }
}

/// The frame as 8-bit 4:2:0 in the track's size, turned as it is to be shown.
fn convert(
    scaler: &mut Option<(SourceForm, scaling::Context)>,
    track: &Geometry,
    frame: frame::Video,
) -> Result<frame::Video, Error> {
    let form = SourceForm(frame.format(), frame.width(), frame.height());
    let wanted = SourceForm(Pixel::YUV420P, track.width, track.height);
    let straight = if form == wanted {
        frame
    } else {
        if scaler.as_ref().is_none_or(|(f, _)| *f != form) {
            let flags = scaling::Flags::BICUBIC | scaling::Flags::ACCURATE_RND;
            let context =
                scaling::Context::get(form.0, form.1, form.2, wanted.0, wanted.1, wanted.2, flags)?;
            *scaler = Some((form, context));
        }
        let mut out = frame::Video::empty();
        if let Some((_, context)) = scaler {
            context.run(&frame, &mut out)?;
        }
        out
    };
    Ok(match track.turn {
        Turn::None => straight,
        turn => planes::turned(&straight, turn),
    })
}
