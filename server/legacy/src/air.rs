//! What is on air on one channel, and who waits for what comes next.
//!
//! One copy of a block for all clients. Drop policy: a client that is still at an earlier block when the `BACKLOG` is
//! full misses the oldest that waits for it. This file must never know clients.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{broadcast, mpsc};
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

/// A block for a client. The round goes on as long as anybody has one.
#[derive(Clone, Debug)]
pub(crate) struct Cue {
    pub(crate) block: Arc<Block>,
    /// `None`: whoever has it came in the middle of the round, which does not wait for such.
    _round: Option<mpsc::Sender<Infallible>>,
}

/// A block's way to all clients that were there when it went on air.
#[derive(Debug)]
pub(crate) struct Round(mpsc::Receiver<Infallible>);

impl Round {
    /// Waits until each of them is done with it, whether it got the block or not. Cancel-safe.
    pub(crate) async fn over(&mut self) {
        // Nothing is ever sent: the end of the last sender is the signal.
        let _ = self.0.recv().await;
    }
}

/// A channel's air.
#[derive(Debug)]
pub(crate) struct Air {
    now: Option<Arc<Block>>,
    next: broadcast::Sender<Cue>,
}

impl Air {
    pub(crate) fn new() -> Self {
        Self {
            now: None,
            next: broadcast::Sender::new(BACKLOG),
        }
    }

    /// Puts a block on air, for all who wait and for who comes while it `lasts`.
    pub(crate) fn put(&mut self, data: Bytes, since: Instant, lasts: Duration) -> Round {
        let until = since + lasts;
        let block = Arc::new(Block { data, since, until });
        self.now = Some(block.clone());
        let (running, round) = mpsc::channel(1);
        let cue = Cue {
            block,
            _round: Some(running),
        };
        // Nobody may be there to take it.
        let _ = self.next.send(cue);
        Round(round)
    }

    /// The block that is on air at `now`, if there is one, and all that come after it.
    pub(crate) fn listen(&self, now: Instant) -> (Option<Cue>, broadcast::Receiver<Cue>) {
        let on_air = self.now.clone().filter(|block| now < block.until);
        let cue = |block| Cue {
            block,
            _round: None,
        };
        (on_air.map(cue), self.next.subscribe())
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
        assert_eq!(now.expect("on air").block.data, "0");
        assert!(air.listen(start + round).0.is_none(), "its time is over");
        air.put(Bytes::from_static(b"1"), start + round, round);
        assert_eq!(next.try_recv().expect("it came").block.data, "1");
        assert!(next.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_round_lasts_until_the_last_who_was_there_is_done() {
        let mut air = Air::new();
        let (start, lasts) = (Instant::now(), Duration::from_secs(2));
        air.put(Bytes::from_static(b"0"), start, lasts).over().await;
        let (_, mut first) = air.listen(start);
        let (_, mut second) = air.listen(start);
        let mut round = air.put(Bytes::from_static(b"1"), start, lasts);
        let is_over = async |round: &mut Round| {
            let moment = tokio::time::timeout(Duration::ZERO, round.over());
            moment.await.is_ok()
        };
        let (late, third) = air.listen(start);
        let taken = first.try_recv().expect("it came");
        assert!(!is_over(&mut round).await, "one has it, one will have it");
        drop(taken);
        assert!(!is_over(&mut round).await, "one will have it");
        drop(second.try_recv().expect("it came"));
        assert!(is_over(&mut round).await, "who came later does not count");
        drop(late);
        let mut round = air.put(Bytes::from_static(b"2"), start, lasts);
        drop((first, second));
        assert!(!is_over(&mut round).await, "it waits for the third");
        drop(third);
        assert!(is_over(&mut round).await, "who goes is not waited for");
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
        assert_eq!(next.try_recv().expect("it came").block.data, "1");
    }
}
