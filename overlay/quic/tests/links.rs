//! How links are made, refused and closed.

mod lab;

use std::time::Duration;

use lab::raw::{RawPeer, closed, hello, say};
use lab::*;
use media_model::Coding;
use overlay_core::{Cause, Event, Message};
use overlay_quic::{BindError, Endpoint, Identity, JoinError, OpenError, Place};

#[tokio::test]
async fn another_peer_at_the_origins_address_is_not_taken_for_it() {
    let origin = endpoint();
    let _root = root_at(&origin, Coding::default(), 8);
    let somebody = Identity::generate().expect("a key").id();
    let here = endpoint();
    let member = here
        .join(member_config(&[(Some(somebody), origin.local_addr())], 4))
        .await
        .expect("the address needs no name server");
    let mut events = member.events();
    let cause = loop {
        match tokio::time::timeout(PATIENCE, events.recv())
            .await
            .expect("an event in time")
        {
            Ok(Event::Unreachable { cause, .. }) => break cause,
            Ok(_) => {}
            Err(why) => panic!("{why}"),
        }
    };
    assert_eq!(cause, Cause::Mismatch);
    assert!(member.facts().links.is_empty());
}

#[tokio::test]
async fn who_connects_and_says_nothing_is_closed() {
    let origin = endpoint();
    let root = root_at(&origin, Coding::default(), 8);
    let conn = RawPeer::new().connect(origin.local_addr()).await;
    assert_eq!(closed(&conn).await, Cause::TooSlow);
    assert!(root.facts().links.is_empty());
}

#[tokio::test]
async fn who_asks_for_a_channel_that_is_not_here_is_told_so() {
    let origin = endpoint();
    let _root = root_at(&origin, Coding::default(), 8);
    let peer = RawPeer::new();
    let conn = peer.connect(origin.local_addr()).await;
    let (mut send, _recv) = conn.open_bi().await.expect("one control stream");
    let mut first = hello(1, origin.local_addr());
    first.channel = 99;
    say(&mut send, &Message::Hello(first)).await;
    assert_eq!(closed(&conn).await, Cause::Mismatch);
}

#[tokio::test]
async fn a_control_message_that_claims_to_be_longer_than_allowed_ends_the_link() {
    let origin = endpoint();
    let root = root_at(&origin, Coding::default(), 8);
    let mut link = RawPeer::new().link(origin.local_addr()).await;
    assert_eq!(root.facts().links.len(), 1);
    link.send
        .write_all(&(65 * 1024_u32).to_be_bytes())
        .await
        .expect("the link stands");
    assert_eq!(closed(&link.conn).await, Cause::Corrupt);
    until("the link is gone", || root.facts().links.is_empty()).await;
}

#[tokio::test]
async fn a_control_message_that_is_none_ends_the_link() {
    let origin = endpoint();
    let root = root_at(&origin, Coding::default(), 8);
    let mut link = RawPeer::new().link(origin.local_addr()).await;
    link.send
        .write_all(&[0, 0, 0, 3, 200, 200, 200])
        .await
        .expect("the link stands");
    assert_eq!(closed(&link.conn).await, Cause::Corrupt);
    until("the link is gone", || root.facts().links.is_empty()).await;
}

#[tokio::test]
async fn a_peer_that_was_started_anew_replaces_its_old_link() {
    let origin = endpoint();
    let root = root_at(&origin, Coding::default(), 8);
    let peer = RawPeer::new();
    let old = peer.link_as(origin.local_addr(), 1).await;
    let new = peer.link_as(origin.local_addr(), 2).await;
    assert_eq!(closed(&old.conn).await, Cause::Duplicate);
    assert_eq!(root.facts().links.len(), 1);
    assert!(new.conn.close_reason().is_none());
}

/// Both dial at the same moment, many times; with `known`, they know whom they expect.
async fn cross(known: bool) {
    for round in 0..20 {
        let a = endpoint();
        let b = endpoint_beside(a.id(), round % 2 == 0);
        let id = |of: &Endpoint| known.then(|| of.id());
        let (to_a, to_b) = ((id(&a), a.local_addr()), (id(&b), b.local_addr()));
        let (at_a, at_b) = tokio::join!(
            a.join(member_config(&[to_b], 4)),
            b.join(member_config(&[to_a], 4)),
        );
        let (at_a, at_b) = (at_a.expect("joined"), at_b.expect("joined"));
        let linked = || match (&at_a.facts().links[..], &at_b.facts().links[..]) {
            ([ab], [ba]) => ab.id == b.id() && ba.id == a.id() && ab.dialed != ba.dialed,
            _ => false,
        };
        until("one link, and the same at both ends", linked).await;
        let of_a = at_a.facts().links[0].dialed;
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            assert!(
                linked() && at_a.facts().links[0].dialed == of_a,
                "the link is kept"
            );
        }
    }
}

#[tokio::test]
async fn two_peers_that_dial_each_other_at_once_end_with_one_link() {
    cross(true).await;
}

#[tokio::test]
async fn two_strangers_that_dial_each_other_at_once_end_with_one_link() {
    cross(false).await;
}

#[tokio::test]
async fn a_member_that_leaves_is_gone_at_the_other_end_at_once() {
    let origin = endpoint();
    let root = root_at(&origin, Coding::default(), 8);
    let (endpoint, member, mut chunks) = member(&origin, 4).await;
    until("it is a child", || root.facts().forest.children.len() == 1).await;
    let leaving = std::time::Instant::now();
    member.leave().await;
    assert!(leaving.elapsed() < Duration::from_secs(15));
    until("it is gone", || root.facts().links.is_empty()).await;
    assert!(chunks.recv().await.is_none(), "nothing comes after the end");
    endpoint.close().await;
}

#[tokio::test]
async fn what_cannot_be_opened_is_said_plainly() {
    let first = endpoint();
    let identity = Identity::generate().expect("a key");
    let taken = Endpoint::bind(first.local_addr(), &identity)
        .err()
        .expect("the port is taken");
    assert!(matches!(taken, BindError::Bind { .. }));
    assert!(
        taken
            .to_string()
            .starts_with(&format!("cannot listen on UDP {}", first.local_addr()))
    );

    let _root = root_at(&first, Coding::default(), 1);
    let again = first.open_root(root_config(2, Coding::default(), 1));
    assert!(matches!(again.err(), Some(OpenError::Open(CHANNEL))));
    let zero = endpoint().open_root(root_config(0, Coding::default(), 1));
    assert!(matches!(zero.err(), Some(OpenError::Epoch)));

    let mut nowhere = member_config(&[], 1);
    assert!(matches!(
        endpoint().join(nowhere.clone()).await.err(),
        Some(JoinError::NoPlace)
    ));
    nowhere.places.push(Place {
        id: None,
        at: "no.such.host.invalid:1".to_owned(),
    });
    assert!(matches!(
        endpoint().join(nowhere).await.err(),
        Some(JoinError::Resolve { .. })
    ));
}

#[tokio::test]
async fn a_channel_that_was_closed_can_be_opened_again() {
    let here = endpoint();
    let root = root_at(&here, Coding::default(), 1);
    let other = root.clone();
    drop(root);
    assert!(
        here.open_root(root_config(2, Coding::default(), 1))
            .is_err(),
        "there is still a handle"
    );
    drop(other);
    here.open_root(root_config(2, Coding::default(), 1))
        .expect("it is free now");
}
