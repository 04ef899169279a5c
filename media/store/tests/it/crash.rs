//! What a crash or a power cut leaves behind is cleared away, and nothing of it is ever shown.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use media_store::Put;

use crate::lab::{Lab, body, names_in, put, seqs};

#[test]
fn a_file_half_written_is_cleared_away() {
    let lab = Lab::new();
    drop(lab.writer());
    fs::write(lab.path(".treecast/tmp/film_00000.mkv"), "half").expect("a file");
    let mut writer = lab.writer();
    assert!(lab.tmp_files().is_empty());
    put(&mut writer, 0, 100).expect("stored");
}

#[test]
fn a_chunk_that_was_listed_but_never_got_its_name_is_stored_when_it_comes_again() {
    let lab = Lab::new();
    put(&mut lab.writer(), 0, 100).expect("stored");
    fs::rename(
        lab.path("film_00000.mkv"),
        lab.path(".treecast/tmp/film_00000.mkv"),
    )
    .expect("as before its rename");
    let mut writer = lab.writer();
    assert!(matches!(put(&mut writer, 0, 100), Ok(Put::Stored { .. })));
    assert_eq!(lab.files(), ["film_00000.mkv"]);
}

#[test]
fn a_file_that_a_power_cut_has_shortened_is_removed_and_stored_again() {
    let lab = Lab::new();
    put(&mut lab.writer(), 0, 100).expect("stored");
    OpenOptions::new()
        .write(true)
        .open(lab.path("film_00000.mkv"))
        .and_then(|f| f.set_len(60))
        .expect("shortened");
    assert!(
        lab.reader().pending().expect("an index").is_empty(),
        "it is not shown"
    );
    let mut writer = lab.writer();
    assert!(lab.files().is_empty());
    assert!(matches!(put(&mut writer, 0, 100), Ok(Put::Stored { .. })));
}

#[test]
fn an_index_whose_last_line_was_cut_keeps_the_others() {
    let lab = Lab::new();
    let mut writer = lab.writer();
    put(&mut writer, 0, 100).expect("stored");
    put(&mut writer, 1, 100).expect("stored");
    drop(writer);
    let len = fs::metadata(lab.index()).expect("an index").len();
    OpenOptions::new()
        .write(true)
        .open(lab.index())
        .and_then(|f| f.set_len(len - 5))
        .expect("cut");
    let mut reader = lab.reader();
    assert_eq!(seqs(&reader.pending().expect("an index")), [0]);
    let mut writer = lab.writer();
    assert_eq!(seqs(&reader.pending().expect("an index")), [0]);
    assert_eq!(put(&mut writer, 0, 100).expect("known"), Put::AlreadyThere);
    put(&mut writer, 2, 100).expect("stored");
    assert_eq!(seqs(&reader.pending().expect("an index")), [0, 2]);
}

#[test]
fn an_index_that_is_rubbish_is_replaced_and_no_file_is_touched() {
    let lab = Lab::new();
    put(&mut lab.writer(), 0, 100).expect("stored");
    fs::write(lab.index(), "rubbish\n".repeat(100)).expect("written");
    let error = lab.reader().pending().expect_err("no index").to_string();
    assert!(error.contains("index.jsonl"), "{error}");
    let mut writer = lab.writer();
    assert_eq!(lab.files(), ["film_00000.mkv"]);
    put(&mut writer, 1, 100).expect("stored");
    assert_eq!(seqs(&lab.reader().pending().expect("an index")), [1]);
}

#[test]
fn a_line_that_is_no_record_is_passed_over() {
    let lab = Lab::new();
    let mut writer = lab.writer();
    put(&mut writer, 0, 100).expect("stored");
    drop(writer);
    let mut index = OpenOptions::new()
        .append(true)
        .open(lab.index())
        .expect("an index");
    index.write_all(b"{\"name\":1}\n\n").expect("written");
    assert_eq!(seqs(&lab.reader().pending().expect("an index")), [0]);
}

/// Set for the process that stores until it is killed.
const STORES_IN: &str = "TREECAST_TEST_STORES_IN";

#[test]
fn a_peer_killed_while_it_stores_leaves_only_whole_chunks() {
    const LEN: usize = 200_000;
    if let Some(dir) = std::env::var_os(STORES_IN) {
        let mut writer =
            media_store::Writer::open(dir.as_ref(), None).expect("a writable directory");
        for seq in 0..100_000 {
            put(&mut writer, seq, LEN).expect("stored");
        }
        return;
    }
    for round in 0..5 {
        let lab = Lab::new();
        let test = "crash::a_peer_killed_while_it_stores_leaves_only_whole_chunks";
        let program = std::env::current_exe().expect("this test");
        let mut peer = Command::new(program)
            .args(["--exact", test])
            .env(STORES_IN, lab.dir())
            .stdout(Stdio::null())
            .spawn()
            .expect("a second process");
        let deadline = Instant::now() + Duration::from_secs(30);
        while names_in(lab.dir()).len() < 4 + round {
            assert!(Instant::now() < deadline, "the peer stores nothing");
            std::thread::yield_now();
        }
        peer.kill().expect("it runs");
        peer.wait().expect("it ended");
        let pending = lab.reader().pending().expect("an index");
        assert_eq!(pending.len(), lab.files().len(), "every file is listed");
        for chunk in pending {
            assert!(
                fs::read(&chunk.path).expect("the file") == body(chunk.seq, LEN),
                "{} is whole",
                chunk.name
            );
        }
        lab.writer();
        assert!(lab.tmp_files().is_empty());
    }
}
