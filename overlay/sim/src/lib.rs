//! A simulated world for the forest: the very state machines of `overlay-core`, driven by discrete events.
//!
//! - [`world`]: virtual time, links with delay, crashes, pauses, cuts; a run is a function of its seed.
//! - [`check`]: what must hold after every event, seen from above all nodes.
//!
//! It models when a block arrives, not what is in it, and no bandwidth: it is there for the control of the forest.

mod blocks;
mod carry;
pub mod check;
mod sim;
pub mod world;

pub use sim::Sim;
pub use world::{Reach, Settings, World};
