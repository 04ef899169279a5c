//! Rows into worlds, ended sessions and audit entries.
//!
//! Whatever is in a row that none of us would write is refused with table, row and column; it must never become a world
//! that looks whole.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use server_booking::model::{
    Application, AuditEntry, Booking, Code, ServerId, Session, SessionServer, UnixSeconds, World,
};

use super::link::{Failure, Link, Row, Value};
use crate::ended::Ended;
use crate::error::StateError;
use crate::word::from_word;

/// Everything that is planned or running, and where it can run.
pub(crate) async fn world(link: &mut Link) -> Result<World, StateError> {
    let mut world = World::default();
    for row in rows(link, APPLICATIONS, vec![]).await? {
        let application = application(&row).map_err(|fault| fault.at("titles"))?;
        world
            .applications
            .insert(application.name.clone(), application);
    }
    for row in rows(link, SERVERS, vec![]).await? {
        let server = server(&row).map_err(|fault| fault.at("session_servers"))?;
        world.servers.insert(server.id.clone(), server);
    }
    for row in rows(link, BOOKINGS, vec![]).await? {
        let booking = booking(&row).map_err(|fault| fault.at("bookings"))?;
        world.bookings.insert(booking.code, booking);
    }
    for row in rows(link, SESSIONS, vec![]).await? {
        let session = session(&row).map_err(|fault| fault.at("sessions"))?;
        world.sessions.insert(session.code, session);
    }
    Ok(world)
}

/// The newest audit entries, newest first.
pub(crate) async fn audit(link: &mut Link, newest: usize) -> Result<Vec<AuditEntry>, StateError> {
    rows(link, AUDIT, limit(newest))
        .await?
        .iter()
        .map(|row| entry(row).map_err(|fault| fault.at("audit")))
        .collect()
}

/// What ended last, newest first.
pub(crate) async fn history(link: &mut Link, newest: usize) -> Result<Vec<Ended>, StateError> {
    rows(link, HISTORY, limit(newest))
        .await?
        .iter()
        .map(|row| ended(row).map_err(|fault| fault.at("history")))
        .collect()
}

const APPLICATIONS: &str = "SELECT name, title, description, picture FROM titles";
const SERVERS: &str = "SELECT id, host, port, applications, session_limit, state, source, seen_at FROM session_servers";
const BOOKINGS: &str =
    "SELECT code, application, server, starts_at, ends_at, time_zone, made_at FROM bookings";
const SESSIONS: &str = "SELECT code, application, server, starts_at, ends_at, stage, host, port, token_hash, booked FROM sessions";
const AUDIT: &str =
    "SELECT made_at, actor, action, subject, detail FROM audit ORDER BY number DESC LIMIT ?";
const HISTORY: &str = "SELECT holder, code, application, server, starts_at, ends_at, why, ended_at FROM history ORDER BY number DESC LIMIT ?";

fn limit(newest: usize) -> Vec<Value> {
    vec![Value::Int(i64::try_from(newest).unwrap_or(i64::MAX))]
}

async fn rows(
    link: &mut Link,
    sql: &'static str,
    values: Vec<Value>,
) -> Result<Vec<Row>, StateError> {
    match link.rows(sql, values).await {
        Ok(rows) => Ok(rows),
        Err(failure) => Err(link.sort(&failure)),
    }
}

/// Reads the version of the world and the next number, with whatever lock the words take.
pub(crate) async fn version(
    link: &mut Link,
    sql: &'static str,
) -> Result<Result<(u64, i64), StateError>, Failure> {
    let rows = link.rows(sql, vec![]).await?;
    let Some(row) = rows.first() else {
        return Ok(Err(StateError::Broken {
            place: format!("{}, table coordinator_state", link.database()),
            reason: "its one row is missing: restore the database from a copy".to_owned(),
        }));
    };
    let version = row.int(0).map_err(Failure::Sql)?;
    let next = row.int(1).map_err(Failure::Sql)?;
    Ok(u64::try_from(version)
        .map(|version| (version, next))
        .map_err(|_| {
            Fault::new("version", format!("{version} is below 0")).at("coordinator_state")
        }))
}

/// What is wrong in a row.
struct Fault {
    column: &'static str,
    reason: String,
}

impl Fault {
    fn new(column: &'static str, reason: String) -> Self {
        Self { column, reason }
    }

    fn at(self, table: &str) -> StateError {
        StateError::Broken {
            place: format!("table {table}, column {}", self.column),
            reason: self.reason,
        }
    }
}

fn application(row: &Row) -> Result<Application, Fault> {
    let name = text(row, 0, "name")?;
    Ok(Application {
        title: nested::<BTreeMap<String, String>>(row, 1, "title")?,
        description: nested(row, 2, "description")?,
        picture: maybe_text(row, 3, "picture")?,
        name,
    })
}

fn server(row: &Row) -> Result<SessionServer, Fault> {
    Ok(SessionServer {
        id: ServerId(text(row, 0, "id")?),
        host: text(row, 1, "host")?,
        port: int(row, 2, "port")?,
        applications: nested(row, 3, "applications")?,
        limit: int(row, 4, "session_limit")?,
        state: word(row, 5, "state")?,
        source: word(row, 6, "source")?,
        seen_at: seconds(row, 7, "seen_at")?,
    })
}

fn booking(row: &Row) -> Result<Booking, Fault> {
    Ok(Booking {
        code: code(row, 0)?,
        application: text(row, 1, "application")?,
        server: ServerId(text(row, 2, "server")?),
        starts_at: seconds(row, 3, "starts_at")?,
        ends_at: seconds(row, 4, "ends_at")?,
        time_zone: text(row, 5, "time_zone")?,
        made_at: seconds(row, 6, "made_at")?,
    })
}

fn session(row: &Row) -> Result<Session, Fault> {
    let host = maybe_text(row, 6, "host")?;
    let port = maybe_int(row, 7, "port")?
        .map(|port| small(port, "port"))
        .transpose()?;
    Ok(Session {
        code: code(row, 0)?,
        application: text(row, 1, "application")?,
        server: ServerId(text(row, 2, "server")?),
        starts_at: seconds(row, 3, "starts_at")?,
        ends_at: seconds(row, 4, "ends_at")?,
        stage: word(row, 5, "stage")?,
        address: host.zip(port),
        token_hash: text(row, 8, "token_hash")?,
        booked: int::<u8>(row, 9, "booked")? != 0,
    })
}

fn entry(row: &Row) -> Result<AuditEntry, Fault> {
    Ok(AuditEntry {
        at: seconds(row, 0, "made_at")?,
        actor: text(row, 1, "actor")?,
        action: text(row, 2, "action")?,
        subject: text(row, 3, "subject")?,
        detail: text(row, 4, "detail")?,
    })
}

fn ended(row: &Row) -> Result<Ended, Fault> {
    Ok(Ended {
        holder: word(row, 0, "holder")?,
        code: code(row, 1)?,
        application: text(row, 2, "application")?,
        server: ServerId(text(row, 3, "server")?),
        starts_at: seconds(row, 4, "starts_at")?,
        ends_at: seconds(row, 5, "ends_at")?,
        why: word(row, 6, "why")?,
        ended_at: maybe_int(row, 7, "ended_at")?.map(UnixSeconds),
    })
}

fn text(row: &Row, index: usize, column: &'static str) -> Result<String, Fault> {
    row.text(index)
        .map_err(|error| Fault::new(column, error.to_string()))
}

fn maybe_text(row: &Row, index: usize, column: &'static str) -> Result<Option<String>, Fault> {
    row.maybe_text(index)
        .map_err(|error| Fault::new(column, error.to_string()))
}

fn maybe_int(row: &Row, index: usize, column: &'static str) -> Result<Option<i64>, Fault> {
    row.maybe_int(index)
        .map_err(|error| Fault::new(column, error.to_string()))
}

fn int<T: TryFrom<i64>>(row: &Row, index: usize, column: &'static str) -> Result<T, Fault> {
    let number = row
        .int(index)
        .map_err(|error| Fault::new(column, error.to_string()))?;
    small(number, column)
}

fn small<T: TryFrom<i64>>(number: i64, column: &'static str) -> Result<T, Fault> {
    T::try_from(number).map_err(|_| Fault::new(column, format!("{number} is out of range")))
}

fn seconds(row: &Row, index: usize, column: &'static str) -> Result<UnixSeconds, Fault> {
    int(row, index, column).map(UnixSeconds)
}

fn code(row: &Row, index: usize) -> Result<Code, Fault> {
    let number = int(row, index, "code")?;
    Code::new(number).ok_or_else(|| Fault::new("code", format!("{number} is not 0 to 9999")))
}

fn word<T: DeserializeOwned>(row: &Row, index: usize, column: &'static str) -> Result<T, Fault> {
    from_word(&text(row, index, column)?).map_err(|reason| Fault::new(column, reason))
}

fn nested<T: DeserializeOwned>(row: &Row, index: usize, column: &'static str) -> Result<T, Fault> {
    serde_json::from_str(&text(row, index, column)?)
        .map_err(|error| Fault::new(column, error.to_string()))
}
