//! A client's blocks, one after the other, each by its time.
//!
//! This file must never know requests, or how a connection is made.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep};

use crate::air::{Block, Cue};
use crate::state::{Service, Shared, Wish};
use crate::table::{Failed, Member, Turn};

/// The pause after `10`, in which a client closes its listener: what comes meanwhile would be taken by the listener that
/// is about to go. A guess; the original client needs less than a millisecond.
const SETTLE: Duration = Duration::from_millis(50);
/// Clients that start their turns one after the other, this far apart, so that a round is no burst at its start. A
/// guess: 4,000 connections a second.
const START_EVERY: Duration = Duration::from_micros(250);
/// Over how long a round's starts are spread at most: a third of a round, which leaves the rest for the blocks. A guess.
const SPREAD_MAX: Duration = Duration::from_millis(700);

/// Serves a client that has been told that it is on the channel, until it leaves, is removed, or asks anew.
pub(crate) async fn run(shared: &Arc<Shared>, mut client: Service) {
    let member = client.member;
    let joined = Instant::now();
    let (mut on_air, mut next) = {
        let inner = shared.lock();
        inner.airs[usize::from(member.channel)].listen(joined)
    };
    sleep(SETTLE).await;
    loop {
        // Kept to the end of the turn: so long the round goes on.
        let cue: Cue = match on_air.take() {
            Some(cue) => cue,
            None => tokio::select! {
                biased;
                _ = client.wish.changed() => return,
                cue = next.recv() => match cue {
                    Ok(cue) => cue,
                    Err(RecvError::Lagged(missed)) => {
                        shared.tally.turns_skipped.add(missed);
                        continue;
                    }
                    Err(RecvError::Closed) => return,
                },
            },
        };
        let Some(turn) = shared.lock().table.turn(member) else {
            return;
        };
        let block = &*cue.block;
        let since = block.since.max(joined);
        let sending = send(shared, member, block, turn, since);
        tokio::pin!(sending);
        let sent = loop {
            tokio::select! {
                biased;
                wish = client.wish.changed() => match wish {
                    Ok(()) if *client.wish.borrow() == Wish::Finish => {}
                    _ => return,
                },
                sent = &mut sending => break sent,
            }
        };
        settle(shared, member, block, since, sent);
        if *client.wish.borrow() == Wish::Finish {
            return;
        }
    }
}

/// Sends a block by its time.
async fn send(
    shared: &Shared,
    member: Member,
    block: &Block,
    turn: Turn,
    since: Instant,
) -> io::Result<()> {
    if !turn.first {
        let clients = shared.lock().table.count(member.channel);
        sleep(start_after(member.id(), clients)).await;
    }
    let until = since + shared.config.deadline;
    let caller = &shared.caller;
    caller
        .block(member.ip, &block.data, until, turn.first)
        .await
}

/// Writes down what became of a turn.
fn settle(shared: &Shared, member: Member, block: &Block, since: Instant, sent: io::Result<()>) {
    let (ip, channel, tally) = (member.ip, member.channel, &shared.tally);
    let Err(why) = sent else {
        shared.lock().table.sent(member);
        tally.turns_sent.add(1);
        tally.bytes_sent.add(block.data.len() as u64);
        let took_us = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        tally.turn_longest_us.raise(took_us);
        return;
    };
    tally.turns_failed.add(1);
    if why.kind() == io::ErrorKind::TimedOut {
        tally.turns_timed_out.add(1);
    }
    let failed = shared.lock().table.failed(member);
    if failed == Failed::Removed {
        tally.clients_removed.add(1);
        let what = format_args!("removed from channel {channel} after two failed turns: {why}");
        shared.note(ip, &what);
    } else {
        tracing::debug!(address = %ip, channel, ?failed, "a turn failed: {why}");
    }
}

/// When a client's turn starts within a round of so many clients: evenly spread, always the same for the same client.
fn start_after(id: u64, clients: usize) -> Duration {
    /// 2^64 divided by the golden ratio: multiples of it fill the range evenly, however many there are.
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let clients = u32::try_from(clients).unwrap_or(u32::MAX);
    let spread = START_EVERY.saturating_mul(clients).min(SPREAD_MAX);
    let place = id.wrapping_mul(STEP) >> 32;
    let spread_us = u64::try_from(spread.as_micros()).expect("below a second");
    Duration::from_micros((spread_us * place) >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_spread_evenly_and_a_few_clients_do_not_wait() {
        assert!(start_after(7, 1) < Duration::from_millis(1));
        let mut tenths = [0; 10];
        for id in 5_000..7_000 {
            let after = start_after(id, 2_000);
            assert!(after < Duration::from_millis(500));
            tenths[after.as_millis() as usize / 50] += 1;
        }
        assert!(tenths.iter().all(|n| (190..=210).contains(n)), "{tenths:?}");
        assert!(start_after(9, 1_000_000) < SPREAD_MAX);
    }
}
