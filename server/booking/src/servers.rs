//! Session servers: they come, fall silent, come back knowing what still runs there, are emptied and leave.
//!
//! A server that takes nothing new gives up its promises to others where they have room. A promise that finds none
//! stays with it, is tried again at every [`crate::expire::expire`], and once more when its time comes.

use std::collections::BTreeSet;

use crate::decision::{Caller, Decision, Refusal};
use crate::end::session_over;
use crate::ledger::Ledger;
use crate::limits::{
    MAX_APPLICATIONS, MAX_APPLICATIONS_OF_A_SERVER, MAX_SERVERS, MAX_SESSIONS_OF_A_SERVER,
    check_name,
};
use crate::model::{
    Application, Change, Code, EndReason, ServerId, ServerSource, ServerState, SessionServer,
    SessionStage,
};
use crate::policy::Policy;
use crate::settle::settled;

/// What a session server says of itself when it registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Its one name.
    pub id: ServerId,
    /// Where users reach it.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// What it runs.
    pub applications: Vec<String>,
    /// Sessions at a time.
    pub limit: u32,
}

/// A session that a server says it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StillRunning {
    /// Its code.
    pub code: Code,
    /// Where users connect to; none: the server's own host and port.
    pub address: Option<(String, u16)>,
}

/// What is to be done about a server that registered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Back {
    /// Tell it to end these: nobody knows them here.
    pub end: Vec<Code>,
    /// These were known and do not run there any more.
    pub lost: Vec<Code>,
}

/// A server registers, for the first time or again, and says which sessions run there. Applications that were unknown
/// are known from now on, by their name alone. One that is being emptied stays so.
///
/// # Errors
/// [`Refusal::BadRequest`] for names and numbers out of bounds, or when there are too many servers.
pub fn server_back(
    ledger: &Ledger,
    caller: &Caller,
    hello: &Hello,
    running: &[StillRunning],
) -> Result<Decision<Back>, Refusal> {
    let world = ledger.world();
    let old = world.servers.get(&hello.id);
    let state = match old.map(|old| old.state) {
        Some(ServerState::Draining) => ServerState::Draining,
        _ => ServerState::Online,
    };
    let server = SessionServer {
        id: hello.id.clone(),
        host: hello.host.clone(),
        port: hello.port,
        applications: unique(&hello.applications),
        limit: hello.limit,
        state,
        source: ServerSource::Registered,
        seen_at: caller.now,
    };
    check_server(ledger, &server)?;
    let mut changes = vec![Change::PutServer(server.clone())];
    let action = if old.is_some() {
        "server_back"
    } else {
        "server_new"
    };
    let detail = format!("{}:{}, {} places", server.host, server.port, server.limit);
    changes.push(caller.audit(action, &server.id.0, &detail));
    changes.extend(unknown_applications(ledger, caller, &server.applications)?);

    let mut back = Back::default();
    let listed: BTreeSet<Code> = running.iter().map(|session| session.code).collect();
    for still in running {
        let session = world.sessions.get(&still.code);
        match session.filter(|session| session.server == server.id) {
            None => back.end.push(still.code),
            Some(session) if session.stage == SessionStage::Starting => {
                let mut session = session.clone();
                let own = (server.host.clone(), server.port);
                session.stage = SessionStage::Running;
                session.address = Some(still.address.clone().unwrap_or(own));
                changes.push(Change::PutSession(session));
                changes.push(caller.audit(
                    "session_started",
                    &still.code.to_string(),
                    &server.id.0,
                ));
            }
            Some(_) => {}
        }
    }
    back.end.dedup();
    for session in world.sessions.values() {
        // One that is being started is not in the list yet: whoever asked for it hears of the outcome.
        let gone = session.server == server.id
            && session.stage == SessionStage::Running
            && !listed.contains(&session.code);
        if gone {
            let over = session_over(caller, session.code, &server.id, EndReason::ServerLost);
            changes.extend(over.changes);
            back.lost.push(session.code);
        }
    }
    Ok(Decision {
        changes: settled(ledger, caller, changes, &[server.id]),
        answer: back,
    })
}

/// A heartbeat. It is stored only now and then, and when the server was away.
///
/// # Errors
/// [`Refusal::NotExist`] for a server that is not known: it must register again.
pub fn server_seen(
    ledger: &Ledger,
    policy: &Policy,
    caller: &Caller,
    id: &ServerId,
) -> Result<Decision<()>, Refusal> {
    let server = ledger.world().servers.get(id).ok_or(Refusal::NotExist)?;
    let unheard = caller.now.0.saturating_sub(server.seen_at.0);
    let stored = (0..i64::from(policy.seen_every_seconds)).contains(&unheard);
    if stored && server.state != ServerState::Away {
        return Ok(Decision {
            changes: Vec::new(),
            answer: (),
        });
    }
    let mut changes = Vec::new();
    let mut server = server.clone();
    server.seen_at = caller.now;
    if server.state == ServerState::Away {
        server.state = ServerState::Online;
        changes.push(caller.audit("server_back", &id.0, "heard again"));
    }
    changes.push(Change::PutServer(server));
    Ok(Decision {
        changes,
        answer: (),
    })
}

/// A server is not reached any more. What runs there goes on as far as anybody knows; bookings move where they can.
///
/// # Errors
/// [`Refusal::NotExist`] for a server that is not known.
pub fn server_away(
    ledger: &Ledger,
    caller: &Caller,
    id: &ServerId,
) -> Result<Decision<()>, Refusal> {
    put_state(ledger, caller, id, ServerState::Away, "server_away")
}

/// A server is to be emptied: it is given nothing new, and its bookings move where they can.
///
/// # Errors
/// [`Refusal::NotExist`] for a server that is not known.
pub fn server_drain(
    ledger: &Ledger,
    caller: &Caller,
    id: &ServerId,
) -> Result<Decision<()>, Refusal> {
    put_state(ledger, caller, id, ServerState::Draining, "server_drained")
}

/// A server that was emptied takes sessions again.
///
/// # Errors
/// [`Refusal::NotExist`] for a server that is not known.
pub fn server_resume(
    ledger: &Ledger,
    caller: &Caller,
    id: &ServerId,
) -> Result<Decision<()>, Refusal> {
    put_state(ledger, caller, id, ServerState::Online, "server_resumed")
}

/// A server is not to be known any more. One with promises or sessions is emptied first: call again later.
///
/// # Errors
/// [`Refusal::NotExist`] for a server that is not known.
pub fn server_remove(
    ledger: &Ledger,
    caller: &Caller,
    id: &ServerId,
) -> Result<Decision<()>, Refusal> {
    if !ledger.world().servers.contains_key(id) {
        return Err(Refusal::NotExist);
    }
    if !is_empty(ledger, id) {
        return server_drain(ledger, caller, id);
    }
    Ok(Decision {
        changes: vec![
            Change::RemoveServer(id.clone()),
            caller.audit("server_removed", &id.0, ""),
        ],
        answer: (),
    })
}

fn put_state(
    ledger: &Ledger,
    caller: &Caller,
    id: &ServerId,
    state: ServerState,
    action: &str,
) -> Result<Decision<()>, Refusal> {
    let mut server = ledger
        .world()
        .servers
        .get(id)
        .ok_or(Refusal::NotExist)?
        .clone();
    // An operator's wish outlives a lost connection: what is drained is still drained when it comes back.
    let kept = server.state == ServerState::Draining && state == ServerState::Away;
    if kept || server.state == state {
        return Ok(Decision {
            changes: Vec::new(),
            answer: (),
        });
    }
    server.state = state;
    let changes = vec![Change::PutServer(server), caller.audit(action, &id.0, "")];
    Ok(Decision {
        changes: settled(ledger, caller, changes, std::slice::from_ref(id)),
        answer: (),
    })
}

/// Whether nothing runs on a server and nothing is promised there.
pub(crate) fn is_empty(ledger: &Ledger, id: &ServerId) -> bool {
    ledger.place(id).is_none_or(|place| {
        let slot = ledger.slot(place);
        slot.timeline.is_empty() && slot.sessions == 0
    })
}

/// Refuses a server whose names or numbers are out of bounds, or that is one too many.
pub(crate) fn check_server(ledger: &Ledger, server: &SessionServer) -> Result<(), Refusal> {
    check_name("the server's name", &server.id.0)?;
    check_name("the server's host", &server.host)?;
    for application in &server.applications {
        check_name("the name of an application of the server", application)?;
    }
    if server.applications.len() > MAX_APPLICATIONS_OF_A_SERVER {
        return Err(Refusal::bad(format!(
            "server {} has {} applications; at most {MAX_APPLICATIONS_OF_A_SERVER} are allowed",
            server.id.0,
            server.applications.len()
        )));
    }
    if server.limit > MAX_SESSIONS_OF_A_SERVER {
        return Err(Refusal::bad(format!(
            "server {} has a limit of {}; at most {MAX_SESSIONS_OF_A_SERVER} sessions are allowed",
            server.id.0, server.limit
        )));
    }
    let servers = &ledger.world().servers;
    if servers.len() >= MAX_SERVERS && !servers.contains_key(&server.id) {
        return Err(Refusal::bad(format!(
            "there are {MAX_SERVERS} session servers already: remove one first"
        )));
    }
    Ok(())
}

/// The names once each, in their order.
pub(crate) fn unique(names: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names
        .iter()
        .filter(|name| seen.insert(name.as_str()))
        .cloned()
        .collect()
}

fn unknown_applications(
    ledger: &Ledger,
    caller: &Caller,
    names: &[String],
) -> Result<Vec<Change>, Refusal> {
    let known = &ledger.world().applications;
    let new: Vec<&String> = names
        .iter()
        .filter(|name| !known.contains_key(*name))
        .collect();
    if known.len() + new.len() > MAX_APPLICATIONS {
        return Err(Refusal::bad(format!(
            "there are {} applications already; at most {MAX_APPLICATIONS} are allowed",
            known.len()
        )));
    }
    let mut changes = Vec::new();
    for name in new {
        changes.push(Change::PutApplication(Application {
            name: name.clone(),
            ..Application::default()
        }));
        changes.push(caller.audit("application_added", name, "a session server runs it"));
    }
    Ok(changes)
}
