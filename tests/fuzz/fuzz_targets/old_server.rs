//! What an old server brings: answers, lists, blocks.
#![no_main]
#![allow(dead_code, reason = "the modules are the peer's, which uses all of them")]

use libfuzzer_sys::fuzz_target;

#[path = "../bodies/old_server.rs"]
mod bodies;

fuzz_target!(|bytes: &[u8]| bodies::old_server(bytes));
