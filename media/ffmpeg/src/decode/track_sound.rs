//! The sound of one chunk, pulled piece by piece in the one form that comes out of this module, and the resampler
//! that lives on from chunk to chunk. Must never know of pictures or of devices.

use std::collections::VecDeque;

use ffmpeg_next::codec::{Context, Id, Parameters, decoder};
use ffmpeg_next::format::Sample;
use ffmpeg_next::format::sample::Type;
use ffmpeg_next::software::resampling;
use ffmpeg_next::{ChannelLayout, Error, Packet, Rational, ffi, frame};

use super::error::DecodeError;
use super::source::{Track, micros};
use super::{SOUND_CHANNELS, SOUND_RATE};

/// Slowest and fastest sampling that is taken: from a telephone's quarter to twice the studio's highest.
const RATES: std::ops::RangeInclusive<u32> = 2_000..=384_000;

/// Most channels that are taken, as many as FFmpeg has names for places of speakers.
const MAX_CHANNELS: u16 = 64;

/// Samples that a resampler may give beyond the rate's ratio in one call (its filter's length; a guess above it).
const RESAMPLER_SLACK: u64 = 256;

/// Longest piece that comes out, in samples per channel: 100 ms, so that the bound on waiting sound is fine-grained.
pub(super) const PIECE_SAMPLES: usize = SOUND_RATE as usize / 10;

/// A piece of sound with its place in the file's time.
pub(super) struct Pulled {
    pub(super) time_us: i64,
    /// Interleaved.
    pub(super) samples: Vec<f32>,
}

impl Pulled {
    /// When its last sample ends, microseconds.
    pub(super) fn end_us(&self) -> i64 {
        self.time_us.saturating_add(duration_us(self.samples.len()))
    }

    /// How long it is, microseconds.
    pub(super) fn duration_us(&self) -> u64 {
        duration_us(self.samples.len()).unsigned_abs()
    }
}

fn duration_us(interleaved: usize) -> i64 {
    let frames = i64::try_from(interleaved / SOUND_CHANNELS).unwrap_or(i64::MAX);
    micros(frames, Rational(1, SOUND_RATE as i32))
}

/// The resampler of a run of chunks.
#[derive(Default)]
pub(super) struct Resampler {
    context: Option<(Form, resampling::Context)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Form {
    format: Sample,
    layout: ChannelLayout,
    rate: u32,
}

impl Resampler {
    /// The frame's samples in the form that comes out, and for how many microseconds sound waits within (before
    /// the call), which is how much earlier than the frame the result begins.
    fn run(&mut self, frame: &frame::Audio) -> Result<(Vec<f32>, i64), Error> {
        let channels = frame.channels();
        let rate = frame.rate();
        if !RATES.contains(&rate) || channels == 0 || channels > MAX_CHANNELS {
            return Err(Error::InvalidData);
        }
        let layout = frame.channel_layout();
        let layout = if layout.channels() == i32::from(channels) {
            layout
        } else {
            ChannelLayout::default(i32::from(channels))
        };
        let form = Form {
            format: frame.format(),
            layout,
            rate,
        };
        if layout.is_empty() || form.format == Sample::None {
            return Err(Error::InvalidData);
        }
        if self.context.as_ref().is_none_or(|(f, _)| *f != form) {
            let context = resampling::Context::get(
                form.format,
                form.layout,
                form.rate,
                Sample::F32(Type::Packed),
                ChannelLayout::STEREO,
                SOUND_RATE,
            )?;
            self.context = Some((form, context));
        }
        let Some((_, context)) = &mut self.context else {
            return Err(Error::Bug);
        };
        let waiting = context.delay().map_or(0, |d| d.output);
        let waiting_us = micros(waiting, Rational(1, SOUND_RATE as i32));
        let fresh = (frame.samples() as u64 * u64::from(SOUND_RATE)).div_ceil(u64::from(rate));
        let capacity = fresh + waiting.unsigned_abs() + RESAMPLER_SLACK;
        let capacity = i32::try_from(capacity).map_err(|_| Error::InvalidData)?;
        let mut samples = vec![0f32; capacity as usize * SOUND_CHANNELS];
        let mut output = samples.as_mut_ptr().cast::<u8>();
        // SAFETY: the context was initialised for exactly this frame's form, so its `extended_data` has the
        // planes that are read, `nb_samples` long; the output is one packed plane of `capacity` samples.
        let given = unsafe {
            let raw = frame.as_ptr();
            ffi::swr_convert(
                context.as_mut_ptr(),
                &mut output,
                capacity,
                (*raw).extended_data as *mut *const u8,
                (*raw).nb_samples,
            )
        };
        let given = usize::try_from(given).map_err(|_| Error::from(given))?;
        samples.truncate(given * SOUND_CHANNELS);
        Ok((samples, waiting_us))
    }
}

/// A sound decoder between two chunks, with what it was opened for.
pub(super) struct Kept {
    decoder: decoder::Audio,
    stream: StreamForm,
}

/// Chunks whose sound is equal in this may share a decoder.
#[derive(Clone, Copy, PartialEq, Eq)]
struct StreamForm {
    codec: Id,
    rate: i32,
    channels: i32,
    time_base: (i32, i32),
}

impl StreamForm {
    fn of(track: &Track) -> Self {
        // SAFETY: plain fields of parameters that are alive.
        let (rate, channels) = unsafe {
            let raw = track.parameters.as_ptr();
            ((*raw).sample_rate, (*raw).channels)
        };
        Self {
            codec: track.parameters.id(),
            rate,
            channels,
            time_base: (track.time_base.numerator(), track.time_base.denominator()),
        }
    }
}

/// A decoder and what it has still to decode.
pub(super) struct SoundTrack {
    kept: Kept,
    time_base: Rational,
    packets: VecDeque<Packet>,
    next_us: i64,
    ready: VecDeque<Pulled>,
    /// Packets that could not be decoded, and what FFmpeg said of the first.
    pub(super) damaged: (u64, Option<Error>),
}

impl SoundTrack {
    /// `kept`: the decoder of the chunk right before this one in the film.
    ///
    /// # Errors
    /// [`DecodeError::NoDecoder`].
    pub(super) fn open(track: Track, kept: Option<Kept>) -> Result<Self, DecodeError> {
        let stream = StreamForm::of(&track);
        let kept = match kept.filter(|k| k.stream == stream) {
            Some(kept) => kept,
            None => Kept {
                decoder: open_decoder(track.parameters, track.time_base)?,
                stream,
            },
        };
        Ok(Self {
            kept,
            time_base: track.time_base,
            packets: track.packets,
            next_us: 0,
            ready: VecDeque::new(),
            damaged: (0, None),
        })
    }

    /// The decoder, for the chunk that follows.
    pub(super) fn into_kept(self) -> Kept {
        self.kept
    }

    /// The next piece, at most [`PIECE_SAMPLES`] long; `None` after the last packet's. The decoder is not drained:
    /// those of the codecs in question hold nothing back, and the next chunk may go on with it.
    pub(super) fn pull(&mut self, resampler: &mut Resampler) -> Option<Pulled> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(piece);
            }
            let mut frame = frame::Audio::empty();
            match self.kept.decoder.receive_frame(&mut frame) {
                Ok(()) => {
                    match resampler.run(&frame) {
                        Ok((samples, waiting_us)) => {
                            self.queue(frame.timestamp(), waiting_us, &samples);
                        }
                        Err(e) => self.note(e),
                    }
                    continue;
                }
                Err(Error::Eof) => return None,
                Err(Error::Other { errno }) if errno == ffmpeg_next::error::EAGAIN => {}
                Err(e) => self.note(e),
            }
            let packet = self.packets.pop_front()?;
            if let Err(e) = self.kept.decoder.send_packet(&packet) {
                self.note(e);
            }
        }
    }

    /// Cuts decoded sound into pieces. Its place is the frame's time, less what waited in the resampler.
    fn queue(&mut self, timestamp: Option<i64>, waiting_us: i64, samples: &[f32]) {
        if let Some(told) = timestamp {
            self.next_us = micros(told, self.time_base).saturating_sub(waiting_us);
        }
        for piece in samples.chunks(PIECE_SAMPLES * SOUND_CHANNELS) {
            let piece = Pulled {
                time_us: self.next_us,
                samples: piece.to_vec(),
            };
            self.next_us = piece.end_us();
            self.ready.push_back(piece);
        }
    }

    fn note(&mut self, error: Error) {
        self.damaged.0 += 1;
        self.damaged.1.get_or_insert(error);
    }
}

fn open_decoder(
    parameters: Parameters,
    time_base: Rational,
) -> Result<decoder::Audio, DecodeError> {
    let no_decoder = |e: Error| DecodeError::NoDecoder {
        kind: "sound",
        what: e.to_string(),
    };
    let mut decoder = Context::from_parameters(parameters)
        .map_err(no_decoder)?
        .decoder();
    decoder.set_packet_time_base(time_base);
    decoder.audio().map_err(no_decoder)
}
