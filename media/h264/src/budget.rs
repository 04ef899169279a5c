//! How coarse each macroblock has to be so that a picture keeps to its share of the line. Pure arithmetic.
//!
//! The bits of a macroblock are taken to halve with each six steps of the quantiser. What the last pictures' macroblocks
//! cost gives the first guess, and what those of this one cost corrects it on the way.

use crate::encoder::FINEST_QP;
use crate::transform::MAX_QP;

/// A part of the share is kept for the headers of packets and for what is told of macroblocks that stay, hundredths.
const USED_PERCENT: f64 = 97.0;

/// What a macroblock of a first keyframe is taken to cost at a quantiser of 0, bits: text; at once corrected if it is less.
const KEYFRAME_COST: f64 = 30_000.0;

/// The same of a first picture after it.
const FIRST_COST: f64 = 3_000.0;

/// After so many macroblocks the quantiser is looked at again.
const WINDOW: u32 = 32;

/// Earlier, if they took this part of the share: after a cut each of them is expensive.
const WINDOW_PART: f64 = 0.08;

/// Macroblocks that say something at least.
const MIN_WINDOW: u32 = 6;

/// Too much by more than this many steps is taken away at once.
const JUMP: f64 = 12.0;

/// Most that the quantiser falls below the first guess within a picture, so that its end is not much sharper than its beginning.
const MAX_FALL: f64 = 8.0;

/// A picture that took so many shares, though it is as coarse as can be, leaves the rest to the next one.
const FULL: f64 = 1.1;

/// What is free is used up to this part: refining costs more or less than was thought.
const SPARE_PART: f64 = 0.9;

/// What was learned from the pictures so far.
#[derive(Clone, Debug)]
pub(crate) struct Costs {
    /// Bits of a macroblock at a quantiser of 0.
    keyframe: f64,
    changed: f64,
    /// The quantiser where the last picture ended.
    qp: f64,
}

/// One picture on its way.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    share: f64,
    is_keyframe: bool,
    /// Macroblocks that are to be coded, and all.
    to_code: u32,
    all: u32,
    first_qp: f64,
    qp: f64,
    coded: u32,
    bits: f64,
    cost: f64,
    window_coded: u32,
    window_bits: f64,
    spare: f64,
}

fn bits_at(qp: f64) -> f64 {
    (-qp / 6.0).exp2()
}

impl Costs {
    pub(crate) fn new() -> Self {
        Self {
            keyframe: KEYFRAME_COST,
            changed: FIRST_COST,
            qp: f64::from(MAX_QP),
        }
    }

    /// A picture of `all` macroblocks begins, of which `to_code` changed; `share`: bits that it may have.
    pub(crate) fn begin(&self, is_keyframe: bool, to_code: u32, all: u32, share: u32) -> Pass {
        let share = f64::from(share.max(1)) * USED_PERCENT / 100.0;
        let cost = if is_keyframe {
            self.keyframe
        } else {
            self.changed
        };
        let qp = match to_code {
            0 => self.qp,
            _ => 6.0 * (cost * f64::from(to_code) / share).log2(),
        };
        let qp = qp.clamp(f64::from(FINEST_QP), f64::from(MAX_QP));
        let expected = f64::from(to_code) * cost * bits_at(qp);
        Pass {
            share,
            is_keyframe,
            to_code,
            all,
            first_qp: qp,
            qp,
            coded: 0,
            bits: 0.0,
            cost: 0.0,
            window_coded: 0,
            window_bits: 0.0,
            spare: (share - expected).max(0.0) * SPARE_PART,
        }
    }

    /// It has ended.
    pub(crate) fn end(&mut self, pass: &Pass) {
        if pass.coded == 0 {
            return;
        }
        self.qp = pass.qp;
        let found = pass.cost / f64::from(pass.coded);
        // A few macroblocks say little about many.
        let weight = if pass.coded * 20 > pass.all { 0.5 } else { 0.2 };
        let known = if pass.is_keyframe {
            &mut self.keyframe
        } else {
            &mut self.changed
        };
        *known += (found - *known) * weight;
    }
}

impl Pass {
    /// The quantiser of the next macroblock that changed.
    pub(crate) fn qp(&self) -> u8 {
        self.qp.round() as u8
    }

    /// A macroblock that changed was told in so many bits.
    pub(crate) fn coded(&mut self, bits: u32) {
        let bits = f64::from(bits);
        self.coded += 1;
        self.bits += bits;
        self.cost += bits / bits_at(self.qp);
        self.window_coded += 1;
        self.window_bits += bits;
        let is_dear =
            self.window_coded >= MIN_WINDOW && self.window_bits > self.share * WINDOW_PART;
        if self.window_coded >= WINDOW || is_dear {
            self.correct();
            (self.window_coded, self.window_bits) = (0, 0.0);
        }
    }

    fn correct(&mut self) {
        let left = f64::from(self.to_code.saturating_sub(self.coded));
        if left == 0.0 {
            return;
        }
        let lately = self.window_bits / f64::from(self.window_coded);
        let each = 0.6 * lately + 0.4 * self.bits / f64::from(self.coded);
        let expected = self.bits + each * left;
        if expected > self.share {
            let room = (self.share - self.bits).max(self.share * 0.05);
            let steps = 6.0 * (each * left / room).log2();
            self.qp += match steps {
                JUMP.. => steps * 0.8,
                _ => steps.clamp(0.0, 6.0),
            };
        } else if expected < self.share * 0.5 && self.is_keyframe {
            self.qp -= 2.0;
        } else if expected < self.share * 0.85 {
            self.qp -= 1.0;
        }
        let fall = if self.is_keyframe {
            f64::INFINITY
        } else {
            MAX_FALL
        };
        let finest = f64::from(FINEST_QP).max(self.first_qp - fall);
        self.qp = self.qp.clamp(finest, f64::from(MAX_QP));
    }

    /// Whether macroblocks that changed have to wait for the next picture: a decoder keeps what it has there.
    pub(crate) fn is_full(&self) -> bool {
        !self.is_keyframe && self.bits > self.share * FULL && self.qp() >= MAX_QP - 1
    }

    /// Whether bits are left for macroblocks that did not change.
    pub(crate) fn has_spare(&self) -> bool {
        self.spare > 0.0
    }

    /// One of those was told in so many bits.
    pub(crate) fn refined(&mut self, bits: u32) {
        // One of which nothing was told was looked at all the same: a picture has a bound of those too.
        self.spare -= f64::from(bits).max(4.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A picture of macroblocks that need so many bits at a quantiser of 0.
    fn run(costs: &mut Costs, each: &[f64], share: u32) -> f64 {
        let count = each.len() as u32;
        let mut pass = costs.begin(false, count, count, share);
        let mut bits = 0.0;
        for one in each {
            if pass.is_full() {
                break;
            }
            let needed = (one * bits_at(f64::from(pass.qp()))).max(1.0).round();
            bits += needed;
            pass.coded(needed as u32);
        }
        costs.end(&pass);
        bits
    }

    proptest! {
        #[test]
        fn a_picture_keeps_to_its_share_whatever_came_before(
            before in 100.0f64..200_000.0, after in 100.0f64..200_000.0, share in 40_000u32..200_000,
        ) {
            let mut costs = Costs::new();
            for _ in 0..20 {
                run(&mut costs, &[before; 3_600], share);
            }
            let bits = run(&mut costs, &[after; 3_600], share);
            let coarsest = 3_600.0 * after * bits_at(f64::from(MAX_QP));
            prop_assert!(bits <= (f64::from(share) * 1.3).max(coarsest * 1.1), "{bits} of {share}");
        }

        #[test]
        fn a_line_that_is_wide_enough_is_used_for_the_finest(cost in 100.0f64..20_000.0) {
            let mut costs = Costs::new();
            let share = (3_600.0 * cost * bits_at(f64::from(FINEST_QP)) * 1.2) as u32 + 4_000;
            let mut pass = costs.begin(false, 3_600, 3_600, share);
            for _ in 0..20 {
                run(&mut costs, &[cost; 3_600], share);
                pass = costs.begin(false, 3_600, 3_600, share);
            }
            prop_assert!(pass.qp() <= FINEST_QP + 1, "{pass:?}");
        }
    }

    #[test]
    fn what_is_left_of_a_share_is_for_refining() {
        let costs = Costs::new();
        let mut pass = costs.begin(false, 0, 3_600, 10_000);
        assert!(pass.has_spare());
        for _ in 0..10 {
            pass.refined(1_000);
        }
        assert!(!pass.has_spare());
        let pass = costs.begin(false, 3_600, 3_600, 1_000);
        assert!(!pass.has_spare(), "{pass:?}");
    }
}
