//! Rounds of a channel that keeps its own time, as every channel of the original does: a block for all its clients, a
//! pause, the next block.
//!
//! This file must never know where blocks come from.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use crate::state::Shared;

/// Gives the next block; `None`: there is none yet. May block.
pub(crate) type NextBlock = Box<dyn FnMut() -> Option<Bytes> + Send>;

/// Plays for ever. A round is over when every client that was there at its start has the block or has failed, which the
/// deadline bounds.
pub(crate) async fn play(shared: Arc<Shared>, channel: u8, mut next: NextBlock) {
    let pause = shared.config.pause;
    // Who comes in the pause begins with the block before it.
    let lasts = shared.config.deadline + pause;
    loop {
        let asked = spawn_blocking(move || (next(), next)).await;
        let block;
        (block, next) = match asked {
            Ok(asked) => asked,
            Err(why) => {
                tracing::error!(channel, "old clients get no more blocks: {why}");
                return;
            }
        };
        if let Some(block) = block {
            let mut round = shared.air(channel, block, Instant::now(), lasts);
            round.over().await;
        }
        sleep(pause).await;
    }
}
