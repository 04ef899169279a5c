//! Which key of the display gives a symbol: those that its keyboard has, and spare ones that are bound on the fly.
//!
//! Pure: a table as it was read last, and what is bound since. It must never know who presses, or a connection.

use std::collections::{BTreeMap, VecDeque};

/// Spare keys that are used at most, the least recently used bound anew. A guess: more different characters outside the
/// keyboard than one sentence has, so that a slow application still finds a symbol where it was.
const MAX_SPARE: usize = 64;
/// evdev's key codes and the display's differ by this (X Keyboard Extension, keycodes "evdev").
const EVDEV_OFFSET: u8 = 8;
/// From here on keysyms are Unicode characters (X Window System Protocol, appendix A).
const UNICODE: u32 = 0x0100_0000;
/// From here up to Unicode keysyms are functions, not characters.
const FUNCTIONS: u32 = 0xfd00;
/// `KP_Multiply` to `KP_9`: functions that print a character.
const PAD_CHARACTERS: std::ops::RangeInclusive<u32> = 0xffaa..=0xffb9;

/// What has to be held for a key to give the symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// It does not matter.
    Any,
    /// No Shift.
    Plain,
    /// Shift.
    Shifted,
}

/// One of the layouts that a keyboard has at once (X Keyboard Extension, section 3); of more than two the others are not in
/// the table that is read here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Group {
    /// The first.
    #[default]
    First,
    /// The second.
    Second,
}

impl Group {
    /// As it is in the state of each event (X Keyboard Extension protocol, section 2.2.2).
    pub(crate) fn of_state(state: u16) -> Self {
        match state >> 13 & 0b11 {
            1 => Self::Second,
            _ => Self::First,
        }
    }
}

/// A key that gives a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Of the display.
    pub(crate) keycode: u8,
    /// What has to be held.
    pub(crate) level: Level,
}

/// The keys of a display.
#[derive(Clone, Debug)]
pub(crate) struct Keymap {
    first: u8,
    /// As the display said them last: so many for each key.
    per_key: usize,
    symbols: Vec<u32>,
    /// The layout that is in use, of two.
    group: Group,
    /// In that layout without and with Shift, from `first` on.
    keys: Vec<[u32; 2]>,
    places: BTreeMap<u32, Place>,
    /// Spare keys that are not bound.
    spare: Vec<u8>,
    /// Bound ones, the most recently used last.
    bound: VecDeque<(u32, u8)>,
}

impl Keymap {
    /// From what the display says (`GetKeyboardMapping`): `per_key` symbols for each key from `first` on.
    pub(crate) fn new(first: u8, per_key: usize, symbols: &[u32]) -> Self {
        let mut keymap = Self {
            first,
            per_key: 0,
            symbols: Vec::new(),
            group: Group::default(),
            keys: Vec::new(),
            places: BTreeMap::new(),
            spare: Vec::new(),
            bound: VecDeque::new(),
        };
        keymap.follow(per_key, symbols);
        keymap
    }

    /// The display says something else now, or whoever changed it has taken our spare keys. What is still on them stays
    /// bound.
    pub(crate) fn follow(&mut self, per_key: usize, symbols: &[u32]) {
        self.per_key = per_key.max(1);
        self.symbols = symbols.to_vec();
        self.read();
    }

    /// Whether there is a second layout, so that it matters which one is in use.
    pub(crate) fn has_groups(&self) -> bool {
        let mut rows = self.symbols.chunks(self.per_key);
        rows.any(|row| columns(row, Group::Second) != columns(row, Group::First))
    }

    /// This layout is in use now.
    pub(crate) fn set_group(&mut self, group: Group) {
        if self.group != group {
            self.group = group;
            self.read();
        }
    }

    fn read(&mut self) {
        let (first, per_key, group) = (self.first, self.per_key, self.group);
        let symbols = std::mem::take(&mut self.symbols);
        let rows = || (first..=u8::MAX).zip(symbols.chunks(per_key));
        let is_ours = |bound: &(u32, u8), row: &[u32]| {
            row.iter()
                .all(|&symbol| symbol == 0 || canonical(symbol) == bound.0)
                && row.iter().any(|&symbol| symbol != 0)
        };
        self.bound
            .retain(|bound| rows().any(|(keycode, row)| keycode == bound.1 && is_ours(bound, row)));
        let bound = |keycode: u8| self.bound.iter().any(|(_, other)| *other == keycode);
        self.keys = rows()
            .map(|(keycode, row)| match bound(keycode) {
                true => [0, 0],
                false => columns(row, group),
            })
            .collect();
        self.places.clear();
        for column in [0, 1] {
            for (keycode, key) in (first..=u8::MAX).zip(&self.keys) {
                if let Some(place) = place_on(keycode, key, key[column]) {
                    self.places.entry(canonical(key[column])).or_insert(place);
                }
            }
        }
        // Only those on which nothing at all is: other groups' symbols stay where they are.
        self.spare = rows()
            .filter(|(_, row)| row.iter().all(|&symbol| symbol == 0))
            .map(|(keycode, _)| keycode)
            .take(MAX_SPARE.saturating_sub(self.bound.len()))
            .collect();
        self.symbols = symbols;
    }

    /// Whether a symbol of ours is on this key.
    pub(crate) fn has_bound(&self, keycode: u8) -> bool {
        self.bound.iter().any(|(_, bound)| *bound == keycode)
    }

    /// The key of a symbol, best the one that was pressed there.
    pub(crate) fn find(&mut self, keysym: u32, code: u8) -> Option<Place> {
        let keysym = canonical(keysym);
        if keysym == 0 {
            return None;
        }
        if let Some(keycode) = physical(code) {
            let key = self.keys.get(usize::from(keycode.checked_sub(self.first)?));
            if let Some(place) = key.and_then(|key| place_on(keycode, key, keysym)) {
                return Some(place);
            }
        }
        if let Some(place) = self.places.get(&keysym) {
            return Some(*place);
        }
        let at = self.bound.iter().position(|(bound, _)| *bound == keysym)?;
        let (bound, keycode) = self.bound.remove(at)?;
        self.bound.push_back((bound, keycode));
        Some(Place {
            keycode,
            level: Level::Any,
        })
    }

    /// The key for an evdev code, whatever it says, if it says something: one that does not may be bound later.
    pub(crate) fn at(&self, code: u8) -> Option<u8> {
        physical(code).filter(|keycode| self.symbol(*keycode) != 0)
    }

    /// A spare key for a symbol that no key has; who calls binds it, whatever was bound there before. None: all are held.
    pub(crate) fn bind(&mut self, keysym: u32, is_held: impl Fn(u8) -> bool) -> Option<u8> {
        let keycode = match self.spare.pop() {
            Some(keycode) => keycode,
            None => {
                let free = self
                    .bound
                    .iter()
                    .position(|(_, keycode)| !is_held(*keycode));
                self.bound.remove(free?)?.1
            }
        };
        self.bound.push_back((canonical(keysym), keycode));
        Some(keycode)
    }

    /// The keys that are bound, which are given back by that.
    pub(crate) fn unbind_all(&mut self) -> Vec<u8> {
        let keycodes: Vec<u8> = self.bound.drain(..).map(|(_, keycode)| keycode).collect();
        self.spare.extend(&keycodes);
        keycodes
    }

    /// What a key gives without Shift; 0: nothing.
    pub(crate) fn symbol(&self, keycode: u8) -> u32 {
        let at = keycode.checked_sub(self.first).map(usize::from);
        at.and_then(|at| self.keys.get(at)).map_or(0, |key| key[0])
    }
}

/// What a key gives without and with Shift; one that has nothing in the second layout has the first one's.
fn columns(row: &[u32], group: Group) -> [u32; 2] {
    let at = |column: usize| row.get(column).copied().unwrap_or(0);
    match (group, [at(2), at(3)]) {
        (Group::First, _) | (Group::Second, [0, 0]) => [at(0), at(1)],
        (Group::Second, second) => second,
    }
}

fn place_on(keycode: u8, key: &[u32; 2], keysym: u32) -> Option<Place> {
    let [plain, shifted] = *key;
    let level = match keysym {
        0 => return None,
        _ if keysym == plain && (shifted == plain || shifted == 0) => Level::Any,
        _ if keysym == plain && is_character(keysym) => Level::Plain,
        _ if keysym == shifted && is_character(keysym) => Level::Shifted,
        _ if keysym == plain || keysym == shifted => Level::Any,
        _ => return None,
    };
    Some(Place { keycode, level })
}

/// The display's key for an evdev code; 0 is none.
fn physical(code: u8) -> Option<u8> {
    (code != 0).then(|| code.checked_add(EVDEV_OFFSET))?
}

/// Whether a symbol is something that one types, for which Shift matters.
pub(crate) fn is_character(keysym: u32) -> bool {
    !(FUNCTIONS..=UNICODE).contains(&keysym) || PAD_CHARACTERS.contains(&keysym)
}

/// Characters of Latin-1 have a short keysym, and keyboards use it.
fn canonical(keysym: u32) -> u32 {
    match keysym.checked_sub(UNICODE) {
        Some(character @ (0x20..=0x7e | 0xa0..=0xff)) => character,
        _ => keysym,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EURO: u32 = 0x0100_20ac;

    /// Keys from 8 on: nothing, a/A, 1/!, Tab/ISO_Left_Tab, space, nothing, KP_End/KP_1.
    fn keymap() -> Keymap {
        let symbols = [
            [0, 0],
            [0x61, 0x41],
            [0x31, 0x21],
            [0xff09, 0xfe20],
            [0x20, 0],
            [0, 0],
            [0xff9c, 0xffb1],
        ];
        Keymap::new(8, 2, symbols.as_flattened())
    }

    fn place(keycode: u8, level: Level) -> Option<Place> {
        Some(Place { keycode, level })
    }

    #[test]
    fn characters_have_a_level_and_functions_do_not() {
        let mut keymap = keymap();
        assert_eq!(keymap.find(0x61, 0), place(9, Level::Plain));
        assert_eq!(keymap.find(0x0100_0041, 0), place(9, Level::Shifted));
        assert_eq!(keymap.find(0xff09, 0), place(11, Level::Any));
        assert_eq!(keymap.find(0x20, 0), place(12, Level::Any));
        assert_eq!(keymap.find(0xffb1, 0), place(14, Level::Shifted));
        assert_eq!(keymap.find(EURO, 0), None);
        assert_eq!(keymap.find(0, 1), None);
    }

    #[test]
    fn with_two_layouts_the_one_in_use_counts() {
        const EF: u32 = 0x6c6;
        let two = [[0x61, 0x41, EF, EF + 0x20], [0x31, 0x21, 0x31, 0x21]];
        let mut keymap = Keymap::new(8, 4, two.as_flattened());
        assert!(keymap.has_groups() && !super::tests::keymap().has_groups());
        assert_eq!(keymap.find(0x61, 0), place(8, Level::Plain));
        assert_eq!(keymap.find(EF, 0), None);
        keymap.set_group(Group::of_state(1 << 13 | 1));
        assert_eq!(keymap.find(EF + 0x20, 0), place(8, Level::Shifted));
        assert_eq!(keymap.find(0x61, 0), None);
        assert_eq!(keymap.find(0x31, 0), place(9, Level::Plain));
        // What a key without symbols of its own in the second layout has is the same in both.
        keymap.follow(4, [[0x61, 0x41, 0, 0]].as_flattened());
        assert_eq!(keymap.find(0x61, 0), place(8, Level::Plain));
        assert!(!keymap.has_groups());
        assert_eq!(Group::of_state(0x0fff), Group::First);
    }

    #[test]
    fn the_key_that_was_pressed_is_taken_if_it_has_the_symbol() {
        let two = [[0x61, 0x41], [0x61, 0x41]];
        let mut keymap = Keymap::new(8, 2, two.as_flattened());
        assert_eq!(keymap.find(0x61, 1), place(9, Level::Plain));
        assert_eq!(keymap.find(0x61, 200), place(8, Level::Plain));
        assert_eq!(keymap.find(0x61, u8::MAX), place(8, Level::Plain));
    }

    #[test]
    fn spare_keys_are_bound_in_turn_and_never_one_that_is_held() {
        let mut keymap = keymap();
        let first = keymap.bind(EURO, |_| false).expect("one");
        let second = keymap.bind(EURO + 1, |_| false).expect("another");
        assert_ne!(first, second);
        assert_eq!(keymap.find(EURO, 0), place(first, Level::Any));
        assert_eq!(
            keymap.bind(EURO + 2, |key| key == first || key == second),
            None
        );
        // The euro was used last, so the other one's key is taken; then that key is held.
        assert_eq!(keymap.bind(EURO + 2, |_| false), Some(second));
        assert_eq!(keymap.find(EURO + 1, 0), None);
        assert_eq!(keymap.bind(EURO + 3, |key| key == first), Some(second));
        let mut free = keymap.unbind_all();
        free.sort();
        assert_eq!(free, [8, 13]);
        assert_eq!(keymap.find(EURO, 0), None);
    }
}
