//! A request in the old 2-digit protocol.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../bodies/legacy.rs"]
mod bodies;

fuzz_target!(|bytes: &[u8]| bodies::request(bytes));
