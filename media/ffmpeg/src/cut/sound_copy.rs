//! Copying sound: whose packets may be cut, what is dropped at the start and end, and a clock that counts samples.

use ffmpeg_next::{Packet, codec, ffi, packet::Ref};

use super::tracks::Track;
use super::{Container, marks};

/// Longest packet that is copied, nanoseconds: what a packet carries beyond its chunk's end is bounded by it.
/// FLAC's usual blocks last 96 ms, AC-3's 32.
const MAX_PACKET_NS: i64 = 200_000_000;

/// Places sound by counting samples where the container's clock is coarser (Matroska: 1 ms), and follows the
/// container where it says that there is a gap.
pub(crate) struct SoundClock {
    rate: u32,
    tolerance_ns: i64,
    base_ns: Option<i64>,
    samples: u64,
}

impl SoundClock {
    pub(crate) fn new(rate: u32, tolerance_ns: i64) -> Self {
        Self {
            rate: rate.max(1),
            tolerance_ns,
            base_ns: None,
            samples: 0,
        }
    }

    /// Where the next sample stands if nothing is missing.
    pub(crate) fn expected_ns(&self) -> Option<i64> {
        let played = i128::from(self.samples) * 1_000_000_000 / i128::from(self.rate);
        self.base_ns.map(|b| b + played as i64)
    }

    /// Takes in `samples` that the source places at `pts_ns` and says where they start, and whether they follow
    /// what was before without a gap.
    pub(crate) fn place(&mut self, pts_ns: Option<i64>, samples: u32) -> (i64, bool) {
        let (start, joined) = match (pts_ns, self.expected_ns()) {
            (Some(pts), Some(expected)) if (pts - expected).abs() <= self.tolerance_ns => {
                (expected, true)
            }
            (Some(pts), before) => {
                self.base_ns = Some(pts);
                self.samples = 0;
                (pts, before.is_none())
            }
            (None, Some(expected)) => (expected, true),
            (None, None) => {
                self.base_ns = Some(0);
                (0, true)
            }
        };
        self.samples += u64::from(samples);
        (start, joined)
    }
}

/// One packet of sound, seen by [`SoundSource`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct SoundPacket {
    pub(crate) start_ns: i64,
    pub(crate) end_ns: i64,
    /// Samples to drop at the packet's end.
    pub(crate) discard: u32,
}

/// Reads the packets of a sound track in order and finds out whether they can be copied.
pub(crate) struct SoundSource {
    clock: SoundClock,
    rate: u32,
    opus: bool,
    packets: usize,
    hidden_samples: u64,
    hidden_ended: bool,
    /// Samples to drop at the film's start.
    pub(crate) skip: u32,
    /// Why the packets cannot be copied.
    pub(crate) obstacle: Option<String>,
    /// Some packet drops samples at its end.
    pub(crate) discards: bool,
}

impl SoundSource {
    pub(crate) fn new(track: &Track) -> Self {
        let opus = track.codec() == codec::Id::OPUS;
        Self {
            clock: SoundClock::new(track.sample_rate(), track.tick_ns() + 1_000),
            rate: track.sample_rate().max(1),
            opus,
            packets: 0,
            hidden_samples: 0,
            hidden_ended: false,
            skip: if opus { opus_pre_skip(track) } else { 0 },
            obstacle: None,
            discards: false,
        }
    }

    fn obstacle(&mut self, why: &str) {
        self.obstacle.get_or_insert_with(|| why.to_owned());
    }

    /// The next packet's place.
    pub(crate) fn see(
        &mut self,
        track: &Track,
        packet: &mut Packet,
        pts_ns: Option<i64>,
        dur_ns: i64,
    ) -> SoundPacket {
        let samples = packet_samples(track, packet, dur_ns);
        let (start, discard) = marks::skip_of(packet);
        if self.packets == 0 {
            if self.opus && start != 0 && start != self.skip {
                self.obstacle("its start is cut inside a packet");
            }
            self.skip = self.skip.max(start);
        } else if start != 0 {
            self.obstacle("samples are dropped in the middle");
        }
        if marks::is_hidden(packet) {
            self.hidden_samples += u64::from(samples);
            if self.hidden_ended {
                self.obstacle("packets are hidden in the middle or at the end");
            }
        } else {
            self.hidden_ended = true;
        }
        if self.packets > 0 && marks::changes_codec(packet) {
            self.obstacle("its codec's parameters change");
        }
        if pts_ns.is_none() {
            self.obstacle("packets have no time");
        }
        let length_ns = i64::from(samples) * 1_000_000_000 / i64::from(self.rate);
        if length_ns > MAX_PACKET_NS {
            self.obstacle("its packets are too long");
        }
        if samples == 0 {
            self.obstacle("the length of its packets is unknown");
        }
        self.discards |= discard > 0;
        self.packets += 1;
        let (start_ns, _) = self.clock.place(pts_ns, samples);
        let heard =
            i64::from(samples.saturating_sub(discard)) * 1_000_000_000 / i64::from(self.rate);
        SoundPacket {
            start_ns,
            end_ns: start_ns + heard,
            discard,
        }
    }

    /// To be asked after the last packet.
    pub(crate) fn hidden_beyond_skip(&self) -> bool {
        self.hidden_samples > u64::from(self.skip)
    }
}

/// Whether packets of this codec may be cut and still give, decoded anew from any packet on, as many samples as
/// before, in this container.
pub(crate) fn may_copy(track: &Track, container: Container) -> Result<(), String> {
    use codec::Id;
    let id = track.codec();
    let name = track.codec_name();
    let good = matches!(
        id,
        Id::AAC | Id::OPUS | Id::MP3 | Id::MP2 | Id::AC3 | Id::EAC3 | Id::DTS | Id::FLAC | Id::ALAC
    ) || name.starts_with("pcm_s") && !name.contains("planar");
    if !good {
        return Err(format!("{name} cannot be cut between packets"));
    }
    if id == Id::OPUS && track.extradata().len() < 19 {
        return Err("its Opus header is missing".to_owned());
    }
    // MPEG's number for it in MP4 is that of MP3, and it comes back as such.
    if container_takes(container, id) && (id != Id::MP2 || container == Container::Mkv) {
        Ok(())
    } else {
        Err(format!("{name} has no place in .{}", container.extension()))
    }
}

/// Whether FFmpeg's muxer takes the codec without experiments.
pub(crate) fn container_takes(container: Container, id: codec::Id) -> bool {
    // SAFETY: the muxer's name is NUL-terminated; the format found is static.
    unsafe {
        let format = ffi::av_guess_format(
            container.muxer().as_ptr(),
            std::ptr::null(),
            std::ptr::null(),
        );
        !format.is_null()
            && ffi::avformat_query_codec(format, id.into(), ffi::FF_COMPLIANCE_NORMAL) == 1
    }
}

/// Samples per channel in a packet, at the track's rate.
pub(crate) fn packet_samples(track: &Track, packet: &Packet, dur_ns: i64) -> u32 {
    if track.codec() == codec::Id::OPUS {
        return opus_samples(packet.data().unwrap_or_default());
    }
    // SAFETY: the parameters are valid; the function only reads them.
    let known = unsafe {
        ffi::av_get_audio_frame_duration2(track.params.as_ptr().cast_mut(), (*packet.as_ptr()).size)
    };
    if known > 0 {
        return known as u32;
    }
    let samples =
        (i128::from(dur_ns) * i128::from(track.sample_rate()) + 500_000_000) / 1_000_000_000;
    u32::try_from(samples).unwrap_or(0)
}

/// Samples to drop at the start, from the Opus header (RFC 7845, section 5.1).
fn opus_pre_skip(track: &Track) -> u32 {
    match track.extradata() {
        [_, _, _, _, _, _, _, _, _, _, low, high, ..] => {
            u32::from(u16::from_le_bytes([*low, *high]))
        }
        _ => 0,
    }
}

/// Samples at 48 kHz in an Opus packet, from its first bytes (RFC 6716, section 3.1).
pub(crate) fn opus_samples(data: &[u8]) -> u32 {
    let Some(&toc) = data.first() else { return 0 };
    let config = u32::from(toc >> 3);
    let frame = match config {
        0..=11 => [480, 960, 1920, 2880][(config % 4) as usize],
        12..=15 => [480, 960][(config % 2) as usize],
        _ => [120, 240, 480, 960][(config % 4) as usize],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => data.get(1).map_or(0, |b| u32::from(b & 0x3f)),
    };
    frame * frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coarse_clock_is_smoothed_and_a_gap_is_kept() {
        let mut clock = SoundClock::new(48_000, 1_001_000);
        assert_eq!(clock.place(Some(0), 1024), (0, true));
        // The container rounds 21.333 ms to 21.
        assert_eq!(clock.place(Some(21_000_000), 1024), (21_333_333, true));
        assert_eq!(clock.place(Some(500_000_000), 1024), (500_000_000, false));
        assert_eq!(clock.place(None, 1024), (521_333_333, true));
    }

    #[test]
    fn opus_packets_tell_their_length() {
        // Configuration 31, one frame: 20 ms.
        assert_eq!(opus_samples(&[31 << 3]), 960);
        // Configuration 3, three frames of 60 ms.
        assert_eq!(opus_samples(&[3 << 3 | 3, 3]), 8640);
        assert_eq!(opus_samples(&[]), 0);
    }
}
