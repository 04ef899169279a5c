//! Samples: pictures as they come, and pictures of whole macroblocks as an encoder keeps them. 4:2:0, 8 bits.

/// Eight rows of samples: half of a macroblock's luma, or all of its chroma. A processor's vectors hold them at once.
pub(crate) type Rows = [[u8; 16]; 8];
/// Luma samples of a macroblock: the upper half and the lower one.
pub(crate) type Luma = [Rows; 2];
/// Chroma samples of a macroblock, Cb and Cr beside each other in each row.
pub(crate) type Chroma = Rows;

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
        let mut samples = Samples::BLACK;
        let (left, top) = (place.column * 16, place.row * 16);
        let is_whole = left + 16 <= self.width && top + 16 <= self.height;
        for plane in 0..3 {
            let shift = usize::from(plane > 0);
            let (left, top) = (left >> shift, top >> shift);
            if is_whole {
                let begin = top * self.strides[plane] + left;
                samples.fill(plane, self.planes[plane], begin, self.strides[plane]);
                continue;
            }
            samples.each_row(plane, |y, row| {
                let there = &self.line(plane, top + y)[left..];
                let there = &there[..row.len().min(there.len())];
                row.fill(there[there.len() - 1]);
                row[..there.len()].copy_from_slice(there);
            });
        }
        samples
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

impl Samples {
    pub(crate) const BLACK: Self = Self {
        luma: [[[16; 16]; 8]; 2],
        chroma: [[128; 16]; 8],
    };

    /// Rows of luma, of Cb or of Cr.
    #[inline(always)]
    fn each_row(&mut self, plane: usize, mut each: impl FnMut(usize, &mut [u8])) {
        if plane == 0 {
            let rows = self.luma.as_flattened_mut().iter_mut().enumerate();
            rows.for_each(|(y, row)| each(y, row));
        } else {
            let rows = self.chroma.iter_mut().enumerate();
            rows.for_each(|(y, row)| each(y, &mut row[plane * 8 - 8..][..8]));
        }
    }

    /// Takes them out of a plane, from a place on.
    #[inline(always)]
    fn fill(&mut self, plane: usize, from: &[u8], begin: usize, stride: usize) {
        let mut rest = &from[begin..];
        self.each_row(plane, |_, row| {
            row.copy_from_slice(&rest[..row.len()]);
            rest = &rest[stride.min(rest.len())..];
        });
    }
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
        let (luma, chroma) = (self.luma_at(place, 0), self.chroma_at(place, 0));
        let stride = self.wide * 16;
        let rows = samples.luma.as_flattened().iter();
        lay(&mut self.luma[luma..], stride, rows.map(|row| &row[..]));
        for (at, plane) in self.chroma.iter_mut().enumerate() {
            let rows = samples.chroma.iter().map(|row| &row[at * 8..][..8]);
            lay(&mut plane[chroma..], stride / 2, rows);
        }
    }

    /// Takes a macroblock over from a picture of the same size.
    pub(crate) fn copy(&mut self, from: &Self, place: Place) {
        self.put(place, &from.samples(place));
    }

    /// The luma samples above a macroblock; `None`: it is at the edge.
    pub(crate) fn luma_above(&self, place: Place) -> Option<[u8; 16]> {
        let above = self.luma_at(place, 0).checked_sub(self.wide * 16)?;
        Some(*row(&self.luma, above))
    }

    /// Those to its left.
    pub(crate) fn luma_left(&self, place: Place) -> Option<[u8; 16]> {
        let is_inside = place.column > 0;
        is_inside.then(|| {
            let mut left = [0; 16];
            let plane = &self.luma[self.luma_at(place, 0) - 1..];
            for (y, sample) in left.iter_mut().enumerate() {
                *sample = plane[y * self.wide * 16];
            }
            left
        })
    }

    /// The chroma samples above it: of Cb, then of Cr.
    pub(crate) fn chroma_above(&self, place: Place) -> Option<[u8; 16]> {
        let above = self.chroma_at(place, 0).checked_sub(self.wide * 8)?;
        let mut samples = [0; 16];
        for (plane, samples) in self.chroma.iter().zip(samples.as_chunks_mut::<8>().0) {
            *samples = *row(plane, above);
        }
        Some(samples)
    }

    /// Those to its left, of Cb and Cr in each row.
    pub(crate) fn chroma_left(&self, place: Place) -> Option<[[u8; 2]; 8]> {
        (place.column > 0).then(|| {
            let mut left = [[0; 2]; 8];
            for (y, samples) in left.iter_mut().enumerate() {
                let at = self.chroma_at(place, y) - 1;
                *samples = [self.chroma[0][at], self.chroma[1][at]];
            }
            left
        })
    }

    /// How far luma samples are from those of this picture, moved by a vector: the sum of absolute differences. `None`: not less
    /// than `limit`.
    #[inline(always)]
    pub(crate) fn distance_below(
        &self,
        place: Place,
        vector: Vector,
        luma: &Luma,
        limit: u32,
    ) -> Option<u32> {
        let begin = moved(self.luma_at(place, 0), vector, self.wide * 16);
        let (mut rest, mut sum, stride) = (&self.luma[begin..], 0, self.wide * 16);
        for half in luma {
            let mut there = [[0; 16]; 8];
            for row in &mut there {
                *row = *rest.first_chunk().expect(INSIDE);
                rest = &rest[stride.min(rest.len())..];
            }
            sum += distance(half, &there);
            if sum >= limit {
                return None;
            }
        }
        Some(sum)
    }

    /// A macroblock of this picture, moved by a vector; chroma between two samples is their mean (section 8.4.2.2.2).
    pub(crate) fn moved(&self, place: Place, vector: Vector) -> Samples {
        let mut samples = Samples::BLACK;
        let stride = self.wide * 16;
        let begin = moved(self.luma_at(place, 0), vector, stride);
        samples.fill(0, &self.luma, begin, stride);
        // A whole luma sample is half a chroma sample: vectors of chroma are in eighths.
        let [x, y] = vector.map(|quarters| i32::from(quarters >> 2));
        let whole = [x >> 1, y >> 1].map(|samples| (samples * 4) as i16);
        let begin = moved(self.chroma_at(place, 0), whole, stride / 2);
        self.chroma(&mut samples, begin);
        let (beside, below) = ((x & 1) as usize, (y & 1) as usize * stride / 2);
        if beside + below > 0 {
            let mut others = [const { Samples::BLACK }; 3];
            for (at, samples) in [beside, below, below + beside].into_iter().zip(&mut others) {
                self.chroma(samples, begin + at);
            }
            let [b, c, d] = others
                .each_ref()
                .map(|samples| samples.chroma.as_flattened());
            for (at, a) in samples.chroma.as_flattened_mut().iter_mut().enumerate() {
                let sum = u16::from(*a) + u16::from(b[at]) + u16::from(c[at]) + u16::from(d[at]);
                *a = ((sum + 2) >> 2) as u8;
            }
        }
        samples
    }

    /// Chroma, from a place on.
    #[inline(always)]
    fn chroma(&self, samples: &mut Samples, begin: usize) {
        for (plane, from) in self.chroma.iter().enumerate() {
            samples.fill(plane + 1, from, begin, self.wide * 8);
        }
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

/// Writes the rows of a macroblock into a plane.
#[inline(always)]
fn lay<'a>(plane: &mut [u8], stride: usize, rows: impl Iterator<Item = &'a [u8]>) {
    let mut rest = plane;
    for row in rows {
        rest[..row.len()].copy_from_slice(row);
        let below = stride.min(rest.len());
        rest = &mut rest[below..];
    }
}

/// The sum of absolute differences.
#[inline(always)]
pub(crate) fn distance(one: &Rows, other: &Rows) -> u32 {
    let mut sum = 0;
    for (a, b) in one.as_flattened().iter().zip(other.as_flattened()) {
        sum += u32::from(a.abs_diff(*b));
    }
    sum
}

/// That of luma.
#[inline(always)]
pub(crate) fn luma_distance(one: &Luma, other: &Luma) -> u32 {
    distance(&one[0], &other[0]) + distance(&one[1], &other[1])
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
        assert_eq!(samples.luma[1][7][..6], [16, 17, 18, 19, 19, 19]);
        assert_eq!(samples.chroma, [[7; 16]; 8]);
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
