//! One picture and its sound for any number of viewers.
//!
//! It must never wait for a viewer, and never know what is shown.

use crate::bridge::Core;
use crate::clock::Clock;
use crate::demand::{self, View};
use crate::flow::Bounds;
use crate::inbox::Sound;
use crate::join::{self, Opening};
use crate::seat::Seat;
use crate::send::frame::Frame;
use crate::{Demand, JoinError, StageConfig, Terms, Viewer, ViewerStats};
use media_packet::{Rendition, SoundPacket, VideoPacket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;
use tokio::sync::watch;

/// Between two requests for a keyframe of one rendition, microseconds: merged over all viewers.
const KEYFRAME_PAUSE_US: u64 = 300_000;

/// Between two decisions, microseconds, unless somebody comes or goes.
const DECIDE_US: u64 = 100_000;

/// An estimate is never below this share of the stage's least rate.
const LEAST_SHARE: f64 = 0.5;

/// A way is explored up to this much more than the stage's highest rate.
const MOST_SHARE: f64 = 1.4;

/// What all handles of one stage share.
pub(crate) struct Shared {
    pub(crate) core: Arc<Core>,
    pub(crate) config: StageConfig,
    pub(crate) clock: Clock,
    seats: RwLock<Arc<[Arc<Seat>]>>,
    demand: watch::Sender<Demand>,
    asked_us: Mutex<[Option<u64>; 2]>,
    decided_us: AtomicU64,
    closed: AtomicBool,
}

/// A session's or a channel's picture and sound. Clones are the same stage.
#[derive(Clone)]
pub struct Stage {
    pub(crate) shared: Arc<Shared>,
}

impl Shared {
    fn seats(&self) -> Arc<[Arc<Seat>]> {
        self.seats
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn asked(&self) -> MutexGuard<'_, [Option<u64>; 2]> {
        self.asked_us.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bounds of a viewer's estimate.
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds {
            start_bps: self.config.start_bps,
            least_bps: (f64::from(self.config.min_bps) * LEAST_SHARE) as u32,
            most_bps: (f64::from(self.config.max_bps) * MOST_SHARE) as u32,
        }
    }

    /// Takes a place.
    pub(crate) fn enter(&self, seat: &Arc<Seat>) -> Result<(), JoinError> {
        let mut seats = self.seats.write().unwrap_or_else(PoisonError::into_inner);
        if self.closed.load(Ordering::Acquire) {
            return Err(JoinError::Closed);
        }
        if seats.len() >= self.config.max_viewers {
            return Err(JoinError::Full);
        }
        *seats = seats.iter().chain(std::iter::once(seat)).cloned().collect();
        Ok(())
    }

    /// Gives it back.
    pub(crate) fn leave(&self, id: u64) {
        {
            let mut seats = self.seats.write().unwrap_or_else(PoisonError::into_inner);
            *seats = seats.iter().filter(|seat| seat.id != id).cloned().collect();
        }
        self.decide(self.core.since(Instant::now()), true);
    }

    /// A viewer needs a keyframe.
    pub(crate) fn ask_keyframe(&self, rendition: Rendition, now_us: u64) {
        {
            let mut asked = self.asked();
            let last = &mut asked[usize::from(rendition == Rendition::Low)];
            if last.is_some_and(|at| now_us < at + KEYFRAME_PAUSE_US) {
                return;
            }
            *last = Some(now_us);
        }
        self.demand.send_modify(|demand| match rendition {
            Rendition::Full => demand.keyframes_full += 1,
            Rendition::Low => demand.keyframes_low += 1,
        });
    }

    /// Looks at all viewers, if it is time or something happened.
    pub(crate) fn decide(&self, now_us: u64, urgent: bool) {
        let last = self.decided_us.load(Ordering::Relaxed);
        if !urgent && now_us < last + DECIDE_US {
            return;
        }
        // Two tasks at once: one is enough.
        if self
            .decided_us
            .compare_exchange(last, now_us, Ordering::Relaxed, Ordering::Relaxed)
            .is_err()
            && !urgent
        {
            return;
        }
        let seats: Vec<Arc<Seat>> = self
            .seats()
            .iter()
            .filter(|seat| seat.known().connected)
            .cloned()
            .collect();
        let mut views: Vec<View> = seats
            .iter()
            .map(|seat| {
                let mut known = seat.known();
                View {
                    room_bps: known.room_bps,
                    wanted: known.wanted,
                    doubt_us: known.doubt_us,
                    overflowed: std::mem::take(&mut known.overflowed),
                }
            })
            .collect();
        let config = &self.config;
        let rates = demand::decide(
            &mut views,
            config.start_bps,
            config.min_bps,
            config.max_bps,
            now_us,
        );
        for (seat, view) in seats.iter().zip(&views) {
            let mut known = seat.known();
            let changed = known.wanted != view.wanted;
            (known.wanted, known.doubt_us) = (view.wanted, view.doubt_us);
            drop(known);
            if changed {
                seat.inbox.nudge();
            }
        }
        self.demand.send_if_modified(|demand| {
            let before = demand.clone();
            demand.viewers = seats.len();
            demand.full_bps = steady(demand.full_bps, rates.full_bps);
            demand.low_bps = rates
                .low_bps
                .map(|bps| demand.low_bps.map_or(bps, |old| steady(old, bps)));
            *demand != before
        });
    }
}

/// An encoder is not bothered for less than 3 %.
fn steady(old: u32, new: u32) -> u32 {
    if old.abs_diff(new) < old / 32 {
        old
    } else {
        new
    }
}

impl Stage {
    pub(crate) fn new(core: Arc<Core>, config: StageConfig) -> Stage {
        let demand = Demand {
            full_bps: config
                .start_bps
                .clamp(config.min_bps, config.max_bps.max(config.min_bps)),
            ..Demand::default()
        };
        Stage {
            shared: Arc::new(Shared {
                core,
                config,
                clock: Clock::new(),
                seats: RwLock::new(Arc::from([])),
                demand: watch::channel(demand).0,
                asked_us: Mutex::new([None, None]),
                decided_us: AtomicU64::new(0),
                closed: AtomicBool::new(false),
            }),
        }
    }

    /// Sends a picture to everybody who gets its rendition. Any thread, never blocks: a viewer whose queue is full loses
    /// the oldest pictures up to the next keyframe. A picture of another codec than the stage's is ignored.
    pub fn video(&self, packet: VideoPacket) {
        self.shared.clock.seen(packet.at_us, Instant::now());
        let seats = self.shared.seats();
        if packet.codec != self.shared.config.codec
            || !seats.iter().any(|seat| seat.takes(packet.rendition))
        {
            return;
        }
        let Some(frame) = Frame::new(&packet, self.shared.clock.video(packet.at_us)) else {
            return;
        };
        let frame = Arc::new(frame);
        for seat in seats.iter().filter(|seat| seat.takes(packet.rendition)) {
            seat.inbox.frame(&frame);
        }
    }

    /// Sends sound to everybody. Any thread, never blocks.
    pub fn sound(&self, packet: SoundPacket) {
        self.shared.clock.seen(packet.at_us, Instant::now());
        let sound = Arc::new(Sound {
            timestamp: self.shared.clock.sound(packet.at_us),
            payload: packet.data,
        });
        for seat in self.shared.seats().iter() {
            seat.inbox.sound(&sound);
        }
    }

    /// What the encoders should do; changes whenever a viewer's needs do.
    ///
    /// `full_bps` follows the better half of the viewers (with two, the better one), `low_bps` the slowest of those who get
    /// the low rendition.
    pub fn demand(&self) -> watch::Receiver<Demand> {
        self.shared.demand.subscribe()
    }

    /// Answers a browser's offer (our page, WHEP). The answer has all our candidates.
    ///
    /// Cancel-safe: dropped before it is ready, nothing is left of the viewer.
    ///
    /// # Errors
    /// No room, ended, or an offer that cannot be used.
    pub async fn answer(
        &self,
        offer_sdp: &str,
        terms: Terms,
    ) -> Result<(Viewer, String), JoinError> {
        join::join(&self.shared, Opening::Offered(offer_sdp), terms).await
    }

    /// Makes an offer (Epic): video and sound that are only sent, with a stream id, and one ordered data channel `cirrus`.
    /// [`Viewer::accept_answer`] completes it.
    ///
    /// Cancel-safe as [`Stage::answer`].
    ///
    /// # Errors
    /// No room, or ended.
    pub async fn offer(&self, terms: Terms) -> Result<(Viewer, String), JoinError> {
        join::join(&self.shared, Opening::Offer, terms).await
    }

    /// Figures of all viewers, oldest first.
    pub fn viewers(&self) -> Vec<ViewerStats> {
        self.shared
            .seats()
            .iter()
            .map(|seat| seat.known().stats.clone())
            .collect()
    }

    /// Ends the stage: every viewer is closed, nobody joins any more.
    pub fn close(&self) {
        let seats = {
            let seats = self
                .shared
                .seats
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            self.shared.closed.store(true, Ordering::Release);
            seats.clone()
        };
        for seat in seats.iter() {
            seat.inbox.close("the picture has ended");
        }
    }
}
