//! A loop on air: each chunk at its time, evenly, for ever.
//!
//! This file must never know where chunks come from or how peers are reached.

use std::sync::Arc;
use std::time::Duration;

use overlay_quic::Root;

use crate::channel::{Channel, Ready};
use crate::error::OriginError;
use crate::library::{Library, Progress};
use crate::schedule::{GoOn, Slot, go_on};
use crate::state::ChannelState;

/// Over which part of its duration a chunk of a film is let go: traffic is smooth, and there is time to deliver the end
/// of a chunk, and to repair, before the next one begins. A guess.
const PACE: (u64, u64) = (3, 4);
/// Over how long a chunk is let go that is late, or whose time is nearly over. A guess: a burst that a switch carries.
const LATE_OVER_US: u64 = 100_000;
/// How late a chunk may come from the cutter before the broadcast's clock waits for it. A guess: what nobody notices.
const SLIP_US: u64 = 200_000;

/// One loop on one channel.
pub(crate) struct Playout {
    channel: Arc<Channel>,
    root: Root,
    library: Arc<Library>,
    state: ChannelState,
    /// The last chunk that was dealt with, published or not.
    done: Option<u64>,
    /// Whether that one is published once more.
    again: bool,
    /// Whether the cutter was waited for since the last chunk.
    waited: bool,
    told_end: bool,
    /// Of the wall clock's changes, those that were told.
    noted_step_us: i64,
}

impl Playout {
    pub(crate) fn new(
        channel: Arc<Channel>,
        root: Root,
        library: Arc<Library>,
        state: ChannelState,
        again: bool,
    ) -> Self {
        Self {
            done: state.last_published_seq,
            channel,
            root,
            library,
            state,
            again,
            waited: false,
            told_end: false,
            noted_step_us: 0,
        }
    }

    /// Broadcasts until the channel is closed.
    ///
    /// # Errors
    /// When it was closed.
    pub(crate) async fn run(mut self) -> Result<(), OriginError> {
        loop {
            let slot = self.next_slot().await;
            self.air(slot).await?;
            self.watch_clock();
        }
    }

    /// What is next, as soon as it is there.
    async fn next_slot(&mut self) -> Slot {
        let library = self.library.clone();
        let mut progress = library.progress();
        loop {
            let seen = progress.borrow_and_update().clone();
            self.show(&seen);
            if let Some(slot) = self.choose(self.channel.station.clock.now_us()) {
                self.waited = false;
                return slot;
            }
            self.waited = true;
            if progress.changed().await.is_err() {
                unreachable!("the library, which has the sender, is held here");
            }
        }
    }

    /// Decides what is next; `None`: it is not cut yet.
    fn choose(&mut self, now_us: u64) -> Option<Slot> {
        let anchor = self.state.anchor;
        let on_air = self.library.ask(|t| t.on_air(anchor, now_us));
        let next = match self.done {
            Some(done) if self.again => done,
            Some(done) => done + 1,
            None => anchor.base_seq,
        };
        // Where the cutter is behind, the broadcast goes on where it was and its clock waits: a viewer would rather see
        // all of the film than be on time.
        let cutter_is_behind = self.waited || on_air.is_none();
        let Some(on_air) = on_air.filter(|_| !cutter_is_behind) else {
            let slot = self.library.ask(|t| t.slot(anchor, next))?;
            if slot.start_us + SLIP_US < now_us {
                let late_ms = (now_us - slot.start_us) / 1_000;
                tracing::warn!(
                    channel = self.channel.number(),
                    late_ms,
                    "the cutter is behind; the broadcast and its clock wait for it"
                );
                return Some(self.move_to(next, now_us));
            }
            return Some(slot);
        };
        let seq = match go_on(self.done, on_air, self.again) {
            GoOn::With(seq) => seq,
            GoOn::Jump { to, left_out } => {
                let channel = &self.channel;
                tracing::warn!(
                    channel = channel.number(),
                    left_out,
                    "chunks fell due while nobody broadcast; it goes on where it is by the clock"
                );
                channel.board.write(|air| air.chunks_left_out += left_out);
                to
            }
            GoOn::Backwards(seq) => {
                tracing::warn!(
                    channel = self.channel.number(),
                    seq,
                    "the clock stands before the last broadcast; it goes on with the next chunk, from now on by this clock"
                );
                return Some(self.move_to(seq, now_us));
            }
        };
        self.library.ask(|t| t.slot(anchor, seq))
    }

    /// Moves the broadcast's anchor so that `seq`, which is there, is on air now.
    fn move_to(&mut self, seq: u64, now_us: u64) -> Slot {
        let anchor = self.state.anchor;
        let (anchor, slot) = self.library.ask(|t| {
            let moved = t.moved(anchor, seq, now_us);
            (moved, t.slot(moved, seq))
        });
        self.state.anchor = anchor;
        slot.expect("the chunk is there")
    }

    /// Puts a slot on air: waits for its time, publishes its chunk.
    async fn air(&mut self, slot: Slot) -> Result<(), OriginError> {
        let file = self
            .library
            .file(slot.index)
            .expect("a slot is of a chunk that is there");
        let extension = file.extension;
        let path = file.path.clone();
        let read = tokio::task::spawn_blocking(move || file.read()).await;
        let channel = self.channel.clone();
        let clock = &channel.station.clock;
        tokio::time::sleep_until(clock.instant(slot.start_us).into()).await;
        self.done = Some(slot.seq);
        self.again = false;
        channel.board.write(|air| air.seq_on_air = Some(slot.seq));
        let data = match read {
            Ok(Ok(data)) => data,
            Ok(Err(why)) => {
                channel.left_out(&format!("{}: {why}", path.display()));
                return Ok(());
            }
            Err(why) => {
                channel.left_out(&format!("{}: {why}", path.display()));
                return Ok(());
            }
        };
        let ready = Ready {
            seq: slot.seq,
            extension,
            wall_time_us: slot.start_us,
            duration_us: slot.duration_us,
            data,
        };
        let over = pace(&slot, clock.now_us());
        channel
            .publish(&self.root, &mut self.state, ready, over)
            .await?;
        Ok(())
    }

    /// Shows how far the library is.
    fn show(&mut self, progress: &Progress) {
        let board = &self.channel.board;
        board.write(|air| {
            air.loop_chunks = Some(progress.files);
            air.loop_complete = Some(progress.ended == Some(Ok(())));
        });
        if let (Some(Err(why)), false) = (&progress.ended, self.told_end) {
            self.told_end = true;
            tracing::error!(
                channel = self.channel.number(),
                chunks = progress.files,
                "{why}; the broadcast loops over what was cut until the server is started again"
            );
            self.channel.problem(why);
        }
    }

    fn watch_clock(&mut self) {
        let Some(step_us) = self.channel.station.clock.step_since(self.noted_step_us) else {
            return;
        };
        self.noted_step_us += step_us;
        tracing::warn!(
            channel = self.channel.number(),
            step_s = step_us / 1_000_000,
            "the machine's clock was set; the broadcast goes on as before, its next start follows the new clock"
        );
    }
}

/// Over how long a chunk is let go that is started at `now_us`.
fn pace(slot: &Slot, now_us: u64) -> Duration {
    let until_us = slot.start_us + slot.duration_us * PACE.0 / PACE.1;
    let short_us = LATE_OVER_US.min(slot.duration_us);
    Duration::from_micros(until_us.saturating_sub(now_us).max(short_us))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_let_go_over_most_of_its_time_and_a_late_one_quickly() {
        let slot = Slot {
            seq: 0,
            index: 0,
            start_us: 10_000_000,
            duration_us: 2_000_000,
        };
        let ms = Duration::from_millis;
        assert_eq!(pace(&slot, 10_000_000), ms(1_500));
        assert_eq!(pace(&slot, 11_000_000), ms(500));
        assert_eq!(pace(&slot, 11_450_000), ms(100));
        assert_eq!(pace(&slot, 99_000_000), ms(100));
        let short = Slot {
            duration_us: 40_000,
            ..slot
        };
        assert_eq!(pace(&short, 99_000_000), ms(40));
    }
}
