//! Opus as it is in a chunk: RTP carries the same packets. Pure but for the packets' type.

use bytes::Bytes;
use ffmpeg_next::codec;
use media_packet::SoundPacket;

use super::memory::ChunkTrack;

/// Longest sound of one packet, RFC 6716 section 3.4.
const MAX_US: u32 = 120_000;

/// The packets; `None`: the sound is something else, or has more channels than RTP's Opus (RFC 7587) has.
pub(super) fn copy(track: &ChunkTrack, at_us: u64) -> Option<Vec<SoundPacket>> {
    if track.track.codec() != codec::Id::OPUS || !(1..=2).contains(&track.track.channels()) {
        return None;
    }
    let sound = |packet: &super::memory::ChunkPacket| {
        let data = packet.packet.data()?;
        Some(SoundPacket {
            data: Bytes::copy_from_slice(data),
            at_us: at_us + packet.at_us,
            duration_us: duration_us(data)?,
        })
    };
    // A broken packet is left out: the receiver conceals it.
    Some(track.packets.iter().filter_map(sound).collect())
}

/// How long a packet sounds, by its first bytes; `None`: it is none.
pub(super) fn duration_us(data: &[u8]) -> Option<u32> {
    let whole = u64::from(crate::cut::opus_samples(data)) * 1_000_000 / 48_000;
    u32::try_from(whole)
        .ok()
        .filter(|us| (1..=MAX_US).contains(us))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_tells_how_long_it_sounds() {
        // Configurations of RFC 6716 table 2: SILK 60 ms, hybrid 20 ms, CELT 2.5 ms and 10 ms.
        assert_eq!(duration_us(&[3 << 3]), Some(60_000));
        assert_eq!(duration_us(&[13 << 3 | 1]), Some(40_000));
        assert_eq!(duration_us(&[16 << 3]), Some(2_500));
        assert_eq!(duration_us(&[30 << 3 | 3, 4]), Some(40_000));
        assert_eq!(duration_us(&[3 << 3 | 3, 3]), None, "longer than 120 ms");
        assert_eq!(duration_us(&[30 << 3 | 3, 0]), None);
        assert_eq!(duration_us(&[30 << 3 | 3]), None);
        assert_eq!(duration_us(&[]), None);
    }
}
