//! Starting a session: the place is taken first, then the servers are asked in turn.
//!
//! Each start is a task of its own, from the decision to the answer, so that somebody who hangs up leaves nothing half
//! done. A start that was decided holds a place of a session server, and there are no more of them than places.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use server_booking::join::{Join, join};
use server_booking::model::{Code, EndReason, Session, SessionStage, UnixSeconds};
use server_booking::start::{Next, next_server, start, start_booking, started};
use server_booking::{Caller, Refusal};
use server_wire::Token;
use tokio::time::{sleep, timeout_at};

use super::{COORDINATOR, Failed, Service, any_code, whole};
use crate::desk::NotDone;
use crate::link::NotStarted;
use crate::secrets;

/// How long somebody who joins waits for a session that another has just started; a server answers sooner, or is passed
/// over.
const JOIN_PATIENCE: Duration = Duration::from_secs(30);
/// How long the news that a session runs is offered to a database that is gone, before the session is ended.
const NEWS_PATIENCE: Duration = Duration::from_secs(60);
/// A server that promised its place to a booking and has none may be just closing the session before it: it is asked once
/// more after so long. Applications are given about as long to end.
const ONCE_MORE: Duration = Duration::from_millis(1_500);
/// Between two such offers.
const NEWS_PAUSE: Duration = Duration::from_millis(250);

/// A session that can be joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) code: Code,
    /// The owner's, for whoever started it.
    pub(crate) token: Option<Token>,
    /// Where users connect to.
    pub(crate) address: (String, u16),
    pub(crate) ends_at: UnixSeconds,
}

impl Service {
    /// Starts a session at once; none for the application: any that has room.
    ///
    /// # Errors
    /// What the rules refuse, no server takes it, or the database is gone.
    pub(crate) async fn start(
        self: &Arc<Self>,
        from: IpAddr,
        application: Option<String>,
    ) -> Result<Opened, Failed> {
        let (token, token_hash) = token()?;
        let service = Arc::clone(self);
        let began = Instant::now();
        whole(async move {
            let rules = Arc::clone(&service);
            let decided = service.desk.decide(move |ledger, now| {
                let actor = from.to_string();
                let caller = Caller { now, actor: &actor };
                let application = application.as_deref();
                start(
                    ledger,
                    &rules.policy,
                    &caller,
                    application,
                    &token_hash,
                    &mut any_code,
                )
            });
            let ask = decided.await?;
            service.ask_in_turn(ask.session, token, began).await
        })
        .await
    }

    /// Joins by a code: what runs, what is just being started, or a booking whose time has come, which this starts.
    ///
    /// # Errors
    /// No such code; locked out; before its time; no server takes it; the database is gone.
    pub(crate) async fn join(self: &Arc<Self>, from: IpAddr, code: Code) -> Result<Opened, Failed> {
        self.known(from, code)?;
        let mut versions = self.desk.versions();
        let deadline = tokio::time::Instant::now() + JOIN_PATIENCE;
        loop {
            versions.mark_unchanged();
            let now = self.desk.now();
            let found = join(&self.desk.look(), &self.policy, now, code);
            return match found {
                Join::Running { address, ends_at } => Ok(Opened {
                    code,
                    token: None,
                    address,
                    ends_at,
                }),
                Join::NotStarted { starts_at } => Err(Failed::NotStarted { starts_at }),
                Join::NotExist => Err(Failed::NotExist),
                Join::StartIt => match self.start_booked(from, code).await {
                    // Another was faster: what it started is to be joined.
                    Err(Failed::NotExist) if self.session(code).is_some() => continue,
                    outcome => outcome,
                },
                Join::Starting => match timeout_at(deadline, versions.changed()).await {
                    Ok(Ok(())) => continue,
                    _ => {
                        let why = "the session is being started: try again";
                        Err(Failed::TryAgain(why.to_owned()))
                    }
                },
            };
        }
    }

    async fn start_booked(self: &Arc<Self>, from: IpAddr, code: Code) -> Result<Opened, Failed> {
        let (token, token_hash) = token()?;
        let service = Arc::clone(self);
        let began = Instant::now();
        whole(async move {
            let rules = Arc::clone(&service);
            let decided = service.desk.decide(move |ledger, now| {
                let actor = from.to_string();
                let caller = Caller { now, actor: &actor };
                start_booking(ledger, &rules.policy, &caller, code, &token_hash)
            });
            let ask = decided.await?;
            service.ask_in_turn(ask.session, token, began).await
        })
        .await
    }

    /// Asks one server after the other.
    async fn ask_in_turn(
        self: Arc<Self>,
        mut session: Session,
        token: Token,
        began: Instant,
    ) -> Result<Opened, Failed> {
        let code = session.code;
        let (mut asked, mut once_more) = (Vec::new(), Vec::new());
        let mut of_others = Duration::ZERO;
        loop {
            let server = session.server.clone();
            let asking = Instant::now();
            let answer = self.links.start(&session).await;
            of_others += asking.elapsed();
            match answer {
                Ok(address) => {
                    let news = self.news_of_start(&session, address).await;
                    let Ok(session) = news else {
                        self.links.end(&server, code, EndReason::NotStarted);
                        return Err(news.map(|_| ()).expect_err("just matched"));
                    };
                    self.counters
                        .started(began.elapsed().saturating_sub(of_others));
                    let address = session.address.unwrap_or_default();
                    return Ok(Opened {
                        code,
                        token: Some(token),
                        address,
                        ends_at: session.ends_at,
                    });
                }
                Err(NotStarted::LimitReached) if session.booked && !once_more.contains(&server) => {
                    tracing::info!(server = %server.0, %code, "a session server is asked once more");
                    once_more.push(server);
                    sleep(ONCE_MORE).await;
                    continue;
                }
                Err(why) => {
                    self.counters.passed_over.fetch_add(1, Ordering::Relaxed);
                    tracing::info!(server = %server.0, %code, %why, "a session server is passed over");
                    if matches!(why, NotStarted::Late | NotStarted::Unreachable(_)) {
                        // It may start it nevertheless, for nobody, and refuse the code when it comes again.
                        self.links.end(&server, code, EndReason::NotStarted);
                    }
                    asked.push(server);
                }
            }
            let (service, so_far) = (Arc::clone(&self), asked.clone());
            let next = self.desk.decide(move |ledger, now| {
                let caller = Caller {
                    now,
                    actor: COORDINATOR,
                };
                next_server(ledger, &service.policy, &caller, code, &so_far)
            });
            let next = next.await.map_err(|why| match why {
                // It ended while it waited for a server: who asks for a start asked for no code.
                NotDone::Refused(Refusal::NotExist) => Failed::Busy,
                other => other.into(),
            });
            match next? {
                Next::Ask(ask) => session = ask.session,
                Next::NoServer | Next::Rebooked(_) => return Err(Failed::Busy),
            }
        }
    }

    /// Tells the desk that a session runs; a database that is gone for a moment does not cost the session.
    pub(super) async fn news_of_start(
        &self,
        session: &Session,
        address: (String, u16),
    ) -> Result<Session, Failed> {
        let began = Instant::now();
        loop {
            let (code, server, address) = (session.code, session.server.clone(), address.clone());
            let decided = self.desk.decide(move |ledger, now| {
                let caller = Caller {
                    now,
                    actor: &server.0,
                };
                started(ledger, &caller, code, &server, address)
            });
            match decided.await {
                Ok(session) => return Ok(session),
                Err(NotDone::Unavailable) if began.elapsed() < NEWS_PATIENCE => {
                    sleep(NEWS_PAUSE).await;
                }
                Err(NotDone::Refused(Refusal::NotExist)) => {
                    // It is written down already, if only the answer to that was lost; or it was ended meanwhile.
                    let known = self.session(code);
                    return known
                        .filter(|known| runs_as(known, session))
                        .ok_or(Failed::Busy);
                }
                Err(other) => return Err(other.into()),
            }
        }
    }
}

/// Whether this session was seen to run where that one was started.
fn runs_as(known: &Session, started: &Session) -> bool {
    known.stage == SessionStage::Running
        && known.server == started.server
        && known.token_hash == started.token_hash
}

/// A session's token and the hash under which it is stored.
fn token() -> Result<(Token, String), Failed> {
    let random = secrets::random()
        .map_err(|why| Failed::TryAgain(format!("the system gives no random numbers: {why}")))?;
    let token = Token::from_random(random);
    let hash = token.hash().to_string();
    Ok((token, hash))
}
