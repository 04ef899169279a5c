//! Which parts of a picture changed: macroblocks, squares of 16 by 16 pixels, as encoders see it. Pure.

use super::area::Area;

/// Pixels of a macroblock, in both directions (ITU-T H.264, RFC 6386).
pub(super) const SIDE: u32 = 16;

/// A mark for each macroblock of a picture, in rows from the top; at the right and lower edges they may be smaller.
#[derive(Clone, Debug)]
pub(super) struct Changes {
    wide: usize,
    marks: Vec<bool>,
}

impl Changes {
    /// Nothing changed in a picture of this size.
    pub(super) fn none(width: u32, height: u32) -> Self {
        let count = |pixels: u32| pixels.div_ceil(SIDE) as usize;
        Self {
            wide: count(width),
            marks: vec![false; count(width) * count(height)],
        }
    }

    /// All of it did.
    pub(super) fn all(width: u32, height: u32) -> Self {
        let mut all = Self::none(width, height);
        all.marks.fill(true);
        all
    }

    pub(super) fn is_any(&self) -> bool {
        self.marks.contains(&true)
    }

    /// In raster order.
    pub(super) fn marks(&self) -> &[bool] {
        &self.marks
    }

    pub(super) fn clear(&mut self) {
        self.marks.fill(false);
    }

    /// The marks of a row of macroblocks.
    pub(super) fn row_mut(&mut self, row: usize) -> &mut [bool] {
        &mut self.marks[row * self.wide..][..self.wide]
    }

    /// Marks an area inside the picture that has whole macroblocks.
    pub(super) fn mark(&mut self, area: Area) {
        let [left, right] = [area.left / SIDE, area.right.div_ceil(SIDE)].map(|at| at as usize);
        for row in area.top / SIDE..area.bottom.div_ceil(SIDE) {
            self.row_mut(row as usize)[left..right].fill(true);
        }
    }

    /// Marks what is marked in a picture of the same size.
    pub(super) fn add(&mut self, others: &Self) {
        for (mark, other) in self.marks.iter_mut().zip(&others.marks) {
            *mark |= other;
        }
    }

    /// Marks what shows anything that is marked in the picture of twice the size. What is beyond the edges of this one, whose
    /// sides are even too, is seen in neither.
    pub(super) fn add_halved(&mut self, full: &Self) {
        for (at, _) in full.marks.iter().enumerate().filter(|(_, mark)| **mark) {
            let (column, row) = (at % full.wide / 2, at / full.wide / 2);
            let half = row * self.wide + column;
            if let Some(mark) = self.marks.get_mut(half).filter(|_| column < self.wide) {
                *mark = true;
            }
        }
    }

    /// Columns and rows of what is marked.
    pub(super) fn places(&self) -> impl Iterator<Item = (usize, usize)> {
        let marked = self.marks.iter().enumerate().filter(|(_, mark)| **mark);
        marked.map(|(at, _)| (at % self.wide, at / self.wide))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_half_has_all_that_the_whole_has(
            width in 8u32..100, height in 8u32..100, x in 0u32..200, y in 0u32..200,
        ) {
            let (width, height) = (width * 2, height * 2);
            let (x, y) = (x % width, y % height);
            let mut full = Changes::none(width, height);
            full.row_mut((y / SIDE) as usize)[(x / SIDE) as usize] = true;
            let half_size = ((width / 2) & !1, (height / 2) & !1);
            let mut half = Changes::none(half_size.0, half_size.1);
            half.add_halved(&full);
            prop_assert!(half.places().count() <= 1);
            if x / 2 < half_size.0 && y / 2 < half_size.1 {
                let place = ((x / 2 / SIDE) as usize, (y / 2 / SIDE) as usize);
                prop_assert_eq!(half.places().collect::<Vec<_>>(), [place]);
            }
        }
    }

    #[test]
    fn marks_add_up_until_they_are_cleared() {
        let mut marks = Changes::none(40, 20);
        assert!(!marks.is_any());
        let mut others = marks.clone();
        others.row_mut(1)[2] = true;
        marks.row_mut(0)[0] = true;
        marks.add(&others);
        marks.mark(Area {
            left: 32,
            top: 16,
            right: 40,
            bottom: 20,
        });
        assert_eq!(marks.places().collect::<Vec<_>>(), [(0, 0), (2, 1)]);
        marks.clear();
        assert!(!marks.is_any());
        assert_eq!(Changes::all(40, 20).places().count(), 6);
    }
}
