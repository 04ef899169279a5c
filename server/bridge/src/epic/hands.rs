//! What Epic's frontend says about a player's hands, as our [`Input`].
//!
//! Pure: it remembers what is pressed, so that nothing is pressed twice, let go twice, or left. It must never know who has
//! control or how input reaches the application.

mod fingers;
mod keyboard;
mod keys;
mod pads;
mod pointer;

use crate::input::Input;

use super::channel::ToStreamer;
use fingers::Fingers;
use keyboard::Keyboard;
use pads::Pads;
use pointer::Pointer;

/// One player's hands.
#[derive(Debug, Default)]
pub struct Hands {
    keyboard: Keyboard,
    pointer: Pointer,
    fingers: Fingers,
    pads: Pads,
}

impl Hands {
    /// Nothing is pressed.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a message means, in order; messages that are not about hands mean nothing.
    pub fn take(&mut self, message: &ToStreamer) -> Vec<Input> {
        let mut out = Vec::new();
        if !matches!(message, ToStreamer::KeyPress { .. }) {
            self.keyboard.settle(&mut out);
        }
        self.pointer.settle(message, &mut out);
        match *message {
            ToStreamer::KeyDown { key, repeat } => self.keyboard.down(key, repeat, &mut out),
            ToStreamer::KeyUp { key } => self.keyboard.up(key, &mut out),
            ToStreamer::KeyPress { unit } => self.keyboard.typed(unit, &mut out),
            ToStreamer::MouseDown { button, at } => self.pointer.down(button, at, &mut out),
            ToStreamer::MouseUp { button, at } => self.pointer.up(button, at, &mut out),
            ToStreamer::MouseDouble { button, at } => self.pointer.double(button, at, &mut out),
            ToStreamer::MouseMove { at, dx, dy } => self.pointer.moved(at, (dx, dy), &mut out),
            ToStreamer::MouseWheel { delta, at } => self.pointer.wheel(delta, at, &mut out),
            ToStreamer::TouchStart(ref touches) => self.fingers.start(touches, &mut out),
            ToStreamer::TouchMove(ref touches) => self.fingers.moved(touches, &mut out),
            ToStreamer::TouchEnd(ref touches) => self.fingers.end(touches, &mut out),
            ToStreamer::PadPressed { pad, button, .. } => {
                self.pads.button(pad, button, u8::MAX, &mut out);
            }
            ToStreamer::PadReleased { pad, button } => self.pads.button(pad, button, 0, &mut out),
            ToStreamer::PadAnalog { pad, axis, value } => {
                self.pads.analog(pad, axis, value, &mut out);
            }
            ToStreamer::PadDisconnected { pad } => self.pads.disconnect(pad, &mut out),
            _ => {}
        }
        out
    }

    /// A gamepad was connected; gives its number, if there is one left.
    pub fn connect_pad(&mut self) -> Option<u8> {
        self.pads.connect()
    }

    /// Everything was let go by somebody else: control went to another user.
    pub fn forget(&mut self) {
        self.keyboard = Keyboard::default();
        self.pointer = Pointer::default();
        self.fingers = Fingers::default();
        self.pads.forget();
    }
}

#[cfg(test)]
#[path = "hands/tests.rs"]
mod tests;
