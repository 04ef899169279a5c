//! A forest without an origin: its root is whichever member becomes it, and the others are told whose key counts.

mod lab;

use std::time::Duration;

use lab::*;
use media_model::Coding;
use overlay_core::Params;
use overlay_quic::{ChunkReceiver, Endpoint, Identity, Member, MemberConfig, Root, Trust};

struct Peer {
    identity: Identity,
    endpoint: Endpoint,
    member: Member,
    chunks: ChunkReceiver,
}

async fn peer() -> Peer {
    logs();
    let identity = Identity::generate().expect("a key");
    let endpoint = Endpoint::bind(loopback(), &identity).expect("a free port");
    let config = MemberConfig {
        channel: CHANNEL,
        trust: Trust::Roots,
        places: Vec::new(),
        fan_out: 4,
        params: Params::default(),
    };
    let member = endpoint.join(config).await.expect("nothing to resolve");
    let chunks = member.chunks();
    Peer {
        identity,
        endpoint,
        member,
        chunks,
    }
}

impl Peer {
    fn take_over(&self, epoch: u64) -> Root {
        let key = self.identity.signing_key();
        self.member
            .take_over(epoch, Coding::default(), key)
            .expect("nobody has a higher epoch")
    }

    /// Asks who is there, and follows it if it is the root.
    async fn follow(&self, root: &Endpoint) {
        let card = self
            .endpoint
            .ask_root(root.local_addr(), CHANNEL, PATIENCE)
            .await
            .expect("it answers");
        assert_eq!(card.id, root.id());
        let epoch = card.epoch.expect("it is the root");
        assert!(self.member.trust(epoch, card.key));
        self.member.root_moved(card.id, root.local_addr());
    }

    fn is_whole(&self) -> bool {
        self.member.bearings().parents == usize::from(Coding::default().stripes())
    }
}

#[tokio::test]
async fn who_is_no_root_says_so_and_who_is_names_its_epoch() {
    let (asker, other) = (peer().await, peer().await);
    let ask = || {
        asker
            .endpoint
            .ask_root(other.endpoint.local_addr(), CHANNEL, PATIENCE)
    };
    assert_eq!(ask().await.expect("an answer").epoch, None);
    let _root = other.take_over(7);
    let card = ask().await.expect("an answer");
    assert_eq!(card.epoch, Some(7));
    assert_eq!(card.key, other.identity.signing_key().origin_key());
    let nobody = asker
        .endpoint
        .ask_root(loopback(), CHANNEL, Duration::from_millis(200))
        .await;
    assert!(nobody.is_err(), "{nobody:?}");
}

#[tokio::test]
async fn an_epoch_must_be_higher_than_any_that_was_heard_of() {
    let (first, second) = (peer().await, peer().await);
    let _root = first.take_over(7);
    second.follow(&first.endpoint).await;
    until("the second has its places", || second.is_whole()).await;
    let key = second.identity.signing_key();
    let low = second
        .member
        .take_over(7, Coding::default(), key)
        .err()
        .expect("not higher");
    assert!(low.to_string().contains("7"), "{low}");
}

#[tokio::test]
async fn nothing_is_lost_while_the_new_roots_key_is_not_known_yet() {
    let mut peers = Vec::new();
    for _ in 0..5 {
        peers.push(peer().await);
    }
    let first = peers.remove(0);
    let root = first.take_over(10);
    for peer in &peers {
        peer.follow(&first.endpoint).await;
    }
    until("every stripe has a parent", || {
        peers.iter().all(Peer::is_whole)
    })
    .await;
    root.publish(chunk(100, 300_000), Duration::ZERO)
        .await
        .expect("published");
    for peer in &mut peers {
        expect_chunk(&mut peer.chunks, 100, 300_000).await;
    }
    drop(root);
    drop(first);

    let second = peers.remove(0);
    let newest = second.member.bearings().newest.expect("chunk 100");
    assert_eq!(newest.0, 100);
    assert!(newest.1.is_some(), "its hash was signed");
    let root = second.take_over(11);
    root.publish(chunk(101, 300_000), Duration::ZERO)
        .await
        .expect("published");
    until(
        "everybody has heard of a root that it does not know",
        || {
            peers.iter().all(|peer| {
                let bearings = peer.member.bearings();
                bearings.epoch == 11 && bearings.trusted_epoch == Some(10)
            })
        },
    )
    .await;
    for peer in &peers {
        peer.follow(&second.endpoint).await;
    }
    root.publish(chunk(102, 300_000), Duration::ZERO)
        .await
        .expect("published");
    for peer in &mut peers {
        expect_chunk(&mut peer.chunks, 101, 300_000).await;
        expect_chunk(&mut peer.chunks, 102, 300_000).await;
        let counters = peer.member.facts().counters;
        assert_eq!(counters.blocks_refused, 0, "nobody was taken for a forger");
    }
}

#[tokio::test]
async fn a_root_that_waits_until_all_is_spread_takes_nothing_with_it() {
    let first = peer().await;
    let root = first.take_over(10);
    assert!(root.spread(Duration::ZERO).await, "there is nobody");
    let mut others = [peer().await, peer().await];
    for peer in &others {
        peer.follow(&first.endpoint).await;
    }
    until("every stripe has a parent", || {
        others.iter().all(Peer::is_whole)
    })
    .await;
    let publishing = root.publish(chunk(100, 1_000_000), Duration::from_millis(300));
    publishing.await.expect("published");
    assert!(root.spread(PATIENCE).await);
    root.leave().await;
    for peer in &mut others {
        expect_chunk(&mut peer.chunks, 100, 1_000_000).await;
    }
}
