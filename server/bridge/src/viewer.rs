//! One browser that watches a stage.
//!
//! It must never know what its messages mean.

use crate::config::MAX_CANDIDATE_LEN;
use crate::inbox::Order;
use crate::join::check_description;
use crate::seat::Seat;
use crate::transport::Refusal;
use crate::{Candidate, JoinError, ViewerStats};
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// A viewer's connection. Dropping it closes the connection for real, and at once.
pub struct Viewer {
    seat: Arc<Seat>,
    events: mpsc::Receiver<ViewerEvent>,
    told: bool,
}

/// What happens to a viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ViewerEvent {
    /// Media flows.
    Connected,
    /// A data channel can be used.
    ChannelOpen {
        /// Its name.
        label: String,
    },
    /// A data channel can be used no more.
    ChannelClosed {
        /// Its name.
        label: String,
    },
    /// Pictures leave and nothing has come back for a second: its network may be dead, and what it holds should be let go.
    /// Once for each silence; either something comes again, or [`ViewerEvent::Closed`] seconds later.
    Silent,
    /// Something came on a data channel.
    Message {
        /// The channel's name.
        label: Arc<str>,
        /// At most [`crate::MAX_MESSAGE_LEN`] bytes.
        data: Bytes,
        /// It was sent as text (UTF-8 is not checked).
        is_text: bool,
    },
    /// It is over, and why, for people. The last event.
    Closed(String),
}

impl Viewer {
    pub(crate) fn new(seat: Arc<Seat>, events: mpsc::Receiver<ViewerEvent>) -> Viewer {
        Viewer {
            seat,
            events,
            told: false,
        }
    }

    /// Unique within the process.
    pub fn id(&self) -> u64 {
        self.seat.id
    }

    /// The next event; `None` after [`ViewerEvent::Closed`]. Cancel-safe.
    ///
    /// Who does not call this holds the viewer's messages back: up to [`crate::MAX_EVENTS`] wait here, then its data
    /// channels stand still. Nothing reliable is dropped.
    pub async fn next(&mut self) -> Option<ViewerEvent> {
        if let Some(event) = self.events.recv().await {
            return Some(event);
        }
        if std::mem::replace(&mut self.told, true) {
            return None;
        }
        let why = self.seat.known().ended.clone();
        Some(ViewerEvent::Closed(
            why.unwrap_or_else(|| "the connection broke".into()),
        ))
    }

    /// For sending on its data channels.
    pub fn sender(&self) -> ViewerSender {
        ViewerSender {
            seat: self.seat.clone(),
        }
    }

    async fn order(
        &self,
        order: impl FnOnce(oneshot::Sender<Result<(), Refusal>>) -> Order,
    ) -> Option<Result<(), Refusal>> {
        let (reply, answer) = oneshot::channel();
        self.seat.inbox.order(order(reply)).ok()?;
        answer.await.ok()
    }

    /// The viewer's answer to [`crate::Stage::offer`]. Cancel-safe: once polled it takes effect.
    ///
    /// # Errors
    /// An answer that cannot be used, or one too many.
    pub async fn accept_answer(&self, sdp: &str) -> Result<(), JoinError> {
        check_description(sdp)?;
        let taken = self
            .order(|reply| Order::Accept(sdp.to_owned(), reply))
            .await;
        taken
            .ok_or(JoinError::Closed)?
            .map_err(JoinError::BadDescription)
    }

    /// A candidate of the viewer's, trickled after its description. Cancel-safe: once polled it takes effect.
    ///
    /// # Errors
    /// A candidate that cannot be used.
    pub async fn add_candidate(&self, candidate: &Candidate) -> Result<(), JoinError> {
        if candidate.candidate.len() > MAX_CANDIDATE_LEN {
            return Err(JoinError::TooMuch("the candidate"));
        }
        let candidate = candidate.clone();
        let taken = self.order(|reply| Order::Candidate(candidate, reply)).await;
        taken
            .ok_or(JoinError::Closed)?
            .map_err(JoinError::BadCandidate)
    }

    /// Figures, at most 0.1 s old.
    pub fn stats(&self) -> ViewerStats {
        self.seat.known().stats.clone()
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.seat.inbox.close("left");
    }
}

/// Sends on a viewer's data channels. Clones are the same. It does not keep the connection.
#[derive(Clone)]
pub struct ViewerSender {
    seat: Arc<Seat>,
}

impl ViewerSender {
    /// Queues a message. `false`: no such channel is open, it is longer than [`crate::MAX_MESSAGE_LEN`], its queue is full,
    /// or the viewer is gone. Never blocks.
    pub fn send(&self, channel: &str, data: Bytes, is_text: bool) -> bool {
        self.seat.inbox.message(channel, data, is_text)
    }
}
