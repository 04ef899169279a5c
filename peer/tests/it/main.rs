//! The real `peer` process against a real origin's end of a channel: joining, storing, status, leaving, trouble.
//! Whole swarms with real films are in the workspace's `tests`.

#[cfg(unix)]
mod brought;
mod joining;
#[cfg(unix)]
mod lab;
#[cfg(unix)]
mod trouble;
