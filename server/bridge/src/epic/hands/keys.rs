//! JavaScript's key codes: which key it is, as an evdev code, and what it means on a US keyboard, as an X11 keysym.
//!
//! Pure tables. Sources: UI Events (W3C), appendix on `keyCode`; linux/input-event-codes.h; X11/keysymdef.h.

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// evdev's number of the place on the keyboard.
    pub(super) code: u8,
    /// Its keysym without shift.
    pub(super) plain: u32,
    /// Its keysym with shift.
    pub(super) shifted: u32,
    /// It types a character, which depends on the layout.
    pub(super) types: bool,
}

/// Epic's number for the right shift key.
pub(super) const RIGHT_SHIFT: u8 = 253;
/// Epic's number for the right control key.
pub(super) const RIGHT_CONTROL: u8 = 254;
/// Epic's number for the right alt key.
pub(super) const RIGHT_ALT: u8 = 255;

/// The evdev codes of A to Z.
const LETTERS: [u8; 26] = [
    30, 48, 46, 32, 18, 33, 34, 35, 23, 36, 37, 38, 50, 49, 24, 25, 16, 19, 31, 20, 22, 47, 17, 45,
    21, 44,
];

/// What the digits mean with shift, from 0.
const SHIFTED_DIGITS: [u8; 10] = *b")!@#$%^&*(";

/// The evdev codes of the number pad's 0 to 9.
const PAD_DIGITS: [u8; 10] = [82, 79, 80, 81, 75, 76, 77, 71, 72, 73];

/// The key of a JavaScript key code, with Epic's three of its own. Not the two that lock (20, 144): the browser has applied
/// them to the characters it reports, and the session's own keyboard must not do so again.
pub(super) fn key(js: u8) -> Option<Key> {
    let key = match js {
        8 => control(14, 0xff08),
        9 => control(15, 0xff09),
        12 => control(76, 0xff0b),
        13 => control(28, 0xff0d),
        16 => control(42, 0xffe1),
        17 => control(29, 0xffe3),
        18 => control(56, 0xffe9),
        19 => control(119, 0xff13),
        27 => control(1, 0xff1b),
        32 => typing(57, b' ', b' '),
        33 => control(104, 0xff55),
        34 => control(109, 0xff56),
        35 => control(107, 0xff57),
        36 => control(102, 0xff50),
        37 => control(105, 0xff51),
        38 => control(103, 0xff52),
        39 => control(106, 0xff53),
        40 => control(108, 0xff54),
        44 => control(99, 0xff61),
        45 => control(110, 0xff63),
        46 => control(111, 0xffff),
        48 => typing(11, b'0', SHIFTED_DIGITS[0]),
        49..=57 => typing(js - 47, js, SHIFTED_DIGITS[usize::from(js - 48)]),
        // Firefox has numbers of its own for some.
        59 | 186 => typing(39, b';', b':'),
        61 | 187 => typing(13, b'=', b'+'),
        65..=90 => typing(LETTERS[usize::from(js - 65)], js + 32, js),
        91 => control(125, 0xffeb),
        92 => control(126, 0xffec),
        93 => control(127, 0xff67),
        96..=105 => control(
            PAD_DIGITS[usize::from(js - 96)],
            0xffb0 + u32::from(js - 96),
        ),
        106 => control(55, 0xffaa),
        107 => control(78, 0xffab),
        108 => control(121, 0xffac),
        109 => control(74, 0xffad),
        110 => control(83, 0xffae),
        111 => control(98, 0xffaf),
        112..=121 => control(js - 53, function_key(js)),
        122 | 123 => control(js - 35, function_key(js)),
        124..=135 => control(js + 59, function_key(js)),
        145 => control(70, 0xff14),
        173 | 189 => typing(12, b'-', b'_'),
        188 => typing(51, b',', b'<'),
        190 => typing(52, b'.', b'>'),
        191 => typing(53, b'/', b'?'),
        192 => typing(41, b'`', b'~'),
        219 => typing(26, b'[', b'{'),
        220 => typing(43, b'\\', b'|'),
        221 => typing(27, b']', b'}'),
        222 => typing(40, b'\'', b'"'),
        226 => typing(86, b'<', b'>'),
        RIGHT_SHIFT => control(54, 0xffe2),
        RIGHT_CONTROL => control(97, 0xffe4),
        RIGHT_ALT => control(100, 0xffea),
        _ => return None,
    };
    Some(key)
}

fn control(code: u8, keysym: u32) -> Key {
    Key {
        code,
        plain: keysym,
        shifted: keysym,
        types: false,
    }
}

fn typing(code: u8, plain: u8, shifted: u8) -> Key {
    Key {
        code,
        plain: u32::from(plain),
        shifted: u32::from(shifted),
        types: true,
    }
}

/// F1 is 0xffbe.
fn function_key(js: u8) -> u32 {
    0xffbe + u32::from(js - 112)
}

/// The keysym of a character (X Window System Protocol, appendix A); `None` for half a character and control characters.
pub(super) fn keysym_of(unit: u16) -> Option<u32> {
    match unit {
        0x20..=0x7e | 0xa0..=0xff => Some(u32::from(unit)),
        0..=0x1f | 0x7f..=0x9f | 0xd800..=0xdfff => None,
        _ => Some(0x0100_0000 + u32::from(unit)),
    }
}
