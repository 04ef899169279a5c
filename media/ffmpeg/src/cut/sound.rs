//! Re-encoding sound: FLAC for films, so that the decoded samples stay exact; Opus for live inputs.

use ffmpeg_next::codec;
use ffmpeg_next::format::sample::{Sample, Type as Layout};
use ffmpeg_next::software::resampling;
use ffmpeg_next::{
    ChannelLayout, Dictionary, Error, Packet, Rational, Rescale, decoder, encoder, frame,
};

use super::CutError;
use super::mux::{MuxPacket, MuxTrack};
use super::sound_copy::SoundClock;
use super::tracks::{NS, Track};
use super::video::MAX_FAILURES;

/// Samples in a FLAC packet: 24 ms at 48 kHz, so that what starts in a chunk hardly reaches beyond it.
const FLAC_SAMPLES: u32 = 1152;

/// Most channels of FLAC (RFC 9639) and of ordinary layouts; more are mixed down to two.
const MAX_CHANNELS: i32 = 8;

/// Bits per second of live Opus per channel. A guess: transparent for most listeners.
const OPUS_BITS_PER_CHANNEL: usize = 64_000;

/// How far the source's clock may be off from the count of samples before it is a gap: two frames of AAC. Damage
/// loses at least one.
const JOIN_NS: i64 = 40_000_000;

/// Samples that a converter between rates may hold back and give out at once: its filter is 32 long.
const RESAMPLER_ROOM: usize = 256;

/// What sound is encoded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SoundCodec {
    /// Exact.
    Flac,
    /// Small.
    Opus,
}

/// Decodes and encodes one sound track.
pub(crate) struct SoundEncoder {
    input: String,
    target: SoundCodec,
    decoder: decoder::Audio,
    resampler: Option<resampling::Context>,
    encoder: Option<encoder::audio::Encoder>,
    params: codec::Parameters,
    layout: ChannelLayout,
    format: Sample,
    rate: u32,
    block: usize,
    time_base: Rational,
    clock: SoundClock,
    /// Interleaved samples that wait for a full block, as bytes.
    waiting: Vec<u8>,
    /// Time of the first waiting sample.
    waiting_ns: i64,
    /// The encoder's clock: samples given to it since it was opened, and the time of its first.
    given: i64,
    base_ns: i64,
    /// Packets that could not be decoded.
    pub(crate) undecodable: u64,
}

impl SoundEncoder {
    pub(crate) fn new(input: &str, track: &Track, target: SoundCodec) -> Result<Self, CutError> {
        let fail = |step| move |e| CutError::ffmpeg(input, step, e);
        let mut decoder = codec::Context::from_parameters(track.params.clone())
            .map_err(fail("opening the sound decoder"))?
            .decoder();
        decoder.set_packet_time_base(track.time_base);
        let decoder = decoder.audio().map_err(fail("opening the sound decoder"))?;
        let channels = track.channels() as i32;
        let layout = match target {
            SoundCodec::Flac if channels <= MAX_CHANNELS => ChannelLayout::default(channels),
            SoundCodec::Opus if channels == 1 => ChannelLayout::MONO,
            _ => ChannelLayout::STEREO,
        };
        let rate = match target {
            SoundCodec::Flac => track.sample_rate(),
            SoundCodec::Opus => 48_000,
        };
        let format = match target {
            SoundCodec::Flac if deep(&decoder) => Sample::I32(Layout::Packed),
            _ => Sample::I16(Layout::Packed),
        };
        let mut new = Self {
            input: input.to_owned(),
            target,
            decoder,
            resampler: None,
            encoder: None,
            params: codec::Parameters::new(),
            layout,
            format,
            rate,
            block: 0,
            time_base: track.time_base,
            clock: SoundClock::new(rate, JOIN_NS),
            waiting: Vec::new(),
            waiting_ns: 0,
            given: 0,
            base_ns: 0,
            undecodable: 0,
        };
        new.open_encoder()
            .map_err(fail("opening the sound encoder"))?;
        Ok(new)
    }

    /// The track as the chunks will have it.
    pub(crate) fn mux_track(&self) -> MuxTrack {
        MuxTrack {
            params: self.params.clone(),
            time_base: Rational(1, self.rate as i32),
            rate: None,
            aspect: Rational(0, 1),
            video: false,
        }
    }

    fn open_encoder(&mut self) -> Result<(), Error> {
        let name = match self.target {
            SoundCodec::Flac => "flac",
            SoundCodec::Opus => "libopus",
        };
        let codec = encoder::find_by_name(name).ok_or(Error::EncoderNotFound)?;
        let mut context = codec::Context::new_with_codec(codec);
        context.set_flags(codec::Flags::GLOBAL_HEADER);
        let mut audio = context.encoder().audio()?;
        audio.set_rate(self.rate as i32);
        audio.set_format(self.format);
        audio.set_channel_layout(self.layout);
        audio.set_time_base(Rational(1, self.rate as i32));
        match self.target {
            SoundCodec::Opus => {
                audio.set_bit_rate(OPUS_BITS_PER_CHANNEL * self.layout.channels() as usize)
            }
            // SAFETY: the context is ours and not open yet; both are plain values.
            SoundCodec::Flac => unsafe {
                (*audio.as_mut_ptr()).frame_size = FLAC_SAMPLES as i32;
                if self.format == Sample::I32(Layout::Packed) {
                    (*audio.as_mut_ptr()).bits_per_raw_sample = 24;
                }
            },
        }
        let encoder = audio.open_with(Dictionary::new())?;
        self.block = encoder.frame_size().max(1) as usize;
        if self.given == 0 && self.encoder.is_none() {
            self.params = codec::Parameters::from(&encoder);
        }
        self.given = 0;
        self.encoder = Some(encoder);
        Ok(())
    }

    /// Decodes a packet and returns what became full.
    pub(crate) fn feed(&mut self, packet: &Packet) -> Result<Vec<MuxPacket>, CutError> {
        let mut out = Vec::new();
        let sent = self.decoder.send_packet(packet);
        self.count_undecodable(sent)?;
        self.take_frames(&mut out)?;
        Ok(out)
    }

    /// What a decoder dislikes is the film's fault and passed over; only a lack of memory is not.
    fn count_undecodable(&mut self, result: Result<(), Error>) -> Result<(), CutError> {
        match result {
            Err(
                e @ Error::Other {
                    errno: libc::ENOMEM,
                },
            ) => Err(CutError::ffmpeg(&self.input, "decoding sound", e)),
            Err(_) => {
                self.undecodable += 1;
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// The rest, after the last packet.
    pub(crate) fn finish(&mut self) -> Result<Vec<MuxPacket>, CutError> {
        let mut out = Vec::new();
        let sent = self.decoder.send_eof();
        self.count_undecodable(sent)?;
        self.take_frames(&mut out)?;
        self.end_run(&mut out)
            .map_err(|e| CutError::ffmpeg(&self.input, "re-encoding sound", e))?;
        Ok(out)
    }

    fn take_frames(&mut self, out: &mut Vec<MuxPacket>) -> Result<(), CutError> {
        let mut failures = 0;
        loop {
            let mut frame = frame::Audio::empty();
            match self.decoder.receive_frame(&mut frame) {
                Ok(()) => self
                    .take(frame, out)
                    .map_err(|e| CutError::ffmpeg(&self.input, "re-encoding sound", e))?,
                Err(
                    Error::Eof
                    | Error::Other {
                        errno: libc::EAGAIN,
                    },
                ) => return Ok(()),
                Err(e) => {
                    self.count_undecodable(Err(e))?;
                    failures += 1;
                    if failures > MAX_FAILURES {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn take(&mut self, mut frame: frame::Audio, out: &mut Vec<MuxPacket>) -> Result<(), Error> {
        if frame.channel_layout().is_empty() {
            frame.set_channel_layout(ChannelLayout::default(i32::from(frame.channels())));
        }
        let pts_ns = frame.timestamp().map(|t| t.rescale(self.time_base, NS));
        self.ready_resampler(&frame, out)?;
        // Room for everything, also at another rate: what does not fit would pile up in the converter.
        let room =
            frame.samples() * self.rate as usize / frame.rate().max(1) as usize + RESAMPLER_ROOM;
        let mut converted = frame::Audio::new(self.format, room, self.layout);
        if let Some(resampler) = &mut self.resampler {
            resampler.run(&frame, &mut converted)?;
        }
        let samples = converted.samples();
        if samples == 0 {
            return Ok(());
        }
        // Time running backwards repeats nothing and loses nothing: the samples simply follow.
        let expected = self.clock.expected_ns();
        let pts_ns = match (pts_ns, expected) {
            (Some(p), Some(e)) if p < e => Some(e),
            (p, _) => p,
        };
        let (start_ns, joined) = self.clock.place(pts_ns, samples as u32);
        if !joined || self.waiting.is_empty() && self.given == 0 {
            self.end_run(out)?;
            self.base_ns = start_ns;
            self.waiting_ns = start_ns;
        }
        let bytes = samples * self.sample_bytes();
        self.waiting.extend_from_slice(&converted.data(0)[..bytes]);
        let block = self.block * self.sample_bytes();
        while self.waiting.len() >= block {
            self.encode(self.block)?;
            self.receive(out)?;
        }
        Ok(())
    }

    /// The converter follows the decoder's own form, which broadcasts change in the middle.
    fn ready_resampler(
        &mut self,
        frame: &frame::Audio,
        out: &mut Vec<MuxPacket>,
    ) -> Result<(), Error> {
        let fits = self.resampler.as_ref().is_some_and(|r| {
            let i = r.input();
            i.format == frame.format()
                && i.rate == frame.rate()
                && i.channel_layout == frame.channel_layout()
        });
        if !fits {
            if self.resampler.is_some() {
                self.end_run(out)?;
            }
            self.resampler = Some(resampling::Context::get(
                frame.format(),
                frame.channel_layout(),
                frame.rate(),
                self.format,
                self.layout,
                self.rate,
            )?);
        }
        Ok(())
    }

    fn sample_bytes(&self) -> usize {
        self.format.bytes() * self.layout.channels() as usize
    }

    fn encode(&mut self, samples: usize) -> Result<(), Error> {
        let bytes = samples * self.sample_bytes();
        let mut block = frame::Audio::new(self.format, samples, self.layout);
        block.set_rate(self.rate);
        block.data_mut(0)[..bytes].copy_from_slice(&self.waiting[..bytes]);
        self.waiting.drain(..bytes);
        block.set_pts(Some(self.given));
        self.given += samples as i64;
        match &mut self.encoder {
            Some(encoder) => encoder.send_frame(&block),
            None => Err(Error::Bug),
        }
    }

    /// Gives out everything that waits and starts the encoder anew: behind a gap and at the end.
    fn end_run(&mut self, out: &mut Vec<MuxPacket>) -> Result<(), Error> {
        if self.given == 0 && self.waiting.is_empty() {
            return Ok(());
        }
        let left = self.waiting.len() / self.sample_bytes();
        if left > 0 {
            self.encode(left)?;
        }
        if let Some(encoder) = &mut self.encoder {
            encoder.send_eof()?;
        }
        self.receive(out)?;
        self.open_encoder()
    }

    fn receive(&mut self, out: &mut Vec<MuxPacket>) -> Result<(), Error> {
        let tick = Rational(1, self.rate as i32);
        while let Some(encoder) = &mut self.encoder {
            let mut packet = Packet::empty();
            match encoder.receive_packet(&mut packet) {
                Ok(()) => {
                    let (_, discard) = super::marks::skip_of(&mut packet);
                    out.push(MuxPacket {
                        pts_ns: self.base_ns + packet.pts().unwrap_or(0).rescale(tick, NS),
                        dur_ns: packet.duration().rescale(tick, NS),
                        packet,
                        skip: 0,
                        discard,
                    });
                }
                Err(
                    Error::Eof
                    | Error::Other {
                        errno: libc::EAGAIN,
                    },
                ) => break,
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

/// Whether the source has more than 16 bits to keep. Floating point of lossy codecs has not: FFmpeg's own
/// conversion to 16 bits is what "the samples of the source" means for them.
fn deep(decoder: &decoder::Audio) -> bool {
    // SAFETY: the decoder is open; the field is a plain value.
    let bits = unsafe { (*decoder.as_ptr()).bits_per_raw_sample };
    match decoder.format() {
        Sample::I32(_) => bits == 0 || bits > 16,
        _ => false,
    }
}
