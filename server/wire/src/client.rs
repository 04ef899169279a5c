//! Client and coordinator: what visitors ask, and what they are answered.
//!
//! Names are those that existing clients know. It must never know whether a request can be fulfilled.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bounds::MAX_RANGE;
use crate::calendar::{Date, TimeOfDay};
use crate::code::Code;
use crate::entry::ServerEntry;
use crate::envelope::messages;
use crate::number::{Minutes, Port, Seconds, UnixSeconds};
use crate::text::{ApplicationName, Host, Reason, Text, Url, ZoneName};
use crate::token::Token;

messages! {
    /// What a client asks the coordinator.
    "verb" pub enum ClientRequest {
        /// Some of the list of session servers.
        "GET_SERVERS" => GetServers(GetServers),
        /// A booking.
        "PLAN_SESSION" => PlanSession(PlanSession),
        /// A session now.
        "START_SESSION" => StartSession(StartSession),
        /// Where a session or a booking's session is.
        "CONNECT_SESSION_WITH_CODE" => ConnectWithCode(ConnectWithCode),
        /// What can be booked on a day.
        "FREE_SLOTS" => FreeSlots(FreeSlots),
        /// More time.
        "EXTEND_SESSION" => ExtendSession(ExtendSession),
        /// A booking is given back.
        "CANCEL_PLAN" => CancelPlan(CancelPlan),
        /// How a booking or a session stands.
        "SESSION_STATUS" => SessionStatus(SessionStatus),
    }
}

/// The fields of `GET_SERVERS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetServers {
    /// Which of the list.
    pub range: Range,
}

/// `X-Y`, inclusive: Y-X+1 entries of a list, at most [`MAX_RANGE`]; X is not above Y.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    first: u32,
    last: u32,
}

impl Range {
    /// The range, if it is not turned round and not too long.
    #[must_use]
    pub fn new(first: u32, last: u32) -> Option<Self> {
        let length = last.checked_sub(first)?;
        (length < MAX_RANGE).then_some(Self { first, last })
    }

    /// X.
    #[must_use]
    pub fn first(self) -> u32 {
        self.first
    }

    /// Y.
    #[must_use]
    pub fn last(self) -> u32 {
        self.last
    }
}

/// A text that is no [`Range`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("X-Y is accepted, such as \"0-9\": X not above Y, at most {MAX_RANGE} entries")]
pub struct BadRange;

impl FromStr for Range {
    type Err = BadRange;

    fn from_str(text: &str) -> Result<Self, BadRange> {
        let number = |part: &str| {
            let plain = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| part.parse::<u32>().ok()).flatten()
        };
        let (first, last) = text.split_once('-').ok_or(BadRange)?;
        let first = number(first.trim()).ok_or(BadRange)?;
        let last = number(last.trim()).ok_or(BadRange)?;
        Self::new(first, last).ok_or(BadRange)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl Serialize for Range {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::<32>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The fields of `PLAN_SESSION`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSession {
    /// The day.
    pub date: Date,
    /// The minute of that day.
    pub time: TimeOfDay,
    /// What shall run; none: what the coordinator takes when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rc_name: Option<ApplicationName>,
    /// For how long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_minutes: Option<Minutes>,
    /// The time zone of day and minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tz: Option<ZoneName>,
}

/// The fields of `START_SESSION`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartSession {
    /// What shall run.
    pub rc_name: ApplicationName,
}

/// The fields of `CONNECT_SESSION_WITH_CODE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectWithCode {
    /// The code.
    pub code: Code,
}

/// The fields of `FREE_SLOTS`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreeSlots {
    /// What shall run; none: what the coordinator takes when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rc_name: Option<ApplicationName>,
    /// The day.
    pub date: Date,
    /// For how long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_minutes: Option<Minutes>,
    /// The time zone of the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tz: Option<ZoneName>,
}

/// The fields of `EXTEND_SESSION`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendSession {
    /// The session.
    pub code: Code,
    /// How much longer.
    pub minutes: Minutes,
}

/// The fields of `CANCEL_PLAN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelPlan {
    /// The booking.
    pub code: Code,
}

/// The fields of `SESSION_STATUS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionStatus {
    /// The booking or session.
    pub code: Code,
}

messages! {
    /// What the coordinator answers a client.
    "msg" pub enum ClientAnswer {
        /// Servers of the range.
        "SERVERS_FOUND" => ServersFound(ServersFound),
        /// There is none in the range.
        "SERVERS_NOT_FOUND" => ServersNotFound,
        /// The booking is made.
        "CONNECTION_CODE" => ConnectionCode(ConnectionCode),
        /// No place.
        "SERVERS_BUSY" => ServersBusy,
        /// Where the session is.
        "SESSION_CONNECTION_DATA" => ConnectionData(ConnectionData),
        /// No such code.
        "SESSION_NOT_EXIST" => SessionNotExist,
        /// A booking before its time.
        "SESSION_NOT_STARTED" => SessionNotStarted(SessionNotStarted),
        /// What can be booked.
        "FREE_SLOTS" => FreeSlots(FreeSlotsAnswer),
        /// The session has a new end.
        "SESSION_EXTENDED" => SessionExtended(SessionExtended),
        /// The booking is given back.
        "PLAN_CANCELLED" => PlanCancelled(PlanCancelled),
        /// How it stands.
        "SESSION_STATUS" => SessionStatus(StatusAnswer),
        /// Too many wrong codes came from there, or from everywhere.
        "LOCKED_OUT" => LockedOut(LockedOut),
        /// Not now, for a reason that passes: the database is away, too many requests wait.
        "TRY_AGAIN" => TryAgain(Reasoned),
        /// Anything else.
        "BAD_REQUEST" => BadRequest(Reasoned),
    }
}

/// The fields of `SERVERS_FOUND`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServersFound {
    /// In the order of the list.
    pub servers: Vec<ServerEntry>,
}

/// The fields of `CONNECTION_CODE`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionCode {
    /// By it the booking is started, joined and cancelled.
    pub code: Code,
    /// First second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<UnixSeconds>,
    /// First second after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<UnixSeconds>,
}

/// The fields of `SESSION_CONNECTION_DATA`, from a coordinator and from a session server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionData {
    /// Where users connect to: an address or a name.
    pub ip: Host,
    /// The port there.
    pub port: Port,
    /// By it others join.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// The owner's, in the answer to who started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
    /// The session's page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
    /// First second after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<UnixSeconds>,
}

/// The fields of `SESSION_NOT_STARTED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionNotStarted {
    /// First second.
    pub starts_at: UnixSeconds,
}

/// The fields of the answer to `FREE_SLOTS`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreeSlotsAnswer {
    /// Of what.
    pub rc_name: ApplicationName,
    /// The day.
    pub date: Date,
    /// The time zone of day and slots.
    pub tz: ZoneName,
    /// For how long.
    pub duration_minutes: Minutes,
    /// When a session can begin.
    pub slots: Vec<TimeOfDay>,
}

/// The fields of `SESSION_EXTENDED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionExtended {
    /// The session.
    pub code: Code,
    /// The new first second after it.
    pub ends_at: UnixSeconds,
}

/// The fields of `PLAN_CANCELLED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanCancelled {
    /// It is free again.
    pub code: Code,
}

/// How far a booking or a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// A booking.
    Planned,
    /// A server was asked.
    Starting,
    /// The application runs.
    Running,
}

/// The fields of the answer to `SESSION_STATUS`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusAnswer {
    /// Which.
    pub code: Code,
    /// How far it is.
    pub state: SessionState,
    /// What runs.
    pub rc_name: ApplicationName,
    /// First second.
    pub starts_at: UnixSeconds,
    /// First second after it.
    pub ends_at: UnixSeconds,
    /// By how much it could be extended now; none: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub can_extend_minutes: Option<Minutes>,
}

/// The fields of `LOCKED_OUT`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedOut {
    /// After how many seconds codes are looked at again.
    pub retry_after: Seconds,
    /// What is the matter, for people.
    pub reason: Reason,
}

/// The fields of an answer that only has a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reasoned {
    /// What is the matter, for people.
    pub reason: Reason,
}
