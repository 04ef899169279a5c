//! The relay forest over real links: `overlay-core`'s state machine driven by QUIC.
//!
//! One [`Endpoint`] (one UDP socket) a process; on it any number of channels, each as its [`Root`] or as a [`Member`].
//! This crate carries blocks and nothing else: it must never know what media is in them, where chunks are stored, or who
//! decides about the trees (that is `overlay-core`, which it feeds and obeys).
//!
//! How it is built:
//! - `identity` and `tls`: who somebody is. `transport` and `socket`: every QUIC and UDP setting, with its reason.
//! - `endpoint`: incoming links are routed to their channel by their first message. `dial`: outgoing ones.
//! - `channel`: the state of one channel behind one lock that is never held over an await: the state machine, the
//!   `window` and the links. All inputs of the state machine pass through one function there.
//! - `authority`: whose signature counts. `who`: the question who a channel's root is.
//! - `control`: the messages of a link. `receive`: streams of blocks that come. `serve`: streams of blocks that go.
//!
//! The bytes on the wire are written down in `docs/protocols/overlay.md`.

#[cfg(feature = "bare")]
mod arrivals;
mod authority;
#[cfg(feature = "bare")]
pub mod bare;
mod channel;
mod chunks;
mod control;
mod counters;
mod cursor;
mod dial;
mod endpoint;
mod frame;
mod identity;
mod link;
mod log;
mod member;
mod pieces;
mod receive;
mod root;
mod serve;
mod socket;
mod timer;
mod tls;
mod transport;
mod who;
mod window;

#[cfg(feature = "bare")]
pub use arrivals::Arrival;
pub use authority::Trust;
pub use chunks::{ChunkReceiver, WholeChunk};
pub use counters::{ChannelFacts, Counters, LinkFacts};
pub use endpoint::{BindError, Endpoint, OpenError};
pub use identity::{Identity, IdentityError};
pub use member::{Bearings, JoinError, Member, MemberConfig, Place, TakeOverError};
pub use root::{Chunk, PublishError, Root, RootConfig};
pub use who::{AskError, RootCard, WHO_ALPN};

/// The protocol of a link, as TLS negotiates it (ALPN, RFC 7301).
pub const ALPN: &[u8] = b"treecast/1";
