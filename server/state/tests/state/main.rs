//! The state on each of its databases, in the same scenarios: `scenarios` tells them, the other files say where they
//! run.

mod files;
mod sample;
mod scenarios;
mod sqlite;
