//! Joining, storing, telling and leaving.

use std::fs;
use std::time::{Duration, Instant};

use crate::lab::{Origin, Peer, run};

#[test]
fn a_peer_joins_stores_whole_chunks_and_leaves_politely() {
    let origin = Origin::start(4);
    let mut peer = Peer::start(&origin.invite(), &["--fanout", "3"]);
    peer.line("listening addr=127.0.0.1:");
    assert_eq!(peer.line("joined"), "joined channel=0 stripes=4+1");
    for _ in 0..4 {
        peer.line("stored film_");
    }
    let status = peer.until("running", |s| s["state"] == "running");
    assert_eq!(status["fan_out"], 3);
    assert_eq!(status["epoch"], 1);
    assert_eq!(status["stripes"].as_array().map(Vec::len), Some(5));
    assert_eq!(
        status["stripes"][0]["parent"]["addr"],
        origin.addr.to_string()
    );
    assert!(
        status["chunks"]["complete"].as_u64() >= Some(4),
        "{status:#}"
    );
    assert_eq!(status["chunks"]["missing"], 0);
    assert_eq!(status["blocks"]["missing"], 0);
    let file = &status["pending"]["files"][0];
    assert_eq!(
        (&file["bytes"], &file["duration_ms"]),
        (&150_000.into(), &400.into())
    );
    assert!(status["bytes_received"].as_u64() > status["pending"]["bytes"].as_u64());
    peer.signal("TERM");
    peer.line("leaving");
    let left = peer.line("left");
    assert!(
        left.contains(" missing=0 ") && left.contains(" not_stored=0 "),
        "{left}"
    );
    let (status, errors) = peer.end();
    assert!(status.success() && errors.is_empty(), "{status} {errors}");
    assert!(peer.right_files().len() >= 4);
    assert!(!peer.spool().join(".treecast/control.json").exists());
}

#[test]
fn peers_receive_from_peers_where_the_origin_has_no_place() {
    let origin = Origin::start(1);
    let mut first = Peer::start(&origin.invite(), &["--fanout", "4"]);
    first.line("stored");
    let mut second = Peer::start(&origin.invite(), &["--fanout", "0"]);
    second.line("stored");
    let told = first.until("serving the other", |s| {
        s["children"]
            .as_array()
            .is_some_and(|children| !children.is_empty())
    });
    let child = &told["children"][0];
    assert_eq!(child["peer"], second.status()["identity"]);
    assert!(
        child["stripes"]
            .as_array()
            .is_some_and(|stripes| !stripes.is_empty())
    );
    let sent = first.until("sending blocks", |s| {
        s["children"][0]["sent"][0]["bytes"].as_u64() > Some(0)
    });
    assert!(sent["blocks"]["sent"].as_u64() > Some(0));

    // The one that serves leaves: the other goes on and misses nothing.
    first.signal("INT");
    assert!(first.end().0.success());
    for _ in 0..5 {
        second.line("stored");
    }
    let status = second.status();
    assert_eq!(
        (&status["chunks"]["missing"], &status["fan_out"]),
        (&0.into(), &0.into())
    );
    let files = second.right_files();
    let number = |name: &String| name[5..10].parse::<usize>().expect("a number");
    let (from, to) = (number(&files[0]), number(&files[files.len() - 1]));
    assert_eq!(
        to - from + 1,
        files.len(),
        "none is missing between {from} and {to}: {files:?}"
    );
}

#[test]
fn scripts_see_the_text_and_can_make_a_peer_leave() {
    let origin = Origin::start(4);
    let mut peer = Peer::start(&origin.invite(), &[]);
    peer.line("stored");
    let spool = peer.spool().to_str().expect("UTF-8").to_owned();
    let (text, _, code) = run(&["status", "--spool", &spool]);
    assert_eq!(code, 0);
    for word in [
        "identity ",
        "channel    0 of 127.0.0.1",
        "stripe 4 ",
        "chunks ",
        "pending ",
    ] {
        assert!(text.contains(word), "{word:?} in {text}");
    }
    let (out, err, code) = run(&["leave", "--spool", &spool]);
    assert_eq!((out.as_str(), err.as_str(), code), ("", "", 0));
    assert!(peer.end().0.success());
    let (_, err, code) = run(&["leave", "--spool", &spool]);
    assert_eq!(code, 1);
    assert_eq!(
        err,
        format!("error: no peer is running on this spool ({spool})\n")
    );
}

#[test]
fn the_spool_stays_within_its_limit() {
    let origin = Origin::start(4);
    let mut peer = Peer::start(&origin.invite(), &["--spool-limit", "400K"]);
    let gone = peer.line("evicted film_");
    assert!(!peer.spool().join(&gone["evicted ".len()..]).exists());
    let status = peer.until("two wait", |s| s["pending"]["count"] == 2);
    assert!(status["pending"]["bytes"].as_u64() <= Some(400 * 1024));
    assert!(status["chunks"]["evicted"].as_u64() >= Some(1));
    assert_eq!(status["chunks"]["not_stored"], 0);
}

#[test]
fn a_peer_that_comes_back_is_the_same_and_stores_nothing_twice() {
    let origin = Origin::start(4);
    let mut peer = Peer::start(&origin.invite(), &[]);
    peer.line("stored");
    let identity = peer.status()["identity"].clone();
    let stored = peer.right_files();
    peer.signal("TERM");
    assert!(peer.end().0.success());
    // As the player does.
    fs::remove_file(peer.spool().join(&stored[0])).expect("there");
    let mut again = Peer::start_again(&origin.invite(), &peer);
    again.line("stored");
    let told = again.line("stored");
    assert!(!told.contains(&stored[0]));
    assert!(
        !peer.spool().join(&stored[0]).exists(),
        "what was shown does not come back"
    );
    assert_eq!(again.status()["identity"], identity);
}

#[test]
fn a_peer_that_was_stopped_goes_on_when_it_is_continued() {
    let origin = Origin::start(4);
    let mut peer = Peer::start(&origin.invite(), &[]);
    peer.line("stored");
    peer.signal("STOP");
    let spool = peer.spool().to_str().expect("UTF-8").to_owned();
    let asked = Instant::now();
    let (_, err, code) = run(&["status", "--spool", &spool]);
    assert!(asked.elapsed() < Duration::from_secs(20));
    let pid = peer.pid();
    assert_eq!(
        (code, err),
        (
            1,
            format!(
                "error: the peer on {spool} (process {pid}) does not answer: it may be stopped\n"
            )
        )
    );
    peer.signal("CONT");
    peer.line("stored");
    peer.line("stored");
    assert_eq!(peer.status()["state"], "running");
}
