//! Which number a block from an old server gets: the blocks have none. Pure.
//!
//! Numbers go on where the forest stands. A block that arrives twice is recognised by its hash; since a film is looped,
//! and may be as short as one block, equal blocks count as the same only where the old server may have sent one twice:
//! directly after it accepted us (it begins with the block on air), and at once after the block itself.

use std::time::Duration;

/// A block that came within this time after the newest one of the forest may be the same one: two rounds of the old
/// server, which is how long it may have taken to forget the head before us.
const ON_AIR: Duration = Duration::from_secs(5);
/// Equal blocks that follow each other faster than half a round are the same.
const AT_ONCE: Duration = Duration::from_secs(1);

/// BLAKE3 of a block.
pub(crate) type Hash = [u8; 32];

/// What to do with a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    /// Publish it with this number.
    New(u64),
    /// It was published by the head before us with this number, but perhaps not to everybody: once more.
    Again(u64),
    /// We have published it.
    Duplicate(u64),
}

/// The numbers of one head.
#[derive(Debug)]
pub(crate) struct Numbering {
    next: u64,
    /// The newest block: its number, its hash, when it came.
    newest: Option<(u64, Hash, Duration)>,
    /// Whether the newest one is ours.
    ours: bool,
    /// Whether the next block is the first since the old server accepted us.
    first: bool,
}

impl Numbering {
    /// A new head's. `newest`: the forest's newest chunk, its hash and when it was heard of first; `least`: where numbers
    /// begin if there is none.
    pub(crate) fn new(newest: Option<(u64, Option<Hash>, Duration)>, least: u64) -> Self {
        Self {
            next: newest.map_or(least, |(seq, ..)| seq + 1),
            newest: newest.and_then(|(seq, hash, at)| Some((seq, hash?, at))),
            ours: false,
            first: true,
        }
    }

    /// The old server accepted us once more.
    pub(crate) fn accepted_again(&mut self) {
        self.first = true;
    }

    /// Numbers a block that came at `now`.
    pub(crate) fn number(&mut self, now: Duration, hash: Hash) -> Number {
        let first = std::mem::replace(&mut self.first, false);
        let patience = if first { ON_AIR } else { AT_ONCE };
        if let Some((seq, newest, at)) = self.newest
            && newest == hash
            && now.saturating_sub(at) < patience
        {
            return if self.ours {
                Number::Duplicate(seq)
            } else {
                (self.ours, self.newest) = (true, Some((seq, hash, now)));
                Number::Again(seq)
            };
        }
        let seq = self.next;
        self.next += 1;
        self.ours = true;
        self.newest = Some((seq, hash, now));
        Number::New(seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_first_head_counts_from_where_it_is_told() {
        let mut numbers = Numbering::new(None, 1_000);
        assert_eq!(numbers.number(at(0), [1; 32]), Number::New(1_000));
        assert_eq!(numbers.number(at(2_000), [2; 32]), Number::New(1_001));
    }

    #[test]
    fn a_new_head_goes_on_where_the_forest_stands() {
        let mut numbers = Numbering::new(Some((7, Some([7; 32]), at(1_000))), 1_000);
        assert_eq!(numbers.number(at(5_000), [8; 32]), Number::New(8));
        let unknown = Numbering::new(Some((7, None, at(1_000))), 1_000);
        assert_eq!({ unknown }.number(at(2_000), [7; 32]), Number::New(8));
    }

    #[test]
    fn the_block_that_was_on_air_when_the_head_died_keeps_its_number() {
        let mut numbers = Numbering::new(Some((7, Some([7; 32]), at(1_000))), 1_000);
        assert_eq!(numbers.number(at(4_500), [7; 32]), Number::Again(7));
        assert_eq!(numbers.number(at(4_600), [7; 32]), Number::Duplicate(7));
        assert_eq!(numbers.number(at(6_500), [8; 32]), Number::New(8));
    }

    #[test]
    fn a_film_of_one_block_is_broadcast_every_round() {
        let mut numbers = Numbering::new(None, 0);
        for round in 0..10 {
            let number = numbers.number(at(round * 1_900), [1; 32]);
            assert_eq!(number, Number::New(round));
        }
        let mut later = Numbering::new(Some((7, Some([7; 32]), at(0))), 0);
        assert_eq!(later.number(at(9_000), [7; 32]), Number::New(8));
    }

    #[test]
    fn who_is_accepted_again_does_not_publish_the_block_on_air_twice() {
        let mut numbers = Numbering::new(None, 0);
        assert_eq!(numbers.number(at(0), [1; 32]), Number::New(0));
        numbers.accepted_again();
        assert_eq!(numbers.number(at(3_000), [1; 32]), Number::Duplicate(0));
        assert_eq!(numbers.number(at(5_000), [1; 32]), Number::New(1));
    }
}
