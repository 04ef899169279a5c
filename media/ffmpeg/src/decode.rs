//! Decoding of chunk files, for the player: files go in by path, pictures and sound come out in the order of
//! their times, on a thread of its own that is fed and drained through bounded channels and joined on drop.
//!
//! The picture of a chunk is decoded by itself. The sound's decoder goes on from a chunk to the one that follows it
//! in its film, as docs/protocols/chunks.md asks, and the resampler from any to any, so that boundaries leave no
//! seam. The times that come out are the file's own, in microseconds; where a chunk stands in a broadcast is the
//! caller's business, and this module must never know of spools, channels, clocks or screens.
//!
//! A chunk file is hostile until decoded: only Matroska and MP4 are read (no playlist that names other files),
//! its length, pictures, packets and times are bounded below, and whatever is wrong with it becomes the
//! [`DecodeError`] of its [`Closed`], never a panic.

mod budget;
mod error;
mod picture;
mod source;
mod track_sound;
mod track_video;
mod worker;

pub use budget::Permit;
pub use error::DecodeError;
pub use picture::{Layout, Picture, Plane, Scaler};

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use budget::Budget;

/// Samples a second of all sound that comes out.
pub const SOUND_RATE: u32 = 48_000;

/// Channels of all sound that comes out: left, right.
pub const SOUND_CHANNELS: usize = 2;

/// Most bytes of decoded pictures between the decoder and the eye: 20 pictures of 1080p (0.8 s at 25 a second),
/// 46 of 720p. Opening the next chunk takes some tens of milliseconds, so this covers it many times; more would
/// only be memory (a guess between the two).
pub const PICTURE_BUDGET_BYTES: usize = 64 * 1024 * 1024;

/// Pictures that are always let through, however big: the one on show, the next, and two to cover jitter.
pub const PICTURES_ALWAYS: usize = 4;

/// Most decoded pictures in all, for tiny ones: two seconds at 60 a second.
pub const MAX_PICTURES: usize = 120;

/// Most decoded sound in microseconds between the decoder and the ear: as long as an ordinary chunk.
pub const SOUND_BUDGET_US: u64 = 2_000_000;

/// Most picture elements of a picture: 8192 x 4320, the largest size of the H.264 and HEVC levels.
pub const MAX_PIXELS: i64 = 8192 * 4320;

/// Most packets of a chunk: two seconds of 10 ms sound and 240 pictures a second are 700; 100 times that (a
/// guess).
pub const MAX_PACKETS: usize = 70_000;

/// Jobs that may wait behind the one in work: the next chunk and no more, since chunks are opened in turn.
const WAITING_JOBS: usize = 1;

/// Items on the way to the consumer, all of them small beside what [`Budget`] counts.
const WAITING_ITEMS: usize = 64;

/// What is to be made of the pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pictures {
    /// Planar 4:2:0 of 8 bits ([`Layout::Yuv420`] or [`Layout::Nv12`]), converted only where the codec gives
    /// something else.
    Yuv420,
    /// As the codec gives them.
    AsDecoded,
}

/// How to decode.
#[derive(Clone, Copy, Debug)]
pub struct DecodeOptions {
    /// Form of the pictures.
    pub pictures: Pictures,
    /// Whether sound is decoded at all.
    pub sound: bool,
}

/// A chunk to decode.
#[derive(Clone, Debug)]
pub struct Job {
    /// The caller's own number, repeated in every [`Item`] of this chunk.
    pub id: u64,
    /// The file. Must be valid UTF-8 (FFmpeg's interface takes nothing else everywhere).
    pub path: PathBuf,
}

/// What comes out, for each job: one [`Opened`] if anything could be decoded, then pictures and sound in the
/// order of their times, then one [`Closed`] in any case. Jobs come out in the order in which they went in.
#[derive(Debug)]
pub enum Item {
    /// The chunk was opened and its first picture and first sound are known.
    Opened(Opened),
    /// A picture.
    Frame(Frame),
    /// A piece of sound.
    Sound(Sound),
    /// Nothing more comes of this chunk.
    Closed(Closed),
}

/// A chunk's place in its film, from its metadata (docs/protocols/chunks.md). Time 0 of the file is its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where the chunk starts in the film, microseconds from the film's start.
    pub start_us: i64,
    /// How long it is, microseconds: above 0, at most [`media_model::MAX_DURATION_US`].
    pub duration_us: i64,
}

impl Span {
    /// Where the chunk ends in the film, microseconds from the film's start.
    #[must_use]
    pub fn end_us(self) -> i64 {
        self.start_us.saturating_add(self.duration_us)
    }
}

/// The start of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The job's number.
    pub job: u64,
    /// What the chunk says of its place in its film; `None` in files that our cutter did not make.
    pub span: Option<Span>,
    /// Time of the first picture, microseconds on the file's clock; `None`: no pictures.
    pub video_start_us: Option<i64>,
    /// Time of the first sample, microseconds on the file's clock; `None`: no sound.
    pub sound_start_us: Option<i64>,
}

/// A decoded picture.
#[derive(Debug)]
pub struct Frame {
    /// The job's number.
    pub job: u64,
    /// When it is to be shown, microseconds on the file's clock; never less than that of the picture before.
    pub time_us: i64,
    /// For how long, microseconds, as the file or its frame rate says (above 0).
    pub duration_us: i64,
    /// The picture; holds its share of the memory bound until dropped.
    pub picture: Picture,
}

/// A piece of sound: [`SOUND_RATE`], [`SOUND_CHANNELS`] interleaved.
#[derive(Debug)]
pub struct Sound {
    /// The job's number.
    pub job: u64,
    /// When its first sample is to be heard, microseconds on the file's clock.
    pub time_us: i64,
    /// The samples, nominally -1.0..=1.0.
    pub samples: Vec<f32>,
    /// Its share of the bound on sound; hold it for as long as the samples wait.
    pub permit: Permit,
}

/// The end of a chunk.
#[derive(Debug)]
pub struct Closed {
    /// The job's number.
    pub job: u64,
    /// End of the last picture, microseconds on the file's clock.
    pub video_end_us: Option<i64>,
    /// End of the last sample, microseconds on the file's clock.
    pub sound_end_us: Option<i64>,
    /// Pictures given out.
    pub pictures: u64,
    /// Pictures that were not decoded because of [`ChunkDecoder::set_hurry`].
    pub skipped: u64,
    /// What was wrong with the chunk, the first thing only. Something may have come out all the same.
    pub problem: Option<DecodeError>,
}

/// The thread that decodes chunks. Dropping it stops and joins the thread, at most one picture's work later.
#[derive(Debug)]
pub struct ChunkDecoder {
    jobs: Option<SyncSender<Job>>,
    items: Option<Receiver<Item>>,
    budget: Arc<Budget>,
    hurry: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ChunkDecoder {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`DecodeError::Setup`] if the system gives no thread.
    pub fn start(options: DecodeOptions) -> Result<Self, DecodeError> {
        crate::init();
        let (jobs, job_queue) = sync_channel(WAITING_JOBS);
        let (item_queue, items) = sync_channel(WAITING_ITEMS);
        let budget = Arc::new(Budget::default());
        let hurry = Arc::new(AtomicBool::new(false));
        let thread = {
            let (budget, hurry) = (Arc::clone(&budget), Arc::clone(&hurry));
            std::thread::Builder::new()
                .name("decode".into())
                .spawn(move || {
                    worker::Worker::new(options, budget, hurry, item_queue).run(&job_queue);
                })
                .map_err(|e| DecodeError::Setup(e.to_string()))?
        };
        Ok(Self {
            jobs: Some(jobs),
            items: Some(items),
            budget,
            hurry,
            thread: Some(thread),
        })
    }

    /// Gives the thread a chunk, unless one is waiting already behind the one in work; never blocks.
    ///
    /// # Errors
    /// The job back, if there is no place for it now.
    pub fn try_submit(&self, job: Job) -> Result<(), Job> {
        match &self.jobs {
            Some(jobs) => jobs.try_send(job).map_err(|e| match e {
                TrySendError::Full(job) | TrySendError::Disconnected(job) => job,
            }),
            None => Err(job),
        }
    }

    /// The next item, waiting for it at most `timeout`; `None` if none came.
    #[must_use]
    pub fn next(&self, timeout: Duration) -> Option<Item> {
        let items = self.items.as_ref()?;
        match items.recv_timeout(timeout) {
            Ok(item) => Some(item),
            Err(RecvTimeoutError::Timeout) => None,
            // A worker that is gone must not turn its consumer's wait into a busy loop.
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(timeout);
                None
            }
        }
    }

    /// Whether the thread lives; `false` after a panic in it, which would be our own fault.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.thread.as_ref().is_some_and(|t| !t.is_finished())
    }

    /// While on, pictures that no other picture needs are not decoded: for a computer that is too slow.
    pub fn set_hurry(&self, on: bool) {
        self.hurry.store(on, Ordering::Relaxed);
    }
}

impl Drop for ChunkDecoder {
    fn drop(&mut self) {
        self.budget.close();
        self.jobs = None;
        self.items = None;
        if let Some(thread) = self.thread.take() {
            // A panic over there was printed by its hook; there is nothing more to say about it here.
            let _ = thread.join();
        }
    }
}
