//! An H.264 encoder for screens: pictures of which most stays as it was.
//!
//! It writes the Constrained Baseline profile of ITU-T H.264 with its cheapest tools: whole macroblocks, motion by whole
//! samples, CAVLC, no deblocking. What it has instead is a quantiser for each macroblock and the knowledge of which ones
//! changed: those that did not cost nothing, and what a picture leaves of its share of the line makes the coarsest of
//! them finer. So a picture keeps to its share, a page is readable at once and sharp soon, and a still one is encoded
//! until nothing is left to do (docs/decisions/0017).
//!
//! Pure: no I/O, no clock, no randomness; the same pictures give the same stream. It must never know where pictures come
//! from, or who watches them.

mod bits;
mod budget;
mod cavlc;
mod encoder;
mod headers;
mod intra;
mod macroblock;
mod motion;
mod planes;
mod residual;
mod tables;
mod transform;

pub use encoder::{Encoded, Encoder, FINEST_QP, Shape};
pub use planes::Picture;
