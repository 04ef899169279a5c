//! Channels of an origin with real forests: on air, killed, started again, fed from within the process.

mod broadcast;
mod fed;
mod lab;
