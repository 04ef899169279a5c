//! What is on air on one channel, and who waits for what comes next.
//!
//! One copy of a block for all clients. Drop policy: a client that is still at an earlier block when the `BACKLOG` is
//! full misses the oldest that waits for it. This file must never know clients.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::broadcast;
use tokio::time::Instant;

/// Blocks that wait for clients which are at an earlier one. Two: a film's last block may be much shorter than a round,
/// so that one which is on time sees the next begin.
const BACKLOG: usize = 2;

/// A block on air.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) data: Bytes,
    /// Since when it is on air.
    pub(crate) since: Instant,
    until: Instant,
}

/// A channel's air.
#[derive(Debug)]
pub(crate) struct Air {
    now: Option<Arc<Block>>,
    next: broadcast::Sender<Arc<Block>>,
}

impl Air {
    pub(crate) fn new() -> Self {
        Self {
            now: None,
            next: broadcast::Sender::new(BACKLOG),
        }
    }

    /// Puts a block on air, for all who wait and for who comes while it `lasts`.
    pub(crate) fn put(&mut self, data: Bytes, since: Instant, lasts: Duration) {
        let until = since + lasts;
        let block = Arc::new(Block { data, since, until });
        self.now = Some(block.clone());
        // Nobody may be there to take it.
        let _ = self.next.send(block);
    }

    /// The block that is on air at `now`, if there is one, and all that come after it.
    pub(crate) fn listen(
        &self,
        now: Instant,
    ) -> (Option<Arc<Block>>, broadcast::Receiver<Arc<Block>>) {
        let on_air = self.now.clone().filter(|block| now < block.until);
        (on_air, self.next.subscribe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_gets_the_block_on_air_and_then_each_next_one_once() {
        let mut air = Air::new();
        let start = Instant::now();
        let round = Duration::from_secs(2);
        assert!(air.listen(start).0.is_none(), "nothing was on air yet");
        air.put(Bytes::from_static(b"0"), start, round);
        let (now, mut next) = air.listen(start + round / 2);
        assert_eq!(now.expect("on air").data, "0");
        assert!(air.listen(start + round).0.is_none(), "its time is over");
        air.put(Bytes::from_static(b"1"), start + round, round);
        assert_eq!(next.try_recv().expect("it came").data, "1");
        assert!(next.try_recv().is_err());
    }

    #[test]
    fn who_stays_behind_misses_the_oldest() {
        let mut air = Air::new();
        let start = Instant::now();
        let (_, mut next) = air.listen(start);
        for block in [&b"0"[..], b"1", b"2"] {
            air.put(Bytes::from_static(block), start, Duration::from_secs(2));
        }
        assert!(matches!(
            next.try_recv(),
            Err(broadcast::error::TryRecvError::Lagged(1))
        ));
        assert_eq!(next.try_recv().expect("it came").data, "1");
    }
}
