//! Sound that is not Opus, decoded and encoded as Opus, over the boundaries of chunks.

use bytes::Bytes;
use ffmpeg_next::{Rescale, codec};
use media_packet::SoundPacket;

use super::memory::ChunkTrack;
use super::{PacketsError, opus};
use crate::cut::mux::MuxPacket;
use crate::cut::{SoundCodec, SoundEncoder, Track};

/// What a decoder must be told: when it changes, another decoder is needed.
#[derive(PartialEq, Eq)]
struct Form {
    codec: codec::Id,
    rate: u32,
    channels: u32,
    time_base: (i32, i32),
    header: Vec<u8>,
}

impl Form {
    fn of(track: &Track) -> Self {
        Self {
            codec: track.codec(),
            rate: track.sample_rate(),
            channels: track.channels(),
            time_base: (track.time_base.numerator(), track.time_base.denominator()),
            header: track.extradata().to_vec(),
        }
    }
}

/// See the module.
pub(super) struct Recoder {
    form: Form,
    encoder: SoundEncoder,
}

impl Recoder {
    /// Takes a chunk's sound and gives what is finished of it. `own` is kept from chunk to chunk.
    pub(super) fn feed(
        own: &mut Option<Self>,
        source: ChunkTrack,
        at_us: u64,
    ) -> Result<Vec<SoundPacket>, PacketsError> {
        let ChunkTrack { track, packets } = source;
        let form = Form::of(&track);
        let recoder = match own.take().filter(|own| own.form == form) {
            Some(recoder) => recoder,
            None => Self {
                form,
                encoder: SoundEncoder::new("the chunk", &track, SoundCodec::Opus)?,
            },
        };
        let recoder = own.insert(recoder);
        let at_us = i64::try_from(at_us).unwrap_or(i64::MAX);
        let shift = at_us.rescale((1, 1_000_000), track.time_base);
        let mut out = Vec::new();
        for mut read in packets {
            let shifted = |ticks: i64| ticks.saturating_add(shift);
            read.packet.set_pts(read.packet.pts().map(shifted));
            read.packet.set_dts(read.packet.dts().map(shifted));
            for packet in recoder.encoder.feed(&read.packet)? {
                out.extend(sound(&packet));
            }
        }
        Ok(out)
    }

    /// What waited for more.
    pub(super) fn finish(mut self, out: &mut Vec<SoundPacket>) -> Result<(), PacketsError> {
        let rest = self.encoder.finish()?;
        out.extend(rest.iter().filter_map(sound));
        Ok(())
    }
}

fn sound(packet: &MuxPacket) -> Option<SoundPacket> {
    let data = packet.packet.data()?;
    Some(SoundPacket {
        data: Bytes::copy_from_slice(data),
        // An encoder's lead may reach before the start of all.
        at_us: u64::try_from(packet.pts_ns / 1000).unwrap_or(0),
        duration_us: opus::duration_us(data)?,
    })
}
