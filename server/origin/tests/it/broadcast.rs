//! Origins on air, seen by viewers: what they broadcast, and what they remember.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use crate::lab::{CHUNK_US, Lab, Running, Viewer, bytes, channel, content, state};
use overlay_quic::WholeChunk;
use server_origin::{OriginError, Source};

#[tokio::test]
async fn a_viewer_gets_every_chunk_of_the_loop_byte_for_byte_round_after_round() {
    let lab = Lab::new();
    let durations = [CHUNK_US, CHUNK_US, CHUNK_US / 4];
    let origin = Running::start(lab.config(Source::Chunks(lab.chunks("film", &durations))));
    let mut viewer = Viewer::join(&origin.invite()).await;
    let mut last: Option<WholeChunk> = None;
    for _ in 0..8 {
        let chunk = viewer.chunk().await;
        let index = chunk.seq as usize % durations.len();
        assert_eq!(chunk.name, format!("film_{:05}.mkv", chunk.seq));
        assert_eq!(chunk.duration_us, durations[index]);
        assert!(
            bytes(&chunk) == content("film", index),
            "chunk {}",
            chunk.seq
        );
        if let Some(last) = last {
            assert_eq!(chunk.seq, last.seq + 1);
            let end_us = last.wall_time_us + last.duration_us;
            assert_eq!(chunk.wall_time_us, end_us, "no hole and no overlap in time");
        }
        last = Some(chunk);
    }
    origin.stop();
}

/// Takes chunks until one of `epoch` with a number of at least `until` came; gives numbers and epochs.
async fn watch(viewer: &mut Viewer, epoch: u64, until: u64) -> BTreeMap<u64, u64> {
    let mut seen = BTreeMap::new();
    loop {
        let chunk = viewer.chunk().await;
        assert!(
            seen.insert(chunk.seq, chunk.epoch).is_none(),
            "chunk {} came twice",
            chunk.seq
        );
        if chunk.epoch >= epoch && chunk.seq >= until {
            return seen;
        }
    }
}

fn assert_no_hole(seen: &BTreeMap<u64, u64>) {
    let numbers: Vec<u64> = seen.keys().copied().collect();
    let whole: Vec<u64> = (numbers[0]..=numbers[numbers.len() - 1]).collect();
    assert_eq!(numbers, whole);
}

#[tokio::test]
async fn a_killed_origin_that_is_back_soon_costs_its_viewers_nothing() {
    let lab = Lab::new();
    let mut config = lab.config(Source::Chunks(lab.chunks("film", &[CHUNK_US * 4; 5])));
    let origin = Running::start(config.clone());
    let invite = origin.invite();
    config.listen = invite.origin.parse().expect("an address");
    let mut viewer = Viewer::join(&invite).await;
    let mut seen = watch(&mut viewer, 1, 2).await;
    origin.kill();
    let before = state(&config.data_dir, 0);
    // As long as two chunks: they fall due while nobody is there. Five are made up for.
    tokio::time::sleep(Duration::from_micros(CHUNK_US * 8)).await;
    let origin = Running::start(config.clone());
    let again = origin.invite();
    assert_eq!(again, invite, "the same key, address and channel");
    let last = before["last_published_seq"].as_u64().expect("some");
    seen.append(&mut watch(&mut viewer, 2, last + 5).await);
    assert_no_hole(&seen);
    assert_eq!(state(&config.data_dir, 0)["anchor"], before["anchor"]);
    assert_eq!(viewer.member.facts().forest.chunks_missed, 0);
    origin.stop();
}

#[tokio::test]
async fn an_origin_that_was_away_for_long_goes_on_where_the_broadcast_would_be() {
    let lab = Lab::new();
    let config = lab.config(Source::Chunks(lab.chunks("film", &[CHUNK_US; 7])));
    let origin = Running::start(config.clone());
    let mut viewer = Viewer::join(&origin.invite()).await;
    viewer.chunk().await;
    origin.stop();
    // An hour passes for the broadcast.
    let path = config.data_dir.join("channel-0/state.json");
    let mut before = state(&config.data_dir, 0);
    let anchor = before["anchor"]["unix_us"].as_u64().expect("a time");
    before["anchor"]["unix_us"] = (anchor - 3_600_000_000).into();
    fs::write(&path, before.to_string()).expect("writable");

    let origin = Running::start(config.clone());
    let mut viewer = Viewer::join(&origin.invite()).await;
    let chunk = viewer.chunk().await;
    assert_eq!(chunk.epoch, 2);
    let hour = 3_600_000_000 / CHUNK_US;
    assert!((hour..hour + 50).contains(&chunk.seq), "{}", chunk.seq);
    assert!(bytes(&chunk) == content("film", chunk.seq as usize % 7));
    origin.stop();
}

#[tokio::test]
async fn a_clock_that_was_set_back_repeats_no_number() {
    let lab = Lab::new();
    let config = lab.config(Source::Chunks(lab.chunks("film", &[CHUNK_US; 7])));
    let origin = Running::start(config.clone());
    origin.invite();
    origin.stop();
    let path = config.data_dir.join("channel-0/state.json");
    let mut before = state(&config.data_dir, 0);
    before["last_published_seq"] = 1_000.into();
    fs::write(&path, before.to_string()).expect("writable");

    let origin = Running::start(config);
    let mut viewer = Viewer::join(&origin.invite()).await;
    assert!(viewer.chunk().await.seq > 1_000);
    origin.stop();
}

#[tokio::test]
async fn channels_of_one_origin_share_a_socket_and_a_key_but_nothing_else() {
    let lab = Lab::new();
    let mut config = lab.config(Source::Chunks(lab.chunks("one", &[CHUNK_US; 2])));
    let other = Source::Chunks(lab.chunks("two", &[CHUNK_US; 3]));
    config.channels.push(channel(7, other));
    let data_dir = config.data_dir.clone();
    let origin = Running::start(config);
    let mut invites = [origin.invite(), origin.invite()];
    invites.sort_by_key(|invite| invite.channel);
    assert_eq!(invites[0].origin, invites[1].origin);
    assert_eq!(invites[0].key, invites[1].key);
    for (invite, name, len) in [(&invites[0], "one", 2), (&invites[1], "two", 3)] {
        let mut viewer = Viewer::join(invite).await;
        for _ in 0..2 {
            let chunk = viewer.chunk().await;
            assert!(chunk.name.starts_with(name), "{}", chunk.name);
            assert!(bytes(&chunk) == content(name, chunk.seq as usize % len));
        }
        let asked = data_dir.clone();
        let status = tokio::task::spawn_blocking(move || server_origin::ask_status(&asked));
        let status = status.await.expect("no panic").expect("an answer");
        let of_channel = status["channels"].as_array().expect("a list").iter();
        let mut of_channel = of_channel.filter(|c| c["channel"] == invite.channel);
        let status = of_channel.next().expect("it is there");
        assert_eq!(
            status["direct_peers"].as_array().map(Vec::len),
            Some(1),
            "{status}"
        );
        assert!(status["bytes_sent"].as_u64() > Some(300_000), "{status}");
        assert_eq!(status["epoch"], 1);
    }
    origin.stop();
}

#[tokio::test]
async fn a_chunk_that_is_lost_from_the_disk_is_left_out_and_the_next_one_comes() {
    let lab = Lab::new();
    let folder = lab.chunks("film", &[CHUNK_US; 4]);
    let origin = Running::start(lab.config(Source::Chunks(folder.clone())));
    let mut viewer = Viewer::join(&origin.invite()).await;
    viewer.chunk().await;
    fs::remove_file(folder.join("film_00002.mkv")).expect("it was there");
    let mut indices = Vec::new();
    for _ in 0..16 {
        indices.push(viewer.chunk().await.seq % 4);
    }
    // What was read before, on a machine that has much to do.
    let after_the_loss = &indices[8..];
    assert!(!after_the_loss.contains(&2), "{indices:?}");
    assert!(after_the_loss.contains(&3) && after_the_loss.contains(&1));
    origin.stop();
}

#[test]
fn what_cannot_work_is_said_in_one_line_and_nothing_is_left_running() {
    let lab = Lab::new();
    let text = lab.path("text.mkv");
    fs::write(&text, "this is not a film").expect("writable");
    let failure = Running::start(lab.config(Source::Film(text))).failure();
    assert!(matches!(failure, OriginError::Source { channel: 0, .. }));
    let said = failure.to_string();
    assert!(said.contains("text.mkv") && !said.contains('\n'), "{said}");

    let live = Source::Live {
        input: lab.path("no-such-input").display().to_string(),
        format: None,
        options: Vec::new(),
    };
    let failure = Running::start(lab.config(live)).failure();
    assert!(failure.to_string().contains("no-such-input"), "{failure}");

    let config = lab.config(Source::Chunks(lab.chunks("film", &[CHUNK_US; 2])));
    let first = Running::start(config.clone());
    let taken = first.invite().origin;
    let failure = Running::start(config.clone()).failure();
    assert!(matches!(failure, OriginError::InUse { .. }), "{failure}");
    let mut other = config;
    other.data_dir = lab.path("other");
    other.listen = taken.parse().expect("an address");
    let failure = Running::start(other).failure();
    assert!(failure.to_string().contains(&taken), "{failure}");
    first.stop();
}

#[tokio::test]
async fn a_live_input_is_broadcast_while_it_runs_beside_one_that_does_not_come() {
    let lab = Lab::new();
    let mut config = lab.config(Source::Live {
        input: "testsrc2=size=160x90:rate=25".to_owned(),
        format: Some("lavfi".to_owned()),
        options: Vec::new(),
    });
    let absent = Source::Live {
        input: lab.path("absent.ts").display().to_string(),
        format: None,
        options: Vec::new(),
    };
    config.channels.push(channel(1, absent));
    let origin = Running::start(config);
    let mut invites = [origin.invite(), origin.invite()];
    invites.sort_by_key(|invite| invite.channel);
    let mut viewer = Viewer::join(&invites[0]).await;
    let mut next = None;
    for _ in 0..2 {
        let chunk = viewer.chunk().await;
        let seq = next.unwrap_or(chunk.seq);
        assert_eq!(chunk.seq, seq);
        next = Some(seq + 1);
        assert_eq!(chunk.name, format!("live_{seq:05}.mkv"));
        assert!((1_900_000..=2_100_000).contains(&chunk.duration_us));
    }
    origin.stop();
}
