//! The window, with real chunks and without any link.

use media_model::{ChunkDraft, Coding, EncodedSpan, SigningKey, encode_chunk};

use super::*;
use crate::frame::Kind;

const PEER: PeerId = PeerId([7; 32]);

fn chunk(seq: u64, epoch: u64, len: usize) -> EncodedSpan {
    let draft = ChunkDraft {
        channel: 0,
        epoch,
        seq,
        name: format!("film_{seq:05}.mkv"),
        wall_time_us: 1,
        duration_us: 2_000_000,
        coding: Coding::default(),
    };
    let data: Vec<u8> = (0..len)
        .map(|at| (at as u64 * 31 + seq * 7 + epoch) as u8)
        .collect();
    encode_chunk(draft, &data.into(), &SigningKey::from_bytes(&[1; 32])).expect("a proper chunk")
}

fn head(seq: u64, epoch: u64, stripe: u8) -> StreamHead {
    StreamHead {
        kind: Kind::Push,
        stripe,
        epoch,
        seq,
    }
}

fn insert(window: &mut Window, epoch: u64, block: &Block) -> BlockOutcome {
    let head = head(block.seq, epoch, block.stripe);
    window.insert(
        &head,
        block.row,
        BlockFrame::of(block),
        PEER,
        Instant::now(),
    )
}

#[test]
fn a_chunk_with_one_stripe_lacking_is_whole_after_its_rows_are_restored() {
    let mut window = Window::new();
    let sent = chunk(3, 1, 200_000);
    assert_eq!(
        window.add_span(&sent.span, Instant::now()),
        SpanOutcome::New {
            rows: 4,
            last: true
        }
    );
    assert_eq!(
        window.add_span(&sent.span, Instant::now()),
        SpanOutcome::Known
    );
    for block in sent.blocks.iter().filter(|block| block.stripe != 2) {
        let restorable = block.stripe == 4;
        assert_eq!(
            insert(&mut window, 1, block),
            BlockOutcome::New {
                restorable,
                complete: false
            }
        );
        assert_eq!(insert(&mut window, 1, block), BlockOutcome::Duplicate);
    }
    for row in 0..4 {
        assert_eq!(window.restore(3, row, Instant::now()), (vec![2], row == 3));
    }
    let (epoch, parts, end) = window.start_check(3).expect("complete");
    assert_eq!(parts.iter().map(Bytes::len).sum::<usize>() as u64, end.len);
    assert!(window.start_check(3).is_none(), "it is checked once");
    assert!(window.end_check(3, epoch, true));
    assert_eq!(window.admits(&head(3, 1, 2)), Err(StreamCode::Have));
    assert_eq!(
        window.log(2).of_chunk(3).count(),
        5,
        "the span and four restored blocks"
    );
}

#[test]
fn a_higher_epoch_replaces_an_unfinished_chunk_and_nothing_lower_comes_in_again() {
    let mut window = Window::new();
    let (old, new) = (chunk(3, 1, 200_000), chunk(3, 2, 100_000));
    window.add_span(&old.span, Instant::now());
    insert(&mut window, 1, &old.blocks[0]);
    assert!(matches!(
        window.add_span(&new.span, Instant::now()),
        SpanOutcome::New {
            rows: 2,
            last: true
        }
    ));
    assert_eq!(window.bytes(), 0);
    assert_eq!(
        insert(&mut window, 1, &old.blocks[1]),
        BlockOutcome::Refused(StreamCode::OldEpoch)
    );
    assert_eq!(
        window.add_span(&old.span, Instant::now()),
        SpanOutcome::Refused(StreamCode::OldEpoch)
    );
    assert_eq!(window.admits(&head(4, 1, 0)), Err(StreamCode::OldEpoch));
    for block in &new.blocks {
        assert!(matches!(
            insert(&mut window, 2, block),
            BlockOutcome::New { .. }
        ));
    }
    assert!(window.start_check(3).is_some());
    let newer = chunk(3, 3, 100_000);
    assert_eq!(
        window.add_span(&newer.span, Instant::now()),
        SpanOutcome::Refused(StreamCode::Have)
    );
}

#[test]
fn what_was_forgotten_costs_nothing_and_does_not_come_back() {
    let mut window = Window::new();
    for seq in 0..3 {
        let sent = chunk(seq, 1, 70_000);
        window.add_span(&sent.span, Instant::now());
        for block in &sent.blocks {
            insert(&mut window, 1, block);
        }
    }
    let all = window.bytes();
    window.forget(2);
    assert_eq!(window.bytes(), all / 3);
    assert_eq!(window.log(0).of_chunk(1).count(), 0);
    assert_eq!(
        window
            .log(0)
            .get(window.log(0).first())
            .map(|item| item.seq),
        Some(2)
    );
    assert_eq!(window.admits(&head(1, 1, 0)), Err(StreamCode::Forgotten));
    assert_eq!(
        insert(&mut window, 1, &chunk(1, 1, 70_000).blocks[0]),
        BlockOutcome::Refused(StreamCode::Forgotten)
    );
}

#[test]
fn more_chunks_than_any_honest_origin_sends_are_bounded() {
    let mut window = Window::new();
    for seq in 0..3 * MAX_CHUNKS as u64 {
        window.add_span(&chunk(seq, 1, 10).span, Instant::now());
    }
    assert_eq!(window.chunks.len(), MAX_CHUNKS);
}

#[test]
fn an_altered_block_is_corrupt_and_leaves_no_trace() {
    let mut window = Window::new();
    let sent = chunk(1, 1, 70_000);
    window.add_span(&sent.span, Instant::now());
    let mut block = sent.blocks[0].clone();
    let mut altered = block.payload.to_vec();
    altered[5] ^= 1;
    block.payload = altered.into();
    assert!(matches!(
        insert(&mut window, 1, &block),
        BlockOutcome::Corrupt(BlockError::Payload { .. })
    ));
    assert_eq!(window.bytes(), 0);
}
