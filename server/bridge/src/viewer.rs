//! One browser that watches a stage.
//!
//! It must never know what its messages mean.

use crate::{Candidate, JoinError, ViewerStats};
use bytes::Bytes;
use std::sync::Arc;

/// A viewer's connection. Dropping it closes the connection for real, and at once.
pub struct Viewer {
    id: u64,
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
    /// Unique within the process.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The next event; `None` after [`ViewerEvent::Closed`]. Cancel-safe.
    pub async fn next(&mut self) -> Option<ViewerEvent> {
        None
    }

    /// For sending on its data channels.
    pub fn sender(&self) -> ViewerSender {
        ViewerSender {}
    }

    /// The viewer's answer to [`crate::Stage::offer`].
    ///
    /// # Errors
    /// An answer that cannot be used, or one too many.
    pub async fn accept_answer(&self, _sdp: &str) -> Result<(), JoinError> {
        Err(JoinError::Closed)
    }

    /// A candidate of the viewer's, trickled after its description.
    ///
    /// # Errors
    /// A candidate that cannot be used.
    pub async fn add_candidate(&self, _candidate: &Candidate) -> Result<(), JoinError> {
        Err(JoinError::Closed)
    }

    /// Figures of now.
    pub fn stats(&self) -> ViewerStats {
        panic!("no viewer exists yet")
    }
}

/// Sends on a viewer's data channels. Clones are the same.
#[derive(Clone)]
pub struct ViewerSender {}

impl ViewerSender {
    /// Queues a message. `false`: no such channel is open, its queue is full, or the viewer is gone. Never blocks.
    pub fn send(&self, _channel: &str, _data: Bytes, _is_text: bool) -> bool {
        false
    }
}
