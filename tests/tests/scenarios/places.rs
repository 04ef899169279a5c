//! Places that are scarce: peers that serve nobody, more peers than places.

use tests::{Crowd, Film, Lab, OriginOptions, PeerOptions, SOON, eventually, holds};

#[test]
fn one_peer_can_serve_all_others_if_they_serve_nobody() {
    let lab = Lab::new();
    let film = lab.film(&Film::default());
    let origin = lab.origin(OriginOptions::film(&film).direct(1));
    let mut peers = vec![lab.peer(&origin.invite, PeerOptions::fanout(5))];
    peers.extend(lab.peers(&origin.invite, 5, &PeerOptions::fanout(0)));
    let crowd = Crowd { origin, peers };
    crowd.await_whole(SOON);
    assert_eq!(crowd.peers[0].facts().children.len(), 5);
    crowd.await_more(2);
    crowd.assert_nobody_missed_anything();
}

#[test]
fn who_serves_others_finds_a_place_among_peers_that_serve_nobody() {
    let lab = Lab::new();
    let film = lab.film(&Film::default());
    let origin = lab.origin(OriginOptions::film(&film).direct(2));
    let mut peers = lab.peers(&origin.invite, 3, &PeerOptions::fanout(0));
    eventually(SOON, "one of three finds no place", || {
        let full = peers
            .iter()
            .filter(|peer| peer.process().line("full ").is_some())
            .count();
        holds(full > 0, || "none said so".to_owned())
    });
    // It comes last, and with it there is a place for all.
    peers.push(lab.peer(&origin.invite, PeerOptions::fanout(4)));
    let crowd = Crowd { origin, peers };
    crowd.await_whole(SOON);
    crowd.await_more(2);
    crowd.assert_nobody_missed_anything();
}

#[test]
fn who_finds_the_channel_full_says_so_waits_and_gets_in_when_somebody_leaves() {
    let lab = Lab::new();
    let film = lab.film(&Film::default());
    let origin = lab.origin(OriginOptions::film(&film).direct(1));
    let first = lab.peer(&origin.invite, PeerOptions::fanout(0));
    first.await_chunk(0, SOON);

    let second = lab.peer(&origin.invite, PeerOptions::fanout(0));
    eventually(SOON, "the second is told that there is no place", || {
        let (status, line) = (second.status()?, second.process().line("full "));
        holds(status.state == "full" && line.is_some(), || status.state)
    });
    let impatient = PeerOptions {
        args: vec!["--give-up-after".to_owned(), "2".to_owned()],
        ..PeerOptions::fanout(0)
    };
    let third = lab.peer(&origin.invite, impatient);
    third
        .wait_exit(SOON)
        .assert_failed(1, &["no place on channel 0", "full"]);
    assert!(second.process().is_running(), "who waits does not end");
    first.await_chunk(2, SOON);
    assert_eq!(second.newest(), None, "who has no place is sent nothing");

    first.sigterm();
    assert_eq!(first.wait_exit(SOON).code, Some(0));
    let crowd = Crowd {
        origin,
        peers: vec![second],
    };
    crowd.await_whole(SOON);
    crowd.await_more(2);
    crowd.assert_nobody_missed_anything();
}
