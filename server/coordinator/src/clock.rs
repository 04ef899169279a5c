//! The coordinator's clock: where the machine's clocks are read. What is believed of them is the rules' business.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use server_booking::clock::SteadyClock;
use server_booking::model::UnixSeconds;

/// The time by which everything is decided.
#[derive(Debug)]
pub(crate) struct Clock {
    began: Instant,
    steady: Mutex<Steady>,
}

#[derive(Debug)]
struct Steady {
    clock: SteadyClock,
    doubted: bool,
}

impl Clock {
    /// Starts with what the machine says.
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            steady: Mutex::new(Steady {
                clock: SteadyClock::new(wall(), Duration::ZERO),
                doubted: false,
            }),
        }
    }

    /// Since the coordinator began; never goes back.
    pub(crate) fn monotonic(&self) -> Duration {
        self.began.elapsed()
    }

    /// The time.
    pub(crate) fn now(&self) -> UnixSeconds {
        let (wall, monotonic) = (wall(), self.monotonic());
        let mut steady = self.steady.lock().unwrap_or_else(PoisonError::into_inner);
        let now = steady.clock.read(wall, monotonic);
        let doubted = steady.clock.doubted_seconds();
        if doubted.is_some() != steady.doubted {
            steady.doubted = doubted.is_some();
            match doubted {
                Some(seconds) => tracing::warn!(
                    seconds,
                    "the machine's clock jumped; it is not believed until it has stayed so for a while"
                ),
                None => tracing::info!("the machine's clock is believed again"),
            }
        }
        now
    }
}

fn wall() -> UnixSeconds {
    // A clock before 1970 is one that was never set.
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    UnixSeconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
