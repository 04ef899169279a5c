//! From the source's clock to RTP and NTP time, the same for all viewers of a stage, so that sound and picture fit.
//!
//! It must never know which clock the source uses: only differences count.

use rand::Rng as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// From 1900 to 1970, RFC 5905.
const NTP_UNIX_S: u64 = 2_208_988_800;

/// A source whose clock is off by more than this jumped.
const JUMP_US: u64 = 2_000_000;

#[derive(Clone, Copy, Debug)]
struct Anchor {
    at_us: u64,
    here: Instant,
    ntp: u64,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Clock {
    anchor: Mutex<Option<Anchor>>,
    video_start: u32,
    sound_start: u32,
}

/// The same instant on all clocks, for sender reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// 32.32.
    pub(crate) ntp: u64,
    /// 90 kHz.
    pub(crate) video: u32,
    /// 48 kHz.
    pub(crate) sound: u32,
}

/// NTP time of the computer's clock, 32.32.
fn ntp_now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    ((since.as_secs() + NTP_UNIX_S) << 32)
        | ((u64::from(since.subsec_nanos()) << 32) / 1_000_000_000)
}

impl Clock {
    /// Starts at random RTP times, RFC 3550 section 5.1.
    pub(crate) fn new() -> Clock {
        let mut random = rand::rng();
        Clock {
            anchor: Mutex::new(None),
            video_start: random.random(),
            sound_start: random.random(),
        }
    }

    /// A packet of the source's time came now.
    pub(crate) fn seen(&self, at_us: u64, now: Instant) {
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let expected = anchor.map(|anchor| anchor.at_us + (now - anchor.here).as_micros() as u64);
        if expected.is_none_or(|expected| expected.abs_diff(at_us) > JUMP_US) {
            *anchor = Some(Anchor {
                at_us,
                here: now,
                ntp: ntp_now(),
            });
        }
    }

    /// 90 kHz.
    pub(crate) fn video(&self, at_us: u64) -> u32 {
        ((u128::from(at_us) * 9 / 100) as u32).wrapping_add(self.video_start)
    }

    /// 48 kHz.
    pub(crate) fn sound(&self, at_us: u64) -> u32 {
        ((u128::from(at_us) * 6 / 125) as u32).wrapping_add(self.sound_start)
    }

    /// `None`: nothing came yet.
    pub(crate) fn moment(&self, now: Instant) -> Option<Moment> {
        let anchor = (*self.anchor.lock().unwrap_or_else(PoisonError::into_inner))?;
        let since = now.saturating_duration_since(anchor.here);
        let at_us = anchor.at_us + since.as_micros() as u64;
        let elapsed =
            (since.as_secs() << 32) + ((u64::from(since.subsec_nanos()) << 32) / 1_000_000_000);
        Some(Moment {
            ntp: anchor.ntp.wrapping_add(elapsed),
            video: self.video(at_us),
            sound: self.sound(at_us),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn both_clocks_run_together_and_a_jump_is_followed() {
        let clock = Clock::new();
        let start = Instant::now();
        assert_eq!(clock.moment(start), None);
        clock.seen(5_000_000, start);
        let first = clock.moment(start).expect("anchored");
        assert_eq!(
            (first.video, first.sound),
            (clock.video(5_000_000), clock.sound(5_000_000))
        );
        let later = clock
            .moment(start + Duration::from_secs(2))
            .expect("anchored");
        assert_eq!(later.video.wrapping_sub(first.video), 180_000);
        assert_eq!(later.sound.wrapping_sub(first.sound), 96_000);
        assert_eq!((later.ntp - first.ntp) >> 32, 2);
        clock.seen(90_000_000, start + Duration::from_secs(2));
        let jumped = clock
            .moment(start + Duration::from_secs(2))
            .expect("anchored");
        assert_eq!(jumped.video, clock.video(90_000_000));
    }
}
