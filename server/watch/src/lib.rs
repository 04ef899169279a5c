//! Channels in the browser: the chunks of a channel, as a server broadcasts or a peer stores them, become the picture and
//! sound of a WebRTC stage, and WHEP and a small page lead there.
//!
//! ```text
//! on_air (a chunk)  ->  the newest  ->  player: packets at their times  ->  stage  ->  browsers
//! POST /whep/channel/N  ->  channels: which stage  ----------------------^
//! ```
//!
//! A channel whose pictures are made in this process does not wait for its chunks: its packets go to the stage as they come.
//! While nobody watches a channel only its newest chunk is kept, and nothing runs. A crate of its own because the server
//! and the peer have it in common, and neither the origin nor the bridge may know the other. It must never know where
//! chunks come from, or decide who may watch.

mod air;
mod channels;
mod clock;
mod line;
mod live;
mod player;
mod serve;
mod site;
mod theatre;

pub use channels::{Channels, ChannelsConfig, Refused};
pub use serve::serve;
pub use server_bridge::{BridgeConfig, IceServer, IceServers};
pub use site::{page, routes};
