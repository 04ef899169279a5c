//! An X display, captured and encoded while it changes: grab at once when something changed, convert what changed, encode,
//! hand out. Linux only.
//!
//! One thread does all of it, built here and joined on drop. It must never know who watches, what carries the packets, or
//! what application paints; it sees the root window, so windows may come, go, move and grow.

mod area;
mod authority;
mod changes;
mod control;
mod display;
mod encoder;
mod error;
mod framebuffer;
mod line;
mod pace;
mod planes;
mod priority;
mod run;
mod segment;
mod spread;
mod stream;
mod vbv;
mod wake;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};

use media_packet::{VideoCodec, VideoPacket};

pub use control::ScreenControl;
pub use error::ScreenError;
pub use framebuffer::Framebuffer;

use control::Shared;

/// Highest frame rate that can be asked for.
pub const MAX_FRAME_RATE: u32 = 240;

/// Largest side of a picture, pixels: what H.264 level 5.1 and browsers take.
pub const MAX_SIDE: u32 = 4096;

/// Smallest side of a picture, pixels: the low rendition is half of it and still has whole macroblocks' worth.
pub const MIN_SIDE: u32 = 32;

/// Lowest bitrate that is used, bits a second. Below it x264 cannot keep any frame rate at the sizes of a screen.
pub const MIN_BITRATE_BPS: u32 = 50_000;

/// What to capture and how to encode it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScreenConfig {
    /// The X display, such as `:7`.
    pub display: String,
    /// The file with the display's secret; `None`: the display asks for none.
    pub authority: Option<PathBuf>,
    /// The memory in which the display keeps its screen; `None`: it is asked for copies.
    pub framebuffer: Option<Framebuffer>,
    /// Pixels from the left edge, [`MIN_SIDE`]..=[`MAX_SIDE`]; the last one of an odd number is left out.
    pub width: u32,
    /// Pixels from the top, likewise.
    pub height: u32,
    /// Pictures a second at most, 1..=[`MAX_FRAME_RATE`]; a 32nd more for a while, to make up for late ones.
    pub max_frame_rate: u32,
    /// How to encode.
    pub codec: VideoCodec,
    /// What H.264 has to be good at; VP8 has one encoder for all.
    pub content: Content,
    /// Bits a second of the full rendition at the start.
    pub bitrate_bps: u32,
}

/// What an application shows, which decides between encoders of H.264 (docs/decisions/0017).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// Anything, also what moves all over: x264.
    #[default]
    Any,
    /// Windows, text, drawings, of which most stays as it was: `media_h264`, at less than half of the processor time.
    Screen,
}

/// What comes from a capture, on its own thread: packets, then, unless it was dropped, one failure.
#[derive(Debug)]
pub enum ScreenEvent {
    /// One encoded picture. Stamps of one rendition rise strictly.
    Packet(VideoPacket),
    /// The last event: the display or the encoder is gone.
    Failed(ScreenError),
}

/// Sums since the start; times are wall-clock microseconds but `cpu_us`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScreenStats {
    /// Pictures fetched from the display.
    pub grabs: u64,
    /// Packets of the full rendition.
    pub frames: u64,
    /// Packets of the low rendition.
    pub low_frames: u64,
    /// Keyframes among both.
    pub keyframes: u64,
    /// Bytes of all packets.
    pub bytes: u64,
    /// Waiting for the display to hand over pixels.
    pub grab_us: u64,
    /// Converting and halving.
    pub convert_us: u64,
    /// Encoding.
    pub encode_us: u64,
    /// Processor time of the thread.
    pub cpu_us: u64,
}

/// A running capture. Dropping it stops and joins its thread, also while the display does not answer; no event comes
/// afterwards.
pub struct Screen {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Screen {
    /// Connects to the display, opens the encoder and starts. Blocks until the display answered, some seconds at most.
    ///
    /// `sink` is called on the capture's thread and must not block: while it runs nothing is captured.
    ///
    /// Errors: a config out of bounds; no such display, or it refuses, hangs, lacks DAMAGE, or is smaller than the
    /// config; no encoder; no thread.
    pub fn start(
        config: ScreenConfig,
        sink: Box<dyn FnMut(ScreenEvent) + Send>,
    ) -> Result<Self, ScreenError> {
        check(&config)?;
        crate::init();
        let bps = config.bitrate_bps.max(MIN_BITRATE_BPS);
        let shared = Arc::new(Shared::new(bps).map_err(ScreenError::system)?);
        let theirs = Arc::clone(&shared);
        let (ready, answer) = sync_channel(1);
        let thread = thread::Builder::new()
            .name("screen".to_owned())
            .spawn(move || run::thread(config, theirs, ready, sink))
            .map_err(ScreenError::system)?;
        let screen = Self {
            shared,
            thread: Some(thread),
        };
        match answer.recv() {
            Ok(Ok(())) => Ok(screen),
            Ok(Err(error)) => Err(error),
            // It panicked; the panic hook said why.
            Err(_) => Err(ScreenError::Thread("it ended at once".to_owned())),
        }
    }

    /// For ordering it about, from anywhere.
    pub fn control(&self) -> ScreenControl {
        ScreenControl {
            shared: Arc::clone(&self.shared),
        }
    }

    /// What it did so far.
    pub fn stats(&self) -> ScreenStats {
        self.shared.counters.stats()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(thread) = self.thread.take() {
            // A panic there was already reported by the panic hook.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screen").finish_non_exhaustive()
    }
}

fn check(config: &ScreenConfig) -> Result<(), ScreenError> {
    let sides = MIN_SIDE..=MAX_SIDE;
    if !sides.contains(&config.width) || !sides.contains(&config.height) {
        return Err(ScreenError::Config(format!(
            "a picture of {}x{}; a side may be {MIN_SIDE} to {MAX_SIDE} pixels",
            config.width, config.height
        )));
    }
    if !(1..=MAX_FRAME_RATE).contains(&config.max_frame_rate) {
        return Err(ScreenError::Config(format!(
            "{} pictures a second; 1 to {MAX_FRAME_RATE} can be had",
            config.max_frame_rate
        )));
    }
    Ok(())
}
