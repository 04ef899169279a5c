//! One picture and its sound for any number of viewers.
//!
//! It must never wait for a viewer, and never know what is shown.

use crate::{Demand, JoinError, StageConfig, Terms, Viewer, ViewerStats};
use media_packet::{SoundPacket, VideoPacket};
use std::sync::Arc;
use tokio::sync::watch;

/// A session's or a channel's picture and sound. Clones are the same stage.
#[derive(Clone)]
pub struct Stage {
    demand: Arc<watch::Sender<Demand>>,
}

impl Stage {
    pub(crate) fn new(_config: StageConfig) -> Stage {
        Stage {
            demand: Arc::new(watch::channel(Demand::default()).0),
        }
    }

    /// Sends a picture to everybody who gets its rendition. Any thread, never blocks: a viewer whose queue is full loses
    /// the oldest pictures up to the next keyframe.
    pub fn video(&self, _packet: VideoPacket) {}

    /// Sends sound to everybody. Any thread, never blocks.
    pub fn sound(&self, _packet: SoundPacket) {}

    /// What the encoders should do; changes whenever a viewer's needs do.
    pub fn demand(&self) -> watch::Receiver<Demand> {
        self.demand.subscribe()
    }

    /// Answers a browser's offer (our page, WHEP). The answer has all our candidates.
    ///
    /// Cancel-safe: dropped before it is ready, nothing is left of the viewer.
    ///
    /// # Errors
    /// No room, ended, or an offer that cannot be used.
    pub async fn answer(
        &self,
        _offer_sdp: &str,
        _terms: Terms,
    ) -> Result<(Viewer, String), JoinError> {
        Err(JoinError::Closed)
    }

    /// Makes an offer (Epic): video and sound that are only sent, with a stream id, and one ordered data channel `cirrus`.
    /// [`Viewer::accept_answer`] completes it.
    ///
    /// Cancel-safe as [`Stage::answer`].
    ///
    /// # Errors
    /// No room, or ended.
    pub async fn offer(&self, _terms: Terms) -> Result<(Viewer, String), JoinError> {
        Err(JoinError::Closed)
    }

    /// Figures of all viewers, oldest first.
    pub fn viewers(&self) -> Vec<ViewerStats> {
        Vec::new()
    }

    /// Ends the stage: every viewer is closed, nobody joins any more.
    pub fn close(&self) {}
}
