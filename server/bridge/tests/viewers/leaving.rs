//! Viewers that leave, in every way, and what is left of them: nothing.

use crate::client::{Client, Offerer};
use crate::feed::Feed;
use crate::relay::Relay;
use crate::{TERMS, bridge, stage, until, within};
use server_bridge::{JoinError, ViewerEvent};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use webrtc::peer_connection::RTCPeerConnectionState;

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("Linux").count()
}

fn tasks() -> usize {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
}

async fn closed(client: &mut Client) -> String {
    loop {
        match within("the end", client.viewer.next()).await {
            Some(ViewerEvent::Closed(why)) => return why,
            Some(_) => {}
            None => panic!("no reason was told"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_joins_and_a_hundred_bad_offers_leave_nothing_behind() {
    let bridge = bridge().await;
    let stage = stage(&bridge);
    let offerer = Offerer::new().await;
    let first = stage
        .answer(&offerer.offer, TERMS)
        .await
        .expect("an answer");
    drop(first);
    until("the first is gone", || bridge.stats().viewers == 0).await;
    let (files, running) = (descriptors(), tasks());
    let mut some = Vec::new();
    for number in 0..100 {
        let (viewer, answer) = stage
            .answer(&offerer.offer, TERMS)
            .await
            .expect("an answer");
        assert!(
            answer.contains(&format!(" {} typ host", bridge.udp_address().port())),
            "one port for all"
        );
        if number % 2 == 0 {
            some.push(viewer);
        }
        let broken = offerer.offer.replace("a=fingerprint", "a=foot");
        stage
            .answer(&broken, TERMS)
            .await
            .map(|_| ())
            .expect_err("no fingerprint");
    }
    assert!(
        bridge.stats().viewers >= 50 && descriptors() <= files,
        "no socket of their own"
    );
    // Cancelled while it is answered.
    let _ = tokio::time::timeout(Duration::ZERO, stage.answer(&offerer.offer, TERMS)).await;
    drop(some);
    until("all are gone", || {
        bridge.stats().viewers == 0 && tasks() <= running
    })
    .await;
    assert!(descriptors() <= files && stage.viewers().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_notice_when_the_other_ends_it() {
    let bridge = bridge().await;
    let stage = stage(&bridge);
    let mut left = Client::join(&stage, TERMS, |answer| answer).await;
    assert_eq!(
        within("connected", left.viewer.next()).await,
        Some(ViewerEvent::Connected)
    );
    left.hang_up().await;
    closed(&mut left).await;
    assert_eq!(left.viewer.next().await, None);

    let mut stays = Client::join(&stage, TERMS, |answer| answer).await;
    assert_eq!(
        within("connected", stays.viewer.next()).await,
        Some(ViewerEvent::Connected)
    );
    stage.close();
    assert_eq!(closed(&mut stays).await, "the picture has ended");
    until("the client hears of it", || {
        stays.state() != Some(RTCPeerConnectionState::Connected)
    })
    .await;
    let offer = Offerer::new().await.offer;
    assert_eq!(
        stage.answer(&offer, TERMS).await.map(|_| ()),
        Err(JoinError::Closed)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_that_falls_silent_is_noticed_soon() {
    let bridge = bridge().await;
    let stage = stage(&bridge);
    let _feed = Feed::start(&stage);
    let relay = Relay::start(bridge.udp_address()).await;
    let mut client = Client::join(&stage, TERMS, |answer| relay.instead(&answer)).await;
    until("pictures", || !client.pictures().0.is_empty()).await;
    relay.badness.silent.store(1, Ordering::Relaxed);
    let started = Instant::now();
    closed(&mut client).await;
    let noticed = started.elapsed();
    // Four seconds, on a machine that does not stand still meanwhile.
    assert!(
        (Duration::from_secs(2)..Duration::from_secs(15)).contains(&noticed),
        "{noticed:?}"
    );
    drop(client);
    until("gone", || {
        bridge.stats().viewers == 0 && stage.demand().borrow().viewers == 0
    })
    .await;
}
