//! Channels for sessions: how a session of `server run` or `server session` gets on air.
//!
//! The session server knows only that there is an air, the origin only that a channel is fed; here they meet.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use media_packet::{Rendition, SoundPacket, VideoPacket};
use server_origin::{
    ChannelConfig, Coding, DEFAULT_DIRECT_PEERS, Feed, MAX_CHANNELS, OriginConfig, Source,
};
use server_session::{Air, OnAir, PacketTap, SessionConfig};
use server_watch::Channels;
use tokio::sync::watch;

use crate::args::DEFAULT_PORT;
use crate::site_args::BROADCAST_DIR;
use crate::values;

/// Channels for sessions if nothing is said: as many as a session server has sessions.
pub(crate) const DEFAULT_SESSION_CHANNELS: u32 = 4;
/// The most: old clients know channels 0 to 9.
pub(crate) const MAX_SESSION_CHANNELS: u32 = 9;

/// Adds channels for sessions to a broadcast, at the lowest numbers from 1 on that are free. Fewer if the broadcast has no
/// room for all.
pub(crate) fn add_channels(origin: &mut OriginConfig, count: u32) {
    let taken: Vec<u32> = origin.channels.iter().map(|it| it.channel).collect();
    let room = MAX_CHANNELS.saturating_sub(taken.len());
    let free = (1..).filter(|number| !taken.contains(number));
    for channel in free.take(room.min(count as usize)) {
        origin.channels.push(ChannelConfig {
            channel,
            source: Source::Fed(Feed::new()),
            name: None,
            coding: Coding::default(),
            max_direct_peers: DEFAULT_DIRECT_PEERS,
            invite_valid: None,
        });
    }
}

/// The origin of a session server with channels of its own; none: it has none.
///
/// # Errors
/// The key that is wrong, as its file writes it, and what is accepted.
pub(crate) fn origin_of(config: &SessionConfig) -> Result<Option<OriginConfig>, String> {
    let Some(keys) = &config.broadcast else {
        return Ok(None);
    };
    let count = keys.session_channels.unwrap_or(DEFAULT_SESSION_CHANNELS);
    if count > MAX_SESSION_CHANNELS {
        return Err(format!(
            "broadcast.session_channels: 0 to {MAX_SESSION_CHANNELS} is accepted"
        ));
    }
    if count == 0 {
        return Ok(None);
    }
    let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, DEFAULT_PORT));
    let mut origin = OriginConfig {
        listen: keys.listen.unwrap_or(everywhere),
        advertise: keys.advertise.clone(),
        data_dir: config.data_dir.join(BROADCAST_DIR),
        channels: Vec::new(),
    };
    add_channels(&mut origin, count);
    let coding = match &keys.stripes {
        Some(text) => values::stripes(text).map_err(|why| format!("broadcast.stripes: {why}"))?,
        None => Coding::default(),
    };
    for channel in &mut origin.channels {
        channel.coding = coding;
        channel.max_direct_peers = keys.max_direct_peers.unwrap_or(DEFAULT_DIRECT_PEERS);
    }
    origin
        .check()
        .map_err(|wrong| format!("broadcast.{}: {}", wrong.key, wrong.why))?;
    Ok(Some(origin))
}

/// The numbers of a broadcast's channels for sessions.
pub(crate) fn fed(origin: &OriginConfig) -> Vec<u32> {
    let fed = origin.channels.iter();
    let fed = fed.filter(|it| matches!(it.source, Source::Fed(_)));
    fed.map(|it| it.channel).collect()
}

/// The channels that sessions may take.
pub(crate) struct Stations(Vec<Arc<Station>>);

struct Station {
    channel: u32,
    feed: Feed,
    /// Browsers that watch the channel here.
    browsers: Option<Channels>,
    is_taken: AtomicBool,
}

impl Stations {
    /// Those of a broadcast, which browsers may watch here too; none: no session can get on air.
    pub(crate) fn of(origin: &OriginConfig, browsers: Option<&Channels>) -> Option<Self> {
        let fed = origin.channels.iter().filter_map(|it| match &it.source {
            Source::Fed(feed) => Some(Arc::new(Station {
                channel: it.channel,
                feed: feed.clone(),
                browsers: browsers.cloned(),
                is_taken: AtomicBool::new(false),
            })),
            _ => None,
        });
        let stations: Vec<_> = fed.collect();
        (!stations.is_empty()).then_some(Self(stations))
    }
}

impl Air for Stations {
    fn begin(&self, code: &str, title: &str) -> Result<OnAir, String> {
        let free = self
            .0
            .iter()
            .find(|station| !station.is_taken.swap(true, Ordering::AcqRel));
        let station = free.ok_or_else(|| {
            let count = self.0.len();
            format!("all channels for sessions ({count}) are on air; end one of those broadcasts, or start the server with more --session-channels")
        })?;
        tracing::info!(
            channel = station.channel,
            code,
            title,
            "a session is on air"
        );
        Ok(OnAir {
            channel: station.channel,
            invite: station.feed.invite(),
            tap: Arc::new(Tap(station.clone())),
        })
    }
}

/// The way of one session's packets. The channel is free again with the last of its clones.
struct Tap(Arc<Station>);

impl PacketTap for Tap {
    fn video(&self, packet: &VideoPacket) {
        self.0.feed.video(packet);
        if let Some(browsers) = self
            .0
            .browsers
            .as_ref()
            .filter(|_| packet.rendition == Rendition::Full)
        {
            browsers.video(self.0.channel, packet);
        }
    }

    fn sound(&self, packet: &SoundPacket) {
        self.0.feed.sound(packet);
        if let Some(browsers) = &self.0.browsers {
            browsers.sound(self.0.channel, packet);
        }
    }

    fn keyframes(&self) -> watch::Receiver<u64> {
        let browsers = self.0.browsers.as_ref();
        let asked = browsers.and_then(|browsers| browsers.keyframes(self.0.channel));
        asked.unwrap_or_else(|| watch::channel(0).1)
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.0.feed.silence();
        self.0.is_taken.store(false, Ordering::Release);
        tracing::info!(channel = self.0.channel, "a session is off the air");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(numbers: &[u32]) -> OriginConfig {
        let channel = |channel: &u32| ChannelConfig {
            channel: *channel,
            source: Source::Film("film.mkv".into()),
            name: None,
            coding: Coding::default(),
            max_direct_peers: 4,
            invite_valid: None,
        };
        OriginConfig {
            listen: "127.0.0.1:0".parse().expect("an address"),
            advertise: None,
            data_dir: "data".into(),
            channels: numbers.iter().map(channel).collect(),
        }
    }

    #[test]
    fn sessions_get_the_lowest_numbers_that_are_free() {
        let mut config = origin(&[0, 2]);
        add_channels(&mut config, 3);
        let numbers: Vec<u32> = config.channels.iter().map(|it| it.channel).collect();
        assert_eq!(numbers, [0, 2, 1, 3, 4]);
        add_channels(&mut config, 0);
        assert_eq!(config.channels.len(), 5);
        assert!(Stations::of(&origin(&[0]), None).is_none());
    }

    #[test]
    fn a_session_server_has_channels_if_its_file_says_so() {
        let config = |broadcast: &str| {
            let text = format!(
                r#"{{"data_dir": "data", "applications": [{{"name": "a", "command": "b"}}] {broadcast}}}"#
            );
            let file = tempfile::NamedTempFile::new().expect("a file");
            std::fs::write(file.path(), text).expect("writable");
            SessionConfig::read(file.path()).expect("a configuration")
        };
        assert!(origin_of(&config("")).expect("good").is_none());
        let none = config(r#", "broadcast": {"session_channels": 0}"#);
        assert!(origin_of(&none).expect("good").is_none());
        let some = origin_of(&config(r#", "broadcast": {}"#)).expect("good");
        let some = some.expect("channels");
        assert_eq!(some.listen.to_string(), "0.0.0.0:7000");
        assert!(some.data_dir.ends_with("data/broadcast"));
        let numbers: Vec<u32> = some.channels.iter().map(|it| it.channel).collect();
        assert_eq!(numbers, [1, 2, 3, 4]);
        let more =
            r#", "broadcast": {"session_channels": 1, "stripes": "2+1", "max_direct_peers": 3}"#;
        let more = origin_of(&config(more)).expect("good").expect("channels");
        assert_eq!(more.channels.len(), 1);
        assert_eq!(more.channels[0].coding.to_string(), "2+1");
        assert_eq!(more.channels[0].max_direct_peers, 3);
        for (keys, wrong) in [
            (
                r#""session_channels": 10"#,
                "broadcast.session_channels: 0 to 9",
            ),
            (r#""stripes": "4""#, "broadcast.stripes: "),
            (
                r#""max_direct_peers": 0"#,
                "broadcast.max_direct_peers: 0 is not possible",
            ),
            (r#""advertise": "here""#, "broadcast.advertise: "),
        ] {
            let config = config(&format!(r#", "broadcast": {{{keys}}}"#));
            let why = origin_of(&config).expect_err(keys);
            assert!(why.starts_with(wrong), "{why}");
        }
    }

    #[test]
    fn a_channel_is_one_sessions_at_a_time_and_free_again_when_its_tap_is_gone() {
        let mut config = origin(&[0]);
        add_channels(&mut config, 2);
        let stations = Stations::of(&config, None).expect("two channels");
        let first = stations.begin("1234", "Clock").expect("free");
        let second = stations.begin("2345", "Clock").expect("free");
        assert_eq!((first.channel, second.channel), (1, 2));
        let why = stations.begin("3456", "Clock").expect_err("taken");
        assert!(why.contains("--session-channels"), "{why}");
        let tap = first.tap.clone();
        drop(first);
        assert!(stations.begin("3456", "Clock").is_err(), "it is fed still");
        drop(tap);
        assert_eq!(stations.begin("3456", "Clock").expect("free").channel, 1);
    }
}
