//! One encoded picture cut into RTP payloads, once for all viewers: RFC 6184 (H.264) and RFC 7741 (VP8).
//!
//! It must never know a sequence number: those belong to a viewer.

use bytes::{BufMut, Bytes, BytesMut};
use media_packet::{Rendition, VideoCodec, VideoPacket};

/// The longest payload, bytes. 1200 (what every path carries, RFC 8831 section 5) less RTP header 12, extensions 12, SRTP
/// tag 16, RTX 2 and some room for TURN.
pub(crate) const MAX_PAYLOAD: usize = 1140;

/// A picture of more packets than this is not sent: 5 MB, beyond every sensible keyframe.
pub(crate) const MAX_PAYLOADS: usize = 4096;

const FU_A: u8 = 28;
const STAP_A: u8 = 24;

/// A picture, ready for every viewer.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Which encoding.
    pub(crate) rendition: Rendition,
    /// Nothing before it is needed.
    pub(crate) keyframe: bool,
    /// RTP time, 90 kHz.
    pub(crate) timestamp: u32,
    /// RTP payloads in order; never empty.
    pub(crate) payloads: Vec<Bytes>,
}

impl Frame {
    /// `None`: there is nothing to send in it, or too much.
    pub(crate) fn new(packet: &VideoPacket, timestamp: u32) -> Option<Frame> {
        let payloads = match packet.codec {
            VideoCodec::H264 => h264(&packet.data),
            VideoCodec::Vp8 => vp8(&packet.data),
        };
        if payloads.is_empty() || payloads.len() > MAX_PAYLOADS {
            return None;
        }
        Some(Frame {
            rendition: packet.rendition,
            keyframe: packet.keyframe,
            timestamp,
            payloads,
        })
    }
}

/// The NAL units of an Annex B stream, without start codes and trailing zeros.
fn nal_units(data: &Bytes) -> Vec<Bytes> {
    let mut starts = Vec::new();
    let mut at = 0;
    while at + 3 <= data.len() {
        if data[at + 2] > 1 {
            at += 3;
        } else if data[at..at + 3] == [0, 0, 1] {
            starts.push((at, at + 3));
            at += 3;
        } else {
            at += 1;
        }
    }
    let mut units = Vec::with_capacity(starts.len());
    for (number, (_, from)) in starts.iter().enumerate() {
        let mut to = starts.get(number + 1).map_or(data.len(), |(next, _)| *next);
        while to > *from && data[to - 1] == 0 {
            to -= 1;
        }
        if to > *from {
            units.push(data.slice(*from..to));
        }
    }
    units
}

/// RFC 6184, packetization mode 1: what comes before the slices together in one STAP-A, slices alone or in FU-As.
fn h264(data: &Bytes) -> Vec<Bytes> {
    let mut payloads = Vec::with_capacity(data.len() / MAX_PAYLOAD + 2);
    let mut heads: Vec<Bytes> = Vec::new();
    for unit in nal_units(data) {
        match unit[0] & 0x1f {
            // Access unit delimiter and filler: RTP has its own.
            9 | 12 => {}
            // SEI, SPS, PPS.
            6..=8 => {
                let together: usize = 1 + heads.iter().map(|head| head.len() + 2).sum::<usize>();
                if together + unit.len() + 2 > MAX_PAYLOAD {
                    aggregate(&mut heads, &mut payloads);
                }
                if unit.len() + 3 > MAX_PAYLOAD {
                    fragment(&unit, &mut payloads);
                } else {
                    heads.push(unit);
                }
            }
            _ => {
                aggregate(&mut heads, &mut payloads);
                if unit.len() <= MAX_PAYLOAD {
                    payloads.push(unit);
                } else {
                    fragment(&unit, &mut payloads);
                }
            }
        }
    }
    aggregate(&mut heads, &mut payloads);
    payloads
}

fn aggregate(heads: &mut Vec<Bytes>, payloads: &mut Vec<Bytes>) {
    match heads.len() {
        0 => {}
        1 => payloads.append(heads),
        _ => {
            let importance = heads.iter().map(|head| head[0] & 0x60).max().unwrap_or(0);
            let mut payload =
                BytesMut::with_capacity(1 + heads.iter().map(|head| head.len() + 2).sum::<usize>());
            payload.put_u8(STAP_A | importance);
            for head in heads.drain(..) {
                payload.put_u16(head.len() as u16);
                payload.put_slice(&head);
            }
            payloads.push(payload.freeze());
        }
    }
}

fn fragment(unit: &Bytes, payloads: &mut Vec<Bytes>) {
    let (importance, kind) = (unit[0] & 0x60, unit[0] & 0x1f);
    let body = &unit[1..];
    let pieces = body.len().div_ceil(MAX_PAYLOAD - 2);
    let mut all = BytesMut::with_capacity(body.len() + 2 * pieces);
    for (number, piece) in body.chunks(MAX_PAYLOAD - 2).enumerate() {
        let start = if number == 0 { 0x80 } else { 0 };
        let end = if number + 1 == pieces { 0x40 } else { 0 };
        all.put_u8(FU_A | importance);
        all.put_u8(kind | start | end);
        all.put_slice(piece);
        payloads.push(all.split().freeze());
    }
}

/// RFC 7741 section 4.2 with the one mandatory descriptor byte.
fn vp8(data: &Bytes) -> Vec<Bytes> {
    let pieces = data.len().div_ceil(MAX_PAYLOAD - 1);
    let mut all = BytesMut::with_capacity(data.len() + pieces);
    let mut payloads = Vec::with_capacity(pieces);
    for (number, piece) in data.chunks(MAX_PAYLOAD - 1).enumerate() {
        all.put_u8(if number == 0 { 0x10 } else { 0 });
        all.put_slice(piece);
        payloads.push(all.split().freeze());
    }
    payloads
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a receiver makes of the payloads: Annex B with four-byte start codes.
    fn received(payloads: &[Bytes]) -> Vec<u8> {
        let mut out = Vec::new();
        for payload in payloads {
            match payload[0] & 0x1f {
                STAP_A => {
                    let mut rest = &payload[1..];
                    while !rest.is_empty() {
                        let len = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
                        out.extend([0, 0, 0, 1]);
                        out.extend(&rest[2..2 + len]);
                        rest = &rest[2 + len..];
                    }
                }
                FU_A => {
                    if payload[1] & 0x80 != 0 {
                        out.extend([0, 0, 0, 1, (payload[0] & 0x60) | (payload[1] & 0x1f)]);
                    }
                    out.extend(&payload[2..]);
                }
                _ => {
                    out.extend([0, 0, 0, 1]);
                    out.extend(&payload[..]);
                }
            }
        }
        out
    }

    fn unit(kind: u8, len: usize) -> Vec<u8> {
        let mut unit = vec![0, 0, 0, 1, 0x60 | kind];
        unit.extend(std::iter::repeat_n(0xab, len));
        unit
    }

    #[test]
    fn a_keyframe_arrives_as_it_was_and_no_payload_is_too_long() {
        let parts = [unit(7, 20), unit(8, 5), unit(6, 60), unit(5, 30_000)];
        let sent = Bytes::from(parts.concat());
        let payloads = h264(&sent);
        assert!(payloads.iter().all(|payload| payload.len() <= MAX_PAYLOAD));
        assert_eq!(received(&payloads), sent);
        assert_eq!(
            payloads[0][0] & 0x1f,
            STAP_A,
            "parameter sets travel together"
        );
    }

    #[test]
    fn delimiters_and_filler_are_left_out() {
        let sent = Bytes::from([unit(9, 1), unit(1, 100), unit(12, 50)].concat());
        assert_eq!(received(&h264(&sent)), unit(1, 100));
    }

    proptest! {
        #[test]
        fn any_bytes_are_cut_without_a_panic(data in proptest::collection::vec(prop_oneof![Just(0u8), Just(1u8), any::<u8>()], 0..5000)) {
            let data = Bytes::from(data);
            prop_assert!(h264(&data).iter().all(|payload| !payload.is_empty() && payload.len() <= MAX_PAYLOAD));
            let joined: Vec<u8> = vp8(&data).iter().flat_map(|payload| payload[1..].to_vec()).collect();
            prop_assert_eq!(joined, data.to_vec());
        }
    }
}
