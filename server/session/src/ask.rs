//! What connections ask of the driver, and what it shows them.
//!
//! It must never know who carries it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use server_bridge::Stage;
use server_wire::{
    Code, ConnectToSession, EndedSession, Established, ExtendWanted, Host, Order, OrderAnswer,
    Port, ReportAnswer, RunningSession, Text, Url, UserAnswer, UserRequest, UsersOf,
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::gate::Gate;
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

/// Which connection of which user: a user who comes back has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Door {
    pub(crate) key: Key,
    pub(crate) client: u32,
    pub(crate) number: u64,
}

/// Somebody who was let in.
#[derive(Debug)]
pub(crate) struct Inside {
    pub(crate) door: Door,
    pub(crate) answer: Box<Established>,
}

/// Somebody who came by another program than our page.
pub(crate) struct Board {
    pub(crate) key: Key,
    pub(crate) client: u32,
    pub(crate) stage: Stage,
    pub(crate) gate: Arc<Gate>,
    /// Whether they drive; its sender is gone when the session is.
    pub(crate) control: watch::Receiver<bool>,
}

/// Why there is no picture under a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPicture {
    /// No session has it.
    NotExist,
    /// The session's application has none.
    None,
    /// Wrong codes came from there; for so many seconds none is looked at.
    LockedOut(u32),
}

/// What connections ask.
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
    /// A user says something.
    Say {
        door: Door,
        said: UserRequest,
        answer: oneshot::Sender<UserAnswer>,
    },
    /// A user goes for good.
    Leave(Door),
    /// A user's connection is gone.
    Lost(Door),
    /// Somebody wants to watch by WHEP.
    Picture {
        code: Code,
        from: IpAddr,
        answer: oneshot::Sender<Result<Stage, NoPicture>>,
    },
    /// Somebody comes by Epic's frontend.
    Board {
        code: Code,
        answer: oneshot::Sender<Result<Board, String>>,
    },
    /// Presses something without control.
    Wants { key: Key, client: u32 },
    /// And goes.
    Unboard { key: Key, client: u32 },
    /// The coordinator has written an end down.
    Taken(u64),
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ask")
    }
}

/// What the driver wants of the coordinator.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) wanted: ExtendWanted,
    /// Dropped: there is no link, or it was lost.
    pub(crate) answer: oneshot::Sender<ReportAnswer>,
}

/// What the coordinator is told.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct View {
    pub(crate) running: Vec<RunningSession>,
    pub(crate) users: Vec<UsersOf>,
    pub(crate) draining: bool,
    /// Ends that it has not taken, numbered, the oldest first.
    pub(crate) ended: Vec<(u64, EndedSession)>,
    /// Codes of sessions that have a picture; not for the coordinator.
    pub(crate) pictures: Vec<Code>,
}
