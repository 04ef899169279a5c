//! What a user gets when something is wrong: one line that names it, and a status other than 0.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use std::{fs, thread};

use overlay_core::Invite;

use crate::lab::{Origin, PATIENCE, Peer, run};

fn refused(words: &[&str]) -> (String, i32) {
    let (out, err, code) = run(words);
    assert_eq!(out, "", "nothing was begun");
    (err, code)
}

#[test]
fn an_invite_that_cannot_be_used_is_said_at_once() {
    let key = Origin::start(1).invite();
    let good = key.to_string();
    let mangled = good.replace("key=", "key=x");
    for (invite, words, status) in [
        ("http://example.org/", "begins with treecast://", 2),
        (mangled.as_str(), "key is damaged", 2),
        (
            good.replace("/0?", "/zero?").as_str(),
            "\"zero\" is not a number",
            2,
        ),
        (format!("{good}&expires=1000").as_str(), "expired", 1),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let spool = dir.path().join("s");
        let (err, code) = refused(&[
            invite,
            "--headless",
            "--spool",
            spool.to_str().expect("UTF-8"),
        ]);
        assert!(
            err.starts_with("error: ") && err.contains(words) && err.lines().count() == 1,
            "{err}"
        );
        assert_eq!(code, status, "{err}");
        assert!(!spool.exists(), "no trace is left of {invite}");
    }
}

#[test]
fn an_invite_of_another_origin_is_found_out_by_its_key() {
    let origin = Origin::start(4);
    let invite = Invite {
        key: [9; 32],
        ..origin.invite()
    };
    let key = media_model::SigningKey::from_bytes(&[9; 32])
        .origin_key()
        .to_bytes();
    let invite = Invite { key, ..invite };
    let mut peer = Peer::start(&invite, &[]);
    let (status, err) = peer.end();
    assert_eq!(status.code(), Some(1));
    let line = err.lines().last().expect("a line");
    let addr = origin.addr;
    assert!(
        line.starts_with(&format!("error: {addr} is not the origin of this invite")),
        "{err}"
    );
    assert!(peer.right_files().is_empty());
}

#[test]
fn an_origin_that_is_not_there_is_waited_for_or_given_up() {
    let silent = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let addr: SocketAddr = silent.local_addr().expect("it has one");
    let origin = Origin::start(1);
    let invite = Invite {
        origin: addr.to_string(),
        ..origin.invite()
    };
    let mut peer = Peer::start(&invite, &["--give-up-after", "10"]);
    assert!(peer.line("unreachable").contains(&addr.to_string()));
    assert_eq!(peer.status()["state"], "joining");
    let (status, err) = peer.end();
    assert_eq!(status.code(), Some(1));
    assert!(
        err.lines()
            .last()
            .is_some_and(|line| line.contains("within 10 s")),
        "{err}"
    );
}

#[test]
fn a_full_channel_is_said_and_waited_for() {
    let origin = Origin::start(1);
    let mut first = Peer::start(&origin.invite(), &["--fanout", "0"]);
    first.line("stored");
    let mut second = Peer::start(&origin.invite(), &["--fanout", "0"]);
    second.line("full stripes=");
    second.until("full", |s| s["state"] == "full");
    first.signal("TERM");
    assert!(first.end().0.success());
    second.line("stored");
    second.until("running", |s| s["state"] == "running");
}

#[test]
fn a_port_or_a_spool_that_is_taken_is_named() {
    let origin = Origin::start(4);
    let mut peer = Peer::start(&origin.invite(), &[]);
    peer.line("stored");
    let spool = peer.spool().to_str().expect("UTF-8").to_owned();
    let invite = origin.invite().to_string();
    let (err, code) = refused(&[
        &invite,
        "--headless",
        "--listen",
        "127.0.0.1:0",
        "--spool",
        &spool,
    ]);
    assert_eq!((code, err.lines().count()), (1, 1));
    assert!(err.contains("used by another peer"), "{err}");

    let taken = origin.addr.to_string();
    let dir = tempfile::tempdir().expect("a folder");
    let other = dir.path().to_str().expect("UTF-8");
    let (err, code) = refused(&[&invite, "--headless", "--listen", &taken, "--spool", other]);
    assert_eq!((code, err.lines().count()), (1, 1));
    assert!(err.contains(&taken) && err.contains("--listen"), "{err}");
}

#[test]
fn a_spool_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("file");
    fs::write(&file, "x").expect("written");
    let spool = file.join("spool");
    let invite = Origin::start(1).invite().to_string();
    let (err, code) = refused(&[
        &invite,
        "--headless",
        "--spool",
        spool.to_str().expect("UTF-8"),
    ]);
    assert_eq!((code, err.lines().count()), (1, 1));
    assert!(err.contains("--spool"), "{err}");
}

#[test]
fn the_status_of_a_peer_that_was_killed_says_that_there_is_none() {
    let origin = Origin::start(4);
    let mut peer = Peer::start(&origin.invite(), &[]);
    peer.line("stored");
    peer.signal("KILL");
    peer.end();
    assert!(
        peer.spool().join(".treecast/control.json").exists(),
        "it had no time to remove it"
    );
    let spool = peer.spool().to_str().expect("UTF-8");
    let (err, code) = refused(&["status", "--json", "--spool", spool]);
    assert_eq!(
        (code, err),
        (
            1,
            format!("error: no peer is running on this spool ({spool})\n")
        )
    );
}

#[test]
fn strangers_at_the_control_port_get_nothing_and_do_no_harm() {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    let origin = Origin::start(4);
    let mut peer = Peer::start(&origin.invite(), &[]);
    peer.line("stored");
    let card = fs::read(peer.spool().join(".treecast/control.json")).expect("there");
    let card: serde_json::Value = serde_json::from_slice(&card).expect("JSON");
    let addr = card["addr"].as_str().expect("a text").to_owned();
    let ask = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(&addr).expect("it listens");
        // It may close before it has read everything.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let wrong = format!(
        "{{\"token\":\"{}\",\"command\":\"leave\"}}\n",
        "0".repeat(64)
    );
    assert_eq!(ask(wrong.as_bytes()), "{\"error\":\"wrong token\"}\n");
    assert_eq!(
        ask(b"GET / HTTP/1.1\r\n\r\n"),
        "{\"error\":\"not a request\"}\n"
    );
    let long = vec![b'['; 100_000];
    let answer = ask(&long);
    assert!(
        answer.is_empty() || answer.contains("not a request"),
        "{answer}"
    );
    // Some that say nothing hold their places, but not for long.
    let silent: Vec<TcpStream> = (0..20)
        .map(|_| TcpStream::connect(&addr).expect("it listens"))
        .collect();
    let spool = peer.spool().to_str().expect("UTF-8").to_owned();
    let until = Instant::now() + PATIENCE;
    while run(&["status", "--spool", &spool]).2 != 0 {
        assert!(Instant::now() < until, "strangers keep scripts out");
        thread::sleep(Duration::from_millis(100));
    }
    drop(silent);
    peer.signal("TERM");
    assert!(peer.end().0.success());
}
