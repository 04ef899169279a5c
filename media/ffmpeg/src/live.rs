//! Cutting a live input while it runs: a URL, a pipe, a capture device, a generated picture.
//!
//! FFmpeg blocks, so it has a thread of its own that is fed by the input, drained through a bounded channel and
//! joined on drop. What the input's end means (start again, take another) is the caller's business.

pub(crate) mod pipe;
mod run;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::cut::{CutChunk, CutError, CutOptions, CutSummary, check_name};

/// Finished chunks that may wait for the consumer: 8 s. The consumer hashes, signs and sends; if it takes longer
/// the input waits (a device then drops frames by itself).
pub const MAX_WAITING_CHUNKS: usize = 4;

/// How often a full channel is tried again.
const FULL_POLL: Duration = Duration::from_millis(10);

/// How to cut a live input.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// As for films. The video is always re-encoded.
    pub cut: CutOptions,
    /// Name of FFmpeg's demuxer or device (`v4l2`, `x11grab`, `lavfi`, `mpegts`); `None`: found out.
    pub input_format: Option<String>,
    /// Options of the demuxer or device, such as (`video_size`, `1280x720`).
    pub input_options: Vec<(String, String)>,
    /// Read no faster than the input's own clock runs: for files and generated pictures. Always so for `lavfi`.
    pub native_rate: bool,
    /// End after this much of the input, microseconds; `None`: never.
    pub limit_us: Option<u64>,
}

impl LiveOptions {
    /// The defaults: format found out, as fast as the input comes, without an end.
    pub fn new(cut: CutOptions) -> Self {
        Self {
            cut,
            input_format: None,
            input_options: Vec::new(),
            native_rate: false,
            limit_us: None,
        }
    }
}

/// What comes from a [`LiveCutter`]: chunks, then exactly one of the other two.
#[derive(Debug)]
pub enum LiveEvent {
    /// The next chunk, numbered from 0 without holes.
    Chunk(CutChunk),
    /// The input ended, or the limit was reached, or [`LiveCutter::finish`] was called.
    Ended(CutSummary),
    /// The input could not be opened or cut any further.
    Failed(CutError),
}

/// A live input that is being cut. Dropping it stops and joins its thread, within some tens of milliseconds unless a
/// device's driver hangs.
#[derive(Debug)]
pub struct LiveCutter {
    events: Option<Receiver<LiveEvent>>,
    signals: Arc<Signals>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Signals {
    /// Give up now. FFmpeg's interrupt callback reads it through its own Arc.
    abort: Arc<AtomicBool>,
    /// Act as if the input had ended.
    finish: AtomicBool,
}

impl LiveCutter {
    /// Starts cutting. `input`: what FFmpeg takes as a URL or device name; `-`, `pipe:0` or the path of a FIFO for a
    /// pipe. Returns at once: if the input cannot be opened, that comes as [`LiveEvent::Failed`].
    ///
    /// Errors: a bad name for the chunks; no thread to be had.
    pub fn start(input: &str, options: LiveOptions) -> Result<Self, CutError> {
        check_name(&options.cut.name)?;
        let signals = Arc::new(Signals::default());
        let (sender, events) = sync_channel(MAX_WAITING_CHUNKS);
        let input = input.to_owned();
        let shown = input.clone();
        let theirs = Arc::clone(&signals);
        let thread = thread::Builder::new()
            .name("live-cutter".to_owned())
            .spawn(move || {
                let last = match run::run(&input, &options, &theirs, &sender) {
                    Ok(summary) => LiveEvent::Ended(summary),
                    Err(error) => LiveEvent::Failed(error),
                };
                // If nobody listens any more there is nobody to tell.
                let _ = send(&sender, last, &theirs.abort);
            })
            .map_err(|e| CutError::Open {
                input: shown,
                reason: format!("no thread for it: {e}"),
            })?;
        Ok(Self {
            events: Some(events),
            signals,
            thread: Some(thread),
        })
    }

    /// Waits for the next event; `None` after the last. Blocks.
    pub fn recv(&self) -> Option<LiveEvent> {
        self.events.as_ref()?.recv().ok()
    }

    /// Waits for the next event, at most this long. `Err(Timeout)`: nothing yet; `Err(Disconnected)`: the last event
    /// was taken.
    pub fn recv_timeout(&self, wait: Duration) -> Result<LiveEvent, RecvTimeoutError> {
        match &self.events {
            Some(events) => events.recv_timeout(wait),
            None => Err(RecvTimeoutError::Disconnected),
        }
    }

    /// Ends the input politely: the chunk that is being cut is finished (shorter), then [`LiveEvent::Ended`] comes.
    /// Takes effect with the input's next packet. Does not block.
    pub fn finish(&self) {
        self.signals.finish.store(true, Ordering::Relaxed);
    }
}

impl Drop for LiveCutter {
    fn drop(&mut self) {
        self.signals.abort.store(true, Ordering::Relaxed);
        drop(self.events.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was already reported by the panic hook.
            let _ = thread.join();
        }
    }
}

/// Hands an event on, waiting while the channel is full. Never waits for a consumer that is gone.
fn send(
    sender: &SyncSender<LiveEvent>,
    event: LiveEvent,
    abort: &AtomicBool,
) -> Result<(), CutError> {
    let mut event = event;
    loop {
        match sender.try_send(event) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Disconnected(_)) => return Err(CutError::Stopped),
            Err(TrySendError::Full(back)) => event = back,
        }
        if abort.load(Ordering::Relaxed) {
            return Err(CutError::Stopped);
        }
        thread::sleep(FULL_POLL);
    }
}
