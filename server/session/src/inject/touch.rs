//! Fingers as a pointer: the first one points and presses, two scroll.
//!
//! Pure. It must never know a display.

use server_bridge::input::TouchPhase;

/// Pixels that two fingers move for a notch of the wheel. A guess: three lines of text.
const NOTCH_PX: i32 = 40;

/// What a finger did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Touched {
    /// Nothing.
    Nothing,
    /// The pointer is where the finger is.
    Point,
    /// The same, and the button is pressed.
    Press,
    /// The button is released.
    Release,
    /// Two fingers have moved by so many notches, to the right and down.
    Scroll(i32, i32),
}

/// A place in pixels.
type At = (i16, i16);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Gesture {
    /// No finger counts.
    #[default]
    None,
    /// One points.
    Point(u8),
    /// Two scroll: who and where, and what is left of the last notch.
    Scroll {
        fingers: [(u8, At); 2],
        rest: (i32, i32),
    },
}

/// The fingers that are down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fingers {
    gesture: Gesture,
    /// Where the pointing finger is.
    at: At,
    /// A bit for each finger.
    down: u16,
}

impl Fingers {
    /// A finger does something at a place.
    pub(crate) fn touch(&mut self, finger: u8, phase: TouchPhase, at: At) -> Touched {
        let bit = 1_u16.checked_shl(u32::from(finger)).unwrap_or(0);
        match phase {
            TouchPhase::Start => {
                let was_empty = self.down == 0;
                self.down |= bit;
                match self.gesture {
                    Gesture::None if was_empty => {
                        self.gesture = Gesture::Point(finger);
                        self.at = at;
                        Touched::Press
                    }
                    Gesture::Point(first) if first != finger => {
                        self.gesture = Gesture::Scroll {
                            fingers: [(first, self.at), (finger, at)],
                            rest: (0, 0),
                        };
                        Touched::Release
                    }
                    _ => Touched::Nothing,
                }
            }
            TouchPhase::Move => self.moved(finger, at),
            TouchPhase::End | TouchPhase::Cancel => {
                self.down &= !bit;
                match self.gesture {
                    Gesture::Point(first) if first == finger => {
                        self.gesture = Gesture::None;
                        Touched::Release
                    }
                    Gesture::Scroll { fingers, .. }
                        if fingers.iter().any(|(one, _)| *one == finger) =>
                    {
                        // The other one does not begin to point: that would be a click that nobody meant.
                        self.gesture = Gesture::None;
                        Touched::Nothing
                    }
                    _ => Touched::Nothing,
                }
            }
        }
    }

    fn moved(&mut self, finger: u8, at: At) -> Touched {
        match &mut self.gesture {
            Gesture::Point(first) if *first == finger => {
                self.at = at;
                Touched::Point
            }
            Gesture::Scroll { fingers, rest } => {
                let Some((_, last)) = fingers.iter_mut().find(|(one, _)| *one == finger) else {
                    return Touched::Nothing;
                };
                // Half of it: the middle of both fingers counts.
                rest.0 += i32::from(at.0) - i32::from(last.0);
                rest.1 += i32::from(at.1) - i32::from(last.1);
                *last = at;
                let notch = 2 * NOTCH_PX;
                let notches = (rest.0 / notch, rest.1 / notch);
                *rest = (rest.0 % notch, rest.1 % notch);
                match notches {
                    (0, 0) => Touched::Nothing,
                    (dx, dy) => Touched::Scroll(dx, dy),
                }
            }
            _ => Touched::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TouchPhase::{Cancel, End, Move, Start};
    use super::*;

    #[test]
    fn one_finger_presses_drags_and_releases() {
        let mut fingers = Fingers::default();
        assert_eq!(fingers.touch(0, Start, (5, 5)), Touched::Press);
        assert_eq!(fingers.touch(0, Move, (6, 5)), Touched::Point);
        assert_eq!(fingers.touch(0, End, (6, 5)), Touched::Release);
        assert_eq!(
            fingers,
            Fingers {
                at: (6, 5),
                ..Fingers::default()
            }
        );
    }

    #[test]
    fn two_fingers_scroll_and_the_one_that_stays_does_not_click() {
        let mut fingers = Fingers::default();
        fingers.touch(0, Start, (100, 100));
        assert_eq!(fingers.touch(1, Start, (200, 100)), Touched::Release);
        assert_eq!(fingers.touch(0, Move, (100, 140)), Touched::Nothing);
        assert_eq!(fingers.touch(1, Move, (200, 140)), Touched::Scroll(0, 1));
        assert_eq!(fingers.touch(0, Cancel, (100, 140)), Touched::Nothing);
        assert_eq!(fingers.touch(1, Move, (200, 300)), Touched::Nothing);
        // A third one, while the second is still down, is no pointer either.
        assert_eq!(fingers.touch(2, Start, (0, 0)), Touched::Nothing);
        fingers.touch(1, End, (0, 0));
        fingers.touch(2, End, (0, 0));
        assert_eq!(fingers.touch(0, Start, (1, 1)), Touched::Press);
    }
}
