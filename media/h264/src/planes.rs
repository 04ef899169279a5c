//! Samples: pictures as they come, and pictures of whole macroblocks as an encoder keeps them. 4:2:0, 8 bits.

/// Luma samples of a macroblock.
pub(crate) type Luma = [[u8; 16]; 16];
/// Chroma samples of a macroblock: Cb and Cr.
pub(crate) type Chroma = [[[u8; 8]; 8]; 2];

/// Quarters of a sample, right and down; whole samples only, so multiples of 4.
pub(crate) type Vector = [i16; 2];

/// Why a plane cannot be too short: the bounds of all places and vectors are checked before.
const INSIDE: &str = "planes have whole macroblocks, and vectors stay inside of them";

/// A picture that is to be encoded: luma, Cb and Cr, rows from the top.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    planes: [&'a [u8]; 3],
    strides: [usize; 3],
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl<'a> Picture<'a> {
    /// Width and height in luma samples, both even; strides in bytes. `None`: a plane is too short for them.
    #[must_use]
    pub fn new(
        (width, height): (u32, u32),
        planes: [&'a [u8]; 3],
        strides: [usize; 3],
    ) -> Option<Self> {
        let (width, height) = (width as usize, height as usize);
        let is_whole = |plane: usize| {
            let shift = usize::from(plane > 0);
            let (wide, high) = (width >> shift, height >> shift);
            let rows = high.checked_sub(1)?.checked_mul(strides[plane])?;
            (strides[plane] >= wide && planes[plane].len() >= rows.checked_add(wide)?).then_some(())
        };
        let even = width % 2 == 0 && height % 2 == 0 && width > 0;
        (even && (0..3).all(|plane| is_whole(plane).is_some())).then_some(Self {
            planes,
            strides,
            width,
            height,
        })
    }

    /// The macroblocks in which it differs from a picture before of the same size, in rows from the top.
    ///
    /// # Panics
    ///
    /// The two have different sizes.
    #[must_use]
    pub fn changes(&self, before: &Self) -> Vec<bool> {
        let sizes = [self, before].map(|picture| (picture.width, picture.height));
        assert_eq!(sizes[0], sizes[1], "of different sizes");
        let wide = self.width.div_ceil(16);
        let mut changes = vec![false; wide * self.height.div_ceil(16)];
        for plane in 0..3 {
            let shift = usize::from(plane > 0);
            for y in 0..self.height >> shift {
                let marks = &mut changes[(y << shift) / 16 * wide..][..wide];
                let lines =
                    [self, before].map(|picture| picture.line(plane, y).chunks(16 >> shift));
                let [new, old] = lines;
                for (mark, (new, old)) in marks.iter_mut().zip(new.zip(old)) {
                    *mark |= new != old;
                }
            }
        }
        changes
    }

    /// A row of samples; below the last one it is repeated.
    fn line(&self, plane: usize, row: usize) -> &'a [u8] {
        let shift = usize::from(plane > 0);
        let (wide, high) = (self.width >> shift, self.height >> shift);
        let begin = row.min(high - 1) * self.strides[plane];
        &self.planes[plane][begin..begin + wide]
    }

    /// A macroblock. Beyond the edges the last samples are repeated.
    pub(crate) fn samples(&self, place: Place) -> Samples {
        Samples {
            luma: self.square(0, place),
            chroma: [self.square(1, place), self.square(2, place)],
        }
    }

    #[inline(always)]
    fn square<const N: usize>(&self, plane: usize, place: Place) -> [[u8; N]; N] {
        let shift = usize::from(plane > 0);
        let (left, top) = (place.column * N, place.row * N);
        let mut square = [[0; N]; N];
        if left + N <= self.width >> shift && top + N <= self.height >> shift {
            let (samples, stride) = (self.planes[plane], self.strides[plane]);
            for (y, line) in square.iter_mut().enumerate() {
                *line = *row(samples, (top + y) * stride + left);
            }
            return square;
        }
        for (y, line) in square.iter_mut().enumerate() {
            let there = &self.line(plane, top + y)[left..];
            let there = &there[..N.min(there.len())];
            line.fill(there[there.len() - 1]);
            line[..there.len()].copy_from_slice(there);
        }
        square
    }
}

/// Where a macroblock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) column: usize,
    pub(crate) row: usize,
    /// In the order in which they are coded.
    pub(crate) index: usize,
}

/// A macroblock's samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Samples {
    pub(crate) luma: Luma,
    pub(crate) chroma: Chroma,
}

/// A picture of whole macroblocks.
#[derive(Clone, Debug)]
pub(crate) struct Planes {
    wide: usize,
    luma: Vec<u8>,
    chroma: [Vec<u8>; 2],
}

impl Planes {
    /// A black one, of so many macroblocks.
    pub(crate) fn new((wide, high): (usize, usize)) -> Self {
        let chroma = || vec![128; wide * high * 64];
        Self {
            wide,
            luma: vec![16; wide * high * 256],
            chroma: [chroma(), chroma()],
        }
    }

    fn luma_at(&self, place: Place, y: usize) -> usize {
        (place.row * 16 + y) * self.wide * 16 + place.column * 16
    }

    fn chroma_at(&self, place: Place, y: usize) -> usize {
        (place.row * 8 + y) * self.wide * 8 + place.column * 8
    }

    pub(crate) fn samples(&self, place: Place) -> Samples {
        self.moved(place, [0; 2])
    }

    pub(crate) fn put(&mut self, place: Place, samples: &Samples) {
        for (y, new) in samples.luma.iter().enumerate() {
            let at = self.luma_at(place, y);
            self.luma[at..at + 16].copy_from_slice(new);
        }
        for (plane, rows) in samples.chroma.iter().enumerate() {
            for (y, new) in rows.iter().enumerate() {
                let at = self.chroma_at(place, y);
                self.chroma[plane][at..at + 8].copy_from_slice(new);
            }
        }
    }

    /// Takes a macroblock over from a picture of the same size.
    pub(crate) fn copy(&mut self, from: &Self, place: Place) {
        for y in 0..16 {
            let at = self.luma_at(place, y);
            self.luma[at..at + 16].copy_from_slice(row::<16>(&from.luma, at));
        }
        for (plane, from) in from.chroma.iter().enumerate() {
            for y in 0..8 {
                let at = self.chroma_at(place, y);
                self.chroma[plane][at..at + 8].copy_from_slice(row::<8>(from, at));
            }
        }
    }

    /// The luma samples above a macroblock; `None`: it is at the edge.
    pub(crate) fn luma_above(&self, place: Place) -> Option<[u8; 16]> {
        let above = self.luma_at(place, 0).checked_sub(self.wide * 16)?;
        Some(*row(&self.luma, above))
    }

    /// Those to its left.
    pub(crate) fn luma_left(&self, place: Place) -> Option<[u8; 16]> {
        let is_inside = place.column > 0;
        is_inside.then(|| std::array::from_fn(|y| self.luma[self.luma_at(place, y) - 1]))
    }

    /// The chroma samples above it.
    pub(crate) fn chroma_above(&self, place: Place) -> Option<[[u8; 8]; 2]> {
        let above = self.chroma_at(place, 0).checked_sub(self.wide * 8)?;
        Some(std::array::from_fn(|plane| {
            *row(&self.chroma[plane], above)
        }))
    }

    /// Those to its left.
    pub(crate) fn chroma_left(&self, place: Place) -> Option<[[u8; 8]; 2]> {
        let is_inside = place.column > 0;
        is_inside.then(|| {
            std::array::from_fn(|plane| {
                std::array::from_fn(|y| self.chroma[plane][self.chroma_at(place, y) - 1])
            })
        })
    }

    /// How far luma samples are from those of this picture, moved by a vector: the sum of absolute differences.
    #[inline(always)]
    pub(crate) fn distance(&self, place: Place, vector: Vector, luma: &Luma) -> u32 {
        let begin = moved(self.luma_at(place, 0), vector, self.wide * 16);
        let rows = luma.iter().enumerate();
        rows.map(|(y, one)| row_distance(one, row(&self.luma, begin + y * self.wide * 16)))
            .sum()
    }

    /// A macroblock of this picture, moved by a vector; chroma between two samples is their mean (section 8.4.2.2.2).
    pub(crate) fn moved(&self, place: Place, vector: Vector) -> Samples {
        let begin = moved(self.luma_at(place, 0), vector, self.wide * 16);
        let mut samples = Samples {
            luma: [[0; 16]; 16],
            chroma: [[[0; 8]; 8]; 2],
        };
        for (y, line) in samples.luma.iter_mut().enumerate() {
            *line = *row(&self.luma, begin + y * self.wide * 16);
        }
        // A whole luma sample is half a chroma sample: vectors of chroma are in eighths.
        let [x, y] = vector.map(|quarters| i32::from(quarters >> 2));
        let (stride, halves) = (self.wide * 8, [x & 1 == 1, y & 1 == 1]);
        let whole = [x >> 1, y >> 1].map(|samples| (samples * 4) as i16);
        let begin = moved(self.chroma_at(place, 0), whole, stride);
        let (beside, below) = (usize::from(halves[0]), usize::from(halves[1]) * stride);
        for (lines, plane) in samples.chroma.iter_mut().zip(&self.chroma) {
            for (y, line) in lines.iter_mut().enumerate() {
                let at = begin + y * stride;
                let a: &[u8; 8] = row(plane, at);
                if halves == [false, false] {
                    *line = *a;
                    continue;
                }
                let (b, c) = (row::<8>(plane, at + beside), row::<8>(plane, at + below));
                let d: &[u8; 8] = row(plane, at + below + beside);
                for (x, sample) in line.iter_mut().enumerate() {
                    let sum = [a[x], b[x], c[x], d[x]].map(u16::from).iter().sum::<u16>();
                    *sample = ((sum + 2) >> 2) as u8;
                }
            }
        }
        samples
    }

    /// The plane of luma, and of Cb and Cr, whole macroblocks wide.
    pub(crate) fn all(&self) -> [&[u8]; 3] {
        [&self.luma, &self.chroma[0], &self.chroma[1]]
    }
}

/// A place in a plane, moved by a vector that stays inside of it.
fn moved(at: usize, [x, y]: Vector, stride: usize) -> usize {
    let offset = isize::from(y >> 2) * stride as isize + isize::from(x >> 2);
    at.checked_add_signed(offset).expect(INSIDE)
}

#[inline(always)]
fn row<const N: usize>(plane: &[u8], at: usize) -> &[u8; N] {
    plane[at..].first_chunk().expect(INSIDE)
}

#[inline(always)]
pub(crate) fn row_distance(one: &[u8; 16], other: &[u8; 16]) -> u32 {
    let mut sum = 0;
    for (a, b) in one.iter().zip(other) {
        sum += u32::from(a.abs_diff(*b));
    }
    sum
}

/// The sum of absolute differences of two macroblocks' luma.
pub(crate) fn luma_distance(one: &Luma, other: &Luma) -> u32 {
    one.iter()
        .zip(other)
        .map(|(one, other)| row_distance(one, other))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_that_is_too_short_is_refused() {
        let (luma, chroma) = (vec![0; 20 * 18], vec![0; 10 * 9]);
        let planes = [&luma[..], &chroma, &chroma];
        assert!(Picture::new((20, 18), planes, [20, 10, 10]).is_some());
        assert!(Picture::new((20, 18), planes, [21, 10, 10]).is_none());
        assert!(Picture::new((20, 18), planes, [19, 10, 10]).is_none());
        assert!(Picture::new((20, 20), planes, [20, 10, 10]).is_none());
        assert!(Picture::new((19, 18), planes, [20, 10, 10]).is_none());
        assert!(Picture::new((0, 0), planes, [20, 10, 10]).is_none());
        assert!(Picture::new((20, 18), planes, [usize::MAX, 10, 10]).is_none());
    }

    #[test]
    fn the_edge_is_repeated_up_to_whole_macroblocks() {
        let luma: Vec<u8> = (0..20 * 18).map(|at| (at % 20) as u8).collect();
        let chroma = vec![7; 10 * 9];
        let picture = Picture::new((20, 18), [&luma, &chroma, &chroma], [20, 10, 10]);
        let picture = picture.expect("whole");
        let corner = Place {
            column: 1,
            row: 1,
            index: 3,
        };
        let samples = picture.samples(corner);
        assert_eq!(samples.luma[15][..6], [16, 17, 18, 19, 19, 19]);
        assert_eq!(samples.chroma, [[[7; 8]; 8]; 2]);
    }

    fn whole(planes: &[Vec<u8>; 3]) -> Picture<'_> {
        let planes = [&planes[0][..], &planes[1], &planes[2]];
        Picture::new((40, 20), planes, [40, 20, 20]).expect("whole")
    }

    #[test]
    fn macroblocks_that_differ_are_found() {
        let mut planes = [vec![0; 40 * 20], vec![0; 20 * 10], vec![0; 20 * 10]];
        let old = planes.clone();
        planes[0][19 * 40 + 39] = 1;
        planes[2][7 * 20 + 8] = 1;
        let changes = whole(&planes).changes(&whole(&old));
        assert_eq!(changes, [false, true, false, false, false, true]);
    }
}
