//! From a key of the keyboard to what is meant: its symbol, and the character if it has one.
//!
//! As the X protocol's chapter on keyboards says, for the first group: Shift, Lock and the third level. This file must
//! never know a window.

use x11rb::protocol::xproto::{GetKeyboardMappingReply, KeyButMask};

/// The keyboard's map.
#[derive(Clone, Debug)]
pub(crate) struct Keymap {
    first: u8,
    per_key: usize,
    symbols: Vec<u32>,
}

/// The modifier of the third level (AltGr) on usual maps.
const LEVEL3: KeyButMask = KeyButMask::MOD5;

impl Keymap {
    pub(crate) fn new(first: u8, reply: GetKeyboardMappingReply) -> Self {
        Self {
            first,
            per_key: reply.keysyms_per_keycode.into(),
            symbols: reply.keysyms,
        }
    }

    /// The symbol of a key with these modifiers; 0: none.
    pub(crate) fn symbol(&self, code: u8, state: KeyButMask) -> u32 {
        let Some(at) = code.checked_sub(self.first) else {
            return 0;
        };
        let begin = usize::from(at) * self.per_key;
        let Some(key) = self.symbols.get(begin..begin + self.per_key) else {
            return 0;
        };
        let get = |level: usize| key.get(level).copied().filter(|symbol| *symbol != 0);
        let base = match state.contains(LEVEL3) {
            true if get(4).is_some() || get(5).is_some() => 4,
            _ => 0,
        };
        let plain = get(base).unwrap_or(0);
        let shifted = get(base + 1).unwrap_or(plain);
        let is_letter = character(plain).is_some_and(char::is_alphabetic);
        let lock = state.contains(KeyButMask::LOCK) && is_letter;
        if state.contains(KeyButMask::SHIFT) != lock {
            shifted
        } else {
            plain
        }
    }
}

/// The character of a symbol (X11 protocol, appendix A: Latin-1 is itself, Unicode is 0x0100_0000 and itself).
pub(crate) fn character(symbol: u32) -> Option<char> {
    match symbol {
        0x20..=0x7e | 0xa0..=0xff => char::from_u32(symbol),
        0x0100_0100..=0x0110_ffff => char::from_u32(symbol - 0x0100_0000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> Keymap {
        Keymap {
            first: 8,
            per_key: 6,
            symbols: vec![
                0x61, 0x41, 0, 0, 0xe6, 0xc6, // a A, ae on the third level
                0x31, 0x21, 0, 0, 0, 0, // 1 !
                0xff0d, 0, 0, 0, 0, 0, // Return
            ],
        }
    }

    #[test]
    fn shift_lock_and_the_third_level_choose_the_symbol() {
        let none = KeyButMask::default();
        let (shift, lock) = (KeyButMask::SHIFT, KeyButMask::LOCK);
        for (code, state, symbol) in [
            (8, none, 0x61),
            (8, shift, 0x41),
            (8, lock, 0x41),
            (8, shift | lock, 0x61),
            (8, LEVEL3, 0xe6),
            (8, LEVEL3 | shift, 0xc6),
            (9, lock, 0x31),
            (9, shift, 0x21),
            (9, LEVEL3, 0x31),
            (10, shift, 0xff0d),
            (7, none, 0),
            (11, none, 0),
        ] {
            assert_eq!(map().symbol(code, state), symbol, "{code} {state:?}");
        }
    }

    #[test]
    fn characters_are_latin_and_unicode() {
        assert_eq!(character(0x61), Some('a'));
        assert_eq!(character(0xfc), Some('ü'));
        assert_eq!(character(0x0100_0416), Some('Ж'));
        assert_eq!(character(0x0101_f600), Some('😀'));
        assert_eq!(character(0xff0d), None);
        assert_eq!(character(0x0100_d800), None);
    }
}
