//! Invites, ports and films that are not what they should be: one clear line, and a status that says so.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;

use tests::{Ended, Film, Lab, OriginOptions, Place, SOON};

/// A peer with this invite, to its end.
fn peer_with(lab: &Lab, invite: &str, more: &[&str]) -> Ended {
    let spool = lab.dir().join("spool");
    let spool = spool.to_str().expect("a plain path");
    let mut args = vec![invite, "--headless", "--spool", spool];
    if !more.contains(&"--listen") {
        args.extend(["--listen", "127.0.0.1:0"]);
    }
    args.extend(more);
    lab.start("peer", &Place::default(), &args).wait_exit(SOON)
}

/// An origin with this film, to its end.
fn server_with(lab: &Lab, film: &Path, more: &[&str]) -> Ended {
    let data = lab.dir().join("data");
    let (film, data) = (film.to_str().expect("plain"), data.to_str().expect("plain"));
    let mut args = vec!["origin", "--film", film, "--data-dir", data];
    if !more.contains(&"--listen") {
        args.extend(["--listen", "127.0.0.1:0"]);
    }
    args.extend(more);
    lab.start("server", &Place::default(), &args)
        .wait_exit(SOON)
}

#[test]
fn an_invite_that_is_mangled_is_refused_with_what_to_do() {
    let lab = Lab::new();
    let origin = lab.origin(OriginOptions::film(&lab.film(&Film::default())));
    let good = &origin.invite;
    let (address, key) = good.split_once("?key=").expect("an invite has a key");
    let other = if key.starts_with('a') { 'b' } else { 'a' };
    for mangled in [
        "hello".to_owned(),
        good.replace("treecast://", "https://"),
        good[..good.len() - 3].to_owned(),
        format!("{address}?key={other}{}", &key[1..]),
        address.to_owned(),
        good.replace("/0?", "/x?"),
        good.replace(":", ""),
        format!("{good}{}", "x".repeat(5_000)),
    ] {
        let ended = peer_with(&lab, &mangled, &[]);
        ended.assert_failed(2, &["invite"]);
        assert_eq!(
            ended.stderr.lines().count(),
            1,
            "one line: {}",
            ended.stderr
        );
        assert!(
            !lab.dir().join("spool").exists(),
            "nothing was made for {mangled}"
        );
    }
}

#[test]
fn an_invite_that_is_expired_is_refused() {
    let lab = Lab::new();
    let origin = lab.origin(OriginOptions::film(&lab.film(&Film::default())));
    let old = format!("{}&expires=1000000000", origin.invite);
    peer_with(&lab, &old, &[]).assert_failed(1, &["expired", "new one"]);
}

#[test]
fn an_invite_of_another_origin_or_channel_is_refused() {
    let lab = Lab::new();
    let film = lab.film(&Film::default());
    let one = lab.origin(OriginOptions::film(&film));
    let other = lab.origin(OriginOptions::film(&film));
    let key = |invite: &str| invite.split_once("?key=").expect("a key").1.to_owned();
    let wrong = one.invite.replace(&key(&one.invite), &key(&other.invite));
    assert_ne!(wrong, one.invite);
    let words = ["not the origin of this invite", one.listen(), "new invite"];
    peer_with(&lab, &wrong, &[]).assert_failed(1, &words);

    let wrong = one.invite.replace("/0?", "/7?");
    peer_with(&lab, &wrong, &[]).assert_failed(1, &["channel 7", one.listen()]);
}

#[test]
fn an_origin_that_is_not_there_is_named_when_the_patience_ends() {
    let lab = Lab::new();
    let origin = lab.origin(OriginOptions::film(&lab.film(&Film::default())));
    origin.kill9();
    let ended = peer_with(&lab, &origin.invite, &["--give-up-after", "2"]);
    ended.assert_failed(1, &["no place on channel 0", "2 s", "nobody answered"]);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let lab = Lab::new();
    let film = lab.film(&Film::default());
    let origin = lab.origin(OriginOptions::film(&film));
    let taken = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let taken = taken.local_addr().expect("bound").to_string();
    // The socket was let go with its first name; the origin's is still taken.
    assert_ne!(taken, origin.listen());
    let listen = ["--listen", origin.listen()];
    let ended = peer_with(&lab, &origin.invite, &listen);
    ended.assert_failed(1, &[origin.listen(), "taken", "--listen"]);
    let ended = server_with(&lab, &film, &listen);
    ended.assert_failed(1, &[origin.listen(), "in use"]);
}

#[test]
fn a_film_that_is_none_is_named_and_nothing_goes_on_air() {
    let lab = Lab::new();
    let at = |name: &str| lab.dir().join(name);
    fs::write(at("empty.mkv"), "").expect("writable");
    fs::write(at("text.mkv"), "This is not a film. ".repeat(5_000)).expect("writable");
    let noise: Vec<u8> = (0..300_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    fs::write(at("noise.mp4"), noise).expect("writable");
    let film = fs::read(lab.film(&Film::of(10))).expect("a film");
    // Shorter than the head of the file.
    fs::write(at("head.mkv"), &film[..200]).expect("writable");
    for (name, words) in [
        ("none.mkv", &["none.mkv", "no such fi"][..]),
        ("empty.mkv", &["empty.mkv", "empty"]),
        ("text.mkv", &["text.mkv"]),
        ("noise.mp4", &["noise.mp4"]),
        ("head.mkv", &["head.mkv"]),
    ] {
        let ended = server_with(&lab, &at(name), &[]);
        ended.assert_failed(1, words);
        assert!(
            !ended.stdout.contains("invite"),
            "{name} went on air: {}",
            ended.stdout
        );
        let (film, out) = (at(name), at("out"));
        let words_of = [
            film.to_str().expect("plain"),
            "--out",
            out.to_str().expect("plain"),
        ];
        let ended = lab
            .start("slice", &Place::default(), &words_of)
            .wait_exit(SOON);
        ended.assert_failed(1, words);
        let left = fs::read_dir(&out).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{name} left something in the folder");
    }
}

#[test]
fn a_film_that_is_truncated_is_broadcast_as_far_as_it_goes_and_the_end_is_said() {
    let lab = Lab::new();
    let film = fs::read(lab.film(&Film::of(20))).expect("a film");
    let half = lab.dir().join("half.mkv");
    fs::write(&half, &film[..film.len() / 2]).expect("writable");
    let origin = lab.origin(OriginOptions::film(&half));
    let peer = lab.peer(&origin.invite, tests::PeerOptions::default());
    peer.await_chunk(2, SOON);
    tests::assert_byte_identical(&origin, [&peer], 0);
    let words = origin.process().err();
    assert!(
        words.contains("WARN") && words.contains("half.mkv"),
        "nothing is said: {words}"
    );
}
