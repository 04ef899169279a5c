//! Spans: what the origin signs, how it is written, and the checks before it is believed.

use std::sync::Arc;

use bincode::{BorrowDecode, Encode};
use bytes::{BufMut as _, Bytes, BytesMut};

use crate::merkle::EMPTY_ROOT;
use crate::{
    Coding, CodingError, Geometry, Hash, MAX_CHUNK_LEN, MAX_CHUNK_ROWS, MAX_DURATION_US,
    MAX_HEADER_LEN, MAX_NUMBER, MAX_SPAN_LEN, NameError, OriginKey, SIGNATURE_LEN, SigningKey,
    check_chunk_name,
};

/// Put before the header when it is signed, so that no other message of the same key can pass for a span.
const DOMAIN: &[u8; 16] = b"treecast span v1";

/// The end of a chunk, said by its last span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkEnd {
    /// Bytes of the whole chunk.
    pub len: u64,
    /// BLAKE3 of the whole chunk.
    pub hash: Hash,
}

/// What the origin says, and signs, about one span of a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanHeader {
    /// The channel, from 0.
    pub channel: u32,
    /// The epoch: one uninterrupted authority over the channel. At most [`MAX_NUMBER`].
    pub epoch: u64,
    /// The chunk's number on its channel. At most [`MAX_NUMBER`].
    pub seq: u64,
    /// The chunk's file name, as [`check_chunk_name`] allows it.
    pub name: String,
    /// When the chunk is on air: microseconds since the Unix epoch. At most [`MAX_NUMBER`].
    pub wall_time_us: u64,
    /// How long the chunk plays, in microseconds: 1 to [`MAX_DURATION_US`].
    pub duration_us: u64,
    /// How its rows are coded; the same in all spans of a chunk.
    pub coding: Coding,
    /// The number of the span's first row in the chunk.
    pub first_row: u32,
    /// Where the span starts in the chunk, in bytes.
    pub offset: u64,
    /// Bytes of the span. 0 only in an end marker: a last span of a live chunk without rows.
    pub len: u64,
    /// The Merkle root over its rows; zeros for an end marker.
    pub root: Hash,
    /// Set in the last span of the chunk.
    pub last: Option<ChunkEnd>,
}

/// Why a span is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// Longer than [`MAX_SPAN_LEN`], shorter than a signature, or its parts do not add up.
    #[error("a signed span of {0} bytes does not have the length that it says")]
    Length(usize),
    /// The header cannot be read.
    #[error("the header of a span cannot be read: {0}")]
    Header(&'static str),
    /// The coding is out of bounds.
    #[error("the header of a span: {0}")]
    Coding(#[from] CodingError),
    /// The chunk's name is not acceptable.
    #[error("the header of a span: {0}")]
    Name(#[from] NameError),
    /// A number is out of its bounds.
    #[error("the header of a span: {what} is {value}, {bounds}")]
    Bounds {
        /// Which field.
        what: &'static str,
        /// Its value.
        value: u64,
        /// What it must be.
        bounds: &'static str,
    },
    /// The signature is not the origin's.
    #[error("the span is not signed by the channel's origin")]
    Signature,
    /// The data given for encoding has another length than the draft's chunk end allows.
    #[error("the data of the span ends at byte {end}, the chunk at {len}")]
    Data {
        /// Where the data ends in the chunk.
        end: u64,
        /// The chunk's length.
        len: u64,
    },
}

/// The header's form for bincode; see docs/protocols/media.md. Borrows, so that nothing is allocated for a
/// header that is refused.
#[derive(Encode, BorrowDecode)]
struct WireHeader<'a> {
    channel: u32,
    epoch: u64,
    seq: u64,
    name: &'a str,
    wall_time_us: u64,
    duration_us: u64,
    data: u8,
    parity: u8,
    first_row: u32,
    offset: u64,
    len: u64,
    root: Hash,
    last: Option<(u64, Hash)>,
}

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<MAX_HEADER_LEN>()
}

impl SpanHeader {
    /// The span's rows and blocks, numbered through the chunk.
    pub fn geometry(&self) -> Geometry {
        Geometry::new(self.len, self.coding).starting_at(self.first_row)
    }

    /// Where the span ends in the chunk, in bytes.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.len)
    }

    /// Checks every bound of the header.
    ///
    /// # Errors
    /// The first bound that does not hold.
    pub fn check(&self) -> Result<(), SpanError> {
        check_chunk_name(&self.name)?;
        let bound = |what, value, holds, bounds| {
            if holds {
                Ok(())
            } else {
                Err(SpanError::Bounds {
                    what,
                    value,
                    bounds,
                })
            }
        };
        for (what, value) in [
            ("epoch", self.epoch),
            ("seq", self.seq),
            ("wall time", self.wall_time_us),
        ] {
            bound(what, value, value <= MAX_NUMBER, "at most 2^53")?;
        }
        let duration = self.duration_us;
        bound(
            "duration",
            duration,
            (1..=MAX_DURATION_US).contains(&duration),
            "1 us to 60 s",
        )?;
        bound(
            "offset",
            self.offset,
            self.offset <= MAX_CHUNK_LEN,
            "at most 64 MiB",
        )?;
        bound(
            "length",
            self.len,
            self.len <= MAX_CHUNK_LEN,
            "at most 64 MiB",
        )?;
        bound(
            "end",
            self.end(),
            self.end() <= MAX_CHUNK_LEN,
            "at most 64 MiB",
        )?;
        let rows = u64::from(self.first_row) + u64::from(self.geometry().rows());
        bound(
            "end row",
            rows,
            rows <= u64::from(MAX_CHUNK_ROWS),
            "at most 16384",
        )?;
        let starts = (self.offset == 0) == (self.first_row == 0);
        bound(
            "first row",
            self.first_row.into(),
            starts,
            "row 0 and only row 0 starts at byte 0",
        )?;
        let filled = self.len > 0 || (self.last.is_some() && self.root == EMPTY_ROOT);
        bound(
            "length",
            self.len,
            filled,
            "only an end marker without root is empty",
        )?;
        if let Some(end) = self.last {
            bound(
                "chunk length",
                end.len,
                end.len == self.end() && end.len > 0,
                "not where its last span ends",
            )?;
        }
        Ok(())
    }

    fn encode(&self) -> Vec<u8> {
        let wire = WireHeader {
            channel: self.channel,
            epoch: self.epoch,
            seq: self.seq,
            name: &self.name,
            wall_time_us: self.wall_time_us,
            duration_us: self.duration_us,
            data: self.coding.data(),
            parity: self.coding.parity(),
            first_row: self.first_row,
            offset: self.offset,
            len: self.len,
            root: self.root,
            last: self.last.map(|end| (end.len, end.hash)),
        };
        bincode::encode_to_vec(wire, config()).expect("a checked header is below its limit")
    }

    fn decode(bytes: &[u8]) -> Result<Self, SpanError> {
        let (wire, read): (WireHeader<'_>, usize) =
            bincode::borrow_decode_from_slice(bytes, config())
                .map_err(|_| SpanError::Header("it ends early or holds an impossible value"))?;
        if read != bytes.len() {
            return Err(SpanError::Header("bytes are left over"));
        }
        check_chunk_name(wire.name)?;
        let header = Self {
            channel: wire.channel,
            epoch: wire.epoch,
            seq: wire.seq,
            name: wire.name.to_owned(),
            wall_time_us: wire.wall_time_us,
            duration_us: wire.duration_us,
            coding: Coding::new(wire.data, wire.parity)?,
            first_row: wire.first_row,
            offset: wire.offset,
            len: wire.len,
            root: wire.root,
            last: wire.last.map(|(len, hash)| ChunkEnd { len, hash }),
        };
        header.check()?;
        Ok(header)
    }

    /// Checks the header and signs it.
    ///
    /// # Errors
    /// When a bound of the header does not hold.
    pub fn sign(self, key: &SigningKey) -> Result<SignedSpan, SpanError> {
        self.check()?;
        let bytes = Bytes::from(self.encode());
        let signature = key.sign(&signed_message(&bytes));
        Ok(SignedSpan {
            header: Arc::new(self),
            bytes,
            signature,
        })
    }
}

fn signed_message(header: &[u8]) -> Vec<u8> {
    [DOMAIN.as_slice(), header].concat()
}

/// A span whose signature was checked (or made) here. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedSpan {
    header: Arc<SpanHeader>,
    bytes: Bytes,
    signature: [u8; SIGNATURE_LEN],
}

impl SignedSpan {
    /// What the origin said.
    pub fn header(&self) -> &SpanHeader {
        &self.header
    }

    /// The header as it was signed.
    pub fn header_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The origin's signature.
    pub fn signature(&self) -> &[u8; SIGNATURE_LEN] {
        &self.signature
    }

    /// The wire form: `header length u16 BE | header | signature`. At most [`MAX_SPAN_LEN`] bytes.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(2 + self.bytes.len() + SIGNATURE_LEN);
        out.put_u16(u16::try_from(self.bytes.len()).expect("a header has at most 512 bytes"));
        out.put_slice(&self.bytes);
        out.put_slice(&self.signature);
        out.freeze()
    }

    /// Reads a span and checks all its bounds, but not yet who signed it. The header's bytes are copied out, so
    /// the span does not keep a larger receive buffer alive.
    ///
    /// # Errors
    /// When the bytes are not exactly one span, or a bound does not hold.
    pub fn decode(bytes: &[u8]) -> Result<Unverified, SpanError> {
        let length = SpanError::Length(bytes.len());
        if bytes.len() > MAX_SPAN_LEN {
            return Err(length);
        }
        let Some((len, rest)) = bytes.split_first_chunk::<2>() else {
            return Err(length);
        };
        let Some((header, signature)) =
            rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
        else {
            return Err(length);
        };
        let Ok(signature) = <[u8; SIGNATURE_LEN]>::try_from(signature) else {
            return Err(length);
        };
        let decoded = SpanHeader::decode(header)?;
        Ok(Unverified(Self {
            header: Arc::new(decoded),
            bytes: Bytes::copy_from_slice(header),
            signature,
        }))
    }
}

/// A span that was read but not yet believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unverified(SignedSpan);

impl Unverified {
    /// What the span claims. Good for nothing but finding the key to check it with.
    pub fn claimed(&self) -> &SpanHeader {
        &self.0.header
    }

    /// Checks the signature: once a span, not once a block.
    ///
    /// # Errors
    /// [`SpanError::Signature`] when it is not `key`'s.
    pub fn verify(self, key: &OriginKey) -> Result<SignedSpan, SpanError> {
        if key.verify(&signed_message(&self.0.bytes), &self.0.signature) {
            Ok(self.0)
        } else {
            Err(SpanError::Signature)
        }
    }
}
