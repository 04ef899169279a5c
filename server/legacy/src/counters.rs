//! The server's sums, for status and metrics.
//!
//! This file must never know where they are shown.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// Makes the sums that are written and the plain copy that is read, in step.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Sums since the start, and how it is now.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
            /// Clients of channels 0 to 9 now.
            pub clients: [u64; crate::request::CHANNELS],
        }

        /// The sums as they grow.
        #[derive(Debug, Default)]
        pub(crate) struct Tally {
            $(pub(crate) $name: Sum,)*
        }

        impl Tally {
            /// A copy; how it is now is left to the caller.
            pub(crate) fn read(&self) -> Counters {
                Counters {
                    $($name: self.$name.get(),)*
                    clients: Default::default(),
                }
            }
        }
    };
}

counters! {
    /// Request connections taken.
    requests,
    /// Of these: closed unread, because too many of one address were there.
    requests_over_limit,
    /// Of these: closed because no whole request came in time.
    requests_timed_out,
    /// Of these: broken off by the caller.
    requests_broken,
    /// Of these: no request of the protocol.
    requests_bad,
    /// `10X` answered with `10`.
    joins_accepted,
    /// `10X` answered with `00`.
    joins_refused,
    /// `10X` or `11X` whose answer could not be delivered at the client port.
    answers_undelivered,
    /// `12X` that took a client from its channel.
    leaves,
    /// Clients removed after two failed turns in a row.
    clients_removed,
    /// Blocks that went on air.
    blocks,
    /// Of these bytes.
    block_bytes,
    /// Blocks given while too many waited: they were dropped.
    blocks_dropped,
    /// Blocks that clients got whole.
    turns_sent,
    /// Blocks that clients did not get, or not whole.
    turns_failed,
    /// Of these: because the time was over.
    turns_timed_out,
    /// Blocks that clients missed because they were still at earlier ones.
    turns_skipped,
    /// Bytes of blocks that clients got whole.
    bytes_sent,
    /// The longest that a client took for a block it got whole, from the moment when the block went on air, microseconds.
    turn_longest_us,
}

/// A sum that several threads may add to.
#[derive(Debug, Default)]
pub(crate) struct Sum(AtomicU64);

impl Sum {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// Keeps the larger one.
    pub(crate) fn raise(&self, to: u64) {
        self.0.fetch_max(to, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
