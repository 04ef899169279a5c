//! Whole chunks onto the disk, on a thread of its own, one after the other.
//!
//! The relay never waits for the disk. When the disk is slow, chunks wait in the window that the relay keeps anyway (about
//! 20 s); one that leaves it before its turn is not stored and is counted. When the disk is full, the chunk whose turn it
//! is waits for space for [`FULL_PATIENCE`] (the player frees some with each chunk that it has shown), and those behind
//! it wait in the window.

use std::io;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use media_store::{ChunkMeta, Put, StoreError, Writer};
use overlay_quic::{ChunkReceiver, WholeChunk};
use tokio::sync::{mpsc, oneshot};

use crate::board::Notices;
use crate::notice::Notice;

/// How long one chunk waits for space on a full disk: as long as the window keeps those behind it.
const FULL_PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at whether there is space.
const FULL_RETRY: Duration = Duration::from_millis(500);
/// The writer's buffers are on the heap; what is left is paths and JSON.
const STACK: usize = 256 * 1024;
/// Chunks on their way to the thread: one in its hands. More would be taken out of the window's bound.
const HANDED_OVER: usize = 1;

/// What became of the chunks. Shared with whoever asks.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    stored: AtomicU64,
    known: AtomicU64,
    evicted: AtomicU64,
    refused: AtomicU64,
    full: AtomicBool,
    latest: Mutex<Option<String>>,
}

impl Counts {
    /// Chunks that were stored, now or by an earlier run.
    pub(crate) fn stored(&self) -> u64 {
        self.stored.load(Ordering::Relaxed) + self.known.load(Ordering::Relaxed)
    }

    /// Chunks that had to go for newer ones.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// Whole chunks that the disk did not take.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// A whole chunk was not given to the disk, which is too far behind.
    pub(crate) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the disk is full now.
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// The file that was stored last.
    pub(crate) fn latest(&self) -> Option<String> {
        self.latest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

struct Job {
    chunk: WholeChunk,
    done: oneshot::Sender<()>,
}

/// Somebody else who takes every chunk, at once.
pub(crate) type Taker = Box<dyn Fn(&WholeChunk) + Send + Sync>;

/// The storing thread.
pub(crate) struct Storing {
    jobs: mpsc::Sender<Job>,
    hurry: Arc<AtomicBool>,
    taker: Option<Taker>,
}

impl Storing {
    /// Starts the thread with the spool's writer.
    pub(crate) fn start(writer: Writer, counts: Arc<Counts>, notices: Notices) -> io::Result<Self> {
        let (jobs, inbox) = mpsc::channel(HANDED_OVER);
        let hurry = Arc::new(AtomicBool::new(false));
        let disk = Disk {
            writer,
            counts,
            notices,
            hurry: hurry.clone(),
            patience: FULL_PATIENCE,
            said: None,
        };
        thread::Builder::new()
            .name("storing".to_owned())
            .stack_size(STACK)
            .spawn(move || disk.run(inbox))?;
        Ok(Self {
            jobs,
            hurry,
            taker: None,
        })
    }

    /// Every chunk is also given to this one, before it goes to the disk, which may be slow.
    pub(crate) fn with_taker(self, taker: Option<Taker>) -> Self {
        Self { taker, ..self }
    }

    /// Stores every chunk that comes, until no more come. `false`: the thread is gone.
    pub(crate) async fn all(&self, mut chunks: ChunkReceiver) -> bool {
        while let Some(chunk) = chunks.recv().await {
            if !self.store(chunk).await {
                return false;
            }
        }
        true
    }

    /// Stores one chunk that did not come through the forest. `false`: the thread is gone.
    pub(crate) async fn store(&self, chunk: WholeChunk) -> bool {
        if let Some(taker) = &self.taker {
            taker(&chunk);
        }
        let (done, wait) = oneshot::channel();
        self.jobs.send(Job { chunk, done }).await.is_ok() && wait.await.is_ok()
    }

    /// From now on no chunk waits for space.
    pub(crate) fn hurry(&self) {
        self.hurry.store(true, Ordering::Relaxed);
    }
}

/// What the thread has.
struct Disk {
    writer: Writer,
    counts: Arc<Counts>,
    notices: Notices,
    hurry: Arc<AtomicBool>,
    patience: Duration,
    /// The trouble that was said last and has not ended.
    said: Option<mem::Discriminant<StoreError>>,
}

impl Disk {
    fn run(mut self, mut inbox: mpsc::Receiver<Job>) {
        while let Some(Job { chunk, done }) = inbox.blocking_recv() {
            let meta = ChunkMeta {
                name: chunk.name.clone(),
                seq: chunk.seq,
                epoch: chunk.epoch,
                duration_us: chunk.duration_us,
                wall_us: chunk.wall_time_us,
                hash: chunk.hash,
            };
            self.put(&meta, &chunk.parts);
            drop(chunk);
            // Nobody waits for it when the program ends.
            let _ = done.send(());
        }
    }

    fn put(&mut self, meta: &ChunkMeta, parts: &[Bytes]) {
        let since = Instant::now();
        loop {
            let error = match self.writer.put(meta, parts.iter().cloned()) {
                Ok(put) => return self.stored(meta, put),
                Err(error) => error,
            };
            let full = matches!(error, StoreError::Full { .. });
            self.counts.full.store(full, Ordering::Relaxed);
            // The same trouble is said once, not once a chunk.
            let anew =
                self.said.replace(mem::discriminant(&error)) != Some(mem::discriminant(&error));
            if full && anew {
                self.notices.say(&Notice::DiskFull {
                    name: meta.name.clone(),
                });
            }
            let hurry = self.hurry.load(Ordering::Relaxed);
            if !full || hurry || since.elapsed() >= self.patience {
                self.counts.refused.fetch_add(1, Ordering::Relaxed);
                let (name, why) = (meta.name.clone(), error.to_string());
                self.notices.say(&Notice::NotStored {
                    name,
                    why,
                    again: full || !anew,
                });
                return;
            }
            thread::sleep(FULL_RETRY.min(self.patience));
        }
    }

    fn stored(&mut self, meta: &ChunkMeta, put: Put) {
        let name = meta.name.clone();
        match put {
            Put::Stored { evicted, .. } => {
                if self.said.take().is_some() {
                    self.counts.full.store(false, Ordering::Relaxed);
                    self.notices.say(&Notice::Storing);
                }
                self.counts.stored.fetch_add(1, Ordering::Relaxed);
                self.counts
                    .evicted
                    .fetch_add(evicted.len() as u64, Ordering::Relaxed);
                for gone in evicted {
                    self.notices.say(&Notice::Evicted { name: gone.name });
                }
                *self
                    .counts
                    .latest
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = Some(name.clone());
                self.notices.say(&Notice::Stored { name });
            }
            Put::AlreadyThere | Put::AlreadyShown => {
                self.counts.known.fetch_add(1, Ordering::Relaxed);
                self.notices.say(&Notice::Known { name });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::lines::{Lines, LogTo};

    use super::*;

    fn disk(dir: &std::path::Path, limit: Option<u64>) -> Disk {
        let lines = Lines::start(LogTo::Stderr).expect("a thread");
        Disk {
            writer: Writer::open(dir, limit).expect("a spool"),
            counts: Arc::default(),
            notices: Notices::new(lines, false),
            hurry: Arc::default(),
            patience: Duration::from_millis(10),
            said: None,
        }
    }

    fn meta(seq: u64) -> ChunkMeta {
        let name = format!("film_{seq:05}.mkv");
        ChunkMeta {
            name,
            seq,
            epoch: 1,
            duration_us: 2_000_000,
            wall_us: seq * 2_000_000,
            hash: [0; 32],
        }
    }

    fn parts() -> Vec<Bytes> {
        vec![Bytes::from_static(b"abc"), Bytes::from_static(b"defgh")]
    }

    fn words(disk: &Disk) -> Vec<String> {
        disk.notices
            .latest()
            .into_iter()
            .map(|said| said.words)
            .collect()
    }

    #[test]
    fn chunks_are_stored_whole_and_the_oldest_go_at_the_limit() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut disk = disk(dir.path(), Some(20));
        for seq in 0..4 {
            disk.put(&meta(seq), &parts());
        }
        disk.put(&meta(3), &parts());
        assert_eq!(
            (
                disk.counts.stored(),
                disk.counts.evicted(),
                disk.counts.refused()
            ),
            (5, 2, 0)
        );
        let there = std::fs::read(dir.path().join("film_00003.mkv")).expect("the newest");
        assert_eq!(there, b"abcdefgh");
        assert!(!dir.path().join("film_00000.mkv").exists());
        assert_eq!(disk.counts.latest().as_deref(), Some("film_00003.mkv"));
        assert_eq!(words(&disk).len(), 2);
    }

    #[test]
    fn the_same_trouble_is_said_once_and_its_end_too() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut disk = disk(dir.path(), Some(4));
        for seq in 0..3 {
            disk.put(&meta(seq), &parts());
        }
        assert_eq!(disk.counts.refused(), 3);
        assert_eq!(words(&disk).len(), 1, "{:?}", words(&disk));
        disk.put(&meta(9), &[Bytes::from_static(b"abc")]);
        let words = words(&disk);
        assert_eq!(words.len(), 2, "{words:?}");
        assert!(
            words[0].contains("--spool-limit") && words[1].contains("again"),
            "{words:?}"
        );
    }

    #[test]
    fn the_end_of_a_full_disk_is_said() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut disk = disk(dir.path(), None);
        let error = StoreError::Full {
            dir: dir.path().to_owned(),
            name: "x.mkv".to_owned(),
            bytes: 1,
        };
        disk.said = Some(mem::discriminant(&error));
        disk.counts.full.store(true, Ordering::Relaxed);
        disk.put(&meta(0), &parts());
        assert!(!disk.counts.is_full());
        assert_eq!(words(&disk), ["there is space again: chunks are stored"]);
    }
}
