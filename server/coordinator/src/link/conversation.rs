//! The talk on a link that is registered: orders out, reports in, matched by id, until one side is silent for too long.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message as Frame, WebSocket};
use server_booking::end::session_ended;
use server_booking::model::{ServerId, ServerState, UnixSeconds};
use server_booking::servers::server_seen;
use server_booking::{Caller, Refusal};
use server_wire::{
    EndedSession, FromSessionServer, Heartbeat, Id, OrderAnswer, Reason, Reasoned, Report,
    ReportAnswer, Taken, read, write,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::Errand;
use super::registered::{HEARTBEAT, drained, say};
use crate::convert::{code, end_reason, wire_code};
use crate::desk::NotDone;
use crate::service::Service;

/// Heartbeats that may be missing before it is away.
const MISSED: u32 = 3;
/// How long one report may wait for the database, since nothing else is heard on the link meanwhile: the other side gives
/// up after 6 s without an answer to its pings. What is not taken in time is said again.
const REPORT: Duration = Duration::from_secs(1);

/// One link's talk.
pub(super) struct Conversation<'a> {
    service: &'a Arc<Service>,
    server: &'a ServerId,
    number: u64,
    waiting: HashMap<u64, oneshot::Sender<OrderAnswer>>,
    next: u64,
    deeds: DeedRate,
}

/// How many audit entries a session server may still bring: a bucket that fills up again with time.
struct DeedRate {
    left: usize,
    since: Instant,
}

impl DeedRate {
    /// Entries at once: what the users of 256 sessions do when all begin at one time.
    const BURST: usize = 1024;
    /// Entries each second in the long run. A guess: a hand-over in every tenth of them.
    const EACH_SECOND: usize = 20;

    /// Whether so many more are within the rate.
    fn take(&mut self, now: Instant, count: usize) -> bool {
        let passed = usize::try_from(now.saturating_duration_since(self.since).as_secs());
        let more = passed.unwrap_or(Self::BURST).min(Self::BURST) * Self::EACH_SECOND;
        if more > 0 {
            self.since = now;
            self.left = (self.left + more).min(Self::BURST);
        }
        let fits = count <= self.left;
        if fits {
            self.left -= count;
        }
        fits
    }
}

impl<'a> Conversation<'a> {
    /// Begins it on the `number`-th link.
    pub(super) fn new(service: &'a Arc<Service>, server: &'a ServerId, number: u64) -> Self {
        Self {
            service,
            server,
            number,
            waiting: HashMap::new(),
            next: 0,
            deeds: DeedRate {
                left: DeedRate::BURST,
                since: Instant::now(),
            },
        }
    }

    /// Until the link is lost; why.
    pub(super) async fn hold(
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
                    if let Frame::Text(text) = frame
                        && let Some(answer) = self.heard(text.as_str()).await
                        && say(socket, answer).await.is_err()
                    {
                        return "it does not read";
                    }
                    // Not before: what came while this one was looked at has still to be read.
                    silent_at = Instant::now() + silence;
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
                if timeout(REPORT, self.beat(heartbeat)).await.is_err() {
                    tracing::debug!(server = %self.server.0, "a heartbeat is not written down in time");
                }
                return None;
            }
            FromSessionServer::Report(Report::SessionEnded(ended)) => {
                timeout(REPORT, self.ended(ended)).await.ok().flatten()?
            }
            FromSessionServer::Report(Report::ExtendWanted(wanted)) => {
                // What was begun is finished: if it is extended later, the order to extend tells.
                let extended = self.service.extend_for(self.server, wanted);
                timeout(REPORT, extended)
                    .await
                    .unwrap_or_else(|_| ReportAnswer::NotExtended(late()))
            }
            FromSessionServer::Report(Report::Audit(audit)) => {
                if self.deeds.take(Instant::now(), audit.deeds.len()) {
                    let noted = self.service.note_deeds(self.server, audit);
                    if timeout(REPORT, noted).await != Ok(true) {
                        return None;
                    }
                } else {
                    tracing::warn!(server = %self.server.0, "more audit entries come than are written down");
                }
                ReportAnswer::Noted
            }
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
            .is_some_and(|known| known.state == ServerState::Draining);
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

/// What whoever wants more time is told while the database hangs.
fn late() -> Reasoned {
    Reasoned {
        reason: Reason::cut("the coordinator's database does not answer in time"),
    }
}

#[cfg(test)]
mod tests {
    use server_booking::Decision;

    use super::*;
    use crate::service::tests::service;

    /// How long anything here may take on a busy machine.
    const SOON: Duration = Duration::from_secs(30);

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn while_the_database_hangs_a_report_keeps_the_link_waiting_only_shortly() {
        let dir = tempfile::tempdir().expect("a folder");
        let service = service(&dir).await;
        let (go, waits) = std::sync::mpsc::sync_channel::<()>(1);
        let (tell, at_work) = oneshot::channel();
        let desk = service.desk.clone();
        let hangs = tokio::spawn(async move {
            let rule = move |_: &server_booking::Ledger, _| {
                tell.send(()).expect("the test waits");
                waits.recv().expect("the test lets it go on");
                Ok(Decision {
                    changes: Vec::new(),
                    answer: (),
                })
            };
            desk.decide(rule).await
        });
        at_work.await.expect("it hangs");
        let server = ServerId("one".to_owned());
        let mut talk = Conversation::new(&service, &server, 1);
        let report = r#"{"verb": "SESSION_ENDED", "code": "0042", "why": "empty", "id": 1}"#;
        let answer = timeout(SOON, talk.heard(report)).await;
        assert_eq!(answer.expect("it does not wait for long"), None);
        go.send(()).expect("it waits");
        hangs.await.expect("no panic").expect("decided");
        let answer = talk
            .heard(report)
            .await
            .expect("it is taken when told again");
        assert!(answer.contains("TAKEN"), "{answer}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_users_did_is_in_the_audit_and_no_more_than_its_rate() {
        let dir = tempfile::tempdir().expect("a folder");
        let service = service(&dir).await;
        let server = ServerId("one".to_owned());
        let mut talk = Conversation::new(&service, &server, 1);
        let deed = r#"{"code": "0042", "who": "1 (Ann)", "what": "control_taken"}"#;
        let report = |count: usize| {
            let deeds = vec![deed; count].join(",");
            format!(r#"{{"verb": "AUDIT", "deeds": [{deeds}], "id": 1}}"#)
        };
        let first = talk.heard(&report(1)).await;
        assert_eq!(first.as_deref(), Some(r#"{"msg":"NOTED","id":1}"#));
        for _ in 0..2 * DeedRate::BURST / server_wire::MAX_AUDIT {
            talk.heard(&report(server_wire::MAX_AUDIT)).await;
        }
        let url = server_state::StateUrl::Sqlite(dir.path().join("state.db"));
        let state = server_state::State::open(&url).await.expect("opens");
        let audit = state.audit(4 * DeedRate::BURST).await.expect("it reads");
        assert!(
            audit.len() <= DeedRate::BURST + 60 * DeedRate::EACH_SECOND,
            "{}",
            audit.len()
        );
        let last = audit.last().expect("the first");
        assert_eq!(
            (last.actor.as_str(), last.action.as_str()),
            ("one", "control_taken")
        );
        assert_eq!(
            (last.subject.as_str(), last.detail.as_str()),
            ("0042", "1 (Ann)")
        );
        let many = talk.heard(&report(server_wire::MAX_AUDIT + 1)).await;
        assert!(many.expect("an answer").contains("at most 32 entries"));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_session_of_another_server_is_not_extended() {
        let dir = tempfile::tempdir().expect("a folder");
        let service = service(&dir).await;
        let server = ServerId("one".to_owned());
        let mut talk = Conversation::new(&service, &server, 1);
        let wanted = r#"{"verb": "EXTEND_WANTED", "code": "0042", "minutes": 5, "id": 1}"#;
        let answer = talk.heard(wanted).await.expect("an answer");
        assert!(answer.contains("NOT_EXTENDED"), "{answer}");
    }
}
