//! What stays of a session or a booking when it is over.
//!
//! It must never know why anything ends; that is the rules' to say.

use server_booking::model::{Booking, Code, EndReason, ServerId, Session, UnixSeconds};

/// Who holds, or held, a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// What is planned.
    Booking,
    /// What starts or runs.
    Session,
}

/// A session that is over, or a booking that ended without one. A booking that became a session is told by the session
/// alone.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ended {
    /// Which of the two.
    pub holder: Holder,
    /// The code that it had; somebody else's may be the same by now.
    pub code: Code,
    /// What ran, or was to run.
    pub application: String,
    /// Where.
    pub server: ServerId,
    /// First second that was asked for.
    pub starts_at: UnixSeconds,
    /// First second after it, as it was asked for.
    pub ends_at: UnixSeconds,
    /// Why it is over.
    pub why: EndReason,
    /// When it was over; not kept of a booking, whose end only the audit dates.
    pub ended_at: Option<UnixSeconds>,
}

impl Ended {
    /// What stays of a booking.
    pub(crate) fn booking(booking: &Booking, why: EndReason) -> Self {
        Self {
            holder: Holder::Booking,
            code: booking.code,
            application: booking.application.clone(),
            server: booking.server.clone(),
            starts_at: booking.starts_at,
            ends_at: booking.ends_at,
            why,
            ended_at: None,
        }
    }

    /// What stays of a session.
    pub(crate) fn session(session: &Session, why: EndReason, at: UnixSeconds) -> Self {
        Self {
            holder: Holder::Session,
            code: session.code,
            application: session.application.clone(),
            server: session.server.clone(),
            starts_at: session.starts_at,
            ends_at: session.ends_at,
            why,
            ended_at: Some(at),
        }
    }
}
