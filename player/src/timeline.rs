//! Where each chunk stands on the time line of what is shown. Time 0 is the start of the first chunk; every chunk
//! begins where the one before it ends, also when chunks between them are missing. Pure.

use media_ffmpeg::decode::{Closed, Opened};

/// How far the end of a chunk's sound and the start of the next one's may miss each other and be one sound: more
/// than a packet of any codec (AAC at 8 kHz: 128 ms is not met in films, 43 ms is), less than an audible echo.
const SEAM_US: u64 = 60_000;

/// How far a chunk's pictures may end from where its length says, and set its length themselves: a few pictures.
const MEASURE_US: u64 = 100_000;

/// The end of what was placed so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timeline {
    end_us: i64,
    /// End of the sound of the last chunk that does not tell its place in its film.
    sound_end_us: Option<i64>,
}

/// A chunk in its place. All times in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where it begins on the time line.
    pub(crate) start_us: i64,
    /// What to add to the file's times.
    pub(crate) offset_us: i64,
    /// Its length, if it is told at the start.
    length_us: Option<i64>,
}

impl Timeline {
    /// The place of a chunk that was opened.
    pub(crate) fn open(&mut self, opened: &Opened) -> Place {
        if let Some(span) = opened.span {
            self.sound_end_us = None;
            return Place {
                start_us: self.end_us,
                offset_us: self.end_us,
                length_us: Some(span.duration_us),
            };
        }
        // Without a place in a film, time 0 is the first picture; but where sound meets sound, ears decide: they
        // hear a gap of five milliseconds, eyes do not see one.
        let zero_us = opened.video_start_us.or(opened.sound_start_us).unwrap_or(0);
        let by_eye_us = self.end_us.saturating_sub(zero_us);
        let offset_us = match (self.sound_end_us, opened.sound_start_us) {
            (Some(end_us), Some(start_us)) => {
                let by_ear_us = end_us.saturating_sub(start_us);
                if by_ear_us.abs_diff(by_eye_us) <= SEAM_US {
                    by_ear_us
                } else {
                    by_eye_us
                }
            }
            _ => by_eye_us,
        };
        Place {
            start_us: offset_us.saturating_add(zero_us),
            offset_us,
            length_us: None,
        }
    }

    /// The end of a chunk, at which the next one begins. `declared_us`: its length as the broadcast tells it.
    pub(crate) fn close(&mut self, place: Place, closed: &Closed, declared_us: u64) -> i64 {
        let longest_us = media_model::MAX_DURATION_US.cast_signed();
        let declared_us = i64::try_from(declared_us).unwrap_or(0);
        let length_us = place.length_us.unwrap_or_else(|| {
            let ends_us = closed.video_end_us.or(closed.sound_end_us);
            let measured_us = ends_us.map_or(0, |end_us| {
                end_us
                    .saturating_add(place.offset_us)
                    .saturating_sub(place.start_us)
            });
            // The last picture of a slide show does not tell how long it stays; the broadcast does.
            if declared_us > 0 && measured_us.abs_diff(declared_us) > MEASURE_US {
                declared_us
            } else {
                measured_us
            }
        });
        if place.length_us.is_none() {
            self.sound_end_us = closed
                .sound_end_us
                .map(|end_us| end_us.saturating_add(place.offset_us));
        }
        self.end_us = place
            .start_us
            .saturating_add(length_us.clamp(0, longest_us));
        self.end_us
    }

    /// The place of a chunk of which nothing can be shown: none at all.
    pub(crate) fn nothing(&self) -> Place {
        Place {
            start_us: self.end_us,
            offset_us: self.end_us,
            length_us: Some(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use media_ffmpeg::decode::Span;

    use super::*;

    fn opened(span: Option<Span>, video: Option<i64>, sound: Option<i64>) -> Opened {
        Opened {
            job: 0,
            span,
            video_start_us: video,
            sound_start_us: sound,
        }
    }

    fn closed(video: Option<i64>, sound: Option<i64>) -> Closed {
        Closed {
            job: 0,
            video_end_us: video,
            sound_end_us: sound,
            pictures: 0,
            skipped: 0,
            problem: None,
        }
    }

    fn span(start_us: i64, duration_us: i64) -> Option<Span> {
        Some(Span {
            start_us,
            duration_us,
        })
    }

    #[test]
    fn chunks_that_tell_their_length_follow_each_other_exactly_whatever_is_in_them() {
        let mut line = Timeline::default();
        let mut expected_us = 0;
        for (start_us, duration_us, video) in [
            (0, 2_000_000, Some(0)),
            (2_000_000, 2_000_000, None),
            (4_000_000, 1_234_567, Some(700_000)),
            (0, 2_000_000, Some(0)),
        ] {
            let place = line.open(&opened(span(start_us, duration_us), video, Some(5_000)));
            assert_eq!(place.start_us, expected_us);
            assert_eq!(place.offset_us, expected_us);
            expected_us += duration_us;
            let end = line.close(place, &closed(None, Some(9_999_999)), 1);
            assert_eq!(end, expected_us);
        }
    }

    #[test]
    fn times_that_start_anywhere_are_moved_to_where_the_last_chunk_ended() {
        let mut line = Timeline::default();
        let first = line.open(&opened(None, Some(90_000_000), None));
        assert_eq!((first.start_us, first.offset_us), (0, -90_000_000));
        assert_eq!(
            line.close(first, &closed(Some(92_000_000), None), 0),
            2_000_000
        );
        let second = line.open(&opened(None, Some(0), None));
        assert_eq!((second.start_us, second.offset_us), (2_000_000, 2_000_000));
    }

    #[test]
    fn sound_meets_sound_without_a_seam_and_without_drift() {
        let mut line = Timeline::default();
        let mut sound_end_us = None;
        for _ in 0..1_000 {
            // Pictures end 3 ms before the sound does, as with rounded frame times.
            let place = line.open(&opened(None, Some(0), Some(0)));
            if let Some(end_us) = sound_end_us {
                assert_eq!(place.offset_us, end_us);
            }
            line.close(place, &closed(Some(1_997_000), Some(2_000_000)), 2_000_000);
            sound_end_us = Some(place.offset_us + 2_000_000);
        }
    }

    #[test]
    fn sound_that_ends_far_from_the_next_does_not_move_the_pictures() {
        let mut line = Timeline::default();
        let place = line.open(&opened(None, Some(0), Some(0)));
        line.close(place, &closed(Some(2_000_000), Some(1_500_000)), 2_000_000);
        let place = line.open(&opened(None, Some(0), Some(0)));
        assert_eq!(place.start_us, 2_000_000);
    }

    #[test]
    fn the_last_slide_stays_as_long_as_the_broadcast_says() {
        let mut line = Timeline::default();
        let place = line.open(&opened(None, Some(0), None));
        assert_eq!(
            line.close(place, &closed(Some(540_000), None), 2_000_000),
            2_000_000
        );
    }

    #[test]
    fn absurd_lengths_are_bounded_and_nothing_overflows() {
        let mut line = Timeline::default();
        let place = line.open(&opened(None, Some(i64::MIN), Some(i64::MAX)));
        let end = line.close(place, &closed(Some(i64::MAX), Some(i64::MAX)), u64::MAX);
        assert!((0..=60_000_000).contains(&(end - place.start_us)));
        let place = line.open(&opened(None, Some(i64::MAX), Some(i64::MIN)));
        line.close(place, &closed(Some(i64::MIN), None), 0);
        assert!(line.end_us >= end);
    }

    #[test]
    fn a_chunk_of_which_nothing_can_be_shown_takes_no_time() {
        let mut line = Timeline::default();
        let place = line.open(&opened(span(0, 2_000_000), Some(0), None));
        line.close(place, &closed(None, None), 0);
        let nothing = line.nothing();
        assert_eq!(
            line.close(nothing, &closed(None, None), 2_000_000),
            2_000_000
        );
    }
}
