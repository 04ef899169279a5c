//! Numbers that H.264's rate control and headers need. Pure.

/// Levels of ITU-T H.264 table A-1: number times ten, macroblocks a second, macroblocks a picture. Begins at what
/// browsers name in their offers (`42e01f` is level 3.1).
const LEVELS: [(u8, u32, u32); 7] = [
    (31, 108_000, 3_600),
    (32, 216_000, 5_120),
    (40, 245_760, 8_192),
    (42, 522_240, 8_704),
    (50, 589_824, 22_080),
    (51, 983_040, 36_864),
    (52, 2_073_600, 36_864),
];

/// The lowest level that carries such pictures; the highest there is if none does. A decoder that was promised 3.1 takes
/// the higher ones of this table too: browsers and their hardware name 3.1 and decode 5.2.
pub(super) fn level(width: u32, height: u32, frame_rate: u32) -> u8 {
    let blocks = width.div_ceil(16) * height.div_ceil(16);
    let fits =
        |&&(_, rate, picture): &&(u8, u32, u32)| blocks <= picture && blocks * frame_rate <= rate;
    LEVELS.iter().find(fits).map_or(52, |level| level.0)
}

/// Bits that a picture may be ahead of the line: hardly more than one picture's share. Below 1.1 x264 fills each share
/// ("single-frame VBV"), which looks better at low bitrates than 1.5 does (docs/decisions/0009) and is sooner at the other
/// end.
pub(super) fn buffer_bits(bitrate_bps: u32, frame_rate: u32) -> u32 {
    let bits = u64::from(bitrate_bps) * 105 / 100 / u64::from(frame_rate.max(1));
    // Whole kilobits are what x264 counts in; none would switch the limit off.
    u32::try_from(bits.max(1_000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_the_table() {
        assert_eq!(level(640, 360, 30), 31);
        assert_eq!(level(1280, 720, 30), 31);
        assert_eq!(level(1280, 720, 60), 32);
        assert_eq!(level(1920, 1080, 30), 40);
        assert_eq!(level(1920, 1080, 60), 42);
        assert_eq!(level(3840, 2160, 30), 51);
        assert_eq!(level(4096, 4096, 240), 52);
    }

    #[test]
    fn the_buffer_is_about_one_picture() {
        assert_eq!(buffer_bits(6_000_000, 60), 105_000);
        assert_eq!(buffer_bits(50_000, 240), 1_000);
        assert_eq!(buffer_bits(u32::MAX, 1), u32::MAX);
    }
}
