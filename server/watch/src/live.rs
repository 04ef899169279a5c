//! A channel that is fed packet by packet in this process: browsers here get them as they come, not a chunk later.
//!
//! Who joins gets the next keyframe, which comes at least every two seconds. This file must never know who feeds.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use media_packet::{SoundPacket, VideoCodec, VideoPacket};
use server_bridge::Stage;

/// How long after its last picture a channel is still on air: one that stays has a picture every two seconds. A guess.
const STALE: Duration = Duration::from_secs(5);
/// The least rate at which pictures are let go, bits per second: who is fed as it happens has no chunk to tell it of what
/// comes. A guess: a screen that changes all over.
pub(crate) const LEAST_BPS: u64 = 8_000_000;

/// See the module.
#[derive(Default)]
pub(crate) struct Live(Mutex<State>);

#[derive(Default)]
struct State {
    /// The codec of the last picture, and when it came.
    last: Option<(VideoCodec, Instant)>,
    /// Once somebody watched.
    stage: Option<(VideoCodec, Stage)>,
}

impl Live {
    /// The codec of what is on air; none: nothing is.
    pub(crate) fn codec(&self) -> Option<VideoCodec> {
        let (codec, at) = self.lock().last?;
        (at.elapsed() < STALE).then_some(codec)
    }

    /// Whether it is such a channel, on air or not.
    pub(crate) fn is_fed(&self) -> bool {
        self.lock().last.is_some()
    }

    /// Its stage for pictures of a codec, made by `make` if there is none yet.
    pub(crate) fn stage(&self, codec: VideoCodec, make: impl FnOnce() -> Stage) -> Stage {
        let mut state = self.lock();
        match &state.stage {
            Some((of, stage)) if *of == codec => stage.clone(),
            _ => {
                let stage = make();
                if let Some((_, former)) = state.stage.replace((codec, stage.clone())) {
                    former.close();
                }
                stage
            }
        }
    }

    /// The stage, if somebody has watched.
    pub(crate) fn opened(&self) -> Option<Stage> {
        let state = self.lock();
        state.stage.as_ref().map(|(_, stage)| stage.clone())
    }

    /// A picture. Viewers of another codec have to join anew.
    pub(crate) fn video(&self, packet: &VideoPacket) {
        let mut state = self.lock();
        state.last = Some((packet.codec, Instant::now()));
        match state.stage.take_if(|(codec, _)| *codec != packet.codec) {
            Some((_, former)) => former.close(),
            None => {
                if let Some((_, stage)) = &state.stage {
                    stage.video(packet.clone());
                }
            }
        }
    }

    /// Sound.
    pub(crate) fn sound(&self, packet: &SoundPacket) {
        if let Some((_, stage)) = &self.lock().stage {
            stage.sound(packet.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
