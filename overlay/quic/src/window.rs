//! The last chunks, as far as they are here: what is served to children and to whoever pulls, and what becomes whole.
//!
//! Pure: no I/O, no clock of its own. Every payload is there once; the log of its stripe, the assembler of its chunk, the
//! senders and the consumer share it.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use media_model::{
    AddedSpan, Block, BlockError, ChunkAssembler, ChunkEnd, ChunkError, Inserted, MAX_STRIPES,
    SignedSpan,
};
use overlay_core::PeerId;

use crate::frame::{self, BlockFrame, StreamCode, StreamHead};
use crate::log::{StripeLog, What};

/// Payload bytes in the window at most: 20 s of 80 Mb/s with a quarter of parity. Beyond it the oldest chunk goes, before
/// the state machine says so. A guess at what a relay's machine can spare.
const MAX_BYTES: usize = 256 * 1024 * 1024;
/// Chunks in the window at most, unfinished ones included: several times what the state machine keeps. A guess.
const MAX_CHUNKS: usize = 64;

/// How far a chunk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Data lacks.
    Collecting,
    /// All data is there; its hash is being checked, without the lock.
    Checking,
    /// All data is there and is what the origin signed.
    Whole,
    /// All data is there, but the origin signed another hash.
    Broken,
}

/// One chunk of the window.
#[derive(Debug)]
pub(crate) struct Held {
    epoch: u64,
    /// Number of rows, once the span that ends the chunk is known.
    rows: Option<u32>,
    /// Frames of the spans, as they came.
    spans: Vec<Bytes>,
    /// `None` at the root, which cut the chunk itself.
    assembler: Option<ChunkAssembler>,
    stage: Stage,
    bytes: usize,
}

/// What became of a span.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SpanOutcome {
    /// It is new: rows known so far, and whether the chunk ends with it.
    New {
        rows: u32,
        last: bool,
    },
    Known,
    /// Not wanted.
    Refused(StreamCode),
    /// The origin signed something that contradicts itself.
    OriginFault(ChunkError),
}

/// What became of a block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BlockOutcome {
    /// It is new. `restorable`: lacking ones of its row can be restored now; `complete`: the chunk's data is all there.
    New {
        restorable: bool,
        complete: bool,
    },
    Duplicate,
    /// Not wanted.
    Refused(StreamCode),
    /// Not what the origin signed.
    Corrupt(BlockError),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Window {
    /// Whether this is the root's, which takes nothing from others: it has made everything itself.
    root: bool,
    epoch: u64,
    first_seq: u64,
    chunks: BTreeMap<u64, Held>,
    logs: [StripeLog; MAX_STRIPES],
    bytes: usize,
}

impl Window {
    pub(crate) fn new() -> Self {
        Self {
            root: false,
            epoch: 0,
            first_seq: 0,
            chunks: BTreeMap::new(),
            logs: Default::default(),
            bytes: 0,
        }
    }

    /// The root's: nothing comes in but what is published.
    pub(crate) fn of_root(epoch: u64) -> Self {
        Self {
            root: true,
            epoch,
            ..Self::new()
        }
    }

    /// From now on nothing comes in but what is published, in this epoch; what is here stays.
    pub(crate) fn become_root(&mut self, epoch: u64) {
        self.root = true;
        self.epoch = self.epoch.max(epoch);
    }

    /// The newest chunks, newest first, with the hash that was signed for each, as far as it came from elsewhere.
    pub(crate) fn newest(&self) -> impl Iterator<Item = (u64, Option<[u8; 32]>)> + '_ {
        self.chunks.iter().rev().map(|(seq, held)| {
            let end = held.assembler.as_ref().and_then(ChunkAssembler::end);
            (*seq, end.map(|end| end.hash))
        })
    }

    pub(crate) fn log(&self, stripe: u8) -> &StripeLog {
        &self.logs[usize::from(stripe)]
    }

    /// How many rows the chunk has, if its end is known and `epoch` is the one that is here.
    pub(crate) fn rows(&self, seq: u64, epoch: u64) -> Option<u32> {
        self.chunks
            .get(&seq)
            .filter(|held| held.epoch == epoch)?
            .rows
    }

    /// Payload bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a stream of blocks brings anything.
    pub(crate) fn admits(&self, head: &StreamHead) -> Result<(), StreamCode> {
        if self.root {
            return Err(StreamCode::Have);
        }
        if head.seq < self.first_seq {
            return Err(StreamCode::Forgotten);
        }
        if head.epoch < self.epoch {
            return Err(StreamCode::OldEpoch);
        }
        let Some(held) = self.chunks.get(&head.seq) else {
            return Ok(());
        };
        if head.epoch < held.epoch {
            return Err(StreamCode::OldEpoch);
        }
        let other_epoch = head.epoch > held.epoch;
        if other_epoch && held.stage != Stage::Collecting {
            return Err(StreamCode::Have);
        }
        if !other_epoch && held.has_stripe(head.stripe) {
            return Err(StreamCode::Have);
        }
        Ok(())
    }

    /// Whether this very frame of a span is here: then its signature need not be checked again.
    pub(crate) fn knows_span(&self, head: &StreamHead, frame: &[u8]) -> bool {
        let held = self
            .chunks
            .get(&head.seq)
            .filter(|held| held.epoch == head.epoch);
        held.is_some_and(|held| {
            held.spans
                .iter()
                .any(|known| known[frame::SPAN_HEAD_LEN..] == *frame)
        })
    }

    /// Adds a span whose signature was checked.
    pub(crate) fn add_span(&mut self, span: &SignedSpan, now: Instant) -> SpanOutcome {
        let header = span.header();
        let (seq, epoch) = (header.seq, header.epoch);
        if seq < self.first_seq {
            return SpanOutcome::Refused(StreamCode::Forgotten);
        }
        if epoch < self.epoch {
            return SpanOutcome::Refused(StreamCode::OldEpoch);
        }
        self.epoch = epoch;
        if let Some(held) = self.chunks.get_mut(&seq) {
            if held.epoch == epoch {
                let Some(assembler) = &mut held.assembler else {
                    return SpanOutcome::Known;
                };
                match assembler.add_span(span) {
                    Ok(AddedSpan::New) => {}
                    Ok(AddedSpan::Duplicate) => return SpanOutcome::Known,
                    Err(why) => return SpanOutcome::OriginFault(why),
                }
            } else if held.stage != Stage::Collecting {
                return SpanOutcome::Refused(StreamCode::Have);
            } else {
                self.drop_chunk(seq);
            }
        }
        let held = self
            .chunks
            .entry(seq)
            .or_insert_with(|| Held::new(epoch, Some(ChunkAssembler::new(span))));
        let assembler = held
            .assembler
            .as_ref()
            .expect("only the root's chunks have none, and those returned above");
        let (rows, last) = (assembler.end_row(), assembler.end().is_some());
        held.rows = last.then_some(rows);
        self.log_span(span, now);
        self.bound();
        SpanOutcome::New { rows, last }
    }

    /// Puts a frame of a span into every stripe's log.
    fn log_span(&mut self, span: &SignedSpan, now: Instant) {
        let header = span.header();
        let frame = frame::span_frame(span);
        if let Some(held) = self.chunks.get_mut(&header.seq) {
            held.spans.push(frame.clone());
        }
        for log in &mut self.logs[..usize::from(header.coding.stripes())] {
            log.push(header.seq, header.epoch, now, What::Span(frame.clone()));
        }
    }

    /// Verifies a block and keeps it.
    pub(crate) fn insert(
        &mut self,
        head: &StreamHead,
        row: u32,
        frame: BlockFrame,
        from: PeerId,
        now: Instant,
    ) -> BlockOutcome {
        let Some(held) = self.chunks.get_mut(&head.seq) else {
            return BlockOutcome::Refused(StreamCode::Forgotten);
        };
        if held.epoch != head.epoch {
            return BlockOutcome::Refused(StreamCode::OldEpoch);
        }
        let Some(assembler) = &mut held.assembler else {
            return BlockOutcome::Duplicate;
        };
        let inserted =
            match assembler.insert(row, head.stripe, frame.payload().clone(), frame.proof()) {
                Ok(inserted) => inserted,
                Err(why) => return BlockOutcome::Corrupt(why),
            };
        if inserted == Inserted::Duplicate {
            return BlockOutcome::Duplicate;
        }
        let restorable = inserted == Inserted::RowReady && assembler.missing(row).next().is_some();
        let complete = held.stage == Stage::Collecting && assembler.is_complete();
        self.log_block(
            (head.seq, head.epoch),
            row,
            head.stripe,
            frame,
            Some(from),
            now,
        );
        BlockOutcome::New {
            restorable,
            complete,
        }
    }

    fn log_block(
        &mut self,
        at: (u64, u64),
        row: u32,
        stripe: u8,
        frame: BlockFrame,
        from: Option<PeerId>,
        now: Instant,
    ) {
        let (seq, epoch) = at;
        let len = frame.payload().len();
        self.bytes += len;
        if let Some(held) = self.chunks.get_mut(&seq) {
            held.bytes += len;
        }
        self.logs[usize::from(stripe)].push(seq, epoch, now, What::Block { row, from, frame });
        self.bound();
    }

    /// Restores what lacks in a row, if it can be; gives the stripes that were restored, and whether the chunk's data is
    /// complete with them.
    pub(crate) fn restore(&mut self, seq: u64, row: u32, now: Instant) -> (Vec<u8>, bool) {
        let Some(held) = self.chunks.get_mut(&seq) else {
            return Default::default();
        };
        let epoch = held.epoch;
        let Some(assembler) = &mut held.assembler else {
            return Default::default();
        };
        let blocks = match assembler.restore(row) {
            Ok(blocks) => blocks,
            Err(why) => {
                tracing::debug!(seq, row, %why, "not restored");
                return Default::default();
            }
        };
        let complete = held.stage == Stage::Collecting && assembler.is_complete();
        let stripes = blocks.iter().map(|block| block.stripe).collect();
        for block in blocks {
            self.log_block(
                (seq, epoch),
                row,
                block.stripe,
                BlockFrame::of(&block),
                None,
                now,
            );
        }
        (stripes, complete)
    }

    /// Adds a span that was cut here, at the root.
    pub(crate) fn publish_span(&mut self, span: &SignedSpan, now: Instant) -> (u32, bool) {
        let header = span.header();
        self.epoch = self.epoch.max(header.epoch);
        if self
            .chunks
            .get(&header.seq)
            .is_some_and(|held| held.epoch < header.epoch)
        {
            self.drop_chunk(header.seq);
        }
        let held = self
            .chunks
            .entry(header.seq)
            .or_insert_with(|| Held::new(header.epoch, None));
        let end = header.geometry().row_range().end;
        let last = header.last.is_some();
        held.rows = last.then_some(end);
        self.log_span(span, now);
        (end, last)
    }

    /// Adds a block that was cut here, at the root.
    pub(crate) fn publish_block(&mut self, epoch: u64, block: Block, now: Instant) {
        self.log_block(
            (block.seq, epoch),
            block.row,
            block.stripe,
            BlockFrame::of(&block),
            None,
            now,
        );
    }

    /// Whether the chunk is here in an epoch that is not lower.
    pub(crate) fn has(&self, seq: u64, epoch: u64) -> bool {
        seq < self.first_seq
            || self
                .chunks
                .get(&seq)
                .is_some_and(|held| held.epoch >= epoch)
    }

    /// The data of a chunk in order, all of it when it is complete, and what the origin signed about it.
    pub(crate) fn assembler(&self, seq: u64) -> Option<&ChunkAssembler> {
        self.chunks.get(&seq)?.assembler.as_ref()
    }

    /// Takes a complete chunk's parts out for the check of its hash, once.
    pub(crate) fn start_check(&mut self, seq: u64) -> Option<(u64, Vec<Bytes>, ChunkEnd)> {
        let held = self
            .chunks
            .get_mut(&seq)
            .filter(|held| held.stage == Stage::Collecting)?;
        let assembler = held
            .assembler
            .as_ref()
            .filter(|assembler| assembler.is_complete())?;
        let end = assembler.end()?;
        held.stage = Stage::Checking;
        Some((held.epoch, assembler.parts().collect(), end))
    }

    /// The check's outcome. `false`: the chunk was forgotten in the meantime.
    pub(crate) fn end_check(&mut self, seq: u64, epoch: u64, right: bool) -> bool {
        let held = self
            .chunks
            .get_mut(&seq)
            .filter(|held| held.epoch == epoch && held.stage == Stage::Checking);
        let Some(held) = held else { return false };
        held.stage = if right { Stage::Whole } else { Stage::Broken };
        true
    }

    /// Drops everything before `before_seq`.
    pub(crate) fn forget(&mut self, before_seq: u64) {
        if before_seq <= self.first_seq {
            return;
        }
        self.first_seq = before_seq;
        let kept = self.chunks.split_off(&before_seq);
        for held in self.chunks.values() {
            self.bytes -= held.bytes;
        }
        self.chunks = kept;
        for log in &mut self.logs {
            log.forget(before_seq);
        }
    }

    fn drop_chunk(&mut self, seq: u64) {
        if let Some(held) = self.chunks.remove(&seq) {
            self.bytes -= held.bytes;
        }
        for log in &mut self.logs {
            log.void_chunk(seq);
        }
    }

    fn bound(&mut self) {
        while self.chunks.len() > 1 && (self.bytes > MAX_BYTES || self.chunks.len() > MAX_CHUNKS) {
            let oldest = self
                .chunks
                .keys()
                .next()
                .copied()
                .expect("there is more than one");
            tracing::warn!(
                seq = oldest,
                bytes = self.bytes,
                "the window is full: its oldest chunk goes early"
            );
            self.forget(oldest + 1);
        }
    }
}

impl Held {
    fn new(epoch: u64, assembler: Option<ChunkAssembler>) -> Self {
        Self {
            epoch,
            rows: None,
            spans: Vec::new(),
            assembler,
            stage: Stage::Collecting,
            bytes: 0,
        }
    }

    /// Whether every block of the stripe is here.
    fn has_stripe(&self, stripe: u8) -> bool {
        match (&self.assembler, self.rows) {
            (None, _) => true,
            (Some(assembler), Some(rows)) => (0..rows).all(|row| assembler.have(row, stripe)),
            (Some(_), None) => false,
        }
    }
}

#[cfg(test)]
mod tests;
