//! User and session server: how somebody enters a session, and what they are told in it.
//!
//! It must never know the picture, the sound or who has control.

use serde::{Deserialize, Deserializer, Serialize};

use crate::bounds::MAX_CLIENTS;
use crate::client::{LockedOut, Reasoned};
use crate::code::Code;
use crate::envelope::{Body, Opened, messages};
use crate::link::EndedSession;
use crate::number::{Count, Port, Seconds, UnixSeconds};
use crate::order::Order;
use crate::text::{Host, PersonName, Url};
use crate::token::Token;

messages! {
    /// What a user asks a session server.
    "verb" pub enum UserRequest {
        /// To be let in.
        "CONNECT_TO_SESSION" => ConnectToSession(ConnectToSession),
        /// Says whether somebody is there: a key, a pointer, or nothing for a while.
        "PRESENCE" => Presence(Presence),
        /// Goes, and does not come back.
        "LEAVE_SESSION" => LeaveSession,
    }
}

/// The fields of `CONNECT_TO_SESSION`; code or token is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectToSession {
    /// Where the coordinator said that the session is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<Host>,
    /// The port there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Port>,
    /// The session's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// The owner's token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
    /// What the user wants to be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<PersonName>,
}

/// The fields of `PRESENCE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Somebody is there.
    pub active: bool,
}

messages! {
    /// What a session server answers a user, or tells one unasked.
    "msg" pub enum UserAnswer {
        /// The user is in; told again, unasked, whenever somebody comes or goes.
        "SESSION_CONNECTION_ESTABLISHED" => Established(Established),
        /// No such session.
        "SESSION_NOT_EXIST" => NotExist,
        /// As many users are in it as may be.
        "SESSION_FULL" => Full,
        /// Too many wrong codes came from there, or from everywhere.
        "LOCKED_OUT" => LockedOut(LockedOut),
        /// What was said about presence is known.
        "PRESENCE" => Presence(Presence),
        /// Nobody did anything for a while.
        "IDLE_WARNING" => IdleWarning(IdleWarning),
        /// The session has a new end.
        "SESSION_EXTENDED" => Extended(crate::client::SessionExtended),
        /// The session is over.
        "SESSION_ENDED" => Ended(EndedSession),
        /// The user is out.
        "SESSION_LEFT" => Left,
        /// Anything else.
        "BAD_REQUEST" => BadRequest(Reasoned),
    }
}

/// The fields of `SESSION_CONNECTION_ESTABLISHED`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Established {
    /// Where the WebRTC connection is agreed upon.
    #[serde(rename = "WebRTC_connection_data")]
    pub webrtc_connection_data: Url,
    /// Who you are.
    pub client: Count,
    /// Who is there, you too.
    #[serde(deserialize_with = "few_clients")]
    pub clients: Vec<Client>,
    /// First second after the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<UnixSeconds>,
}

/// Somebody in a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Their number, never given again in this session.
    pub client: Count,
    /// What they are called.
    pub name: PersonName,
    /// Who started the session.
    #[serde(default)]
    pub owner: bool,
    /// Whether they did something lately.
    #[serde(default)]
    pub active: bool,
}

/// The fields of `IDLE_WARNING`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleWarning {
    /// Seconds until the session ends; 0: somebody is back.
    pub seconds_left: Seconds,
}

fn few_clients<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Client>, D::Error> {
    crate::link::at_most(deserializer, MAX_CLIENTS)
}

/// What a session server hears at its own address: users, and coordinators that dial it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum FromVisitor {
    /// What only a coordinator may ask.
    Order(Order),
    /// What anybody may ask.
    User(UserRequest),
}

impl Body for FromVisitor {
    fn open(opened: Opened) -> Result<Self, String> {
        let is_order = |word| Order::WORDS.contains(&word);
        match opened.word("verb").is_some_and(is_order) {
            true => Order::open(opened).map(Self::Order),
            false => UserRequest::open(opened).map(Self::User),
        }
    }
}
