//! The plain way: a film goes on air, peers join, store and relay it, one of them plays it.

use std::time::Duration;

use tests::{Crowd, Film, Lab, PlayerOptions, SOON, eventually, holds};

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
    assert_eq!(shown.chunks_shown, SHOWN, "{shown:?}");
    assert_eq!(
        shown.frames_shown,
        SHOWN * 2 * u64::from(film.fps),
        "{shown:?}"
    );
    assert_eq!(shown.stalls, 0, "{shown:?}");
    assert_eq!(
        shown.chunks_missing + shown.chunks_bad + shown.chunks_damaged,
        0,
        "{shown:?}"
    );

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
    crowd.await_whole(Duration::from_secs(10));
    crowd.await_all("nothing was repaired", |status| status.repairs.total == 0);

    for peer in &crowd.peers {
        peer.sigterm();
    }
    for peer in &crowd.peers {
        let ended = peer.wait_exit(Duration::from_secs(20));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        peer.process().assert_clean();
    }
    assert_eq!(crowd.origin.stop().code, Some(0));
}
