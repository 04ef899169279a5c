//! The way of a session onto the air: what whoever assembles the server offers, in types alone.
//!
//! A session that is broadcast gives each packet of its encoder also to a tap. This file must never know channels,
//! chunks or the forest.

use std::sync::Arc;

use media_packet::{SoundPacket, VideoPacket};
use tokio::sync::watch;

/// Has channels for sessions.
pub trait Air: Send + Sync {
    /// Takes a session on air. While it is there its encoder is asked for a keyframe at least every two seconds, also of a
    /// picture that stays.
    ///
    /// # Errors
    /// Why not, for people: all channels are taken, or there are none.
    fn begin(&self, code: &str, title: &str) -> Result<OnAir, String>;
}

impl std::fmt::Debug for dyn Air {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Air")
    }
}

/// A session on air. Once it is dropped, with all clones of its tap, the channel is free for another.
pub struct OnAir {
    /// The channel's number.
    pub channel: u32,
    /// What a viewer types to join it.
    pub invite: Option<String>,
    /// Where the packets go. With its last clone the session is off the air.
    pub tap: Arc<dyn PacketTap>,
}

impl std::fmt::Debug for OnAir {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnAir")
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}

/// Takes packets that are sent to users anyway. Never blocks; any thread.
pub trait PacketTap: Send + Sync {
    /// A picture, of any rendition.
    fn video(&self, packet: &VideoPacket);
    /// Sound.
    fn sound(&self, packet: &SoundPacket);
    /// One more each time that somebody needs a keyframe to begin with. Who says so bounds how often: each one makes the
    /// picture of the session's users coarser for a moment. Nobody does unless the tap says otherwise.
    fn keyframes(&self) -> watch::Receiver<u64> {
        watch::channel(0).1
    }
}
