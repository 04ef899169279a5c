//! What `mongoexport` writes from the collections `title` and `session_server` of older installations.
//!
//! Servers refer to titles by name or by identifier. This file must never know how its text was read.

use std::collections::BTreeMap;

use server_booking::Policy;
use server_booking::model::{
    Application, Change, ServerSource, ServerState, SessionServer, UnixSeconds,
};

use super::document::{At, ImportError};
use super::{applications, checked, server_id, servers};

/// A server's port: what tells a server from a title.
pub(super) const PORT: &[&str] = &["port"];
const TITLES: &[&str] = &[
    "titles",
    "title",
    "applications",
    "rc_info",
    "rc_name",
    "title_id",
    "title_ids",
];
const LIMIT: &[&str] = &["limit", "sessions_limit", "session_limit", "max_sessions"];

/// The collection `title`, each with its identifier.
pub(super) fn titles(whole: &At<'_>) -> Result<Vec<(String, Application)>, ImportError> {
    whole
        .entries()?
        .iter()
        .map(|entry| {
            let id = entry.need(&["_id"])?.text()?;
            Ok((id, applications::one(entry)?))
        })
        .collect()
}

/// The collection `session_server`.
pub(super) fn session_servers(
    whole: &At<'_>,
    titles: &BTreeMap<String, String>,
    policy: &Policy,
    now: UnixSeconds,
) -> Result<Vec<SessionServer>, ImportError> {
    whole
        .entries()?
        .iter()
        .map(|entry| {
            let named = entry.keys().into_iter().find(|key| servers::is_name(key));
            let name = entry
                .find(&[named.unwrap_or("name"), "name"])
                .map_or_else(|| entry.need(&["_id"]), Ok)?;
            let limit = entry
                .find(LIMIT)
                .map(|at| servers::limit(&at))
                .transpose()?;
            let server = SessionServer {
                id: server_id(&name)?,
                host: entry.need(servers::HOST)?.name()?,
                port: servers::port(&entry.need(PORT)?)?,
                applications: titles_of(entry, titles)?,
                limit: limit.unwrap_or(policy.file_server_limit),
                state: ServerState::Online,
                source: ServerSource::File,
                seen_at: now,
            };
            checked(entry, server, Change::PutServer)
        })
        .collect()
}

fn titles_of(
    entry: &At<'_>,
    titles: &BTreeMap<String, String>,
) -> Result<Vec<String>, ImportError> {
    let Some(list) = entry.find(TITLES) else {
        return Ok(Vec::new());
    };
    // One reference stands for a list of one.
    let references = list.list().unwrap_or_else(|| vec![list]);
    references
        .iter()
        .map(|reference| {
            if let Some(oid) = reference.find(&["$oid"]) {
                let oid = oid.text()?;
                return titles.get(&oid).cloned().ok_or_else(|| {
                    reference.fault(&format!(
                        "no title has the identifier {oid}: import the export of the collection title together with this"
                    ))
                });
            }
            applications::one(reference).map(|application| application.name)
        })
        .collect()
}
