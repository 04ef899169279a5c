//! One block, and the frame that carries it inside a stream which already names epoch, chunk and stripe.
//!
//! Frame: `row u32 | proof length u16 | payload length u16 | proof | payload`, numbers big-endian.

use bytes::Bytes;

use crate::{BLOCK_LEN, HASH_LEN, MAX_CHUNK_ROWS, MAX_PROOF_LEN};

/// Bytes of a frame before the proof.
pub const FRAME_HEAD_LEN: usize = 8;

/// A block of a chunk: the unit that is relayed, verified and repaired.
///
/// Cloning shares the bytes. Data blocks of the origin are slices of the chunk; all blocks of a row share the
/// row's proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The chunk's number on its channel.
    pub seq: u64,
    /// The row, numbered through the chunk.
    pub row: u32,
    /// The stripe: below K a data block, from K on a parity block.
    pub stripe: u8,
    /// At most [`BLOCK_LEN`] bytes.
    pub payload: Bytes,
    /// At most [`MAX_PROOF_LEN`] bytes: hashes of all blocks of the row, then the path to the root.
    pub proof: Bytes,
}

impl Block {
    /// The frame up to the proof. On the wire: this, `proof`, `payload`.
    pub fn frame_head(&self) -> [u8; FRAME_HEAD_LEN] {
        let mut head = [0; FRAME_HEAD_LEN];
        let len16 = |bytes: &Bytes| {
            let len =
                u16::try_from(bytes.len()).expect("proof and payload are bounded below 64 KiB");
            len.to_be_bytes()
        };
        head[..4].copy_from_slice(&self.row.to_be_bytes());
        head[4..6].copy_from_slice(&len16(&self.proof));
        head[6..].copy_from_slice(&len16(&self.payload));
        head
    }

    /// The whole frame as three pieces in order, for a vectored write; only the head is copied. Make it once
    /// and clone it for every child.
    pub fn frame(&self) -> [Bytes; 3] {
        let head = Bytes::copy_from_slice(&self.frame_head());
        [head, self.proof.clone(), self.payload.clone()]
    }

    /// Bytes of the whole frame.
    pub fn frame_len(&self) -> usize {
        FRAME_HEAD_LEN + self.proof.len() + self.payload.len()
    }
}

/// The head of a frame, read and within bounds.
///
/// A reader takes [`FRAME_HEAD_LEN`] bytes, parses them, then reads `proof_len` and `payload_len` bytes. The
/// payload must go into a buffer of exactly that size (for example `BytesMut::with_capacity` and `freeze`): the
/// assemblers keep it until the chunk is stored, and a slice of a larger receive buffer would keep all of that
/// alive. The proof may be any borrowed bytes; one copy a row is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHead {
    /// The row, numbered through the chunk; below [`MAX_CHUNK_ROWS`].
    pub row: u32,
    /// Bytes of the proof, at most [`MAX_PROOF_LEN`].
    pub proof_len: usize,
    /// Bytes of the payload, at most [`BLOCK_LEN`].
    pub payload_len: usize,
}

/// Why the head of a frame is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// Not an error of the sender: the head has [`FRAME_HEAD_LEN`] bytes.
    #[error("{0} of the {FRAME_HEAD_LEN} bytes of a block's head")]
    NeedMore(usize),
    /// A row that no chunk has.
    #[error("block of row {0}: a chunk has at most {MAX_CHUNK_ROWS} rows")]
    Row(u32),
    /// Too long, empty, or not a whole number of hashes.
    #[error(
        "proof of {0} bytes: a multiple of {HASH_LEN} from {HASH_LEN} to {MAX_PROOF_LEN} is possible"
    )]
    Proof(usize),
    /// Too long.
    #[error("payload of {0} bytes: at most {BLOCK_LEN} are possible")]
    Payload(usize),
}

impl BlockHead {
    /// Reads the head from the first [`FRAME_HEAD_LEN`] of `bytes`.
    ///
    /// # Errors
    /// [`HeadError::NeedMore`] when there are fewer bytes; the others when the frame is not acceptable.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeadError> {
        let Some(&[r0, r1, r2, r3, q0, q1, p0, p1]) = bytes.first_chunk::<FRAME_HEAD_LEN>() else {
            return Err(HeadError::NeedMore(bytes.len()));
        };
        let row = u32::from_be_bytes([r0, r1, r2, r3]);
        let proof_len = usize::from(u16::from_be_bytes([q0, q1]));
        let payload_len = usize::from(u16::from_be_bytes([p0, p1]));
        if row >= MAX_CHUNK_ROWS {
            return Err(HeadError::Row(row));
        }
        if proof_len == 0 || proof_len > MAX_PROOF_LEN || !proof_len.is_multiple_of(HASH_LEN) {
            return Err(HeadError::Proof(proof_len));
        }
        if payload_len > BLOCK_LEN {
            return Err(HeadError::Payload(payload_len));
        }
        Ok(Self {
            row,
            proof_len,
            payload_len,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_head_reads_back_as_it_was_written(
            row in 0..MAX_CHUNK_ROWS, hashes in 1usize..=30, payload in 0usize..=BLOCK_LEN,
        ) {
            let block = Block {
                seq: 1,
                row,
                stripe: 0,
                payload: vec![0; payload].into(),
                proof: vec![0; hashes * HASH_LEN].into(),
            };
            let head = BlockHead::parse(&block.frame_head()).expect("within bounds");
            prop_assert_eq!(head, BlockHead { row, proof_len: hashes * HASH_LEN, payload_len: payload });
            let written: usize = block.frame().iter().map(Bytes::len).sum();
            prop_assert_eq!(written, block.frame_len());
        }

        #[test]
        fn any_head_that_passes_is_within_bounds(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            if let Ok(head) = BlockHead::parse(&bytes) {
                prop_assert!(head.row < MAX_CHUNK_ROWS);
                prop_assert!(head.proof_len <= MAX_PROOF_LEN && head.payload_len <= BLOCK_LEN);
            }
        }
    }

    #[test]
    fn a_head_that_promises_too_much_is_refused_before_anything_is_read() {
        assert_eq!(BlockHead::parse(&[0; 7]), Err(HeadError::NeedMore(7)));
        assert_eq!(BlockHead::parse(&[255; 8]), Err(HeadError::Row(u32::MAX)));
        assert_eq!(
            BlockHead::parse(&[0, 0, 0, 0, 0, 0, 0, 1]),
            Err(HeadError::Proof(0))
        );
        assert_eq!(
            BlockHead::parse(&[0, 0, 0, 0, 0, 33, 0, 1]),
            Err(HeadError::Proof(33))
        );
        assert_eq!(
            BlockHead::parse(&[0, 0, 0, 0, 3, 224, 0, 1]),
            Err(HeadError::Proof(992))
        );
        assert_eq!(
            BlockHead::parse(&[0, 0, 0, 0, 0, 32, 64, 1]),
            Err(HeadError::Payload(16_385))
        );
    }
}
