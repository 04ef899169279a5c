//! The channel's one timer: the state machine's time-outs, rows that are due to be restored, and round trips.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::channel::Channel;

/// How often round trips are told to the state machine: it is patient with links whose queues are full, and a chunk of 2 s
/// fills a queue for a part of that.
pub(crate) const RTT_EVERY: Duration = Duration::from_millis(250);
/// A timer that fires later than this was held up by a busy process: what has arrived meanwhile is read first.
const LATE: Duration = Duration::from_millis(20);
/// How many turns the other tasks get then: packet, connection, stream and message are four tasks. Twice that.
const LATE_TURNS: u32 = 8;
/// A timer that fires later than this belongs to a process that was stopped.
const STOPPED: Duration = Duration::from_millis(100);
/// What is waiting in the socket then (4 MiB at most) is read within this time. Measured: 1 GB/s.
const CATCH_UP: Duration = Duration::from_millis(30);

/// Runs until the channel is closed.
pub(crate) async fn run(channel: Arc<Channel>) {
    loop {
        let Some(deadline) = channel.arm_timer() else {
            return;
        };
        tokio::select! {
            () = tokio::time::sleep_until(deadline.into()) => {}
            () = channel.timer.notified() => continue,
        }
        let late = Instant::now().saturating_duration_since(deadline);
        // A process that did not run must not think that its neighbours were silent: their messages are here already.
        if late > STOPPED {
            tokio::time::sleep(CATCH_UP).await;
        } else if late > LATE {
            for _ in 0..LATE_TURNS {
                tokio::task::yield_now().await;
            }
        }
        channel.on_time();
    }
}
