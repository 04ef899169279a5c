//! Motion: what was coded of the macroblocks around (ITU-T H.264 section 8.4.1), and the search for where one came from.

use multiversion::multiversion;

use crate::bits::signed_len;
use crate::planes::{Luma, Place, Planes, Vector};

/// Steps of the search around the best vector so far, each to one of four neighbours.
const MAX_STEPS: u32 = 16;

/// A distance that is not worth a search, whatever the quantiser: a quarter of a level for each sample.
const NEAR: u32 = 64;

/// A distance that the quantiser takes away anyway, as bits that it is worth.
const NEAR_BITS: u32 = 24;

/// Longest vector, right and down, quarters of a sample: what all levels from 3.1 on allow (table A-1), in whole samples.
const MAX_VECTOR: [i32; 2] = [2_047 * 4, 511 * 4];

/// What is known of a macroblock that was coded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coded {
    /// `None`: it was predicted within its picture.
    pub(crate) vector: Option<Vector>,
    pub(crate) qp: u8,
    /// Coefficients of the 4x4 blocks, in raster order: 16 of luma, 4 of Cb, 4 of Cr.
    pub(crate) counts: [u8; 24],
}

/// What is known of all macroblocks of a picture: those before a place are of the present one.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) wide: usize,
    pub(crate) high: usize,
    pub(crate) all: Vec<Coded>,
}

impl Field {
    pub(crate) fn new((wide, high): (usize, usize)) -> Self {
        let none = Coded {
            vector: None,
            qp: 0,
            counts: [0; 24],
        };
        Self {
            wide,
            high,
            all: vec![none; wide * high],
        }
    }

    pub(crate) fn places(&self) -> impl Iterator<Item = Place> + use<> {
        let (wide, high) = (self.wide, self.high);
        let row = move |row| {
            (0..wide).map(move |column| Place {
                column,
                row,
                index: row * wide + column,
            })
        };
        (0..high).flat_map(row)
    }

    pub(crate) fn left(&self, place: Place) -> Option<&Coded> {
        (place.column > 0).then(|| &self.all[place.index - 1])
    }

    pub(crate) fn above(&self, place: Place) -> Option<&Coded> {
        (place.row > 0).then(|| &self.all[place.index - self.wide])
    }

    /// Above and to the right; at the right edge above and to the left.
    fn corner(&self, place: Place) -> Option<&Coded> {
        let above = (place.row > 0).then(|| place.index - self.wide)?;
        match (place.column + 1 < self.wide, place.column > 0) {
            (true, _) => Some(&self.all[above + 1]),
            (false, true) => Some(&self.all[above - 1]),
            (false, false) => None,
        }
    }

    /// What a vector is told relative to (section 8.4.1.3).
    pub(crate) fn predicted(&self, place: Place) -> Vector {
        let around = [self.left(place), self.above(place), self.corner(place)];
        if let [Some(left), None, None] = around {
            return left.vector.unwrap_or_default();
        }
        let vectors = around.map(|one| one.and_then(|coded| coded.vector));
        match vectors {
            [Some(only), None, None] | [None, Some(only), None] | [None, None, Some(only)] => only,
            _ => {
                let [a, b, c] = vectors.map(Option::unwrap_or_default);
                std::array::from_fn(|axis| median(a[axis], b[axis], c[axis]))
            }
        }
    }

    /// The vector of a macroblock of which nothing is told (section 8.4.1.1).
    pub(crate) fn skipped(&self, place: Place) -> Vector {
        let (Some(left), Some(above)) = (self.left(place), self.above(place)) else {
            return [0; 2];
        };
        match (left.vector, above.vector) {
            (Some([0, 0]), _) | (_, Some([0, 0])) => [0; 2],
            _ => self.predicted(place),
        }
    }
}

fn median(a: i16, b: i16, c: i16) -> i16 {
    a.max(b).min(a.min(b).max(c))
}

/// What a bit is worth, as a sum of absolute differences: the step of the quantiser, as in all encoders that balance
/// distance and bits (Sullivan and Wiegand, "Rate-distortion optimization for video compression", 1998).
pub(crate) fn worth(qp: u8) -> u32 {
    let octaves = (f32::from(qp) - 12.0) / 6.0;
    (octaves.exp2() as u32).max(1)
}

/// Where a macroblock came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) vector: Vector,
    /// The sum of absolute differences to there.
    pub(crate) distance: u32,
    /// With what the vector's bits are worth.
    pub(crate) cost: u32,
    /// So near that nothing else needs to be tried.
    pub(crate) is_near: bool,
}

/// Looks for luma samples in the picture before: at the same place, where the neighbours came from, where the same
/// place came from the last time, and step by step around the best of those.
#[multiversion(targets = "simd")]
pub(crate) fn search(
    field: &Field,
    before: &Planes,
    place: Place,
    luma: &Luma,
    last: Vector,
    bit: u32,
) -> Found {
    let predicted = field.predicted(place);
    let room = room(field, place);
    let look = |best: &mut Found, vector: Vector| {
        let mut inside = vector.iter().zip(room);
        if !inside.all(|(part, (least, most))| (least..=most).contains(&i32::from(*part))) {
            return false;
        }
        let [x, y] = [0, 1].map(|axis| i32::from(vector[axis]) - i32::from(predicted[axis]));
        let bits = bit * (signed_len(x) + signed_len(y));
        let limit = best.cost.saturating_sub(bits);
        let Some(distance) = before.distance_below(place, vector, luma, limit) else {
            return false;
        };
        *best = Found {
            vector,
            distance,
            cost: distance + bits,
            ..*best
        };
        true
    };
    let near = NEAR + NEAR_BITS * bit;
    let mut best = Found {
        vector: [0; 2],
        distance: u32::MAX,
        cost: u32::MAX,
        is_near: false,
    };
    look(&mut best, [0; 2]);
    if best.distance > near {
        let around = [field.left(place), field.above(place), field.corner(place)];
        let around = around.map(|one| one.and_then(|coded| coded.vector));
        let mut tried = [[0; 2]; 6];
        let candidates = [Some(predicted), Some(last)].into_iter().chain(around);
        for (at, vector) in candidates.flatten().enumerate() {
            if !tried[..=at].contains(&vector) {
                look(&mut best, vector);
            }
            tried[at + 1] = vector;
        }
    }
    for _ in 0..MAX_STEPS {
        let [x, y] = best.vector;
        let mut is_better = false;
        if best.distance > near {
            for vector in [[x + 4, y], [x - 4, y], [x, y + 4], [x, y - 4]] {
                is_better |= look(&mut best, vector);
            }
        }
        if !is_better {
            break;
        }
    }
    best.is_near = best.distance <= 2 * near;
    best
}

/// Least and greatest vector, right and down, with which all of a macroblock comes from inside the picture.
fn room(field: &Field, place: Place) -> [(i32, i32); 2] {
    let all = [(place.column, field.wide), (place.row, field.high)];
    std::array::from_fn(|axis| {
        let (at, count) = all[axis];
        let most = MAX_VECTOR[axis];
        let (before, after) = (at as i32 * 64, (count - 1 - at) as i32 * 64);
        (-before.min(most), after.min(most))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Place = Place {
        column: 1,
        row: 1,
        index: 4,
    };

    fn field(vectors: [Option<Vector>; 4]) -> Field {
        let mut field = Field::new((3, 2));
        for (at, vector) in [1, 2, 3, 0].into_iter().zip(vectors) {
            field.all[at].vector = vector;
        }
        field
    }

    #[test]
    fn vectors_are_predicted_as_the_standard_says() {
        // Above, above to the right, left.
        let all = field([Some([4, 0]), Some([8, 8]), Some([-4, 12]), None]);
        assert_eq!(all.predicted(ONE), [4, 8]);
        assert_eq!(all.skipped(ONE), [4, 8]);
        let only = field([None, Some([8, 8]), None, None]);
        assert_eq!(only.predicted(ONE), [8, 8]);
        let still = field([Some([0, 0]), Some([8, 8]), Some([8, 8]), None]);
        assert_eq!(still.predicted(ONE), [8, 8]);
        assert_eq!(still.skipped(ONE), [0, 0]);
        let first = Place {
            column: 1,
            row: 0,
            index: 1,
        };
        assert_eq!(
            field([None, None, None, Some([4, 4])]).predicted(first),
            [4, 4]
        );
        assert_eq!(
            field([None, None, None, Some([4, 4])]).skipped(first),
            [0, 0]
        );
    }

    #[test]
    fn vectors_stay_inside_of_the_picture_and_of_the_level() {
        assert_eq!(room(&Field::new((3, 2)), ONE), [(-64, 64), (-64, 0)]);
        let large = Field::new((256, 256));
        let middle = Place {
            column: 200,
            row: 200,
            index: 200 * 256 + 200,
        };
        assert_eq!(room(&large, middle), [(-8188, 55 * 64), (-2044, 2044)]);
    }

    #[test]
    fn a_bit_is_worth_a_step() {
        assert_eq!([0, 12, 24, 36, 51].map(worth), [1, 1, 4, 16, 90]);
    }
}
