//! One datagram to the bridge's UDP port.
#![no_main]
#![allow(
    dead_code,
    reason = "the bodies of the other targets lie in the same file"
)]

use libfuzzer_sys::fuzz_target;

#[path = "../bodies/bridge.rs"]
mod bodies;

fuzz_target!(|bytes: &[u8]| bodies::datagram(bytes));
