//! The origin's channels for browsers: the way from the origin to the part that shows chunks over WebRTC.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use server_origin::{OriginConfig, Outlet};
use server_watch::{Channels, ChannelsConfig};

use crate::ways::WaysArgs;

/// Browsers that watch one channel at a time. A guess: each costs the upload of its picture; beyond that there are peers.
const MAX_VIEWERS: usize = 64;
/// The same of all channels.
const MAX_ALL_VIEWERS: usize = 256;

/// The channels of a broadcast for browsers, which reach them by these ways.
pub(crate) fn channels(origin: &OriginConfig, ways: &WaysArgs) -> Channels {
    let config = ChannelsConfig {
        bridge: ways.channels(MAX_ALL_VIEWERS),
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
