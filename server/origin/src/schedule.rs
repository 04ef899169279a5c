//! Which chunk is on air when: pure arithmetic over the durations of a loop.
//!
//! Slot times follow the chunks' own durations, not a grid of two seconds: the last chunk of a film is shorter (or a
//! little longer) than the others, and a grid would make every viewer's picture stand still at the end of each round.
//! Chunk `seq` of a loop of n chunks with period P is chunk `(seq - base) mod n` in round `(seq - base) / n`, and it is
//! on air at `anchor + round * P + start of that chunk`. This file must never know clocks, files or peers.

use serde::{Deserialize, Serialize};

/// Chunks that fell due while nobody broadcast and that are still published, at once and in order: viewers of an origin
/// that was away for a moment miss nothing. Half of the 10 chunks that the forest keeps in its windows, so that the
/// newest ones of before stay there as well.
pub const CATCH_UP_CHUNKS: u64 = 5;

/// Where the broadcast of a loop hangs on the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Anchor {
    /// When chunk `base_seq`, the first of the loop, is on air in round 0: microseconds since the Unix epoch.
    pub(crate) unix_us: u64,
    /// The number of that chunk.
    pub(crate) base_seq: u64,
}

/// One chunk's place in the broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Its number on the channel.
    pub(crate) seq: u64,
    /// Which chunk of the loop it is.
    pub(crate) index: usize,
    /// When it is on air: microseconds since the Unix epoch.
    pub(crate) start_us: u64,
    /// How long, microseconds.
    pub(crate) duration_us: u64,
}

/// The durations of a loop's chunks, as far as they are known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    /// End of each chunk from the loop's start, microseconds.
    ends_us: Vec<u64>,
    complete: bool,
}

impl Timeline {
    /// Adds the next chunk; one of 0 µs counts as 1, so that each has a moment of its own.
    pub(crate) fn push(&mut self, duration_us: u64) {
        self.ends_us.push(self.known_us() + duration_us.max(1));
    }

    /// Says that there are no more: from now on it is a loop.
    pub(crate) fn complete(&mut self) {
        self.complete = true;
    }

    fn known_us(&self) -> u64 {
        self.ends_us.last().copied().unwrap_or(0)
    }

    /// The place of chunk `seq`; `None` while it is not known (or never will be: an empty loop, a number before the
    /// anchor's).
    pub(crate) fn slot(&self, anchor: Anchor, seq: u64) -> Option<Slot> {
        let number = seq.checked_sub(anchor.base_seq)?;
        let len = self.ends_us.len() as u64;
        let (round, index) = if self.complete && len > 0 {
            (number / len, number % len)
        } else if number < len {
            (0, number)
        } else {
            return None;
        };
        let index = usize::try_from(index).ok()?;
        let from = index
            .checked_sub(1)
            .map_or(0, |before| self.ends_us[before]);
        let offset = round.checked_mul(self.known_us())?.checked_add(from)?;
        Some(Slot {
            seq,
            index,
            start_us: anchor.unix_us.checked_add(offset)?,
            duration_us: self.ends_us[index] - from,
        })
    }

    /// The number of the chunk that is on air; `None` while that is not known. Before the anchor it is the first.
    pub(crate) fn on_air(&self, anchor: Anchor, now_us: u64) -> Option<u64> {
        let passed = now_us.saturating_sub(anchor.unix_us);
        let period = self.known_us();
        let (round, passed) = if self.complete && period > 0 {
            (passed / period, passed % period)
        } else if passed < period {
            (0, passed)
        } else {
            return None;
        };
        let index = self.ends_us.partition_point(|end| *end <= passed) as u64;
        Some(anchor.base_seq + round * self.ends_us.len() as u64 + index)
    }

    /// The same anchor, moved so that chunk `seq` is on air at `at_us`; unmoved while `seq` is not known.
    pub(crate) fn moved(&self, anchor: Anchor, seq: u64, at_us: u64) -> Anchor {
        let Some(slot) = self.slot(anchor, seq) else {
            return anchor;
        };
        let unix_us = if slot.start_us < at_us {
            anchor.unix_us.saturating_add(at_us - slot.start_us)
        } else {
            anchor.unix_us.saturating_sub(slot.start_us - at_us)
        };
        Anchor { unix_us, ..anchor }
    }
}

/// Where a broadcast goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GoOn {
    /// With this chunk; it may have been due a moment ago.
    With(u64),
    /// With the chunk on air: more fell due than is made up for. How many are left out.
    Jump { to: u64, left_out: u64 },
    /// The clock stands before what was broadcast already: with this chunk, now; the anchor must move.
    Backwards(u64),
}

/// Decides where a broadcast whose last published chunk was `last` goes on when `on_air` is the chunk of now. `again`:
/// `last` itself is wanted once more, because its end may have been lost with the process that sent it.
pub(crate) fn go_on(last: Option<u64>, on_air: u64, again: bool) -> GoOn {
    let Some(last) = last else {
        return GoOn::With(on_air);
    };
    let next = if again { last } else { last + 1 };
    if on_air < last {
        GoOn::Backwards(last + 1)
    } else if on_air > last + CATCH_UP_CHUNKS {
        GoOn::Jump {
            to: on_air,
            left_out: on_air - last - 1,
        }
    } else {
        GoOn::With(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANCHOR: Anchor = Anchor {
        unix_us: 1_000_000_000,
        base_seq: 40,
    };

    fn loop_of(durations_us: &[u64]) -> Timeline {
        let mut timeline = Timeline::default();
        for duration in durations_us {
            timeline.push(*duration);
        }
        timeline.complete();
        timeline
    }

    #[test]
    fn a_short_last_chunk_makes_the_round_shorter_and_nobody_waits() {
        let timeline = loop_of(&[2_000_000, 2_000_000, 700_000]);
        let mut expected_us = ANCHOR.unix_us;
        for seq in 40..60 {
            let slot = timeline.slot(ANCHOR, seq).expect("a loop has them all");
            assert_eq!(slot.start_us, expected_us);
            assert_eq!(slot.index as u64, (seq - 40) % 3);
            expected_us = slot.start_us + slot.duration_us;
        }
    }

    #[test]
    fn the_chunk_on_air_is_the_one_whose_slot_it_is() {
        let timeline = loop_of(&[2_250_000, 1_990_000, 300_000]);
        for seq in 40..70 {
            let slot = timeline.slot(ANCHOR, seq).expect("a loop has them all");
            for at in [
                slot.start_us,
                slot.start_us + 1,
                slot.start_us + slot.duration_us - 1,
            ] {
                assert_eq!(timeline.on_air(ANCHOR, at), Some(seq), "{slot:?} at {at}");
            }
        }
        assert_eq!(timeline.on_air(ANCHOR, 5), Some(40), "before the anchor");
    }

    #[test]
    fn what_is_not_cut_yet_has_no_place() {
        let mut timeline = Timeline::default();
        assert_eq!(timeline.on_air(ANCHOR, ANCHOR.unix_us), None);
        assert_eq!(timeline.slot(ANCHOR, 40), None);
        timeline.push(2_000_000);
        assert_eq!(timeline.on_air(ANCHOR, ANCHOR.unix_us + 1), Some(40));
        assert_eq!(timeline.on_air(ANCHOR, ANCHOR.unix_us + 2_000_000), None);
        assert_eq!(timeline.slot(ANCHOR, 41), None);
        timeline.complete();
        assert_eq!(timeline.slot(ANCHOR, 41).map(|slot| slot.index), Some(0));
        assert_eq!(timeline.slot(ANCHOR, 39), None, "before the base");
        assert_eq!(loop_of(&[]).on_air(ANCHOR, 0), None);
        assert_eq!(loop_of(&[]).slot(ANCHOR, 40), None);
    }

    #[test]
    fn a_moved_anchor_puts_the_chunk_where_it_was_wanted() {
        let timeline = loop_of(&[2_000_000, 2_000_000, 700_000]);
        for at_us in [5_000_000, 1_000_000_001, 77_000_000_000] {
            let moved = timeline.moved(ANCHOR, 44, at_us);
            let slot = timeline.slot(moved, 44).expect("a loop has them all");
            let reachable = at_us.max(4_700_000 + 2_000_000);
            assert_eq!(slot.start_us, reachable);
        }
    }

    #[test]
    fn after_a_short_absence_all_is_made_up_for_and_after_a_long_one_it_jumps() {
        assert_eq!(go_on(None, 7, true), GoOn::With(7));
        assert_eq!(go_on(Some(10), 10, true), GoOn::With(10));
        assert_eq!(go_on(Some(10), 10, false), GoOn::With(11));
        assert_eq!(go_on(Some(10), 15, true), GoOn::With(10));
        let jump = GoOn::Jump {
            to: 16,
            left_out: 5,
        };
        assert_eq!(go_on(Some(10), 16, true), jump);
        assert_eq!(go_on(Some(10), 9, true), GoOn::Backwards(11));
    }
}
