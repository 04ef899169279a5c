//! The laboratory of the end-to-end tests: real films, origins, peers and players in processes of their own, in one
//! folder that is kept when the test fails, on one machine or in networks that can be cut.
//!
//! What is asserted here is what a user sees: files, lines, exit codes, `status --json`. It must never use the crates
//! that it tests: a bug in them would be on both sides.

mod check;
mod coordinator;
mod crowd;
mod film;
mod lab;
mod mariadb;
mod menu;
mod netem;
mod old_server;
mod origin;
mod peer;
mod place;
mod player;
mod ports;
mod process;
mod stage;
mod status;
mod turns;
mod wait;
mod world;
mod wss;

pub use check::{
    Kept, assert_byte_identical, assert_nothing_half_written, assert_whole_forest, forest_problem,
};
pub use coordinator::{Coordinator, CoordinatorOptions, assert_all_different};
pub use crowd::Crowd;
pub use film::Film;
pub use lab::Lab;
pub use mariadb::MariaDb;
pub use menu::Menu;
pub use netem::Netem;
pub use old_server::{Coming, Odd, OldServer, SentBlock, old_blocks};
pub use origin::{Origin, OriginOptions, SourceOf};
pub use peer::{Peer, PeerOptions};
pub use place::{Place, Tmpfs};
pub use player::{Player, PlayerOptions, Shown};
pub use ports::{free_port, free_tcp_port};
pub use process::{Ended, Process};
pub use stage::{Manner, Stage};
pub use status::{
    Blocks, Child, Chunks, Neighbour, OriginChannel, OriginStatus, Pending, PendingFile, Repair,
    Repairs, SentStripe, Status, Stripe,
};
pub use wait::{SOON, eventually, holds};
pub use world::{Namespace, World};
pub use wss::{Http, Tls, Wss, client_config, https, https_as, tls};
