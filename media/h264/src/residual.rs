//! What is left of a macroblock after its prediction: levels of coefficients, and samples of them again.

use crate::planes::{Chroma, Luma};
use crate::transform::{Blocks, Quantiser, ZIGZAG, forward, hadamard_4, inverse};

/// What a quarter of a macroblock's levels has to be worth, and all of it, so that they are told at all: a few ones far from the
/// beginning cost more than anybody sees of them (x264 and the reference encoder leave out the same).
const MIN_QUARTER: u32 = 4;
const MIN_ALL: u32 = 6;

/// What a level above one is worth.
const LARGE: u32 = 9;

/// The 4x4 blocks of each quarter of a luma macroblock.
pub(crate) const QUARTERS: [[usize; 4]; 4] =
    [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]];

/// Coefficients of the difference of two luma macroblocks.
#[inline(always)]
pub(crate) fn luma(source: &Luma, predicted: &Luma) -> Blocks<16> {
    let mut blocks = [[0; 16]; 16];
    for (y, (one, other)) in source.iter().zip(predicted).enumerate() {
        let difference: [i16; 16] =
            std::array::from_fn(|x| i16::from(one[x]) - i16::from(other[x]));
        for (x, value) in difference.into_iter().enumerate() {
            blocks[y % 4 * 4 + x % 4][y / 4 * 4 + x / 4] = value;
        }
    }
    forward(&mut blocks);
    blocks
}

/// A prediction with the difference of the coefficients, that are scaled.
#[inline(always)]
pub(crate) fn add_luma(predicted: &Luma, mut blocks: Blocks<16>) -> Luma {
    inverse(&mut blocks);
    let mut samples = *predicted;
    for (y, row) in samples.iter_mut().enumerate() {
        for (x, sample) in row.iter_mut().enumerate() {
            let difference = blocks[y % 4 * 4 + x % 4][y / 4 * 4 + x / 4];
            *sample = (i16::from(*sample) + difference).clamp(0, 255) as u8;
        }
    }
    samples
}

/// Levels of one block in the order of the scan.
#[inline(always)]
pub(crate) fn scanned<const N: usize>(blocks: &Blocks<N>, block: usize) -> [i16; 16] {
    let mut levels = [0; 16];
    for (level, at) in levels.iter_mut().zip(ZIGZAG) {
        *level = blocks[at][block];
    }
    levels
}

/// Leaves out what is not worth its bits; which quarters have levels, a bit each.
#[inline(always)]
pub(crate) fn pattern(levels: &mut Blocks<16>) -> u32 {
    let mut worths = [0; 4];
    for (sum, quarter) in worths.iter_mut().zip(QUARTERS) {
        for block in quarter {
            *sum += worth(levels, block);
        }
    }
    let is_told = worths.iter().sum::<u32>() >= MIN_ALL;
    let mut pattern = 0;
    for (at, (quarter, worth)) in QUARTERS.into_iter().zip(worths).enumerate() {
        if is_told && worth >= MIN_QUARTER {
            pattern |= 1 << at;
            continue;
        }
        for row in levels.iter_mut() {
            for block in quarter {
                row[block] = 0;
            }
        }
    }
    pattern
}

#[inline(always)]
fn worth(levels: &Blocks<16>, block: usize) -> u32 {
    // A one after so many zeros.
    const ONES: [u32; 16] = [3, 2, 2, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let (mut worth, mut zeros) = (0, 0);
    for level in scanned(levels, block) {
        match level.unsigned_abs() {
            0 => zeros += 1,
            1 => {
                worth += ONES[zeros];
                zeros = 0;
            }
            _ => return LARGE,
        }
    }
    worth
}

/// Levels of both chroma planes.
#[derive(Clone, Debug)]
pub(crate) struct ChromaLevels {
    /// Without the means.
    pub(crate) blocks: [Blocks<4>; 2],
    pub(crate) means: [[i16; 4]; 2],
    /// What of it is told: 0 nothing, 1 the means, 2 all.
    pub(crate) pattern: u32,
}

pub(crate) fn chroma(source: &Chroma, predicted: &Chroma, quantiser: &Quantiser) -> ChromaLevels {
    let mut levels = ChromaLevels {
        blocks: [[[0; 4]; 16]; 2],
        means: [[0; 4]; 2],
        pattern: 0,
    };
    for plane in 0..2 {
        if source[plane] == predicted[plane] {
            continue;
        }
        let blocks = &mut levels.blocks[plane];
        for y in 0..8 {
            for x in 0..8 {
                let difference = i16::from(source[plane][y][x]) - i16::from(predicted[plane][y][x]);
                blocks[y % 4 * 4 + x % 4][y / 4 * 2 + x / 4] = difference;
            }
        }
        forward(blocks);
        let means = hadamard_4(blocks[0].map(i32::from));
        levels.means[plane] = means.map(|mean| quantiser.quantise_dc(mean));
        let told = match (quantiser.quantise(blocks, 1), levels.means[plane]) {
            (true, _) => 2,
            (false, [0, 0, 0, 0]) => 0,
            (false, _) => 1,
        };
        levels.pattern = levels.pattern.max(told);
    }
    levels
}

/// A prediction with the difference of the levels.
pub(crate) fn add_chroma(
    predicted: &Chroma,
    levels: &ChromaLevels,
    quantiser: &Quantiser,
) -> Chroma {
    let mut samples = *predicted;
    if levels.pattern == 0 {
        return samples;
    }
    for (plane, rows) in samples.iter_mut().enumerate() {
        let mut blocks = levels.blocks[plane];
        quantiser.scale(&mut blocks, 1);
        blocks[0] = hadamard_4(levels.means[plane].map(i32::from))
            .map(|mean| quantiser.scale_chroma_dc(mean));
        inverse(&mut blocks);
        for (y, row) in rows.iter_mut().enumerate() {
            for (x, sample) in row.iter_mut().enumerate() {
                let difference = blocks[y % 4 * 4 + x % 4][y / 4 * 2 + x / 4];
                *sample = (i16::from(*sample) + difference).clamp(0, 255) as u8;
            }
        }
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_small_level_is_left_out_and_a_large_one_is_not() {
        let mut levels = [[0; 16]; 16];
        levels[15][5] = 1;
        assert_eq!(pattern(&mut levels), 0);
        assert_eq!(levels, [[0; 16]; 16]);
        levels[15][5] = 2;
        assert_eq!(pattern(&mut levels), 1);
        levels[0][15] = -7;
        assert_eq!(pattern(&mut levels), 0b1001);
    }
}
