//! The clocks that capture needs, in microseconds. Knows nothing of pictures.

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Now, on the clock that all captured packets share (`CLOCK_MONOTONIC`).
pub(crate) fn now_us() -> u64 {
    micros(clock_gettime(ClockId::Monotonic))
}

/// Processor time that the calling thread has used.
pub(crate) fn thread_cpu_us() -> u64 {
    micros(clock_gettime(ClockId::ThreadCPUTime))
}

fn micros(time: Timespec) -> u64 {
    // Neither clock is ever negative.
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1_000
}
