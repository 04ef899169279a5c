//! [`Transport`] by the protocol core of the `webrtc` crate, without I/O: ICE, DTLS, SRTP, SCTP, SDP.
//!
//! What it leaves to us is in [`crate::send`] and [`crate::net`]. It must never know sockets, tasks or other viewers.

mod candidates;
mod connection;
mod engine;
mod tap;

pub(crate) use engine::{Factory, Local, Wishes};

#[cfg(doc)]
use crate::transport::Transport;
