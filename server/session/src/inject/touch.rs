//! Fingers as a pointer: the first one points and presses, two scroll.
//!
//! A first finger presses only when no second one has come for a moment, or it has moved or been lifted: two fingers that
//! scroll are not a click before. Pure: time is an argument. It must never know a display.

use std::time::{Duration, Instant};

use server_bridge::input::TouchPhase;

/// Pixels that two fingers move for a notch of the wheel. A guess: three lines of text.
const NOTCH_PX: i32 = 40;
/// How long a first finger waits for a second one before it presses. A guess: fingers that are meant together come down
/// within 50 ms, and nobody notices a press that is later by this.
pub(crate) const TOGETHER: Duration = Duration::from_millis(80);
/// Pixels by which a finger that is put down shakes; from here on it drags.
const SHAKE_PX: i32 = 12;

/// What a finger did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Touched {
    /// Nothing.
    Nothing,
    /// The pointer is where the finger is.
    Point,
    /// The pointer was there, the button is pressed, and the pointer is where the finger is now.
    Drag(At),
    /// The button is pressed there and released.
    Tap(At),
    /// The button is released.
    Release,
    /// Two fingers have moved by so many notches, to the right and down.
    Scroll(i32, i32),
}

/// A place in pixels.
pub(crate) type At = (i16, i16);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Gesture {
    /// No finger counts.
    #[default]
    None,
    /// One is down since then; it is to press, unless a second one comes.
    Wait(u8, Instant),
    /// One points, and the button is pressed.
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
    /// Where the first finger is; while it waits, where it came down.
    at: At,
    /// A bit for each finger.
    down: u16,
}

impl Fingers {
    /// A finger does something at a place.
    pub(crate) fn touch(&mut self, finger: u8, phase: TouchPhase, at: At, now: Instant) -> Touched {
        let bit = 1_u16.checked_shl(u32::from(finger)).unwrap_or(0);
        match phase {
            TouchPhase::Start => {
                let was_empty = self.down == 0;
                self.down |= bit;
                match self.gesture {
                    Gesture::None if was_empty => {
                        self.gesture = Gesture::Wait(finger, now);
                        self.at = at;
                        Touched::Point
                    }
                    Gesture::Wait(first, _) if first != finger => self.scroll(first, finger, at),
                    Gesture::Point(first) if first != finger => {
                        self.scroll(first, finger, at);
                        Touched::Release
                    }
                    _ => Touched::Nothing,
                }
            }
            TouchPhase::Move => self.moved(finger, at),
            TouchPhase::End | TouchPhase::Cancel => {
                self.down &= !bit;
                self.lifted(finger, phase == TouchPhase::End)
            }
        }
    }

    /// When a finger that waits is to press; none waits.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        match self.gesture {
            Gesture::Wait(_, since) => Some(since + TOGETHER),
            _ => None,
        }
    }

    /// The finger that waits presses if it is time; says where.
    pub(crate) fn due(&mut self, now: Instant) -> Option<At> {
        let Gesture::Wait(finger, since) = self.gesture else {
            return None;
        };
        let is_due = now.saturating_duration_since(since) >= TOGETHER;
        is_due.then(|| {
            self.gesture = Gesture::Point(finger);
            self.at
        })
    }

    fn scroll(&mut self, first: u8, second: u8, at: At) -> Touched {
        self.gesture = Gesture::Scroll {
            fingers: [(first, self.at), (second, at)],
            rest: (0, 0),
        };
        Touched::Nothing
    }

    fn lifted(&mut self, finger: u8, is_meant: bool) -> Touched {
        match self.gesture {
            Gesture::Wait(first, _) if first == finger => {
                self.gesture = Gesture::None;
                match is_meant {
                    true => Touched::Tap(self.at),
                    false => Touched::Nothing,
                }
            }
            Gesture::Point(first) if first == finger => {
                self.gesture = Gesture::None;
                Touched::Release
            }
            Gesture::Scroll { fingers, .. } if fingers.iter().any(|(one, _)| *one == finger) => {
                // The other one does not begin to point: that would be a click that nobody meant.
                self.gesture = Gesture::None;
                Touched::Nothing
            }
            _ => Touched::Nothing,
        }
    }

    fn moved(&mut self, finger: u8, at: At) -> Touched {
        match &mut self.gesture {
            Gesture::Wait(first, _) if *first == finger => {
                let far = |one: i16, other: i16| (i32::from(one) - i32::from(other)).abs();
                if far(at.0, self.at.0).max(far(at.1, self.at.1)) < SHAKE_PX {
                    return Touched::Nothing;
                }
                self.gesture = Gesture::Point(finger);
                Touched::Drag(std::mem::replace(&mut self.at, at))
            }
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
        let now = Instant::now();
        assert_eq!(fingers.touch(0, Start, (5, 5), now), Touched::Point);
        assert_eq!(fingers.wake_at(), Some(now + TOGETHER));
        assert_eq!(fingers.touch(0, Move, (6, 5), now), Touched::Nothing);
        assert_eq!(fingers.due(now), None);
        assert_eq!(fingers.due(now + TOGETHER), Some((5, 5)));
        assert_eq!(fingers.due(now + TOGETHER), None);
        assert_eq!(fingers.wake_at(), None);
        assert_eq!(fingers.touch(0, Move, (6, 5), now), Touched::Point);
        assert_eq!(fingers.touch(0, End, (6, 5), now), Touched::Release);
        assert_eq!(
            fingers,
            Fingers {
                at: (6, 5),
                ..Fingers::default()
            }
        );
    }

    #[test]
    fn a_tap_is_a_click_where_it_began_and_a_drag_begins_there_at_once() {
        let mut fingers = Fingers::default();
        let now = Instant::now();
        fingers.touch(3, Start, (50, 50), now);
        fingers.touch(3, Move, (52, 49), now);
        assert_eq!(fingers.touch(3, End, (52, 49), now), Touched::Tap((50, 50)));
        fingers.touch(3, Start, (50, 50), now);
        let dragged = fingers.touch(3, Move, (50, 62), now);
        assert_eq!(dragged, Touched::Drag((50, 50)));
        assert_eq!(fingers.touch(3, End, (50, 70), now), Touched::Release);
        // What the browser took away is no tap.
        fingers.touch(3, Start, (50, 50), now);
        assert_eq!(fingers.touch(3, Cancel, (50, 50), now), Touched::Nothing);
        assert_eq!(fingers.due(now + TOGETHER), None);
    }

    #[test]
    fn two_fingers_that_come_together_press_nothing() {
        let mut fingers = Fingers::default();
        let now = Instant::now();
        fingers.touch(0, Start, (100, 100), now);
        let second = fingers.touch(1, Start, (200, 100), now);
        assert_eq!(second, Touched::Nothing);
        assert_eq!(fingers.due(now + TOGETHER), None);
        fingers.touch(0, Move, (100, 140), now);
        let scrolled = fingers.touch(1, Move, (200, 140), now);
        assert_eq!(scrolled, Touched::Scroll(0, 1));
        assert_eq!(fingers.touch(0, End, (100, 140), now), Touched::Nothing);
        assert_eq!(fingers.touch(1, End, (200, 140), now), Touched::Nothing);
    }

    #[test]
    fn two_fingers_scroll_and_the_one_that_stays_does_not_click() {
        let mut fingers = Fingers::default();
        let now = Instant::now();
        let mut touch = |finger, phase, at| fingers.touch(finger, phase, at, now);
        touch(0, Start, (100, 100));
        touch(0, Move, (100, 130));
        assert_eq!(touch(1, Start, (200, 100)), Touched::Release);
        assert_eq!(touch(0, Move, (100, 170)), Touched::Nothing);
        assert_eq!(touch(1, Move, (200, 140)), Touched::Scroll(0, 1));
        assert_eq!(touch(0, Cancel, (100, 140)), Touched::Nothing);
        assert_eq!(touch(1, Move, (200, 300)), Touched::Nothing);
        // A third one, while the second is still down, is no pointer either.
        assert_eq!(touch(2, Start, (0, 0)), Touched::Nothing);
        touch(1, End, (0, 0));
        touch(2, End, (0, 0));
        assert_eq!(touch(0, Start, (1, 1)), Touched::Point);
    }
}
