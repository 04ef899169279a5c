//! Whether a block belongs to a signed span.

use bytes::Bytes;

use crate::merkle::{leaf_hash, path_len, root_of, row_hash};
use crate::{Geometry, HASH_LEN, Hash, SignedSpan};

/// Why a block is refused. Whoever sent it relayed something that the origin did not sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// No span that is known has such a block.
    #[error("no span of the chunk has a block at row {row}, stripe {stripe}")]
    Unknown {
        /// The row.
        row: u32,
        /// The stripe.
        stripe: u8,
    },
    /// The payload has not the length that the span's geometry gives.
    #[error("block at row {row}, stripe {stripe} has {got} bytes instead of {expected}")]
    PayloadLength {
        /// The row.
        row: u32,
        /// The stripe.
        stripe: u8,
        /// Bytes that came.
        got: usize,
        /// Bytes that it must have.
        expected: usize,
    },
    /// The proof has not the length that the tree gives.
    #[error("proof of row {row} has {got} bytes instead of {expected}")]
    ProofLength {
        /// The row.
        row: u32,
        /// Bytes that came.
        got: usize,
        /// Bytes that it must have.
        expected: usize,
    },
    /// The proof does not lead to the signed root.
    #[error("the proof of row {row} does not lead to the signed root")]
    Proof {
        /// The row.
        row: u32,
    },
    /// The payload is not the one that was signed.
    #[error("block at row {row}, stripe {stripe} was altered")]
    Payload {
        /// The row.
        row: u32,
        /// The stripe.
        stripe: u8,
    },
}

/// Checks the blocks of one span. Keeps one proof a row (at most [`crate::MAX_PROOF_LEN`] bytes), so that only
/// the first block of a row walks up the tree and the others only hash their payload.
#[derive(Clone, Debug)]
pub struct SpanVerifier {
    geometry: Geometry,
    root: Hash,
    proofs: Vec<Option<Bytes>>,
}

impl SpanVerifier {
    /// A verifier for `span`. Takes 32 bytes a row at once, 512 KiB at most.
    pub fn new(span: &SignedSpan) -> Self {
        let geometry = span.header().geometry();
        Self {
            geometry,
            root: span.header().root,
            proofs: vec![None; geometry.rows() as usize],
        }
    }

    /// The span's rows and blocks.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Checks one block; `row` is numbered through the chunk.
    ///
    /// # Errors
    /// Says what is wrong with the block. Nothing of it is kept then.
    pub fn check(
        &mut self,
        row: u32,
        stripe: u8,
        proof: &[u8],
        payload: &[u8],
    ) -> Result<(), BlockError> {
        let index = match self.geometry.index(row) {
            Some(index) if self.geometry.contains(row, stripe) => index,
            _ => return Err(BlockError::Unknown { row, stripe }),
        };
        let (got, expected) = (payload.len(), self.geometry.block_len(row, stripe));
        if got != expected {
            return Err(BlockError::PayloadLength {
                row,
                stripe,
                got,
                expected,
            });
        }
        let known = self.proofs[index as usize].is_some();
        self.check_proof(row, index, proof)?;
        let leaf = &proof[usize::from(stripe) * HASH_LEN..][..HASH_LEN];
        if leaf_hash(payload) != leaf {
            return Err(BlockError::Payload { row, stripe });
        }
        if !known {
            self.proofs[index as usize] = Some(Bytes::copy_from_slice(proof));
        }
        Ok(())
    }

    fn check_proof(&self, row: u32, index: u32, proof: &[u8]) -> Result<(), BlockError> {
        if let Some(known) = &self.proofs[index as usize] {
            // Only one proof leads to the root, or BLAKE3 is broken; so another one is wrong.
            return if known == proof {
                Ok(())
            } else {
                Err(BlockError::Proof { row })
            };
        }
        let rows = self.geometry.rows();
        let leaves_len = usize::from(self.geometry.coding().stripes()) * HASH_LEN;
        let expected = leaves_len + path_len(index, rows) * HASH_LEN;
        if proof.len() != expected {
            return Err(BlockError::ProofLength {
                row,
                got: proof.len(),
                expected,
            });
        }
        let (leaves, path) = proof.split_at(leaves_len);
        if root_of(row_hash(leaves), index, rows, path) != self.root {
            return Err(BlockError::Proof { row });
        }
        Ok(())
    }

    /// The proof of a row of which a block was verified: the same for all its blocks, restored ones too.
    pub fn proof(&self, row: u32) -> Option<&Bytes> {
        self.proofs[..]
            .get(self.geometry.index(row)? as usize)?
            .as_ref()
    }

    /// The signed hash of a block's payload, once a block of its row was verified.
    pub(crate) fn leaf(&self, row: u32, stripe: u8) -> Option<&[u8]> {
        self.proof(row)?
            .get(usize::from(stripe) * HASH_LEN..)?
            .get(..HASH_LEN)
    }
}
