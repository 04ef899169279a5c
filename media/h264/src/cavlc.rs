//! Residual blocks as context-adaptive codes (ITU-T H.264 sections 7.3.5.3.2 and 9.2).

use crate::bits::Bits;
use crate::tables::{COEFF_TOKEN, RUN_BEFORE, TOTAL_ZEROS, TOTAL_ZEROS_CHROMA, Word};

/// Which column of `coeff_token` a block has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column(usize);

impl Column {
    /// Of the four means of a chroma macroblock.
    pub(crate) const CHROMA_MEANS: Self = Self(4);

    /// By the number of coefficients in the blocks to the left and above, where there are some (section 9.2.1).
    pub(crate) fn beside(left: Option<u8>, above: Option<u8>) -> Self {
        let expected = match (left, above) {
            (Some(one), Some(other)) => (one + other).div_ceil(2),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => 0,
        };
        Self(match expected {
            0..2 => 0,
            2..4 => 1,
            4..8 => 2,
            _ => 3,
        })
    }
}

/// Most that one level takes beside what its prefix says, bits (`level_prefix` 15).
const ESCAPE_BITS: u32 = 12;

/// Writes a block's levels in the order of the scan, 4, 15 or 16 of them; how many are not 0. Levels of 8-bit video with a
/// quantiser of 4 and above are within the 12 bits of an escape.
#[inline]
pub(crate) fn write(bits: &mut Bits, levels: &[i16], column: Column) -> u8 {
    // The last level first, each with the zeros before it.
    let mut found = [(0i16, 0u8); 16];
    let mut count = 0;
    let mut total_zeros = 0;
    for &level in levels.iter().rev() {
        if level != 0 {
            found[count] = (level, 0);
            count += 1;
        } else if count > 0 {
            found[count - 1].1 += 1;
            total_zeros += 1;
        }
    }
    let found = &found[..count];
    let is_one = |(level, _): &&(i16, u8)| level.abs() == 1;
    let ones = found.iter().take(3).take_while(is_one).count();
    word(bits, COEFF_TOKEN[column.0][count][ones]);
    if count == 0 {
        return 0;
    }
    for (level, _) in &found[..ones] {
        bits.flag(*level < 0);
    }
    sizes(bits, found, ones);
    if count < levels.len() {
        word(
            bits,
            match column {
                Column::CHROMA_MEANS => TOTAL_ZEROS_CHROMA[count - 1][total_zeros],
                _ => TOTAL_ZEROS[count - 1][total_zeros],
            },
        );
    }
    let mut left = total_zeros;
    for (_, run) in &found[..count - 1] {
        if left == 0 {
            break;
        }
        word(bits, RUN_BEFORE[left.min(7) - 1][usize::from(*run)]);
        left -= usize::from(*run);
    }
    count as u8
}

/// The levels after the trailing ones (section 9.2.2.1).
fn sizes(bits: &mut Bits, found: &[(i16, u8)], ones: usize) {
    let mut suffix = u32::from(found.len() > 10 && ones < 3);
    for (at, (level, _)) in found.iter().enumerate().skip(ones) {
        let size = u32::from(level.unsigned_abs());
        let mut code = 2 * size - 2 + u32::from(*level < 0);
        // With fewer than three trailing ones the next level is none.
        if at == ones && ones < 3 {
            code -= 2;
        }
        let plain = if suffix == 0 { 14 } else { 15 << suffix };
        if code < plain {
            bits.put(1, (code >> suffix) + 1);
            bits.put(code & ((1 << suffix) - 1), suffix);
        } else if suffix == 0 && code < 30 {
            bits.put(1, 15);
            bits.put(code - 14, 4);
        } else {
            let rest = code - if suffix == 0 { 30 } else { plain };
            debug_assert!(rest < 1 << ESCAPE_BITS);
            bits.put(1, 16);
            bits.put(rest.min((1 << ESCAPE_BITS) - 1), ESCAPE_BITS);
        }
        suffix = suffix.max(1);
        if size > 3 << (suffix - 1) && suffix < 6 {
            suffix += 1;
        }
    }
}

fn word(bits: &mut Bits, (value, count): Word) {
    bits.put(u32::from(value), u32::from(count));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coded(levels: &[i16], column: Column) -> String {
        let mut bits = Bits::new();
        write(&mut bits, levels, column);
        let len = bits.len();
        let text: String = bits
            .finish()
            .iter()
            .map(|byte| format!("{byte:08b}"))
            .collect();
        text[..len].to_owned()
    }

    #[test]
    fn blocks_are_coded_as_worked_out_by_hand() {
        // Three trailing ones and two levels with three zeros between them: the usual example of textbooks (Richardson, "H.264 and
        // MPEG-4 Video Compression", 6.4.13).
        let block = [0, 3, 0, 1, -1, -1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(
            coded(&block, Column::beside(None, None)),
            "000010001110010111101101"
        );
        assert_eq!(coded(&[0; 16], Column::beside(Some(0), Some(1))), "1");
        assert_eq!(coded(&[0; 4], Column::CHROMA_MEANS), "01");
        assert_eq!(coded(&[1, 0, 0, 0], Column::CHROMA_MEANS), "101");
    }

    #[test]
    fn the_column_is_the_mean_of_the_neighbours() {
        assert_eq!(Column::beside(Some(1), Some(2)), Column(1));
        assert_eq!(Column::beside(Some(16), None), Column(3));
        assert_eq!(Column::beside(None, Some(4)), Column(2));
    }
}
