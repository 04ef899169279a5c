//! Streams of blocks: what is taken, what is refused, and that nobody waits for anybody else.

mod lab;

use std::time::{Duration, Instant};

use bytes::Bytes;
use lab::raw::*;
use lab::*;
use media_model::Coding;
use overlay_core::{Cause, Message, Want};
use overlay_quic::{ChunkReceiver, Endpoint, Member, PublishError};
use quinn::VarInt;

/// A member of a root that sends nothing, for a raw peer to talk to.
async fn listener() -> (
    Endpoint,
    overlay_quic::Root,
    Endpoint,
    Member,
    ChunkReceiver,
) {
    let origin = endpoint();
    let root = root_at(&origin, Coding::default(), 8);
    let (endpoint, member, chunks) = member(&origin, 4).await;
    (origin, root, endpoint, member, chunks)
}

#[tokio::test]
async fn a_chunk_from_any_linked_peer_is_taken_if_it_verifies() {
    let (_origin, _root, endpoint, member, mut chunks) = listener().await;
    let link = RawPeer::new().link(endpoint.local_addr()).await;
    let chunk = signed(5, 1, 300_000);
    for stripe in 0..5 {
        send_stripe(&link.conn, &chunk, stripe).await;
    }
    expect_chunk(&mut chunks, 5, 300_000).await;
    let blocks = chunk.blocks.len() as u64;
    until("all blocks are there", || {
        let counters = member.facts().counters;
        counters.blocks_verified + counters.blocks_restored == blocks
            && counters.blocks_refused == 0
    })
    .await;
}

#[tokio::test]
async fn a_stripe_that_never_comes_is_restored_from_parity() {
    let (_origin, _root, endpoint, member, mut chunks) = listener().await;
    let link = RawPeer::new().link(endpoint.local_addr()).await;
    let chunk = signed(5, 1, 300_000);
    for stripe in [4, 3, 1, 0] {
        send_stripe(&link.conn, &chunk, stripe).await;
    }
    expect_chunk(&mut chunks, 5, 300_000).await;
    assert_eq!(
        member.facts().counters.blocks_restored,
        chunk.stripe(2).count() as u64
    );
}

/// Links a raw peer, sends these pieces, and expects the link to be closed as corrupt while everybody else's stays.
async fn refused(pieces: Vec<Bytes>) {
    let (_origin, _root, endpoint, member, _chunks) = listener().await;
    let peer = RawPeer::new();
    let link = peer.link(endpoint.local_addr()).await;
    send_pieces(&link.conn, &pieces).await;
    assert_eq!(closed(&link.conn).await, Cause::Corrupt);
    let facts = member.facts();
    assert_eq!(
        (
            facts.counters.blocks_refused,
            facts.counters.blocks_verified
        ),
        (1, 0)
    );
    assert!(facts.links.iter().all(|link| link.id != peer.id));
    assert_eq!(facts.links.len(), 1, "the root's link stays");
}

#[tokio::test]
async fn an_altered_block_costs_its_sender_the_link() {
    let chunk = signed(5, 1, 300_000);
    let block = block_frame(&chunk.blocks[0]);
    let mut altered = block.to_vec();
    altered[1000] ^= 1;
    refused(vec![
        stream_head(0, 1, 5),
        span_frame(&chunk.span),
        altered.into(),
    ])
    .await;
}

#[tokio::test]
async fn a_truncated_block_costs_its_sender_the_link() {
    let chunk = signed(5, 1, 300_000);
    let block = block_frame(&chunk.blocks[0]);
    let torn = block.slice(..block.len() - 1);
    refused(vec![stream_head(0, 1, 5), span_frame(&chunk.span), torn]).await;
}

#[tokio::test]
async fn a_span_that_the_origin_did_not_sign_costs_its_sender_the_link() {
    let mut frame = span_frame(&signed(5, 1, 300_000).span).to_vec();
    *frame.last_mut().expect("it has a signature") ^= 1;
    refused(vec![stream_head(0, 1, 5), frame.into()]).await;
}

#[tokio::test]
async fn a_block_without_a_span_costs_its_sender_the_link() {
    let chunk = signed(5, 1, 300_000);
    let other = signed(5, 1, 70_000);
    refused(vec![
        stream_head(0, 1, 5),
        span_frame(&other.span),
        block_frame(&chunk.blocks[15]),
    ])
    .await;
}

#[tokio::test]
async fn a_span_of_another_chunk_than_its_stream_costs_its_sender_the_link() {
    refused(vec![
        stream_head(0, 1, 6),
        span_frame(&signed(5, 1, 300_000).span),
    ])
    .await;
}

#[tokio::test]
async fn what_is_no_stream_of_blocks_costs_its_sender_the_link() {
    refused(vec![Bytes::from_static(
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    )])
    .await;
}

#[tokio::test]
async fn a_head_that_promises_too_much_is_refused_before_anything_is_kept() {
    let chunk = signed(5, 1, 300_000);
    let head = Bytes::from_static(&[2, 0, 0, 0, 0, 0, 32, 255, 255]);
    refused(vec![stream_head(0, 1, 5), span_frame(&chunk.span), head]).await;
}

#[tokio::test]
async fn a_higher_epoch_replaces_an_unfinished_chunk_and_the_lower_one_is_refused() {
    let (_origin, _root, endpoint, member, mut chunks) = listener().await;
    let link = RawPeer::new().link(endpoint.local_addr()).await;
    let (old, new) = (signed(5, 1, 300_000), signed(5, 2, 200_000));
    send_stripe(&link.conn, &old, 0).await;
    until("the old one has begun", || {
        member.facts().counters.blocks_verified == 5
    })
    .await;
    for stripe in 0..4 {
        send_stripe(&link.conn, &new, stripe).await;
    }
    let chunk = expect_chunk(&mut chunks, 5, 200_000).await;
    assert_eq!(chunk.epoch, 2);
    assert_eq!(
        stopped(&link.conn, stream_head(1, 1, 6)).await,
        Some(VarInt::from_u32(4))
    );
    assert!(link.conn.close_reason().is_none(), "being late is no crime");
}

#[tokio::test]
async fn a_stripe_that_is_here_already_is_stopped() {
    let (_origin, _root, endpoint, member, mut chunks) = listener().await;
    let link = RawPeer::new().link(endpoint.local_addr()).await;
    let chunk = signed(5, 1, 300_000);
    for stripe in 0..5 {
        send_stripe(&link.conn, &chunk, stripe).await;
    }
    expect_chunk(&mut chunks, 5, 300_000).await;
    until("the last stripe is there", || {
        let counters = member.facts().counters;
        counters.blocks_verified + counters.blocks_restored == chunk.blocks.len() as u64
    })
    .await;
    assert_eq!(
        stopped(&link.conn, stream_head(1, 1, 5)).await,
        Some(VarInt::from_u32(3))
    );
}

#[tokio::test]
async fn a_root_takes_no_chunk_from_anybody_not_even_its_own() {
    let origin = endpoint();
    let config = root_config(2, Coding::default(), 8);
    let root = origin.open_root(config).expect("the channel is new");
    let link = RawPeer::new().link(origin.local_addr()).await;
    for epoch in [1, 2] {
        let code = stopped(&link.conn, stream_head(0, epoch, 3)).await;
        assert_eq!(code, Some(VarInt::from_u32(3)));
    }
    root.publish(chunk(3, 100_000), Duration::ZERO)
        .await
        .expect("nobody was faster");
    let again = root.publish(chunk(3, 100_000), Duration::ZERO).await;
    assert!(matches!(again, Err(PublishError::Published(3))));
}

#[tokio::test]
async fn a_pull_is_answered_with_the_blocks_that_are_here() {
    let origin = endpoint();
    let root = root_at(&origin, Coding::default(), 8);
    root.publish(chunk(3, 400_000), Duration::ZERO)
        .await
        .expect("published");
    let mut link = RawPeer::new().link(origin.local_addr()).await;
    // Only who is served may pull; it has all of stripe 0.
    attach(
        &mut link,
        0,
        Want {
            from_seq: 4,
            ..Want::default()
        },
    )
    .await;
    let pull = Message::Pull {
        seq: 3,
        stripe: 2,
        rows: vec![0b0010_0010],
    };
    say(&mut link.send, &pull).await;
    let answer = tokio::time::timeout(PATIENCE, link.conn.accept_uni()).await;
    let mut stream = answer.expect("an answer in time").expect("the link stands");
    let got = stream.read_to_end(1 << 20).await.expect("the answer ends");
    let sent = signed(3, 1, 400_000);
    let mut expected = stream_head(2, 1, 3).to_vec();
    expected[4] = 1;
    expected.extend_from_slice(&span_frame(&sent.span));
    for row in [1, 5] {
        let block = sent
            .stripe(2)
            .nth(row)
            .expect("six full rows and a short one");
        expected.extend_from_slice(&block_frame(block));
    }
    assert!(
        got == expected,
        "head, span, and the two rows that were asked for"
    );
}

#[tokio::test]
async fn a_child_that_reads_nothing_delays_nobody_and_is_set_back() {
    let origin = endpoint();
    let root = root_at(&origin, Coding::new(1, 0).expect("the plain tree"), 8);
    let mut slow = RawPeer::new().link(origin.local_addr()).await;
    attach(&mut slow, 0, Want::default()).await;
    let (_endpoint, other, mut chunks) = member(&origin, 0).await;
    until("the other child is served", || {
        other
            .facts()
            .forest
            .stripes
            .iter()
            .any(|s| s.parent.is_some())
    })
    .await;
    // A heartbeat now and then, so that only its blocks are late.
    let mut send = slow.send;
    tokio::spawn(async move {
        let pulse = Message::Pulse {
            beats: Vec::new(),
            progress: Default::default(),
            newest_whole: None,
        }
        .encode();
        let mut bytes = u32::try_from(pulse.len())
            .expect("short")
            .to_be_bytes()
            .to_vec();
        bytes.extend_from_slice(&pulse);
        while send.write_all(&bytes).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let start = Instant::now();
    let mut seq = 0;
    while root.facts().counters.children_behind == 0 {
        assert!(
            start.elapsed() < PATIENCE,
            "the slow child was never set back"
        );
        seq += 1;
        let published = Instant::now();
        root.publish(chunk(seq, 2_000_000), Duration::ZERO)
            .await
            .expect("published");
        expect_chunk(&mut chunks, seq, 2_000_000).await;
        assert!(
            published.elapsed() < PATIENCE / 2,
            "the other child waits for nobody"
        );
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert_eq!(other.facts().counters.chunks_whole, seq);
}
