//! Chunks come in, wait in order, and come once.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use media_store::{Put, Reader, StoreError, Writer};

use crate::lab::{Lab, body, evicted, meta, names_in, put, seqs};

#[test]
fn a_chunk_that_was_put_waits_whole_under_its_name() {
    let lab = Lab::new();
    let (mut writer, mut reader) = (lab.writer(), lab.reader());
    assert_eq!(reader.pending().expect("an index"), []);
    let stored = put(&mut writer, 3, 10_000).expect("stored");
    let pending = reader.pending().expect("an index");
    let [chunk] = &pending[..] else {
        panic!("{pending:?}")
    };
    assert_eq!(
        stored,
        Put::Stored {
            chunk: chunk.clone(),
            evicted: vec![]
        }
    );
    assert_eq!(
        (chunk.seq, chunk.epoch, chunk.bytes, chunk.duration_us),
        (3, 1, 10_000, 2_000_000)
    );
    assert!(
        chunk.stored_us > 1_600_000_000_000_000,
        "stored after 2020: {}",
        chunk.stored_us
    );
    assert_eq!(fs::read(&chunk.path).expect("the file"), body(3, 10_000));
    assert_eq!(lab.files(), ["film_00003.mkv"]);
    assert!(lab.tmp_files().is_empty());
    assert_eq!(writer.pending(), pending);
}

#[test]
fn chunks_wait_in_the_order_of_their_broadcast_however_they_came() {
    let lab = Lab::new();
    let (mut writer, mut reader) = (lab.writer(), lab.reader());
    for seq in [5, 3, 4, 100_000] {
        put(&mut writer, seq, 100).expect("stored");
        reader.pending().expect("an index");
    }
    assert_eq!(
        seqs(&reader.pending().expect("an index")),
        [3, 4, 5, 100_000]
    );
    assert_eq!(
        seqs(&lab.reader().pending().expect("an index")),
        [3, 4, 5, 100_000]
    );
}

#[test]
fn a_chunk_is_stored_once_even_after_it_was_shown_and_the_peer_restarted() {
    let lab = Lab::new();
    let mut writer = lab.writer();
    for seq in 0..3 {
        put(&mut writer, seq, 100).expect("stored");
    }
    assert_eq!(put(&mut writer, 1, 100).expect("known"), Put::AlreadyThere);
    let mut reader = lab.reader();
    let pending = reader.pending().expect("an index");
    reader.delete(&pending[0]).expect("a chunk");
    reader
        .delete(&pending[0])
        .expect("gone already is no error");
    assert_eq!(put(&mut writer, 0, 100).expect("known"), Put::AlreadyShown);
    drop(writer);
    let mut writer = lab.writer();
    assert_eq!(put(&mut writer, 0, 100).expect("known"), Put::AlreadyShown);
    assert_eq!(put(&mut writer, 1, 100).expect("known"), Put::AlreadyThere);
    put(&mut writer, 3, 100).expect("stored");
    assert_eq!(seqs(&reader.pending().expect("an index")), [1, 2, 3]);
}

#[test]
fn a_later_broadcast_of_the_same_name_takes_the_place_of_the_one_that_nobody_showed() {
    let lab = Lab::new();
    let (mut writer, mut reader) = (lab.writer(), lab.reader());
    put(&mut writer, 0, 100).expect("stored");
    put(&mut writer, 1, 100).expect("stored");
    let before = reader.pending().expect("an index");
    let mut again = meta(0);
    again.wall_us += 3_600_000_000;
    let stored = writer.put(&again, std::iter::once(body(9, 200).into()));
    assert_eq!(evicted(&stored), [0]);
    let pending = reader.pending().expect("an index");
    assert_eq!(seqs(&pending), [1, 0], "by time on air");
    assert_eq!(
        fs::read(lab.path("film_00000.mkv")).expect("the file"),
        body(9, 200)
    );
    let error = reader
        .delete(&before[0])
        .expect_err("another chunk has its name now");
    assert!(matches!(error, StoreError::NotAChunk { .. }), "{error}");
    reader.delete(&pending[1]).expect("this one");
}

#[test]
fn a_player_that_deletes_while_the_peer_stores_sees_each_chunk_once_and_whole() {
    const CHUNKS: u64 = 1_500;
    let lab = Lab::new();
    let (mut writer, mut reader) = (lab.writer(), lab.reader());
    let peer = thread::spawn(move || {
        for seq in 0..CHUNKS {
            put(&mut writer, seq, 2_000).expect("stored");
        }
    });
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut next = 0;
    while next < CHUNKS {
        assert!(Instant::now() < deadline, "{next} of {CHUNKS} chunks");
        for chunk in reader.pending().expect("an index") {
            assert_eq!(chunk.seq, next);
            assert_eq!(fs::read(&chunk.path).expect("the file"), body(next, 2_000));
            reader.delete(&chunk).expect("a chunk");
            next += 1;
        }
    }
    peer.join().expect("the peer has not panicked");
    assert!(lab.files().is_empty());
    // 1500 lines of the index were written; the compaction on the way may keep all that are remembered.
    assert_eq!(reader.pending().expect("an index"), []);
}

#[test]
fn an_index_does_not_grow_for_ever_and_the_reader_follows_when_it_is_made_anew() {
    let lab = Lab::new();
    let (mut writer, mut reader) = (lab.writer(), lab.reader());
    let mut longest = 0;
    for seq in 0..12_000 {
        put(&mut writer, seq, 1).expect("stored");
        longest = longest.max(fs::metadata(lab.index()).expect("an index").len());
        for chunk in reader.pending().expect("an index") {
            assert_eq!(chunk.seq, seq);
            reader.delete(&chunk).expect("a chunk");
        }
    }
    let lines_at_most = (media_store::MAX_REMEMBERED + 1_026) as u64;
    assert!(longest < lines_at_most * 300, "{longest} bytes");
    assert_eq!(
        put(&mut writer, 11_999, 1).expect("known"),
        Put::AlreadyShown
    );
}

#[test]
fn two_peers_never_share_a_spool() {
    let lab = Lab::new();
    let writer = lab.writer();
    let error = Writer::open(lab.dir(), None).expect_err("taken");
    assert!(matches!(error, StoreError::Busy { .. }));
    assert!(
        error.to_string().contains("used by another peer"),
        "{error}"
    );
    drop(writer);
    lab.writer();
}

#[test]
fn a_spool_that_cannot_be_written_is_named_with_what_to_do() {
    let lab = Lab::new();
    fs::write(lab.path("file"), "").expect("a file");
    let dir = lab.path("file").join("spool");
    let error = Writer::open(&dir, None).expect_err("below a file");
    assert!(matches!(error, StoreError::NotWritable { .. }));
    let text = error.to_string();
    assert!(
        text.contains(&dir.display().to_string()) && text.contains("--spool"),
        "{text}"
    );
    let error = Reader::open(&dir).expect_err("no directory");
    assert!(
        error.to_string().contains("there is no directory"),
        "{error}"
    );
}

#[test]
fn a_spool_is_made_with_the_directories_above_it_and_keeps_its_secrets() {
    let lab = Lab::new();
    let dir = lab.path("a/b/spool");
    let writer = Writer::open(&dir, None).expect("a writable directory");
    assert!(writer.dir().ends_with("a/b/spool"));
    assert_eq!(names_in(&dir), [".treecast"]);
    let state = media_store::state_dir(&dir).expect("a writable directory");
    assert_eq!(state, dir.join(".treecast"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(state)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}

#[test]
fn a_name_or_a_number_that_no_chunk_has_is_not_stored() {
    let lab = Lab::new();
    let mut writer = lab.writer();
    for name in ["../film.mkv", ".treecast", ".x.mkv", "film.sh", ""] {
        let mut bad = meta(0);
        bad.name = name.to_owned();
        let error = writer.put(&bad, std::iter::empty()).expect_err(name);
        assert!(matches!(error, StoreError::Name(_)), "{error}");
    }
    let mut bad = meta(0);
    bad.seq = u64::MAX;
    let error = writer
        .put(&bad, std::iter::empty())
        .expect_err("no such number");
    assert!(matches!(error, StoreError::Bounds { .. }), "{error}");
    assert!(lab.files().is_empty());
}
