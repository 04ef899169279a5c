//! When blocks came: read from the window afterwards, so that a measurement costs nothing while it runs.
//!
//! Measuring code, behind the feature `bare`; no program of the product uses it.

use std::time::Instant;

use crate::channel::Channel;
use crate::log::What;

/// One block of a chunk, and when it was verified here (at the root: let go).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The stripe.
    pub stripe: u8,
    /// The row.
    pub row: u32,
    /// Whether it came from another node; if not, parity gave it back, or this is the root.
    pub received: bool,
    /// When.
    pub at: Instant,
}

/// The blocks of chunk `seq` that are still in the window.
pub(crate) fn of(channel: &Channel, seq: u64) -> Vec<Arrival> {
    let state = channel.lock();
    let mut arrivals = Vec::new();
    for stripe in 0..media_model::MAX_STRIPES as u8 {
        for item in state.window.log(stripe).of_chunk(seq) {
            if let What::Block { row, from, .. } = &item.what {
                arrivals.push(Arrival {
                    stripe,
                    row: *row,
                    received: from.is_some(),
                    at: item.at,
                });
            }
        }
    }
    arrivals
}
