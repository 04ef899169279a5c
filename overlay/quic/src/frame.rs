//! What a stream of blocks is made of: its head, then frames. docs/protocols/overlay.md has it byte by byte.
//!
//! Pure: bytes in, values out. Sizes are checked here before anything is allocated for them.

use bytes::Bytes;
use media_model::{Block, FRAME_HEAD_LEN, MAX_NUMBER, MAX_SPAN_LEN, MAX_STRIPES, SignedSpan};
use quinn::VarInt;

/// First on every stream of blocks: "Treecast blocks, version 1".
const MAGIC: [u8; 4] = *b"TCB1";
/// Bytes of a stream's head.
pub(crate) const STREAM_HEAD_LEN: usize = 24;
/// The kind of a frame that carries a signed span.
pub(crate) const SPAN: u8 = 1;
/// The kind of a frame that carries a block.
pub(crate) const BLOCK: u8 = 2;
/// Bytes before a span: its kind and its length.
pub(crate) const SPAN_HEAD_LEN: usize = 3;
/// Bytes before a block's proof: its kind and the head that `media-model` defines.
pub(crate) const BLOCK_HEAD_LEN: usize = 1 + FRAME_HEAD_LEN;

/// Why a stream of blocks is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By a parent to its child, as blocks come.
    Push,
    /// In answer to a pull.
    Answer,
}

/// The first bytes of a stream of blocks: what all of them belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamHead {
    pub(crate) kind: Kind,
    pub(crate) stripe: u8,
    pub(crate) epoch: u64,
    pub(crate) seq: u64,
}

/// Why what came is not a stream of blocks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("a stream that does not start like a stream of blocks")]
    Magic,
    #[error("a stream of blocks with {0} out of bounds")]
    Bounds(&'static str),
    #[error("a frame of unknown kind {0}")]
    Kind(u8),
    #[error("a signed span of {0} bytes: at most {MAX_SPAN_LEN} are possible")]
    SpanLength(usize),
}

impl StreamHead {
    pub(crate) fn encode(self) -> Bytes {
        let mut head = [0; STREAM_HEAD_LEN];
        head[..4].copy_from_slice(&MAGIC);
        head[4] = match self.kind {
            Kind::Push => 0,
            Kind::Answer => 1,
        };
        head[5] = self.stripe;
        head[8..16].copy_from_slice(&self.epoch.to_be_bytes());
        head[16..].copy_from_slice(&self.seq.to_be_bytes());
        Bytes::copy_from_slice(&head)
    }

    pub(crate) fn parse(head: &[u8; STREAM_HEAD_LEN]) -> Result<Self, FrameError> {
        let [m0, m1, m2, m3, kind, stripe, r0, r1, rest @ ..] = *head;
        if [m0, m1, m2, m3] != MAGIC {
            return Err(FrameError::Magic);
        }
        let [e0, e1, e2, e3, e4, e5, e6, e7, seq @ ..] = rest;
        let epoch = u64::from_be_bytes([e0, e1, e2, e3, e4, e5, e6, e7]);
        let seq = u64::from_be_bytes(seq);
        let kind = match kind {
            0 => Kind::Push,
            1 => Kind::Answer,
            _ => return Err(FrameError::Bounds("kind")),
        };
        if usize::from(stripe) >= MAX_STRIPES {
            return Err(FrameError::Bounds("stripe"));
        }
        if [r0, r1] != [0, 0] {
            return Err(FrameError::Bounds("reserved bytes"));
        }
        if epoch > MAX_NUMBER || seq > MAX_NUMBER {
            return Err(FrameError::Bounds("epoch or chunk number"));
        }
        Ok(Self {
            kind,
            stripe,
            epoch,
            seq,
        })
    }
}

/// A span's whole frame.
pub(crate) fn span_frame(span: &SignedSpan) -> Bytes {
    let encoded = span.encode();
    let len = u16::try_from(encoded.len()).expect("a signed span is bounded below 1 KiB");
    let mut frame = Vec::with_capacity(SPAN_HEAD_LEN + encoded.len());
    frame.push(SPAN);
    frame.extend_from_slice(&len.to_be_bytes());
    frame.extend_from_slice(&encoded);
    frame.into()
}

/// The length of the span whose frame starts so.
pub(crate) fn span_len(head: [u8; 2]) -> Result<usize, FrameError> {
    let len = usize::from(u16::from_be_bytes(head));
    if len > MAX_SPAN_LEN {
        Err(FrameError::SpanLength(len))
    } else {
        Ok(len)
    }
}

/// A block's frame, to be written as it is. Whole in one buffer where it was received; where it was cut or restored here,
/// the payload lies elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct BlockFrame {
    /// Kind, head and proof; and the payload, if it was received.
    front: Bytes,
    proof_end: usize,
    payload: Bytes,
}

impl BlockFrame {
    /// From a whole frame, whose proof has `proof_len` bytes.
    pub(crate) fn new(whole: Bytes, proof_len: usize) -> Self {
        let proof_end = BLOCK_HEAD_LEN + proof_len;
        let payload = whole.slice(proof_end..);
        Self {
            front: whole,
            proof_end,
            payload,
        }
    }

    /// From a block that was not received as a frame.
    pub(crate) fn of(block: &Block) -> Self {
        let proof_end = BLOCK_HEAD_LEN + block.proof.len();
        let mut front = Vec::with_capacity(proof_end);
        front.push(BLOCK);
        front.extend_from_slice(&block.frame_head());
        front.extend_from_slice(&block.proof);
        Self {
            front: front.into(),
            proof_end,
            payload: block.payload.clone(),
        }
    }

    pub(crate) fn proof(&self) -> &[u8] {
        &self.front[BLOCK_HEAD_LEN..self.proof_end]
    }

    pub(crate) fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The pieces to be written, in order.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = Bytes> {
        let whole = self.front.len() > self.proof_end || self.payload.is_empty();
        [
            Some(self.front.clone()),
            (!whole).then(|| self.payload.clone()),
        ]
        .into_iter()
        .flatten()
    }
}

/// Why a stream of blocks was given up: in RESET_STREAM and STOP_SENDING (RFC 9000 sections 19.4 and 19.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum StreamCode {
    /// The receiver is too far behind; a stream of a later chunk follows.
    TooFarBehind = 1,
    /// The receiver is no longer served in this stripe.
    NotServed = 2,
    /// The receiver has all of this.
    Have = 3,
    /// There is a higher epoch.
    OldEpoch = 4,
    /// The chunk is no longer in the window.
    Forgotten = 5,
}

impl From<StreamCode> for VarInt {
    fn from(code: StreamCode) -> Self {
        VarInt::from_u32(code as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_reads_back_as_it_was_written() {
        let head = StreamHead {
            kind: Kind::Answer,
            stripe: 15,
            epoch: 7,
            seq: MAX_NUMBER,
        };
        let bytes: [u8; STREAM_HEAD_LEN] = head.encode()[..].try_into().expect("its length");
        assert_eq!(StreamHead::parse(&bytes), Ok(head));
    }

    #[test]
    fn a_head_out_of_bounds_is_refused() {
        let good = StreamHead {
            kind: Kind::Push,
            stripe: 0,
            epoch: 1,
            seq: 1,
        }
        .encode();
        let with = |at: usize, value: u8| {
            let mut bytes: [u8; STREAM_HEAD_LEN] = good[..].try_into().expect("its length");
            bytes[at] = value;
            StreamHead::parse(&bytes)
        };
        assert_eq!(with(0, b'X'), Err(FrameError::Magic));
        assert_eq!(with(4, 2), Err(FrameError::Bounds("kind")));
        assert_eq!(with(5, 16), Err(FrameError::Bounds("stripe")));
        assert_eq!(with(7, 1), Err(FrameError::Bounds("reserved bytes")));
        assert_eq!(
            with(8, 255),
            Err(FrameError::Bounds("epoch or chunk number"))
        );
        assert_eq!(span_len([255, 255]), Err(FrameError::SpanLength(65_535)));
    }

    #[test]
    fn a_frame_is_the_same_bytes_whether_it_was_received_or_made_here() {
        for payload in [Bytes::new(), Bytes::from(vec![7; 100])] {
            let block = Block {
                seq: 1,
                row: 2,
                stripe: 3,
                payload,
                proof: vec![9; 64].into(),
            };
            let made = BlockFrame::of(&block);
            let bytes: Vec<u8> = made.pieces().flatten().collect();
            let received = BlockFrame::new(bytes.clone().into(), 64);
            assert_eq!(received.pieces().flatten().collect::<Vec<u8>>(), bytes);
            assert_eq!(
                (received.proof(), received.payload()),
                (made.proof(), made.payload())
            );
            assert_eq!(bytes.len(), 1 + block.frame_len());
        }
    }
}
