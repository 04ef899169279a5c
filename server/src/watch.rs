//! The origin's channels for browsers: the way from the origin to the part that shows chunks over WebRTC.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use server_bridge::BridgeConfig;
use server_origin::{OriginConfig, Outlet};
use server_watch::{Channels, ChannelsConfig};

/// Browsers that watch one channel at a time. A guess: each costs the upload of its picture; beyond that there are peers.
const MAX_VIEWERS: usize = 64;
/// The same of all channels.
const MAX_ALL_VIEWERS: usize = 256;

/// The channels of a broadcast for browsers, whose media comes from `udp`.
pub(crate) fn channels(origin: &OriginConfig, udp: SocketAddr) -> Channels {
    let config = ChannelsConfig {
        bridge: BridgeConfig {
            udp,
            tcp: None,
            advertise: Vec::new(),
            ice_servers: Vec::new(),
            max_viewers: MAX_ALL_VIEWERS,
        },
        max_viewers: MAX_VIEWERS,
    };
    Channels::new(origin.channels.iter().map(|it| it.channel), config)
}

/// The outlet that gives them the chunks.
pub(crate) struct Browsers(pub(crate) Channels);

impl Outlet for Browsers {
    fn name(&self) -> &'static str {
        "browsers"
    }

    fn on_air(&self, channel: u32, chunk: &Bytes, lasts: Duration) {
        self.0.on_air(channel, vec![chunk.clone()], lasts);
    }

    fn status(&self) -> Value {
        self.0.status()
    }
}
