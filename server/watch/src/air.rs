//! What is on air on one channel: its newest chunk and nothing older.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::watch;

/// How long after its end a chunk may still be what a newcomer begins with. Chunks of live inputs are over when they come,
/// and each waits for the next. A guess: some chunks, for a way that repairs itself.
const STALE: Duration = Duration::from_secs(10);

/// A chunk on air.
#[derive(Debug)]
pub(crate) struct OnAir {
    parts: Vec<Bytes>,
    since: Instant,
    lasts: Duration,
}

impl OnAir {
    /// Whether a newcomer may begin with it.
    pub(crate) fn is_fresh(&self) -> bool {
        self.since.elapsed() < self.lasts + STALE
    }

    /// How much of it there is for each second of its time.
    pub(crate) fn bits_per_second(&self) -> u64 {
        let bytes: usize = self.parts.iter().map(Bytes::len).sum();
        let ms = u64::try_from(self.lasts.as_millis())
            .unwrap_or(u64::MAX)
            .max(1);
        (bytes as u64).saturating_mul(8_000) / ms
    }

    /// The file; copied only if it is in parts.
    pub(crate) fn file(&self) -> Bytes {
        match &self.parts[..] {
            [whole] => whole.clone(),
            parts => parts.concat().into(),
        }
    }
}

/// A channel's air.
#[derive(Debug)]
pub(crate) struct Air(watch::Sender<Option<Arc<OnAir>>>);

impl Air {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Puts a chunk on air.
    pub(crate) fn put(&self, parts: Vec<Bytes>, lasts: Duration) {
        let since = Instant::now();
        self.0.send_replace(Some(Arc::new(OnAir {
            parts,
            since,
            lasts,
        })));
    }

    /// What a newcomer begins with; `None`: the channel is silent.
    pub(crate) fn newest(&self) -> Option<Arc<OnAir>> {
        self.0.borrow().clone().filter(|chunk| chunk.is_fresh())
    }

    pub(crate) fn listen(&self) -> watch::Receiver<Option<Arc<OnAir>>> {
        self.0.subscribe()
    }
}
