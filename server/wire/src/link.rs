//! The link that a session server keeps to its coordinator: who it is, what runs there, what has ended.
//!
//! Both ends ask and answer on it. It must never know how it is carried.

use std::collections::BTreeMap;

use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer, Serialize};

use crate::bounds::{MAX_APPLICATIONS, MAX_AUDIT, MAX_LANGUAGES, MAX_SESSIONS};
use crate::client::{Reasoned, SessionExtended};
use crate::code::Code;
use crate::envelope::{Body, Opened, messages};
use crate::number::{Count, Minutes, Port, Seconds, UnixSeconds};
use crate::order::{EndWord, Order, OrderAnswer};
use crate::proof::{Nonce, Proof};
use crate::text::{ApplicationName, Host, LongText, Reason, ServerName, Text, Url};
use crate::token::TokenHash;

messages! {
    /// What a session server says to a coordinator.
    "verb" pub enum Report {
        /// Who it is, and what still runs there; the first message.
        "REGISTER" => Register(Register),
        /// That it knows the secret; the second message.
        "PROOF" => Proof(ProofMessage),
        /// That it is there; every [`Registered::heartbeat_seconds`], not answered.
        "HEARTBEAT" => Heartbeat(Heartbeat),
        /// A session is over; said again, after a lost link too, until it was taken.
        "SESSION_ENDED" => SessionEnded(EndedSession),
        /// Somebody in a session wants more time for it, or asks how much there is.
        "EXTEND_WANTED" => ExtendWanted(ExtendWanted),
        /// What users of sessions did that changed something; said again until it was noted.
        "AUDIT" => Audit(Audit),
    }
}

messages! {
    /// What a coordinator answers a session server.
    "msg" pub enum ReportAnswer {
        /// That it knows the secret, and its question to the session server.
        "CHALLENGE" => Challenge(Challenge),
        /// The session server is known from now on.
        "REGISTERED" => Registered(Registered),
        /// It is not, and the connection ends.
        "REFUSED" => Refused(Reasoned),
        /// The end of a session is written down.
        "TAKEN" => Taken(Taken),
        /// The session has a new end; the order to extend it comes too, and may come first.
        "SESSION_EXTENDED" => Extended(SessionExtended),
        /// The time after the session is promised.
        "SERVERS_BUSY" => Busy,
        /// It cannot be extended, for another reason.
        "NOT_EXTENDED" => NotExtended(Reasoned),
        /// By how much it could be extended.
        "EXTENDABLE" => Extendable(Extendable),
        /// The audit entries are written down, or left out because they are too many.
        "NOTED" => Noted,
        /// Anything else.
        "BAD_REQUEST" => BadRequest(Reasoned),
    }
}

/// The fields of `REGISTER`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    /// The one name of this session server.
    pub name: ServerName,
    /// Fresh for this connection.
    pub nonce: Nonce,
    /// Where users reach it.
    pub host: Host,
    /// The port there.
    pub port: Port,
    /// What it runs.
    #[serde(deserialize_with = "few_applications")]
    pub applications: Vec<OfferedApplication>,
    /// Sessions at a time.
    pub limit: Count,
    /// What runs there now; what the coordinator thinks runs there besides is gone.
    #[serde(default, deserialize_with = "few_sessions")]
    pub running: Vec<RunningSession>,
    /// Whether it takes no new sessions.
    #[serde(default)]
    pub draining: bool,
}

/// An application as a session server offers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedApplication {
    /// Its one name.
    pub name: ApplicationName,
    /// What people read, by language.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "few_texts"
    )]
    pub title: BTreeMap<String, LongText>,
    /// The same, longer.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "few_texts"
    )]
    pub description: BTreeMap<String, LongText>,
    /// The path or address of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Url>,
}

/// A session that starts or runs on a session server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningSession {
    /// Its code.
    pub code: Code,
    /// What runs.
    pub rc_name: ApplicationName,
    /// First second after it.
    pub ends_at: UnixSeconds,
    /// Which session of that code it is: codes are used again, tokens are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_hash: Option<TokenHash>,
}

/// The fields of `CHALLENGE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// Fresh for this connection.
    pub nonce: Nonce,
    /// [`prove`](crate::prove) as [`Role::Coordinator`](crate::Role::Coordinator).
    pub proof: Proof,
}

/// The fields of `PROOF`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofMessage {
    /// [`prove`](crate::prove) as [`Role::SessionServer`](crate::Role::SessionServer).
    pub proof: Proof,
}

/// The fields of `REGISTERED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// How often the session server says that it is there.
    pub heartbeat_seconds: Seconds,
}

/// The fields of `HEARTBEAT`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// What starts or runs there.
    #[serde(deserialize_with = "few_sessions")]
    pub running: Vec<RunningSession>,
    /// Who is in it.
    #[serde(default, deserialize_with = "few_users")]
    pub users: Vec<UsersOf>,
    /// Whether it takes no new sessions.
    #[serde(default)]
    pub draining: bool,
}

/// How many people are in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsersOf {
    /// The session.
    pub code: Code,
    /// All.
    pub users: Count,
    /// Those who did something lately.
    pub active: Count,
}

/// The fields of `SESSION_ENDED`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedSession {
    /// Its code, free again.
    pub code: Code,
    /// What ended it.
    pub why: EndWord,
    /// Which session of that code it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_hash: Option<TokenHash>,
    /// More about it, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Reason>,
}

/// The fields of `TAKEN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Of which session.
    pub code: Code,
}

/// The fields of `EXTEND_WANTED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendWanted {
    /// The session.
    pub code: Code,
    /// Which session of that code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_hash: Option<TokenHash>,
    /// How much longer; none: nothing is extended, and the answer is `EXTENDABLE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<Minutes>,
}

/// The fields of `EXTENDABLE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extendable {
    /// The session.
    pub code: Code,
    /// By how many minutes at most; 0: not at all.
    pub minutes: Count,
}

/// The fields of `AUDIT`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// The oldest first.
    #[serde(deserialize_with = "few_deeds")]
    pub deeds: Vec<Deed>,
}

/// What a user of a session did that changed something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// In which session.
    pub code: Code,
    /// Who: the number in the session and the name at that time.
    pub who: Text<64>,
    /// What, one word such as `control_taken`.
    pub what: Text<48>,
    /// More about it, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Text<256>>,
}

fn few_deeds<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Deed>, D::Error> {
    at_most(d, MAX_AUDIT)
}

/// What a coordinator hears on the link.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum FromSessionServer {
    /// It reports.
    Report(Report),
    /// It answers an order; the message's `id` is the order's.
    Answer(OrderAnswer),
}

/// What a session server hears on the link.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum FromCoordinator {
    /// It orders.
    Order(Order),
    /// It answers a report; the message's `id` is the report's.
    Answer(ReportAnswer),
}

impl Body for FromSessionServer {
    fn open(opened: Opened) -> Result<Self, String> {
        match opened.word("msg") {
            Some(_) => OrderAnswer::open(opened).map(Self::Answer),
            None => Report::open(opened).map(Self::Report),
        }
    }
}

impl Body for FromCoordinator {
    fn open(opened: Opened) -> Result<Self, String> {
        match opened.word("msg") {
            Some(_) => ReportAnswer::open(opened).map(Self::Answer),
            None => Order::open(opened).map(Self::Order),
        }
    }
}

/// A list of at most `max` entries.
pub(crate) fn at_most<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
    max: usize,
) -> Result<Vec<T>, D::Error> {
    let list = Vec::<T>::deserialize(deserializer)?;
    if list.len() > max {
        return Err(de::Error::custom(format_args!(
            "at most {max} entries are accepted"
        )));
    }
    Ok(list)
}

fn few_sessions<'de, T: DeserializeOwned, D: Deserializer<'de>>(d: D) -> Result<Vec<T>, D::Error> {
    at_most(d, MAX_SESSIONS)
}

fn few_users<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<UsersOf>, D::Error> {
    at_most(d, MAX_SESSIONS)
}

fn few_applications<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<OfferedApplication>, D::Error> {
    at_most(d, MAX_APPLICATIONS)
}

pub(crate) fn few_texts<'de, D: Deserializer<'de>>(
    d: D,
) -> Result<BTreeMap<String, LongText>, D::Error> {
    let texts = BTreeMap::<String, LongText>::deserialize(d)?;
    let good = |language: &String| (1..=16).contains(&language.len());
    if texts.len() > MAX_LANGUAGES || !texts.keys().all(good) {
        return Err(de::Error::custom(format_args!(
            "at most {MAX_LANGUAGES} languages are accepted, such as \"en\""
        )));
    }
    Ok(texts)
}
