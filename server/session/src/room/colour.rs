//! The colours of people: as many as can be told apart, readable as text on white and on black.
//!
//! It must never know who has which.

use server_wire::Colour;

/// Each has a contrast of 3 at least with white and with black (WCAG 2.2, 1.4.11; a test calculates it).
const PALETTE: [[u8; 3]; 12] = [
    [0x1f, 0x77, 0xb4], // blue
    [0xd6, 0x27, 0x28], // red
    [0x2c, 0x94, 0x2c], // green
    [0x94, 0x67, 0xbd], // violet
    [0xc7, 0x6b, 0x0a], // orange
    [0x10, 0x8f, 0x9b], // teal
    [0xd4, 0x4f, 0xa5], // pink
    [0x8c, 0x56, 0x4b], // brown
    [0x7f, 0x7f, 0x7f], // grey
    [0x85, 0x85, 0x12], // olive
    [0x4f, 0x6b, 0xed], // indigo
    [0xb0, 0x44, 0x75], // plum
];

/// The first colour that nobody who is there has, or the one that the fewest have.
pub(super) fn free(taken: impl Iterator<Item = usize>) -> usize {
    let mut counts = [0_usize; PALETTE.len()];
    for colour in taken {
        counts[colour % PALETTE.len()] += 1;
    }
    let fewest = counts.iter().enumerate().min_by_key(|(_, count)| **count);
    fewest.map_or(0, |(colour, _)| colour)
}

/// A colour by its place in the palette.
pub(super) fn of(colour: usize) -> Colour {
    Colour(PALETTE[colour % PALETTE.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG 2.2, "relative luminance".
    fn luminance(colour: [u8; 3]) -> f64 {
        let [r, g, b] = colour.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    #[test]
    fn every_colour_can_be_read_on_white_and_on_black() {
        for colour in PALETTE {
            let light = luminance(colour);
            let (on_white, on_black) = (1.05 / (light + 0.05), (light + 0.05) / 0.05);
            assert!(
                on_white >= 3.0 && on_black >= 3.0,
                "{colour:02x?}: {on_white} {on_black}"
            );
        }
    }

    #[test]
    fn people_have_different_colours_as_long_as_there_are_some() {
        let mut taken = Vec::new();
        for _ in 0..PALETTE.len() {
            let colour = free(taken.iter().copied());
            assert!(!taken.contains(&colour));
            taken.push(colour);
        }
        assert_eq!(free(taken.iter().copied()), 0);
        taken.remove(4);
        assert_eq!(free(taken.into_iter()), 4);
    }
}
