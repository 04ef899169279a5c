//! What an error of the database library means for whoever asked: gone, busy, or refused for good.
//!
//! Numbers are those of SQLite's result codes (sqlite.org/rescode.html) and of the server error references of MySQL and
//! MariaDB. This file must never decide what is done about an error.

use sqlx::mysql::MySqlDatabaseError;

use crate::error::StateError;

/// The lower eight bits of an SQLite result code are its kind.
const SQLITE_KIND: i64 = 0xff;
const SQLITE_BUSY: i64 = 5;
const SQLITE_LOCKED: i64 = 6;
const SQLITE_IOERR: i64 = 10;
const SQLITE_FULL: i64 = 13;
const SQLITE_CANTOPEN: i64 = 14;

/// Lock wait time-out, deadlock, and "record has changed since last read" of MariaDB's snapshot isolation.
const MYSQL_BUSY: [u16; 3] = [1205, 1213, 1020];
/// Too many connections (of all, of a user), disk full, shutdown (three kinds), a table or file that a restarting server
/// cannot read yet, interrupted, killed, statement time-outs of MariaDB and MySQL, read-only while a failover lasts, a
/// connection that was silent for too long, a node of a Galera cluster that is not ready.
const MYSQL_GONE: [u16; 15] = [
    1040, 1203, 1021, 1053, 1077, 1079, 1030, 1317, 1927, 1969, 3024, 1290, 1836, 4031, 1047,
];

/// Sorts an error of the library.
pub(crate) fn sort(database: &str, error: &sqlx::Error) -> StateError {
    let database = database.to_owned();
    let reason = error.to_string();
    match kind(error) {
        Kind::Gone => StateError::Gone { database, reason },
        Kind::Busy => StateError::Busy { database, reason },
        Kind::Refused => StateError::Refused { database, reason },
    }
}

/// Whether another one holds the database.
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(kind(error), Kind::Busy)
}

/// Whether the connection is of no use any more: of a MySQL server also one that was shut down or killed it.
pub(crate) fn is_lost(error: &sqlx::Error) -> bool {
    /// `ER_SERVER_SHUTDOWN`, `ER_NORMAL_SHUTDOWN`, `ER_CONNECTION_KILLED`, `ER_CLIENT_INTERACTION_TIMEOUT`.
    const MYSQL_LOST: [u16; 4] = [1053, 1077, 1927, 4031];
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error
            .try_downcast_ref::<MySqlDatabaseError>()
            .is_some_and(|error| MYSQL_LOST.contains(&error.number())),
        _ => false,
    }
}

/// Whether a row of this key is there already.
pub(crate) fn is_duplicate(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.is_unique_violation())
}

/// Whether a table is not there (yet).
pub(crate) fn is_missing_table(error: &sqlx::Error) -> bool {
    /// `ER_NO_SUCH_TABLE`.
    const MYSQL_NO_SUCH_TABLE: u16 = 1146;
    let Some(error) = error.as_database_error() else {
        return false;
    };
    match error.try_downcast_ref::<MySqlDatabaseError>() {
        Some(error) => error.number() == MYSQL_NO_SUCH_TABLE,
        // SQLite has no code of its own for this.
        None => error.message().starts_with("no such table"),
    }
}

enum Kind {
    Gone,
    Busy,
    Refused,
}

fn kind(error: &sqlx::Error) -> Kind {
    match error {
        sqlx::Error::Database(error) => match error.try_downcast_ref::<MySqlDatabaseError>() {
            Some(error) if MYSQL_BUSY.contains(&error.number()) => Kind::Busy,
            Some(error) if MYSQL_GONE.contains(&error.number()) => Kind::Gone,
            Some(_) => Kind::Refused,
            None => sqlite_kind(error.code().and_then(|code| code.parse().ok())),
        },
        // A server that dies in the middle of a packet leaves half of it.
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::WorkerCrashed => Kind::Gone,
        _ => Kind::Refused,
    }
}

fn sqlite_kind(code: Option<i64>) -> Kind {
    match code.map(|code| code & SQLITE_KIND) {
        Some(SQLITE_BUSY | SQLITE_LOCKED) => Kind::Busy,
        Some(SQLITE_IOERR | SQLITE_FULL | SQLITE_CANTOPEN) => Kind::Gone,
        _ => Kind::Refused,
    }
}
