//! Gamepads. The frontend repeats every axis and every held button with each picture; only what changed goes on.
//!
//! It must never know which keys an application reads instead.

use crate::input::{Input, MAX_PAD_BUTTONS, MAX_PADS};

/// Axes that Epic's messages have: two sticks.
const AXES: usize = 4;

/// Epic's numbers of the triggers among the axes, and the W3C numbers of their buttons.
const TRIGGERS: [(u8, u8); 2] = [(5, 6), (6, 7)];

/// A player's gamepads.
#[derive(Debug, Default)]
pub(super) struct Pads {
    pads: [Pad; MAX_PADS as usize],
}

#[derive(Clone, Copy, Debug, Default)]
struct Pad {
    is_connected: bool,
    axes: [i16; AXES],
    buttons: [u8; MAX_PAD_BUTTONS as usize],
}

impl Pads {
    /// The lowest number that is free.
    pub(super) fn connect(&mut self) -> Option<u8> {
        let free = self.pads.iter().position(|pad| !pad.is_connected)?;
        self.pads[free].is_connected = true;
        u8::try_from(free).ok()
    }

    /// A gamepad is gone: what it held is let go.
    pub(super) fn disconnect(&mut self, pad: u8, out: &mut Vec<Input>) {
        for button in 0..MAX_PAD_BUTTONS {
            self.button(pad, button, 0, out);
        }
        for axis in 0..AXES as u8 {
            self.axis(pad, axis, 0, out);
        }
        if let Some(known) = self.pads.get_mut(usize::from(pad)) {
            known.is_connected = false;
        }
    }

    pub(super) fn button(&mut self, pad: u8, button: u8, value: u8, out: &mut Vec<Input>) {
        let known = self.pads.get_mut(usize::from(pad));
        let Some(last) = known.and_then(|pad| pad.buttons.get_mut(usize::from(button))) else {
            return;
        };
        if *last != value {
            *last = value;
            out.push(Input::GamepadButton { pad, button, value });
        }
    }

    /// `axis` and `value` as in [`crate::epic::channel::ToStreamer::PadAnalog`].
    pub(super) fn analog(&mut self, pad: u8, axis: u8, value: f64, out: &mut Vec<Input>) {
        if let Some((_, button)) = TRIGGERS.iter().find(|(epics, _)| *epics == axis) {
            let pressed = (value.clamp(0.0, 1.0) * f64::from(u8::MAX)).round();
            self.button(pad, *button, pressed as u8, out);
        } else if let Some(axis) = axis.checked_sub(1) {
            // Epic's vertical axes are positive up, the W3C's positive down.
            let value = if axis % 2 == 1 { -value } else { value };
            let value = (value.clamp(-1.0, 1.0) * f64::from(i16::MAX)).round();
            self.axis(pad, axis, value as i16, out);
        }
    }

    /// What they hold was let go by somebody else; they stay connected.
    pub(super) fn forget(&mut self) {
        for pad in &mut self.pads {
            *pad = Pad {
                is_connected: pad.is_connected,
                ..Pad::default()
            };
        }
    }

    fn axis(&mut self, pad: u8, axis: u8, value: i16, out: &mut Vec<Input>) {
        let known = self.pads.get_mut(usize::from(pad));
        let Some(last) = known.and_then(|pad| pad.axes.get_mut(usize::from(axis))) else {
            return;
        };
        if *last != value {
            *last = value;
            out.push(Input::GamepadAxis { pad, axis, value });
        }
    }
}
