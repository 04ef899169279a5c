//! Whether somebody who may hold keys and buttons is still there: who holds something says so again and again.
//!
//! A connection whose network is dead is given up late, after many seconds; a key that is down so long is a character a
//! hundred times. Pure: time is an argument. It must never know a connection.

use std::time::{Duration, Instant};

use server_bridge::input::Input;

/// How long nothing may come from somebody who holds something; pages say something four times in it
/// (docs/protocols/session-input.md). A guess: longer than the stalls of a usable network.
pub(crate) const HOLD_PATIENCE: Duration = Duration::from_secs(1);

/// What is known of one user.
#[derive(Debug)]
pub(crate) struct Hold {
    may_hold: bool,
    heard_at: Instant,
}

impl Hold {
    /// Nothing is held.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            may_hold: false,
            heard_at: now,
        }
    }

    /// Something came, whatever it was.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard_at = now;
    }

    /// It did this.
    pub(crate) fn took(&mut self, input: Input) {
        match input {
            Input::Button { down, .. } | Input::Key { down, .. } => self.may_hold |= down,
            // What came up again is not counted: letting go of nothing does no harm.
            Input::Touch { .. } | Input::GamepadButton { .. } | Input::GamepadAxis { .. } => {
                self.may_hold = true;
            }
            Input::ReleaseAll => self.may_hold = false,
            Input::Move { .. } | Input::MoveBy { .. } | Input::Wheel { .. } => {}
        }
    }

    /// When everything is to be let go unless something comes; none: nothing is held.
    pub(crate) fn ends_at(&self) -> Option<Instant> {
        self.may_hold.then(|| self.heard_at + HOLD_PATIENCE)
    }

    /// Whether it is to be let go now; then nothing is held.
    pub(crate) fn is_over(&mut self, now: Instant) -> bool {
        let is_over = self.ends_at().is_some_and(|at| at <= now);
        self.may_hold &= !is_over;
        is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Input = Input::Key {
        down: true,
        keysym: 0x61,
        code: 30,
    };

    #[test]
    fn who_holds_something_and_is_silent_lets_go_once() {
        let began = Instant::now();
        let mut hold = Hold::new(began);
        hold.took(KEY);
        let later = began + HOLD_PATIENCE / 2;
        hold.heard(later);
        assert!(!hold.is_over(began + HOLD_PATIENCE));
        assert_eq!(hold.ends_at(), Some(later + HOLD_PATIENCE));
        assert!(hold.is_over(later + HOLD_PATIENCE));
        assert!(!hold.is_over(later + 2 * HOLD_PATIENCE));
        assert_eq!(hold.ends_at(), None);
    }

    #[test]
    fn who_holds_nothing_may_be_silent() {
        let began = Instant::now();
        let mut hold = Hold::new(began);
        hold.took(Input::Move { x: 1, y: 1 });
        assert_eq!(hold.ends_at(), None);
        hold.took(KEY);
        hold.took(Input::ReleaseAll);
        assert!(!hold.is_over(began + 10 * HOLD_PATIENCE));
    }
}
