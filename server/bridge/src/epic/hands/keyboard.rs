//! Keys. A key that types is held back until the frontend says which character it typed, which it does at once: so a player's
//! layout counts, whatever the session's is.
//!
//! It must never know how a keysym is typed on the session's display.

use std::collections::BTreeMap;

use crate::input::Input;

use super::keys::{self, Key, RIGHT_ALT, RIGHT_CONTROL, RIGHT_SHIFT};

/// A player's keys, by JavaScript's key code.
#[derive(Debug, Default)]
pub(super) struct Keyboard {
    /// What is down, and as which keysym: it is let go as what it was pressed as. At most one for each code.
    down: BTreeMap<u8, u32>,
    /// Went down just now, and may type a character.
    awaited: Option<u8>,
}

impl Keyboard {
    /// A key goes down.
    pub(super) fn down(&mut self, js: u8, repeat: bool, out: &mut Vec<Input>) {
        let Some(key) = keys::key(js) else { return };
        // A held key is repeated by the session's own keyboard.
        if repeat || self.down.contains_key(&js) {
            return;
        }
        if key.types && !self.is_shortcut() {
            self.awaited = Some(js);
        } else {
            let keysym = self.meaning(key);
            self.press(js, key, keysym, out);
        }
    }

    /// A key goes up.
    pub(super) fn up(&mut self, js: u8, out: &mut Vec<Input>) {
        let (Some(key), Some(keysym)) = (keys::key(js), self.down.remove(&js)) else {
            return;
        };
        out.push(Input::Key {
            down: false,
            keysym,
            code: key.code,
        });
    }

    /// A key typed a character. Without a key that is awaited it is one that was pressed already (Enter, a repetition).
    pub(super) fn typed(&mut self, unit: u16, out: &mut Vec<Input>) {
        let Some((js, key)) = self
            .awaited
            .take()
            .and_then(|js| Some((js, keys::key(js)?)))
        else {
            return;
        };
        if self.is_down(&[RIGHT_ALT]) {
            // It was `AltGr`, which has done its work: the character is typed without it, and without the control key that
            // browsers on Windows report beside it.
            self.up(RIGHT_ALT, out);
            self.up(17, out);
        }
        let keysym = keys::keysym_of(unit).unwrap_or_else(|| self.meaning(key));
        self.press(js, key, keysym, out);
    }

    /// Something else was said: the awaited key types nothing, and counts as what it is on a US keyboard.
    pub(super) fn settle(&mut self, out: &mut Vec<Input>) {
        if let Some((js, key)) = self
            .awaited
            .take()
            .and_then(|js| Some((js, keys::key(js)?)))
        {
            let keysym = self.meaning(key);
            self.press(js, key, keysym, out);
        }
    }

    fn press(&mut self, js: u8, key: Key, keysym: u32, out: &mut Vec<Input>) {
        self.down.insert(js, keysym);
        out.push(Input::Key {
            down: true,
            keysym,
            code: key.code,
        });
    }

    fn meaning(&self, key: Key) -> u32 {
        if self.is_down(&[16, RIGHT_SHIFT]) {
            key.shifted
        } else {
            key.plain
        }
    }

    /// With control, alt or a system key nothing is typed, and nobody waits for it. The right alt key is `AltGr` on many
    /// layouts, which types; there the browser reports the left control key too.
    fn is_shortcut(&self) -> bool {
        !self.is_down(&[RIGHT_ALT]) && self.is_down(&[17, RIGHT_CONTROL, 18, 91, 92])
    }

    fn is_down(&self, any_of: &[u8]) -> bool {
        any_of.iter().any(|js| self.down.contains_key(js))
    }
}
