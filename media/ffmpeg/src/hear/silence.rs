//! Which packets of lasting silence need neither an encoder nor a listener. Pure.

/// Packets of digital silence in a row after which it lasts: 200 ms, more than any encoder or decoder still rings.
const LASTING: u32 = 20;

/// One packet in so many of lasting silence goes out all the same, 400 ms apart, as in libopus's own discontinuous
/// transmission (RFC 7587 section 3.1.3 leaves the time open): who listens sees that somebody is there.
const SIGN_OF_LIFE: u32 = 40;

/// What to do with the next packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Encode it.
    Sound,
    /// It is as silent as the one before, and so is its encoding.
    Silence,
}

/// How long it has been silent.
#[derive(Clone, Debug, Default)]
pub(super) struct Silence {
    packets: u32,
}

impl Silence {
    /// The next packet's samples.
    pub(super) fn next(&mut self, samples: &[u8]) -> Turn {
        if samples.iter().any(|&byte| byte != 0) {
            self.packets = 0;
            return Turn::Sound;
        }
        self.packets += 1;
        if self.packets == LASTING + SIGN_OF_LIFE {
            self.packets = LASTING;
        }
        match self.packets {
            ..=LASTING => Turn::Sound,
            _ => Turn::Silence,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: [u8; 8] = [0; 8];
    const LOUD: [u8; 8] = [0, 0, 0, 0, 0, 0, 1, 0];

    fn sounds(silence: &mut Silence, samples: &[u8], count: u32) -> u32 {
        (0..count)
            .map(|_| u32::from(silence.next(samples) == Turn::Sound))
            .sum()
    }

    #[test]
    fn whatever_is_heard_is_sound() {
        assert_eq!(sounds(&mut Silence::default(), &LOUD, 500), 500);
    }

    #[test]
    fn silence_lasts_after_a_while_and_shows_a_sign_of_life_now_and_then() {
        let mut silence = Silence::default();
        assert_eq!(sounds(&mut silence, &QUIET, LASTING), LASTING);
        assert_eq!(sounds(&mut silence, &QUIET, 10 * SIGN_OF_LIFE), 10);
    }

    #[test]
    fn the_first_sound_after_silence_is_not_missed_and_a_short_pause_is_sound() {
        let mut silence = Silence::default();
        sounds(&mut silence, &QUIET, 1_000);
        assert_eq!(silence.next(&LOUD), Turn::Sound);
        assert_eq!(sounds(&mut silence, &QUIET, LASTING), LASTING);
    }
}
