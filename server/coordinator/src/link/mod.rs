//! The ways to the session servers: links that they keep by dialling in, and calls to those that only files name.
//!
//! An order goes over the link where there is one, otherwise the server is dialled. This folder must never know why a
//! session starts or ends.

mod conversation;
mod dial;
mod registered;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use server_booking::model::{Code, EndReason, ServerId, Session, UnixSeconds};
use server_wire::{
    ApplicationName, Drain, EndOrder, ExtendOrder, Fingerprint, Order, OrderAnswer, Secret,
    StartOrder, TokenHash,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::convert::{end_word, wire_code, wire_seconds};

pub(crate) use registered::{Registering, register};

/// How long a session server may take to start a session before it is passed over: large programs load for seconds. A
/// guess.
const START_PATIENCE: Duration = Duration::from_secs(20);
/// How long it may take for anything else.
const ORDER_PATIENCE: Duration = Duration::from_secs(5);
/// Orders that wait for one link at most: a server has 256 sessions.
const ORDERS: usize = 256;

/// An order and who waits for its answer.
#[derive(Debug)]
struct Errand {
    order: Order,
    reply: oneshot::Sender<OrderAnswer>,
}

/// One link, as the table has it.
#[derive(Debug)]
struct Link {
    /// Tells this link from an older one of the same server.
    number: u64,
    errands: mpsc::Sender<Errand>,
    /// People in its sessions, as it said last.
    users: HashMap<Code, u32>,
}

#[derive(Debug)]
struct Table {
    by_server: HashMap<ServerId, Link>,
    next: u64,
}

/// All ways to session servers; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    secret: Secret,
    certificate: Fingerprint,
    table: Arc<Mutex<Table>>,
    dialler: dial::Dialler,
    /// Where the servers are that have no link.
    addresses: Addresses,
}

/// Looks up where users, and coordinators that dial, reach a server.
#[derive(Clone)]
pub(crate) struct Addresses(pub(crate) Arc<LookUp>);

type LookUp = dyn Fn(&ServerId) -> Option<(String, u16)> + Send + Sync;

impl std::fmt::Debug for Addresses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Addresses")
    }
}

/// Why a session server does not start a session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotStarted {
    #[error("it is not known any more")]
    Unknown,
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    #[error("it did not answer within {} s", START_PATIENCE.as_secs())]
    Late,
    #[error("its places are taken")]
    LimitReached,
    #[error("{0}")]
    Refused(String),
}

impl Links {
    pub(crate) fn new(secret: Secret, certificate: Fingerprint, addresses: Addresses) -> Self {
        Self {
            secret,
            certificate,
            table: Arc::new(Mutex::new(Table {
                by_server: HashMap::new(),
                next: 0,
            })),
            dialler: dial::Dialler::new(),
            addresses,
        }
    }

    /// Has a session started where it was placed; the address that users connect to.
    ///
    /// # Errors
    /// The server is to be passed over.
    pub(crate) async fn start(&self, session: &Session) -> Result<(String, u16), NotStarted> {
        let order = Order::StartSession(StartOrder {
            rc_name: ApplicationName::new(&session.application).ok(),
            code: Some(wire_code(session.code)),
            ends_at: Some(wire_seconds(session.ends_at)),
            token: None,
            token_hash: TokenHash::from_hex(&session.token_hash),
        });
        match timeout(START_PATIENCE, self.ask(&session.server, order)).await {
            Err(_) => Err(NotStarted::Late),
            Ok(Err(why)) => Err(why),
            Ok(Ok(OrderAnswer::ConnectionData(data))) => {
                Ok((data.ip.as_str().to_owned(), data.port.number()))
            }
            Ok(Ok(OrderAnswer::LimitReached)) => Err(NotStarted::LimitReached),
            Ok(Ok(OrderAnswer::NotStarted(why) | OrderAnswer::BadRequest(why))) => {
                Err(NotStarted::Refused(why.reason.as_str().to_owned()))
            }
            Ok(Ok(_)) => Err(NotStarted::Refused(
                "it gave an answer to another question".to_owned(),
            )),
        }
    }

    /// Tells a server to end a session. In the background: the session is over for everybody else already.
    pub(crate) fn end(&self, server: &ServerId, code: Code, why: EndReason) {
        let order = Order::EndSession(EndOrder {
            code: wire_code(code),
            why: Some(end_word(why)),
        });
        self.tell(server, order);
    }

    /// Tells a server the new end of a session, in the background.
    pub(crate) fn tell_end(&self, server: &ServerId, code: Code, ends_at: UnixSeconds) {
        let order = Order::Extend(ExtendOrder {
            code: wire_code(code),
            ends_at: wire_seconds(ends_at),
        });
        self.tell(server, order);
    }

    /// Tells a server whether it takes sessions, in the background.
    pub(crate) fn drain(&self, server: &ServerId, draining: bool) {
        self.tell(server, Order::Drain(Drain { draining }));
    }

    /// Whether a server keeps a link to this coordinator.
    pub(crate) fn is_linked(&self, server: &ServerId) -> bool {
        self.table().by_server.contains_key(server)
    }

    /// How many links there are.
    pub(crate) fn linked(&self) -> usize {
        self.table().by_server.len()
    }

    /// People in a session, as its server said last; none if it is not linked here.
    pub(crate) fn users(&self, server: &ServerId, code: Code) -> Option<u32> {
        let table = self.table();
        table.by_server.get(server)?.users.get(&code).copied()
    }

    fn tell(&self, server: &ServerId, order: Order) {
        let (links, server) = (self.clone(), server.clone());
        tokio::spawn(async move {
            let outcome = timeout(ORDER_PATIENCE, links.ask(&server, order)).await;
            if let Ok(Err(why)) = outcome {
                // It will hear of it when it registers again, or ends the session by its own clock.
                tracing::debug!(server = %server.0, %why, "a session server was not told");
            }
        });
    }

    /// Asks over the link, or dials. Cancel safe; the server may have acted nevertheless.
    async fn ask(&self, server: &ServerId, order: Order) -> Result<OrderAnswer, NotStarted> {
        let link = self
            .table()
            .by_server
            .get(server)
            .map(|link| link.errands.clone());
        let Some(errands) = link else {
            let address = (self.addresses.0)(server).ok_or(NotStarted::Unknown)?;
            return self.dialler.ask(&address, order).await;
        };
        let lost = || NotStarted::Unreachable("its link was lost".to_owned());
        let (reply, answer) = oneshot::channel();
        errands
            .send(Errand { order, reply })
            .await
            .map_err(|_| lost())?;
        answer.await.map_err(|_| lost())
    }

    /// Takes a new link in; its number.
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

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
