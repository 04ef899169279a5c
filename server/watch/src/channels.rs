//! The channels that browsers may watch: their newest chunks, and their stages on demand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use media_packet::{SoundPacket, VideoCodec, VideoPacket};
use serde_json::{Value, json};
use server_bridge::{Bridge, BridgeConfig, BridgeError, IceServer, Stage, StageConfig};
use tokio::sync::{OnceCell, watch};

use crate::air::Air;
use crate::live::{LEAST_BPS, Live};
use crate::player::{Board, Ended, Player};

/// How much faster than its chunk a channel may be sent: chunks differ, and so do the pictures in them. A guess.
const HEADROOM: u64 = 2;
/// The least rate, bits per second: a picture that stays has hardly any.
const MIN_BPS: u64 = 1_000_000;
/// The highest.
const MAX_BPS: u64 = 100_000_000;

/// How browsers reach the channels.
#[derive(Clone, Debug)]
pub struct ChannelsConfig {
    /// The WebRTC side. Nothing is opened before the first viewer asks.
    pub bridge: BridgeConfig,
    /// Viewers of one channel; more are refused.
    pub max_viewers: usize,
}

/// Why a channel cannot be watched. One line for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It does not exist here.
    #[error("there is no channel {channel} here; {known}")]
    NoSuchChannel {
        /// The number that was asked for.
        channel: u32,
        /// Those that there are, in words.
        known: String,
    },
    /// Nothing is on air there.
    #[error("channel {0} is silent at the moment")]
    Silent(u32),
    /// Its chunks cannot be shown.
    #[error("{0}")]
    Unplayable(String),
    /// The bridge cannot be opened.
    #[error("browsers cannot be served: {0}")]
    NoBridge(String),
}

/// All channels of a process. Clones are the same.
#[derive(Clone)]
pub struct Channels(Arc<Inner>);

struct Inner {
    config: ChannelsConfig,
    bridge: OnceCell<Bridge>,
    channels: BTreeMap<u32, Channel>,
}

struct Channel {
    air: Air,
    live: Live,
    /// Once somebody watched.
    stage: Mutex<Option<(VideoCodec, Stage)>>,
    board: Board,
}

impl Channels {
    /// Of these numbers, all silent.
    #[must_use]
    pub fn new(numbers: impl IntoIterator<Item = u32>, config: ChannelsConfig) -> Self {
        let silent = || Channel {
            air: Air::new(),
            live: Live::default(),
            stage: Mutex::default(),
            board: Board::default(),
        };
        Self(Arc::new(Inner {
            config,
            bridge: OnceCell::new(),
            channels: numbers.into_iter().map(|n| (n, silent())).collect(),
        }))
    }

    /// A chunk, whose file these parts are, is on air for as long as it `lasts`. Returns at once.
    pub fn on_air(&self, channel: u32, parts: Vec<Bytes>, lasts: Duration) {
        if let Some(channel) = self.0.channels.get(&channel) {
            channel.air.put(parts, lasts);
        }
    }

    /// A picture of a channel that is fed in this process: from the first one on, browsers here do not wait for its chunks.
    /// Any thread, never blocks.
    pub fn video(&self, channel: u32, packet: &VideoPacket) {
        if let Some(channel) = self.0.channels.get(&channel) {
            channel.live.video(packet);
        }
    }

    /// Sound of such a channel.
    pub fn sound(&self, channel: u32, packet: &SoundPacket) {
        if let Some(channel) = self.0.channels.get(&channel) {
            channel.live.sound(packet);
        }
    }

    /// One more each time that viewers of such a channel need a keyframe, who have just joined or lost pictures: at most one a
    /// second. None: there is no such channel.
    #[must_use]
    pub fn keyframes(&self, channel: u32) -> Option<watch::Receiver<u64>> {
        let channel = self.0.channels.get(&channel)?;
        Some(channel.live.keyframes())
    }

    /// The stage of a channel for one who wants to watch it. Needs a tokio runtime.
    ///
    /// # Errors
    /// Why it cannot be watched.
    pub async fn stage(&self, number: u32) -> Result<Stage, Refused> {
        let inner = &self.0;
        let no_such = || Refused::NoSuchChannel {
            channel: number,
            known: known(&inner.channels),
        };
        let channel = inner.channels.get(&number).ok_or_else(no_such)?;
        let newest = channel.air.newest();
        let is_silent = match channel.live.is_fed() {
            true => channel.live.codec().is_none(),
            false => newest.is_none(),
        };
        if is_silent {
            return Err(Refused::Silent(number));
        }
        let bridge = inner.bridge().await;
        let bridge = bridge.map_err(|why| Refused::NoBridge(why.to_string()))?;
        let bps = newest.as_ref().map_or(0, |newest| newest.bits_per_second());
        if let Some(codec) = channel.live.codec() {
            let make = || inner.new_stage(bridge, codec, bps.max(LEAST_BPS / HEADROOM));
            return Ok(channel.live.stage(codec, make));
        }
        let newest = newest.ok_or(Refused::Silent(number))?;
        if let Some((_, stage)) = &*lock(&channel.stage) {
            return Ok(stage.clone());
        }
        let codec =
            tokio::task::spawn_blocking(move || media_ffmpeg::packets::codec_of(&newest.file()));
        let codec = match codec.await {
            Ok(Ok(codec)) => codec.unwrap_or(VideoCodec::H264),
            Ok(Err(why)) => return Err(Refused::Unplayable(why.to_string())),
            Err(_) => return Err(Refused::Unplayable("the chunk broke its reader".to_owned())),
        };
        let mut place = lock(&channel.stage);
        if let Some((_, stage)) = &*place {
            return Ok(stage.clone());
        }
        let stage = inner.new_stage(bridge, codec, bps);
        *place = Some((codec, stage.clone()));
        drop(place);
        let player = Player {
            channel: number,
            codec,
            stage: stage.clone(),
            newest: channel.air.listen(),
            board: channel.board.clone(),
        };
        tokio::spawn(play(self.clone(), number, player));
        Ok(stage)
    }

    /// The numbers, in order.
    #[must_use]
    pub fn numbers(&self) -> Vec<u32> {
        self.0.channels.keys().copied().collect()
    }

    /// The numbers of those that are on air now, in order.
    #[must_use]
    pub fn on_air_now(&self) -> Vec<u32> {
        let on_air = self.0.channels.iter();
        let on_air = on_air.filter(|(_, channel)| match channel.live.is_fed() {
            true => channel.live.codec().is_some(),
            false => channel.air.newest().is_some(),
        });
        on_air.map(|(number, _)| *number).collect()
    }

    /// The STUN and TURN servers that a browser is told now.
    #[must_use]
    pub fn ice_servers(&self) -> Vec<IceServer> {
        let now = SystemTime::now();
        let servers = self.0.config.bridge.ice_servers.iter();
        servers.map(|server| server.for_browsers(now)).collect()
    }

    /// What it says about itself.
    #[must_use]
    pub fn status(&self) -> Value {
        let of = |(number, channel): (&u32, &Channel)| {
            let stage = lock(&channel.stage)
                .as_ref()
                .map(|(_, stage)| stage.clone());
            let stage = stage.or_else(|| channel.live.opened());
            let viewers = stage.map_or_else(Vec::new, |stage| stage.viewers());
            let shown = lock(&channel.board).clone();
            json!({
                "channel": number,
                "viewers": viewers,
                "chunks_shown": shown.chunks,
                "chunks_left_out": shown.left_out,
                "reencoded": shown.reencoded,
                "problem": shown.problem,
            })
        };
        let udp = self
            .0
            .bridge
            .get()
            .map(|bridge| bridge.udp_address().to_string());
        json!({
            "udp": udp,
            "channels": self.0.channels.iter().map(of).collect::<Vec<_>>(),
        })
    }
}

impl Inner {
    async fn bridge(&self) -> Result<&Bridge, BridgeError> {
        let start = || Bridge::start(self.config.bridge.clone());
        self.bridge.get_or_try_init(start).await
    }

    /// For pictures that take `bps` bits a second.
    fn new_stage(&self, bridge: &Bridge, codec: VideoCodec, bps: u64) -> Stage {
        // A channel has one rendition and its own rate: with nothing between the least and the most nobody is given another,
        // and the estimates only pace.
        let bps = bps.saturating_mul(HEADROOM).clamp(MIN_BPS, MAX_BPS) as u32;
        bridge.stage(StageConfig {
            codec,
            max_viewers: self.config.max_viewers,
            start_bps: bps,
            max_bps: bps,
            min_bps: bps,
        })
    }
}

/// Lets a player run; its stage goes with it, and whoever asks next gets another.
async fn play(channels: Channels, number: u32, player: Player) {
    let stage = player.stage.clone();
    let ended = player.run().await;
    if ended == Ended::OtherCodec {
        tracing::info!(
            channel = number,
            "another codec: browsers have to join anew"
        );
    }
    if let Some(channel) = channels.0.channels.get(&number) {
        lock(&channel.stage).take();
    }
    stage.close();
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn known(channels: &BTreeMap<u32, Channel>) -> String {
    match channels.len() {
        0 => "there are none".to_owned(),
        _ => {
            let numbers: Vec<String> = channels.keys().map(u32::to_string).collect();
            format!("there are {}", numbers.join(", "))
        }
    }
}
