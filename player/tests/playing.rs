//! What a viewer gets: every frame once, no gaps, chunks deleted after showing, the missing named.

mod lab;

use std::time::{Duration, Instant};

use lab::{FRAMES, Lab, film, on_time, wait_until, with_place};

#[test]
fn every_frame_is_shown_once_without_a_stall_and_the_files_are_gone_afterwards() {
    let mut lab = Lab::new();
    for (seq, chunk) in (0..).zip(film(lab.dir.path(), 4, &[])) {
        lab.put(seq, &chunk);
    }
    let ended = lab.player(&["--chunks", "4"]).end();
    assert!(ended.status.success(), "{}", ended.stderr);
    ended.assert_counts(&[
        ("chunks_shown", 4),
        ("chunks_missing", 0),
        ("chunks_bad", 0),
        ("chunks_damaged", 0),
        ("frames_shown", 4 * FRAMES),
        ("frames_dropped", 0),
        ("stalls", 0),
        ("stall_ms", 0),
        ("played_ms", 4_000),
    ]);
    assert!(lab.chunks().is_empty(), "{:?}", lab.chunks());
    assert!(lab.spool().join(".treecast/index.jsonl").is_file());
}

#[test]
fn chunks_that_tell_their_place_are_played_for_exactly_their_length() {
    let mut lab = Lab::new();
    let dir = lab.dir.path().to_owned();
    for (seq, chunk) in (0..).zip(film(&dir, 3, &["-bf", "0"])) {
        lab.put(seq, &with_place(&dir, &chunk, seq * 1_000_000, 1_000_000));
    }
    let ended = lab.player(&["--chunks", "3"]).end();
    ended.assert_counts(&[
        ("frames_shown", 3 * FRAMES),
        ("stalls", 0),
        ("played_ms", 3_000),
        ("chunks_damaged", 0),
    ]);
}

#[test]
fn a_chunk_is_deleted_when_it_was_shown_and_not_before() {
    let mut lab = Lab::new();
    for (seq, chunk) in (0..).zip(film(lab.dir.path(), 3, &[])) {
        lab.put(seq, &chunk);
    }
    let start = Instant::now();
    let player = lab.player(&["--chunks", "3"]);
    wait_until("the chunks are deleted", || {
        let gone: Vec<u64> = (0..3).filter(|seq| !lab.path(*seq).exists()).collect();
        let now = start.elapsed();
        for seq in &gone {
            let least = Duration::from_millis((seq + 1) * 1_000 - 20);
            assert!(now >= least, "chunk {seq} went too early");
        }
        gone.len() == 3
    });
    assert!(player.end().status.success());
}

#[test]
fn a_missing_chunk_is_named_and_playing_goes_on() {
    let mut lab = Lab::new();
    for (seq, chunk) in (0..).zip(film(lab.dir.path(), 5, &[])) {
        if seq != 2 {
            lab.put(seq, &chunk);
        }
    }
    let ended = lab.player(&["--chunks", "4"]).end();
    ended.assert_counts(&[
        ("chunks_shown", 4),
        ("chunks_missing", 1),
        ("frames_shown", 4 * FRAMES),
        ("first_seq", 0),
        ("last_seq", 4),
    ]);
    let told: Vec<_> = ended
        .stderr
        .lines()
        .filter(|line| line.contains("missing: "))
        .collect();
    assert_eq!(
        told,
        ["player: missing: film_00002.mkv; going on with film_00003.mkv"]
    );
}

#[test]
fn a_chunk_that_comes_late_is_a_stall_that_is_counted_and_nothing_is_lost() {
    let mut lab = Lab::new();
    let chunks = film(lab.dir.path(), 3, &[]);
    lab.put(0, &chunks[0]);
    lab.put(1, &chunks[1]);
    let player = lab.player(&["--chunks", "3"]);
    wait_until("all is shown", || lab.chunks().is_empty());
    let waited = Instant::now();
    while waited.elapsed() < Duration::from_millis(700) {
        std::thread::sleep(Duration::from_millis(10));
    }
    lab.put(2, &chunks[2]);
    let ended = player.end();
    ended.assert_counts(&[("frames_shown", 3 * FRAMES), ("stalls", 1)]);
    let stall_ms = ended.json()["stall_ms"].as_u64().unwrap_or(0);
    assert!((650..30_000).contains(&stall_ms), "{stall_ms} ms");
}

#[test]
fn a_player_started_first_waits_for_the_peer_and_plays_what_comes() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let chunks = film(dir.path(), 2, &[]);
    let player = lab::Player::start(
        &dir.path().join("spool"),
        &["--output", "null", "--json", "--chunks", "2"],
        &[],
    );
    player.wait_said("waiting for a peer");
    let writer = media_store::Writer::open(&dir.path().join("spool"), None).expect("a spool");
    let mut lab = Lab { dir, writer };
    lab.put(7, &chunks[0]);
    lab.put(8, &chunks[1]);
    let ended = player.end();
    assert!(ended.status.success());
    ended.assert_counts(&[
        ("frames_shown", 2 * FRAMES),
        ("stalls", 0),
        ("first_seq", 7),
    ]);
}

#[test]
fn a_player_that_is_killed_shows_the_chunk_again_that_was_half_shown_and_nothing_else() {
    let mut lab = Lab::new();
    for (seq, chunk) in (0..).zip(film(lab.dir.path(), 8, &[])) {
        lab.put(seq, &chunk);
    }
    let player = lab.player(&[]);
    wait_until("chunk 1 is on show", || !lab.path(0).exists());
    player.signal("KILL");
    assert!(!player.end().status.success());
    // A slow machine kills it later.
    let left = lab.chunks();
    let first = 8 - left.len() as u64;
    assert!(first >= 1 && left.len() >= 2, "{left:?}");
    assert_eq!(left[0], format!("film_{first:05}.mkv"));
    let ended = lab.player(&["--chunks", "2"]).end();
    ended.assert_counts(&[
        ("frames_shown", 2 * FRAMES),
        ("first_seq", first),
        ("last_seq", first + 1),
        ("chunks_missing", 0),
    ]);
    assert_eq!(lab.chunks(), left[2..]);
}

#[test]
fn asked_to_end_it_tells_what_was_shown_and_leaves_the_rest() {
    let mut lab = Lab::new();
    for (seq, chunk) in (0..).zip(film(lab.dir.path(), 3, &[])) {
        lab.put(seq, &chunk);
    }
    let player = lab.player(&[]);
    wait_until("chunk 1 is on show", || !lab.path(0).exists());
    player.signal("TERM");
    let ended = player.end();
    assert!(ended.status.success());
    // A slow machine asks it later; with all shown it waits.
    let left = lab.chunks().len() as u64;
    assert!(left < 3);
    ended.assert_counts(&[("chunks_shown", 3 - left)]);
    if left > 0 {
        ended.assert_counts(&[("stalls", 0)]);
    }
}

#[test]
fn kept_chunks_stay_and_are_shown_once() {
    let mut lab = Lab::new();
    let chunks = film(lab.dir.path(), 3, &[]);
    lab.put(0, &chunks[0]);
    lab.put(1, &chunks[1]);
    let player = lab.player(&["--keep", "--until-idle", "5"]);
    std::thread::sleep(Duration::from_millis(500));
    lab.put(2, &chunks[2]);
    let ended = player.end();
    assert!(ended.status.success());
    ended.assert_counts(&[
        ("chunks_shown", 3),
        ("frames_shown", 3 * FRAMES),
        ("chunks_late", 0),
    ]);
    assert_eq!(lab.chunks().len(), 3);
}

#[test]
fn a_film_that_begins_again_goes_on_without_a_stall() {
    let mut lab = Lab::new();
    let dir = lab.dir.path().to_owned();
    let chunks = film(&dir, 2, &[]);
    for seq in 0..4u64 {
        let k = seq % 2;
        let index = usize::try_from(k).expect("0 or 1");
        lab.put(
            seq,
            &with_place(&dir, &chunks[index], k * 1_000_000, 1_000_000),
        );
    }
    let ended = lab.player(&["--chunks", "4"]).end();
    ended.assert_counts(&[("frames_shown", 4 * FRAMES), ("stalls", 0)]);
}

#[test]
fn a_window_and_a_sound_device_show_every_frame_too() {
    let mut lab = Lab::new();
    for (seq, chunk) in (0..).zip(film(lab.dir.path(), 3, &[])) {
        lab.put(seq, &chunk);
    }
    // SDL's drivers without hardware: the window is memory, the sound device takes samples in real time.
    let ended = lab::Player::start(
        &lab.spool(),
        &["--output", "window", "--json", "--chunks", "3"],
        &[("SDL_VIDEODRIVER", "dummy"), ("SDL_AUDIODRIVER", "dummy")],
    )
    .end();
    assert!(ended.status.success(), "{}", ended.stderr);
    let json = ended.json();
    assert_eq!(json["sound"].as_bool(), Some(true), "{json}");
    let all =
        json["frames_shown"].as_u64().unwrap_or(0) + json["frames_dropped"].as_u64().unwrap_or(0);
    assert_eq!(all, 3 * FRAMES, "{json}");
    assert_eq!(json["stalls"].as_u64(), Some(0), "{json}");
    assert!(lab.chunks().is_empty());
}

#[test]
fn chunks_that_come_live_and_unevenly_never_stall_the_usual_buffer() {
    let ended = on_time(|| {
        let mut lab = Lab::new();
        let chunks = film(lab.dir.path(), 8, &[]);
        let player = lab.player(&["--chunks", "8"]);
        let start = Instant::now();
        // Each up to 0.6 s after its time: less than the margin of one chunk.
        let late_ms = [0, 300, 0, 600, 100, 0, 500, 200];
        for (seq, (chunk, late_ms)) in (0..).zip(chunks.iter().zip(late_ms)) {
            let due = Duration::from_millis(seq * 1_000 + late_ms);
            while start.elapsed() < due {
                std::thread::sleep(Duration::from_millis(5));
            }
            lab.put(seq, chunk);
        }
        player.end()
    });
    ended.assert_counts(&[("frames_shown", 8 * FRAMES), ("stalls", 0)]);
}

#[test]
fn what_is_heard_is_the_sound_of_the_film_sample_for_sample() {
    let (ended, heard, film) = on_time(|| {
        let mut lab = Lab::new();
        let dir = lab.dir.path().to_owned();
        for (seq, chunk) in (0..).zip(film(&dir, 4, &[])) {
            lab.put(seq, &chunk);
        }
        let film = samples(&lab::sound_of_film(&dir, 4));
        // SDL's driver that writes what a device would play into a file.
        let heard = dir.join("heard.raw");
        let ended = lab::Player::start(
            &lab.spool(),
            &["--output", "window", "--json", "--chunks", "4"],
            &[
                ("SDL_VIDEODRIVER", "dummy"),
                ("SDL_AUDIODRIVER", "disk"),
                ("SDL_DISKAUDIOFILE", heard.to_str().expect("a plain path")),
            ],
        )
        .end();
        (ended, samples(&heard), film)
    });
    ended.assert_counts(&[("stalls", 0), ("chunks_shown", 4)]);
    let first = |sound: &[f32]| sound.iter().position(|s| s.abs() > 1e-6);
    let (at, from) = (
        first(&heard).expect("something is heard"),
        first(&film).expect("the film has sound"),
    );
    // The device is stopped with the last picture, a few pieces of 21 ms before its last sample.
    let compared = (film.len() - from).min(heard.len() - at);
    assert!(
        compared + 48_000 / 5 * 2 > film.len(),
        "only {compared} samples"
    );
    let wrong = (0..compared).find(|i| (heard[at + i] - film[from + i]).abs() > 1e-4);
    assert_eq!(wrong, None, "of {compared} samples");
}

fn samples(path: &std::path::Path) -> Vec<f32> {
    let bytes = std::fs::read(path).expect("the sound is there");
    let quads = bytes.chunks_exact(4);
    quads
        .map(|q| f32::from_le_bytes([q[0], q[1], q[2], q[3]]))
        .collect()
}

#[test]
fn a_terminal_shows_pictures_and_is_given_back() {
    let mut lab = Lab::new();
    for (seq, chunk) in (0..).zip(film(lab.dir.path(), 2, &[])) {
        lab.put(seq, &chunk);
    }
    // `script` is a terminal for programs that want one.
    let player = format!(
        "{} --spool {} --output terminal --mute --json --chunks 2",
        env!("CARGO_BIN_EXE_player"),
        lab.spool().display()
    );
    let output = std::process::Command::new("script")
        .args([
            "-qec",
            &format!("stty cols 60 rows 20; {player}"),
            "/dev/null",
        ])
        .stdin(std::process::Stdio::null())
        .output()
        .expect("script is there");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let (taken, given) = (text.find("\x1b[?1049h"), text.rfind("\x1b[?1049l"));
    let picture = text.find("\x1b[38;2;");
    assert!(
        taken < picture && picture < given && taken.is_some(),
        "{text}"
    );
    let json = text.lines().last().unwrap_or_default();
    assert!(json.contains("\"frames_shown\":50"), "{json}");
    assert!(lab.chunks().is_empty());
}
