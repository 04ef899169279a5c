//! The mouse.
//!
//! It must never know where the session's own pointer is.

use crate::epic::channel::{Place, ToStreamer};
use crate::input::{Input, MAX_BUTTONS};

/// A player's mouse.
#[derive(Debug, Default)]
pub(super) struct Pointer {
    at: Option<(u16, u16)>,
    down: [bool; MAX_BUTTONS as usize],
    /// Pressed by a double click, which some frontends never let go.
    doubled: Option<u8>,
}

impl Pointer {
    /// Whatever comes after a double click but its release lets the button go first.
    pub(super) fn settle(&mut self, next: &ToStreamer, out: &mut Vec<Input>) {
        let Some(button) = self.doubled.take() else {
            return;
        };
        let is_release =
            matches!(next, ToStreamer::MouseUp { button: released, .. } if *released == button);
        if !is_release {
            self.up(button, Place::OUTSIDE, out);
        }
    }

    pub(super) fn down(&mut self, button: u8, at: Place, out: &mut Vec<Input>) {
        self.press(button, true, at, out);
    }

    pub(super) fn up(&mut self, button: u8, at: Place, out: &mut Vec<Input>) {
        self.press(button, false, at, out);
    }

    /// Counts as a press: it is said after the second release.
    pub(super) fn double(&mut self, button: u8, at: Place, out: &mut Vec<Input>) {
        let before = out.len();
        self.press(button, true, at, out);
        if out.len() > before {
            self.doubled = Some(button);
        }
    }

    pub(super) fn moved(&mut self, at: Place, by: (i16, i16), out: &mut Vec<Input>) {
        if let Some((x, y)) = self.place(at, by) {
            out.push(Input::Move { x, y });
        }
    }

    pub(super) fn wheel(&mut self, delta: i16, at: Place, out: &mut Vec<Input>) {
        let before = self.at;
        if let Some((x, y)) = self.place(at, (0, 0))
            && before != Some((x, y))
        {
            out.push(Input::Move { x, y });
        }
        // Epic's is positive away from the user, ours towards.
        if delta != 0 {
            out.push(Input::Wheel {
                dx: 0,
                dy: delta.saturating_neg(),
            });
        }
    }

    /// Pressing what is pressed is nothing: the frontend does it when the mouse comes back with a button held.
    fn press(&mut self, button: u8, down: bool, at: Place, out: &mut Vec<Input>) {
        let at = self.place(at, (0, 0));
        let Some(is_down) = self.down.get_mut(usize::from(button)) else {
            return;
        };
        if *is_down != down {
            *is_down = down;
            out.push(Input::Button { button, down, at });
        }
    }

    /// Ours; `None` outside.
    fn place(&mut self, at: Place, by: (i16, i16)) -> Option<(u16, u16)> {
        if at == Place::OUTSIDE {
            return None;
        }
        let last = self.at.unwrap_or_default();
        let found = (unwrapped(at.x, last.0, by.0), unwrapped(at.y, last.1, by.1));
        self.at = Some(found);
        Some(found)
    }
}

/// The far edge is 65536, which wraps to 0. Whoever was in the far half and did not move back is there.
pub(super) fn unwrapped(found: u16, last: u16, by: i16) -> u16 {
    if found == 0 && last > u16::MAX / 2 && by >= 0 {
        u16::MAX
    } else {
        found
    }
}
