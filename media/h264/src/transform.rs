//! Transform and quantisation of residuals (ITU-T H.264 sections 8.5.8 to 8.5.12), of several 4x4 blocks side by side: the
//! same coefficient of all blocks lies together, so that a processor's vectors do them at once.

/// Coefficients in raster order, each of eight blocks.
pub(crate) type Blocks = [[i16; 8]; 16];

/// Where the coefficients of the zigzag scan are (table 8-2).
pub(crate) const ZIGZAG: [usize; 16] = [0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15];

/// Coarsest quantiser.
pub(crate) const MAX_QP: u8 = 51;

/// Quantisers that there are.
const QPS: usize = MAX_QP as usize + 1;

/// Multipliers of quantisation for a quantiser of 0..6, by the place of the coefficient: 2^21 over the step and the
/// transform's own gain there.
const MULTIPLIERS: [[u16; 3]; 6] = [
    [13_107, 5_243, 8_066],
    [11_916, 4_660, 7_490],
    [10_082, 4_194, 6_554],
    [9_362, 3_647, 5_825],
    [8_192, 3_355, 5_243],
    [7_282, 2_893, 4_559],
];

/// `normAdjust4x4` of section 8.5.9, in the same order.
const STEPS: [[i16; 3]; 6] = [
    [10, 16, 13],
    [11, 18, 14],
    [13, 20, 16],
    [14, 23, 18],
    [16, 25, 20],
    [18, 29, 23],
];

/// The chroma quantiser for a luma quantiser (table 8-15, without an offset).
pub(crate) fn chroma_qp(luma: u8) -> u8 {
    const ABOVE_29: [u8; 22] = [
        29, 30, 31, 32, 32, 33, 34, 34, 35, 35, 36, 36, 37, 37, 37, 38, 38, 38, 39, 39, 39, 39,
    ];
    match luma {
        ..30 => luma,
        _ => ABOVE_29[usize::from(luma - 30)],
    }
}

/// How far a coefficient is rounded up, as the part of a step: what is below needs more bits than it is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// A third: of prediction within a picture.
    Intra,
    /// A sixth: of prediction from the picture before.
    Inter,
}

impl Rounding {
    /// 65536 times the part.
    const fn part(self) -> u32 {
        match self {
            Self::Intra => 65_536 / 3,
            Self::Inter => 65_536 / 6,
        }
    }
}

/// One quantiser with one rounding.
#[derive(Clone, Debug)]
pub(crate) struct Quantiser {
    qp: u8,
    rounding: Rounding,
    multipliers: [u16; 16],
    offsets: [u16; 16],
    steps: [i16; 16],
}

impl Quantiser {
    /// All of them, by their number.
    pub(crate) fn all(rounding: Rounding) -> [Self; QPS] {
        std::array::from_fn(|qp| Self::new(qp as u8, rounding))
    }

    fn new(qp: u8, rounding: Rounding) -> Self {
        let (fine, coarse) = (usize::from(qp % 6), qp / 6);
        let multipliers = std::array::from_fn(|at| {
            ((u32::from(MULTIPLIERS[fine][class(at)]) * 2) >> coarse) as u16
        });
        Self {
            qp,
            rounding,
            multipliers,
            offsets: multipliers.map(|one| (rounding.part() / u32::from(one)) as u16),
            steps: std::array::from_fn(|at| STEPS[fine][class(at)] << coarse),
        }
    }

    /// Makes levels of coefficients from the given one on; whether any is not 0.
    #[inline(always)]
    pub(crate) fn quantise(&self, blocks: &mut Blocks, from: usize) -> bool {
        // One for each block: a single one would keep the compiler from doing them at once.
        let mut any = [0; 8];
        for (row, (&multiplier, &offset)) in blocks
            .iter_mut()
            .zip(self.multipliers.iter().zip(&self.offsets))
            .skip(from)
        {
            for (any, value) in any.iter_mut().zip(row) {
                let size = value.unsigned_abs().saturating_add(offset);
                let level = ((u32::from(size) * u32::from(multiplier)) >> 16) as i16;
                // The value's sign, without a branch.
                let sign = *value >> 15;
                *value = (level ^ sign).wrapping_sub(sign);
                *any |= *value;
            }
        }
        any != [0; 8]
    }

    /// Makes coefficients of levels again, from the given one on.
    #[inline(always)]
    pub(crate) fn scale(&self, blocks: &mut Blocks, from: usize) {
        for (row, &step) in blocks.iter_mut().zip(&self.steps).skip(from) {
            for value in row {
                *value = value.wrapping_mul(step);
            }
        }
    }

    /// The level of a coefficient of the second transform.
    pub(crate) fn quantise_dc(&self, value: i32) -> i16 {
        let shift = 16 + u32::from(self.qp / 6);
        let multiplier = u64::from(MULTIPLIERS[usize::from(self.qp % 6)][0]);
        let offset = (u64::from(self.rounding.part()) << shift) >> 16;
        let size = ((u64::from(value.unsigned_abs()) * multiplier + offset) >> shift) as i16;
        if value < 0 { -size } else { size }
    }

    /// `levelScale(qP % 6, 0, 0)`.
    fn dc_step(&self) -> i32 {
        16 * i32::from(STEPS[usize::from(self.qp % 6)][0])
    }

    /// Section 8.5.10, equations 8-320 and 8-321.
    pub(crate) fn scale_luma_dc(&self, value: i32) -> i16 {
        let coarse = u32::from(self.qp / 6);
        let scaled = value * self.dc_step();
        let out = match coarse {
            6.. => scaled << (coarse - 6),
            _ => (scaled + (1 << (5 - coarse))) >> (6 - coarse),
        };
        out as i16
    }

    /// Section 8.5.11.2, equation 8-327.
    pub(crate) fn scale_chroma_dc(&self, value: i32) -> i16 {
        (((value * self.dc_step()) << (self.qp / 6)) >> 5) as i16
    }
}

/// Of the three kinds of places in a block.
const fn class(at: usize) -> usize {
    match (at / 4 % 2, at % 2) {
        (0, 0) => 0,
        (1, 1) => 1,
        _ => 2,
    }
}

/// The rows, then the columns of a block.
const LINES: [[usize; 4]; 8] = [
    [0, 1, 2, 3],
    [4, 5, 6, 7],
    [8, 9, 10, 11],
    [12, 13, 14, 15],
    [0, 4, 8, 12],
    [1, 5, 9, 13],
    [2, 6, 10, 14],
    [3, 7, 11, 15],
];

/// The transform that section 8.5.12.2 undoes, without its gains.
#[expect(clippy::needless_range_loop, reason = "four rows of one array at once")]
#[inline(always)]
pub(crate) fn forward(blocks: &mut Blocks) {
    for [i0, i1, i2, i3] in LINES {
        for n in 0..8 {
            let (a, b, c, d) = (blocks[i0][n], blocks[i1][n], blocks[i2][n], blocks[i3][n]);
            let (outer, inner) = (a + d, b + c);
            let (outer_step, inner_step) = (a - d, b - c);
            blocks[i0][n] = outer + inner;
            blocks[i1][n] = 2 * outer_step + inner_step;
            blocks[i2][n] = outer - inner;
            blocks[i3][n] = outer_step - 2 * inner_step;
        }
    }
}

/// Section 8.5.12.2: residuals of coefficients.
#[expect(clippy::needless_range_loop, reason = "four rows of one array at once")]
#[inline(always)]
pub(crate) fn inverse(blocks: &mut Blocks) {
    for [i0, i1, i2, i3] in LINES {
        for n in 0..8 {
            let (a, b, c, d) = (blocks[i0][n], blocks[i1][n], blocks[i2][n], blocks[i3][n]);
            let (even, even_step) = (a.wrapping_add(c), a.wrapping_sub(c));
            let (odd_step, odd) = ((b >> 1).wrapping_sub(d), b.wrapping_add(d >> 1));
            blocks[i0][n] = even.wrapping_add(odd);
            blocks[i1][n] = even_step.wrapping_add(odd_step);
            blocks[i2][n] = even_step.wrapping_sub(odd_step);
            blocks[i3][n] = even.wrapping_sub(odd);
        }
    }
    for value in blocks.as_flattened_mut() {
        *value = value.wrapping_add(32) >> 6;
    }
}

/// The second transform of the sixteen means of a luma macroblock, which is its own inverse up to a factor.
pub(crate) fn hadamard_16(values: &mut [i32; 16]) {
    for [i0, i1, i2, i3] in LINES {
        let (a, b, c, d) = (values[i0], values[i1], values[i2], values[i3]);
        let (ab, cd, a_b, c_d) = (a + b, c + d, a - b, c - d);
        values[i0] = ab + cd;
        values[i1] = ab - cd;
        values[i2] = a_b - c_d;
        values[i3] = a_b + c_d;
    }
}

/// The same of the four means of a chroma macroblock.
pub(crate) fn hadamard_4([a, b, c, d]: [i32; 4]) -> [i32; 4] {
    [a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What comes back is as near as the quantiser's step allows.
        #[test]
        fn a_residual_comes_back(values in prop::array::uniform16(-255i16..=255), qp in 0u8..=MAX_QP, inter: bool) {
            let rounding = if inter { Rounding::Inter } else { Rounding::Intra };
            let quantiser = &Quantiser::all(rounding)[usize::from(qp)];
            let mut blocks = values.map(|value| [value, 0, -value, value, 0, 0, 0, 0]);
            forward(&mut blocks);
            quantiser.quantise(&mut blocks, 0);
            quantiser.scale(&mut blocks, 0);
            inverse(&mut blocks);
            let step = 0.625 * (f64::from(qp) / 6.0).exp2();
            for (found, value) in blocks.iter().zip(values) {
                let apart = f64::from((found[0] - value).abs());
                prop_assert!(apart <= 4.0 * step + 1.0, "{found:?} {value} with a step of {step}");
            }
        }
    }

    #[test]
    fn the_second_transform_keeps_a_flat_block_flat() {
        let mut values = [5; 16];
        hadamard_16(&mut values);
        assert_eq!(values[0], 80);
        assert!(values[1..].iter().all(|value| *value == 0));
        hadamard_16(&mut values);
        assert_eq!(values, [80; 16]);
        assert_eq!(hadamard_4(hadamard_4([1, 2, 3, 4])), [4, 8, 12, 16]);
    }

    #[test]
    fn chroma_is_finer_than_luma_where_luma_is_coarse() {
        assert_eq!([0, 29, 30, 40, 51].map(chroma_qp), [0, 29, 29, 36, 39]);
    }
}
