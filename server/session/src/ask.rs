//! What connections ask of the driver, and what it shows them.
//!
//! It must never know who carries it.

use std::net::IpAddr;

use server_wire::{
    ConnectToSession, EndedSession, Established, Host, Order, OrderAnswer, Port, RunningSession,
    Text, Url, UserAnswer, UsersOf,
};
use tokio::sync::{mpsc, oneshot};

use crate::life::Key;

/// Where users reach this server, as seen from whoever asks.
#[derive(Clone, Debug)]
pub(crate) struct Here {
    pub(crate) host: Host,
    pub(crate) port: Port,
}

impl Here {
    /// `https://host:port` and what follows.
    pub(crate) fn url(&self, rest: &str) -> Url {
        match self.host.contains(':') {
            true => Text::cut(&format!("https://[{}]:{}{rest}", self.host, self.port)),
            false => Text::cut(&format!("https://{}:{}{rest}", self.host, self.port)),
        }
    }
}

/// Somebody who was let in.
#[derive(Debug)]
pub(crate) struct Inside {
    pub(crate) key: Key,
    pub(crate) client: u32,
    pub(crate) answer: Established,
}

/// What connections ask.
#[derive(Debug)]
pub(crate) enum Ask {
    Order {
        order: Order,
        here: Here,
        answer: oneshot::Sender<OrderAnswer>,
    },
    Enter {
        asked: ConnectToSession,
        from: IpAddr,
        here: Here,
        /// What the user is told unasked; a user who does not take it is let go.
        tell: mpsc::Sender<UserAnswer>,
        answer: oneshot::Sender<Result<Inside, UserAnswer>>,
    },
    Presence {
        key: Key,
        client: u32,
        active: bool,
    },
    Leave {
        key: Key,
        client: u32,
    },
    /// The coordinator has written an end down.
    Taken(u64),
}

/// What the coordinator is told.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct View {
    pub(crate) running: Vec<RunningSession>,
    pub(crate) users: Vec<UsersOf>,
    pub(crate) draining: bool,
    /// Ends that it has not taken, numbered, the oldest first.
    pub(crate) ended: Vec<(u64, EndedSession)>,
}
