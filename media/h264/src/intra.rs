//! Prediction of a macroblock from the samples above it and to its left (ITU-T H.264 sections 8.3.3 and 8.3.4), but for
//! the plane modes.

use crate::planes::{Chroma, Luma, Place, Planes, Samples, luma_distance};

/// A prediction and how it is told.
#[derive(Clone, Debug)]
pub(crate) struct Predicted {
    pub(crate) samples: Samples,
    /// `Intra16x16PredMode`: 0 from above, 1 from the left, 2 the mean.
    pub(crate) luma_mode: u32,
    /// `intra_chroma_pred_mode`: 0 the mean, 1 from the left, 2 from above.
    pub(crate) chroma_mode: u32,
}

/// The nearest prediction of luma: how far it is (sum of absolute differences), its mode and samples.
pub(crate) fn luma(now: &Planes, place: Place, source: &Luma) -> (u32, u32, Luma) {
    let (above, left) = (now.luma_above(place), now.luma_left(place));
    let sum = |samples: &[u8; 16]| samples.iter().map(|one| u32::from(*one)).sum::<u32>();
    let mean = match (&above, &left) {
        (Some(above), Some(left)) => (sum(above) + sum(left) + 16) >> 5,
        (Some(only), None) | (None, Some(only)) => (sum(only) + 8) >> 4,
        (None, None) => 128,
    };
    let modes = [
        Some((2, [[mean as u8; 16]; 16])),
        above.map(|above| (0, [above; 16])),
        left.map(|left| (1, left.map(|sample| [sample; 16]))),
    ];
    let far = |(mode, samples): (u32, Luma)| (luma_distance(source, &samples), mode, samples);
    let mut all = modes.into_iter().flatten().map(far);
    let first = all.next().expect("the mean is always there");
    all.fold(first, |best, one| if one.0 < best.0 { one } else { best })
}

/// The nearest prediction of chroma: its mode and samples.
pub(crate) fn chroma(now: &Planes, place: Place, source: &Chroma) -> (u32, Chroma) {
    let (above, left) = (now.chroma_above(place), now.chroma_left(place));
    let means = std::array::from_fn(|plane| {
        let sum = |side: &Option<[[u8; 8]; 2]>, from: usize| {
            let samples = side.as_ref()?[plane][from..from + 4].iter();
            Some(samples.map(|one| u32::from(*one)).sum::<u32>())
        };
        let mut samples = [[0; 8]; 8];
        for block in 0..4 {
            let (x, y) = (block % 2 * 4, block / 2 * 4);
            let mean = match (block, sum(&above, x), sum(&left, y)) {
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
    });
    let modes = [
        Some((0, means)),
        left.map(|left| (1, left.map(|plane| plane.map(|sample| [sample; 8])))),
        above.map(|above| (2, above.map(|row| [row; 8]))),
    ];
    let mut best = (u32::MAX, 0, means);
    for (mode, samples) in modes.into_iter().flatten() {
        let pairs = samples.as_flattened().iter().zip(source.as_flattened());
        let far = pairs
            .flat_map(|(one, other)| one.iter().zip(other))
            .map(|(one, other)| u32::from(one.abs_diff(*other)))
            .sum();
        if far < best.0 {
            best = (far, mode, samples);
        }
    }
    (best.1, best.2)
}
