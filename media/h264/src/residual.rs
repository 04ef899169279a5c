//! What is left of a macroblock after its prediction: levels of coefficients, and samples of them again.
//!
//! Most of an encoder's work is here. It is written so that a compiler makes vectors of it, eight blocks at once, and compiled
//! for several generations of processors; which one is there is found when it runs.

use multiversion::multiversion;

use crate::planes::{Chroma, Luma, Rows};
use crate::transform::{Blocks, Quantiser, ZIGZAG, forward, hadamard_4, inverse};

/// Coefficients or levels of a macroblock's luma: those of its upper eight blocks, and of its lower ones.
pub(crate) type LumaBlocks = [Blocks; 2];

/// What a quarter of a macroblock's levels has to be worth, and all of it, so that they are told at all: a few ones far from the
/// beginning cost more than anybody sees of them (x264 and the reference encoder leave out the same).
const MIN_QUARTER: u32 = 4;
const MIN_ALL: u32 = 6;

/// What a level above one is worth.
const LARGE: u32 = 9;

/// Which of eight blocks are to the left, and to the right: two quarters of luma, or both planes of chroma.
pub(crate) const HALF_BLOCKS: [[usize; 4]; 2] = [[0, 1, 4, 5], [2, 3, 6, 7]];

/// A row with the samples of its four blocks side by side: the first of each, the second of each and so on. Of such a row it
/// makes the plain one again.
#[inline(always)]
fn beside(row: &[u8; 16]) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *row;
    [a, e, i, m, b, f, j, n, c, g, k, o, d, h, l, p]
}

/// Coefficients of the difference of rows.
#[inline(always)]
fn coefficients(source: &Rows, predicted: &Rows) -> Blocks {
    let mut differences = [[0; 16]; 8];
    for y in 0..8 {
        let (one, other) = (beside(&source[y]), beside(&predicted[y]));
        for x in 0..16 {
            differences[y][x] = i16::from(one[x]) - i16::from(other[x]);
        }
    }
    let mut blocks = [[0; 8]; 16];
    for at in 0..16 {
        for half in 0..2 {
            let row = &differences[half * 4 + at / 4];
            blocks[at][half * 4..][..4].copy_from_slice(&row[at % 4 * 4..][..4]);
        }
    }
    forward(&mut blocks);
    blocks
}

/// A prediction with the difference of the coefficients, that are scaled.
#[inline(always)]
fn add(predicted: &mut Rows, mut blocks: Blocks) {
    inverse(&mut blocks);
    let mut differences = [[0; 16]; 8];
    for at in 0..16 {
        for half in 0..2 {
            let row = &mut differences[half * 4 + at / 4];
            row[at % 4 * 4..][..4].copy_from_slice(&blocks[at][half * 4..][..4]);
        }
    }
    for y in 0..8 {
        let mut row = beside(&predicted[y]);
        for x in 0..16 {
            row[x] = (i16::from(row[x]) + differences[y][x]).clamp(0, 255) as u8;
        }
        predicted[y] = beside(&row);
    }
}

/// Levels of luma from the given coefficient on, and those before it as they are; whether any level is not 0.
#[multiversion(targets = "simd")]
pub(crate) fn luma(
    source: &Luma,
    predicted: &Luma,
    quantiser: &Quantiser,
    from: usize,
) -> (LumaBlocks, bool) {
    let mut upper = coefficients(&source[0], &predicted[0]);
    let mut lower = coefficients(&source[1], &predicted[1]);
    let any = quantiser.quantise(&mut upper, from) | quantiser.quantise(&mut lower, from);
    ([upper, lower], any)
}

/// Adds the difference of the levels to a prediction; those before the given one are scaled already.
#[multiversion(targets = "simd")]
pub(crate) fn add_luma(
    predicted: &mut Luma,
    levels: &LumaBlocks,
    quantiser: &Quantiser,
    from: usize,
) {
    for (half, levels) in predicted.iter_mut().zip(levels) {
        let mut coefficients = *levels;
        quantiser.scale(&mut coefficients, from);
        add(half, coefficients);
    }
}

/// Levels of one block in the order of the scan.
#[inline(always)]
pub(crate) fn scanned(blocks: &Blocks, block: usize) -> [i16; 16] {
    let mut levels = [0; 16];
    for (level, at) in levels.iter_mut().zip(ZIGZAG) {
        *level = blocks[at][block];
    }
    levels
}

/// Leaves out what is not worth its bits; which quarters have levels, a bit each.
#[multiversion(targets = "simd")]
pub(crate) fn pattern(levels: &mut LumaBlocks) -> u32 {
    let mut worths = [0; 4];
    for (half, worths) in levels.iter().zip(worths.as_chunks_mut::<2>().0) {
        // Of each block: whether it has levels, and whether it has any above one.
        let (mut any, mut large) = ([0; 8], [0; 8]);
        for row in half {
            for (at, level) in row.iter().enumerate() {
                any[at] |= level;
                large[at] |= level.unsigned_abs() >> 1;
            }
        }
        for (sum, blocks) in worths.iter_mut().zip(HALF_BLOCKS) {
            for block in blocks {
                *sum += match (any[block], large[block]) {
                    (0, _) => 0,
                    (_, 0) => worth_of_ones(half, block),
                    _ => LARGE,
                };
            }
        }
    }
    let is_told = worths.iter().sum::<u32>() >= MIN_ALL;
    let mut pattern = 0;
    for (at, worth) in worths.into_iter().enumerate() {
        if is_told && worth >= MIN_QUARTER {
            pattern |= 1 << at;
            continue;
        }
        for row in &mut levels[at / 2] {
            for block in HALF_BLOCKS[at % 2] {
                row[block] = 0;
            }
        }
    }
    pattern
}

/// What the levels of a block are worth, of which none is above one.
#[inline(always)]
fn worth_of_ones(levels: &Blocks, block: usize) -> u32 {
    // A one after so many zeros.
    const ONES: [u32; 16] = [3, 2, 2, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let (mut worth, mut zeros) = (0, 0);
    for level in scanned(levels, block) {
        if level == 0 {
            zeros += 1;
        } else {
            worth += ONES[zeros];
            zeros = 0;
        }
    }
    worth
}

/// Levels of both chroma planes.
#[derive(Clone, Debug)]
pub(crate) struct ChromaLevels {
    /// Without the means.
    pub(crate) blocks: Blocks,
    pub(crate) means: [[i16; 4]; 2],
    /// What of it is told: 0 nothing, 1 the means, 2 all.
    pub(crate) pattern: u32,
}

/// Levels of the difference of two macroblocks' chroma.
#[multiversion(targets = "simd")]
pub(crate) fn chroma(source: &Chroma, predicted: &Chroma, quantiser: &Quantiser) -> ChromaLevels {
    let mut levels = ChromaLevels {
        blocks: [[0; 8]; 16],
        means: [[0; 4]; 2],
        pattern: 0,
    };
    if source == predicted {
        return levels;
    }
    levels.blocks = coefficients(source, predicted);
    for (means, blocks) in levels.means.iter_mut().zip(HALF_BLOCKS) {
        let mut sums = [0; 4];
        for (sum, block) in sums.iter_mut().zip(blocks) {
            *sum = i32::from(levels.blocks[0][block]);
        }
        for (level, mean) in means.iter_mut().zip(hadamard_4(sums)) {
            *level = quantiser.quantise_dc(mean);
        }
    }
    levels.pattern = match (quantiser.quantise(&mut levels.blocks, 1), levels.means) {
        (true, _) => 2,
        (false, [[0, 0, 0, 0], [0, 0, 0, 0]]) => 0,
        (false, _) => 1,
    };
    levels
}

/// Adds the difference of the levels to a prediction.
#[multiversion(targets = "simd")]
pub(crate) fn add_chroma(predicted: &mut Chroma, levels: &ChromaLevels, quantiser: &Quantiser) {
    if levels.pattern == 0 {
        return;
    }
    let mut coefficients = levels.blocks;
    quantiser.scale(&mut coefficients, 1);
    for (means, blocks) in levels.means.into_iter().zip(HALF_BLOCKS) {
        let [a, b, c, d] = means;
        let means = hadamard_4([a.into(), b.into(), c.into(), d.into()]);
        for (mean, block) in means.into_iter().zip(blocks) {
            coefficients[0][block] = quantiser.scale_chroma_dc(mean);
        }
    }
    add(predicted, coefficients);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_small_level_is_left_out_and_a_large_one_is_not() {
        let mut levels = [[[0; 8]; 16]; 2];
        levels[0][15][5] = 1;
        assert_eq!(pattern(&mut levels), 0);
        assert_eq!(levels, [[[0; 8]; 16]; 2]);
        levels[0][15][5] = 2;
        assert_eq!(pattern(&mut levels), 1);
        levels[1][0][7] = -7;
        assert_eq!(pattern(&mut levels), 0b1001);
    }
}
