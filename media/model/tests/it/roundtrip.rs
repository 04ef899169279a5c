//! From bytes to blocks and back, whole and with blocks lost.

use crate::common::{content, draft, key};
use bytes::Bytes;
use media_model::{
    AddedSpan, Block, ChunkAssembler, ChunkEnd, ChunkError, Coding, EncodedSpan, Inserted,
    RestoreError, SignedSpan, SpanAssembler, SpanDraft, SpanError, encode_chunk, encode_span,
};
use proptest::prelude::*;
use proptest::sample::Index;

fn coding() -> impl Strategy<Value = Coding> {
    (1u8..=16, 0u8..=8).prop_filter_map("at most 16 stripes", |(k, m)| Coding::new(k, m).ok())
}

fn joined<'a>(parts: impl Iterator<Item = &'a Bytes>) -> Vec<u8> {
    parts.flat_map(|part| part.to_vec()).collect()
}

fn insert(assembler: &mut SpanAssembler, block: &Block) -> Inserted {
    let inserted = assembler.insert(block.row, block.stripe, block.payload.clone(), &block.proof);
    inserted.expect("the origin's own block")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_chunk_of_any_length_and_coding_comes_back_from_its_blocks_in_any_order(
        len in 1usize..400_000, coding in coding(), seed in any::<u64>(), order in any::<Index>(),
    ) {
        let data = content(len, seed);
        let EncodedSpan { span, mut blocks } = encode_chunk(draft(5, coding), &data, &key()).expect("in bounds");
        let read = SignedSpan::decode(&span.encode()).expect("our own").verify(&key().origin_key());
        let mut chunk = ChunkAssembler::new(&read.expect("signed"));
        let turn = order.index(blocks.len());
        blocks.rotate_left(turn);
        for block in &blocks {
            let new = chunk.insert(block.row, block.stripe, block.payload.clone(), &block.proof);
            prop_assert_ne!(new, Ok(Inserted::Duplicate));
            let again = chunk.insert(block.row, block.stripe, block.payload.clone(), &block.proof);
            prop_assert_eq!(again, Ok(Inserted::Duplicate));
        }
        prop_assert!(chunk.is_complete());
        prop_assert_eq!(chunk.verify_hash(), Ok(()));
        let parts: Vec<Bytes> = chunk.parts().collect();
        prop_assert_eq!(joined(parts.iter()), data.to_vec());
        for block in &blocks {
            prop_assert_eq!(chunk.block(block.row, block.stripe), Some(block.clone()));
        }
    }

    #[test]
    fn any_k_blocks_of_a_row_give_the_whole_row(
        len in 1usize..300_000, coding in coding(), seed in any::<u64>(), picks in any::<[Index; 16]>(),
    ) {
        let data = content(len, seed);
        let EncodedSpan { span, blocks } = encode_chunk(draft(5, coding), &data, &key()).expect("in bounds");
        let mut assembler = SpanAssembler::new(&span);
        for (row, row_blocks) in (0u32..).zip(blocks.chunks(usize::from(coding.stripes()))) {
            let mut left: Vec<&Block> = row_blocks.iter().collect();
            let mut state = Inserted::New;
            for (count, pick) in (0u8..).zip(&picks[..usize::from(coding.data())]) {
                let not_yet = RestoreError::NotYet { row, have: count, need: coding.data() };
                prop_assert_eq!(assembler.restore(row), Err(not_yet));
                let at = pick.index(left.len());
                state = insert(&mut assembler, left.swap_remove(at));
            }
            prop_assert_eq!(state, Inserted::RowReady);
            prop_assert_eq!(assembler.missing(row).count(), left.len());
            let restored = assembler.restore(row).expect("K are there");
            left.sort_by_key(|block| block.stripe);
            prop_assert_eq!(restored.iter().collect::<Vec<_>>(), left);
            prop_assert_eq!(assembler.restore(row), Ok(Vec::new()));
        }
        prop_assert!(assembler.is_complete());
        prop_assert_eq!(joined(assembler.parts()), data.to_vec());
    }

    #[test]
    fn a_live_chunk_of_many_spans_comes_back_whatever_the_order_of_its_spans(
        lens in proptest::collection::vec(1usize..90_000, 1..8),
        coding in coding(), marker in any::<bool>(), turn in any::<Index>(),
    ) {
        let data = content(lens.iter().sum(), 9);
        let spans = live(&data, &lens, coding, marker);
        let mut order: Vec<&EncodedSpan> = spans.iter().collect();
        order.rotate_left(turn.index(spans.len()));
        let mut chunk = ChunkAssembler::new(&order[0].span);
        for encoded in &order {
            prop_assert!(!chunk.is_complete());
            prop_assert_eq!(chunk.verify_hash(), Err(ChunkError::Incomplete));
            chunk.add_span(&encoded.span).expect("they fit");
            prop_assert_eq!(chunk.add_span(&encoded.span), Ok(AddedSpan::Duplicate));
            for block in &encoded.blocks {
                let inserted = chunk.insert(block.row, block.stripe, block.payload.clone(), &block.proof);
                prop_assert!(inserted.is_ok());
            }
        }
        prop_assert!(chunk.is_complete());
        prop_assert_eq!(chunk.verify_hash(), Ok(()));
        let parts: Vec<Bytes> = chunk.parts().collect();
        prop_assert_eq!(joined(parts.iter()), data.to_vec());
    }
}

/// A chunk cut into spans of `lens` bytes; its end in the last one or in a marker after it.
fn live(data: &Bytes, lens: &[usize], coding: Coding, marker: bool) -> Vec<EncodedSpan> {
    let end = ChunkEnd {
        len: data.len() as u64,
        hash: *blake3::hash(data).as_bytes(),
    };
    let (mut first_row, mut offset, mut spans) = (0, 0, Vec::new());
    let markers = usize::from(marker);
    for (at, len) in lens
        .iter()
        .copied()
        .chain(std::iter::repeat_n(0, markers))
        .enumerate()
    {
        let last = (at + 1 == lens.len() + markers).then_some(end);
        let draft = SpanDraft {
            chunk: draft(8, coding),
            first_row,
            offset: offset as u64,
            last,
        };
        let encoded =
            encode_span(draft, &data.slice(offset..offset + len), &key()).expect("in bounds");
        first_row = encoded.span.header().geometry().row_range().end;
        offset += len;
        spans.push(encoded);
    }
    spans
}

#[test]
fn data_blocks_are_slices_of_the_chunk_and_a_row_shares_one_proof() {
    let data = content(200_000, 1);
    let encoded = encode_chunk(draft(0, Coding::default()), &data, &key()).expect("in bounds");
    let range = data.as_ptr_range();
    for row in encoded.blocks.chunks(5) {
        assert!(
            row[..4]
                .iter()
                .all(|block| range.contains(&block.payload.as_ptr()))
        );
        assert!(
            row.iter()
                .all(|block| block.proof.as_ptr() == row[0].proof.as_ptr())
        );
    }
    assert_eq!(encoded.stripe(4).count(), 4);
}

#[test]
fn a_have_bitmap_says_which_rows_of_a_stripe_are_there() {
    let data = content(10 * 65_536, 1);
    let encoded = encode_chunk(draft(0, Coding::default()), &data, &key()).expect("in bounds");
    let mut chunk = ChunkAssembler::new(&encoded.span);
    for block in encoded
        .stripe(2)
        .filter(|block| [0, 3, 9].contains(&block.row))
    {
        chunk
            .insert(block.row, 2, block.payload.clone(), &block.proof)
            .expect("verified");
    }
    assert_eq!(chunk.have_bitmap(2), [0b0000_1001, 0b0000_0010]);
    assert_eq!(chunk.have_bitmap(1), [0, 0]);
    assert_eq!(chunk.end_row(), 10);
    assert_eq!(chunk.missing(3).collect::<Vec<_>>(), [0, 1, 3, 4]);
    assert_eq!(chunk.missing(10).count(), 0);
}

#[test]
fn spans_that_contradict_each_other_are_refused() {
    let data = content(200_000, 1);
    let spans = live(&data, &[65_536, 65_536, 68_928], Coding::default(), false);
    let mut chunk = ChunkAssembler::new(&spans[1].span);
    let other = |change: &dyn Fn(&mut SpanDraft)| {
        let header = spans[2].span.header();
        let (first_row, offset, last) = (header.first_row, header.offset, header.last);
        let mut span = SpanDraft {
            chunk: draft(8, Coding::default()),
            first_row,
            offset,
            last,
        };
        change(&mut span);
        encode_span(span, &data.slice(131_072..), &key()).map(|encoded| encoded.span)
    };
    let name = other(&|span| span.chunk.name = "other.mkv".to_owned()).expect("in bounds");
    assert_eq!(chunk.add_span(&name), Err(ChunkError::Differs("name")));
    let epoch = other(&|span| span.chunk.epoch = 8).expect("in bounds");
    assert_eq!(chunk.add_span(&epoch), Err(ChunkError::Differs("epoch")));
    let over = other(&|span| (span.first_row, span.offset, span.last) = (1, 65_537, None))
        .expect("in bounds");
    assert_eq!(chunk.add_span(&over), Err(ChunkError::Overlap));
    let gap = other(&|span| (span.offset, span.last) = (131_073, None)).expect("in bounds");
    assert_eq!(
        chunk.add_span(&gap),
        Err(ChunkError::Overlap),
        "row 2 starts where row 1 ends"
    );
    chunk.add_span(&spans[2].span).expect("it fits");
    let behind = other(&|span| (span.first_row, span.offset, span.last) = (4, 200_000, None))
        .expect("in bounds");
    assert_eq!(
        chunk.add_span(&behind),
        Err(ChunkError::Overlap),
        "the chunk has ended"
    );
    let wrong_end = other(&|span| {
        span.last = Some(ChunkEnd {
            len: 7,
            hash: [0; 32],
        })
    });
    assert_eq!(
        wrong_end.err(),
        Some(SpanError::Data {
            end: 200_000,
            len: 7
        })
    );
}

#[test]
fn a_chunk_whose_signed_hash_is_wrong_is_found_out() {
    let data = content(1_000, 1);
    let last = Some(ChunkEnd {
        len: 1_000,
        hash: [0; 32],
    });
    let span = SpanDraft {
        chunk: draft(8, Coding::default()),
        first_row: 0,
        offset: 0,
        last,
    };
    let encoded = encode_span(span, &data, &key()).expect("in bounds");
    let mut chunk = ChunkAssembler::new(&encoded.span);
    for block in &encoded.blocks {
        chunk
            .insert(block.row, block.stripe, block.payload.clone(), &block.proof)
            .expect("verified");
    }
    assert!(chunk.is_complete());
    assert_eq!(chunk.verify_hash(), Err(ChunkError::Hash));
}

#[test]
fn a_header_out_of_bounds_is_not_signed() {
    let data = content(100, 1);
    let refused = |change: &dyn Fn(&mut media_model::ChunkDraft)| {
        let mut chunk = draft(0, Coding::default());
        change(&mut chunk);
        encode_chunk(chunk, &data, &key())
            .map(|_| ())
            .expect_err("out of bounds")
            .to_string()
    };
    assert_eq!(
        refused(&|c| c.seq = u64::MAX),
        format!("the header of a span: seq is {}, at most 2^53", u64::MAX)
    );
    assert_eq!(
        refused(&|c| c.duration_us = 0),
        "the header of a span: duration is 0, 1 us to 60 s"
    );
    assert!(refused(&|c| c.name = "/etc/passwd.mkv".to_owned()).contains("byte 0x2f"));
    let empty = encode_chunk(draft(0, Coding::default()), &Bytes::new(), &key());
    assert!(empty.is_err(), "a chunk without bytes");
}
