//! Sound that waits to be heard, as one unbroken row of samples: pieces are joined by counting samples; where the
//! time line has no sound there is silence. Pure; knows nothing of devices.

use std::collections::VecDeque;

use media_ffmpeg::decode::{SOUND_CHANNELS, SOUND_RATE};

/// How far a piece's time may be from where its sample count puts it, without being moved: the rounding of the
/// containers is 1 ms, that of a packet cut at a boundary some more (a guess; what accumulates is corrected here).
const TOLERANCE: i64 = SOUND_RATE as i64 / 50;

/// Pieces of sound in the order of their times; `T` is whatever must live as long as its piece waits.
#[derive(Debug)]
pub(crate) struct SoundQueue<T> {
    pieces: VecDeque<Piece<T>>,
    /// The next sample to give out, counted from the time line's 0.
    next: Option<i64>,
}

#[derive(Debug)]
struct Piece<T> {
    start: i64,
    samples: Vec<f32>,
    _token: T,
}

/// Microseconds in samples, rounded down.
fn samples_of(us: i64) -> i64 {
    let samples = i128::from(us) * i128::from(SOUND_RATE);
    i64::try_from(samples.div_euclid(1_000_000)).unwrap_or(i64::MAX)
}

/// Samples in microseconds, rounded down.
#[cfg(test)]
fn us_of(samples: i64) -> i64 {
    let us = i128::from(samples) * 1_000_000;
    i64::try_from(us.div_euclid(i128::from(SOUND_RATE))).unwrap_or(i64::MAX)
}

impl<T> SoundQueue<T> {
    pub(crate) fn new() -> Self {
        Self {
            pieces: VecDeque::new(),
            next: None,
        }
    }

    /// Adds a piece (interleaved). How much there may be is the decoder's bound.
    pub(crate) fn push(&mut self, time_us: i64, samples: Vec<f32>, token: T) {
        self.pieces.push_back(Piece {
            start: samples_of(time_us),
            samples,
            _token: token,
        });
    }

    /// Appends to `out` what is to be heard up to `until_us`, from `start_us` on at the first call. `known_us`: all
    /// sound before it is here, so where there is none it is silent. Gives less when more is not known yet, and up
    /// to a piece more than asked.
    pub(crate) fn take(&mut self, start_us: i64, until_us: i64, known_us: i64, out: &mut Vec<f32>) {
        let (until, known) = (samples_of(until_us), samples_of(known_us));
        let mut next = *self.next.get_or_insert(samples_of(start_us));
        while next < until {
            let silent_until = match self.pieces.front() {
                Some(piece) if piece.start > next.saturating_add(TOLERANCE) => piece.start,
                Some(piece) if piece.start < next.saturating_sub(TOLERANCE) => {
                    next += self.rest_of_front(next, out);
                    continue;
                }
                Some(_) => {
                    next += self.rest_of_front(i64::MIN, out);
                    continue;
                }
                None if known > next.saturating_add(TOLERANCE) => known,
                None => break,
            };
            let silence = silent_until.min(until) - next;
            let count = usize::try_from(silence).unwrap_or(0) * SOUND_CHANNELS;
            out.resize(out.len() + count, 0.0);
            next += silence;
        }
        self.next = Some(next);
    }

    /// Moves the first piece to `out`, without what comes before sample `from`; gives how many samples it was.
    fn rest_of_front(&mut self, from: i64, out: &mut Vec<f32>) -> i64 {
        let Some(piece) = self.pieces.pop_front() else {
            return 0;
        };
        let skip = from.saturating_sub(piece.start).max(0);
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let skip = skip.saturating_mul(SOUND_CHANNELS).min(piece.samples.len());
        let rest = &piece.samples[skip..];
        out.extend_from_slice(rest);
        i64::try_from(rest.len() / SOUND_CHANNELS).unwrap_or(0)
    }

    /// Throws away what begins before `position_us`: for who cannot hear.
    pub(crate) fn pass(&mut self, position_us: i64) {
        let position = samples_of(position_us);
        while self.pieces.front().is_some_and(|p| p.start <= position) {
            self.pieces.pop_front();
        }
    }

    /// The time up to which sound was given out by [`SoundQueue::take`].
    #[cfg(test)]
    pub(crate) fn given_us(&self) -> Option<i64> {
        self.next.map(us_of)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: i64 = 1_000;

    fn piece(ms: i64, value: f32) -> Vec<f32> {
        let count = usize::try_from(samples_of(ms * MS)).expect("pieces are not negative");
        vec![value; count * SOUND_CHANNELS]
    }

    fn runs(samples: &[f32]) -> Vec<(f32, usize)> {
        let mut runs: Vec<(f32, usize)> = Vec::new();
        for sample in samples {
            match runs.last_mut() {
                Some((value, count)) if value == sample => *count += 1,
                _ => runs.push((*sample, 1)),
            }
        }
        let per_ms = 48 * SOUND_CHANNELS;
        runs.into_iter().map(|(v, n)| (v, n / per_ms)).collect()
    }

    #[test]
    fn pieces_that_nearly_meet_are_joined_without_a_gap() {
        let mut queue = SoundQueue::new();
        queue.push(0, piece(20, 1.0), ());
        queue.push(21 * MS, piece(20, 2.0), ());
        queue.push(39 * MS, piece(20, 3.0), ());
        let mut out = Vec::new();
        queue.take(0, 60 * MS, 60 * MS, &mut out);
        assert_eq!(runs(&out), [(1.0, 20), (2.0, 20), (3.0, 20)]);
        assert_eq!(queue.given_us(), Some(60 * MS));
    }

    #[test]
    fn where_there_is_no_sound_it_is_silent_as_far_as_is_known() {
        let mut queue = SoundQueue::new();
        queue.push(100 * MS, piece(20, 1.0), ());
        let mut out = Vec::new();
        queue.take(0, 50 * MS, 50 * MS, &mut out);
        queue.take(0, 500 * MS, 300 * MS, &mut out);
        assert_eq!(runs(&out), [(0.0, 100), (1.0, 20), (0.0, 180)]);
        queue.take(0, 500 * MS, 300 * MS, &mut out);
        assert_eq!(queue.given_us(), Some(300 * MS));
    }

    #[test]
    fn what_should_have_been_heard_already_is_left_out() {
        let mut queue = SoundQueue::new();
        queue.push(0, piece(100, 1.0), ());
        queue.push(40 * MS, piece(100, 2.0), ());
        queue.push(50 * MS, piece(10, 3.0), ());
        let mut out = Vec::new();
        queue.take(0, 140 * MS, 140 * MS, &mut out);
        assert_eq!(runs(&out), [(1.0, 100), (2.0, 40)]);
        queue.take(0, 150 * MS, 140 * MS, &mut out);
        assert_eq!(queue.given_us(), Some(140 * MS));
    }

    #[test]
    fn who_cannot_hear_passes_over_it() {
        let mut queue = SoundQueue::new();
        for i in 0..10 {
            queue.push(i * 20 * MS, piece(20, 1.0), ());
        }
        queue.pass(100 * MS);
        assert_eq!(queue.pieces.len(), 4);
    }

    proptest! {
        #[test]
        fn the_row_never_breaks_and_never_drifts_from_the_time_line(
            pieces in prop::collection::vec((-60i64..60, 1i64..100), 1..100),
        ) {
            let (mut queue, mut time_ms, mut out) = (SoundQueue::new(), 0, Vec::new());
            for (jitter_ms, length_ms) in pieces {
                queue.push((time_ms + jitter_ms) * MS, piece(length_ms, 1.0), ());
                time_ms += length_ms;
                queue.take(0, time_ms * MS, (time_ms - 60) * MS, &mut out);
                let given_us = queue.given_us().unwrap_or(0);
                prop_assert_eq!(samples_of(given_us + 20), (out.len() / SOUND_CHANNELS) as i64);
                prop_assert!(given_us <= (time_ms + 100) * MS);
            }
            queue.take(0, time_ms * MS, time_ms * MS, &mut out);
            let given_us = queue.given_us().unwrap_or(0);
            prop_assert!(given_us >= (time_ms - 21) * MS, "{} {}", given_us, time_ms);
        }
    }
}
