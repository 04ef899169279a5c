//! The 2-digit protocol of the old network, in the role of its server: requests on port 6060, blocks to port 9091.
//!
//! `request`, `answer`, `table` and `notes` are the rules, free of sockets and clocks. `visit` takes requests, `service`
//! sends a client its blocks through `call`, `air` holds the block of each channel, `rounds` paces those that keep their
//! own time, `server` has the thread on which all this runs. docs/protocols/legacy-6060.md tells it from the outside.
//!
//! This crate must never know where blocks come from, or the relay forest.

mod air;
mod answer;
mod call;
mod config;
mod counters;
mod notes;
mod request;
mod rounds;
mod server;
mod service;
mod state;
mod system;
mod table;
#[cfg(test)]
mod table_tests;
mod visit;

pub use config::{
    ConfigError, DEFAULT_CLIENT_PORT, DEFAULT_DEADLINE, DEFAULT_MAX_CLIENTS, DEFAULT_PATIENCE,
    DEFAULT_PAUSE, DEFAULT_PORT, LegacyConfig, ListAnswer, MAX_CLIENTS,
};
pub use counters::Counters;
pub use request::{BadRequest, CHANNELS, MAX_REQUEST_LEN, Progress, Request};
pub use server::{LegacyError, LegacyServer};
