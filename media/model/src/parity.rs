//! Parity of a row: XOR where M = 1, Reed-Solomon (reed-solomon-simd, GF(2^16), Leopard) otherwise. Works on
//! pieces of equal length; shorter payloads count as padded with zeros.

use bytes::Bytes;
use reed_solomon_simd::{ReedSolomonDecoder, ReedSolomonEncoder};

use crate::Coding;

const RS_HOLDS: &str = "1 to 16 shards, their number and even length are right by construction";

fn xor_into(sum: &mut [u8], payload: &[u8]) {
    for (sum, byte) in sum.iter_mut().zip(payload) {
        *sum ^= byte;
    }
}

/// `payload` with zeros up to `piece` bytes, in `scratch` only when it is shorter.
fn padded<'a>(payload: &'a [u8], piece: usize, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    if payload.len() == piece {
        return payload;
    }
    scratch.clear();
    scratch.extend_from_slice(payload);
    scratch.resize(piece, 0);
    scratch
}

/// Makes the parity blocks of row after row; keeps the coder's memory between rows.
pub(crate) struct ParityEncoder {
    coding: Coding,
    reed_solomon: Option<ReedSolomonEncoder>,
    scratch: Vec<u8>,
}

impl ParityEncoder {
    pub(crate) fn new(coding: Coding) -> Self {
        Self {
            coding,
            reed_solomon: None,
            scratch: Vec::new(),
        }
    }

    /// The M parity blocks of a row with these K payloads, none longer than `piece` (even, above 0).
    pub(crate) fn parity<'a>(
        &mut self,
        data: impl Iterator<Item = &'a [u8]>,
        piece: usize,
    ) -> Vec<Bytes> {
        match self.coding.parity() {
            0 => Vec::new(),
            1 => {
                let mut sum = vec![0; piece];
                data.for_each(|payload| xor_into(&mut sum, payload));
                vec![sum.into()]
            }
            parity => {
                let (k, m) = (usize::from(self.coding.data()), usize::from(parity));
                match &mut self.reed_solomon {
                    Some(coder) => coder.reset(k, m, piece).expect(RS_HOLDS),
                    none => *none = Some(ReedSolomonEncoder::new(k, m, piece).expect(RS_HOLDS)),
                }
                let coder = self.reed_solomon.as_mut().expect("made above");
                for payload in data {
                    let shard = padded(payload, piece, &mut self.scratch);
                    coder.add_original_shard(shard).expect(RS_HOLDS);
                }
                let result = coder.encode().expect(RS_HOLDS);
                result.recovery_iter().map(Bytes::copy_from_slice).collect()
            }
        }
    }
}

/// The lacking data pieces of a row, each `piece` bytes, by stripe. `blocks` holds all S payloads of the row, at
/// least K of them present; parity payloads have `piece` bytes.
pub(crate) fn restore_data(
    coding: Coding,
    piece: usize,
    blocks: &[Option<Bytes>],
) -> Vec<(u8, Vec<u8>)> {
    let k = usize::from(coding.data());
    let (data, parity) = blocks.split_at(k);
    let lacking: Vec<u8> = (0..coding.data())
        .filter(|s| data[usize::from(*s)].is_none())
        .collect();
    if lacking.is_empty() {
        return Vec::new();
    }
    if coding.parity() == 1 {
        let mut sum = vec![0; piece];
        blocks
            .iter()
            .flatten()
            .for_each(|payload| xor_into(&mut sum, payload));
        return vec![(lacking[0], sum)];
    }
    let mut coder = ReedSolomonDecoder::new(k, parity.len(), piece).expect(RS_HOLDS);
    let mut scratch = Vec::new();
    let shards = |blocks: &[Option<Bytes>]| -> Vec<(usize, Bytes)> {
        blocks
            .iter()
            .enumerate()
            .filter_map(|(at, block)| Some((at, block.clone()?)))
            .collect()
    };
    for (at, payload) in shards(data) {
        coder
            .add_original_shard(at, padded(&payload, piece, &mut scratch))
            .expect(RS_HOLDS);
    }
    // The coder takes any number of shards from K on.
    for (at, payload) in shards(parity) {
        coder
            .add_recovery_shard(at, padded(&payload, piece, &mut scratch))
            .expect(RS_HOLDS);
    }
    let result = coder.decode().expect(RS_HOLDS);
    let restored = |stripe: u8| {
        result
            .restored_original(usize::from(stripe))
            .expect("lacking ones are restored")
    };
    lacking
        .iter()
        .map(|stripe| (*stripe, restored(*stripe).to_vec()))
        .collect()
}
