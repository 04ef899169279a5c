//! A chunk as it arrives: its spans in any order, their blocks in any order.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    Block, BlockError, ChunkEnd, Coding, Inserted, RestoreError, SignedSpan, SpanAssembler,
    SpanHeader,
};

/// What became of an added span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddedSpan {
    /// It is new.
    New,
    /// The very same span is there.
    Duplicate,
}

/// Why a span does not fit a chunk, or a chunk is not whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// The span is of another chunk, or says another thing about it.
    #[error("a span with another {0} than the spans of its chunk before it")]
    Differs(&'static str),
    /// Its rows or bytes lie over those of another span, or leave a gap that no row can fill.
    #[error("a span whose rows and bytes do not fit between those of its chunk")]
    Overlap,
    /// Spans or data blocks lack.
    #[error("the chunk is not complete yet")]
    Incomplete,
    /// All blocks verified, but together they are not the chunk that the origin's last span names.
    #[error("the hash of the whole chunk is not the signed one")]
    Hash,
}

/// Collects the spans and blocks of one chunk. Complete when its spans lie without a gap from byte 0 to the one
/// that ends the chunk and all their data is there.
///
/// Memory: the payloads, at most S/K times [`crate::MAX_CHUNK_LEN`], and 32 bytes for each block that its spans
/// have, at most [`crate::MAX_CHUNK_ROWS`] times S.
#[derive(Clone, Debug)]
pub struct ChunkAssembler {
    /// By first row; an end marker shares no row with any.
    spans: BTreeMap<u32, SpanAssembler>,
    end: Option<ChunkEnd>,
}

/// Whether `later` may follow `earlier`: directly, or with room for rows and bytes between.
fn in_order(earlier: &SpanHeader, later: &SpanHeader) -> bool {
    let end_row = earlier.geometry().row_range().end;
    if end_row == later.first_row {
        earlier.end() == later.offset
    } else {
        end_row < later.first_row && earlier.end() < later.offset
    }
}

impl ChunkAssembler {
    /// One with its first span, whichever of the chunk's it is.
    pub fn new(span: &SignedSpan) -> Self {
        let header = span.header();
        let spans = BTreeMap::from([(header.first_row, SpanAssembler::new(span))]);
        Self {
            spans,
            end: header.last,
        }
    }

    fn any_header(&self) -> &SpanHeader {
        self.spans
            .values()
            .next()
            .expect("there is a span from the start")
            .header()
    }

    /// Adds a further span.
    ///
    /// # Errors
    /// When it contradicts what is there. As spans are signed, this is the origin's fault, not the sender's.
    pub fn add_span(&mut self, span: &SignedSpan) -> Result<AddedSpan, ChunkError> {
        let (known, new) = (self.any_header(), span.header());
        let same = [
            ("channel", known.channel == new.channel),
            ("epoch", known.epoch == new.epoch),
            ("seq", known.seq == new.seq),
            ("name", known.name == new.name),
            ("wall time", known.wall_time_us == new.wall_time_us),
            ("duration", known.duration_us == new.duration_us),
            ("coding", known.coding == new.coding),
        ];
        if let Some((what, _)) = same.iter().find(|(_, same)| !same) {
            return Err(ChunkError::Differs(what));
        }
        if let Some(there) = self.spans.get(&new.first_row) {
            // A span may be signed twice; what counts is what was signed.
            let duplicate = there.header() == new;
            return if duplicate {
                Ok(AddedSpan::Duplicate)
            } else {
                Err(ChunkError::Overlap)
            };
        }
        let before = self.spans.range(..new.first_row).next_back();
        let after = self.spans.range(new.first_row..).next();
        let fits_before =
            before.is_none_or(|(_, b)| b.header().last.is_none() && in_order(b.header(), new));
        let fits_after = after.is_none_or(|(_, a)| new.last.is_none() && in_order(new, a.header()));
        if !fits_before || !fits_after {
            return Err(ChunkError::Overlap);
        }
        self.end = self.end.or(new.last);
        self.spans.insert(new.first_row, SpanAssembler::new(span));
        Ok(AddedSpan::New)
    }

    /// The channel's number.
    pub fn channel(&self) -> u32 {
        self.any_header().channel
    }

    /// The epoch.
    pub fn epoch(&self) -> u64 {
        self.any_header().epoch
    }

    /// The chunk's number on its channel.
    pub fn seq(&self) -> u64 {
        self.any_header().seq
    }

    /// The chunk's file name.
    pub fn name(&self) -> &str {
        &self.any_header().name
    }

    /// When the chunk is on air: microseconds since the Unix epoch.
    pub fn wall_time_us(&self) -> u64 {
        self.any_header().wall_time_us
    }

    /// How long the chunk plays, in microseconds.
    pub fn duration_us(&self) -> u64 {
        self.any_header().duration_us
    }

    /// How its rows are coded.
    pub fn coding(&self) -> Coding {
        self.any_header().coding
    }

    /// Length and hash of the chunk, once the span that ends it is there.
    pub fn end(&self) -> Option<ChunkEnd> {
        self.end
    }

    /// The spans that are there, in order, as they go to a child.
    pub fn spans(&self) -> impl Iterator<Item = &SpanAssembler> {
        self.spans.values()
    }

    /// The span that has `row`.
    pub fn span_of(&self, row: u32) -> Option<&SpanAssembler> {
        let (_, span) = self.spans.range(..=row).next_back()?;
        span.geometry().index(row).map(|_| span)
    }

    fn span_of_mut(&mut self, row: u32) -> Option<&mut SpanAssembler> {
        let (_, span) = self.spans.range_mut(..=row).next_back()?;
        span.geometry().index(row).is_some().then_some(span)
    }

    /// Verifies a block and keeps it; see [`SpanAssembler::insert`].
    ///
    /// # Errors
    /// When no span that is there has the block, or it does not verify; nothing of it is kept then.
    pub fn insert(
        &mut self,
        row: u32,
        stripe: u8,
        payload: Bytes,
        proof: &[u8],
    ) -> Result<Inserted, BlockError> {
        let span = self
            .span_of_mut(row)
            .ok_or(BlockError::Unknown { row, stripe })?;
        span.insert(row, stripe, payload, proof)
    }

    /// Restores all lacking blocks of a row; see [`SpanAssembler::restore`].
    ///
    /// # Errors
    /// When fewer than K blocks are there, or the origin signed a row that does not fit together.
    pub fn restore(&mut self, row: u32) -> Result<Vec<Block>, RestoreError> {
        self.span_of_mut(row)
            .ok_or(RestoreError::Unknown { row })?
            .restore(row)
    }

    /// A block that is there, as it goes to a child.
    pub fn block(&self, row: u32, stripe: u8) -> Option<Block> {
        self.span_of(row)?.block(row, stripe)
    }

    /// Whether a block is there.
    pub fn have(&self, row: u32, stripe: u8) -> bool {
        self.span_of(row).is_some_and(|span| span.have(row, stripe))
    }

    /// The stripes of a row that lack; none when the row is of no span that is there.
    pub fn missing(&self, row: u32) -> impl Iterator<Item = u8> {
        self.span_of(row)
            .into_iter()
            .flat_map(move |span| span.missing(row))
    }

    /// The row after the last one of the spans that are there.
    pub fn end_row(&self) -> u32 {
        self.spans
            .values()
            .next_back()
            .map_or(0, |span| span.geometry().row_range().end)
    }

    /// Which rows of a stripe are there: bit `row % 8` (from the lowest) of byte `row / 8`. At most 2 KiB.
    pub fn have_bitmap(&self, stripe: u8) -> Vec<u8> {
        let mut bitmap = vec![0; self.end_row().div_ceil(8) as usize];
        for row in self
            .spans
            .values()
            .flat_map(|span| span.geometry().row_range())
        {
            bitmap[row as usize / 8] |= u8::from(self.have(row, stripe)) << (row % 8);
        }
        bitmap
    }

    /// Whether the whole chunk is there.
    pub fn is_complete(&self) -> bool {
        let Some(end) = self.end else { return false };
        let mut at = 0;
        for span in self.spans.values() {
            if span.header().offset != at || !span.is_complete() {
                return false;
            }
            at = span.header().end();
        }
        at == end.len
    }

    /// The data in order, without a copy; the whole chunk when it is complete.
    pub fn parts(&self) -> impl Iterator<Item = Bytes> {
        self.spans.values().flat_map(SpanAssembler::parts).cloned()
    }

    /// Checks a complete chunk against the hash that the origin signed for all of it.
    ///
    /// # Errors
    /// When it is not complete, or the origin signed a hash that is not the data's.
    pub fn verify_hash(&self) -> Result<(), ChunkError> {
        let end = self
            .end
            .filter(|_| self.is_complete())
            .ok_or(ChunkError::Incomplete)?;
        let mut hasher = blake3::Hasher::new();
        for part in self.parts() {
            hasher.update(&part);
        }
        if *hasher.finalize().as_bytes() == end.hash {
            Ok(())
        } else {
            Err(ChunkError::Hash)
        }
    }
}
