//! Tests of the messages, as those who send them see them.

mod examples;
mod fuzz;
mod link;
mod refused;
mod trips;
mod users;
