//! The rules, driven as the coordinator drives them.

mod bookings;
mod clocks;
mod day;
mod files;
mod guessing;
mod interleavings;
mod judge;
mod lab;
mod moves;
mod policies;
mod ranges;
mod servers;
mod sessions;
mod zones;
