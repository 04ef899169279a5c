//! Waiting for a condition, with a deadline: the only waiting that tests do.

use std::thread;
use std::time::{Duration, Instant};

/// A deadline for what takes a moment on an idle machine: generous, as the machine may be busy with anything.
pub const SOON: Duration = Duration::from_secs(30);

/// Between two looks: each may start a process.
const PAUSE: Duration = Duration::from_millis(50);

/// Looks again and again until `look` gives a value, and returns that.
///
/// # Panics
/// When `deadline` has passed, with what was waited for and the last reason why it is not so.
#[track_caller]
pub fn eventually<T>(
    deadline: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<T, String>,
) -> T {
    let until = Instant::now() + deadline;
    loop {
        match look() {
            Ok(value) => return value,
            Err(why) if Instant::now() >= until => {
                panic!("not within {deadline:?}: {what}. Last seen: {why}")
            }
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

/// For [`eventually`]: `Ok` if `condition`, else the reason.
///
/// # Errors
/// `why` said.
pub fn holds(condition: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(why()) }
}
