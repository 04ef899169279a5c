//! What an old server brings: answers, lists, blocks.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../bodies/old_server.rs"]
mod bodies;

fuzz_target!(|bytes: &[u8]| bodies::brought(bytes));
