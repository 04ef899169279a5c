//! Which bytes of a span lie in which block: a pure function of the span's length and the coding.

use std::ops::Range;

use crate::{BLOCK_LEN, Coding};

/// Rows and blocks of one span. Full rows carry K times [`BLOCK_LEN`] bytes; the last row carries the rest,
/// divided evenly. Rows are named as everywhere else, by their number in the chunk. Rows and stripes that do not
/// exist have length 0 and no range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    len: u64,
    coding: Coding,
    first_row: u32,
}

impl Geometry {
    /// The geometry of a span of `len` bytes whose first row is row 0.
    pub fn new(len: u64, coding: Coding) -> Self {
        Self {
            len,
            coding,
            first_row: 0,
        }
    }

    /// The same, with the span's first row at `first_row` of its chunk.
    pub fn starting_at(self, first_row: u32) -> Self {
        Self { first_row, ..self }
    }

    /// Bytes of the span.
    pub fn span_len(&self) -> u64 {
        self.len
    }

    /// The coding.
    pub fn coding(&self) -> Coding {
        self.coding
    }

    fn full_row_len(&self) -> u64 {
        u64::from(self.coding.data()) * BLOCK_LEN as u64
    }

    /// How many rows the span has; 0 only for an empty span.
    pub fn rows(&self) -> u32 {
        // A span of 64 MiB has 4096 rows at K = 1; longer ones are refused before they get here.
        u32::try_from(self.len.div_ceil(self.full_row_len())).unwrap_or(u32::MAX)
    }

    /// The rows of the span, numbered through the chunk.
    pub fn row_range(&self) -> Range<u32> {
        self.first_row..self.first_row.saturating_add(self.rows())
    }

    /// Whether the block exists.
    pub fn contains(&self, row: u32, stripe: u8) -> bool {
        self.row_range().contains(&row) && stripe < self.coding.stripes()
    }

    /// The place of `row` in the span, from 0; `None` when it is not of this span.
    pub fn index(&self, row: u32) -> Option<u32> {
        self.row_range()
            .contains(&row)
            .then(|| row - self.first_row)
    }

    /// Data bytes of `row`.
    pub fn row_len(&self, row: u32) -> u64 {
        self.index(row).map_or(0, |index| {
            let start = u64::from(index) * self.full_row_len();
            self.full_row_len().min(self.len - start)
        })
    }

    /// Bytes of a parity block of `row`, to which its data blocks are padded with zeros for coding. Even.
    pub fn piece_len(&self, row: u32) -> usize {
        let piece = self.row_len(row).div_ceil(u64::from(self.coding.data()));
        // At most BLOCK_LEN, which is even.
        piece.next_multiple_of(2) as usize
    }

    /// The bytes of the span that a data block carries; `None` for parity blocks and blocks that do not exist.
    pub fn block_range(&self, row: u32, stripe: u8) -> Option<Range<u64>> {
        let index = self.index(row)?;
        if stripe >= self.coding.data() {
            return None;
        }
        let row_start = u64::from(index) * self.full_row_len();
        let piece = self.piece_len(row) as u64;
        let end = self.row_len(row);
        let from = (piece * u64::from(stripe)).min(end);
        let to = (piece * (u64::from(stripe) + 1)).min(end);
        Some(row_start + from..row_start + to)
    }

    /// Payload bytes of a block, data or parity; blocks at the end of a short last row may have 0.
    pub fn block_len(&self, row: u32, stripe: u8) -> usize {
        match self.block_range(row, stripe) {
            // At most BLOCK_LEN.
            Some(range) => (range.end - range.start) as usize,
            None if self.contains(row, stripe) => self.piece_len(row),
            None => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_short_last_row_is_divided_evenly_with_even_pieces() {
        let geometry = Geometry::new(65_536 + 10, Coding::default()).starting_at(7);
        assert_eq!(geometry.row_range(), 7..9);
        assert_eq!(geometry.block_range(7, 3), Some(49_152..65_536));
        assert_eq!(geometry.piece_len(8), 4);
        let lens: Vec<_> = (0..5).map(|s| geometry.block_len(8, s)).collect();
        assert_eq!(lens, [4, 4, 2, 0, 4]);
        assert_eq!(geometry.block_len(9, 0), 0);
        assert_eq!(geometry.block_len(7, 5), 0);
        assert_eq!(Geometry::new(0, Coding::default()).rows(), 0);
    }

    proptest! {
        #[test]
        fn the_data_blocks_cover_the_span_once_and_in_order(
            len in 0u64..700_000, data in 1u8..=16, parity in 0u8..=8, first_row in 0u32..100,
        ) {
            prop_assume!(data + parity <= 16);
            let coding = Coding::new(data, parity).expect("within bounds");
            let geometry = Geometry::new(len, coding).starting_at(first_row);
            let mut at = 0;
            for row in geometry.row_range() {
                prop_assert!(geometry.row_len(row) > 0);
                prop_assert!(geometry.piece_len(row) <= BLOCK_LEN && geometry.piece_len(row).is_multiple_of(2));
                for stripe in 0..coding.stripes() {
                    prop_assert!(geometry.block_len(row, stripe) <= geometry.piece_len(row));
                    if let Some(range) = geometry.block_range(row, stripe) {
                        prop_assert_eq!(range.start, at);
                        at = range.end;
                    }
                }
            }
            prop_assert_eq!(at, len);
        }
    }
}
