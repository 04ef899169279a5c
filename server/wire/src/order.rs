//! Coordinator and session server: what a session server is told to do, on the link or by a coordinator that dials it.
//!
//! The bare `{"verb":"START_SESSION"}` is the old form and must always be understood. It must never know how an
//! application is started.

use serde::{Deserialize, Serialize};

use crate::client::{ConnectionData, Reasoned, SessionExtended};
use crate::code::Code;
use crate::envelope::messages;
use crate::number::UnixSeconds;
use crate::text::ApplicationName;
use crate::token::{Token, TokenHash};

messages! {
    /// What a coordinator asks a session server.
    "verb" pub enum Order {
        /// A session; answered when its application runs.
        "START_SESSION" => StartSession(StartOrder),
        /// A session ends now.
        "END_SESSION" => EndSession(EndOrder),
        /// A session has a new end.
        "EXTEND" => Extend(ExtendOrder),
        /// No new sessions, or new ones again.
        "DRAIN" => Drain(Drain),
        /// Whether a session of that code starts or runs.
        "KNOWS_CODE" => KnowsCode(KnowsCode),
    }
}

/// The fields of `START_SESSION`; the old form has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartOrder {
    /// What shall run; none: the first application of the server's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rc_name: Option<ApplicationName>,
    /// By it users join; none: the server draws one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// First second after it; none: after the server's `session_minutes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<UnixSeconds>,
    /// The owner's token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
    /// Or what is kept of it, so that it does not travel; it wins over `token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_hash: Option<TokenHash>,
}

/// What ended a session, as the servers say it to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndWord {
    /// Its time is over.
    TimeOver,
    /// All users left.
    Empty,
    /// All users were idle.
    Idle,
    /// An operator ended it.
    Operator,
    /// Somebody who has the code cancelled it.
    Cancelled,
    /// Nobody came to a booking.
    Unused,
    /// The application could not be started.
    NotStarted,
    /// The session server was ended, or came back without it.
    ServerLost,
    /// The application ended by itself.
    ApplicationEnded,
}

/// The fields of `END_SESSION`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndOrder {
    /// The session.
    pub code: Code,
    /// Why; none: an operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<EndWord>,
}

/// The fields of `EXTEND`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendOrder {
    /// The session.
    pub code: Code,
    /// The new first second after it.
    pub ends_at: UnixSeconds,
}

/// The fields of `DRAIN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// False: sessions are taken again.
    #[serde(default = "yes")]
    pub draining: bool,
}

fn yes() -> bool {
    true
}

impl Default for Drain {
    fn default() -> Self {
        Self { draining: yes() }
    }
}

/// The fields of `KNOWS_CODE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnowsCode {
    /// Which.
    pub code: Code,
}

messages! {
    /// What a session server answers a coordinator.
    "msg" pub enum OrderAnswer {
        /// The application runs, and users reach it there.
        "SESSION_CONNECTION_DATA" => ConnectionData(ConnectionData),
        /// No place, or none for new sessions.
        "SESSION_LIMIT_REACHED" => LimitReached,
        /// There was a place, but the application did not start.
        "SESSION_NOT_STARTED" => NotStarted(Reasoned),
        /// The session is being ended; `SESSION_ENDED` of the link follows when it is over.
        "SESSION_ENDING" => Ending(KnowsCode),
        /// It has a new end.
        "SESSION_EXTENDED" => Extended(SessionExtended),
        /// No session of that code starts or runs.
        "SESSION_NOT_EXIST" => NotExist,
        /// Whether sessions are refused now.
        "DRAINING" => Draining(Draining),
        /// Whether the code is known.
        "KNOWS_CODE" => KnowsCode(KnowsCodeAnswer),
        /// Anything else.
        "BAD_REQUEST" => BadRequest(Reasoned),
    }
}

/// The fields of `DRAINING`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draining {
    /// Sessions are refused.
    pub draining: bool,
}

/// The fields of the answer to `KNOWS_CODE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnowsCodeAnswer {
    /// Which.
    pub code: Code,
    /// A session of that code starts or runs there.
    pub known: bool,
}
