//! The sound of a session: what its sound server plays, encoded, handed to the bridge and to a broadcast.
//!
//! It must never know who listens.

use media_ffmpeg::hear::{Hear, HearConfig, HearEvent};
use tokio::sync::mpsc;

use crate::eyes::Packets;
use crate::sound_server::MONITOR;
use crate::stage::Failure;

/// Bits a second: music in stereo without audible loss (Opus, RFC 6716 section 2.1.1: full band, 64 to 128 kb/s).
const BITRATE_BPS: u32 = 96_000;

/// A running capture. Dropping it joins its thread.
pub(crate) struct Ears(#[allow(dead_code, reason = "held for its end")] Hear);

impl Ears {
    /// Begins to listen; blocks until the sound server answered.
    ///
    /// # Errors
    /// What failed, for people.
    pub(crate) fn open(
        server: String,
        packets: Packets,
        failed: mpsc::Sender<Failure>,
    ) -> Result<Self, String> {
        let config = HearConfig {
            server,
            source: MONITOR.to_owned(),
            bitrate_bps: BITRATE_BPS,
        };
        let sink = move |event| match event {
            HearEvent::Packet(packet) => packets.sound(packet),
            HearEvent::Silence(packet) => packets.silence(&packet),
            HearEvent::Failed(why) => {
                let failure = Failure::Sound(format!("it cannot be captured any more: {why}"));
                // There is room for each part's one failure.
                let _ = failed.try_send(failure);
            }
        };
        Hear::start(config, Box::new(sink))
            .map(Self)
            .map_err(|why| format!("the sound cannot be captured: {why}"))
    }
}
