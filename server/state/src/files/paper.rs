//! What is in `sessions_planned.json`, and its form.
//!
//! An object with `planned`, the bookings as `import` reads them, and beside it what else a coordinator must know again
//! after a crash. A list of bookings alone, as older installations have it, is read too. This file must never know where
//! it is kept.

use std::collections::VecDeque;
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};
use server_booking::Policy;
use server_booking::model::{
    Application, AuditEntry, Booking, Change, Session, SessionServer, World,
};

use crate::ended::Ended;
use crate::error::StateError;
use crate::import::{At, ImportError, Place, Source, documents, planned};

/// All that is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Paper {
    pub(super) version: u64,
    pub(super) world: World,
    /// Oldest first.
    pub(super) ended: VecDeque<Ended>,
    /// Oldest first.
    pub(super) audit: VecDeque<AuditEntry>,
}

impl Paper {
    /// Makes a change; a code that is another's is refused, as a database refuses it.
    pub(super) fn change(&mut self, change: &Change) -> Result<(), StateError> {
        match change {
            Change::PutBooking(new) => self.check_booking(new)?,
            Change::PutSession(new) => self.check_session(new)?,
            Change::RemoveBooking {
                code,
                why: Some(why),
            } => {
                if let Some(old) = self.world.bookings.get(code) {
                    self.ended.push_back(Ended::booking(old, *why));
                }
            }
            Change::RemoveSession { code, why, at } => {
                if let Some(old) = self.world.sessions.get(code) {
                    self.ended.push_back(Ended::session(old, *why, *at));
                }
            }
            Change::Audit(entry) => self.audit.push_back(entry.clone()),
            _ => {}
        }
        self.world.apply(change);
        Ok(())
    }

    /// Keeps so much of the past.
    pub(super) fn forget(&mut self, keep: usize) {
        self.ended.drain(..self.ended.len().saturating_sub(keep));
        self.audit.drain(..self.audit.len().saturating_sub(keep));
    }

    fn check_booking(&self, new: &Booking) -> Result<(), StateError> {
        let other =
            self.world.bookings.get(&new.code).is_some_and(|old| {
                (&old.application, old.made_at) != (&new.application, new.made_at)
            });
        match other || self.world.sessions.contains_key(&new.code) {
            true => Err(StateError::CodeTaken(new.code)),
            false => Ok(()),
        }
    }

    fn check_session(&self, new: &Session) -> Result<(), StateError> {
        let other = self.world.sessions.get(&new.code).is_some_and(|old| {
            (&old.application, &old.token_hash) != (&new.application, &new.token_hash)
        });
        match other || self.world.bookings.contains_key(&new.code) {
            true => Err(StateError::CodeTaken(new.code)),
            false => Ok(()),
        }
    }

    /// As it is written.
    pub(super) fn write(&self) -> Vec<u8> {
        let world = &self.world;
        let planned: Vec<Value> = world.bookings.values().map(booking).collect();
        let sheet = json!({
            "version": self.version,
            "planned": planned,
            "running": list(world.sessions.values()),
            "applications": list(world.applications.values()),
            "servers": list(world.servers.values()),
            "ended": list(&self.ended),
            "audit": list(&self.audit),
        });
        let mut bytes = serde_json::to_vec_pretty(&sheet).expect("a value is always JSON");
        bytes.push(b'\n');
        bytes
    }

    /// Reads it back; bookings of an older installation that name no server get one of the places.
    pub(super) fn read(path: &Path, bytes: &[u8], places: &[Place]) -> Result<Self, StateError> {
        let name = path.display().to_string();
        read(&name, bytes, places).map_err(|error| StateError::Broken {
            place: name.clone(),
            // The error begins with the file.
            reason: error
                .to_string()
                .strip_prefix(&format!("{name}: "))
                .map_or_else(|| error.to_string(), str::to_owned),
        })
    }
}

fn read(name: &str, bytes: &[u8], places: &[Place]) -> Result<Paper, ImportError> {
    let documents = documents(Source { name, bytes })?;
    let whole = At::whole(name, &documents)?;
    let mut paper = Paper::default();
    for new in planned::bookings(&whole, &Policy::default(), places)? {
        put(&mut paper, &whole, Change::PutBooking(new))?;
    }
    if whole.list().is_some() {
        return Ok(paper);
    }
    if let Some(version) = whole.find(&["version"]) {
        paper.version = version.own()?;
    }
    for new in section::<Session>(&whole, "running")? {
        put(&mut paper, &whole, Change::PutSession(new))?;
    }
    for new in section::<Application>(&whole, "applications")? {
        put(&mut paper, &whole, Change::PutApplication(new))?;
    }
    for new in section::<SessionServer>(&whole, "servers")? {
        put(&mut paper, &whole, Change::PutServer(new))?;
    }
    paper.ended = section(&whole, "ended")?.into();
    paper.audit = section(&whole, "audit")?.into();
    Ok(paper)
}

fn put(paper: &mut Paper, whole: &At<'_>, change: Change) -> Result<(), ImportError> {
    let code = match &change {
        Change::PutBooking(new) => Some(new.code),
        Change::PutSession(new) => Some(new.code),
        _ => None,
    };
    let twice = code.is_some_and(|code| {
        paper.world.bookings.contains_key(&code) || paper.world.sessions.contains_key(&code)
    });
    match (twice, code) {
        (true, Some(code)) => Err(whole.fault(&format!(
            "code {code} is there twice; a code is planned or running once"
        ))),
        _ => {
            paper.world.apply(&change);
            Ok(())
        }
    }
}

fn section<T: serde::de::DeserializeOwned>(
    whole: &At<'_>,
    key: &str,
) -> Result<Vec<T>, ImportError> {
    match whole.find(&[key]) {
        Some(list) => list.entries()?.iter().map(At::own).collect(),
        None => Ok(Vec::new()),
    }
}

fn list<T: Serialize>(values: impl IntoIterator<Item = T>) -> Value {
    let values = values
        .into_iter()
        .map(|value| serde_json::to_value(value).expect("the model's types are always JSON"));
    Value::Array(values.collect())
}

/// With the names that the first stage has for things.
fn booking(booking: &Booking) -> Value {
    json!({
        "code": booking.code.to_string(),
        "rc_name": booking.application,
        "server_name": booking.server.0,
        "starts_at": booking.starts_at,
        "ends_at": booking.ends_at,
        "tz": booking.time_zone,
        "made_at": booking.made_at,
    })
}
