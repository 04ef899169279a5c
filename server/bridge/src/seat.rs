//! What a viewer's task, its owner and the stage share.
//!
//! It must never hold its lock while anything waits.

use crate::ViewerStats;
use crate::inbox::Inbox;
use media_packet::Rendition;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const FULL: u8 = 1;
const LOW: u8 = 2;

/// What is known about a viewer.
#[derive(Debug)]
pub(crate) struct Known {
    /// Figures.
    pub(crate) stats: ViewerStats,
    /// Media flows.
    pub(crate) connected: bool,
    /// What its way leaves for the picture, bits per second.
    pub(crate) room_bps: u32,
    /// What it is to get.
    pub(crate) wanted: Rendition,
    /// Since when that is in doubt, by the rules of [`crate::demand`].
    pub(crate) doubt_us: Option<u64>,
    /// Its queue ran over since the last decision.
    pub(crate) overflowed: bool,
    /// It is over, and why.
    pub(crate) ended: Option<String>,
}

/// A viewer's place.
pub(crate) struct Seat {
    /// Unique in the process.
    pub(crate) id: u64,
    /// What waits for its task.
    pub(crate) inbox: Arc<Inbox>,
    known: Mutex<Known>,
    takes: AtomicU8,
}

impl Seat {
    /// For somebody who is not connected yet.
    pub(crate) fn new(id: u64, estimate_bps: u32) -> Seat {
        let stats = ViewerStats {
            id,
            connected_us: 0,
            rtt_us: 0,
            lost_fraction: 0.0,
            estimate_bps,
            received_bps: 0,
            sent_bytes: 0,
            sent_packets: 0,
            frames: 0,
            dropped_frames: 0,
            nacks: 0,
            plis: 0,
            rendition: Rendition::Full,
            tcp: false,
        };
        Seat {
            id,
            inbox: Arc::new(Inbox::default()),
            known: Mutex::new(Known {
                stats,
                connected: false,
                room_bps: estimate_bps,
                wanted: Rendition::Full,
                doubt_us: None,
                overflowed: false,
                ended: None,
            }),
            takes: AtomicU8::new(FULL),
        }
    }

    /// The shared knowledge.
    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether pictures of this encoding are of use to it.
    pub(crate) fn takes(&self, rendition: Rendition) -> bool {
        self.takes.load(Ordering::Relaxed) & bit(rendition) != 0
    }

    /// Says which are.
    pub(crate) fn set_takes(&self, takes: impl Fn(Rendition) -> bool) {
        let bits = [Rendition::Full, Rendition::Low]
            .into_iter()
            .filter(|rendition| takes(*rendition))
            .map(bit)
            .sum();
        self.takes.store(bits, Ordering::Relaxed);
    }
}

fn bit(rendition: Rendition) -> u8 {
    match rendition {
        Rendition::Full => FULL,
        Rendition::Low => LOW,
    }
}
