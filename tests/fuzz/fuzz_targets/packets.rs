//! Chunks on their way to browsers.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../bodies/packets.rs"]
mod bodies;

fuzz_target!(|bytes: &[u8]| bodies::chunk(bytes));
