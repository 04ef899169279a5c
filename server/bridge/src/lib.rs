//! The bridge between encoded packets and browsers: WebRTC, WHEP and Epic's signalling, behind one small interface.
//!
//! The only crate that uses `webrtc`. It must never know how packets are made, bookings, or the rules of who has control.

mod bridge;
mod clock;
mod config;
mod demand;
mod doors;
mod driver;
pub mod epic;
mod error;
mod flow;
mod inbox;
pub mod input;
mod join;
mod net;
mod rate;
mod rtc;
mod seat;
mod send;
mod servers;
mod stage;
mod transport;
mod viewer;
pub mod whep;

pub use bridge::Bridge;
pub use config::{
    BridgeConfig, BridgeStats, Candidate, Demand, IceServer, MAX_CANDIDATE_LEN, MAX_CANDIDATES,
    MAX_CHANNELS, MAX_EVENTS, MAX_MESSAGE_LEN, MAX_OUTGOING_MESSAGES, MAX_SDP_LEN, StageConfig,
    Terms, ViewerStats,
};
pub use error::{BridgeError, JoinError};
#[doc(hidden)]
pub use net::foreign;
pub use servers::{IceServers, ServerKind, ServerPlace, WrongServer};
pub use stage::Stage;
pub use viewer::{Viewer, ViewerEvent, ViewerSender};
