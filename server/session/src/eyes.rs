//! The picture of a session: captured and encoded as its viewers need it, and handed to the bridge and to a broadcast.
//!
//! It must never know who watches, or what a packet holds.

use std::sync::{Arc, Mutex, PoisonError};

use media_ffmpeg::screen::{Screen, ScreenConfig, ScreenControl, ScreenEvent};
use media_packet::{Rendition, SoundPacket, VideoPacket};
use server_bridge::{Demand, Stage};
use tokio::sync::{mpsc, watch};

use crate::air::PacketTap;
use crate::config::Application;
use crate::display::Address;
use crate::stage::Failure;

/// A broadcast is cut at keyframes: one this often at least, as chunks have two seconds.
const BROADCAST_KEYFRAMES_US: u64 = 2_000_000;

/// While there is a broadcast: counts those of its viewers who need a keyframe.
type Newcomers = Option<watch::Receiver<u64>>;

/// Where a session's packets go: to its viewers, and to a broadcast while there is one.
#[derive(Clone)]
pub(crate) struct Packets {
    stage: Stage,
    tap: Arc<Mutex<Option<Arc<dyn PacketTap>>>>,
    on_air: Arc<watch::Sender<Newcomers>>,
}

impl Packets {
    /// To these viewers.
    pub(crate) fn new(stage: Stage) -> Self {
        Self {
            stage,
            tap: Arc::default(),
            on_air: Arc::new(watch::Sender::new(None)),
        }
    }

    /// To a broadcast too, or to none any more.
    pub(crate) fn set_tap(&self, tap: Option<Arc<dyn PacketTap>>) {
        let newcomers = tap.as_ref().map(|tap| tap.keyframes());
        *self.tap.lock().unwrap_or_else(PoisonError::into_inner) = tap;
        self.on_air.send_replace(newcomers);
    }

    /// Whether there is a broadcast, and what its viewers need.
    pub(crate) fn on_air(&self) -> watch::Receiver<Newcomers> {
        self.on_air.subscribe()
    }

    fn tap(&self) -> Option<Arc<dyn PacketTap>> {
        self.tap
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A picture; never blocks.
    pub(crate) fn video(&self, packet: VideoPacket) {
        if packet.rendition == Rendition::Full
            && let Some(tap) = self.tap()
        {
            tap.video(&packet);
        }
        self.stage.video(packet);
    }

    /// Sound; never blocks.
    pub(crate) fn sound(&self, packet: SoundPacket) {
        if let Some(tap) = self.tap() {
            tap.sound(&packet);
        }
        self.stage.sound(packet);
    }

    /// Silence that lasts; never blocks. A chunk has it, so that its sound is as long as its picture; a browser fills in
    /// what does not come with silence by itself.
    pub(crate) fn silence(&self, packet: &SoundPacket) {
        if let Some(tap) = self.tap() {
            tap.sound(packet);
        }
    }
}

/// A running capture. Dropping it joins its thread.
pub(crate) struct Eyes(Screen);

/// The capture of an application's display.
pub(crate) fn config(application: &Application, address: &Address) -> ScreenConfig {
    ScreenConfig {
        display: address.name(),
        authority: Some(address.authority().to_owned()),
        framebuffer: Some(address.framebuffer()),
        width: application.width,
        height: application.height,
        max_frame_rate: application.frame_rate,
        codec: application.codec,
        content: application.content,
        bitrate_bps: application.max_bps(),
    }
}

impl Eyes {
    /// Begins to capture; blocks until the display answered.
    ///
    /// # Errors
    /// What failed, for people.
    pub(crate) fn open(
        config: ScreenConfig,
        packets: Packets,
        failed: mpsc::Sender<Failure>,
    ) -> Result<Self, String> {
        let sink = move |event| match event {
            ScreenEvent::Packet(packet) => packets.video(packet),
            ScreenEvent::Failed(why) => {
                let failure = Failure::Picture(format!("the picture failed: {why}"));
                // There is room for each part's one failure.
                let _ = failed.try_send(failure);
            }
        };
        Screen::start(config, Box::new(sink))
            .map(Self)
            .map_err(|why| format!("the picture cannot be captured: {why}"))
    }

    /// For ordering it about.
    pub(crate) fn control(&self) -> ScreenControl {
        self.0.control()
    }
}

/// What the encoders are to do at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Wanted {
    watched: bool,
    full_bps: u32,
    low_bps: Option<u32>,
    keyframes: (u64, u64),
    /// Of a broadcast, how many of its viewers have needed a keyframe so far.
    on_air: Option<u64>,
}

fn wanted(demand: &Demand, on_air: Option<u64>, max_bps: u32) -> Wanted {
    Wanted {
        watched: demand.viewers > 0 || on_air.is_some(),
        // A broadcast without viewers has nobody's way to follow.
        full_bps: match demand.viewers {
            0 => max_bps,
            _ => demand.full_bps,
        },
        low_bps: demand.low_bps,
        keyframes: (demand.keyframes_full, demand.keyframes_low),
        on_air,
    }
}

/// Passes on what viewers and a broadcast need, as it changes; ends when the stage does. Cancel-safe.
pub(crate) async fn follow(
    mut demand: watch::Receiver<Demand>,
    mut on_air: watch::Receiver<Newcomers>,
    control: ScreenControl,
    max_bps: u32,
) {
    let mut done = Wanted {
        watched: true,
        ..Wanted::default()
    };
    loop {
        let mut newcomers = on_air.borrow_and_update().clone();
        let asked = newcomers.as_mut().map(|asked| *asked.borrow_and_update());
        let now = wanted(&demand.borrow_and_update(), asked, max_bps);
        order(&done, &now, &control);
        done = now;
        let is_over = tokio::select! {
            changed = demand.changed() => changed.is_err(),
            changed = on_air.changed() => changed.is_err(),
            () = asked_for(newcomers) => false,
        };
        if is_over {
            return;
        }
    }
}

/// Until one more needs a keyframe. Cancel-safe.
async fn asked_for(newcomers: Newcomers) {
    if let Some(mut newcomers) = newcomers
        && newcomers.changed().await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

fn order(before: &Wanted, now: &Wanted, control: &ScreenControl) {
    if before.full_bps != now.full_bps && now.full_bps > 0 {
        control.set_bitrate(Rendition::Full, Some(now.full_bps));
    }
    if before.low_bps != now.low_bps {
        control.set_bitrate(Rendition::Low, now.low_bps);
    }
    if before.on_air.is_some() != now.on_air.is_some() {
        control.set_keyframe_interval(now.on_air.map(|_| BROADCAST_KEYFRAMES_US));
    }
    if before.on_air != now.on_air && now.on_air.is_some() {
        control.request_keyframe(Rendition::Full);
    }
    if before.watched != now.watched {
        control.set_watched(now.watched);
    }
    if before.keyframes.0 != now.keyframes.0 {
        control.request_keyframe(Rendition::Full);
    }
    if before.keyframes.1 != now.keyframes.1 {
        control.request_keyframe(Rendition::Low);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_watches_nothing_is_encoded_and_a_broadcast_is_somebody() {
        let nobody = Demand::default();
        assert!(!wanted(&nobody, None, 7).watched);
        let broadcast = wanted(&nobody, Some(0), 7);
        assert!(broadcast.watched);
        assert_eq!(broadcast.full_bps, 7);
        let one = Demand {
            viewers: 1,
            full_bps: 3,
            ..Demand::default()
        };
        assert_eq!(wanted(&one, Some(0), 7).full_bps, 3);
    }
}
