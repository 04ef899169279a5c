//! The JSON messages of the session path: verbs and answers, exactly as they are on the wire.
//!
//! Pure: text to values and back, within bounds. This crate must never know a socket, a clock or a database.
//!
//! [`read`] takes the text of one WebSocket message and gives a value with its `id`, or a [`Rejected`] that is the
//! `BAD_REQUEST` to answer; [`write()`] makes the text. There is one type for each side of each conversation:
//!
//! | conversation | asks | answers |
//! |---|---|---|
//! | client to coordinator | [`ClientRequest`] | [`ClientAnswer`] |
//! | user to session server | [`UserRequest`] | [`UserAnswer`] |
//! | coordinator to session server | [`Order`] | [`OrderAnswer`] |
//! | session server to coordinator, on the link | [`Report`] | [`ReportAnswer`] |
//!
//! On the link both ask and both answer: [`FromSessionServer`] and [`FromCoordinator`] are what either end may hear.
//! A coordinator may also dial a session server at the users' address: [`FromVisitor`] is what is heard there.

mod bounds;
mod calendar;
mod client;
mod code;
mod entry;
mod envelope;
mod link;
mod number;
mod order;
mod picture;
mod proof;
mod room;
mod text;
mod token;
mod user;

pub use bounds::{
    MAX_APPLICATIONS, MAX_AUDIT, MAX_CHAT_LEN, MAX_CLIPBOARD_LEN, MAX_CURSOR_LEN, MAX_DEPTH,
    MAX_ICE_SERVERS, MAX_ID_LEN, MAX_MESSAGE_LEN, MAX_RANGE, MAX_RELAY_LEN, MAX_SDP_LEN,
    MAX_SESSIONS, MAX_USER_MESSAGE_LEN,
};
pub use calendar::{Date, TimeOfDay};
pub use client::{
    CancelPlan, ClientAnswer, ClientRequest, ConnectWithCode, ConnectionCode, ConnectionData,
    ExtendSession, FreeSlots, FreeSlotsAnswer, GetServers, LockedOut, PlanCancelled, PlanSession,
    Range, Reasoned, ServersFound, SessionExtended, SessionNotStarted, SessionState, SessionStatus,
    StartSession, StatusAnswer,
};
pub use code::Code;
pub use entry::ServerEntry;
pub use envelope::{Body, Id, Message, Rejected, read, write};
pub use link::{
    Audit, Challenge, Deed, EndedSession, ExtendWanted, Extendable, FromCoordinator,
    FromSessionServer, Heartbeat, OfferedApplication, ProofMessage, Register, Registered, Report,
    ReportAnswer, RunningSession, Taken, UsersOf,
};
pub use number::{Count, Minutes, Port, Seconds, UnixSeconds};
pub use order::{
    Drain, Draining, EndOrder, EndWord, ExtendOrder, KnowsCode, KnowsCodeAnswer, Order,
    OrderAnswer, StartOrder,
};
pub use picture::{CursorShape, Description, IceCandidate, IceServer, Quality, ViewerQuality};
pub use proof::{Fingerprint, Nonce, Proof, Role, SECRET_MIN_LEN, Secret, SecretError, prove};
pub use room::{
    Broadcast, ClipboardText, Colour, Control, ExtendBy, GiveControl, LockControl, OnAir, Relay,
    Relayed, Said, Say, SetName, Shown, TimeWarning,
};
pub use text::{
    Anything, ApplicationName, BadText, CandidateText, ChatText, Clipboard, Host, Lines, LongText,
    PersonName, Reason, RelayData, Sdp, ServerName, Text, Url, ZoneName,
};
pub use token::{Token, TokenHash};
pub use user::{
    Client, ConnectToSession, Established, FromVisitor, IdleWarning, Presence, UserAnswer,
    UserRequest,
};
