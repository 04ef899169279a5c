//! What a relay that alters, exchanges or invents things gets.

use crate::common::{content, draft, key};
use media_model::{
    BlockError, Coding, Inserted, SignedSpan, SigningKey, SpanAssembler, SpanError, SpanVerifier,
    encode_chunk,
};
use proptest::prelude::*;
use proptest::sample::Index;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_flipped_bit_of_a_block_or_its_proof_is_refused_and_nothing_of_it_stays(
        len in 1usize..300_000, pick in any::<Index>(), bit in any::<Index>(), warm in any::<bool>(),
    ) {
        let encoded = encode_chunk(draft(1, Coding::default()), &content(len, 3), &key()).expect("in bounds");
        let mut assembler = SpanAssembler::new(&encoded.span);
        let block = pick.get(&encoded.blocks);
        if warm {
            // The proof of the row is known already, by another block of it.
            let other = encoded.blocks.iter().find(|b| b.row == block.row && b.stripe != block.stripe);
            let other = other.expect("a row has five blocks");
            assembler.insert(other.row, other.stripe, other.payload.clone(), &other.proof).expect("genuine");
        }
        let mut bytes = [&block.proof[..], &block.payload[..]].concat();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let (proof, payload) = bytes.split_at(block.proof.len());
        let refused = assembler.insert(block.row, block.stripe, payload.to_vec().into(), proof);
        prop_assert!(matches!(refused, Err(BlockError::Proof { .. } | BlockError::Payload { .. })), "{refused:?}");
        prop_assert!(!assembler.have(block.row, block.stripe));
        let genuine = assembler.insert(block.row, block.stripe, block.payload.clone(), &block.proof);
        prop_assert_eq!(genuine, Ok(Inserted::New));
    }

    #[test]
    fn a_block_at_another_place_or_of_another_length_is_refused(
        len in 100_000usize..300_000, pick in any::<Index>(), row in 0u32..6, stripe in 0u8..7, cut in 0usize..40,
    ) {
        let encoded = encode_chunk(draft(1, Coding::default()), &content(len, 3), &key()).expect("in bounds");
        let mut verifier = SpanVerifier::new(&encoded.span);
        let block = pick.get(&encoded.blocks);
        let payload = &block.payload[..block.payload.len().saturating_sub(cut)];
        let accepted = verifier.check(row, stripe, &block.proof, payload).is_ok();
        let genuine = row == block.row && stripe == block.stripe && payload.len() == block.payload.len();
        prop_assert_eq!(accepted, genuine);
    }

    #[test]
    fn any_flipped_bit_of_a_signed_span_is_refused(bit in any::<Index>()) {
        let encoded = encode_chunk(draft(1, Coding::default()), &content(9, 3), &key()).expect("in bounds");
        let mut bytes = encoded.span.encode().to_vec();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let refused = SignedSpan::decode(&bytes).and_then(|span| span.verify(&key().origin_key()));
        prop_assert!(refused.is_err());
    }

    #[test]
    fn a_span_cut_short_or_with_bytes_after_it_is_refused(cut in any::<Index>(), more in 1usize..100) {
        let encoded = encode_chunk(draft(1, Coding::default()), &content(9, 3), &key()).expect("in bounds");
        let mut bytes = encoded.span.encode().to_vec();
        prop_assert!(SignedSpan::decode(&bytes[..cut.index(bytes.len())]).is_err());
        bytes.extend(vec![0; more]);
        prop_assert!(SignedSpan::decode(&bytes).is_err());
    }
}

#[test]
fn a_span_of_another_origin_is_refused() {
    let stranger = SigningKey::from_bytes(&[1; 32]);
    let encoded =
        encode_chunk(draft(1, Coding::default()), &content(9, 3), &stranger).expect("in bounds");
    let read = SignedSpan::decode(&encoded.span.encode()).expect("well formed");
    assert_eq!(read.claimed().seq, 1);
    assert_eq!(read.verify(&key().origin_key()), Err(SpanError::Signature));
}

#[test]
fn a_block_of_another_chunk_is_refused() {
    let [one, two] = [1, 2].map(|seq| {
        encode_chunk(draft(seq, Coding::default()), &content(70_000, seq), &key())
            .expect("in bounds")
    });
    let mut verifier = SpanVerifier::new(&one.span);
    for block in &two.blocks {
        let refused = verifier.check(block.row, block.stripe, &block.proof, &block.payload);
        assert_eq!(refused, Err(BlockError::Proof { row: block.row }));
    }
}
