//! Capturing real displays and real sound servers, which the tests start themselves; what comes out is decoded and compared
//! with what was painted or played.
#![cfg(target_os = "linux")]

mod decoded;
mod ending;
mod orders;
mod painter;
mod picture;
mod pulse;
mod seen;
mod sound;
mod xvfb;
