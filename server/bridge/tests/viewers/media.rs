//! Pictures, sound and messages on good and bad ways.

use crate::client::Client;
use crate::feed::{Feed, number};
use crate::relay::Relay;
use crate::{TERMS, bridge, stage, until, within};
use bytes::Bytes;
use media_packet::Rendition;
use server_bridge::ViewerEvent;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// All pictures from the first to the last, one after the other.
fn check(pictures: &[Vec<u8>]) {
    let numbers: Vec<u32> = pictures.iter().map(|picture| number(picture)).collect();
    assert!(
        numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{numbers:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_gets_every_picture_and_the_sound_soon_after_it_joined() {
    let bridge = bridge().await;
    let stage = stage(&bridge);
    let _feed = Feed::start(&stage);
    let asked = Instant::now();
    let mut client = Client::join(&stage, TERMS, |answer| answer).await;
    assert_eq!(
        within("connected", client.viewer.next()).await,
        Some(ViewerEvent::Connected)
    );
    until("the first picture", || !client.pictures().0.is_empty()).await;
    let first = asked.elapsed();
    until("60 pictures", || client.pictures().0.len() >= 60).await;
    let (pictures, missing) = client.pictures();
    check(&pictures);
    assert_eq!(missing, 0);
    assert!(client.sounds() > 100, "{}", client.sounds());
    assert!(first < Duration::from_secs(15), "{first:?}");
    let stats = client.viewer.stats();
    assert!(
        stats.sent_bytes > 0 && stats.frames >= 55 && stats.connected_us > 1_000_000,
        "{stats:?}"
    );
    until("its reports are understood", || {
        client.viewer.stats().received_bps > 300_000
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_that_asks_for_keyframes_gets_them_but_not_too_often() {
    let bridge = bridge().await;
    let stage = stage(&bridge);
    let _feed = Feed::start(&stage);
    let client = Client::join(&stage, TERMS, |answer| answer).await;
    until("pictures", || client.pictures().0.len() >= 5).await;
    let demand = stage.demand();
    let before = demand.borrow().keyframes_full;
    let started = Instant::now();
    for _ in 0..100 {
        client.complain().await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    until("the request", || demand.borrow().keyframes_full > before).await;
    let requests = demand.borrow().keyframes_full - before;
    // Five in a second.
    let most = 5 * (1 + started.elapsed().as_secs());
    assert!((1..=most).contains(&requests), "{requests}");
    until("counted", || client.viewer.stats().plis > 20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_packet_in_twenty_is_lost_and_the_pictures_are_repaired() {
    let bridge = bridge().await;
    let stage = stage(&bridge);
    let _feed = Feed::start(&stage);
    let relay = Relay::start(bridge.udp_address()).await;
    let client = Client::join(&stage, TERMS, |answer| relay.instead(&answer)).await;
    until("pictures", || client.pictures().0.len() >= 5).await;
    relay.badness.lose_every.store(20, Ordering::Relaxed);
    until("150 pictures", || client.pictures().0.len() >= 150).await;
    let numbers: Vec<u32> = client
        .pictures()
        .0
        .iter()
        .map(|picture| number(picture))
        .collect();
    // The last two seconds may still be in repair; what was never sent is no loss of the way's.
    let repaired = numbers[numbers.len() - 1] - 60;
    let whole = numbers.iter().filter(|number| **number < repaired).count() as u64;
    let all = u64::from(repaired - numbers[0]);
    let never_sent = client.viewer.stats().dropped_frames;
    assert!(
        whole + never_sent >= all,
        "{whole} and {never_sent} of {all}"
    );
    assert!(
        client.viewer.stats().nacks > 10,
        "{:?}",
        client.viewer.stats()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_go_both_ways_and_not_where_they_are_not_allowed() {
    let bridge = bridge().await;
    let stage = stage(&bridge);
    let mut client = Client::join(&stage, TERMS, |answer| answer).await;
    let sender = client.viewer.sender();
    assert!(
        !sender.send("input", Bytes::from_static(b"early"), false),
        "not open yet"
    );
    until("the channel", || client.is_open()).await;
    client.say(b"hello").await;
    let mut events = Vec::new();
    while events.len() < 3 {
        events.extend(within("an event", client.viewer.next()).await);
    }
    let data = Bytes::from_static(b"hello");
    let message = ViewerEvent::Message {
        label: "input".into(),
        data,
        is_text: false,
    };
    assert_eq!(
        events[1..],
        [
            ViewerEvent::ChannelOpen {
                label: "input".into()
            },
            message
        ]
    );
    assert!(sender.send("input", Bytes::from_static(b"world"), true));
    until("the reply", || client.messages() == [b"world".to_vec()]).await;
    assert!(!sender.send("other", Bytes::new(), true), "no such channel");
    assert!(
        !sender.send("input", Bytes::from(vec![1; 64 * 1024 + 1]), false),
        "too long"
    );

    let terms = server_bridge::Terms {
        input: false,
        ..TERMS
    };
    let mut deaf = Client::join(&stage, terms, |answer| answer).await;
    assert_eq!(
        within("connected", deaf.viewer.next()).await,
        Some(ViewerEvent::Connected)
    );
    assert!(
        !deaf
            .viewer
            .sender()
            .send("input", Bytes::from_static(b"x"), true)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_viewer_gets_the_low_rendition_and_costs_the_others_nothing() {
    let bridge = bridge().await;
    let stage = stage(&bridge);
    let _feed = Feed::start(&stage);
    let good = Client::join(&stage, TERMS, |answer| answer).await;
    let relay = Relay::start(bridge.udp_address()).await;
    let slow = Client::join(&stage, TERMS, |answer| relay.instead(&answer)).await;
    until("both watch", || {
        !good.pictures().0.is_empty() && !slow.pictures().0.is_empty()
    })
    .await;
    relay.badness.bps.store(500_000, Ordering::Relaxed);
    until("the low rendition", || {
        slow.viewer.stats().rendition == Rendition::Low
    })
    .await;
    let (demand, stats) = (stage.demand().borrow().clone(), good.viewer.stats());
    assert_eq!(
        (stats.rendition, stats.dropped_frames),
        (Rendition::Full, 0),
        "{stats:?}"
    );
    assert!(
        demand.full_bps >= 1_200_000 && demand.low_bps.is_some_and(|bps| bps < 900_000),
        "{demand:?}"
    );
    let (pictures, missing) = good.pictures();
    check(&pictures);
    assert_eq!(missing, 0);
    relay.badness.bps.store(0, Ordering::Relaxed);
    until("the full rendition again", || {
        slow.viewer.stats().rendition == Rendition::Full
    })
    .await;
}
