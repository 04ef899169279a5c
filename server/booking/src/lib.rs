//! Who may use which session server when: applications, servers, bookings and sessions, and the rules between them.
//!
//! Pure: functions of (world, now, request). This crate must never know a clock, a socket, a database, a file or an
//! unseeded generator of random numbers.

pub mod model;
