//! How many bits a picture may take when pictures come more rarely than the highest rate. Pure; time is an argument,
//! microseconds.
//!
//! x264 shares its bitrate among the pictures of the highest rate. An application that paints half as often would use half
//! of the line, and look worse than it has to.

/// Gaps between pictures that are looked at: the shortest counts, so that the first fast picture ends the plenty.
const GAPS: usize = 4;

/// Most that a picture gets, halves of a share: with two shares it takes two pictures' time on a line of exactly this rate.
const MAX_HALVES: u64 = 4;

/// A part of a gap that jitter may take away, tenths.
const JITTER_TENTHS: u64 = 1;

/// The shares of the coming picture.
#[derive(Clone, Debug)]
pub(super) struct Spread {
    interval_us: u64,
    last_us: Option<u64>,
    gaps_us: [u64; GAPS],
}

impl Spread {
    pub(super) fn new(pictures_per_second: u32) -> Self {
        Self {
            interval_us: 1_000_000 / u64::from(pictures_per_second.max(1)),
            last_us: None,
            gaps_us: [0; GAPS],
        }
    }

    /// A picture is about to be encoded: the bitrate that x264 has to be told so that it uses `bitrate_bps`.
    pub(super) fn bitrate(&mut self, now_us: u64, bitrate_bps: u32) -> u32 {
        let gap = self.last_us.map_or(0, |last| now_us.saturating_sub(last));
        self.last_us = Some(now_us);
        self.gaps_us.rotate_left(1);
        self.gaps_us[GAPS - 1] = gap;
        let shortest = self.gaps_us.into_iter().min().unwrap_or(0);
        let without_jitter = shortest.saturating_mul(10 + JITTER_TENTHS) / 10;
        let halves = (without_jitter * 2 / self.interval_us.max(1)).clamp(2, MAX_HALVES);
        u32::try_from(u64::from(bitrate_bps) * halves / 2).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(spread: &mut Spread, now_us: &mut u64, gaps_us: &[u64]) -> u32 {
        let mut bitrate = 0;
        for gap in gaps_us {
            *now_us += gap;
            bitrate = spread.bitrate(*now_us, 1_000);
        }
        bitrate
    }

    #[test]
    fn rare_pictures_get_more_and_the_first_fast_one_ends_it() {
        let mut spread = Spread::new(60);
        let mut now = 0;
        assert_eq!(after(&mut spread, &mut now, &[16_666; 20]), 1_000);
        assert_eq!(
            after(&mut spread, &mut now, &[12_000, 21_000, 16_000]),
            1_000
        );
        assert_eq!(after(&mut spread, &mut now, &[25_000; 5]), 1_500);
        assert_eq!(after(&mut spread, &mut now, &[33_333; 5]), 2_000);
        assert_eq!(after(&mut spread, &mut now, &[5_000_000; 5]), 2_000);
        assert_eq!(after(&mut spread, &mut now, &[16_666]), 1_000);
    }
}
