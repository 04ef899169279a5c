//! Roots and members over real links, as the product uses them.

mod lab;

use std::time::Duration;

use lab::*;
use media_model::Coding;

#[tokio::test]
async fn one_member_gets_a_chunk_byte_for_byte() {
    let origin = endpoint();
    let root = root_at(&origin, Coding::default(), 8);
    let (_endpoint, member, mut chunks) = member(&origin, 4).await;
    until("the member has parents", || {
        member
            .facts()
            .forest
            .stripes
            .iter()
            .filter(|s| s.parent.is_some())
            .count()
            == 5
    })
    .await;
    root.publish(chunk(1, 1_000_000), Duration::ZERO)
        .await
        .expect("published");
    expect_chunk(&mut chunks, 1, 1_000_000).await;
    root.publish(chunk(2, 333), Duration::ZERO)
        .await
        .expect("published");
    expect_chunk(&mut chunks, 2, 333).await;
}

#[tokio::test]
async fn eight_members_get_every_chunk_byte_for_byte() {
    let origin = endpoint();
    let root = root_at(&origin, Coding::default(), 4);
    let mut members = Vec::new();
    for _ in 0..8 {
        members.push(member(&origin, 4).await);
    }
    for (_, member, _) in &members {
        until("every stripe has a parent", || {
            let stripes = member.facts().forest.stripes;
            stripes.len() == 5 && stripes.iter().all(|stripe| stripe.parent.is_some())
        })
        .await;
    }
    for seq in 1..=6 {
        root.publish(chunk(seq, 500_000), Duration::from_millis(100))
            .await
            .expect("published");
    }
    for (_, member, chunks) in &mut members {
        let mut seqs = Vec::new();
        for _ in 1..=6 {
            let chunk = next_chunk(chunks).await;
            assert_same(&chunk, 500_000);
            seqs.push(chunk.seq);
        }
        seqs.sort_unstable();
        assert_eq!(seqs, [1, 2, 3, 4, 5, 6]);
        let counters = member.facts().counters;
        assert_eq!((counters.blocks_refused, counters.chunks_broken), (0, 0));
    }
}

#[tokio::test]
async fn a_newcomer_gets_the_chunk_that_is_on_air_from_its_start() {
    let origin = endpoint();
    let root = root_at(&origin, Coding::default(), 4);
    let on_air = tokio::spawn({
        let root = root.clone();
        async move {
            root.publish(chunk(7, 600_000), Duration::from_secs(1))
                .await
        }
    });
    until("the first rows are out", || {
        root.facts().counters.window_bytes > 300_000
    })
    .await;
    let (_endpoint, _member, mut chunks) = member(&origin, 4).await;
    expect_chunk(&mut chunks, 7, 600_000).await;
    on_air.await.expect("it ran").expect("published");
}
