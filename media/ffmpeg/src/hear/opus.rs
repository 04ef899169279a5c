//! 10 ms of samples in, one Opus packet out (RFC 6716), by libopus through FFmpeg. Knows nothing of time.

use bytes::Bytes;
use ffmpeg_next::format::Sample;
use ffmpeg_next::format::sample::Type;
use ffmpeg_next::{ChannelLayout, Dictionary, Error, Packet, codec, encoder, frame};

use super::device::FRAME_LEN;
use super::{BITRATES_BPS, HearError, PACKET_SAMPLES, SAMPLE_RATE};

/// Bytes of the samples of one packet.
pub(super) const INPUT_LEN: usize = PACKET_SAMPLES * FRAME_LEN;

/// How hard libopus works, 0..=10; above it the sound of 128 kb/s hardly changes, below it saves little
/// (docs/decisions/0009).
const COMPLEXITY: &str = "5";

pub(super) struct OpusEncoder {
    inner: encoder::audio::Encoder,
    samples: frame::Audio,
    packet: Packet,
    pts: i64,
}

impl OpusEncoder {
    pub(super) fn open(bitrate_bps: u32) -> Result<Self, HearError> {
        let bps = bitrate_bps.clamp(*BITRATES_BPS.start(), *BITRATES_BPS.end());
        let (inner, samples) = open(bps).map_err(failure)?;
        Ok(Self {
            inner,
            samples,
            packet: Packet::empty(),
            pts: 0,
        })
    }

    /// Encodes exactly [`INPUT_LEN`] bytes of samples.
    pub(super) fn encode(&mut self, samples: &[u8]) -> Result<Bytes, HearError> {
        self.samples.data_mut(0)[..INPUT_LEN].copy_from_slice(samples);
        self.samples.set_pts(Some(self.pts));
        self.pts += PACKET_SAMPLES as i64;
        self.inner.send_frame(&self.samples).map_err(failure)?;
        self.inner
            .receive_packet(&mut self.packet)
            .map_err(failure)?;
        Ok(Bytes::copy_from_slice(
            self.packet.data().unwrap_or_default(),
        ))
    }
}

fn failure(error: Error) -> HearError {
    HearError::Encoder(format!("libopus: {error}"))
}

fn open(bitrate_bps: u32) -> Result<(encoder::audio::Encoder, frame::Audio), Error> {
    let form = Sample::I16(Type::Packed);
    let codec = encoder::find_by_name("libopus").ok_or(Error::EncoderNotFound)?;
    let mut audio = codec::Context::new_with_codec(codec).encoder().audio()?;
    audio.set_rate(SAMPLE_RATE as i32);
    audio.set_format(form);
    audio.set_channel_layout(ChannelLayout::STEREO);
    audio.set_bit_rate(bitrate_bps as usize);
    audio.set_time_base((1, SAMPLE_RATE as i32));
    let mut options = Dictionary::new();
    // Looks ahead 2.5 ms instead of 6.5 ms.
    options.set("application", "lowdelay");
    options.set("frame_duration", "10");
    options.set("vbr", "on");
    options.set("compression_level", COMPLEXITY);
    let encoder = audio.open_with(options)?;
    let mut samples = frame::Audio::new(form, PACKET_SAMPLES, ChannelLayout::STEREO);
    samples.set_rate(SAMPLE_RATE);
    Ok((encoder, samples))
}
