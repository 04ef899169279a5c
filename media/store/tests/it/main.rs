//! What the spool promises to the peer and the player.

mod corpus;
mod crash;
mod deleting;
mod disk;
mod fuzz;
mod lab;
mod limits;
mod storing;
