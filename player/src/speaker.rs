//! The sound device, through SDL. Takes samples, tells how many were heard; what they are is not its business.

use media_ffmpeg::decode::{SOUND_CHANNELS, SOUND_RATE};
use sdl2::Sdl;
use sdl2::audio::{AudioQueue, AudioSpecDesired};

/// Samples that the device takes at once, 21 ms: small enough for a smooth clock.
const DEVICE_SAMPLES: u16 = 1_024;

/// How far ahead of the clock the device is fed: more than the player ever sleeps, little enough that quitting is
/// heard at once.
pub(crate) const AHEAD_US: i64 = 250_000;

/// How long a fed device may stand still before it counts as gone (unplugged, suspended).
const DEAD_US: u64 = 2_000_000;

/// A device that plays, or stands still.
pub(crate) struct Speaker {
    queue: AudioQueue<f32>,
    given_samples: u64,
    latency_us: i64,
    runs: bool,
    moved: (u64, u64),
}

impl Speaker {
    /// Opens the default device, standing still.
    ///
    /// # Errors
    /// One line that says why there is none.
    pub(crate) fn open(sdl: &Sdl) -> Result<Self, String> {
        let audio = sdl.audio()?;
        let wanted = AudioSpecDesired {
            freq: Some(SOUND_RATE.cast_signed()),
            channels: u8::try_from(SOUND_CHANNELS).ok(),
            samples: Some(DEVICE_SAMPLES),
        };
        let queue = audio.open_queue::<f32, _>(None, &wanted)?;
        let piece_us = i64::from(queue.spec().samples) * 1_000_000 / i64::from(SOUND_RATE);
        Ok(Self {
            queue,
            given_samples: 0,
            // What was taken last is on its way, half heard on average, behind one piece in the device.
            latency_us: piece_us * 3 / 2,
            runs: false,
            moved: (0, 0),
        })
    }

    /// Gives it samples (interleaved).
    ///
    /// # Errors
    /// If the device is gone.
    pub(crate) fn give(&mut self, samples: &[f32]) -> Result<(), String> {
        self.queue.queue_audio(samples)?;
        self.given_samples += (samples.len() / SOUND_CHANNELS) as u64;
        Ok(())
    }

    /// Lets it play, or holds it.
    pub(crate) fn run(&mut self, on: bool) {
        if on != self.runs {
            self.runs = on;
            if on {
                self.queue.resume();
            } else {
                self.queue.pause();
            }
        }
    }

    /// How much of what it got was heard, microseconds; `None` before the first.
    pub(crate) fn heard_us(&self) -> Option<i64> {
        let taken = self.taken_samples();
        let us = i64::try_from(taken * 1_000_000 / u64::from(SOUND_RATE)).unwrap_or(i64::MAX);
        (taken > 0).then(|| us - self.latency_us)
    }

    /// Whether it has samples and has not taken any for a long time.
    pub(crate) fn is_dead(&mut self, now_us: u64) -> bool {
        let taken = self.taken_samples();
        if !self.runs || taken == self.given_samples || taken != self.moved.0 {
            self.moved = (taken, now_us);
        }
        now_us.saturating_sub(self.moved.1) > DEAD_US
    }

    fn taken_samples(&self) -> u64 {
        let bytes = SOUND_CHANNELS * size_of::<f32>();
        let waiting = u64::from(self.queue.size()) / bytes as u64;
        self.given_samples.saturating_sub(waiting)
    }
}
