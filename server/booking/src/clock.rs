//! A wall clock that does not believe a jump at once.
//!
//! A clock that is set forward by mistake would end every booking until then, and setting it back would not bring them
//! back. So a jump is believed only after the wall clock has kept to it for a while; until then time goes on by the
//! monotonic clock. This file must never read a clock itself.

use std::time::Duration;

use crate::model::UnixSeconds;

/// How far the two clocks may be apart for the wall clock to be believed at once, in seconds. Leap seconds and the
/// steps of a time service are below it; a guess.
pub const TOLERATED_SECONDS: i64 = 5;

/// How long a jump must last to be believed: longer than an operator needs to see a wrong date and correct it; a guess.
/// Until then bookings are judged by the time before, which is right unless the machine was asleep.
pub const BELIEVED_AFTER: Duration = Duration::from_secs(300);

/// The time as the rules are to see it.
#[derive(Clone, Debug)]
pub struct SteadyClock {
    /// The wall clock's time that was believed last.
    wall: i64,
    /// The monotonic clock's, then.
    monotonic: Duration,
    /// What was shown last.
    shown: i64,
    /// A jump that is not believed yet: by how much, and since when.
    jump: Option<(i64, Duration)>,
}

impl SteadyClock {
    /// Begins with both clocks' times, believing them.
    #[must_use]
    pub fn new(wall: UnixSeconds, monotonic: Duration) -> Self {
        Self {
            wall: wall.0,
            monotonic,
            shown: wall.0,
            jump: None,
        }
    }

    /// The time, from both clocks' times. It never goes back but when a jump back is believed.
    pub fn read(&mut self, wall: UnixSeconds, monotonic: Duration) -> UnixSeconds {
        let passed = monotonic.saturating_sub(self.monotonic).as_secs();
        let expected = self
            .wall
            .saturating_add(i64::try_from(passed).unwrap_or(i64::MAX));
        let apart = wall.0.saturating_sub(expected);
        if is_tolerated(apart) {
            self.believe(wall, monotonic);
            self.shown = self.shown.max(wall.0);
            return UnixSeconds(self.shown);
        }
        match self.jump {
            Some((jump, since)) if is_tolerated(apart.saturating_sub(jump)) => {
                if monotonic.saturating_sub(since) >= BELIEVED_AFTER {
                    self.believe(wall, monotonic);
                    self.shown = wall.0;
                    return wall;
                }
            }
            _ => self.jump = Some((apart, monotonic)),
        }
        self.shown = self.shown.max(expected);
        UnixSeconds(self.shown)
    }

    /// By how many seconds the wall clock has jumped, as long as that is not believed: worth a warning.
    #[must_use]
    pub fn doubted_seconds(&self) -> Option<i64> {
        self.jump.map(|(jump, _)| jump)
    }

    fn believe(&mut self, wall: UnixSeconds, monotonic: Duration) {
        self.wall = wall.0;
        self.monotonic = monotonic;
        self.jump = None;
    }
}

fn is_tolerated(seconds: i64) -> bool {
    seconds.unsigned_abs() <= TOLERATED_SECONDS.unsigned_abs()
}
