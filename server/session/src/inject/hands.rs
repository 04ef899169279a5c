//! What a user's input does to a pointer and a keyboard: what is held, what has to be pressed for a character, and fingers
//! and gamepads as pointer and keys.
//!
//! Pure: input and time in, acts out. It must never know a connection, or whose input it is.

use std::collections::BTreeMap;
use std::time::Instant;

use server_bridge::input::Input;

use super::gamepad::{GamepadKeys, PadControl, axis_is_down, button_is_down};
use super::keymap::{Group, Keymap, Level, is_character};
use super::touch::{Fingers, Touched};

/// Keys that are held at most; more are not pressed. Hands and a gamepad have fewer.
const MAX_HELD: usize = 64;
/// The wheel's unit: a notch has so many of it.
const NOTCH: i32 = 120;
/// Notches of one input at most. A guess: a page.
const MAX_NOTCHES: i32 = 32;
/// Buttons of the display for ours: left, middle, right, back, forward.
const BUTTONS: [u8; 5] = [1, 2, 3, 8, 9];
// Wheel buttons of the display.
const UP: u8 = 4;
const DOWN: u8 = 5;
const LEFT: u8 = 6;
const RIGHT: u8 = 7;

const SHIFT_L: u32 = 0xffe1;
const SHIFT_R: u32 = 0xffe2;
const CONTROLS: std::ops::RangeInclusive<u32> = 0xffe3..=0xffe4;
// What pastes together with Control, and with Shift.
const V: [u32; 2] = [0x76, 0x56];
const INSERT: u32 = 0xff63;
/// evdev's V: where it is counts with a keyboard of another script.
const V_CODE: u8 = 47;
/// Control, Meta, Alt, Super, Hyper on both sides: what makes a shortcut of a key.
const SHORTCUT_MODIFIERS: std::ops::RangeInclusive<u32> = 0xffe3..=0xffee;
/// Keys that change what others give: Caps_Lock, Shift_Lock, Num_Lock, Mode_switch, ISO_Level3_Shift. Who pressed them
/// has applied them already, so that they are never pressed here.
const APPLIED_ELSEWHERE: [u32; 5] = [0xffe5, 0xffe6, 0xff7f, 0xff7e, 0xfe03];

/// One act at the display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// The pointer to a place, in pixels.
    MoveTo(i16, i16),
    /// The pointer by so many pixels.
    MoveBy(i16, i16),
    /// A button, pressed or released.
    Button(u8, bool),
    /// A key, pressed or released.
    Key(u8, bool),
    /// A symbol is put on a spare key; 0: it is a spare key again.
    Bind(u8, u32),
    /// What a user pastes is to be in the clipboard before the next act.
    AwaitPaste,
}

/// What a held key is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum KeyId {
    /// The physical key, if the keyboard says which.
    Code(u8),
    /// Its symbol, if not.
    Symbol(u32),
    /// A control of a gamepad.
    Pad(u8, PadControl),
}

/// The state of a session's pointer and keyboard.
#[derive(Debug)]
pub(crate) struct Hands {
    width: u32,
    height: u32,
    keymap: Keymap,
    gamepad: GamepadKeys,
    /// Each with the display's key and the symbol it was pressed for.
    keys: BTreeMap<KeyId, (u8, u32)>,
    buttons: [bool; BUTTONS.len()],
    /// Parts of a notch, to the right and down.
    wheel: (i32, i32),
    fingers: Fingers,
}

impl Hands {
    /// Nothing is held, on a display of this size.
    pub(crate) fn new(width: u32, height: u32, keymap: Keymap, gamepad: GamepadKeys) -> Self {
        Self {
            width,
            height,
            keymap,
            gamepad,
            keys: BTreeMap::new(),
            buttons: [false; BUTTONS.len()],
            wheel: (0, 0),
            fingers: Fingers::default(),
        }
    }

    /// The display's keyboard says something else now. What is held stays held.
    pub(crate) fn follow(&mut self, per_key: usize, symbols: &[u32]) {
        self.keymap.follow(per_key, symbols);
    }

    /// Whether it matters which of the keyboard's layouts is in use.
    pub(crate) fn has_groups(&self) -> bool {
        self.keymap.has_groups()
    }

    /// This layout is in use now. What is held stays held.
    pub(crate) fn set_group(&mut self, group: Group) {
        self.keymap.set_group(group);
    }

    /// Whether a change of this key's symbols is one of our own.
    pub(crate) fn has_bound(&self, keycode: u8) -> bool {
        self.keymap.has_bound(keycode)
    }

    /// When [`Self::due`] has something to do; none: nothing waits.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        self.fingers.wake_at()
    }

    /// What time does.
    pub(crate) fn due(&mut self, now: Instant, acts: &mut Vec<Act>) {
        if let Some(at) = self.fingers.due(now) {
            acts.push(Act::MoveTo(at.0, at.1));
            self.button(0, true, acts);
        }
    }

    /// What an input does.
    pub(crate) fn take(&mut self, input: Input, now: Instant, acts: &mut Vec<Act>) {
        match input {
            Input::Move { x, y } => acts.push(self.move_to(x, y)),
            Input::MoveBy { dx, dy } => acts.push(Act::MoveBy(dx, dy)),
            Input::Button { button, down, at } => {
                acts.extend(at.map(|(x, y)| self.move_to(x, y)));
                self.button(usize::from(button), down, acts);
            }
            Input::Wheel { dx, dy } => {
                self.wheel.0 += i32::from(dx);
                self.wheel.1 += i32::from(dy);
                turn(&mut self.wheel.0, LEFT, RIGHT, acts);
                turn(&mut self.wheel.1, UP, DOWN, acts);
            }
            Input::Key { down, keysym, code } => self.key(down, keysym, code, acts),
            Input::Touch {
                finger,
                phase,
                x,
                y,
            } => {
                let at = (self.pixel_x(x), self.pixel_y(y));
                match self.fingers.touch(finger, phase, at, now) {
                    Touched::Nothing => {}
                    Touched::Point => acts.push(Act::MoveTo(at.0, at.1)),
                    Touched::Drag(from) => {
                        acts.push(Act::MoveTo(from.0, from.1));
                        self.button(0, true, acts);
                        acts.push(Act::MoveTo(at.0, at.1));
                    }
                    Touched::Tap(there) => {
                        acts.push(Act::MoveTo(there.0, there.1));
                        self.button(0, true, acts);
                        self.button(0, false, acts);
                    }
                    Touched::Release => self.button(0, false, acts),
                    Touched::Scroll(dx, dy) => {
                        // What is under the fingers follows them.
                        notches(-dx, LEFT, RIGHT, acts);
                        notches(-dy, UP, DOWN, acts);
                    }
                }
            }
            Input::GamepadButton { pad, button, value } => {
                let control = PadControl::Button(button);
                let was_down = self.keys.contains_key(&KeyId::Pad(pad, control));
                self.pad(pad, control, button_is_down(value, was_down), acts);
            }
            Input::GamepadAxis { pad, axis, value } => {
                for (control, plus) in [
                    (PadControl::AxisMinus(axis), false),
                    (PadControl::AxisPlus(axis), true),
                ] {
                    let was_down = self.keys.contains_key(&KeyId::Pad(pad, control));
                    self.pad(pad, control, axis_is_down(value, plus, was_down), acts);
                }
            }
            Input::ReleaseAll => self.release_all(acts),
        }
    }

    /// Releases everything that is held, and forgets what was begun.
    pub(crate) fn release_all(&mut self, acts: &mut Vec<Act>) {
        let mut keycodes: Vec<u8> = self.keys.values().map(|(keycode, _)| *keycode).collect();
        keycodes.sort_unstable();
        keycodes.dedup();
        // Modifiers last: a letter that repeats once more is not another letter.
        let symbols = &self.keymap;
        keycodes.sort_by_key(|&keycode| is_modifier(symbols.symbol(keycode)));
        acts.extend(keycodes.into_iter().map(|keycode| Act::Key(keycode, false)));
        self.keys.clear();
        for button in 0..BUTTONS.len() {
            self.button(button, false, acts);
        }
        self.wheel = (0, 0);
        self.fingers = Fingers::default();
    }

    /// Spare keys are spare again; for the end.
    pub(crate) fn unbind_all(&mut self, acts: &mut Vec<Act>) {
        let bound = self.keymap.unbind_all();
        acts.extend(bound.into_iter().map(|keycode| Act::Bind(keycode, 0)));
    }

    fn pixel_x(&self, x: u16) -> i16 {
        pixel(x, self.width)
    }

    fn pixel_y(&self, y: u16) -> i16 {
        pixel(y, self.height)
    }

    fn move_to(&self, x: u16, y: u16) -> Act {
        Act::MoveTo(self.pixel_x(x), self.pixel_y(y))
    }

    fn button(&mut self, button: usize, down: bool, acts: &mut Vec<Act>) {
        let Some(held) = self.buttons.get_mut(button) else {
            return;
        };
        if *held != down {
            *held = down;
            acts.push(Act::Button(BUTTONS[button], down));
        }
    }

    fn pad(&mut self, pad: u8, control: PadControl, down: bool, acts: &mut Vec<Act>) {
        let id = KeyId::Pad(pad, control);
        match (down, self.gamepad.key(control)) {
            (true, Some(keysym)) => self.press(id, keysym, 0, acts),
            (true, None) => {}
            (false, _) => self.release(id, acts),
        }
    }

    fn key(&mut self, down: bool, keysym: u32, code: u8, acts: &mut Vec<Act>) {
        if APPLIED_ELSEWHERE.contains(&keysym) {
            return;
        }
        let id = match code {
            0 => KeyId::Symbol(keysym),
            code => KeyId::Code(code),
        };
        match down {
            true => self.press(id, keysym, code, acts),
            false => self.release(self.held_as(id, keysym), acts),
        }
    }

    /// Under which name a key that comes up was pressed: without a physical key its symbol may be another by now, because
    /// Shift came up first.
    fn held_as(&self, id: KeyId, keysym: u32) -> KeyId {
        if self.keys.contains_key(&id) {
            return id;
        }
        let other_case = |symbol: u32| {
            let lower = |symbol| char::from_u32(symbol & 0x00ff_ffff).map(char::to_lowercase);
            let (one, other) = (lower(symbol), lower(keysym));
            one.zip(other).is_some_and(|(one, other)| one.eq(other))
        };
        let mut held = self.keys.iter();
        held.find(|(held, (_, symbol))| !matches!(held, KeyId::Pad(..)) && other_case(*symbol))
            .map_or(id, |(held, _)| *held)
    }

    fn press(&mut self, id: KeyId, keysym: u32, code: u8, acts: &mut Vec<Act>) {
        // One that is held already repeats by itself at the display.
        if self.keys.contains_key(&id) || self.keys.len() >= MAX_HELD {
            return;
        }
        let is_shortcut = self.is_held(|symbol| SHORTCUT_MODIFIERS.contains(&symbol));
        if self.pastes(keysym, code) {
            acts.push(Act::AwaitPaste);
        }
        let found = match self.keymap.find(keysym, code) {
            Some(place) => Some((place.keycode, place.level)),
            // Ctrl+C with a keyboard of another script: what counts is where the C is.
            None if keysym == 0 || is_shortcut && is_character(keysym) => {
                let keycode = self.keymap.at(code);
                keycode.map(|keycode| (keycode, Level::Any))
            }
            None => {
                let keys = &self.keys;
                let is_held = |keycode| keys.values().any(|(held, _)| *held == keycode);
                let keycode = self.keymap.bind(keysym, is_held);
                acts.extend(keycode.map(|keycode| Act::Bind(keycode, keysym)));
                keycode.map(|keycode| (keycode, Level::Any))
            }
        };
        let Some((keycode, level)) = found else {
            return;
        };
        if self.keys.values().any(|(held, _)| *held == keycode) {
            // Two of the user's keys are one of the display's; both are typed.
            acts.push(Act::Key(keycode, false));
        }
        let is_letter = char::from_u32(keysym).is_some_and(char::is_alphabetic);
        let shifts = self.held_shifts();
        match level {
            Level::Plain if !shifts.is_empty() => {
                acts.extend(shifts.iter().map(|shift| Act::Key(*shift, false)));
                acts.push(Act::Key(keycode, true));
                acts.extend(shifts.iter().map(|shift| Act::Key(*shift, true)));
            }
            // Caps Lock makes a capital of a shortcut's letter too; nobody means Shift by it.
            Level::Shifted if shifts.is_empty() && !(is_shortcut && is_letter) => {
                let shift = self.keymap.find(SHIFT_L, 0).map(|place| place.keycode);
                acts.extend(shift.map(|shift| Act::Key(shift, true)));
                acts.push(Act::Key(keycode, true));
                acts.extend(shift.map(|shift| Act::Key(shift, false)));
            }
            _ => acts.push(Act::Key(keycode, true)),
        }
        self.keys.insert(id, (keycode, keysym));
    }

    /// Whether applications paste when this key is pressed now.
    fn pastes(&self, keysym: u32, code: u8) -> bool {
        if V.contains(&keysym) || code == V_CODE {
            return self.is_held(|symbol| CONTROLS.contains(&symbol));
        }
        keysym == INSERT && !self.held_shifts().is_empty()
    }

    fn release(&mut self, id: KeyId, acts: &mut Vec<Act>) {
        let Some((keycode, _)) = self.keys.remove(&id) else {
            return;
        };
        if !self.keys.values().any(|(held, _)| *held == keycode) {
            acts.push(Act::Key(keycode, false));
        }
    }

    fn is_held(&self, which: impl Fn(u32) -> bool) -> bool {
        let mut keycodes = self.keys.values().map(|(keycode, _)| *keycode);
        keycodes.any(|keycode| which(self.keymap.symbol(keycode)))
    }

    fn held_shifts(&self) -> Vec<u8> {
        let keycodes = self.keys.values().map(|(keycode, _)| *keycode);
        let is_shift = |keycode: &u8| matches!(self.keymap.symbol(*keycode), SHIFT_L | SHIFT_R);
        keycodes.filter(is_shift).collect()
    }
}

fn is_modifier(symbol: u32) -> bool {
    matches!(symbol, SHIFT_L | SHIFT_R) || SHORTCUT_MODIFIERS.contains(&symbol)
}

/// A place of 0 to 65535 in pixels below `size`, which is at most 8192.
fn pixel(place: u16, size: u32) -> i16 {
    let pixel = u64::from(place) * u64::from(size) / (u64::from(u16::MAX) + 1);
    i16::try_from(pixel).unwrap_or(i16::MAX)
}

/// Turns the wheel by the whole notches that have come together.
fn turn(parts: &mut i32, back: u8, forth: u8, acts: &mut Vec<Act>) {
    notches(*parts / NOTCH, back, forth, acts);
    *parts %= NOTCH;
}

fn notches(count: i32, back: u8, forth: u8, acts: &mut Vec<Act>) {
    let button = if count < 0 { back } else { forth };
    for _ in 0..count.abs().min(MAX_NOTCHES) {
        acts.push(Act::Button(button, true));
        acts.push(Act::Button(button, false));
    }
}

#[cfg(test)]
mod tests;
