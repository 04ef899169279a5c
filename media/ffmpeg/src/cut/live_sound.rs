//! The sound of a live input: copied where its packets may be cut, else re-encoded.

use ffmpeg_next::{Rational, codec};

use super::input::SourcePacket;
use super::mux::{MuxPacket, MuxTrack};
use super::sound_copy::{self, SoundSource};
use super::tracks::Track;
use super::{Container, CutError, How, SoundCodec, SoundEncoder};

/// See the module.
pub(crate) enum LiveSound {
    Copy(Box<SoundSource>),
    Encode(Box<SoundEncoder>),
}

impl LiveSound {
    pub(crate) fn new(
        input: &str,
        track: &Track,
        container: Container,
        target: SoundCodec,
    ) -> Result<Self, CutError> {
        // Raw sound could be cut, but is far larger than what it is encoded to.
        let raw = track.codec_name().starts_with("pcm_");
        let opus_in_mp4 = track.codec() == codec::Id::OPUS && container == Container::Mp4;
        if !raw && !opus_in_mp4 && sound_copy::may_copy(track, container).is_ok() {
            return Ok(Self::Copy(Box::new(SoundSource::new(track))));
        }
        Ok(Self::Encode(Box::new(SoundEncoder::new(
            input, track, target,
        )?)))
    }

    pub(crate) fn how(&self) -> How {
        match self {
            Self::Copy(_) => How::Copied,
            Self::Encode(_) => How::Reencoded,
        }
    }

    pub(crate) fn mux_track(&self, track: &Track) -> MuxTrack {
        match self {
            Self::Copy(_) => copied_sound(track),
            Self::Encode(encoder) => encoder.mux_track(),
        }
    }

    pub(crate) fn feed(
        &mut self,
        track: &Track,
        read: &mut SourcePacket,
    ) -> Result<Vec<MuxPacket>, CutError> {
        match self {
            Self::Copy(source) => {
                let place = source.see(track, &mut read.packet, read.pts_ns, read.dur_ns);
                Ok(vec![MuxPacket {
                    packet: std::mem::replace(&mut read.packet, ffmpeg_next::Packet::empty()),
                    pts_ns: place.start_ns,
                    dur_ns: place.end_ns - place.start_ns,
                    skip: 0,
                    discard: place.discard,
                }])
            }
            Self::Encode(encoder) => encoder.feed(&read.packet),
        }
    }

    pub(crate) fn finish(&mut self) -> Result<Vec<MuxPacket>, CutError> {
        match self {
            Self::Copy(_) => Ok(Vec::new()),
            Self::Encode(encoder) => encoder.finish(),
        }
    }

    pub(crate) fn undecodable(&self) -> u64 {
        match self {
            Self::Copy(_) => 0,
            Self::Encode(encoder) => encoder.undecodable,
        }
    }
}

/// The track of copied sound: its clock counts samples.
pub(crate) fn copied_sound(track: &Track) -> MuxTrack {
    MuxTrack {
        params: track.params.clone(),
        time_base: Rational(1, track.sample_rate().max(1) as i32),
        rate: None,
        aspect: Rational(0, 1),
        video: false,
    }
}
