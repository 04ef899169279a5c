//! How fast one user's messages are taken: a rate, what is held back above it, and how much nonsense is borne.
//!
//! Pure: time is an argument. It must never know a connection or what input is for.

use bytes::Bytes;

use super::{BadInput, Input, PageMessage, TouchPhase, decode, pong};

/// Messages that a second adds to what may be taken. With [`BURST`]: never more than 1,000 in any one second. A mouse that
/// reports 1,000 times a second is the fastest there is, and its moves can be merged.
pub const RATE_PER_SECOND: u64 = 750;

/// Messages that may be taken at once after a silence.
pub const BURST: u64 = 250;

/// Of these, what motion never uses up: keys and buttons find room while a mouse floods. A guess: far above what ten fingers
/// press in a second.
pub const RESERVE: u64 = 100;

/// Messages that could not be read before their sender is let go: no page of ours sends a single one.
pub const MAX_BAD: u32 = 32;

/// Places that held motion can be in: the pointer twice (to, by), the wheel, ten fingers, and the axes of four pads.
const MAX_HELD: usize =
    3 + super::MAX_FINGERS as usize + super::MAX_PADS as usize * super::MAX_PAD_AXES as usize;

const MICROS: u64 = 1_000_000;

/// One user's messages on their way in.
///
/// A bucket of tokens, one a message. When it runs low, motion (moves, wheel, fingers under way, axes) is held and merged:
/// the last place counts, distances add up. Anything else goes after what was held, so the order stays; if there is no room
/// even for that it is dropped, and as soon as there is, [`Input::ReleaseAll`] comes first, so that a lost release leaves
/// nothing pressed.
#[derive(Debug)]
pub struct Intake {
    /// In millionths of a message.
    tokens: u64,
    last_us: u64,
    held: Vec<Input>,
    release_first: bool,
    bad: u32,
    dropped: u64,
}

/// What came of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// To be injected, in this order; often empty or one.
    pub inputs: Vec<Input>,
    /// To be sent back on the channel the message came on.
    pub answer: Option<Bytes>,
    /// The message could not be read; it was counted.
    pub bad: Option<BadInput>,
}

/// More than [`MAX_BAD`] messages could not be read: the sender is to be let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{MAX_BAD} messages could not be read; the last: {last}")]
pub struct TooManyBad {
    /// What was wrong with the last one.
    pub last: BadInput,
}

impl Intake {
    /// For a user who comes at `now_us` (microseconds of a clock that never goes back).
    pub fn new(now_us: u64) -> Self {
        Self {
            tokens: BURST * MICROS,
            last_us: now_us,
            held: Vec::new(),
            release_first: false,
            bad: 0,
            dropped: 0,
        }
    }

    /// One message as it came, at `now_us`: the clock of what is captured, because a ping is answered with it.
    ///
    /// # Errors
    ///
    /// [`TooManyBad`]: nothing more is to be taken from this user.
    pub fn take(&mut self, data: &[u8], now_us: u64) -> Result<Taken, TooManyBad> {
        self.refill(now_us);
        match decode(data) {
            Ok(PageMessage::Input(input)) => Ok(Taken {
                inputs: self.admit(input, now_us),
                ..Taken::default()
            }),
            Ok(PageMessage::Ping(token)) => {
                let answer = self.spend(1, 0).then(|| pong(token, now_us));
                self.dropped += u64::from(answer.is_none());
                Ok(Taken {
                    answer,
                    ..Taken::default()
                })
            }
            Err(bad) => {
                self.count_bad(bad)?;
                Ok(Taken {
                    bad: Some(bad),
                    ..Taken::default()
                })
            }
        }
    }

    /// One input that was read by another codec, at `now_us`; gives what is to be injected, in order.
    pub fn admit(&mut self, input: Input, now_us: u64) -> Vec<Input> {
        self.refill(now_us);
        if is_motion(&input) {
            // What is held goes first; it is held because there was no room.
            if self.held.is_empty() && !self.release_first && self.spend(1, RESERVE) {
                return vec![input];
            }
            self.hold(input);
            return self.due(now_us);
        }
        let before = self.held.len() as u64 + u64::from(self.release_first);
        if !self.spend(before + 1, 0) {
            self.dropped += 1;
            self.release_first = true;
            return Vec::new();
        }
        let mut out = self.empty();
        out.push(input);
        out
    }

    /// Counts a message that another codec could not read.
    ///
    /// # Errors
    ///
    /// [`TooManyBad`], as for [`Intake::take`].
    pub fn count_bad(&mut self, last: BadInput) -> Result<(), TooManyBad> {
        self.bad = self.bad.saturating_add(1);
        if self.bad >= MAX_BAD {
            return Err(TooManyBad { last });
        }
        Ok(())
    }

    /// What was held and may go now; to be called when [`Intake::wake_at_us`] has come.
    pub fn due(&mut self, now_us: u64) -> Vec<Input> {
        self.refill(now_us);
        let waiting = self.held.len() as u64 + u64::from(self.release_first);
        if waiting == 0 || !self.spend(waiting, RESERVE) {
            return Vec::new();
        }
        self.empty()
    }

    /// When [`Intake::due`] has something; `None`: nothing is held.
    pub fn wake_at_us(&self) -> Option<u64> {
        let waiting = self.held.len() as u64 + u64::from(self.release_first);
        if waiting == 0 {
            return None;
        }
        let missing = ((waiting + RESERVE) * MICROS).saturating_sub(self.tokens);
        Some(
            self.last_us
                .saturating_add(missing.div_ceil(RATE_PER_SECOND)),
        )
    }

    /// Messages that could not be read so far.
    pub fn bad(&self) -> u32 {
        self.bad
    }

    /// Messages that were readable and for which there was no room. Merged motion is not counted.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn refill(&mut self, now_us: u64) {
        let passed = now_us.saturating_sub(self.last_us);
        self.last_us = self.last_us.max(now_us);
        self.tokens = self
            .tokens
            .saturating_add(passed.saturating_mul(RATE_PER_SECOND))
            .min(BURST * MICROS);
    }

    fn spend(&mut self, messages: u64, left_over: u64) -> bool {
        let enough = self.tokens >= (messages + left_over) * MICROS;
        if enough {
            self.tokens -= messages * MICROS;
        }
        enough
    }

    fn hold(&mut self, input: Input) {
        if matches!(input, Input::Move { .. }) {
            // The place replaces what led there.
            self.held
                .retain(|held| !matches!(held, Input::MoveBy { .. }));
        }
        if let Some(held) = self.held.iter_mut().find(|held| same_motion(held, &input)) {
            *held = merged(*held, input);
        } else if self.held.len() < MAX_HELD {
            self.held.push(input);
        }
    }

    fn empty(&mut self) -> Vec<Input> {
        let mut out = Vec::with_capacity(self.held.len() + 2);
        if std::mem::take(&mut self.release_first) {
            out.push(Input::ReleaseAll);
        }
        out.append(&mut self.held);
        out
    }
}

/// The next one of its kind replaces it or adds to it.
fn is_motion(input: &Input) -> bool {
    match input {
        Input::Move { .. }
        | Input::MoveBy { .. }
        | Input::Wheel { .. }
        | Input::GamepadAxis { .. } => true,
        Input::Touch { phase, .. } => *phase == TouchPhase::Move,
        Input::Button { .. }
        | Input::Key { .. }
        | Input::GamepadButton { .. }
        | Input::ReleaseAll => false,
    }
}

fn same_motion(a: &Input, b: &Input) -> bool {
    match (a, b) {
        (Input::Move { .. }, Input::Move { .. })
        | (Input::MoveBy { .. }, Input::MoveBy { .. })
        | (Input::Wheel { .. }, Input::Wheel { .. }) => true,
        (Input::Touch { finger: a, .. }, Input::Touch { finger: b, .. }) => a == b,
        (
            Input::GamepadAxis {
                pad: a, axis: in_a, ..
            },
            Input::GamepadAxis {
                pad: b, axis: in_b, ..
            },
        ) => a == b && in_a == in_b,
        _ => false,
    }
}

fn merged(earlier: Input, later: Input) -> Input {
    match (earlier, later) {
        (Input::MoveBy { dx: x, dy: y }, Input::MoveBy { dx, dy }) => Input::MoveBy {
            dx: x.saturating_add(dx),
            dy: y.saturating_add(dy),
        },
        (Input::Wheel { dx: x, dy: y }, Input::Wheel { dx, dy }) => Input::Wheel {
            dx: x.saturating_add(dx),
            dy: y.saturating_add(dy),
        },
        (_, later) => later,
    }
}

#[cfg(test)]
#[path = "intake_tests.rs"]
mod tests;
