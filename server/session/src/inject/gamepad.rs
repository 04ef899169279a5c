//! Gamepads as keys: which key each button and each direction of a stick is, for applications that know no gamepad.
//!
//! Pure. It must never know a display.

use std::collections::BTreeMap;

/// A button, or one direction of an axis, as the W3C standard mapping numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PadControl {
    /// A button.
    Button(u8),
    /// An axis towards the left or up.
    AxisMinus(u8),
    /// An axis towards the right or down.
    AxisPlus(u8),
}

/// Which key each control is; a control that is not there does nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GamepadKeys(BTreeMap<PadControl, u32>);

/// Pressed from here on: a trigger half way (W3C: a value from 0 to 255 here).
const BUTTON_ON: u8 = 128;
/// Released below this, so that a value that trembles is no stream of presses.
const BUTTON_OFF: u8 = 96;
/// An axis is deflected from here on: half way.
const AXIS_ON: u16 = 16_384;
/// And not any more below this.
const AXIS_OFF: u16 = 12_288;

use PadControl::{AxisMinus, AxisPlus, Button};

/// Names of controls in a configuration.
const CONTROLS: [(&str, PadControl); 25] = [
    ("a", Button(0)),
    ("b", Button(1)),
    ("x", Button(2)),
    ("y", Button(3)),
    ("lb", Button(4)),
    ("rb", Button(5)),
    ("lt", Button(6)),
    ("rt", Button(7)),
    ("back", Button(8)),
    ("start", Button(9)),
    ("ls", Button(10)),
    ("rs", Button(11)),
    ("up", Button(12)),
    ("down", Button(13)),
    ("left", Button(14)),
    ("right", Button(15)),
    ("home", Button(16)),
    ("left-stick-left", AxisMinus(0)),
    ("left-stick-right", AxisPlus(0)),
    ("left-stick-up", AxisMinus(1)),
    ("left-stick-down", AxisPlus(1)),
    ("right-stick-left", AxisMinus(2)),
    ("right-stick-right", AxisPlus(2)),
    ("right-stick-up", AxisMinus(3)),
    ("right-stick-down", AxisPlus(3)),
];

/// Names of keys in a configuration that are not their own character (X11, `keysymdef.h`).
const KEYS: [(&str, u32); 29] = [
    ("BackSpace", 0xff08),
    ("Tab", 0xff09),
    ("Return", 0xff0d),
    ("Escape", 0xff1b),
    ("space", 0x20),
    ("Home", 0xff50),
    ("Left", 0xff51),
    ("Up", 0xff52),
    ("Right", 0xff53),
    ("Down", 0xff54),
    ("Page_Up", 0xff55),
    ("Page_Down", 0xff56),
    ("End", 0xff57),
    ("Insert", 0xff63),
    ("Delete", 0xffff),
    ("F1", 0xffbe),
    ("F2", 0xffbf),
    ("F3", 0xffc0),
    ("F4", 0xffc1),
    ("F5", 0xffc2),
    ("F6", 0xffc3),
    ("F7", 0xffc4),
    ("F8", 0xffc5),
    ("F9", 0xffc6),
    ("F10", 0xffc7),
    ("Shift_L", 0xffe1),
    ("Control_L", 0xffe3),
    ("Alt_L", 0xffe9),
    ("Super_L", 0xffeb),
];

impl Default for GamepadKeys {
    /// Cross and left stick: arrows; what most games without a gamepad have for the rest.
    fn default() -> Self {
        let pairs = [
            ("up", "Up"),
            ("down", "Down"),
            ("left", "Left"),
            ("right", "Right"),
            ("left-stick-up", "Up"),
            ("left-stick-down", "Down"),
            ("left-stick-left", "Left"),
            ("left-stick-right", "Right"),
            ("a", "Return"),
            ("b", "Escape"),
            ("x", "space"),
            ("y", "Tab"),
            ("lb", "Page_Up"),
            ("rb", "Page_Down"),
            ("back", "BackSpace"),
            ("start", "Return"),
        ];
        let found = pairs.map(|(name, key)| Some((control(name)?, key_named(key)?)));
        Self(found.into_iter().flatten().collect())
    }
}

impl GamepadKeys {
    /// The default with changes by name; an empty key name: the control does nothing.
    ///
    /// # Errors
    /// What is accepted instead.
    pub(crate) fn changed(changes: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut keys = Self::default();
        for (name, key) in changes {
            let control = control(name).ok_or_else(|| {
                let names = CONTROLS.map(|(name, _)| name).join(", ");
                format!("\"{name}\" is no control; accepted are {names}")
            })?;
            if key.is_empty() {
                keys.0.remove(&control);
                continue;
            }
            let keysym = key_named(key).ok_or_else(|| {
                let names = KEYS.map(|(name, _)| name).join(", ");
                format!("\"{key}\" is no key; a character is accepted, or {names}")
            })?;
            keys.0.insert(control, keysym);
        }
        Ok(keys)
    }

    /// The key of a control, as a keysym.
    pub(crate) fn key(&self, control: PadControl) -> Option<u32> {
        self.0.get(&control).copied()
    }
}

fn control(name: &str) -> Option<PadControl> {
    let found = CONTROLS.iter().find(|(known, _)| *known == name);
    found.map(|(_, control)| *control)
}

fn key_named(name: &str) -> Option<u32> {
    if let Some((_, keysym)) = KEYS.iter().find(|(known, _)| *known == name) {
        return Some(*keysym);
    }
    let mut characters = name.chars();
    let character = characters.next().filter(|one| !one.is_control())?;
    let keysym = match u32::from(character) {
        short @ (0x20..=0x7e | 0xa0..=0xff) => short,
        long => 0x0100_0000 + long,
    };
    characters.next().is_none().then_some(keysym)
}

/// Whether a button is down, when it was before.
pub(crate) fn button_is_down(value: u8, was_down: bool) -> bool {
    value >= if was_down { BUTTON_OFF } else { BUTTON_ON }
}

/// Whether a direction of an axis is deflected, when it was before.
pub(crate) fn axis_is_down(value: i16, plus: bool, was_down: bool) -> bool {
    let towards = if plus { value > 0 } else { value < 0 };
    towards && value.unsigned_abs() >= if was_down { AXIS_OFF } else { AXIS_ON }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(name, key): &(&str, &str)| ((*name).to_owned(), (*key).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn changes_replace_add_and_take_away() {
        let keys = GamepadKeys::changed(&changes(&[("a", "j"), ("y", ""), ("rs", "ц")]));
        let keys = keys.expect("known names");
        assert_eq!(keys.key(Button(0)), Some(0x6a));
        assert_eq!(keys.key(Button(3)), None);
        assert_eq!(keys.key(Button(11)), Some(0x0100_0446));
        assert_eq!(keys.key(AxisMinus(0)), Some(0xff51));
    }

    #[test]
    fn mistakes_say_what_is_accepted() {
        let error = GamepadKeys::changed(&changes(&[("q", "j")])).expect_err("no control");
        assert!(
            error.starts_with("\"q\" is no control; accepted are a, b"),
            "{error}"
        );
        let error = GamepadKeys::changed(&changes(&[("a", "Enter")])).expect_err("no key");
        assert!(
            error.contains("a character is accepted, or BackSpace"),
            "{error}"
        );
    }

    #[test]
    fn a_stick_that_trembles_at_the_edge_is_pressed_once() {
        let mut down = false;
        let presses = [15_000, 16_500, 16_300, 16_500, 13_000, 12_000, 13_000];
        let states = presses.map(|value| {
            down = axis_is_down(value, true, down);
            down
        });
        assert_eq!(states, [false, true, true, true, true, false, false]);
        assert!(axis_is_down(i16::MIN, false, false));
        assert!(!axis_is_down(i16::MIN, true, false));
        assert!(button_is_down(100, true) && !button_is_down(100, false));
    }
}
