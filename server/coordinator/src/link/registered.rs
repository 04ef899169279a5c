//! The coordinator's end of a link: a session server dialled in, proves who it is, and stays.
//!
//! Both sides prove the shared secret before anything else is said; then the server's sessions are compared with the
//! coordinator's. What follows is `conversation`'s.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::ws::{Message as Frame, WebSocket};
use server_booking::Caller;
use server_booking::applications::put_application;
use server_booking::model::{Application, Code, ServerId};
use server_booking::servers::{Hello, StillRunning, server_away, server_back, server_drain};
use server_wire::{
    Challenge, Id, Nonce, ProofMessage, Reason, Reasoned, Register, Registered, Report,
    ReportAnswer, Role, Seconds, prove, read, write,
};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::conversation::Conversation;
use super::{Links, ORDERS};
use crate::convert::code;
use crate::desk::NotDone;
use crate::secrets;
use crate::service::Service;

/// How often a session server says that it is there.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long the proof may take, and each send. A guess.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came as the first message of a connection.
pub(crate) struct Registering {
    pub(crate) register: Register,
    pub(crate) id: Option<Id>,
    pub(crate) from: IpAddr,
}

/// Keeps a link until it is lost. Cancel safe.
pub(crate) async fn register(service: Arc<Service>, mut socket: WebSocket, asks: Registering) {
    let Registering { register, id, from } = asks;
    let name = register.name.as_str().to_owned();
    match prove_both(&service.links, &mut socket, &register, id.as_ref()).await {
        Ok(()) => {}
        Err(why) => {
            service
                .counters
                .refused_servers
                .fetch_add(1, Ordering::Relaxed);
            tracing::warn!(%name, %from, why, "a session server is refused");
            refuse(&mut socket, why).await;
            return;
        }
    }
    let server = ServerId(name);
    let back = match come_back(&service, &server, &register).await {
        Ok(back) => back,
        Err(why) => {
            tracing::warn!(server = %server.0, %why, "a session server is not taken");
            refuse(&mut socket, &why.to_string()).await;
            return;
        }
    };
    let (errands, orders) = mpsc::channel(ORDERS);
    let number = service.links.put(&server, errands);
    tracing::info!(server = %server.0, %from, "a session server is linked");
    let greeting = ReportAnswer::Registered(Registered {
        heartbeat_seconds: Seconds(u32::try_from(HEARTBEAT.as_secs()).unwrap_or(u32::MAX)),
    });
    if say(&mut socket, write(&greeting, None)).await.is_ok() {
        catch_up(&service, &server, &register, &back);
        let mut talk = Conversation::new(&service, &server, number);
        let why = talk.hold(&mut socket, orders).await;
        tracing::warn!(server = %server.0, why, "the link to a session server is lost");
    }
    // A newer link of the same server may have taken its place.
    if service.links.remove(&server, number) {
        let gone = service.desk.decide(move |ledger, now| {
            let actor = server.0.as_str();
            server_away(ledger, &Caller { now, actor }, &server)
        });
        if let Err(why) = gone.await {
            tracing::debug!(%why, "a lost session server is written down when its time is over");
        }
    }
}

async fn prove_both(
    links: &Links,
    socket: &mut WebSocket,
    register: &Register,
    id: Option<&Id>,
) -> Result<(), &'static str> {
    let nonce = Nonce(secrets::random().map_err(|_| "the system gives no random numbers")?);
    let proof = |role| {
        prove(
            &links.secret,
            role,
            &register.nonce,
            &nonce,
            &links.certificate,
        )
    };
    let challenge = ReportAnswer::Challenge(Challenge {
        nonce,
        proof: proof(Role::Coordinator),
    });
    let lost = "the connection was lost before the proof";
    say(socket, write(&challenge, id))
        .await
        .map_err(|()| lost)?;
    let answer = timeout(PATIENCE, hear(socket)).await;
    let text = answer.map_err(|_| "no proof came in time")?.ok_or(lost)?;
    match read::<Report>(&text).map(|message| message.body) {
        Ok(Report::Proof(ProofMessage { proof: given })) if given == proof(Role::SessionServer) => {
            Ok(())
        }
        Ok(Report::Proof(_)) => Err(
            "its proof is wrong: the secrets differ, or somebody with another certificate stands between",
        ),
        _ => Err("its second message is no proof"),
    }
}

/// Codes that the server is to end, since nobody knows them here.
async fn come_back(
    service: &Arc<Service>,
    server: &ServerId,
    register: &Register,
) -> Result<Vec<Code>, NotDone> {
    let hello = Hello {
        id: server.clone(),
        host: register.host.as_str().to_owned(),
        port: register.port.number(),
        applications: register
            .applications
            .iter()
            .map(|application| application.name.as_str().to_owned())
            .collect(),
        limit: register.limit.0,
    };
    // A code may be another session's by now: what the token says does not match is none of ours.
    let known = |code: Code| service.desk.look().world().sessions.get(&code).cloned();
    let (ours, strangers): (Vec<_>, Vec<_>) = register.running.iter().partition(|running| {
        match (known(code(running.code)), running.token_hash) {
            (Some(session), Some(hash)) => session.token_hash == hash.to_string(),
            _ => true,
        }
    });
    let running: Vec<StillRunning> = ours
        .iter()
        .map(|running| StillRunning {
            code: code(running.code),
            address: None,
        })
        .collect();
    let mut end = service
        .desk
        .decide(move |ledger, now| {
            let actor = hello.id.0.as_str();
            server_back(ledger, &Caller { now, actor }, &hello, &running)
        })
        .await?
        .end;
    end.extend(strangers.iter().map(|running| code(running.code)));
    describe(service, server, register).await;
    if register.draining {
        drained(service, server).await;
    }
    Ok(end)
}

/// Takes over what people read about applications, where nobody has said anything yet.
async fn describe(service: &Arc<Service>, server: &ServerId, register: &Register) {
    for offered in &register.applications {
        let text = |texts: &std::collections::BTreeMap<String, server_wire::LongText>| {
            texts
                .iter()
                .map(|(language, text)| (language.clone(), text.as_str().to_owned()))
                .collect()
        };
        let application = Application {
            name: offered.name.as_str().to_owned(),
            title: text(&offered.title),
            description: text(&offered.description),
            picture: offered.picture.as_ref().map(|url| url.as_str().to_owned()),
        };
        let bare = Application {
            name: application.name.clone(),
            ..Application::default()
        };
        let is_bare = service
            .desk
            .look()
            .world()
            .applications
            .get(&bare.name)
            .is_some_and(|known| *known == bare);
        if !is_bare || application == bare {
            continue;
        }
        let actor = server.0.clone();
        let put = service.desk.decide(move |ledger, now| {
            let actor = actor.as_str();
            put_application(ledger, &Caller { now, actor }, &application)
        });
        if let Err(why) = put.await {
            tracing::warn!(server = %server.0, %why, "the words about an application are not taken");
        }
    }
}

pub(super) async fn drained(service: &Arc<Service>, server: &ServerId) {
    let id = server.clone();
    let decided = service.desk.decide(move |ledger, now| {
        let actor = id.0.as_str();
        server_drain(ledger, &Caller { now, actor }, &id)
    });
    if let Err(why) = decided.await {
        tracing::debug!(server = %server.0, %why, "a wish to be emptied is not written down yet");
    }
}

/// Tells a server that was away what it missed.
fn catch_up(service: &Service, server: &ServerId, register: &Register, end: &[Code]) {
    for code in end {
        let why = server_booking::model::EndReason::ServerLost;
        service.links.end(server, *code, why);
    }
    let ledger = service.desk.look();
    for running in &register.running {
        let known = ledger.world().sessions.get(&code(running.code));
        if let Some(session) = known.filter(|session| session.ends_at.0 != running.ends_at.0) {
            service
                .links
                .tell_end(server, session.code, session.ends_at);
        }
    }
}

async fn hear(socket: &mut WebSocket) -> Option<String> {
    loop {
        match socket.recv().await?.ok()? {
            Frame::Text(text) => return Some(text.as_str().to_owned()),
            Frame::Binary(_) | Frame::Close(_) => return None,
            Frame::Ping(_) | Frame::Pong(_) => {}
        }
    }
}

/// Sends a text; an error if the other side does not read it in time.
pub(super) async fn say(socket: &mut WebSocket, text: String) -> Result<(), ()> {
    match timeout(PATIENCE, socket.send(Frame::text(text))).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(()),
    }
}

async fn refuse(socket: &mut WebSocket, why: &str) {
    let reason = Reason::cut(why);
    let refused = ReportAnswer::Refused(Reasoned { reason });
    // It may be gone by now.
    let _ = say(socket, write(&refused, None)).await;
    let _ = timeout(PATIENCE, socket.send(Frame::Close(None))).await;
}
