//! The blocks of one span as they arrive, in any order, and what parity restores of them.

use bytes::Bytes;

use crate::merkle::leaf_hash;
use crate::parity::{ParityEncoder, restore_data};
use crate::{Block, BlockError, Geometry, SignedSpan, SpanHeader, SpanVerifier};

/// What became of an inserted block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It is new and was verified. Forward it.
    New,
    /// As `New`, and it is the K-th block of its row: the rest of the row, if any lacks, can be restored now.
    RowReady,
    /// It was there already, received or restored. It was not looked at; do not forward it.
    Duplicate,
}

/// Why a row cannot be restored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// Fewer than K blocks of the row are there.
    #[error("{have} of the {need} blocks that restore row {row} are there")]
    NotYet {
        /// The row.
        row: u32,
        /// Blocks that are there.
        have: u8,
        /// K.
        need: u8,
    },
    /// No span that is known has the row.
    #[error("no span of the chunk has row {row}")]
    Unknown {
        /// The row.
        row: u32,
    },
    /// The origin signed parity that does not belong to the data. Nothing was kept.
    #[error("the origin signed a row {row} whose parity does not fit its data")]
    Inconsistent {
        /// The row.
        row: u32,
    },
}

/// Collects the blocks of one span; everything in it was verified. Payloads are kept as they were given, without
/// a copy, so each must be a buffer of its own (see [`crate::BlockHead`]); of the proofs one a row is kept.
/// Memory: the payloads, at most S/K times the span, and 32 bytes a block from the start.
#[derive(Clone, Debug)]
pub struct SpanAssembler {
    span: SignedSpan,
    verifier: SpanVerifier,
    /// Row after row, by stripe.
    payloads: Vec<Option<Bytes>>,
    /// Blocks of each row that are there.
    have: Vec<u8>,
    data_lacking: usize,
}

impl SpanAssembler {
    /// An empty one for `span`.
    pub fn new(span: &SignedSpan) -> Self {
        let verifier = SpanVerifier::new(span);
        let rows = verifier.geometry().rows() as usize;
        let coding = span.header().coding;
        Self {
            span: span.clone(),
            verifier,
            payloads: vec![None; rows * usize::from(coding.stripes())],
            have: vec![0; rows],
            data_lacking: rows * usize::from(coding.data()),
        }
    }

    /// The span.
    pub fn span(&self) -> &SignedSpan {
        &self.span
    }

    /// What the origin says of the span.
    pub fn header(&self) -> &SpanHeader {
        self.span.header()
    }

    /// The span's rows and blocks.
    pub fn geometry(&self) -> &Geometry {
        self.verifier.geometry()
    }

    fn slot(&self, row: u32, stripe: u8) -> Option<usize> {
        let index = self.geometry().index(row)? as usize;
        let stripes = self.header().coding.stripes();
        (stripe < stripes).then(|| index * usize::from(stripes) + usize::from(stripe))
    }

    /// Verifies a block and keeps it. `row` is numbered through the chunk.
    ///
    /// # Errors
    /// When the span has no such block or it does not verify; nothing of it is kept then.
    pub fn insert(
        &mut self,
        row: u32,
        stripe: u8,
        payload: Bytes,
        proof: &[u8],
    ) -> Result<Inserted, BlockError> {
        let slot = self
            .slot(row, stripe)
            .ok_or(BlockError::Unknown { row, stripe })?;
        if self.payloads[slot].is_some() {
            return Ok(Inserted::Duplicate);
        }
        self.verifier.check(row, stripe, proof, &payload)?;
        let have = self.keep(slot, stripe, payload);
        Ok(if have == self.header().coding.data() {
            Inserted::RowReady
        } else {
            Inserted::New
        })
    }

    /// Fills an empty slot; says how many blocks of the row are there now.
    fn keep(&mut self, slot: usize, stripe: u8, payload: Bytes) -> u8 {
        let coding = self.header().coding;
        self.payloads[slot] = Some(payload);
        self.data_lacking -= usize::from(stripe < coding.data());
        let have = &mut self.have[slot / usize::from(coding.stripes())];
        *have += 1;
        *have
    }

    /// Restores all lacking blocks of a row, data and parity, and keeps them. Gives the restored ones, by stripe,
    /// to be forwarded as if they had been received; none when the row was whole.
    ///
    /// # Errors
    /// When fewer than K blocks are there, or the origin signed a row that does not fit together.
    pub fn restore(&mut self, row: u32) -> Result<Vec<Block>, RestoreError> {
        let index = self
            .geometry()
            .index(row)
            .ok_or(RestoreError::Unknown { row })? as usize;
        let coding = self.header().coding;
        let (have, need) = (self.have[index], coding.data());
        if have < need {
            return Err(RestoreError::NotYet { row, have, need });
        }
        if have == coding.stripes() {
            return Ok(Vec::new());
        }
        let first = index * usize::from(coding.stripes());
        let piece = self.geometry().piece_len(row);
        let mut blocks = self.payloads[first..][..usize::from(coding.stripes())].to_vec();
        let mut made: Vec<(u8, Bytes)> = Vec::new();
        for (stripe, mut payload) in restore_data(coding, piece, &blocks) {
            payload.truncate(self.geometry().block_len(row, stripe));
            let payload = Bytes::from(payload);
            blocks[usize::from(stripe)] = Some(payload.clone());
            made.push((stripe, payload));
        }
        let (data, parity) = blocks.split_at(usize::from(need));
        if parity.iter().any(Option::is_none) {
            let computed =
                ParityEncoder::new(coding).parity(data.iter().flatten().map(|p| &p[..]), piece);
            for (stripe, payload) in (need..).zip(computed) {
                if parity[usize::from(stripe - need)].is_none() {
                    made.push((stripe, payload));
                }
            }
        }
        let fits = |(stripe, payload): &(u8, Bytes)| {
            self.verifier
                .leaf(row, *stripe)
                .is_some_and(|leaf| leaf_hash(payload) == leaf)
        };
        if !made.iter().all(fits) {
            return Err(RestoreError::Inconsistent { row });
        }
        let seq = self.header().seq;
        let proof = self
            .verifier
            .proof(row)
            .expect("a block of the row was verified")
            .clone();
        for (stripe, payload) in &made {
            self.keep(first + usize::from(*stripe), *stripe, payload.clone());
        }
        let block = |(stripe, payload)| Block {
            seq,
            row,
            stripe,
            payload,
            proof: proof.clone(),
        };
        Ok(made.into_iter().map(block).collect())
    }

    /// Whether all data blocks are there.
    pub fn is_complete(&self) -> bool {
        self.data_lacking == 0
    }

    /// Whether a block is there.
    pub fn have(&self, row: u32, stripe: u8) -> bool {
        self.slot(row, stripe)
            .is_some_and(|slot| self.payloads[slot].is_some())
    }

    /// How many blocks of a row are there; the row can be restored from K on.
    pub fn row_have(&self, row: u32) -> u8 {
        self.geometry()
            .index(row)
            .map_or(0, |index| self.have[index as usize])
    }

    /// The stripes of a row that lack, data and parity.
    pub fn missing(&self, row: u32) -> impl Iterator<Item = u8> {
        let stripes = self.header().coding.stripes();
        (0..stripes).filter(move |stripe| {
            self.geometry().contains(row, *stripe) && !self.have(row, *stripe)
        })
    }

    /// A block that is there, as it goes to a child.
    pub fn block(&self, row: u32, stripe: u8) -> Option<Block> {
        let payload = self.payloads[self.slot(row, stripe)?].clone()?;
        let proof = self.verifier.proof(row)?.clone();
        Some(Block {
            seq: self.header().seq,
            row,
            stripe,
            payload,
            proof,
        })
    }

    /// Which rows of a stripe are there: bit `i % 8` (from the lowest) of byte `i / 8` is the `i`-th row of the
    /// span.
    pub fn have_bitmap(&self, stripe: u8) -> Vec<u8> {
        let mut bitmap = vec![0; self.have.len().div_ceil(8)];
        for (index, row) in self.geometry().row_range().enumerate() {
            bitmap[index / 8] |= u8::from(self.have(row, stripe)) << (index % 8);
        }
        bitmap
    }

    /// The data payloads in order; the whole span when it is complete.
    pub fn parts(&self) -> impl Iterator<Item = &Bytes> {
        let coding = self.header().coding;
        self.payloads
            .chunks_exact(usize::from(coding.stripes()))
            .flat_map(move |row| row[..usize::from(coding.data())].iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Coding, SigningKey, merkle};

    #[test]
    fn parity_that_the_origin_made_wrong_is_not_passed_on() {
        let payloads = [b"ab", b"cd", b"!!"].map(|payload| Bytes::from_static(payload));
        let leaves: Vec<u8> = payloads.iter().flat_map(|p| merkle::leaf_hash(p)).collect();
        let (root, proofs) = merkle::build(&[leaves]);
        let header = SpanHeader {
            channel: 0,
            epoch: 0,
            seq: 0,
            name: "a.mkv".to_owned(),
            wall_time_us: 0,
            duration_us: 1,
            coding: Coding::new(2, 1).expect("within bounds"),
            first_row: 0,
            offset: 0,
            len: 4,
            root,
            last: None,
        };
        let span = header
            .sign(&SigningKey::from_bytes(&[1; 32]))
            .expect("within bounds");
        let mut assembler = SpanAssembler::new(&span);
        for (stripe, payload) in [(0, &payloads[0]), (2, &payloads[2])] {
            assembler
                .insert(0, stripe, payload.clone(), &proofs[0])
                .expect("it is what was signed");
        }
        assert_eq!(
            assembler.restore(0),
            Err(RestoreError::Inconsistent { row: 0 })
        );
        assert!(!assembler.have(0, 1));
    }
}
