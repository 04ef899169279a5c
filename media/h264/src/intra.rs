//! Prediction of a macroblock from the samples above it and to its left (ITU-T H.264 sections 8.3.3 and 8.3.4), but for
//! the plane modes.

use multiversion::multiversion;

use crate::planes::{Chroma, Luma, Place, Planes, Samples, distance, luma_distance};

/// A prediction and how it is told.
#[derive(Clone, Debug)]
pub(crate) struct Predicted {
    pub(crate) samples: Samples,
    /// `Intra16x16PredMode`: 0 from above, 1 from the left, 2 the mean.
    pub(crate) luma_mode: u32,
    /// `intra_chroma_pred_mode`: 0 the mean, 1 from the left, 2 from above.
    pub(crate) chroma_mode: u32,
}

/// The nearest prediction of luma, if it is nearer than `limit` (sum of absolute differences): its mode and samples.
#[multiversion(targets = "simd")]
pub(crate) fn luma(now: &Planes, place: Place, source: &Luma, limit: u32) -> Option<(u32, Luma)> {
    let (above, left) = (now.luma_above(place), now.luma_left(place));
    let sum = |samples: &[u8; 16]| samples.iter().map(|one| u32::from(*one)).sum::<u32>();
    let mean = match (&above, &left) {
        (Some(above), Some(left)) => (sum(above) + sum(left) + 16) >> 5,
        (Some(only), None) | (None, Some(only)) => (sum(only) + 8) >> 4,
        (None, None) => 128,
    };
    let (mut mode, mut samples) = (2, [[[mean as u8; 16]; 8]; 2]);
    let mut nearest = luma_distance(source, &samples);
    if let Some(above) = above {
        let above = [[above; 8]; 2];
        let far = luma_distance(source, &above);
        if far < nearest {
            (mode, nearest, samples) = (0, far, above);
        }
    }
    if let Some(left) = left {
        let left = from_left(&left);
        let far = luma_distance(source, &left);
        if far < nearest {
            (mode, nearest, samples) = (1, far, left);
        }
    }
    (nearest < limit).then_some((mode, samples))
}

fn from_left(left: &[u8; 16]) -> Luma {
    let mut samples = [[[0; 16]; 8]; 2];
    for (row, sample) in samples.as_flattened_mut().iter_mut().zip(left) {
        *row = [*sample; 16];
    }
    samples
}

/// The nearest prediction of chroma: its mode and samples.
#[multiversion(targets = "simd")]
pub(crate) fn chroma(now: &Planes, place: Place, source: &Chroma) -> (u32, Chroma) {
    let (above, left) = (now.chroma_above(place), now.chroma_left(place));
    let modes = [
        left.map(|left| (1, left.map(both))),
        above.map(|above| (2, [above; 8])),
    ];
    let means = means(above, left);
    let mut best = (distance(source, &means), 0, means);
    for (mode, samples) in modes.into_iter().flatten() {
        let far = distance(source, &samples);
        if far < best.0 {
            best = (far, mode, samples);
        }
    }
    (best.1, best.2)
}

/// A row that has everywhere the same Cb and Cr.
fn both([cb, cr]: [u8; 2]) -> [u8; 16] {
    let mut row = [cb; 16];
    row[8..].fill(cr);
    row
}

/// Each 4x4 block of chroma with the mean of what is above and beside it.
fn means(above: Option<[u8; 16]>, left: Option<[[u8; 2]; 8]>) -> Chroma {
    let mut samples = [[0; 16]; 8];
    for at in 0..8 {
        let (plane, block) = (at / 4, at % 4);
        let (x, y) = (plane * 8 + block % 2 * 4, block / 2 * 4);
        let sum = |samples: [u8; 4]| samples.map(u32::from).iter().sum::<u32>();
        let above = above.map(|row| sum([row[x], row[x + 1], row[x + 2], row[x + 3]]));
        let left = left.map(|rows| sum([0, 1, 2, 3].map(|line: usize| rows[y + line][plane])));
        let mean = match (block, above, left) {
            (0 | 3, Some(above), Some(left)) => (above + left + 4) >> 3,
            // Beside the diagonal the side that touches the block counts.
            (1, Some(above), _) => (above + 2) >> 2,
            (2, _, Some(left)) => (left + 2) >> 2,
            (_, Some(only), None) | (_, None, Some(only)) => (only + 2) >> 2,
            _ => 128,
        };
        for row in &mut samples[y..y + 4] {
            row[x..x + 4].fill(mean as u8);
        }
    }
    samples
}
