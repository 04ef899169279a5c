//! Waiting for a condition with a deadline, without panicking and with an ear for Ctrl-C.

use std::thread;
use std::time::{Duration, Instant};

use crate::error::SwarmError;
use crate::interrupt::Interrupt;

/// Looks every `pause` until `look` gives a value, and returns it. `look` says otherwise what it sees.
///
/// # Errors
/// When `patience` is over, on Ctrl-C, or when `look` fails for good (the outer result).
pub fn until<T>(
    interrupt: &Interrupt,
    patience: Duration,
    pause: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<Result<T, String>, SwarmError>,
) -> Result<T, SwarmError> {
    let deadline = Instant::now() + patience;
    loop {
        interrupt.check()?;
        match look()? {
            Ok(value) => return Ok(value),
            Err(seen) if Instant::now() >= deadline => {
                return Err(SwarmError::Late {
                    what: what.to_owned(),
                    seen,
                    seconds: patience.as_secs(),
                });
            }
            Err(_) => thread::sleep(pause),
        }
    }
}
