//! Whether the machine let its processes run: a thread that sleeps a moment again and again notes how late it woke. What
//! has to be on time cannot be when nobody had a turn, and that is nobody's bug.

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long it sleeps.
const NAP: Duration = Duration::from_millis(10);

static WORST_MS: AtomicU64 = AtomicU64::new(0);

/// Watches from now on, for as long as this process lives.
pub(crate) fn watch() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        thread::spawn(|| {
            loop {
                let before = Instant::now();
                thread::sleep(NAP);
                let late = before.elapsed().saturating_sub(NAP);
                let late = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
                WORST_MS.fetch_max(late, Ordering::Relaxed);
            }
        });
    });
}

/// The longest time since [`watch`] in which nobody had a turn.
pub(crate) fn worst() -> Duration {
    Duration::from_millis(WORST_MS.load(Ordering::Relaxed))
}
