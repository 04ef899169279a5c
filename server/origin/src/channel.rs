//! What every channel has, whatever it broadcasts: its place on the disk, its root in the forest, its board.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use media_model::SigningKey;
use overlay_core::{Invite, Params};
use overlay_quic::{Chunk, Endpoint, PublishError, Root, RootConfig};

use crate::clock::Clock;
use crate::config::{ChannelConfig, Source};
use crate::error::OriginError;
use crate::outlet::Outlet;
use crate::schedule::Anchor;
use crate::state::{self, ChannelState};
use crate::status::{Board, ChannelStatus, ForestStatus};

/// Where invites are handed to.
pub(crate) type Announce = Arc<dyn Fn(&Invite) + Send + Sync>;

/// What all channels of a process share.
pub(crate) struct Station {
    /// The socket.
    pub(crate) endpoint: Endpoint,
    /// Signs everything.
    pub(crate) key: SigningKey,
    /// Whether the key was made at this start.
    pub(crate) key_is_new: bool,
    /// `host:port` for invites.
    pub(crate) address: String,
    /// The broadcast's time.
    pub(crate) clock: Clock,
    /// Whether other channels can go on without one that cannot start.
    pub(crate) only_channel: bool,
    /// Takes the invites.
    pub(crate) announce: Announce,
    /// Take the chunks too.
    pub(crate) outlets: Vec<Box<dyn Outlet>>,
}

/// One channel.
pub(crate) struct Channel {
    pub(crate) station: Arc<Station>,
    pub(crate) config: ChannelConfig,
    /// Name of the chunks before their number.
    pub(crate) name: String,
    /// Its folder in the data directory.
    pub(crate) dir: PathBuf,
    /// What status tells.
    pub(crate) board: Board,
    on_air: OnceLock<(Root, Invite)>,
}

/// A chunk that is ready to go.
pub(crate) struct Ready {
    pub(crate) seq: u64,
    pub(crate) extension: &'static str,
    pub(crate) wall_time_us: u64,
    pub(crate) duration_us: u64,
    pub(crate) data: Bytes,
}

impl Channel {
    pub(crate) fn new(
        station: Arc<Station>,
        config: ChannelConfig,
        name: String,
        dir: PathBuf,
    ) -> Self {
        Self {
            station,
            config,
            name,
            dir,
            board: Board::default(),
            on_air: OnceLock::new(),
        }
    }

    /// Its number.
    pub(crate) fn number(&self) -> u32 {
        self.config.channel
    }

    /// Its root, once it is on air.
    pub(crate) fn root(&self) -> Option<&Root> {
        self.on_air.get().map(|(root, _)| root)
    }

    /// Writes the state with a new epoch, opens the root and hands out the invite. Called once.
    ///
    /// # Errors
    /// When the state cannot be written, or the forest refuses the channel.
    pub(crate) fn go_on_air(&self, state: &ChannelState) -> Result<Root, OriginError> {
        // Before anybody hears of the epoch: one that was used must never be used again.
        state::save(&self.dir, state)?;
        let refused = |why: String| OriginError::Channel {
            channel: self.number(),
            why,
        };
        let station = &self.station;
        let root = station
            .endpoint
            .open_root(RootConfig {
                channel: self.number(),
                epoch: state.epoch,
                coding: self.config.coding,
                max_direct_peers: self.config.max_direct_peers,
                key: station.key.clone(),
                params: Params::default(),
            })
            .map_err(|why| refused(why.to_string()))?;
        let invite = Invite {
            origin: station.address.clone(),
            channel: self.number(),
            key: station.key.origin_key().to_bytes(),
            also: Vec::new(),
            expires: self.config.invite_valid.map(expiry),
        };
        self.board.write(|air| {
            air.epoch = state.epoch;
            air.last_published_seq = state.last_published_seq;
        });
        tracing::info!(
            channel = self.number(),
            epoch = state.epoch,
            name = self.name,
            source = %self.config.source,
            "on air"
        );
        if let Source::Fed(feed) = &self.config.source {
            feed.set_invite(invite.to_string());
        }
        (station.announce)(&invite);
        let set = self.on_air.set((root.clone(), invite));
        assert!(set.is_ok(), "a channel goes on air once");
        Ok(root)
    }

    /// Publishes a chunk over `over`, and remembers it. `Ok(false)`: the chunk was refused and said so; the next one may
    /// pass.
    ///
    /// # Errors
    /// When the channel was closed.
    pub(crate) async fn publish(
        &self,
        root: &Root,
        state: &mut ChannelState,
        ready: Ready,
        over: Duration,
    ) -> Result<bool, OriginError> {
        self.tell_outlets(&ready);
        let channel = self.number();
        let (seq, bytes) = (ready.seq, ready.data.len() as u64);
        let name = format!("{}_{seq:05}.{}", self.name, ready.extension);
        let chunk = Chunk {
            seq,
            name: name.clone(),
            wall_time_us: ready.wall_time_us,
            duration_us: ready.duration_us,
            data: ready.data,
        };
        tracing::debug!(
            channel,
            seq,
            name,
            bytes,
            over_ms = over.as_millis(),
            "publish"
        );
        match root.publish(chunk, over).await {
            Ok(()) => {}
            Err(PublishError::Closed) => {
                let why = "it was closed".to_owned();
                return Err(OriginError::Channel { channel, why });
            }
            Err(why) => {
                self.left_out(&why.to_string());
                return Ok(false);
            }
        }
        self.board.write(|air| {
            air.last_published_seq = Some(seq);
            air.last_published_name = Some(name);
            air.chunks_published += 1;
            air.chunk_bytes += bytes;
        });
        state.last_published_seq = Some(seq);
        self.remember(state).await;
        Ok(true)
    }

    /// Gives the chunk to the ways out beside the forest, unless its time is over: they have nobody who could catch up.
    fn tell_outlets(&self, ready: &Ready) {
        let end_us = ready.wall_time_us.saturating_add(ready.duration_us);
        let lasts_us = end_us.saturating_sub(self.station.clock.now_us());
        if lasts_us == 0 {
            return;
        }
        for outlet in &self.station.outlets {
            outlet.on_air(self.number(), &ready.data, Duration::from_micros(lasts_us));
        }
    }

    /// Says that a chunk was not published, and why.
    pub(crate) fn left_out(&self, why: &str) {
        tracing::warn!(channel = self.number(), "a chunk is left out: {why}");
        self.problem(why);
        self.board.write(|air| air.chunks_left_out += 1);
    }

    /// Puts on the board what went wrong last.
    pub(crate) fn problem(&self, why: &str) {
        self.board.write(|air| air.problem = Some(why.to_owned()));
    }

    /// Writes the state. When that fails the broadcast goes on: only the next start needs it.
    pub(crate) async fn remember(&self, state: &ChannelState) {
        let (dir, copy) = (self.dir.clone(), state.clone());
        let saved = tokio::task::spawn_blocking(move || state::save(&dir, &copy)).await;
        let Ok(Err(why)) = saved else { return };
        let why = why.to_string();
        // Said once, not with every chunk.
        if self.board.read().problem.as_deref() != Some(&why) {
            tracing::warn!(channel = self.number(), "{why}");
            self.problem(&why);
        }
    }

    /// What it tells about itself.
    pub(crate) fn status(&self) -> ChannelStatus {
        ChannelStatus {
            channel: self.number(),
            source: self.config.source.to_string(),
            invite: self.on_air.get().map(|(_, invite)| invite.to_string()),
            air: self.board.read(),
            forest: self.root().map(ForestStatus::of),
        }
    }
}

fn expiry(valid: Duration) -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    now.as_secs().saturating_add(valid.as_secs())
}

/// The state that a channel starts with, its epoch raised, and whether the last chunk is to be published once more.
///
/// A channel without a state has epoch 1, unless its origin's key is older: then peers may know an epoch of it, and the
/// time in seconds is above all that a count of starts can have reached.
pub(crate) fn begin(
    earlier: Option<ChannelState>,
    source: &str,
    key_is_new: bool,
    now_us: u64,
) -> (ChannelState, bool) {
    let anchor_at = |base_seq| Anchor {
        unix_us: now_us,
        base_seq,
    };
    let source = source.to_owned();
    match earlier {
        None => {
            let epoch = if key_is_new {
                1
            } else {
                (now_us / 1_000_000).max(1)
            };
            let state = ChannelState {
                anchor: anchor_at(0),
                epoch,
                last_published_seq: None,
                source,
            };
            (state, false)
        }
        Some(earlier) => {
            let same = earlier.source == source;
            let anchor = match earlier.last_published_seq {
                _ if same => earlier.anchor,
                Some(last) => anchor_at(last + 1),
                None => anchor_at(earlier.anchor.base_seq),
            };
            let again = same && earlier.last_published_seq.is_some();
            let state = ChannelState {
                anchor,
                epoch: earlier.epoch + 1,
                last_published_seq: earlier.last_published_seq,
                source,
            };
            (state, again)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_start_raises_the_epoch_even_when_the_state_is_lost() {
        let (first, again) = begin(None, "film a", true, 5_000_000);
        assert_eq!((first.epoch, again), (1, false));
        let published = ChannelState {
            last_published_seq: Some(9),
            ..first.clone()
        };
        let (second, again) = begin(Some(published), "film a", false, 9_000_000);
        assert_eq!((second.epoch, again), (2, true));
        assert_eq!(second.anchor, first.anchor, "the clock goes on");
        let (lost, _) = begin(None, "film a", false, 1_700_000_000_000_000);
        assert_eq!(lost.epoch, 1_700_000_000);
    }

    #[test]
    fn another_film_starts_at_its_beginning_and_with_new_numbers() {
        let (mut state, _) = begin(None, "film a", true, 5_000_000);
        state.last_published_seq = Some(9);
        let (other, again) = begin(Some(state), "film b", false, 60_000_000);
        assert!(!again);
        let expected = Anchor {
            unix_us: 60_000_000,
            base_seq: 10,
        };
        assert_eq!(other.anchor, expected);
    }
}
