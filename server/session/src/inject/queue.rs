//! Input on its way to the thread that injects it: bounded, moves coalesced, presses and releases never lost silently.
//!
//! Pure. It must never know a display.

use std::collections::VecDeque;

use server_bridge::input::{Input, TouchPhase};

/// What waits at most: a second of everything that one viewer may send (1000 messages).
pub(crate) const MAX_WAITING: usize = 1024;

/// The queue. When it is full, all of it makes room for one [`Input::ReleaseAll`]: a release that was left out would be a
/// key that stays down for ever.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Input>,
}

impl Queue {
    /// Takes one in; false: the queue was full, and everything is released instead.
    pub(crate) fn push(&mut self, input: Input) -> bool {
        if let Some(last) = self.waiting.back_mut()
            && let Some(both) = coalesced(*last, input)
        {
            *last = both;
            return true;
        }
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(input);
            return true;
        }
        self.waiting.clear();
        self.waiting.push_back(Input::ReleaseAll);
        false
    }

    /// Everything that waits.
    pub(crate) fn take(&mut self) -> VecDeque<Input> {
        std::mem::take(&mut self.waiting)
    }

    /// Nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// One input that does what both do, if there is one.
fn coalesced(first: Input, second: Input) -> Option<Input> {
    match (first, second) {
        (Input::Move { .. }, Input::Move { .. }) => Some(second),
        (Input::ReleaseAll, Input::ReleaseAll) => Some(second),
        (Input::MoveBy { dx, dy }, Input::MoveBy { dx: x, dy: y }) => Some(Input::MoveBy {
            dx: dx.checked_add(x)?,
            dy: dy.checked_add(y)?,
        }),
        (Input::Wheel { dx, dy }, Input::Wheel { dx: x, dy: y }) => Some(Input::Wheel {
            dx: dx.checked_add(x)?,
            dy: dy.checked_add(y)?,
        }),
        (
            Input::Touch {
                finger,
                phase: TouchPhase::Move,
                ..
            },
            Input::Touch {
                finger: other,
                phase: TouchPhase::Move,
                ..
            },
        ) if finger == other => Some(second),
        (
            Input::GamepadAxis { pad, axis, .. },
            Input::GamepadAxis {
                pad: other_pad,
                axis: other_axis,
                ..
            },
        ) if (pad, axis) == (other_pad, other_axis) => Some(second),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(code: u8, down: bool) -> Input {
        Input::Key {
            down,
            keysym: 0,
            code,
        }
    }

    #[test]
    fn moves_become_one_and_what_lies_between_keeps_its_place() {
        let mut queue = Queue::default();
        for x in 0..100 {
            assert!(queue.push(Input::Move { x, y: 0 }));
        }
        assert!(queue.push(key(30, true)));
        assert!(queue.push(Input::MoveBy { dx: 3, dy: -1 }));
        assert!(queue.push(Input::MoveBy { dx: 4, dy: -1 }));
        let taken: Vec<_> = queue.take().into();
        assert_eq!(
            taken,
            [
                Input::Move { x: 99, y: 0 },
                key(30, true),
                Input::MoveBy { dx: 7, dy: -2 }
            ]
        );
        assert!(queue.is_empty());
    }

    #[test]
    fn a_full_queue_releases_everything_instead_of_forgetting_a_release() {
        let mut queue = Queue::default();
        for at in 0..MAX_WAITING {
            assert!(queue.push(key(30, at % 2 == 0)));
        }
        assert!(!queue.push(key(31, true)));
        assert!(queue.push(key(32, true)));
        let taken: Vec<_> = queue.take().into();
        assert_eq!(taken, [Input::ReleaseAll, key(32, true)]);
    }

    #[test]
    fn sums_that_do_not_fit_stay_two() {
        let mut queue = Queue::default();
        for _ in 0..2 {
            assert!(queue.push(Input::Wheel {
                dx: 0,
                dy: i16::MAX
            }));
        }
        assert_eq!(queue.take().len(), 2);
    }
}
