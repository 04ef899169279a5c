//! What older installations wrote, turned into what the coordinator knows.
//!
//! `document` reads JSON within bounds and names the place of whatever is wrong; `servers`, `applications`, `planned`
//! and `mongo` each know one kind of file. Keys are found by all names that were in use, unknown ones are left alone.
//! This module must never open a file or a database.

mod applications;
mod document;
mod mongo;
pub(crate) mod planned;
mod servers;

use std::collections::BTreeMap;

use server_booking::Policy;
use server_booking::files::Files;
use server_booking::model::{
    Application, Booking, Change, ServerId, ServerSource, ServerState, SessionServer, UnixSeconds,
};

use crate::limits;
pub(crate) use document::{At, documents};
pub use document::{ENTRIES_MAX, FILE_MAX, ImportError};
pub(crate) use planned::Place;

/// A file to import: its name, for errors, and what is in it.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// For errors.
    pub name: &'a str,
    /// All of it.
    pub bytes: &'a [u8],
}

/// The kinds of files that can be imported; told by what is in a file, because names were changed at will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Servers,
    Planned,
    Config,
    Titles,
    SessionServers,
}

/// What all files together say, before it becomes changes.
#[derive(Default)]
struct Found {
    applications: BTreeMap<String, Application>,
    servers: Vec<SessionServer>,
    bookings: Vec<Booking>,
}

/// Reads `servers.json`, as it is read again and again while a coordinator runs on it.
///
/// # Errors
///
/// Names file, entry, key and what is accepted there.
pub fn servers_file(source: Source<'_>) -> Result<Files, ImportError> {
    let documents = documents(source)?;
    servers::read(&At::whole(source.name, &documents)?)
}

/// Reads any of `servers.json`, `sessions_planned.json`, `config.json`, and what `mongoexport` writes from the
/// collections `title` and `session_server`, as lines or with `--jsonArray`. Those that refer to each other are to be
/// given together. `now` is noted as the time at which the servers were heard last.
///
/// The changes come in an order in which they can be committed: applications, servers, bookings. An application that a
/// server names and nothing describes is added with its name alone. A booking that names no server gets a place on one of
/// those that are imported with it.
///
/// # Errors
///
/// Names file, entry, key and what is accepted there. One wrong entry refuses all: half an import is harder to put right
/// than none.
pub fn import(
    sources: &[Source<'_>],
    policy: &Policy,
    now: UnixSeconds,
) -> Result<Vec<Change>, ImportError> {
    let mut read = Vec::new();
    for source in sources {
        let documents = documents(*source)?;
        read.push((source.name, kind(source.name, &documents)?, documents));
    }
    // Servers of a database refer to titles by identifiers that only the other file explains.
    let mut titles = BTreeMap::new();
    let mut found = Found::default();
    for (name, kind, documents) in &read {
        if *kind == Kind::Titles {
            for (id, application) in mongo::titles(&At::whole(name, documents)?)? {
                titles.insert(id, application.name.clone());
                found.put_application(application);
            }
        }
    }
    for (name, kind, documents) in &read {
        let whole = At::whole(name, documents)?;
        match kind {
            Kind::Titles => {}
            Kind::Servers => {
                let files = servers::read(&whole)?;
                for application in files.applications {
                    found.put_application(application);
                }
                for server in files.servers {
                    found.servers.push(SessionServer {
                        id: server.id,
                        host: server.host,
                        port: server.port,
                        applications: server.applications,
                        limit: server.limit.unwrap_or(policy.file_server_limit),
                        state: ServerState::Online,
                        source: ServerSource::File,
                        seen_at: now,
                    });
                }
            }
            Kind::Config => {
                for application in applications::config(&whole)? {
                    found.put_application(application);
                }
            }
            Kind::SessionServers => {
                let servers = mongo::session_servers(&whole, &titles, policy, now)?;
                found.servers.extend(servers);
            }
            Kind::Planned => {}
        }
    }
    let places: Vec<Place> = found.servers.iter().map(place).collect();
    for (name, kind, documents) in &read {
        if *kind == Kind::Planned {
            let whole = At::whole(name, documents)?;
            let bookings = planned::bookings(&whole, policy, &places)?;
            planned::check(&whole, &bookings)?;
            found.bookings.extend(bookings);
        }
    }
    Ok(found.changes())
}

impl Found {
    /// Of two descriptions of one application the fuller one stays.
    fn put_application(&mut self, new: Application) {
        let words = |application: &Application| {
            application.title.len()
                + application.description.len()
                + usize::from(application.picture.is_some())
        };
        match self.applications.get(&new.name) {
            Some(old) if words(old) >= words(&new) => {}
            _ => {
                self.applications.insert(new.name.clone(), new);
            }
        }
    }

    fn changes(mut self) -> Vec<Change> {
        let named: Vec<String> = self
            .servers
            .iter()
            .flat_map(|server| server.applications.iter().cloned())
            .collect();
        for name in named {
            self.put_application(Application {
                name,
                ..Application::default()
            });
        }
        let mut changes: Vec<Change> = self
            .applications
            .into_values()
            .map(Change::PutApplication)
            .collect();
        changes.extend(self.servers.into_iter().map(Change::PutServer));
        changes.extend(self.bookings.into_iter().map(Change::PutBooking));
        changes
    }
}

fn place(server: &SessionServer) -> Place {
    Place {
        server: server.id.clone(),
        applications: server.applications.clone(),
        limit: server.limit,
    }
}

/// What kind of file it is.
fn kind(name: &str, documents: &[serde_json::Value]) -> Result<Kind, ImportError> {
    let whole = At::whole(name, documents)?;
    let first = match whole.list() {
        Some(entries) => match entries.into_iter().next() {
            Some(first) => first,
            None => return by_name(&whole, name),
        },
        None => whole,
    };
    let has = |keys: &[&str]| first.find(keys).is_some();
    if first.keys().iter().any(|key| servers::is_name(key)) && has(&["rc_info"]) {
        Ok(Kind::Servers)
    } else if has(&["planned", "code"]) {
        Ok(Kind::Planned)
    } else if has(&["_id"]) && has(mongo::PORT) {
        Ok(Kind::SessionServers)
    } else if has(&["_id"]) {
        Ok(Kind::Titles)
    } else if has(applications::LIST) {
        Ok(Kind::Config)
    } else if first.keys().iter().any(|key| servers::is_name(key)) {
        Ok(Kind::Servers)
    } else {
        Err(first.fault(
            "this is none of the files that can be imported: servers.json, sessions_planned.json, config.json, \
             or an export of the collections title or session_server",
        ))
    }
}

/// A file with an empty list has nothing but its name to tell what it lists, and nothing to go wrong.
fn by_name(whole: &At<'_>, name: &str) -> Result<Kind, ImportError> {
    let stem = name.rsplit(['/', '\\']).next().unwrap_or(name);
    if stem.starts_with("sessions_planned") {
        Ok(Kind::Planned)
    } else if stem.starts_with("session_server") {
        Ok(Kind::SessionServers)
    } else if stem.starts_with("title") {
        Ok(Kind::Titles)
    } else {
        Err(whole.fault("the list is empty: nothing to import"))
    }
}

/// The limits of what can be stored, told of an entry of a file.
fn checked<T: Clone>(
    at: &At<'_>,
    value: T,
    change: impl FnOnce(T) -> Change,
) -> Result<T, ImportError> {
    match limits::check(&change(value.clone())) {
        Ok(()) => Ok(value),
        Err(error) => Err(at.fault(&error.to_string())),
    }
}

/// The name of a server, which may not be empty.
fn server_id(at: &At<'_>) -> Result<ServerId, ImportError> {
    at.name().map(ServerId)
}
