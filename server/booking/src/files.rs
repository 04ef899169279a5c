//! Keeping step with the files that name session servers and applications, whenever they are read again.
//!
//! What the files no longer name and nothing is promised on is removed; a server with promises is emptied first and
//! removed by a later round. Servers that registered by themselves are none of the files' business.

use std::collections::BTreeSet;

use crate::applications::{check_application_texts, put_application, remove_application};
use crate::decision::{Caller, Decision};
use crate::ledger::Ledger;
use crate::limits::{MAX_APPLICATIONS, MAX_SERVERS};
use crate::model::{Application, Change, ServerId, ServerSource, ServerState, SessionServer};
use crate::policy::Policy;
use crate::servers::{check_server, is_empty, unique};
use crate::settle::settled;

/// A session server as a file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileServer {
    /// Its one name.
    pub id: ServerId,
    /// Where it is dialled, and where users reach it.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// What it runs.
    pub applications: Vec<String>,
    /// Sessions at a time; none: the policy's `file_server_limit`.
    pub limit: Option<u32>,
}

/// What the files say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// The session servers; of several with one name the first counts.
    pub servers: Vec<FileServer>,
    /// The applications that they name, with their descriptions.
    pub applications: Vec<Application>,
}

/// What a round has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Servers that are new or altered.
    pub put: Vec<ServerId>,
    /// Servers that are gone.
    pub removed: Vec<ServerId>,
    /// Servers that are gone from the files but have promises to keep.
    pub draining: Vec<ServerId>,
    /// What was left out, in a line for people each.
    pub ignored: Vec<String>,
}

/// Takes over what the files say. `before` is what they said in the round before, if there was one: by it applications
/// that were dropped are told from those that an operator added, and servers that are named again from those that an
/// operator is emptying. Nothing changes when nothing has changed.
pub fn reconcile(
    ledger: &Ledger,
    policy: &Policy,
    caller: &Caller,
    before: Option<&Files>,
    after: &Files,
) -> Decision<Reconciled> {
    let mut round = Round {
        ledger,
        caller,
        changes: Vec::new(),
        altered: Vec::new(),
        done: Reconciled::default(),
    };
    round.applications(before, after);
    let mut named = BTreeSet::new();
    for server in &after.servers {
        if named.insert(&server.id) {
            round.server(policy, before, server);
        } else {
            let line = format!("server {} is named twice: the first counts", server.id.0);
            round.done.ignored.push(line);
        }
    }
    for server in ledger.world().servers.values() {
        if server.source == ServerSource::File && !named.contains(&server.id) {
            round.gone(server);
        }
    }
    Decision {
        changes: settled(ledger, caller, round.changes, &round.altered),
        answer: round.done,
    }
}

struct Round<'a> {
    ledger: &'a Ledger,
    caller: &'a Caller<'a>,
    changes: Vec<Change>,
    altered: Vec<ServerId>,
    done: Reconciled,
}

impl Round<'_> {
    fn applications(&mut self, before: Option<&Files>, after: &Files) {
        let known = &self.ledger.world().applications;
        let mut count = known.len();
        for application in &after.applications {
            let is_new = !known.contains_key(&application.name);
            // What an operator wrote since is not undone by a file that says what it said.
            if !is_new && before.is_some_and(|files| files.applications.contains(application)) {
                continue;
            }
            let checked = check_application_texts(application).map_err(|error| error.to_string());
            let room = if is_new && count >= MAX_APPLICATIONS {
                Err(format!(
                    "application {}: there are {MAX_APPLICATIONS} already",
                    application.name
                ))
            } else {
                Ok(())
            };
            match checked.and(room) {
                Ok(()) => {
                    count += usize::from(is_new);
                    if let Ok(put) = put_application(self.ledger, self.caller, application) {
                        self.changes.extend(put.changes);
                    }
                }
                Err(line) => self.done.ignored.push(line),
            }
        }
        let still: BTreeSet<&String> = after.applications.iter().map(|one| &one.name).collect();
        let elsewhere: BTreeSet<&String> = self
            .ledger
            .world()
            .servers
            .values()
            .filter(|server| server.source == ServerSource::Registered)
            .flat_map(|server| &server.applications)
            .collect();
        for application in before.iter().flat_map(|files| &files.applications) {
            let name = &application.name;
            if still.contains(name) || elsewhere.contains(name) {
                continue;
            }
            if let Ok(removed) = remove_application(self.ledger, self.caller, name) {
                self.changes.extend(removed.changes);
            }
        }
    }

    fn server(&mut self, policy: &Policy, before: Option<&Files>, named: &FileServer) {
        let servers = &self.ledger.world().servers;
        let old = servers.get(&named.id);
        if old.is_some_and(|old| old.source == ServerSource::Registered) {
            return;
        }
        let named_again = before.is_some_and(|files| {
            let was = files.servers.iter().any(|server| server.id == named.id);
            !was
        });
        let state = match old {
            None => ServerState::Online,
            Some(_) if named_again => ServerState::Online,
            Some(old) => old.state,
        };
        let server = SessionServer {
            id: named.id.clone(),
            host: named.host.clone(),
            port: named.port,
            applications: unique(&named.applications),
            limit: named.limit.unwrap_or(policy.file_server_limit),
            state,
            source: ServerSource::File,
            seen_at: old.map_or(self.caller.now, |old| old.seen_at),
        };
        if old == Some(&server) {
            return;
        }
        if let Err(error) = check_server(self.ledger, &server) {
            self.done.ignored.push(error.to_string());
            return;
        }
        let new = self.done.put.iter().filter(|id| !servers.contains_key(*id));
        if old.is_none() && servers.len() + new.count() >= MAX_SERVERS {
            let line = format!("server {}: there are {MAX_SERVERS} already", server.id.0);
            self.done.ignored.push(line);
            return;
        }
        let action = if old.is_some() {
            "server_altered"
        } else {
            "server_new"
        };
        let detail = format!("{}:{}, {} places", server.host, server.port, server.limit);
        self.changes
            .push(self.caller.audit(action, &server.id.0, &detail));
        self.altered.push(server.id.clone());
        self.done.put.push(server.id.clone());
        self.changes.push(Change::PutServer(server));
    }

    fn gone(&mut self, server: &SessionServer) {
        let id = &server.id;
        if is_empty(self.ledger, id) {
            self.changes.push(Change::RemoveServer(id.clone()));
            self.changes.push(
                self.caller
                    .audit("server_removed", &id.0, "no file names it"),
            );
            self.done.removed.push(id.clone());
            return;
        }
        self.done.draining.push(id.clone());
        if server.state != ServerState::Draining {
            let mut server = server.clone();
            server.state = ServerState::Draining;
            self.changes.push(
                self.caller
                    .audit("server_drained", &id.0, "no file names it"),
            );
            self.altered.push(id.clone());
            self.changes.push(Change::PutServer(server));
        }
    }
}
