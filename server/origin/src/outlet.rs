//! Other ways out for the chunks, beside the forest.
//!
//! This file must never know any of them.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

/// A way out that whoever assembles the server adds.
pub trait Outlet: Send + Sync {
    /// Its key in the status.
    fn name(&self) -> &'static str;

    /// A chunk, the file's very bytes, is on air on a channel from now on for as long as it `lasts`. Called before the
    /// forest gets the same chunk, so it must return at once.
    fn on_air(&self, channel: u32, chunk: &Bytes, lasts: Duration);

    /// What it says about itself.
    fn status(&self) -> Value;
}
