//! The head: takes blocks from the old server, numbers them, publishes them and gives them to the own spool.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use old_server::block::{self, BlockFault, Container};
use overlay_quic::{Chunk, Root, WholeChunk};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::numbering::{Number, Numbering};
use crate::storing::{Counts, Storing};

/// How long a block plays: two seconds by the old protocol, which does not say it.
const BLOCK_US: u64 = 2_000_000;
/// Over how long the rows of a block are let go: a small part of a round, so that a burst does not fill a narrow line.
const PACE: Duration = Duration::from_millis(200);

/// How long the children may take to say that they have the last block of a head that leaves: a few round trips of a far
/// one, and a row that was lost.
const SPREAD_PATIENCE: Duration = Duration::from_secs(1);

/// The head's own chunks that wait for its disk: as many as the forest's window keeps of others'. The broadcast never
/// waits for the disk.
const MAX_UNSTORED: usize = 10;

/// The way of a head's own chunks into its spool.
#[derive(Clone)]
pub(crate) struct OwnSpool {
    waiting: mpsc::Sender<WholeChunk>,
    counts: Arc<Counts>,
}

impl OwnSpool {
    /// Starts the task that gives them to the storing thread, one after the other. It ends, with everything stored, when
    /// the last clone is dropped.
    pub(crate) fn start(storing: Arc<Storing>, counts: Arc<Counts>) -> (Self, JoinHandle<()>) {
        let (waiting, mut taken) = mpsc::channel::<WholeChunk>(MAX_UNSTORED);
        let task = tokio::spawn(async move {
            while let Some(chunk) = taken.recv().await {
                if !storing.store(chunk).await {
                    tracing::error!("the thread that stores chunks is gone");
                    return;
                }
            }
        });
        (Self { waiting, counts }, task)
    }

    fn put(&self, chunk: WholeChunk) {
        let seq = chunk.seq;
        if self.waiting.try_send(chunk).is_err() {
            self.counts.refuse();
            tracing::warn!(
                seq,
                "the disk is too far behind: this chunk is not stored here"
            );
        }
    }
}

/// See the module.
pub(crate) struct Head {
    root: Root,
    numbers: Numbering,
    channel: u8,
    spool: OwnSpool,
    /// When the last block came.
    pub(crate) heard_at: Duration,
}

/// What became of a block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is on its way.
    Published(u64),
    /// It was published before.
    Duplicate(u64),
}

/// Why a block is not published.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// It is no block.
    #[error("{0}")]
    Fault(#[from] BlockFault),
    /// The forest does not take it.
    #[error("{0}")]
    Publish(#[from] overlay_quic::PublishError),
}

impl Head {
    pub(crate) fn new(
        root: Root,
        numbers: Numbering,
        channel: u8,
        spool: OwnSpool,
        now: Duration,
    ) -> Self {
        Self {
            root,
            numbers,
            channel,
            spool,
            heard_at: now,
        }
    }

    /// Its authority.
    pub(crate) fn epoch(&self) -> u64 {
        self.root.epoch()
    }

    /// Until every child has all that was published, or it takes too long. Cancel-safe.
    pub(crate) async fn spread(&self) {
        if !self.root.spread(SPREAD_PATIENCE).await {
            tracing::warn!("not every child has the newest block");
        }
    }

    /// The old server accepted this peer once more.
    pub(crate) fn accepted_again(&mut self) {
        self.numbers.accepted_again();
    }

    /// Takes what the old server sent as a block at `now`. Returns when the forest has it. Not cancel-safe: a number may be
    /// lost.
    pub(crate) async fn take(&mut self, now: Duration, data: Bytes) -> Result<Taken, Refused> {
        let container = block::check(&data)?;
        self.heard_at = now;
        let hash = *blake3::hash(&data).as_bytes();
        let seq = match self.numbers.number(now, hash) {
            // The spool knows a chunk that the head before us gave to this peer too.
            Number::New(seq) | Number::Again(seq) => seq,
            Number::Duplicate(seq) => return Ok(Taken::Duplicate(seq)),
        };
        let chunk = Chunk {
            seq,
            name: name(self.channel, seq, container),
            wall_time_us: unix_us(),
            duration_us: BLOCK_US,
            data: data.clone(),
        };
        let whole = WholeChunk {
            epoch: self.epoch(),
            seq,
            name: chunk.name.clone(),
            wall_time_us: chunk.wall_time_us,
            duration_us: BLOCK_US,
            hash,
            len: data.len() as u64,
            parts: vec![data],
        };
        self.root.publish(chunk, PACE).await?;
        self.spool.put(whole);
        Ok(Taken::Published(seq))
    }
}

/// The file's name: what every peer of the forest stores it as.
fn name(channel: u8, seq: u64, container: Container) -> String {
    format!("channel{channel}_{seq:05}.{}", container.extension())
}

fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

fn unix_us() -> u64 {
    u64::try_from(since_epoch().as_micros()).unwrap_or(u64::MAX)
}

/// Seconds of the clock: where numbers and epochs begin where nobody knows of earlier ones. Both grow by less than one a
/// second, so what begins later begins above.
pub(crate) fn unix_s() -> u64 {
    since_epoch().as_secs()
}
