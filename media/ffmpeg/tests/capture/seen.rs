//! What a capture handed out so far, and waiting for more of it.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use media_ffmpeg::screen::{Content, Screen, ScreenConfig, ScreenError, ScreenEvent};
use media_packet::{Rendition, VideoCodec, VideoPacket};

use crate::xvfb::Xvfb;

/// Longest wait for anything; a busy machine is slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Default)]
pub(crate) struct Log {
    pub(crate) packets: Vec<VideoPacket>,
    pub(crate) failed: Option<ScreenError>,
}

impl Log {
    pub(crate) fn of(&self, rendition: Rendition) -> impl Iterator<Item = &VideoPacket> {
        self.packets
            .iter()
            .filter(move |p| p.rendition == rendition)
    }
}

#[derive(Clone, Default)]
pub(crate) struct Seen {
    log: Arc<(Mutex<Log>, Condvar)>,
}

impl Seen {
    pub(crate) fn sink(&self) -> Box<dyn FnMut(ScreenEvent) + Send> {
        let log = Arc::clone(&self.log);
        Box::new(move |event| {
            let mut locked = log.0.lock().expect("no test panics with it");
            assert!(locked.failed.is_none(), "an event after the last");
            match event {
                ScreenEvent::Packet(packet) => locked.packets.push(packet),
                ScreenEvent::Failed(error) => locked.failed = Some(error),
            }
            log.1.notify_all();
        })
    }

    pub(crate) fn count(&self) -> usize {
        self.log.0.lock().expect("no panic").packets.len()
    }

    /// Packets from the `from`th on.
    pub(crate) fn packets(&self, from: usize) -> Vec<VideoPacket> {
        self.log.0.lock().expect("no panic").packets[from..].to_vec()
    }

    /// Waits until `done` says something of what was seen.
    pub(crate) fn wait<T>(&self, what: &str, mut done: impl FnMut(&Log) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut log = self.log.0.lock().expect("no panic");
        loop {
            if let Some(value) = done(&log) {
                return value;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "no {what}; {} packets, failed: {:?}",
                log.packets.len(),
                log.failed
            );
            log = self.log.1.wait_timeout(log, left).expect("no panic").0;
        }
    }

    /// Waits until nothing came for `silence`.
    pub(crate) fn wait_for_silence(&self, silence: Duration) {
        let deadline = Instant::now() + PATIENCE;
        let mut log = self.log.0.lock().expect("no panic");
        loop {
            let before = log.packets.len();
            let (now, timeout) = self.log.1.wait_timeout(log, silence).expect("no panic");
            log = now;
            if timeout.timed_out() && log.packets.len() == before {
                return;
            }
            assert!(Instant::now() < deadline, "packets without end");
        }
    }
}

pub(crate) fn config(xvfb: &Xvfb, width: u32, height: u32) -> ScreenConfig {
    ScreenConfig {
        display: xvfb.display(),
        authority: Some(xvfb.authority()),
        framebuffer: Some(xvfb.framebuffer.clone()),
        width,
        height,
        max_frame_rate: 60,
        codec: VideoCodec::H264,
        content: Content::Any,
        bitrate_bps: 4_000_000,
    }
}

pub(crate) fn start(config: ScreenConfig) -> (Screen, Seen) {
    let seen = Seen::default();
    let screen = Screen::start(config, seen.sink()).expect("the capture starts");
    (screen, seen)
}
