//! Pictures that wait for their time, which one is due, and which are too late to be shown. Pure; knows nothing
//! of what a picture is.

use std::collections::VecDeque;

/// Pictures in the order of their times.
#[derive(Debug)]
pub(crate) struct Screen<P> {
    waiting: VecDeque<(i64, P)>,
    /// How late a picture may be and still be shown although its successor is due; `None`: any time.
    late_limit_us: Option<i64>,
    shown: u64,
    dropped: u64,
}

impl<P> Screen<P> {
    /// See the field for `late_limit_us`.
    pub(crate) fn new(late_limit_us: Option<i64>) -> Self {
        Self {
            waiting: VecDeque::new(),
            late_limit_us,
            shown: 0,
            dropped: 0,
        }
    }

    /// Adds a picture; one that is told to come before its predecessor comes with it. How many there may be is
    /// the decoder's bound.
    pub(crate) fn push(&mut self, time_us: i64, picture: P) {
        let last_us = self.waiting.back().map_or(i64::MIN, |(t, _)| *t);
        self.waiting.push_back((time_us.max(last_us), picture));
    }

    /// The picture to show at `position_us`, if one is due; call until there is none.
    pub(crate) fn due(&mut self, position_us: i64) -> Option<P> {
        loop {
            let (time_us, _) = self.waiting.front()?;
            if *time_us > position_us {
                return None;
            }
            let late_us = position_us.saturating_sub(*time_us);
            let successor_due = self
                .waiting
                .get(1)
                .is_some_and(|(next_us, _)| *next_us <= position_us);
            let too_late = self.late_limit_us.is_some_and(|limit| late_us > limit);
            let (_, picture) = self.waiting.pop_front()?;
            if successor_due && too_late {
                self.dropped += 1;
            } else {
                self.shown += 1;
                return Some(picture);
            }
        }
    }

    /// The next picture.
    pub(crate) fn front(&self) -> Option<&P> {
        self.waiting.front().map(|(_, picture)| picture)
    }

    /// How many pictures wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// When the next picture is due.
    pub(crate) fn next_us(&self) -> Option<i64> {
        self.waiting.front().map(|(time_us, _)| *time_us)
    }

    /// Pictures given out by [`Screen::due`].
    pub(crate) fn shown(&self) -> u64 {
        self.shown
    }

    /// Pictures that were too late.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all_due(screen: &mut Screen<i64>, position_us: i64) -> Vec<i64> {
        std::iter::from_fn(|| screen.due(position_us)).collect()
    }

    #[test]
    fn a_picture_is_shown_at_its_time_and_not_before() {
        let mut screen = Screen::new(Some(80));
        screen.push(100, 100);
        assert_eq!(screen.due(99), None);
        assert_eq!(screen.next_us(), Some(100));
        assert_eq!(screen.due(100), Some(100));
        assert_eq!(screen.due(1_000), None);
    }

    #[test]
    fn a_little_late_all_are_shown_and_very_late_only_the_newest() {
        let mut screen = Screen::new(Some(80));
        for t in [0, 40, 80, 120] {
            screen.push(t, t);
        }
        assert_eq!(all_due(&mut screen, 80), [0, 40, 80]);
        for t in [160, 200, 240] {
            screen.push(t, t);
        }
        assert_eq!(all_due(&mut screen, 1_000), [240]);
        assert_eq!((screen.shown(), screen.dropped()), (4, 3));
    }

    #[test]
    fn the_only_picture_is_shown_however_late() {
        let mut screen = Screen::new(Some(80));
        screen.push(0, 0);
        assert_eq!(screen.due(i64::MAX), Some(0));
    }

    proptest! {
        #[test]
        fn every_picture_is_shown_or_dropped_once_and_in_order(
            steps in prop::collection::vec((0i64..60, 0i64..200), 1..200), limit in prop::option::of(0i64..200),
        ) {
            let mut screen = Screen::new(limit);
            let (mut time, mut position, mut seen, mut pushed) = (0, 0, Vec::new(), 0u64);
            for (gap, ran) in steps {
                time += gap;
                position += ran;
                screen.push(time, time);
                pushed += 1;
                seen.extend(all_due(&mut screen, position));
            }
            seen.extend(all_due(&mut screen, i64::MAX));
            prop_assert!(seen.is_sorted());
            prop_assert_eq!(screen.shown(), seen.len() as u64);
            prop_assert_eq!(screen.shown() + screen.dropped(), pushed);
            if limit.is_none() {
                prop_assert_eq!(screen.dropped(), 0);
            }
        }
    }
}
