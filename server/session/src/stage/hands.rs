//! What a driver does to a running session: input, clipboard, broadcast, and where its viewers are.
//!
//! It must never know who asks, or whether they may.

use std::sync::Arc;

use server_bridge::Stage;
use server_bridge::input::Input;
use server_wire::CursorShape;
use tokio::sync::watch;

use crate::air::PacketTap;
use crate::desktop::Offer;
use crate::eyes::Packets;
use crate::inject::Feed;

/// What the driver does to a running session; clones are the same session. None of it blocks, and after the session's end
/// it does nothing. Without a display it does nothing either.
#[derive(Clone)]
pub(crate) struct Hands {
    pub(super) scene: Option<SceneHands>,
    pub(super) cursor: watch::Receiver<Option<CursorShape>>,
    pub(super) clipboard: watch::Receiver<Option<Arc<str>>>,
}

/// Of a session with a display.
#[derive(Clone)]
pub(super) struct SceneHands {
    pub(super) stage: Stage,
    pub(super) feed: Feed,
    pub(super) offer: Offer,
    pub(super) packets: Packets,
}

impl Hands {
    /// Where its viewers are; none: it has no picture.
    pub(crate) fn stage(&self) -> Option<Stage> {
        Some(self.scene.as_ref()?.stage.clone())
    }

    /// What a user did.
    pub(crate) fn inject(&self, input: Input) {
        if let Some(scene) = &self.scene {
            scene.feed.take(input);
        }
    }

    /// Releases all keys and buttons that are held.
    pub(crate) fn release_all(&self) {
        self.inject(Input::ReleaseAll);
    }

    /// Offers a text to the application's paste.
    pub(crate) fn set_clipboard(&self, text: &str) {
        if let Some(scene) = &self.scene {
            scene.offer.put(text);
        }
    }

    /// What the application copied last.
    pub(crate) fn clipboard(&self) -> watch::Receiver<Option<Arc<str>>> {
        self.clipboard.clone()
    }

    /// What its pointer looks like; none: not known yet.
    pub(crate) fn cursor(&self) -> watch::Receiver<Option<CursorShape>> {
        self.cursor.clone()
    }

    /// Hands all packets to a broadcast too, or to none any more.
    pub(crate) fn set_broadcast(&self, tap: Option<Arc<dyn PacketTap>>) {
        if let Some(scene) = &self.scene {
            scene.packets.set_tap(tap);
        }
    }
}
