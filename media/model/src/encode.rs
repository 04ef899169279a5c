//! From bytes to signed spans and blocks: the origin's side.

use bytes::Bytes;

use crate::merkle;
use crate::parity::ParityEncoder;
use crate::{
    Block, ChunkEnd, Coding, Geometry, MAX_CHUNK_LEN, SignedSpan, SigningKey, SpanError, SpanHeader,
};

/// What the origin says of a chunk; the fields of [`SpanHeader`] that all its spans share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkDraft {
    /// The channel, from 0.
    pub channel: u32,
    /// The epoch.
    pub epoch: u64,
    /// The chunk's number on its channel.
    pub seq: u64,
    /// The chunk's file name.
    pub name: String,
    /// When the chunk is on air: microseconds since the Unix epoch.
    pub wall_time_us: u64,
    /// How long the chunk plays, in microseconds.
    pub duration_us: u64,
    /// How its rows are coded.
    pub coding: Coding,
}

/// A span before it is encoded: the fields of [`SpanHeader`] that do not follow from the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanDraft {
    /// The chunk that it belongs to.
    pub chunk: ChunkDraft,
    /// The number of the span's first row in the chunk: the end row of the span before.
    pub first_row: u32,
    /// Where the span starts in the chunk, in bytes: the end of the span before.
    pub offset: u64,
    /// Set in the chunk's last span.
    pub last: Option<ChunkEnd>,
}

/// A signed span and all its blocks.
#[derive(Clone, Debug)]
pub struct EncodedSpan {
    /// What goes before the blocks.
    pub span: SignedSpan,
    /// All blocks, row after row, in a row by stripe: data, then parity.
    pub blocks: Vec<Block>,
}

impl EncodedSpan {
    /// The blocks of one stripe in order of rows.
    pub fn stripe(&self, stripe: u8) -> impl Iterator<Item = &Block> {
        self.blocks
            .iter()
            .filter(move |block| block.stripe == stripe)
    }
}

/// Encodes one span. Data blocks are slices of `data`, not copies; parity and one proof a row are new. Empty
/// `data` makes the end marker of a live chunk; `draft.last` must be set then.
///
/// # Errors
/// When a bound of the header does not hold, or the data does not end where `draft.last` says.
pub fn encode_span(
    draft: SpanDraft,
    data: &Bytes,
    key: &SigningKey,
) -> Result<EncodedSpan, SpanError> {
    let len = data.len() as u64;
    let chunk = draft.chunk;
    let mut header = SpanHeader {
        channel: chunk.channel,
        epoch: chunk.epoch,
        seq: chunk.seq,
        name: chunk.name,
        wall_time_us: chunk.wall_time_us,
        duration_us: chunk.duration_us,
        coding: chunk.coding,
        first_row: draft.first_row,
        offset: draft.offset,
        len,
        root: merkle::EMPTY_ROOT,
        last: draft.last,
    };
    if let Some(end) = header.last.filter(|end| end.len != header.end()) {
        return Err(SpanError::Data {
            end: header.end(),
            len: end.len,
        });
    }
    // Before any work on data that is too long.
    header.check()?;
    let geometry = header.geometry();
    let payloads = row_payloads(&geometry, data);
    let leaves: Vec<Vec<u8>> = payloads
        .iter()
        .map(|row| {
            row.iter()
                .flat_map(|payload| merkle::leaf_hash(payload))
                .collect()
        })
        .collect();
    let (root, proofs) = merkle::build(&leaves);
    header.root = root;
    let seq = header.seq;
    let span = header.sign(key)?;
    let blocks = geometry
        .row_range()
        .zip(payloads)
        .zip(&proofs)
        .flat_map(|((row, payloads), proof)| {
            let stripes = (0u8..).zip(payloads);
            stripes.map(move |(stripe, payload)| Block {
                seq,
                row,
                stripe,
                payload,
                proof: proof.clone(),
            })
        })
        .collect();
    Ok(EncodedSpan { span, blocks })
}

/// Encodes a whole chunk as one span, with its end.
///
/// # Errors
/// As [`encode_span`]; empty data is refused.
pub fn encode_chunk(
    draft: ChunkDraft,
    data: &Bytes,
    key: &SigningKey,
) -> Result<EncodedSpan, SpanError> {
    let len = data.len() as u64;
    if len > MAX_CHUNK_LEN {
        return Err(SpanError::Bounds {
            what: "length",
            value: len,
            bounds: "at most 64 MiB",
        });
    }
    let hash = *blake3::hash(data).as_bytes();
    let last = Some(ChunkEnd { len, hash });
    let span = SpanDraft {
        chunk: draft,
        first_row: 0,
        offset: 0,
        last,
    };
    encode_span(span, data, key)
}

/// The payloads of every block, row after row.
fn row_payloads(geometry: &Geometry, data: &Bytes) -> Vec<Vec<Bytes>> {
    let mut parity = ParityEncoder::new(geometry.coding());
    geometry
        .row_range()
        .map(|row| {
            let mut payloads: Vec<Bytes> = (0..geometry.coding().data())
                .map(|stripe| {
                    let range = geometry
                        .block_range(row, stripe)
                        .expect("row and stripe exist");
                    // Below 64 MiB, so within usize.
                    data.slice(range.start as usize..range.end as usize)
                })
                .collect();
            let made = parity.parity(payloads.iter().map(|p| &p[..]), geometry.piece_len(row));
            payloads.extend(made);
            payloads
        })
        .collect()
}
