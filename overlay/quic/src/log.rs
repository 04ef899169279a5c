//! The blocks of one stripe in the order in which they came: what every child's sender walks along.
//!
//! There is no queue for each child. A child is a position in this log, so a slow one costs a number and not memory, and a
//! block that many children wait for is there once.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use overlay_core::PeerId;

use crate::frame::BlockFrame;

/// One entry.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) seq: u64,
    pub(crate) epoch: u64,
    /// When it came.
    pub(crate) at: Instant,
    /// Payload bytes of all items before it, ever.
    pub(crate) before: u64,
    pub(crate) what: What,
}

/// What an entry carries. Frames are ready to be written; their pieces are shared with the window.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// A signed span, whole frame.
    Span(Bytes),
    /// A block.
    Block {
        row: u32,
        /// Who sent it; it need not go back there.
        from: Option<PeerId>,
        frame: BlockFrame,
    },
    /// Something that is not valid any more: its chunk was forgotten, or starts anew in a higher epoch.
    Gone,
}

impl What {
    fn payload_len(&self) -> usize {
        match self {
            What::Block { frame, .. } => frame.payload().len(),
            What::Span(_) | What::Gone => 0,
        }
    }
}

/// The log of one stripe. Positions only grow, so they stay right when the front is forgotten.
#[derive(Debug, Default)]
pub(crate) struct StripeLog {
    items: VecDeque<Item>,
    first: u64,
    bytes_ever: u64,
}

impl StripeLog {
    /// The position of the oldest item that is still there.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The position that the next item will get.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.items.len() as u64
    }

    /// Payload bytes of all items ever.
    pub(crate) fn bytes_ever(&self) -> u64 {
        self.bytes_ever
    }

    pub(crate) fn get(&self, position: u64) -> Option<&Item> {
        let index = usize::try_from(position.checked_sub(self.first)?).ok()?;
        self.items.get(index)
    }

    pub(crate) fn push(&mut self, seq: u64, epoch: u64, at: Instant, what: What) {
        let before = self.bytes_ever;
        self.bytes_ever += what.payload_len() as u64;
        self.items.push_back(Item {
            seq,
            epoch,
            at,
            before,
            what,
        });
    }

    /// The items of one chunk, in order.
    pub(crate) fn of_chunk(&self, seq: u64) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(move |item| item.seq == seq)
    }

    /// Empties the items of one chunk; positions stay.
    pub(crate) fn void_chunk(&mut self, seq: u64) {
        for item in self.items.iter_mut().filter(|item| item.seq == seq) {
            item.what = What::Gone;
        }
        self.trim();
    }

    /// Empties everything before `seq`, and removes what of it lies at the front.
    pub(crate) fn forget(&mut self, before_seq: u64) {
        for item in self.items.iter_mut().filter(|item| item.seq < before_seq) {
            item.what = What::Gone;
        }
        self.trim();
    }

    fn trim(&mut self) {
        while self
            .items
            .front()
            .is_some_and(|item| matches!(item.what, What::Gone))
        {
            self.items.pop_front();
            self.first += 1;
        }
    }

    /// Where the newest chunk starts: its number and the position of its first item.
    pub(crate) fn newest_chunk(&self) -> Option<(u64, u64)> {
        let seq = self.items.iter().map(|item| item.seq).max()?;
        let index = self.items.iter().position(|item| item.seq == seq)?;
        Some((seq, self.first + index as u64))
    }
}
