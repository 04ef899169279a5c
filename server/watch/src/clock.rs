//! The clock of packets that leave: microseconds that only rise, the same for all channels of a process.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Where it begins, so that times a little before now are no special case.
const BEGIN_US: u64 = 1_000_000_000;

fn zero() -> Instant {
    static ZERO: OnceLock<Instant> = OnceLock::new();
    *ZERO.get_or_init(Instant::now)
}

/// Now.
pub(crate) fn now_us() -> u64 {
    BEGIN_US + u64::try_from(zero().elapsed().as_micros()).unwrap_or(u64::MAX / 2)
}

/// When that is.
pub(crate) fn instant(at_us: u64) -> Instant {
    zero() + Duration::from_micros(at_us.saturating_sub(BEGIN_US))
}
