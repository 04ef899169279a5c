//! A control message from a peer.
#![no_main]
#![allow(
    dead_code,
    reason = "the bodies of the other targets lie in the same file"
)]

use libfuzzer_sys::fuzz_target;

#[path = "../bodies/core.rs"]
mod bodies;

fuzz_target!(|bytes: &[u8]| bodies::control(bytes));
