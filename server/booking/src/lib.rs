//! Who may use which session server when: applications, servers, bookings and sessions, and the rules between them.
//!
//! Pure: functions of (ledger, policy, who asks and when, request). A rule answers and names the [`model::Change`]s
//! that make the answer true; whoever calls stores them, applies them to its [`Ledger`] and only then tells the answer.
//! Rules are applied one after the other, each to the ledger that the one before left; first of all
//! [`expire::expire`], so that what is over by now is gone. This crate must never know a
//! clock, a socket, a database, a file or a generator of random numbers.

pub mod applications;
pub mod clock;
pub mod code;
mod decision;
pub mod deeds;
pub mod end;
pub mod expire;
pub mod extend;
pub mod files;
pub mod guess;
mod hopeless;
pub mod join;
mod ledger;
pub mod limits;
pub mod model;
mod place;
pub mod plan;
mod policy;
pub mod range;
pub mod servers;
mod settle;
pub mod slots;
pub mod start;
pub mod time;
mod timeline;

pub use decision::{Caller, Decision, Refusal};
pub use ledger::Ledger;
pub use policy::{BadPolicy, Policy};
