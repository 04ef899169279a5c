//! The scenarios: real programs, real time, what a user gets.

mod air;
mod bad_input;
mod broadcast;
mod coordinator;
mod coordinator_http;
mod coordinator_losses;
mod crashes;
mod disk;
mod leaving;
mod legacy;
mod network;
mod old_server;
mod origin;
mod parts;
mod places;
mod sessions;
mod show;
mod visitor;
