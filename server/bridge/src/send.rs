//! What is sent to one viewer and when: cutting pictures into packets, pacing, repeating, estimating.
//!
//! Pure: time is an argument (microseconds of any one clock), nothing here sends. It must never know sockets, DTLS or who
//! the viewer is.

pub(crate) mod estimate;
pub(crate) mod frame;
pub(crate) mod history;
pub(crate) mod measure;
pub(crate) mod pacer;
pub(crate) mod probe;
pub(crate) mod trend;
