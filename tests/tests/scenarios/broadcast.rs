//! The plain way: a film goes on air, peers join, store and relay it, one of them plays it.

use std::time::Duration;

use tests::{
    Crowd, Film, Lab, OriginOptions, PeerOptions, Place, PlayerOptions, SOON, SourceOf, eventually,
    free_port, holds,
};

/// Chunks that the player is to show.
const SHOWN: u64 = 5;

#[test]
fn a_film_reaches_eight_peers_whole_and_is_played_without_a_stall() {
    let lab = Lab::new();
    let film = Film::default();
    let crowd = Crowd::gather(&lab, 8, 3, 4);

    let watched = &crowd.peers[7];
    let player = lab.player(&watched.spool(), PlayerOptions::chunks(SHOWN));
    let shown = player.end(Duration::from_secs(60));
    shown.assert_smooth(SHOWN);
    assert_eq!(
        shown.frames_shown,
        SHOWN * 2 * u64::from(film.fps),
        "{shown:?}"
    );
    assert_eq!(shown.chunks_bad + shown.chunks_damaged, 0, "{shown:?}");

    // What was shown is gone, and what was not is there.
    let (first, last) = (
        shown.first_seq.expect("a first"),
        shown.last_seq.expect("a last"),
    );
    assert!(
        watched
            .files()
            .keys()
            .all(|seq| !(first..=last).contains(seq))
    );
    eventually(SOON, "what was not shown is there", || {
        let mut waiting = watched.stored();
        waiting.retain(|seq, _| *seq > last);
        let files = watched.files();
        let lacks = waiting.keys().find(|seq| !files.contains_key(seq));
        holds(lacks.is_none(), || format!("{lacks:?} is not in {files:?}"))
    });

    let kept = crowd.assert_nobody_missed_anything();
    assert!(kept.iter().all(|kept| kept.last >= last), "{kept:?}");
    crowd.await_whole(SOON);
    crowd.assert_calm();

    for peer in &crowd.peers {
        peer.sigterm();
    }
    for peer in &crowd.peers {
        let ended = peer.wait_exit(SOON);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        peer.process().assert_clean();
    }
    assert_eq!(crowd.origin.stop().code, Some(0));
}

#[test]
fn a_plain_tree_without_parity_carries_a_film_too_and_survives_a_relay() {
    let lab = Lab::new();
    let film = lab.film(&Film::default());
    let origin = lab.origin(OriginOptions {
        stripes: "1+0".to_owned(),
        ..OriginOptions::film(&film).direct(1)
    });
    let peers = lab.peers(&origin.invite, 5, &PeerOptions::fanout(2));
    let mut crowd = Crowd { origin, peers };
    crowd.await_whole(SOON);
    crowd.await_more(1);
    let victim = crowd.take_interior(|_| true);
    victim.kill9();
    crowd.await_whole(SOON);
    crowd.await_more(2);
    crowd.assert_nobody_missed_anything();
}

#[test]
fn ready_chunks_in_mp4_travel_over_ipv6_and_are_played() {
    let lab = Lab::new();
    let film = lab.film(&Film::of(30));
    let cut = lab.dir().join("cut");
    let words = [
        film.to_str().expect("plain"),
        "--out",
        cut.to_str().expect("plain"),
    ];
    let more = ["--name", "my-film", "--format", "mp4"];
    let slice = lab.start(
        "slice",
        &Place::default(),
        &[&words[..], &more[..]].concat(),
    );
    let ended = slice.wait_exit(SOON);
    assert_eq!(
        (ended.code, ended.stdout.lines().count()),
        (Some(0), 15),
        "{ended:?}"
    );

    let origin = lab.origin(OriginOptions {
        source: SourceOf::Chunks(cut),
        name: "my-film".to_owned(),
        listen: Some(format!("[::1]:{}", free_port())),
        ..OriginOptions::film(&film)
    });
    assert!(
        origin.invite.starts_with("treecast://[::1]:"),
        "{}",
        origin.invite
    );
    let options = PeerOptions {
        listen: "[::1]:0".to_owned(),
        ..PeerOptions::default()
    };
    let crowd = Crowd {
        peers: lab.peers(&origin.invite, 3, &options),
        origin,
    };
    crowd.await_whole(SOON);
    let player = lab.player(&crowd.peers[2].spool(), PlayerOptions::chunks(3));
    let shown = player.end(SOON);
    shown.assert_smooth(3);
    assert_eq!(shown.frames_shown, 150, "{shown:?}");
    crowd.assert_nobody_missed_anything();
    let name = crowd.peers[0]
        .stored()
        .into_values()
        .next()
        .expect("it has chunks")
        .name;
    assert!(
        name.starts_with("my-film_0000") && name.ends_with(".mp4"),
        "{name}"
    );
}

#[test]
fn a_film_that_ends_begins_again_without_a_gap() {
    let lab = Lab::new();
    // Its last chunk is shorter than the others.
    let film = lab.film(&Film::of(5));
    let crowd = Crowd::gather_around(&lab, &film, 2, 2, 2);
    let player = lab.player(&crowd.peers[1].spool(), PlayerOptions::chunks(7));
    let shown = player.end(SOON);
    shown.assert_smooth(7);
    crowd.assert_nobody_missed_anything();
}
