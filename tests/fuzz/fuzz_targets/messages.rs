//! One JSON message of the session path.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../bodies/wire.rs"]
mod bodies;

fuzz_target!(|bytes: &[u8]| bodies::messages(bytes));
