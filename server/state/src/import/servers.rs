//! `servers.json` of the first stage: the session servers, and the application (`rc`) that each runs.
//!
//! An entry's `rc_info` is one object or a list of them: a server may run several. This file must never know what is
//! done about servers that come and go.

use server_booking::files::{FileServer, Files};
use server_booking::model::{
    Application, Change, ServerSource, ServerState, SessionServer, UnixSeconds,
};

use super::document::{At, ImportError};
use super::{applications, checked, server_id};

/// Words of a key under which a server's limit was written.
const LIMIT: &[&str] = &[
    "limit",
    "sessions_limit",
    "session_limit",
    "max_sessions",
    "sessions",
];

/// `server_name`, with or without a number behind it.
pub(super) fn is_name(key: &str) -> bool {
    key.strip_prefix("server_name")
        .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Reads the whole file.
pub(super) fn read(whole: &At<'_>) -> Result<Files, ImportError> {
    let mut files = Files::default();
    for entry in whole.entries()? {
        let key = entry.keys().into_iter().find(|key| is_name(key));
        let id = server_id(&entry.need(&[key.unwrap_or("server_name")])?)?;
        let mut server = FileServer {
            id,
            host: entry.need(HOST)?.name()?,
            port: port(&entry.need(&["port"])?)?,
            applications: Vec::new(),
            limit: entry.find(LIMIT).map(|at| limit(&at)).transpose()?,
        };
        let rc_info = entry.need(&["rc_info"])?;
        for rc in rc_info.entries()? {
            let application = described(&rc)?;
            server.applications.push(application.name.clone());
            add(&mut files.applications, application);
        }
        files.servers.push(checked(&entry, server, stored)?);
    }
    Ok(files)
}

/// Keys of a host.
pub(super) const HOST: &[&str] = &["ip", "host", "address"];

pub(super) fn port(at: &At<'_>) -> Result<u16, ImportError> {
    const ACCEPTED: &str = "1 to 65535, as a number or a text";
    match at.number(ACCEPTED)? {
        0 => Err(at.fault(&format!("0 is not accepted: {ACCEPTED}"))),
        port => Ok(port),
    }
}

pub(super) fn limit(at: &At<'_>) -> Result<u32, ImportError> {
    at.number("a number of sessions from 0 on, as a number or a text")
}

fn described(rc: &At<'_>) -> Result<Application, ImportError> {
    let mut application = applications::one(rc)?;
    if let Some(info) = rc.find(&["info"]) {
        let more = applications::texts_of(&info)?;
        if application.title.is_empty() {
            application.title = more.title;
        }
        if application.description.is_empty() {
            application.description = more.description;
        }
        application.picture = application.picture.or(more.picture);
    }
    checked(rc, application, Change::PutApplication)
}

/// Several servers may run one application; the first that describes it does so for all.
fn add(applications: &mut Vec<Application>, new: Application) {
    match applications.iter_mut().find(|old| old.name == new.name) {
        None => applications.push(new),
        Some(old) => {
            if old.title.is_empty() {
                old.title = new.title;
            }
            if old.description.is_empty() {
                old.description = new.description;
            }
            if old.picture.is_none() {
                old.picture = new.picture;
            }
        }
    }
}

/// As it would be stored, for the limits alone.
fn stored(server: FileServer) -> Change {
    Change::PutServer(SessionServer {
        id: server.id,
        host: server.host,
        port: server.port,
        applications: server.applications,
        limit: server.limit.unwrap_or_default(),
        state: ServerState::Online,
        source: ServerSource::File,
        seen_at: UnixSeconds(0),
    })
}
