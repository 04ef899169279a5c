//! How long the texts of a change may be, and how much of the past is kept; the same for every kind of database.
//!
//! A server of MySQL that is not in strict mode would cut what is too long, and two names would be one: so nothing is
//! sent that does not fit. This file must never know where anything is stored.

use server_booking::model::{
    Application, AuditEntry, Booking, Change, ServerId, Session, SessionServer,
};

use crate::error::StateError;

/// Characters in the name of an application or a server. A guess; 200 characters of four bytes fit the longest key of
/// InnoDB, 3,072 bytes.
pub const NAME_MAX: usize = 200;
/// Characters in the name or address of a host: a name has 253 (RFC 1035, section 2.3.4).
pub const HOST_MAX: usize = 255;
/// Characters in the name of a time zone; the longest of IANA has 32.
pub const ZONE_MAX: usize = 100;
/// Characters in the path or address of a picture. A guess.
pub const PICTURE_MAX: usize = 2_000;
/// Bytes of titles, descriptions or a server's applications, written as JSON; a column of TEXT takes 65,535.
pub const NESTED_MAX: usize = 60_000;
/// Characters in an audit entry's actor and subject; an action may have [`ACTION_MAX`]. A guess.
pub const ACTOR_MAX: usize = 255;
/// Characters in an audit entry's action. A guess.
pub const ACTION_MAX: usize = 64;
/// Characters of an audit entry's detail. A guess.
pub const DETAIL_MAX: usize = 4_000;
/// Characters in the hash of a token: 64 hexadecimal digits of BLAKE3, and room for another hash.
pub(crate) const TOKEN_MAX: usize = 128;

/// Ended sessions and bookings that a database keeps, and so many audit entries; older ones are removed. A guess: weeks
/// of a busy installation, and some tens of megabytes.
pub const HISTORY_MAX: usize = 100_000;

/// Whether a change can be stored, in any kind of database. A commit with one that cannot is refused as a whole.
///
/// # Errors
///
/// [`StateError::TooLong`] names the first text that is too long.
pub fn check(change: &Change) -> Result<(), StateError> {
    match change {
        Change::PutApplication(application) => check_application(application),
        Change::PutServer(server) => check_server(server),
        Change::PutBooking(booking) => check_booking(booking),
        Change::PutSession(session) => check_session(session),
        Change::Audit(entry) => check_entry(entry),
        // What is removed either is there, and then it fits, or changes nothing.
        Change::RemoveApplication(_)
        | Change::RemoveServer(_)
        | Change::RemoveBooking { .. }
        | Change::RemoveSession { .. } => Ok(()),
    }
}

fn check_application(application: &Application) -> Result<(), StateError> {
    characters("the name of an application", &application.name, NAME_MAX)?;
    if let Some(picture) = &application.picture {
        characters("the picture of an application", picture, PICTURE_MAX)?;
    }
    bytes("the title of an application", &json(&application.title))?;
    bytes(
        "the description of an application",
        &json(&application.description),
    )
}

fn check_server(server: &SessionServer) -> Result<(), StateError> {
    check_id(&server.id)?;
    characters("the host of a session server", &server.host, HOST_MAX)?;
    bytes(
        "the list of a session server's applications",
        &json(&server.applications),
    )
}

fn check_id(id: &ServerId) -> Result<(), StateError> {
    characters("the name of a session server", &id.0, NAME_MAX)
}

fn check_booking(booking: &Booking) -> Result<(), StateError> {
    characters("the name of an application", &booking.application, NAME_MAX)?;
    check_id(&booking.server)?;
    characters("the name of a time zone", &booking.time_zone, ZONE_MAX)
}

fn check_session(session: &Session) -> Result<(), StateError> {
    characters("the name of an application", &session.application, NAME_MAX)?;
    check_id(&session.server)?;
    characters("the hash of a token", &session.token_hash, TOKEN_MAX)?;
    match &session.address {
        Some((host, _)) => characters("the host of a session", host, HOST_MAX),
        None => Ok(()),
    }
}

fn check_entry(entry: &AuditEntry) -> Result<(), StateError> {
    characters("the actor of an audit entry", &entry.actor, ACTOR_MAX)?;
    characters("the action of an audit entry", &entry.action, ACTION_MAX)?;
    characters("the subject of an audit entry", &entry.subject, ACTOR_MAX)?;
    characters("the detail of an audit entry", &entry.detail, DETAIL_MAX)
}

/// As it is stored in a column of TEXT.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("maps and lists of strings are always JSON")
}

fn characters(what: &'static str, text: &str, limit: usize) -> Result<(), StateError> {
    let length = text.chars().count();
    if length <= limit {
        return Ok(());
    }
    Err(StateError::TooLong {
        what,
        length,
        limit,
        unit: "characters",
    })
}

fn bytes(what: &'static str, text: &str) -> Result<(), StateError> {
    if text.len() <= NESTED_MAX {
        return Ok(());
    }
    Err(StateError::TooLong {
        what,
        length: text.len(),
        limit: NESTED_MAX,
        unit: "bytes as JSON",
    })
}
