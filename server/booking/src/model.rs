//! What the coordinator knows: the world that its rules decide upon, and the changes that they make in it.
//!
//! A world holds what is planned or running; what has ended is history, and lives in the audit entries. This file must
//! never know how any of it is stored or sent.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UnixSeconds(pub i64);

/// Four digits by which people join, `0000` to `9999`; unique among what is planned or running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Code(u16);

impl Code {
    /// How many there are.
    pub const COUNT: u16 = 10_000;

    /// The least of them.
    pub const FIRST: Self = Self(0);

    /// The greatest of them.
    pub const LAST: Self = Self(Self::COUNT - 1);

    /// The code of a number; none from [`Code::COUNT`] on.
    #[must_use]
    pub fn new(number: u16) -> Option<Self> {
        (number < Self::COUNT).then_some(Self(number))
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }
}

/// A number that is no code.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not a code: 0 to 9999")]
pub struct NotACode(u16);

impl TryFrom<u16> for Code {
    type Error = NotACode;

    fn try_from(number: u16) -> Result<Self, NotACode> {
        Self::new(number).ok_or(NotACode(number))
    }
}

impl From<Code> for u16 {
    fn from(code: Code) -> Self {
        code.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.0)
    }
}

/// A program that sessions run; the first stage called it `rc`, the database of older installations `title`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// Its one name, as requests give it.
    pub name: String,
    /// What people read, by language (`en`, `ru`); may be empty.
    #[serde(default)]
    pub title: BTreeMap<String, String>,
    /// The same, longer.
    #[serde(default)]
    pub description: BTreeMap<String, String>,
    /// The path or https address of a picture.
    #[serde(default)]
    pub picture: Option<String>,
}

/// The one name of a session server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServerId(pub String);

/// How a session server became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerSource {
    /// A file names it; the coordinator dials it.
    File,
    /// It dialled out to a coordinator and keeps that connection.
    Registered,
}

/// Whether a session server takes sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerState {
    /// It does.
    Online,
    /// What runs goes on, what was promised is kept, nothing new is given to it.
    Draining,
    /// It was not heard for too long.
    Away,
}

/// A computer that runs sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionServer {
    /// Its name.
    pub id: ServerId,
    /// Where users reach it: an address or a name.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// Names of the applications that it runs.
    pub applications: Vec<String>,
    /// Sessions at a time, of all applications together.
    pub limit: u32,
    /// Whether it takes sessions.
    pub state: ServerState,
    /// How it became known.
    pub source: ServerSource,
    /// When it was heard last.
    pub seen_at: UnixSeconds,
}

/// A promise of one place on one server from `starts_at` until `ends_at` (exclusive).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    /// The code that starts it and joins it.
    pub code: Code,
    /// What runs.
    pub application: String,
    /// Where; may be changed until it starts, when that server goes away.
    pub server: ServerId,
    /// First second.
    pub starts_at: UnixSeconds,
    /// First second after it.
    pub ends_at: UnixSeconds,
    /// The time zone that it was asked in (IANA name), for people.
    pub time_zone: String,
    /// When it was made.
    pub made_at: UnixSeconds,
}

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionStage {
    /// The place is taken, the server was asked.
    Starting,
    /// The application runs.
    Running,
}

/// A session that takes a place on a server from `starts_at` until `ends_at` (exclusive), or until it ends before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The code that joins it; of a booking that was started: the booking's.
    pub code: Code,
    /// What runs.
    pub application: String,
    /// Where.
    pub server: ServerId,
    /// First second.
    pub starts_at: UnixSeconds,
    /// First second after it.
    pub ends_at: UnixSeconds,
    /// How far it is.
    pub stage: SessionStage,
    /// Where users connect to: host and port; known once it runs.
    pub address: Option<(String, u16)>,
    /// Hexadecimal BLAKE3 of the token that the session's owner was given.
    pub token_hash: String,
    /// Whether it was a booking.
    pub booked: bool,
}

/// What ended a session or a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
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
    /// The server refused it or did not answer in time.
    NotStarted,
    /// The server is gone, or came back without it.
    ServerLost,
    /// The application ended by itself.
    ApplicationEnded,
}

/// Something that was done, for the operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    pub at: UnixSeconds,
    /// Who: an address, `operator`, `coordinator`, the name of a session server.
    pub actor: String,
    /// What, one word: `booking_made`, `session_started`, ...
    pub action: String,
    /// To what: a code, a server, an application.
    pub subject: String,
    /// The rest, for people.
    pub detail: String,
}

/// What is planned or running, and where it can run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World {
    /// By name.
    pub applications: BTreeMap<String, Application>,
    /// By id.
    pub servers: BTreeMap<ServerId, SessionServer>,
    /// What is planned, by code.
    pub bookings: BTreeMap<Code, Booking>,
    /// What starts or runs, by code; no code is in both.
    pub sessions: BTreeMap<Code, Session>,
}

/// One step from a world to the next; the only way in which one changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// A new or altered application.
    PutApplication(Application),
    /// It is not offered any more.
    RemoveApplication(String),
    /// A new or altered session server.
    PutServer(SessionServer),
    /// It is not known any more.
    RemoveServer(ServerId),
    /// A new or altered booking.
    PutBooking(Booking),
    /// A booking ends without a session, or becomes one.
    RemoveBooking {
        /// Which.
        code: Code,
        /// Why; none: it became a session.
        why: Option<EndReason>,
    },
    /// A new or altered session.
    PutSession(Session),
    /// A session is over.
    RemoveSession {
        /// Which.
        code: Code,
        /// Why.
        why: EndReason,
        /// When.
        at: UnixSeconds,
    },
    /// An entry for the operator; the world stays.
    Audit(AuditEntry),
}

impl World {
    /// Makes one change; removing what is not there changes nothing.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::PutApplication(new) => {
                self.applications.insert(new.name.clone(), new.clone());
            }
            Change::RemoveApplication(name) => {
                self.applications.remove(name);
            }
            Change::PutServer(new) => {
                self.servers.insert(new.id.clone(), new.clone());
            }
            Change::RemoveServer(id) => {
                self.servers.remove(id);
            }
            Change::PutBooking(new) => {
                self.bookings.insert(new.code, new.clone());
            }
            Change::RemoveBooking { code, .. } => {
                self.bookings.remove(code);
            }
            Change::PutSession(new) => {
                self.sessions.insert(new.code, new.clone());
            }
            Change::RemoveSession { code, .. } => {
                self.sessions.remove(code);
            }
            Change::Audit(_) => {}
        }
    }
}
