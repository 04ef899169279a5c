//! Disks that are full, spools that cannot be written: said in one line, and nobody else suffers.

use std::fs;

use tests::{Crowd, Film, Lab, OriginOptions, PeerOptions, Place, SOON, Tmpfs, eventually, holds};

#[test]
fn a_peer_whose_disk_is_full_relays_on_and_stores_again_when_there_is_space() {
    let lab = Lab::new();
    let film = lab.film(&Film::default());
    let origin = lab.origin(OriginOptions::film(&film).direct(1));
    let at = lab.dir().join("small-disk");
    fs::create_dir(&at).expect("a folder to mount on");
    // About four chunks.
    let place = Place {
        tmpfs: Some(Tmpfs {
            at: at.clone(),
            bytes: 1 << 20,
        }),
        ..Place::default()
    };
    let options = PeerOptions {
        spool: Some(at.join("spool")),
        place,
        ..PeerOptions::fanout(4)
    };
    // It comes first: all others are below it.
    let full = lab.peer(&origin.invite, options);
    full.await_chunk(0, SOON);
    let crowd = Crowd {
        peers: lab.peers(&origin.invite, 3, &PeerOptions::default()),
        origin,
    };
    crowd.await_whole(SOON);

    let status = eventually(SOON, "its disk is full", || {
        let status = full.status()?;
        holds(status.chunks.disk_full, || format!("{:?}", status.chunks)).map(|()| status)
    });
    assert!(status.is_interior(), "{status:?}");
    crowd.await_more(3);
    crowd.assert_nobody_missed_anything();
    crowd.assert_calm();
    let status = full.facts();
    assert_eq!(
        status.chunks.missing, 0,
        "it received all: {:?}",
        status.chunks
    );
    let words = full.process().err();
    assert_eq!(
        words.matches("disk is full").count(),
        1,
        "said once: {words}"
    );

    // Somebody makes space.
    let before = full.newest();
    for path in full.files().values() {
        fs::remove_file(path).expect("its files can be removed");
    }
    eventually(SOON, "it stores again", || {
        let (status, newest) = (full.status()?, full.newest());
        holds(!status.chunks.disk_full && newest > before, || {
            format!("{:?}", status.chunks)
        })
    });
    // What it could not store is not forgotten at its end.
    full.sigterm();
    let ended = full.wait_exit(SOON);
    let last = ended.stdout.lines().last().unwrap_or("");
    if last.contains("not_stored=0") {
        assert_eq!(ended.code, Some(0), "{ended:?}");
    } else {
        ended.assert_failed(1, &["could not be stored"]);
    }
}

/// Starts a peer that must fail at once with code 1 and these words.
#[track_caller]
fn assert_refused(lab: &Lab, place: &Place, spool: &std::path::Path, words: &[&str]) {
    let spool = spool.to_str().expect("a plain path");
    // The invite is whole; nobody needs to be there.
    let invite = lab.dir().join("invite");
    let invite = fs::read_to_string(invite).expect("it was written");
    let args = [
        &invite,
        "--headless",
        "--listen",
        "127.0.0.1:0",
        "--spool",
        spool,
    ];
    let ended = lab.start("peer", place, &args).wait_exit(SOON);
    ended.assert_failed(1, words);
    assert_eq!(
        ended.stderr.lines().count(),
        1,
        "one line: {}",
        ended.stderr
    );
}

#[test]
fn a_spool_that_cannot_be_written_is_named_and_nothing_is_started() {
    let lab = Lab::new();
    let film = lab.film(&Film::default());
    let origin = lab.origin(OriginOptions::film(&film));
    fs::write(lab.dir().join("invite"), &origin.invite).expect("writable");

    let file = lab.dir().join("a-file");
    fs::write(&file, "x").expect("writable");
    assert_refused(&lab, &Place::default(), &file, &["a-file"]);
    assert_refused(&lab, &Place::default(), &file.join("below"), &["a-file"]);
    assert_eq!(fs::read(&file).expect("there"), b"x");

    let folder = lab.dir().join("read-only");
    fs::create_dir(&folder).expect("writable");
    let place = Place {
        read_only: Some(folder.clone()),
        ..Place::default()
    };
    assert_refused(&lab, &place, &folder, &["read-only", "--spool"]);
    assert_eq!(fs::read_dir(&folder).expect("there").count(), 0);
}

#[test]
fn two_peers_on_one_spool_do_not_work_and_the_first_one_is_not_hurt() {
    let lab = Lab::new();
    let crowd = Crowd::gather(&lab, 1, 3, 2);
    fs::write(lab.dir().join("invite"), &crowd.origin.invite).expect("writable");
    let spool = crowd.peers[0].spool();
    assert_refused(&lab, &Place::default(), &spool, &["another peer", "spool"]);
    crowd.await_more(1);
    crowd.assert_nobody_missed_anything();
}

#[test]
fn a_spool_at_its_limit_loses_its_oldest_chunks_and_says_so() {
    let lab = Lab::new();
    let film = lab.film(&Film::default());
    let origin = lab.origin(OriginOptions::film(&film));
    let options = PeerOptions {
        spool_limit: Some("700K".to_owned()),
        ..PeerOptions::default()
    };
    let peer = lab.peer(&origin.invite, options);
    peer.await_chunk(4, SOON);
    eventually(SOON, "old chunks go", || {
        let status = peer.status()?;
        // One is stored a moment before another one goes for it.
        let fits = status.chunks.evicted > 0 && status.pending.bytes <= 700 << 10;
        holds(fits, || format!("{status:?}"))
    });
    let (files, newest) = (peer.files(), peer.newest().expect("it has chunks"));
    assert!(
        !files.contains_key(&0) && files.keys().any(|seq| *seq + 1 >= newest),
        "{files:?}"
    );
    eventually(SOON, "it says so", || {
        let said = peer.process().line("evicted show_00000.mkv");
        holds(said.is_some(), || peer.process().out())
    });
}
