//! What a demuxer notes on a packet: samples to drop, frames to hide, parameters that change.

use ffmpeg_next::codec::packet::side_data::Type;
use ffmpeg_next::{Packet, ffi, packet::Mut};

/// Samples to drop that a packet's side data asks for: at its start, at its end.
pub(crate) fn skip_of(packet: &mut Packet) -> (u32, u32) {
    let mut size = 0;
    // SAFETY: the packet is alive; the returned pointer, if any, is valid for `size` bytes.
    unsafe {
        let data = ffi::av_packet_get_side_data(
            packet.as_mut_ptr(),
            ffi::AVPacketSideDataType::AV_PKT_DATA_SKIP_SAMPLES,
            &mut size,
        );
        if data.is_null() || size < 10 {
            return (0, 0);
        }
        let bytes = std::slice::from_raw_parts(data, 8);
        let word =
            |i: usize| u32::from_le_bytes([bytes[i], bytes[i + 1], bytes[i + 2], bytes[i + 3]]);
        (word(0), word(4))
    }
}

/// Whether the packet changes the codec's parameters in the middle of the track.
pub(crate) fn changes_codec(packet: &Packet) -> bool {
    packet
        .side_data()
        .any(|d| matches!(d.kind(), Type::NewExtraData | Type::ParamChange))
}

/// Whether the packet is to be decoded but not shown.
pub(crate) fn is_hidden(packet: &mut Packet) -> bool {
    // SAFETY: the packet is alive.
    unsafe { (*packet.as_mut_ptr()).flags & ffi::AV_PKT_FLAG_DISCARD != 0 }
}
