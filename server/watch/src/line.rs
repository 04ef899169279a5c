//! Where the chunks of a channel stand in time for its viewers: one behind the other, and later when they come late. Pure.

/// A chunk may come so late without a gap: what is due is sent at once, and receivers have buffers. A guess.
const TOLERANCE_US: u64 = 100_000;

/// When a chunk comes later than that, all that follows is shown this much later than it could be, so that the next one
/// which is as late does not interrupt again. A guess.
const CUSHION_US: u64 = 200_000;

/// See the module. Times of the stream count from the first chunk without gaps.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// The time of day of the stream's 0.
    offset_us: Option<u64>,
}

impl Line {
    /// Forgets where chunks stood: the next one is shown at once. What comes out goes on rising all the same.
    pub(crate) fn jump(&mut self) {
        self.offset_us = None;
    }

    /// Whether chunks stand somewhere.
    pub(crate) fn is_set(&self) -> bool {
        self.offset_us.is_some()
    }

    /// A chunk that starts at `start_us` of the stream is ready now: when the stream's 0 is for all of its packets.
    pub(crate) fn begin(&mut self, start_us: u64, now_us: u64) -> u64 {
        let offset_us = match self.offset_us {
            None => now_us.saturating_sub(start_us),
            Some(offset_us) if now_us > offset_us + start_us + TOLERANCE_US => {
                (now_us + CUSHION_US).saturating_sub(start_us)
            }
            Some(offset_us) => offset_us,
        };
        self.offset_us = Some(offset_us);
        offset_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_that_come_in_time_follow_each_other_and_late_ones_move_the_line_once() {
        let mut line = Line::default();
        assert_eq!(line.begin(0, 5_000_000), 5_000_000, "the first at once");
        assert_eq!(line.begin(2_000_000, 6_900_000), 5_000_000, "early");
        assert_eq!(line.begin(4_000_000, 9_090_000), 5_000_000, "hardly late");
        let moved = 11_500_000 + CUSHION_US - 6_000_000;
        assert_eq!(line.begin(6_000_000, 11_500_000), moved);
        assert_eq!(line.begin(8_000_000, 13_600_000), moved, "as late again");
        line.jump();
        assert_eq!(line.begin(10_000_000, 14_000_000), 4_000_000);
    }
}
