//! Whether a viewer's network is dead, long before ICE gives it up (RFC 7675: up to 30 s; here some seconds): pictures leave
//! and nothing at all comes back.
//!
//! Browsers report arrivals at least four times a second while anything arrives, also what a still picture's probes and
//! repetitions are. Pure: time is an argument. It must never know what is done about it.

use crate::send::estimate::Unreported;

/// How long nothing has come, and something that is reported has been under way, microseconds. As long as our own page may
/// be silent while it holds a key.
const SILENCE_US: u64 = 1_000_000;

/// And so many packets: of fewer all may be lost, or the reports of them.
const PACKETS: u32 = 10;

/// Seen so often in a row: what waits in this computer comes before that.
const LOOKS: u32 = 2;

/// What is known of one viewer.
#[derive(Debug, Default)]
pub(super) struct Silence {
    heard_us: u64,
    looks: u32,
}

impl Silence {
    /// Something came, whatever it was.
    pub(super) fn heard(&mut self, now_us: u64) {
        *self = Silence {
            heard_us: now_us,
            looks: 0,
        };
    }

    /// True once for each silence.
    pub(super) fn begins(&mut self, unreported: Unreported, now_us: u64) -> bool {
        let since_us = self.heard_us.max(unreported.since_us);
        let is_silent =
            unreported.packets >= PACKETS && now_us.saturating_sub(since_us) >= SILENCE_US;
        self.looks = match is_silent {
            true => self.looks.saturating_add(1),
            false => 0,
        };
        self.looks == LOOKS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(silence: &mut Silence, packets: u32, since_us: u64, times_us: &[u64]) -> Vec<bool> {
        let unreported = Unreported { packets, since_us };
        times_us
            .iter()
            .map(|now_us| silence.begins(unreported, *now_us))
            .collect()
    }

    #[test]
    fn pictures_that_nobody_answers_are_a_silence_once() {
        let mut silence = Silence::default();
        silence.heard(5_000_000);
        let found = looks(
            &mut silence,
            30,
            5_100_000,
            &[6_000_000, 6_100_000, 6_200_000, 6_300_000, 9_000_000],
        );
        assert_eq!(found, [false, false, true, false, false]);
        silence.heard(9_100_000);
        let found = looks(&mut silence, 30, 9_200_000, &[10_300_000, 10_400_000]);
        assert_eq!(found, [false, true], "another one");
    }

    #[test]
    fn who_is_sent_hardly_anything_has_nothing_to_say() {
        let mut silence = Silence::default();
        silence.heard(5_000_000);
        let found = looks(&mut silence, 9, 5_000_000, &[9_000_000, 9_100_000]);
        assert_eq!(found, [false, false]);
        let found = looks(&mut silence, 30, 9_000_000, &[9_200_000, 9_900_000]);
        assert_eq!(found, [false, false], "not for long");
        looks(&mut silence, 30, 9_000_000, &[10_000_000]);
        silence.heard(10_050_000);
        let found = looks(
            &mut silence,
            30,
            9_000_000,
            &[10_100_000, 11_050_000, 11_150_000],
        );
        assert_eq!(found, [false, false, true], "what came in between counts");
    }
}
