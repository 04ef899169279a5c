//! What a viewer and their disk survive: chunks that are none, files that are not ours, spools that are none.

mod lab;

use std::fs;
use std::os::unix::fs::symlink;

use lab::{FRAMES, Lab, Player, film, wait_until};

#[test]
fn chunks_that_cannot_be_decoded_are_told_in_one_line_each_and_playing_goes_on() {
    let mut lab = Lab::new();
    let chunks = film(lab.dir.path(), 3, &[]);
    let rubbish: Vec<u8> = (0..20_000u32).map(|i| ((i * 7919) >> 3) as u8).collect();
    lab.put(0, &chunks[0]);
    lab.put(1, &rubbish);
    lab.put(2, b"ffconcat version 1.0\nfile /etc/hostname\n");
    lab.put(3, &chunks[1]);
    lab.put(4, b"");
    lab.put(5, &chunks[2][..chunks[2].len() / 2]);
    let ended = lab.player(&["--chunks", "6"]).end();
    assert!(ended.status.success());
    let json = ended.json();
    assert_eq!(json["chunks_bad"].as_u64(), Some(3), "{json}");
    assert_eq!(json["chunks_shown"].as_u64(), Some(3), "{json}");
    let frames = json["frames_shown"].as_u64().unwrap_or(0);
    assert!((2 * FRAMES + 1..3 * FRAMES).contains(&frames), "{json}");
    for seq in [1, 2, 4] {
        let name = format!("film_{seq:05}.mkv cannot be shown: ");
        assert_eq!(ended.stderr.matches(&name).count(), 1, "{}", ended.stderr);
    }
    // What the origin signed does not get better by trying again.
    assert!(lab.chunks().is_empty(), "{:?}", lab.chunks());
}

#[test]
fn size_rate_and_codecs_may_change_from_chunk_to_chunk() {
    let mut lab = Lab::new();
    let dir = lab.dir.path().to_owned();
    let kinds: [&[&str]; 5] = [
        &[],
        &["-s", "640x360", "-c:a", "aac", "-ar", "44100"],
        &["-an"],
        &["-s", "161x91", "-pix_fmt", "yuv444p", "-c:a", "libopus"],
        &["-c:a", "pcm_s16le", "-ac", "6"],
    ];
    for (seq, codecs) in (0..).zip(kinds) {
        lab.put(seq, &film(&dir, 1, codecs)[0]);
    }
    for output in ["null", "window"] {
        let ended = Player::start(
            &lab.spool(),
            &["--output", output, "--json", "--chunks", "5", "--keep"],
            &[("SDL_VIDEODRIVER", "dummy"), ("SDL_AUDIODRIVER", "dummy")],
        )
        .end();
        let json = ended.json();
        assert_eq!(
            json["chunks_shown"].as_u64(),
            Some(5),
            "{json} {}",
            ended.stderr
        );
        let (shown, dropped) = (&json["frames_shown"], &json["frames_dropped"]);
        let all = shown.as_u64().unwrap_or(0) + dropped.as_u64().unwrap_or(0);
        assert_eq!(all, 5 * FRAMES, "{json} {}", ended.stderr);
    }
}

#[test]
fn nothing_but_chunks_of_the_spool_is_ever_deleted() {
    let mut lab = Lab::new();
    let chunks = film(lab.dir.path(), 3, &[]);
    for (seq, chunk) in (0..).zip(&chunks) {
        lab.put(seq, chunk);
    }
    let spool = lab.spool();
    fs::write(spool.join("diary.txt"), "mine").expect("written");
    fs::write(spool.join("film_00099.mkv"), &chunks[0]).expect("written");
    fs::create_dir(spool.join("film_00098.mkv")).expect("made");
    // A chunk of the index, replaced by a link to a file of the same length elsewhere.
    let precious = lab.dir.path().join("precious.mkv");
    fs::write(&precious, &chunks[1]).expect("written");
    fs::remove_file(lab.path(1)).expect("removed");
    symlink(&precious, lab.path(1)).expect("linked");
    let ended = lab.player(&["--until-idle", "1"]).end();
    ended.assert_counts(&[
        ("chunks_shown", 2),
        ("chunks_missing", 1),
        ("frames_shown", 2 * FRAMES),
    ]);
    assert_eq!(
        lab.chunks(),
        [
            "diary.txt",
            "film_00001.mkv",
            "film_00098.mkv",
            "film_00099.mkv"
        ]
    );
    assert_eq!(fs::read(&precious).expect("still there"), chunks[1]);
}

#[test]
fn a_chunk_that_is_replaced_while_it_is_shown_is_not_deleted() {
    let mut lab = Lab::new();
    let chunks = film(lab.dir.path(), 3, &[]);
    for (seq, chunk) in (0..).zip(&chunks) {
        lab.put(seq, chunk);
    }
    let player = lab.player(&["--until-idle", "1"]);
    wait_until("chunk 1 is on show", || !lab.path(0).exists());
    // In one step: a slow machine may have shown and deleted it by now, and must not be caught in between.
    let other = lab.dir.path().join("other");
    fs::write(&other, "something else").expect("written");
    fs::rename(&other, lab.path(1)).expect("replaced");
    assert!(player.end().status.success());
    assert_eq!(lab.chunks(), ["film_00001.mkv"]);
}

#[test]
fn a_second_player_is_refused_while_the_first_plays() {
    let mut lab = Lab::new();
    for (seq, chunk) in (0..).zip(film(lab.dir.path(), 2, &[])) {
        lab.put(seq, &chunk);
    }
    let first = lab.player(&[]);
    wait_until("the first one plays", || !lab.path(0).exists());
    let second = lab.player(&[]).end();
    assert_eq!(second.status.code(), Some(1));
    assert!(
        second.stderr.contains("another player plays"),
        "{}",
        second.stderr
    );
    wait_until("the first one has shown all", || lab.chunks().is_empty());
    first.signal("TERM");
    first.end().assert_counts(&[("frames_shown", 2 * FRAMES)]);
}

#[test]
fn what_is_no_spool_is_one_clear_line_and_a_failure() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let file = dir.path().join("film.mkv");
    fs::write(&file, "x").expect("written");
    let cases: [(&std::path::Path, &[&str], &str); 4] = [
        (&file, &["--output", "null"], "it is a file"),
        (dir.path(), &["--output", "null"], "none of a peer"),
        (
            &dir.path().join("nowhere"),
            &["--output", "null", "--no-wait"],
            "there is no spool at",
        ),
        (
            &dir.path().join("later"),
            &["--output", "null", "--until-idle", "0.2"],
            "nothing was shown",
        ),
    ];
    for (spool, args, expected) in cases {
        let ended = Player::start(spool, args, &[]).end();
        assert_eq!(ended.status.code(), Some(1), "{expected}");
        let last = ended.stderr.lines().last().unwrap_or_default();
        assert!(last.contains(expected), "{}", ended.stderr);
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    }
    assert!(file.is_file());
}

#[test]
fn an_output_that_is_not_there_is_one_clear_line_and_touches_nothing() {
    let mut lab = Lab::new();
    for (seq, chunk) in (0..).zip(film(lab.dir.path(), 2, &[])) {
        lab.put(seq, &chunk);
    }
    for (output, expected) in [
        ("terminal", "standard output is no terminal"),
        ("window", "no window can be opened"),
    ] {
        let ended = Player::start(
            &lab.spool(),
            &["--output", output, "--mute"],
            &[("SDL_VIDEODRIVER", "x11")],
        )
        .end();
        assert_eq!(ended.status.code(), Some(1));
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
    assert_eq!(lab.chunks().len(), 2);
}

#[test]
fn a_chunk_that_the_peer_evicts_before_its_turn_is_missing_and_playing_goes_on() {
    let mut lab = Lab::new();
    let chunks = film(lab.dir.path(), 12, &[]);
    for (seq, chunk) in (0..).zip(&chunks) {
        lab.put(seq, chunk);
    }
    let player = lab.player(&["--until-idle", "1"]);
    // So small pictures are decoded five seconds ahead, and then the next two chunks are in hand; three more for a machine
    // that looks late.
    wait_until("chunk 0 was shown", || !lab.path(0).exists());
    fs::remove_file(lab.path(10)).expect("evicted");
    let ended = player.end();
    ended.assert_counts(&[
        ("chunks_shown", 11),
        ("chunks_missing", 1),
        ("frames_shown", 11 * FRAMES),
    ]);
    assert!(ended.stderr.contains("missing: film_00010.mkv"));
    assert!(ended.status.success());
}
