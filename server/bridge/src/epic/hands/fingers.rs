//! Fingers on a touch screen.
//!
//! It must never know what a touch does to the session's pointer.

use crate::epic::channel::Touch;
use crate::input::{Input, MAX_FINGERS, TouchPhase};

use super::pointer::unwrapped;

/// A player's fingers: where each one that is down was last.
#[derive(Debug, Default)]
pub(super) struct Fingers {
    at: [Option<(u16, u16)>; MAX_FINGERS as usize],
}

impl Fingers {
    /// Fingers come down; one that is outside the picture does not.
    pub(super) fn start(&mut self, touches: &[Touch], out: &mut Vec<Input>) {
        for touch in touches.iter().filter(|touch| touch.valid) {
            let Some(last) = self.at.get_mut(usize::from(touch.finger)) else {
                continue;
            };
            let phase = if last.is_some() {
                TouchPhase::Move
            } else {
                TouchPhase::Start
            };
            let at = (touch.at.x, touch.at.y);
            *last = Some(at);
            out.push(input(touch.finger, phase, at));
        }
    }

    /// Fingers that are down moved; the frontend names all of them each time.
    pub(super) fn moved(&mut self, touches: &[Touch], out: &mut Vec<Input>) {
        for touch in touches.iter().filter(|touch| touch.valid) {
            let Some(Some(last)) = self.at.get_mut(usize::from(touch.finger)) else {
                continue;
            };
            let at = place(touch, *last);
            if at != *last {
                *last = at;
                out.push(input(touch.finger, TouchPhase::Move, at));
            }
        }
    }

    /// Fingers were lifted; outside the picture that is where they were last inside.
    pub(super) fn end(&mut self, touches: &[Touch], out: &mut Vec<Input>) {
        for touch in touches {
            let finger = self.at.get_mut(usize::from(touch.finger));
            let Some(last) = finger.and_then(Option::take) else {
                continue;
            };
            let at = if touch.valid {
                place(touch, last)
            } else {
                last
            };
            out.push(input(touch.finger, TouchPhase::End, at));
        }
    }
}

fn place(touch: &Touch, last: (u16, u16)) -> (u16, u16) {
    (
        unwrapped(touch.at.x, last.0, 0),
        unwrapped(touch.at.y, last.1, 0),
    )
}

fn input(finger: u8, phase: TouchPhase, (x, y): (u16, u16)) -> Input {
    Input::Touch {
        finger,
        phase,
        x,
        y,
    }
}
