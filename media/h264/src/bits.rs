//! A bit stream as it is written (ITU-T H.264 section 7.2), and NAL units around it (section 7.3.1, annex B).

/// Bits, the most significant first.
pub(crate) struct Bits {
    bytes: Vec<u8>,
    /// The last `count` bits of it are not in `bytes` yet; fewer than 32 between two calls.
    rest: u64,
    count: u32,
}

impl Bits {
    pub(crate) fn new() -> Self {
        Self {
            bytes: Vec::new(),
            rest: 0,
            count: 0,
        }
    }

    /// Bits so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() * 8 + self.count as usize
    }

    /// The lowest `count` bits of `value`, at most 32; those above must be 0.
    #[inline(always)]
    pub(crate) fn put(&mut self, value: u32, count: u32) {
        debug_assert!(count <= 32 && u64::from(value) >> count == 0);
        self.rest = self.rest << count | u64::from(value);
        self.count += count;
        if self.count >= 32 {
            self.count -= 32;
            let word = (self.rest >> self.count) as u32;
            self.bytes.extend_from_slice(&word.to_be_bytes());
        }
    }

    pub(crate) fn flag(&mut self, value: bool) {
        self.put(u32::from(value), 1);
    }

    /// ue(v), section 9.1.
    #[inline(always)]
    pub(crate) fn unsigned(&mut self, value: u32) {
        let (code, len) = (value + 1, unsigned_len(value));
        if len > 32 {
            // As many zeros as the code has bits after its first one.
            self.put(0, len / 2);
            self.put(code, len / 2 + 1);
        } else {
            self.put(code, len);
        }
    }

    /// se(v), section 9.1.1.
    #[inline(always)]
    pub(crate) fn signed(&mut self, value: i32) {
        self.unsigned(signed_code(value));
    }

    /// The bytes, with the trailing bits of section 7.3.2.11.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.put(1, 1);
        self.put(0, (8 - self.count % 8) % 8);
        while self.count > 0 {
            self.count -= 8;
            self.bytes.push((self.rest >> self.count) as u8);
        }
        self.bytes
    }
}

const fn signed_code(value: i32) -> u32 {
    match value {
        1.. => 2 * value as u32 - 1,
        _ => 2 * value.unsigned_abs(),
    }
}

/// Bits of ue(v).
pub(crate) const fn unsigned_len(value: u32) -> u32 {
    2 * (value + 1).ilog2() + 1
}

/// Bits of se(v).
pub(crate) const fn signed_len(value: i32) -> u32 {
    unsigned_len(signed_code(value))
}

/// Appends a NAL unit with its start code; `header` is the byte of `nal_ref_idc` and `nal_unit_type`.
pub(crate) fn append_unit(out: &mut Vec<u8>, header: u8, payload: &[u8]) {
    out.extend_from_slice(&[0, 0, 0, 1, header]);
    let mut zeros = 0;
    for &byte in payload {
        // Three bytes that would look like a start code are kept apart (emulation_prevention_three_byte).
        if zeros == 2 && byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        out.push(byte);
        zeros = if byte == 0 { zeros + 1 } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_standard() {
        // Tables 9-1 and 9-3: 0, 1, 2, 3 and 0, 1, -1, 2.
        let mut bits = Bits::new();
        for value in [0, 1, 2, 3] {
            bits.unsigned(value);
        }
        for value in [0, 1, -1, 2] {
            bits.signed(value);
        }
        assert_eq!(bits.len(), 24);
        // 1 010 011 00100, twice, then the trailing bits.
        assert_eq!(bits.finish(), [0xa6, 0x4a, 0x64, 0x80]);
        assert_eq!((signed_len(0), signed_len(-1), signed_len(9)), (1, 3, 9));
    }

    #[test]
    fn a_code_may_be_longer_than_a_word() {
        let mut bits = Bits::new();
        bits.unsigned(65_534);
        bits.unsigned(65_535);
        assert_eq!(bits.len(), 31 + 33);
        let bytes = bits.finish();
        assert_eq!(bytes[..8], [0, 1, 0xff, 0xfe, 0, 1, 0, 0]);
    }

    #[test]
    fn long_fields_and_odd_ends_are_whole() {
        let mut bits = Bits::new();
        bits.put(1, 3);
        bits.put(u32::MAX, 32);
        bits.put(0, 1);
        assert_eq!(bits.finish(), [0x3f, 0xff, 0xff, 0xff, 0xe8]);
    }

    #[test]
    fn nothing_inside_a_unit_looks_like_a_start_code() {
        let mut out = Vec::new();
        append_unit(&mut out, 0x65, &[0, 0, 0, 0, 1, 0, 0, 3, 7]);
        assert_eq!(out, [0, 0, 0, 1, 0x65, 0, 0, 3, 0, 0, 3, 1, 0, 0, 3, 3, 7]);
    }
}
