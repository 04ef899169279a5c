//! The state in an SQL database: SQLite, MySQL or MariaDB, with the same statements for all of them.
//!
//! `link` is one connection and hides which database it leads to, `fault` sorts its errors, `migrate` makes the tables,
//! `read` and `write` turn rows into worlds and changes into rows, `database` puts them together: who may hold a
//! connection, for how long, and how a lost one is replaced.
//!
//! Nothing here may know the rules by which worlds change.

mod database;
mod fault;
mod link;
mod migrate;
mod read;
mod write;

pub(crate) use database::{Database, SqlTransaction};
pub(crate) use link::Target;
