//! One macroblock after the other (ITU-T H.264 section 7.3.5): what is told of each, and what a decoder will have then.

use crate::bits::Bits;
use crate::cavlc::{self, Column};
use crate::intra::{self, Predicted};
use crate::motion::{Coded, Field, worth};
use crate::planes::{Place, Planes, Samples, Vector, luma_distance};
use crate::residual::{self, ChromaLevels, HALF_BLOCKS, LumaBlocks, scanned};
use crate::tables::INTER_PATTERN;
use crate::transform::{Quantiser, Rounding, chroma_qp, hadamard_16};

/// What telling a prediction within the picture costs beside its levels, bits.
const INTRA_BITS: u32 = 24;

/// A macroblock that is made finer is looked at anew if it is so far from what is there, the sum over its luma: two levels a sample.
const FAR: u32 = 512;

/// The blocks of luma in the order in which they are told (figure 6-10).
const LUMA_ORDER: [usize; 16] = [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15];

/// Levels of a block of luma in the order of the scan.
fn luma_levels(luma: &LumaBlocks, block: usize) -> [i16; 16] {
    scanned(&luma[block / 8], block % 8)
}

/// What does not change from picture to picture.
pub(crate) struct Tools {
    inter: [Quantiser; 52],
    intra: [Quantiser; 52],
    bit_worths: [u32; 52],
}

impl Tools {
    pub(crate) fn new() -> Self {
        Self {
            inter: Quantiser::all(Rounding::Inter),
            intra: Quantiser::all(Rounding::Intra),
            bit_worths: std::array::from_fn(|qp| worth(qp as u8)),
        }
    }

    /// What a bit is worth with this quantiser ([`worth`]).
    pub(crate) fn bit_worth(&self, qp: u8) -> u32 {
        self.bit_worths[usize::from(qp)]
    }
}

/// A slice as it is written.
pub(crate) struct Slice<'a> {
    pub(crate) tools: &'a Tools,
    pub(crate) bits: Bits,
    pub(crate) field: &'a mut Field,
    /// The picture that a decoder has before this one.
    pub(crate) before: &'a Planes,
    /// The one that it will have.
    pub(crate) now: &'a mut Planes,
    /// It has predictions within the picture only.
    pub(crate) is_keyframe: bool,
    /// The last quantiser that was told.
    pub(crate) told_qp: u8,
    /// Macroblocks since the last one of which anything was told.
    pub(crate) skipped: u32,
}

impl Slice<'_> {
    /// The slice's end.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.skipped > 0 {
            self.bits.unsigned(self.skipped);
        }
        self.bits.finish()
    }

    /// The macroblock stays as it is, in the picture before and so in this one; `is_there`: this one has it already.
    #[inline]
    pub(crate) fn keep(&mut self, place: Place, is_there: bool) {
        if self.field.skipped(place) == [0; 2] {
            self.skipped += 1;
        } else {
            self.tell_vector(place, [0; 2]);
            self.bits.unsigned(u32::from(INTER_PATTERN[0]));
        }
        let coded = &mut self.field.all[place.index];
        coded.vector = Some([0; 2]);
        coded.counts = [0; 24];
        if !is_there {
            self.now.copy(self.before, place);
        }
    }

    /// Tells what is left with a finer quantiser, of a macroblock that did not change.
    pub(crate) fn refine(&mut self, place: Place, source: &Samples, qp: u8) {
        let there = self.before.samples(place);
        let distance = luma_distance(&source.luma, &there.luma);
        if distance <= FAR || !self.intra_below(place, source, qp, distance) {
            self.inter(place, source, [0; 2], there, qp);
        }
    }

    /// Predicts it within the picture if that costs less than `limit`, a distance with the worth of its bits; whether it does.
    pub(crate) fn intra_below(
        &mut self,
        place: Place,
        source: &Samples,
        qp: u8,
        limit: u32,
    ) -> bool {
        let limit = limit.saturating_sub(self.tools.bit_worth(qp) * INTRA_BITS);
        let Some((luma_mode, luma)) = intra::luma(self.now, place, &source.luma, limit) else {
            return false;
        };
        let (chroma_mode, chroma) = intra::chroma(self.now, place, &source.chroma);
        let predicted = Predicted {
            samples: Samples { luma, chroma },
            luma_mode,
            chroma_mode,
        };
        self.intra(place, source, &predicted, qp);
        true
    }

    /// Predicts it from the picture before, moved by a vector, which is `predicted`.
    pub(crate) fn inter(
        &mut self,
        place: Place,
        source: &Samples,
        vector: Vector,
        predicted: Samples,
        qp: u8,
    ) {
        let tools = self.tools;
        let quantiser = &tools.inter[usize::from(qp)];
        let (mut luma, has_luma) = residual::luma(&source.luma, &predicted.luma, quantiser, 0);
        let luma_pattern = match has_luma {
            true => residual::pattern(&mut luma),
            false => 0,
        };
        let of_chroma = &tools.inter[usize::from(chroma_qp(qp))];
        let chroma = residual::chroma(&source.chroma, &predicted.chroma, of_chroma);
        let pattern = luma_pattern | chroma.pattern << 4;
        let mut counts = [0; 24];
        if pattern == 0 && vector == self.field.skipped(place) {
            self.skipped += 1;
        } else {
            self.tell_vector(place, vector);
            self.bits
                .unsigned(u32::from(INTER_PATTERN[pattern as usize]));
        }
        if pattern > 0 {
            self.tell_qp(qp);
            for (at, block) in LUMA_ORDER.into_iter().enumerate() {
                if luma_pattern >> (at / 4) & 1 == 1 {
                    self.tell_luma(place, block, &luma_levels(&luma, block), &mut counts);
                }
            }
            self.tell_chroma(place, &chroma, &mut counts);
        }
        let mut samples = predicted;
        if luma_pattern > 0 {
            residual::add_luma(&mut samples.luma, &luma, quantiser, 0);
        }
        residual::add_chroma(&mut samples.chroma, &chroma, of_chroma);
        self.done(place, Some(vector), qp, counts, &samples);
    }

    /// Predicts it from the samples around it.
    fn intra(&mut self, place: Place, source: &Samples, predicted: &Predicted, qp: u8) {
        let tools = self.tools;
        let quantiser = &tools.intra[usize::from(qp)];
        let (mut luma, has_luma) =
            residual::luma(&source.luma, &predicted.samples.luma, quantiser, 1);
        let mut means = [0; 16];
        for (mean, coefficient) in means.iter_mut().zip(luma.iter().flat_map(|half| half[0])) {
            *mean = i32::from(coefficient);
        }
        hadamard_16(&mut means);
        let means = means.map(|mean| quantiser.quantise_dc((mean + 1) >> 1));
        let of_chroma = &tools.intra[usize::from(chroma_qp(qp))];
        let chroma = residual::chroma(&source.chroma, &predicted.samples.chroma, of_chroma);
        // mb_type of tables 7-11 and 7-13.
        let kind = 1 + predicted.luma_mode + 4 * chroma.pattern + 12 * u32::from(has_luma);
        if self.is_keyframe {
            self.bits.unsigned(kind);
        } else {
            self.tell_skipped();
            self.bits.unsigned(kind + 5);
        }
        self.bits.unsigned(predicted.chroma_mode);
        self.tell_qp(qp);
        let mut counts = [0; 24];
        let scanned_means = crate::transform::ZIGZAG.map(|at| means[at]);
        let column = self.luma_column(place, 0, &counts);
        cavlc::write(&mut self.bits, &scanned_means, column);
        if has_luma {
            for block in LUMA_ORDER {
                self.tell_luma(place, block, &luma_levels(&luma, block)[1..], &mut counts);
            }
        }
        self.tell_chroma(place, &chroma, &mut counts);
        let mut means = means.map(i32::from);
        hadamard_16(&mut means);
        for (at, mean) in means.into_iter().enumerate() {
            luma[at / 8][0][at % 8] = quantiser.scale_luma_dc(mean);
        }
        let mut samples = predicted.samples.clone();
        residual::add_luma(&mut samples.luma, &luma, quantiser, 1);
        residual::add_chroma(&mut samples.chroma, &chroma, of_chroma);
        self.done(place, None, qp, counts, &samples);
    }

    fn done(
        &mut self,
        place: Place,
        vector: Option<Vector>,
        qp: u8,
        counts: [u8; 24],
        samples: &Samples,
    ) {
        self.field.all[place.index] = Coded { vector, qp, counts };
        self.now.put(place, samples);
    }

    /// How many macroblocks had nothing told before this one.
    fn tell_skipped(&mut self) {
        self.bits.unsigned(self.skipped);
        self.skipped = 0;
    }

    /// A macroblock of one vector begins.
    fn tell_vector(&mut self, place: Place, vector: Vector) {
        self.tell_skipped();
        self.bits.unsigned(0); // mb_type: P_L0_16x16
        let predicted = self.field.predicted(place);
        for axis in 0..2 {
            let difference = i32::from(vector[axis]) - i32::from(predicted[axis]);
            self.bits.signed(difference);
        }
    }

    fn tell_qp(&mut self, qp: u8) {
        self.bits.signed(i32::from(qp) - i32::from(self.told_qp));
        self.told_qp = qp;
    }

    fn tell_luma(&mut self, place: Place, block: usize, levels: &[i16], counts: &mut [u8; 24]) {
        let column = self.luma_column(place, block, counts);
        counts[block] = cavlc::write(&mut self.bits, levels, column);
    }

    fn tell_chroma(&mut self, place: Place, levels: &ChromaLevels, counts: &mut [u8; 24]) {
        if levels.pattern > 0 {
            for means in &levels.means {
                cavlc::write(&mut self.bits, means, Column::CHROMA_MEANS);
            }
        }
        if levels.pattern == 2 {
            for (plane, blocks) in HALF_BLOCKS.into_iter().enumerate() {
                for (at, block) in blocks.into_iter().enumerate() {
                    let at = 16 + plane * 4 + at;
                    let column = self.chroma_column(place, at, counts);
                    let levels = scanned(&levels.blocks, block);
                    counts[at] = cavlc::write(&mut self.bits, &levels[1..], column);
                }
            }
        }
    }

    fn luma_column(&self, place: Place, block: usize, counts: &[u8; 24]) -> Column {
        let left = match block % 4 {
            0 => self.field.left(place).map(|coded| coded.counts[block + 3]),
            _ => Some(counts[block - 1]),
        };
        let above = match block / 4 {
            0 => self
                .field
                .above(place)
                .map(|coded| coded.counts[block + 12]),
            _ => Some(counts[block - 4]),
        };
        Column::beside(left, above)
    }

    /// `at`: among all counts of a macroblock.
    fn chroma_column(&self, place: Place, at: usize, counts: &[u8; 24]) -> Column {
        let left = match at % 2 {
            0 => self.field.left(place).map(|coded| coded.counts[at + 1]),
            _ => Some(counts[at - 1]),
        };
        let above = match at % 4 / 2 {
            0 => self.field.above(place).map(|coded| coded.counts[at + 2]),
            _ => Some(counts[at - 2]),
        };
        Column::beside(left, above)
    }
}
