//! What of the peer reads an old server's bytes: pure, and a library of its own so that the fuzz target runs the same.
//!
//! The peer itself is the program beside it. This library must never know a socket, a clock or a file.

pub mod block;
pub mod wire;
