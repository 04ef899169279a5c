//! What is ordered of a running capture, and what it counted: shared between its thread and everybody else.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use media_packet::Rendition;

use super::ScreenStats;
use super::wake::Wake;

/// Orders that stay until others replace them, and the requests since the thread last looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Orders {
    pub(super) full_bps: u32,
    /// `None`: nobody needs the low rendition.
    pub(super) low_bps: Option<u32>,
    pub(super) watched: bool,
    pub(super) keyframe_interval_us: Option<u64>,
    /// A keyframe is asked for; taken away by [`Shared::take_orders`].
    pub(super) keyframe_full: bool,
    pub(super) keyframe_low: bool,
}

/// The meeting place of the capture's thread and its controls.
pub(super) struct Shared {
    pub(super) wake: Wake,
    orders: Mutex<Orders>,
    stop: AtomicBool,
    pub(super) counters: Counters,
}

impl Shared {
    pub(super) fn new(full_bps: u32) -> io::Result<Self> {
        Ok(Self {
            wake: Wake::new()?,
            orders: Mutex::new(Orders {
                full_bps,
                low_bps: None,
                watched: true,
                keyframe_interval_us: None,
                keyframe_full: false,
                keyframe_low: false,
            }),
            stop: AtomicBool::new(false),
            counters: Counters::default(),
        })
    }

    /// The present orders; requests are thereby taken.
    pub(super) fn take_orders(&self) -> Orders {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = orders.clone();
        orders.keyframe_full = false;
        orders.keyframe_low = false;
        taken
    }

    /// Changes the orders and wakes the thread if that made a difference.
    fn order(&self, change: impl FnOnce(&mut Orders)) {
        let changed = {
            let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
            let before = orders.clone();
            change(&mut orders);
            *orders != before
        };
        if changed {
            self.wake.wake();
        }
    }

    /// Ends the thread, whatever it waits for.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.wake.wake();
    }

    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

/// Orders a running capture about, from any thread; no method blocks. After the capture ended they do nothing.
#[derive(Clone)]
pub struct ScreenControl {
    pub(super) shared: Arc<Shared>,
}

impl ScreenControl {
    /// Bits a second of one rendition, from the next picture on; at least [`super::MIN_BITRATE_BPS`] is used. `None` for the
    /// low one: nobody needs it any more (its next order starts it again with a keyframe); for the full one: no change.
    /// H.264 goes on without a keyframe; VP8 starts again with one, so small changes are put off there.
    pub fn set_bitrate(&self, rendition: Rendition, bps: Option<u32>) {
        let bps = bps.map(|bps| bps.max(super::MIN_BITRATE_BPS));
        self.shared.order(|orders| match (rendition, bps) {
            (Rendition::Full, Some(bps)) => orders.full_bps = bps,
            (Rendition::Full, None) => {}
            (Rendition::Low, bps) => orders.low_bps = bps,
        });
    }

    /// Asks for a keyframe, at once also on a still picture. Several before the next picture are one. How often this
    /// may be asked is the caller's to limit.
    pub fn request_keyframe(&self, rendition: Rendition) {
        self.shared.order(|orders| match rendition {
            Rendition::Full => orders.keyframe_full = true,
            Rendition::Low => orders.keyframe_low = true,
        });
    }

    /// `false`: nothing is grabbed or encoded until somebody watches again, and then first of all a keyframe.
    pub fn set_watched(&self, watched: bool) {
        self.shared.order(|orders| orders.watched = watched);
    }

    /// A keyframe of the full rendition at least this often while it is watched, also on a still picture; `None`: only
    /// when asked for. Microseconds.
    pub fn set_keyframe_interval(&self, us: Option<u64>) {
        self.shared
            .order(|orders| orders.keyframe_interval_us = us.map(|us| us.max(1)));
    }
}

impl std::fmt::Debug for ScreenControl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScreenControl").finish_non_exhaustive()
    }
}

/// Sums since the start, written by the capture's thread alone.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) grabs: AtomicU64,
    pub(super) frames: AtomicU64,
    pub(super) low_frames: AtomicU64,
    pub(super) keyframes: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) grab_us: AtomicU64,
    pub(super) convert_us: AtomicU64,
    pub(super) encode_us: AtomicU64,
    pub(super) cpu_us: AtomicU64,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64, amount: u64) {
        counter.fetch_add(amount, Ordering::Relaxed);
    }

    pub(super) fn stats(&self) -> ScreenStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ScreenStats {
            grabs: get(&self.grabs),
            frames: get(&self.frames),
            low_frames: get(&self.low_frames),
            keyframes: get(&self.keyframes),
            bytes: get(&self.bytes),
            grab_us: get(&self.grab_us),
            convert_us: get(&self.convert_us),
            encode_us: get(&self.encode_us),
            cpu_us: get(&self.cpu_us),
        }
    }
}
