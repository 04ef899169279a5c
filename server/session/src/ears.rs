//! The sound of a session: what its sound server plays, encoded, handed to the bridge and to a broadcast.
//!
//! It must never know who listens.

use media_ffmpeg::hear::{Hear, HearConfig, HearError, HearEvent};
use tokio::sync::mpsc;

use crate::eyes::Packets;
use crate::sound_server::MONITOR;

/// Bits a second: music in stereo without audible loss (Opus, RFC 6716 section 2.1.1: full band, 64 to 128 kb/s).
const BITRATE_BPS: u32 = 96_000;

/// A running capture. Dropping it joins its thread.
pub(crate) struct Ears(#[allow(dead_code, reason = "held for its end")] Hear);

impl Ears {
    /// Begins to listen; blocks until the sound server answered. If it cannot go on, `failed` has the one reason.
    ///
    /// # Errors
    /// What failed, for people.
    pub(crate) fn open(
        server: String,
        packets: Packets,
        failed: mpsc::Sender<HearError>,
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
                // There is room for it.
                let _ = failed.try_send(why);
            }
        };
        Hear::start(config, Box::new(sink))
            .map(Self)
            .map_err(|why| format!("the sound cannot be captured: {why}"))
    }
}
