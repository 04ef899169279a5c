//! The scenarios: real programs, real time, what a user gets.

mod bad_input;
mod broadcast;
mod coordinator;
mod crashes;
mod disk;
mod leaving;
mod legacy;
mod network;
mod old_server;
mod origin;
mod places;
mod sessions;
