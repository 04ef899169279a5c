//! The coordinator's database: SQLite, MySQL or MariaDB, or the files of the first stage, behind one interface.
//!
//! `state` is that interface; `sql` and `files` are what stands behind it, `limits` the bounds that hold for both.
//! `import` reads what older installations wrote. docs/protocols/state.md tells tables and files from the outside.
//!
//! The only user of SQL. It stores worlds and changes; it must never know the rules that make them, nor the network.

mod ended;
mod error;
mod files;
mod folder;
pub mod import;
mod limits;
mod sql;
mod state;
mod url;
mod word;

pub use ended::{Ended, Holder};
pub use error::StateError;
pub use files::FILES_PAST_MAX;
pub use limits::{
    ACTION_MAX, ACTOR_MAX, DETAIL_MAX, HISTORY_MAX, HOST_MAX, NAME_MAX, NESTED_MAX, PICTURE_MAX,
    ZONE_MAX, check,
};
pub use state::{Migrated, State, Transaction};
pub use url::{BadUrl, StateUrl};
