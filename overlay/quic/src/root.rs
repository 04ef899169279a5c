//! A channel's root: the origin's end, where chunks are cut into blocks, signed and let go.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use media_model::{ChunkDraft, Coding, EncodedSpan, SigningKey, SpanError, encode_chunk};
use overlay_core::{Config, Event, Input, Params, Role};
use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::authority::Trust;
use crate::channel::Channel;
use crate::counters::ChannelFacts;
use crate::endpoint::{Net, OpenError};
use crate::member::{Guard, LEAVE_PATIENCE};
use crate::serve::BLOCKING_LEN;

/// Between two looks at what the children have: their heartbeat.
const SPREAD_LOOK: Duration = Duration::from_millis(50);

/// How a channel is opened as its root.
#[derive(Debug, Clone)]
pub struct RootConfig {
    /// The channel: 0..N.
    pub channel: u32,
    /// The authority that this root has: at least 1, and higher than that of any root before.
    pub epoch: u64,
    /// Data and parity stripes.
    pub coding: Coding,
    /// Peers at most that the root serves itself.
    pub max_direct_peers: u16,
    /// Signs the chunks; its public half stands in the invite.
    pub key: SigningKey,
    /// Times and bounds of the state machine.
    pub params: Params,
}

/// A chunk to be sent.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// Its number on the channel, higher than that of the chunk before.
    pub seq: u64,
    /// Its file name, as [`media_model::check_chunk_name`] allows it.
    pub name: String,
    /// When it is on air: microseconds since the Unix epoch.
    pub wall_time_us: u64,
    /// How long it plays, microseconds.
    pub duration_us: u64,
    /// All of it.
    pub data: Bytes,
}

/// Why a chunk was not sent.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// It is out of its bounds.
    #[error("chunk {seq}: {why}")]
    Chunk {
        /// Which.
        seq: u64,
        /// What is wrong.
        why: SpanError,
    },
    /// A chunk with this number is here, or the number is older than the window.
    #[error("chunk {0} was published before: numbers only rise")]
    Published(u64),
    /// The channel was closed.
    #[error("the channel is closed")]
    Closed,
}

/// A channel that this process is the root of. Clones share it; when the last one is dropped, it is closed.
#[derive(Clone)]
pub struct Root {
    guard: Arc<Guard>,
    channel: Arc<Channel>,
    key: SigningKey,
    coding: Coding,
    epoch: u64,
}

impl Root {
    pub(crate) fn open(net: &Arc<Net>, config: RootConfig) -> Result<Self, OpenError> {
        let RootConfig {
            channel,
            epoch,
            coding,
            max_direct_peers,
            key,
            params,
        } = config;
        if epoch == 0 {
            return Err(OpenError::Epoch);
        }
        let core = Config {
            id: net.own,
            role: Role::Root { epoch },
            channel,
            fan_out: max_direct_peers,
            data: coding.data(),
            parity: coding.parity(),
            bootstrap: Vec::new(),
            incarnation: rand::random(),
            seed: rand::random(),
            params,
        };
        let channel = net.open(channel, || {
            Channel::start(net.clone(), Trust::Origin(key.origin_key()), core)
        })?;
        channel.drive(&mut channel.lock(), Input::Start);
        Ok(Self {
            guard: Guard::new(&channel),
            channel,
            key,
            coding,
            epoch,
        })
    }

    /// The root that a member has become.
    pub(crate) fn of_member(
        guard: Arc<Guard>,
        channel: Arc<Channel>,
        key: SigningKey,
        coding: Coding,
        epoch: u64,
    ) -> Self {
        Self {
            guard,
            channel,
            key,
            coding,
            epoch,
        }
    }

    /// The authority that this root has.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Sends a chunk: codes and signs it, then lets its rows go evenly over `over` (0: at once). Returns when the last row
    /// is in the window, from where children are served; nobody is waited for.
    ///
    /// Cancel-safe: once the first row is out, the rest follows on time even if the future is dropped. Chunks may overlap.
    ///
    /// # Errors
    /// When the chunk is out of bounds, was published before, or the channel is closed. Nothing was sent then.
    pub async fn publish(&self, chunk: Chunk, over: Duration) -> Result<(), PublishError> {
        let start = Instant::now();
        let seq = chunk.seq;
        let draft = ChunkDraft {
            channel: self.channel.number,
            epoch: self.epoch,
            seq,
            name: chunk.name,
            wall_time_us: chunk.wall_time_us,
            duration_us: chunk.duration_us,
            coding: self.coding,
        };
        let (key, data) = (self.key.clone(), chunk.data);
        let long = data.len() as u64 > BLOCKING_LEN;
        let encode = move || encode_chunk(draft, &data, &key);
        let encoded = if long {
            tokio::task::spawn_blocking(encode)
                .await
                .map_err(|_| PublishError::Closed)?
        } else {
            encode()
        };
        let encoded = encoded.map_err(|why| PublishError::Chunk { seq, why })?;
        {
            let mut state = self.channel.lock();
            if state.closed {
                return Err(PublishError::Closed);
            }
            if state.window.has(seq, self.epoch) {
                return Err(PublishError::Published(seq));
            }
            let (rows, last) = state.window.publish_span(&encoded.span, start.into_std());
            for stripe in 0..self.coding.stripes() {
                self.channel.wake_senders(&state, stripe);
            }
            self.channel.drive(
                &mut state,
                Input::Span {
                    epoch: self.epoch,
                    seq,
                    rows,
                    last,
                },
            );
        }
        let rows = release(self.channel.clone(), encoded, start, over);
        // It fails only if it was aborted with the runtime.
        tokio::spawn(rows).await.map_err(|_| PublishError::Closed)
    }

    /// What this process knows about the channel now.
    pub fn facts(&self) -> ChannelFacts {
        self.channel.facts()
    }

    /// When the blocks of a chunk came, as long as it is in the window.
    #[cfg(feature = "bare")]
    pub fn arrivals(&self, seq: u64) -> Vec<crate::Arrival> {
        crate::arrivals::of(&self.channel, seq)
    }

    /// What happens from now on. A listener that is 256 events behind loses the oldest and is told how many.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.channel.events()
    }

    /// Waits until every child has said that it has the newest chunk whole, at most `patience`; says whether they have. A
    /// root that leaves is gone at once and takes with it what its children do not have yet. Cancel-safe.
    pub async fn spread(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        loop {
            let spread = {
                let state = self.channel.lock();
                let newest = state.node.newest_whole();
                newest.is_none_or(|newest| state.node.children_have(newest))
            };
            if spread || Instant::now() >= until {
                return spread;
            }
            tokio::time::sleep(SPREAD_LOOK).await;
        }
    }

    /// Says goodbye to all children and closes the channel. Bounded by a few seconds; not cancel-safe: call
    /// [`Root::close`] after a cancelled one.
    pub async fn leave(&self) {
        self.channel.leave(LEAVE_PATIENCE).await;
    }

    /// Closes the channel at once.
    pub fn close(&self) {
        self.guard.close();
    }
}

/// Lets rows go, evenly over `over` from `start` on.
async fn release(channel: Arc<Channel>, encoded: EncodedSpan, start: Instant, over: Duration) {
    let header = encoded.span.header();
    let (seq, epoch, stripes) = (
        header.seq,
        header.epoch,
        usize::from(header.coding.stripes()),
    );
    let rows = header.geometry().rows();
    let mut blocks = encoded.blocks.into_iter();
    for index in 0..rows {
        if !over.is_zero() && index > 0 {
            tokio::time::sleep_until(start + over.mul_f64(f64::from(index) / f64::from(rows)))
                .await;
        }
        let mut state = channel.lock();
        for block in blocks.by_ref().take(stripes) {
            let (row, stripe) = (block.row, block.stripe);
            state
                .window
                .publish_block(epoch, block, std::time::Instant::now());
            channel.wake_senders(&state, stripe);
            channel.drive(
                &mut state,
                Input::Block {
                    seq,
                    row,
                    stripe,
                    from: None,
                },
            );
        }
    }
    let mut state = channel.lock();
    state.counters.chunks_whole += 1;
    channel.drive(&mut state, Input::Whole { seq });
}
