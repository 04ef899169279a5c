//! The sound of a session: recorded from a PulseAudio source, encoded to Opus, handed out in packets of 10 ms. Linux only.
//!
//! One thread does all of it, built here and joined on drop. It must never know what plays, who listens, or what carries the
//! packets. Silence is handed out too: a packet of digital silence has three bytes. Silence that lasts is told apart, so that
//! who can do without hearing it need not.

mod device;
mod error;
mod opus;
mod run;
mod silence;
mod stamps;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use media_packet::SoundPacket;

pub use error::HearError;

/// Samples a second.
pub const SAMPLE_RATE: u32 = 48_000;

/// Left and right.
pub const CHANNELS: usize = 2;

/// Samples of one channel in a packet.
pub const PACKET_SAMPLES: usize = 480;

/// How long a packet sounds, microseconds.
pub const PACKET_US: u32 = 10_000;

/// Bitrates that are used, bits a second: what Opus makes sense with in stereo, and its own limit.
pub const BITRATES_BPS: std::ops::RangeInclusive<u32> = 16_000..=510_000;

/// Longest wait for the sound server to let us in.
const MAX_OPEN: Duration = Duration::from_secs(5);

/// What to listen to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HearConfig {
    /// PulseAudio's address, such as `unix:/path/native`.
    pub server: String,
    /// A source's name, such as the monitor of a sink.
    pub source: String,
    /// Bits a second; taken into [`BITRATES_BPS`].
    pub bitrate_bps: u32,
}

/// What comes, on a thread of its own: packets, then, unless it was dropped, one failure.
#[derive(Debug)]
pub enum HearEvent {
    /// The next 10 ms. Stamps rise strictly; time that was not recorded is left out.
    Packet(SoundPacket),
    /// The next 10 ms, which need not be heard: digital silence as for the last 200 ms and more. One in 40 comes as
    /// [`Self::Packet`], as a sign of life.
    Silence(SoundPacket),
    /// The last event: the sound server or the encoder is gone, or the server does not answer any more.
    Failed(HearError),
}

/// A running recording. Dropping it stops and joins its thread, which takes a fifth of a second at most; no event comes
/// afterwards.
pub struct Hear {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Hear {
    /// Connects to the sound server, opens the encoder and starts. Blocks until the server answered, some seconds at
    /// most.
    ///
    /// `sink` is called on the recording's thread and must not block.
    ///
    /// Errors: no such server or source, or it refuses or hangs; no encoder; no thread.
    pub fn start(
        config: HearConfig,
        sink: Box<dyn FnMut(HearEvent) + Send>,
    ) -> Result<Self, HearError> {
        crate::init();
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&stop);
        let (ready, answer) = sync_channel(1);
        let thread = thread::Builder::new()
            .name("hear".to_owned())
            .spawn(move || run::thread(&config, &theirs, ready, sink))
            .map_err(|error| HearError::Thread(error.to_string()))?;
        let hear = Self {
            stop,
            thread: Some(thread),
        };
        // The thread answers in time whatever the server does; if it is gone it panicked, and the panic hook said why.
        answer
            .recv()
            .unwrap_or_else(|_| Err(HearError::Thread("it ended at once".to_owned())))?;
        Ok(hear)
    }
}

impl Drop for Hear {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // A panic there was already reported by the panic hook.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for Hear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hear").finish_non_exhaustive()
    }
}
