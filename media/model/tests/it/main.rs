//! What media-model promises to the crates above it.

mod bytes;
mod common;
mod fuzz;
mod hostile;
mod roundtrip;
