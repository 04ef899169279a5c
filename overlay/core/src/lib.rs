//! The relay forest as a pure state machine: who is whose parent in which stripe, who noticed what, who is asked next.
//!
//! [`Node`] is fed with [`Input`]s and the time, and gives [`Output`]s; a driver (`overlay-quic` with real links,
//! `overlay-sim` with a simulated world) carries them out. The call contract:
//!
//! 1. `handle(now, input)` for everything that happens, one input at a time;
//! 2. then `poll_output()` until it gives `None`;
//! 3. `poll_timeout()` says when `handle(now, Input::Timer)` is wanted at the latest.
//!
//! This crate must never know: sockets, clocks, tasks, files, media bytes. It sees identities and bitmaps. Time is an
//! argument, randomness comes from the seed in [`Config`], and nothing is iterated in the order of a hash, so a run is a
//! function of its inputs.
//!
//! Why no stripe can ever hold a cycle is written at [`tick::Tick`].

pub mod book;
pub mod children;
pub mod id;
pub mod invite;
pub mod io;
pub mod ledger;
pub mod link;
pub mod node;
pub mod params;
pub mod stats;
pub mod stripe;
pub mod tick;
pub mod time;
pub mod wire;

pub use id::{Contact, PeerId};
pub use invite::{Invite, InviteError};
pub use io::{Bootstrap, Cause, Config, Event, Input, Output, Role};
pub use node::Node;
pub use params::Params;
pub use stats::{ChildFacts, Facts, RepairFacts, StripeFacts};
pub use tick::{Progress, Tick};
pub use time::Time;
pub use wire::{Hello, Message, Want};
