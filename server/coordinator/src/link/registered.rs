//! The coordinator's end of a link: a session server dialled in, proves who it is, and stays.
//!
//! Both sides prove the shared secret before anything else is said. Then orders go out and reports come in, matched by
//! id, until one side is silent for too long.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::ws::{Message as Frame, WebSocket};
use server_booking::applications::put_application;
use server_booking::end::session_ended;
use server_booking::model::{Application, Code, ServerId, UnixSeconds};
use server_booking::servers::{
    Hello, StillRunning, server_away, server_back, server_drain, server_seen,
};
use server_booking::{Caller, Refusal};
use server_wire::{
    Challenge, EndedSession, FromSessionServer, Heartbeat, Id, Nonce, OrderAnswer, ProofMessage,
    Reason, Reasoned, Register, Registered, Report, ReportAnswer, Role, Seconds, Taken, prove,
    read, write,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::{Errand, Link, Links, ORDERS};
use crate::convert::{code, end_reason, wire_code};
use crate::desk::NotDone;
use crate::secrets;
use crate::service::Service;

/// How often a session server says that it is there.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// Heartbeats that may be missing before it is away.
const MISSED: u32 = 3;
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
        let mut ended = Conversation {
            service: &service,
            server: &server,
            number,
            waiting: HashMap::new(),
            next: 0,
        };
        let why = ended.hold(&mut socket, orders).await;
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

async fn drained(service: &Arc<Service>, server: &ServerId) {
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

struct Conversation<'a> {
    service: &'a Arc<Service>,
    server: &'a ServerId,
    number: u64,
    waiting: HashMap<u64, oneshot::Sender<OrderAnswer>>,
    next: u64,
}

impl Conversation<'_> {
    /// Until the link is lost; why.
    async fn hold(
        &mut self,
        socket: &mut WebSocket,
        mut orders: mpsc::Receiver<Errand>,
    ) -> &'static str {
        let silence = HEARTBEAT * MISSED;
        let mut silent_at = Instant::now() + silence;
        loop {
            tokio::select! {
                frame = socket.recv() => {
                    let Some(Ok(frame)) = frame else {
                        return "the connection broke";
                    };
                    silent_at = Instant::now() + silence;
                    let Frame::Text(text) = frame else {
                        continue;
                    };
                    if let Some(answer) = self.heard(text.as_str()).await
                        && say(socket, answer).await.is_err()
                    {
                        return "it does not read";
                    }
                }
                errand = orders.recv() => {
                    let Some(Errand { order, reply }) = errand else {
                        return "a newer link took its place";
                    };
                    // Those that nobody waits for any more make room.
                    self.waiting.retain(|_, reply| !reply.is_closed());
                    self.next += 1;
                    self.waiting.insert(self.next, reply);
                    if say(socket, write(&order, Some(&Id::number(self.next)))).await.is_err() {
                        return "it does not read";
                    }
                }
                () = sleep_until(silent_at) => return "it is silent",
            }
        }
    }

    /// The answer to a message, if it has one.
    async fn heard(&mut self, text: &str) -> Option<String> {
        let message = match read::<FromSessionServer>(text) {
            Ok(message) => message,
            Err(rejected) => return Some(rejected.answer()),
        };
        let id = message.id;
        let answer = match message.body {
            FromSessionServer::Answer(answer) => {
                let number = id.as_ref().and_then(Id::as_number)?;
                if let Some(reply) = self.waiting.remove(&number) {
                    // Whoever asked may have stopped waiting.
                    let _ = reply.send(answer);
                }
                return None;
            }
            FromSessionServer::Report(Report::Heartbeat(heartbeat)) => {
                self.beat(heartbeat).await;
                return None;
            }
            FromSessionServer::Report(Report::SessionEnded(ended)) => self.ended(ended).await?,
            FromSessionServer::Report(Report::Register(_) | Report::Proof(_)) => {
                let reason = Reason::cut("this connection is registered already");
                ReportAnswer::BadRequest(Reasoned { reason })
            }
        };
        Some(write(&answer, id.as_ref()))
    }

    async fn beat(&self, heartbeat: Heartbeat) {
        let users = heartbeat.users.iter();
        let users = users.map(|of| (code(of.code), of.users.0)).collect();
        self.service
            .links
            .set_users(self.server, self.number, users);
        let (policy, now) = (&self.service.policy, self.service.desk.now());
        let seen = |ledger: &server_booking::Ledger, now: UnixSeconds, server: &ServerId| {
            let actor = server.0.as_str();
            server_seen(ledger, policy, &Caller { now, actor }, server)
        };
        // Most heartbeats change nothing, and need no transaction to find that out.
        let changes = seen(&self.service.desk.look(), now, self.server)
            .map_or(true, |decision| !decision.changes.is_empty());
        if changes {
            let (service, server) = (Arc::clone(self.service), self.server.clone());
            let decided = self.service.desk.decide(move |ledger, now| {
                let actor = server.0.as_str();
                server_seen(ledger, &service.policy, &Caller { now, actor }, &server)
            });
            if let Err(why) = decided.await {
                tracing::debug!(server = %self.server.0, %why, "a heartbeat is not written down");
            }
        }
        let drains = self
            .service
            .desk
            .look()
            .world()
            .servers
            .get(self.server)
            .is_some_and(|known| known.state == server_booking::model::ServerState::Draining);
        if heartbeat.draining && !drains {
            drained(self.service, self.server).await;
        }
    }

    /// None: it could not be written down, so it is not taken, and will be said again.
    async fn ended(&self, ended: EndedSession) -> Option<ReportAnswer> {
        let (number, server) = (code(ended.code), self.server.clone());
        let (hash, why) = (ended.token_hash, end_reason(ended.why));
        let decided = self.service.desk.decide(move |ledger, now| {
            let session = ledger.world().sessions.get(&number);
            let other = hash.is_some_and(|hash| {
                session.is_none_or(|session| session.token_hash != hash.to_string())
            });
            if other {
                return Err(Refusal::NotExist);
            }
            let actor = server.0.as_str();
            session_ended(ledger, &Caller { now, actor }, number, &server, why)
        });
        match decided.await {
            Ok(_) | Err(NotDone::Refused(_)) => Some(ReportAnswer::Taken(Taken {
                code: wire_code(number),
            })),
            Err(NotDone::Unavailable) => None,
        }
    }
}

impl Links {
    fn put(&self, server: &ServerId, errands: mpsc::Sender<Errand>) -> u64 {
        let mut table = self.table();
        table.next += 1;
        let number = table.next;
        let link = Link {
            number,
            errands,
            users: HashMap::new(),
        };
        if table.by_server.insert(server.clone(), link).is_some() {
            tracing::info!(server = %server.0, "its older link is given up");
        }
        number
    }

    /// Whether it was still this link.
    fn remove(&self, server: &ServerId, number: u64) -> bool {
        let mut table = self.table();
        let ours = table
            .by_server
            .get(server)
            .is_some_and(|link| link.number == number);
        if ours {
            table.by_server.remove(server);
        }
        ours
    }

    fn set_users(&self, server: &ServerId, number: u64, users: HashMap<Code, u32>) {
        let mut table = self.table();
        if let Some(link) = table.by_server.get_mut(server)
            && link.number == number
        {
            link.users = users;
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
async fn say(socket: &mut WebSocket, text: String) -> Result<(), ()> {
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
