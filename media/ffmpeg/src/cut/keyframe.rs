//! Whether a packet of video is a place where a decoder can start, beyond what its flag says. Pure.

use ffmpeg_next::codec;

use super::tracks::Track;

/// Codecs whose keyframes forget everything before them, so that a chunk that starts with one is complete.
/// MPEG-4 part 2 is missing on purpose: packed B-frames do not survive a change of container.
pub(crate) fn restarts_at_keyframes(id: codec::Id) -> bool {
    use codec::Id;
    matches!(
        id,
        Id::H264
            | Id::HEVC
            | Id::VP8
            | Id::VP9
            | Id::AV1
            | Id::MPEG1VIDEO
            | Id::MPEG2VIDEO
            | Id::MJPEG
            | Id::FFV1
            | Id::PRORES
    )
}

/// Whether the codec cannot be put into a container without its header.
pub(crate) fn needs_header(id: codec::Id) -> bool {
    matches!(
        id,
        codec::Id::H264 | codec::Id::HEVC | codec::Id::AV1 | codec::Id::FFV1
    )
}

/// Whether decoding can start at this packet, which is flagged as a keyframe. Only H.264 needs a second look: its
/// recovery points are flagged too, but later frames may still refer to what was before them.
pub(crate) fn stands_alone(track: &Track, data: &[u8]) -> bool {
    track.codec() != codec::Id::H264 || has_idr(track.extradata(), data)
}

/// Whether an H.264 access unit has an IDR slice, in either form: with lengths (`avcC`) or with start codes.
fn has_idr(extradata: &[u8], data: &[u8]) -> bool {
    const IDR_SLICE: u8 = 5;
    let is_idr = |header: u8| header & 0x1f == IDR_SLICE;
    if extradata.len() > 4 && extradata[0] == 1 {
        let length_size = usize::from(extradata[4] & 3) + 1;
        let mut rest = data;
        while rest.len() > length_size {
            let (length, tail) = rest.split_at(length_size);
            let length = length.iter().fold(0usize, |n, b| n << 8 | usize::from(*b));
            if is_idr(tail[0]) {
                return true;
            }
            rest = tail.get(length..).unwrap_or_default();
        }
        return false;
    }
    data.windows(4).any(|w| w[..3] == [0, 0, 1] && is_idr(w[3]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idr_slice_is_found_in_both_forms() {
        let avcc = [1, 100, 0, 10, 0xff];
        let sei_then_idr = [0, 0, 0, 2, 6, 9, 0, 0, 0, 3, 0x65, 1, 2];
        let sei_then_slice = [0, 0, 0, 2, 6, 9, 0, 0, 0, 3, 0x61, 1, 2];
        assert!(has_idr(&avcc, &sei_then_idr));
        assert!(!has_idr(&avcc, &sei_then_slice));
        assert!(has_idr(&[], &[0, 0, 0, 1, 9, 0, 0, 1, 0x65]));
        assert!(!has_idr(&[], &[0, 0, 0, 1, 9, 0, 0, 1, 0x41]));
    }

    #[test]
    fn a_length_beyond_the_packet_ends_the_search() {
        assert!(!has_idr(&[1, 0, 0, 0, 3], &[0xff, 0xff, 0xff, 0xff, 1]));
        assert!(!has_idr(&[1, 0, 0, 0, 3], &[]));
    }
}
