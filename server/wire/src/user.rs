//! User and session server: how somebody enters a session, and what they are told in it.
//!
//! The words of both sides; what is said about control and among users is in `room`, about the picture in `picture`. It
//! must never know a rule.

use serde::{Deserialize, Deserializer, Serialize};

use crate::bounds::{MAX_CLIENTS, MAX_ICE_SERVERS, MAX_USER_MESSAGE_LEN};
use crate::client::{LockedOut, Reasoned};
use crate::code::Code;
use crate::envelope::{Body, Opened, messages};
use crate::link::EndedSession;
use crate::number::{Count, Port, Seconds, UnixSeconds};
use crate::order::Order;
use crate::picture::{CursorShape, Description, IceCandidate, IceServer, Quality};
use crate::room::{
    Broadcast, ClipboardText, Colour, Control, ExtendBy, GiveControl, LockControl, OnAir, Relay,
    Relayed, Said, Say, SetName, Shown, TimeWarning,
};
use crate::text::{Host, PersonName, Url};
use crate::token::Token;

messages! {
    /// What a user asks a session server.
    "verb" pub enum UserRequest up to MAX_USER_MESSAGE_LEN {
        /// To be let in.
        "CONNECT_TO_SESSION" => ConnectToSession(ConnectToSession),
        /// Says whether somebody is there: a key, a pointer, or nothing for a while.
        "PRESENCE" => Presence(Presence),
        /// Goes, and does not come back.
        "LEAVE_SESSION" => LeaveSession,
        /// Offers a connection for picture, sound and input; it replaces the user's former one.
        "WEBRTC_OFFER" => Offer(Description),
        /// A way to the user, found after the offer.
        "WEBRTC_CANDIDATE" => Candidate(IceCandidate),
        /// Wants control.
        "REQUEST_CONTROL" => RequestControl,
        /// Does not want it any more.
        "CANCEL_REQUEST" => CancelRequest,
        /// Passes control on: the driver, or the owner.
        "GIVE_CONTROL" => GiveControl(GiveControl),
        /// Says no to somebody who asks for control: the driver, or the owner.
        "REFUSE_CONTROL" => RefuseControl(GiveControl),
        /// Gives control away: the driver.
        "RELEASE_CONTROL" => ReleaseControl,
        /// Takes control: the owner.
        "TAKE_CONTROL" => TakeControl,
        /// Whether asking gives control: the owner.
        "LOCK_CONTROL" => LockControl(LockControl),
        /// Wants another name.
        "SET_NAME" => SetName(SetName),
        /// Says something to all.
        "CHAT" => Chat(Say),
        /// Passes data to one or all others.
        "RELAY" => Relay(Relay),
        /// Fills the application's clipboard: the driver.
        "CLIPBOARD" => Clipboard(ClipboardText),
        /// More time.
        "EXTEND_SESSION" => Extend(ExtendBy),
        /// The session on a channel, or not: the owner.
        "BROADCAST" => Broadcast(Broadcast),
        /// How everybody's connection is.
        "QUALITY" => Quality,
    }
}

/// The fields of `CONNECT_TO_SESSION`; code, token, watch or resume is needed.
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
    /// The token of those who may only watch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<Token>,
    /// What the last [`Established::resume`] said: the user comes back as who they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Token>,
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
    "msg" pub enum UserAnswer up to MAX_USER_MESSAGE_LEN {
        /// The user is in; told again, unasked, whenever somebody comes or goes.
        "SESSION_CONNECTION_ESTABLISHED" => Established(Box<Established>),
        /// No such session.
        "SESSION_NOT_EXIST" => NotExist,
        /// As many users are in it as may be.
        "SESSION_FULL" => Full,
        /// Too many wrong codes came from there, or from everywhere.
        "LOCKED_OUT" => LockedOut(LockedOut),
        /// What was said about presence is known.
        "PRESENCE" => Presence(Presence),
        /// The answer to an offer.
        "WEBRTC_ANSWER" => Answer(Description),
        /// Who has control and who wants it; told again whenever that changes.
        "CONTROL" => Control(Control),
        /// Somebody said something.
        "CHAT" => Chat(Said),
        /// Somebody passes data.
        "RELAY" => Relay(Relayed),
        /// The application's clipboard has something new.
        "CLIPBOARD" => Clipboard(ClipboardText),
        /// The pointer looks different.
        "CURSOR" => Cursor(CursorShape),
        /// How everybody's connection is.
        "QUALITY" => Quality(Quality),
        /// The session is on a channel, or is not any more.
        "BROADCAST" => Broadcast(OnAir),
        /// The session's time is over soon.
        "TIME_WARNING" => TimeWarning(TimeWarning),
        /// The session cannot be longer: the time after it is promised.
        "SERVERS_BUSY" => Busy,
        /// What was asked is done, and has no other answer.
        "DONE" => Done,
        /// What was asked may not be done by this user, or not now.
        "NOT_ALLOWED" => NotAllowed(Reasoned),
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
    /// Where the WebRTC connection is agreed upon: the session's page.
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
    /// The secret by which this user comes back after a lost connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Token>,
    /// For the owner: the token of those who may only watch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<Token>,
    /// For the browser's end of the connection.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "few_ice_servers"
    )]
    pub ice_servers: Vec<IceServer>,
    /// What runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<Shown>,
    /// Who drives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<Control>,
    /// Whether the session is on a channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broadcast: Option<OnAir>,
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
    /// What they are drawn with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour: Option<Colour>,
    /// They may only watch.
    #[serde(default, skip_serializing_if = "is_false")]
    pub watching: bool,
}

fn is_false(value: &bool) -> bool {
    !value
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

fn few_ice_servers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IceServer>, D::Error> {
    crate::link::at_most(deserializer, MAX_ICE_SERVERS)
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
    const MAX_LEN: usize = MAX_USER_MESSAGE_LEN;

    fn open(opened: Opened) -> Result<Self, String> {
        let is_order = |word| Order::WORDS.contains(&word);
        match opened.word("verb").is_some_and(is_order) {
            true => Order::open(opened).map(Self::Order),
            false => UserRequest::open(opened).map(Self::User),
        }
    }
}
