//! The origin: films, folders of ready chunks and live inputs on channels, in real time, for ever.
//!
//! A source (`film`, `folder`, `live`, `feed`) makes chunks on a thread of its own; `broadcast` takes them. A loop's chunks stand in a `library`; the
//! `playout` puts each on air at its time (`schedule`, `clock`), a live input's as they come. `overlay-quic` codes, signs
//! and sends them. `state` and `data_dir` remember who the origin is and how far it came, `control` and `status` tell it. Other ways out than the
//! forest are added as an `outlet`; one that keeps its own time reads a loop by a `reel`.
//!
//! This crate must never know where its configuration was written, or what belongs to a command line.

mod address;
mod broadcast;
mod channel;
mod clock;
mod config;
mod control;
mod data_dir;
mod error;
mod feed;
mod files;
mod film;
mod folder;
mod library;
mod live;
mod origin;
mod outlet;
mod playout;
mod reel;
mod schedule;
mod state;
mod status;

pub use config::{
    ChannelConfig, ConfigError, DEFAULT_DIRECT_PEERS, MAX_CHANNELS, MAX_DIRECT_PEERS,
    MAX_INVITE_VALID, OriginConfig, Source,
};
pub use control::ask_status;
pub use error::OriginError;
pub use feed::Feed;
pub use media_model::{Coding, CodingError};
pub use origin::run;
pub use outlet::Outlet;
pub use overlay_core::Invite;
pub use reel::Reel;
pub use schedule::CATCH_UP_CHUNKS;
