//! A channel that is fed packet by packet in this process: browsers here get them as they come, not a chunk later.
//!
//! Who joins gets the next keyframe, and whoever feeds is told that somebody needs one. This file must never know who feeds.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use media_packet::{SoundPacket, VideoCodec, VideoPacket};
use server_bridge::{Demand, Stage};
use tokio::sync::watch;

/// How long after its last picture a channel is still on air: one that stays has a picture every two seconds. A guess.
const STALE: Duration = Duration::from_secs(5);
/// The least rate at which pictures are let go, bits per second: who is fed as it happens has no chunk to tell it of what
/// comes. A guess: a screen that changes all over.
pub(crate) const LEAST_BPS: u64 = 8_000_000;

/// Between two requests for a keyframe: longer than for those who drive, as each makes their picture coarser for a moment,
/// and half of what the longest wait would be without. A guess.
const KEYFRAME_PAUSE: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Default)]
pub(crate) struct Live {
    state: Mutex<State>,
    /// Viewers who have needed a keyframe so far.
    keyframes: watch::Sender<u64>,
}

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

    /// One more each time that viewers need a keyframe, at most one a second.
    pub(crate) fn keyframes(&self) -> watch::Receiver<u64> {
        self.keyframes.subscribe()
    }

    /// Its stage for pictures of a codec, made by `make` if there is none yet. Needs a tokio runtime.
    pub(crate) fn stage(&self, codec: VideoCodec, make: impl FnOnce() -> Stage) -> Stage {
        let mut state = self.lock();
        match &state.stage {
            Some((of, stage)) if *of == codec => stage.clone(),
            _ => {
                let stage = make();
                tokio::spawn(ask(stage.demand(), self.keyframes.clone(), KEYFRAME_PAUSE));
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
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts the viewers' needs, with a pause after each; ends when the stage does.
async fn ask(mut demand: watch::Receiver<Demand>, keyframes: watch::Sender<u64>, pause: Duration) {
    let mut seen = 0;
    loop {
        let asked = demand.wait_for(|now| now.keyframes_full > seen);
        if asked.await.is_err() {
            return;
        }
        keyframes.send_modify(|count| *count += 1);
        tokio::time::sleep(pause).await;
        // Who still has none asks again and again.
        seen = demand.borrow().keyframes_full;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn many_who_need_a_keyframe_at_once_are_one_request_and_a_later_one_is_another() {
        let (needs, demand) = watch::channel(Demand::default());
        let keyframes = watch::Sender::new(0);
        let mut asked = keyframes.subscribe();
        let asking = tokio::spawn(ask(demand, keyframes, Duration::from_millis(1)));
        needs.send_modify(|demand| demand.keyframes_full += 7);
        asked.changed().await.expect("a request");
        assert_eq!(*asked.borrow(), 1);
        // Asked for while nobody listens, it is asked for again.
        while !asked.has_changed().expect("it listens") {
            needs.send_modify(|demand| demand.keyframes_full += 1);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(*asked.borrow(), 2);
        drop(needs);
        asking.await.expect("it ends with the stage");
    }
}
