//! When a peer below an old server looks for the head, and when it asks to become it. Pure: time and chance are arguments.
//!
//! Nobody counts votes: the old server decides by accepting one. What is left to the peers is to ask it early enough, and
//! not all at once.

use std::ops::Range;
use std::time::Duration;

use overlay_core::Tick;
use overlay_quic::Bearings;

/// The root's tick comes every 50 ms. A forest whose tick stood still for this long has lost its root: the state
/// machine's own repairs take a quarter of it.
const SILENCE: Duration = Duration::from_millis(700);
/// First attempts after the tick stood still, milliseconds: those that the head served itself come first.
const FIRST_BELOW_ROOT_MS: Range<u64> = 0..300;
/// The others: only if none of those was fast enough.
const FIRST_DEEPER_MS: Range<u64> = 600..2_000;
/// Between two attempts of a peer that the head served itself: the old server forgets a dead head after two rounds, and
/// somebody should ask within a second after that.
const AGAIN_BELOW_ROOT_MS: Range<u64> = 500..900;
/// Of the others: an old server of one thread is not to be drowned.
const AGAIN_DEEPER_MS: Range<u64> = 1_500..3_000;
/// Between two attempts of a peer that never had a place. A guess.
const AGAIN_OUTSIDE_MS: Range<u64> = 700..1_500;
/// Before the key of an unknown root is looked for, and between two looks: everybody does it at the same time.
const LOOK_MS: Range<u64> = 20..250;
/// Between two such looks.
const LOOK_AGAIN_MS: Range<u64> = 300..900;
/// After the head was found: how long finding a place below it may take before it is looked for again. The state machine
/// tries for longer, but the head may have died.
const PLACE_PATIENCE: Duration = Duration::from_secs(3);

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// There is a root of whom nothing is known: find out who it is.
    Look,
    /// There is no root, or none that is heard: look for one, and ask to become it if there is none.
    Seek,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Election {
    tick: Tick,
    tick_at: Option<Duration>,
    was_below_root: bool,
    next_seek: Option<Duration>,
    next_look: Option<Duration>,
}

impl Election {
    /// What to do at `now`; `draw` gives a number of the range.
    pub(crate) fn poll(
        &mut self,
        now: Duration,
        seen: &Bearings,
        mut draw: impl FnMut(Range<u64>) -> u64,
    ) -> Option<Act> {
        let mut after = |range| now + Duration::from_millis(draw(range));
        if seen.tick > self.tick {
            (self.tick, self.tick_at) = (seen.tick, Some(now));
        }
        let silent = self
            .tick_at
            .is_none_or(|at| now.saturating_sub(at) > SILENCE);
        if !silent && seen.parents > 0 {
            self.was_below_root = seen.below_root;
        }
        // A root whose key is not known yet.
        if seen.epoch > seen.trusted_epoch.unwrap_or(0) {
            match self.next_look {
                Some(at) if at <= now => {
                    self.next_look = Some(after(LOOK_AGAIN_MS));
                    return Some(Act::Look);
                }
                Some(_) => {}
                None => self.next_look = Some(after(LOOK_MS)),
            }
        } else {
            self.next_look = None;
        }
        if !silent {
            self.next_seek = None;
            return None;
        }
        let (first, again) = match (self.tick_at, self.was_below_root) {
            (None, _) => (0..1, AGAIN_OUTSIDE_MS),
            (Some(_), true) => (FIRST_BELOW_ROOT_MS, AGAIN_BELOW_ROOT_MS),
            (Some(_), false) => (FIRST_DEEPER_MS, AGAIN_DEEPER_MS),
        };
        let due = *self.next_seek.get_or_insert_with(|| after(first));
        if due > now {
            return None;
        }
        self.next_seek = Some(after(again));
        Some(Act::Seek)
    }

    /// A root was found at `now`, and is asked for places.
    pub(crate) fn found(&mut self, now: Duration) {
        self.next_seek = Some(now + PLACE_PATIENCE);
    }

    /// Whether a root was heard since the last look.
    pub(crate) fn hears_more(&self, seen: &Bearings) -> bool {
        seen.tick > self.tick
    }
}

/// Whether the old server's head, of epoch `head`, can only be followed by forgetting what is known here: a higher epoch was
/// heard of, whose root the old server does not know.
pub(crate) fn must_begin_anew(head: u64, seen: &Bearings) -> bool {
    head < seen.epoch.max(seen.trusted_epoch.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(50);

    fn heard(count: u64, below_root: bool) -> Bearings {
        Bearings {
            tick: Tick { epoch: 5, count },
            epoch: 5,
            trusted_epoch: Some(5),
            parents: 5,
            below_root,
            newest: None,
        }
    }

    /// The times, in milliseconds, at which something is done while nothing changes.
    fn acts(election: &mut Election, from: Duration, seen: &Bearings, ms: u64) -> Vec<(u64, Act)> {
        let mut out = Vec::new();
        let mut now = from;
        while now < from + Duration::from_millis(ms) {
            if let Some(act) = election.poll(now, seen, |range| (range.start + range.end) / 2) {
                out.push(((now - from).as_millis() as u64, act));
            }
            now += STEP;
        }
        out
    }

    fn listening(below_root: bool) -> (Election, Duration) {
        let mut election = Election::default();
        let mut now = Duration::ZERO;
        for count in 1..40 {
            let act = election.poll(now, &heard(count, below_root), |range| range.start);
            assert_eq!(act, None, "a root that is heard is left alone");
            now += STEP;
        }
        (election, now)
    }

    #[test]
    fn who_has_no_place_asks_at_once_and_again() {
        let nothing = Bearings::default();
        let acts = acts(&mut Election::default(), Duration::ZERO, &nothing, 5_000);
        assert_eq!(acts[0], (0, Act::Seek));
        assert!((4..8).contains(&acts.len()), "{acts:?}");
    }

    #[test]
    fn those_below_the_dead_head_ask_first_and_within_every_second() {
        let (mut direct, now) = listening(true);
        let direct = acts(&mut direct, now, &heard(39, true), 6_000);
        assert!(direct[0].0 < 1_100, "{direct:?}");
        assert!(
            direct.windows(2).all(|two| two[1].0 - two[0].0 <= 1_000),
            "{direct:?}"
        );
        let (mut deeper, now) = listening(false);
        let deeper = acts(&mut deeper, now, &heard(39, false), 6_000);
        assert!(deeper[0].0 > direct[0].0 + 500, "{deeper:?}");
        assert!(deeper.len() < direct.len() / 2, "{deeper:?}");
    }

    #[test]
    fn a_root_that_is_heard_but_not_known_is_looked_for() {
        let (mut election, now) = listening(false);
        let unknown = Bearings {
            epoch: 6,
            ..heard(1, false)
        };
        let looks = acts(&mut election, now, &unknown, 500);
        assert!(looks.iter().any(|(_, act)| *act == Act::Look), "{looks:?}");
    }

    #[test]
    fn a_head_of_a_lower_epoch_than_was_heard_of_is_followed_by_beginning_anew() {
        assert!(!must_begin_anew(5, &heard(1, false)));
        assert!(!must_begin_anew(9, &heard(1, false)));
        assert!(must_begin_anew(4, &heard(1, false)));
        let unknown = Bearings {
            epoch: u64::MAX,
            ..heard(1, false)
        };
        assert!(must_begin_anew(6, &unknown));
    }

    #[test]
    fn who_found_the_head_gives_it_time_for_a_place() {
        let mut election = Election::default();
        let nothing = Bearings::default();
        assert_eq!(
            election.poll(Duration::ZERO, &nothing, |range| range.start),
            Some(Act::Seek)
        );
        election.found(Duration::ZERO);
        let acts = acts(&mut election, STEP, &nothing, 4_000);
        assert!(acts[0].0 > 2_500, "{acts:?}");
    }
}
