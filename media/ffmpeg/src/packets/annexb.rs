//! H.264 in its two forms: with lengths before its units, as files have it (ISO/IEC 14496-15), and with start codes, as
//! RTP payloaders and encoders have it (ITU-T H.264, annex B). Pure.

/// Before every unit.
const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Types of units, ITU-T H.264 table 7-1.
const IDR_SLICE: u8 = 5;
const SPS: u8 = 7;
const PPS: u8 = 8;

/// Parameter sets in a header at most: the format has 5 and 8 bits for their numbers, real streams have one or two.
const MAX_SETS: usize = 64;

/// What an `avcC` header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes of a unit's length, 1 to 4; `None`: the units have start codes already.
    pub(super) length_size: Option<usize>,
    /// The parameter sets, with start codes.
    pub(super) sets: Vec<u8>,
    /// `profile_idc`; 0: unknown.
    pub(super) profile: u8,
}

impl Header {
    /// Reads a track's header; empty: start codes, parameter sets in front of keyframes.
    pub(super) fn read(extradata: &[u8]) -> Option<Self> {
        if extradata.first() != Some(&1) {
            let sets = parameter_sets(extradata);
            let profile = sets.get(5).copied().unwrap_or(0);
            return Some(Self {
                length_size: None,
                sets,
                profile,
            });
        }
        let profile = *extradata.get(1)?;
        let length_size = usize::from(extradata.get(4)? & 3) + 1;
        let mut sets = Vec::new();
        let mut rest = extradata.get(5..)?;
        let mut found = 0;
        for mask in [0x1f, 0xff] {
            let (count, tail) = rest.split_first()?;
            rest = tail;
            for _ in 0..count & mask {
                let (length, tail) = rest.split_first_chunk::<2>()?;
                let length = usize::from(u16::from_be_bytes(*length));
                sets.extend_from_slice(&START_CODE);
                sets.extend_from_slice(tail.get(..length)?);
                rest = &tail[length..];
                found += 1;
                if found > MAX_SETS {
                    return None;
                }
            }
        }
        Some(Self {
            length_size: Some(length_size),
            sets,
            profile,
        })
    }

    /// An access unit with start codes, with the parameter sets in front if it is one that a decoder can start with; and
    /// whether it is. `None`: the lengths in it are wrong.
    pub(super) fn unit(&self, data: &[u8]) -> Option<(Vec<u8>, bool)> {
        let mut out = Vec::with_capacity(data.len() + self.sets.len() + 16);
        let mut kinds = Kinds::default();
        match self.length_size {
            None => {
                for unit in units(data) {
                    kinds.note(unit);
                }
                out.extend_from_slice(data);
            }
            Some(size) => {
                let mut rest = data;
                while !rest.is_empty() {
                    let length = rest.get(..size)?;
                    let length = length.iter().fold(0usize, |n, b| n << 8 | usize::from(*b));
                    let unit = rest.get(size..)?.get(..length)?;
                    rest = &rest[size + length..];
                    if !unit.is_empty() {
                        kinds.note(unit);
                        out.extend_from_slice(&START_CODE);
                        out.extend_from_slice(unit);
                    }
                }
            }
        }
        if kinds.idr && !kinds.sps {
            out.splice(0..0, self.sets.iter().copied());
        }
        Some((out, kinds.idr))
    }
}

#[derive(Default)]
struct Kinds {
    idr: bool,
    sps: bool,
}

impl Kinds {
    fn note(&mut self, unit: &[u8]) {
        match unit.first().map(|header| header & 0x1f) {
            Some(IDR_SLICE) => self.idr = true,
            Some(SPS) => self.sps = true,
            _ => {}
        }
    }
}

/// The units between start codes, which may have three or four bytes.
fn units(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut starts = Vec::new();
    let mut at = 0;
    while at + 3 <= data.len() {
        if data[at..at + 3] == [0, 0, 1] {
            starts.push(at);
            at += 3;
        } else {
            at += 1;
        }
    }
    let ends = starts.iter().skip(1).copied().chain([data.len()]);
    let ranges: Vec<_> = starts.iter().map(|start| start + 3).zip(ends).collect();
    ranges.into_iter().map(|(start, end)| {
        let unit = &data[start..end];
        // A unit ends with a set bit: zeros behind it belong to the next start code.
        let length = unit
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |at| at + 1);
        &unit[..length]
    })
}

/// The parameter sets in an access unit with start codes, each with a start code of four bytes; empty if it has none.
pub(crate) fn parameter_sets(data: &[u8]) -> Vec<u8> {
    let mut sets = Vec::new();
    for unit in units(data) {
        if matches!(unit.first().map(|header| header & 0x1f), Some(SPS | PPS)) {
            sets.extend_from_slice(&START_CODE);
            sets.extend_from_slice(unit);
        }
    }
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    const AVCC: [u8; 16] = [
        1, 100, 0, 31, 0xff, 0xe1, 0, 3, 0x67, 100, 9, 1, 0, 2, 0x68, 7,
    ];

    #[test]
    fn a_keyframe_gets_its_parameter_sets_and_others_get_none() {
        let header = Header::read(&AVCC).expect("a header");
        assert_eq!((header.length_size, header.profile), (Some(4), 100));
        let sets = [0, 0, 0, 1, 0x67, 100, 9, 0, 0, 0, 1, 0x68, 7];
        assert_eq!(header.sets, sets);
        let (unit, key) = header.unit(&[0, 0, 0, 2, 0x65, 1]).expect("a unit");
        assert!(key);
        assert_eq!(unit, [&sets[..], &[0, 0, 0, 1, 0x65, 1]].concat());
        let (unit, key) = header.unit(&[0, 0, 0, 2, 0x41, 1]).expect("a unit");
        assert!(!key);
        assert_eq!(unit, [0, 0, 0, 1, 0x41, 1]);
    }

    #[test]
    fn a_keyframe_that_has_them_keeps_its_own() {
        let header = Header::read(&AVCC).expect("a header");
        let data = [0, 0, 0, 2, 0x67, 1, 0, 0, 0, 2, 0x65, 2];
        let (unit, key) = header.unit(&data).expect("a unit");
        assert!(key);
        assert_eq!(unit, [0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x65, 2]);
    }

    #[test]
    fn units_with_start_codes_stay_as_they_are() {
        let header = Header::read(&[]).expect("none is a header too");
        let data = [0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 0, 0, 0, 1, 0x65, 3];
        assert_eq!(header.unit(&data), Some((data.to_vec(), true)));
        assert_eq!(
            parameter_sets(&data),
            [0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 2]
        );
    }

    #[test]
    fn lengths_beyond_the_bytes_are_refused() {
        let header = Header::read(&AVCC).expect("a header");
        assert_eq!(header.unit(&[0, 0, 0, 9, 0x65]), None);
        assert_eq!(header.unit(&[0, 0]), None);
        for cut in 1..AVCC.len() {
            assert_eq!(Header::read(&AVCC[..cut]), None, "{cut} bytes");
        }
    }
}
