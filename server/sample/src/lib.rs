//! The built-in application of sessions: a small X11 program that paints its clock, moves, reacts and beeps.
//!
//! So that everything can be seen, heard and tried without installing an application, and measured: the upper edge of its
//! picture carries its clock and its last input as black and white cells (`marks`), which survive lossy encoding. What it
//! was given it says on standard output, a line each (`words` in docs/guide/interactive.md). It must never know that
//! anybody streams it.

mod beep;
mod clipboard;
mod keys;
pub mod marks;
mod paint;
mod pieces;
mod scene;
mod window;

pub use window::{Options, SampleError, run};
