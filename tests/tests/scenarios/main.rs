//! The scenarios: real programs, real time, what a user gets.

mod bad_input;
mod broadcast;
mod crashes;
mod disk;
mod leaving;
mod legacy;
mod network;
mod origin;
mod places;
