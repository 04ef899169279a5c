//! Numbers as black and white cells along the upper edge of the picture: what a viewer's program reads back.
//!
//! Two rows of [`CELLS`] square-ish cells, each over the whole width, the most significant bit at the left, white for 1:
//!
//! | row | bits 63-16 | bits 15-0 |
//! |---|---|---|
//! | 0 | microseconds since 1970 at which the picture was painted, without the upper 16 bits | check |
//! | 1 | count of inputs (16), pointer x (16), pointer y (16) | check |
//!
//! The check is [`check`] of the upper 48 bits. Pure: this file must never know X11.

/// Cells of a row.
pub const CELLS: u32 = 64;
/// Rows.
pub const ROWS: u32 = 2;
/// Pixels of a cell's height.
pub const CELL_HEIGHT: u32 = 20;
/// The largest number that a row carries.
pub const MAX: u64 = (1 << 48) - 1;

/// The sum that says whether a row was read right: its three 16-bit words and a constant, so that a black row is wrong.
#[must_use]
pub fn check(value: u64) -> u16 {
    let word = |at: u32| (value >> at) as u16;
    0x5eed_u16
        .wrapping_add(word(0).wrapping_mul(3))
        .wrapping_add(word(16).wrapping_mul(5))
        .wrapping_add(word(32).wrapping_mul(7))
}

/// A row's 64 bits; of `value` the lower 48 are carried.
#[must_use]
pub fn row(value: u64) -> u64 {
    let value = value & MAX;
    (value << 16) | u64::from(check(value))
}

/// The number of a row that was read; none: it was not read right.
#[must_use]
pub fn read(row: u64) -> Option<u64> {
    let value = row >> 16;
    (row as u16 == check(value)).then_some(value)
}

/// The row of an input: how many there were, and where the pointer is.
#[must_use]
pub fn input(count: u16, x: u16, y: u16) -> u64 {
    row((u64::from(count) << 32) | (u64::from(x) << 16) | u64::from(y))
}

/// The left edges and widths of a row's white cells in a picture `width` pixels wide, neighbours joined.
#[must_use]
pub fn white(row: u64, width: u32) -> Vec<(u32, u32)> {
    let edge = |cell: u32| (u64::from(cell) * u64::from(width) / u64::from(CELLS)) as u32;
    let is_white = |cell: u32| cell < CELLS && (row >> (CELLS - 1 - cell)) & 1 == 1;
    let mut runs = Vec::new();
    let mut cell = 0;
    while cell < CELLS {
        if !is_white(cell) {
            cell += 1;
            continue;
        }
        let first = cell;
        while is_white(cell) {
            cell += 1;
        }
        runs.push((edge(first), edge(cell) - edge(first)));
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(value in 0..=MAX) {
            prop_assert_eq!(read(row(value)), Some(value));
        }

        #[test]
        fn a_wrong_cell_is_noticed(value in 0..=MAX, cell in 0_u32..64) {
            prop_assert_eq!(read(row(value) ^ (1 << cell)), None);
        }

        #[test]
        fn the_cells_show_the_bits(value in 0..=MAX, width in 64_u32..4000) {
            let row = row(value);
            let runs = white(row, width);
            for cell in 0..CELLS {
                let edge = |cell: u32| cell * width / CELLS;
                let middle = (edge(cell) + edge(cell + 1)) / 2;
                let is_white = runs.iter().any(|&(x, len)| (x..x + len).contains(&middle));
                prop_assert_eq!(is_white, (row >> (63 - cell)) & 1 == 1);
            }
        }
    }

    #[test]
    fn a_plain_picture_is_no_number() {
        assert_eq!(read(0), None);
        assert_eq!(read(u64::MAX), None);
    }
}
