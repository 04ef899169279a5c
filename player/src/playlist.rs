//! Which chunk comes next: order, gaps, when a missing one is given up, when playing may begin. Pure: sees what is
//! pending and what time it is, touches no file and no clock.

use media_store::PendingChunk;

/// How long a chunk that has not come is waited for once a later one is there. As long as an ordinary chunk plays:
/// with the usual two chunks in hand a chunk given up costs no stall, and it is three times what the forest's
/// slowest repairs take (600 ms).
pub(crate) const MISSING_GRACE_US: u64 = 2_000_000;

/// How long a first chunk waits for company ([`Playlist::new`]'s `buffer`) before playing begins without: two
/// chunks' time, after which the next one does not come at all.
pub(crate) const START_WAIT_US: u64 = 4_000_000;

/// Gaps that are remembered, to recognise their chunks when they come too late (a guess).
const MAX_GAPS: usize = 64;

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Show this one.
    Play {
        /// The chunk.
        chunk: PendingChunk,
        /// Chunks before it that never came.
        gap: Option<Gap>,
    },
    /// Nothing yet.
    Wait,
}

/// A run of missing chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// Number of the first one.
    pub(crate) first: u64,
    /// Number of the last one.
    pub(crate) last: u64,
}

impl Gap {
    /// How many chunks.
    pub(crate) fn chunks(self) -> u64 {
        self.last - self.first + 1
    }
}

/// The place in the broadcast, behind the last chunk that was given out.
#[derive(Debug)]
pub(crate) struct Playlist {
    buffer: usize,
    last: Option<PendingChunk>,
    /// When the first chunk was seen, before the start.
    waiting_since_us: Option<u64>,
    /// When it was first seen that the next chunk is missing while a later one is there.
    gap_since_us: Option<u64>,
    gaps: Vec<Gap>,
}

impl Playlist {
    /// `buffer`: how many chunks must wait before playing begins (at least one).
    pub(crate) fn new(buffer: usize) -> Self {
        Self {
            buffer: buffer.max(1),
            last: None,
            waiting_since_us: None,
            gap_since_us: None,
            gaps: Vec::new(),
        }
    }

    /// What comes next, of `pending` in the order of showing. A chunk is given out once; those before it never
    /// again, whether they are still there or not.
    pub(crate) fn next(&mut self, pending: &[PendingChunk], now_us: u64) -> Next {
        let mut ahead = pending.iter().filter(|c| self.is_ahead(c));
        let Some(chunk) = ahead.next() else {
            self.gap_since_us = None;
            return Next::Wait;
        };
        let in_hand = 1 + ahead.count();
        let gap = match &self.last {
            None => {
                let since_us = *self.waiting_since_us.get_or_insert(now_us);
                let waited_us = now_us.saturating_sub(since_us);
                if in_hand < self.buffer && waited_us < START_WAIT_US {
                    return Next::Wait;
                }
                None
            }
            Some(last) => gap_between(last, chunk),
        };
        if gap.is_some() {
            let since_us = *self.gap_since_us.get_or_insert(now_us);
            if now_us.saturating_sub(since_us) < MISSING_GRACE_US {
                return Next::Wait;
            }
        }
        self.gap_since_us = None;
        self.last = Some(chunk.clone());
        if let Some(gap) = gap {
            if self.gaps.len() == MAX_GAPS {
                self.gaps.remove(0);
            }
            self.gaps.push(gap);
        }
        Next::Play {
            chunk: chunk.clone(),
            gap,
        }
    }

    /// How many of `pending` are still to be given out.
    pub(crate) fn in_hand(&self, pending: &[PendingChunk]) -> usize {
        pending.iter().filter(|c| self.is_ahead(c)).count()
    }

    /// A chunk of `pending` that was given up as missing and came after all: each is told once.
    pub(crate) fn late(&mut self, pending: &[PendingChunk]) -> Option<PendingChunk> {
        for chunk in pending.iter().filter(|c| !self.is_ahead(c)) {
            let gap = self
                .gaps
                .iter()
                .position(|g| (g.first..=g.last).contains(&chunk.seq));
            if let Some(at) = gap {
                let Gap { first, last } = self.gaps.remove(at);
                let rest = [
                    (first < chunk.seq).then(|| Gap {
                        first,
                        last: chunk.seq - 1,
                    }),
                    (chunk.seq < last).then(|| Gap {
                        first: chunk.seq + 1,
                        last,
                    }),
                ];
                self.gaps.extend(rest.into_iter().flatten());
                self.gaps.truncate(MAX_GAPS);
                return Some(chunk.clone());
            }
        }
        None
    }

    fn is_ahead(&self, chunk: &PendingChunk) -> bool {
        let key = |c: &PendingChunk| (c.wall_us, c.seq);
        self.last.as_ref().is_none_or(|last| key(chunk) > key(last))
    }
}

/// What is missing between two chunks of one broadcast. A change of film or numbers that go back begin a new
/// broadcast, in which nothing is missing before its first chunk.
fn gap_between(last: &PendingChunk, next: &PendingChunk) -> Option<Gap> {
    let first = last.seq.checked_add(1)?;
    (film(&last.name) == film(&next.name) && next.seq > first).then(|| Gap {
        first,
        last: next.seq - 1,
    })
}

/// The part of a chunk's name before its number.
fn film(name: &str) -> &str {
    name.rsplit_once('_').map_or(name, |(film, _)| film)
}

/// The name that chunk `seq` of the film of `like` has.
pub(crate) fn name_of(seq: u64, like: &str) -> String {
    let ending = like.rsplit_once('.').map_or("", |(_, ending)| ending);
    format!("{}_{seq:05}.{ending}", film(like))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn chunk(seq: u64) -> PendingChunk {
        chunk_of("film", seq, 1_000_000_000 + seq * 2_000_000)
    }

    fn chunk_of(film: &str, seq: u64, wall_us: u64) -> PendingChunk {
        let name = format!("{film}_{seq:05}.mkv");
        PendingChunk {
            path: PathBuf::from(&name),
            name,
            seq,
            epoch: 1,
            bytes: 1,
            duration_us: 2_000_000,
            wall_us,
            stored_us: 0,
        }
    }

    fn chunks(seqs: &[u64]) -> Vec<PendingChunk> {
        seqs.iter().copied().map(chunk).collect()
    }

    fn played(next: Next) -> (u64, Option<Gap>) {
        match next {
            Next::Play { chunk, gap } => (chunk.seq, gap),
            Next::Wait => panic!("a chunk was expected"),
        }
    }

    #[test]
    fn chunks_are_given_out_in_order_and_once_although_they_stay_pending() {
        let mut list = Playlist::new(1);
        let pending = chunks(&[4, 5, 6]);
        for seq in 4..=6 {
            assert_eq!(played(list.next(&pending, 0)), (seq, None));
        }
        assert_eq!(list.next(&pending, u64::MAX), Next::Wait);
        assert_eq!(list.in_hand(&pending), 0);
    }

    #[test]
    fn playing_begins_when_enough_chunks_wait() {
        let mut list = Playlist::new(2);
        assert_eq!(list.next(&chunks(&[7]), 0), Next::Wait);
        assert_eq!(played(list.next(&chunks(&[7, 8]), 1)), (7, None));
        assert_eq!(played(list.next(&chunks(&[7, 8]), 1)), (8, None));
        assert_eq!(played(list.next(&chunks(&[9]), 2)), (9, None));
    }

    #[test]
    fn a_chunk_that_stays_alone_is_played_after_a_while() {
        let mut list = Playlist::new(2);
        assert_eq!(list.next(&chunks(&[7]), 100), Next::Wait);
        assert_eq!(list.next(&chunks(&[7]), 99 + START_WAIT_US), Next::Wait);
        assert_eq!(
            played(list.next(&chunks(&[7]), 100 + START_WAIT_US)),
            (7, None)
        );
    }

    #[test]
    fn a_missing_chunk_is_waited_for_and_then_given_up() {
        let mut list = Playlist::new(1);
        played(list.next(&chunks(&[1]), 0));
        let pending = chunks(&[4, 5]);
        assert_eq!(list.next(&pending, 10), Next::Wait);
        assert_eq!(list.next(&pending, 9 + MISSING_GRACE_US), Next::Wait);
        let gap = Gap { first: 2, last: 3 };
        assert_eq!(
            played(list.next(&pending, 10 + MISSING_GRACE_US)),
            (4, Some(gap))
        );
        assert_eq!(gap.chunks(), 2);
        assert_eq!(
            played(list.next(&pending, 10 + MISSING_GRACE_US)),
            (5, None)
        );
    }

    #[test]
    fn a_missing_chunk_that_comes_in_time_is_played_and_the_next_gap_has_its_own_grace() {
        let mut list = Playlist::new(1);
        played(list.next(&chunks(&[1]), 0));
        assert_eq!(list.next(&chunks(&[3]), 0), Next::Wait);
        let late = MISSING_GRACE_US - 1;
        assert_eq!(played(list.next(&chunks(&[2, 4]), late)), (2, None));
        assert_eq!(list.next(&chunks(&[4]), late), Next::Wait);
        assert_eq!(
            list.next(&chunks(&[4]), late + MISSING_GRACE_US - 1),
            Next::Wait
        );
        let gap = Some(Gap { first: 3, last: 3 });
        assert_eq!(
            played(list.next(&chunks(&[4]), late + MISSING_GRACE_US)),
            (4, gap)
        );
    }

    #[test]
    fn a_chunk_that_comes_after_it_was_given_up_is_told_once_and_not_shown() {
        let mut list = Playlist::new(1);
        played(list.next(&chunks(&[1]), 0));
        list.next(&chunks(&[5]), 0);
        played(list.next(&chunks(&[5]), MISSING_GRACE_US));
        let pending = chunks(&[3, 5]);
        assert_eq!(list.late(&pending).map(|c| c.seq), Some(3));
        assert_eq!(list.late(&pending), None);
        assert_eq!(list.next(&pending, u64::MAX), Next::Wait);
        assert_eq!(list.late(&chunks(&[2, 5])).map(|c| c.seq), Some(2));
        assert_eq!(list.late(&chunks(&[4, 5])).map(|c| c.seq), Some(4));
    }

    #[test]
    fn chunks_that_are_kept_after_showing_are_not_late() {
        let mut list = Playlist::new(1);
        let pending = chunks(&[1, 2]);
        played(list.next(&pending, 0));
        played(list.next(&pending, 0));
        assert_eq!(list.late(&pending), None);
    }

    #[test]
    fn another_film_and_numbers_that_start_again_are_no_gap() {
        let mut list = Playlist::new(1);
        played(list.next(&chunks(&[50]), 0));
        let other = chunk_of("other", 900, 5_000_000_000);
        assert_eq!(played(list.next(&[other], 0)), (900, None));
        let again = chunk_of("other", 0, 6_000_000_000);
        assert_eq!(played(list.next(&[again], 0)), (0, None));
    }

    #[test]
    fn names_of_missing_chunks_follow_those_that_are_there() {
        assert_eq!(name_of(12, "my_film_00013.mkv"), "my_film_00012.mkv");
        assert_eq!(name_of(123_456, "a_1.mp4"), "a_123456.mp4");
    }

    #[test]
    fn whatever_comes_in_whatever_order_nothing_is_given_out_twice_or_backwards() {
        use proptest::prelude::*;
        proptest!(|(arrivals in prop::collection::vec((0u64..40, 0u64..3_000_000), 1..80),
                    buffer in 1usize..4)| {
            let mut list = Playlist::new(buffer);
            let mut pending: Vec<PendingChunk> = Vec::new();
            let (mut now_us, mut given, mut missing) = (0u64, Vec::new(), 0);
            for (seq, step_us) in arrivals {
                now_us += step_us;
                if pending.iter().all(|c| c.seq != seq) {
                    pending.push(chunk(seq));
                    pending.sort_by_key(|c| c.wall_us);
                }
                while let Next::Play { chunk, gap } = list.next(&pending, now_us) {
                    given.push(chunk.seq);
                    missing += gap.map_or(0, Gap::chunks);
                }
            }
            prop_assert!(given.windows(2).all(|w| w[0] < w[1]));
            if let (Some(first), Some(last)) = (given.first(), given.last()) {
                prop_assert_eq!(last - first + 1, given.len() as u64 + missing);
            }
        });
    }
}
