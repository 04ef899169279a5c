//! A swarm: an origin, many peers and a player on this machine, each a process of its own, watched from outside.
//!
//! What is known about them is what any user can know: their lines, `peer status`, the files in their spools. This crate
//! must never use the crates that the programs are made of: a bug there would be on both sides of every comparison.

mod ask;
mod compare;
mod error;
mod forest;
mod interrupt;
mod origin;
mod peer;
mod player;
mod programs;
mod table;
mod wait;

pub use compare::{Compared, Reference, compare, has_stored};
pub use error::SwarmError;
pub use forest::draw;
pub use interrupt::Interrupt;
pub use origin::{Origin, OriginOptions};
pub use peer::{Peer, PeerOptions};
pub use player::{Player, Shown};
pub use programs::Programs;
pub use table::{Row, Table, jain};
pub use wait::until;
