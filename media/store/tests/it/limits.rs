//! The spool stays within its limit.

use media_store::{Put, StoreError};

use crate::lab::{Lab, evicted, put, seqs};

#[test]
fn over_the_limit_the_oldest_chunks_go_and_are_reported() {
    let lab = Lab::new();
    let mut writer = lab.limited(1_000);
    for seq in [2, 1, 3] {
        assert!(evicted(&put(&mut writer, seq, 300)).is_empty());
    }
    assert_eq!(evicted(&put(&mut writer, 4, 300)), [1]);
    assert_eq!(evicted(&put(&mut writer, 5, 650)), [2, 3]);
    assert_eq!(seqs(&lab.reader().pending().expect("an index")), [4, 5]);
    assert_eq!(lab.files(), ["film_00004.mkv", "film_00005.mkv"]);
    assert_eq!(
        put(&mut writer, 1, 300).expect("known"),
        Put::AlreadyShown,
        "what was evicted stays away"
    );
}

#[test]
fn chunks_that_were_shown_make_room() {
    let lab = Lab::new();
    let mut writer = lab.limited(1_000);
    let mut reader = lab.reader();
    for seq in 0..20 {
        assert!(evicted(&put(&mut writer, seq, 900)).is_empty());
        let pending = reader.pending().expect("an index");
        reader.delete(&pending[0]).expect("a chunk");
    }
}

#[test]
fn a_limit_that_was_lowered_holds_from_the_next_chunk_on() {
    let lab = Lab::new();
    let mut writer = lab.writer();
    for seq in 0..10 {
        put(&mut writer, seq, 100).expect("stored");
    }
    drop(writer);
    let mut writer = lab.limited(250);
    assert_eq!(
        evicted(&put(&mut writer, 10, 100)),
        [0, 1, 2, 3, 4, 5, 6, 7, 8]
    );
}

#[test]
fn a_chunk_larger_than_the_whole_spool_is_refused_and_costs_no_other_one() {
    let lab = Lab::new();
    let mut writer = lab.limited(1_000);
    put(&mut writer, 0, 1_000).expect("it just fits");
    let error = put(&mut writer, 1, 1_001).expect_err("it does not");
    assert!(
        matches!(
            error,
            StoreError::LargerThanLimit {
                bytes: 1_001,
                limit: 1_000,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(lab.files(), ["film_00000.mkv"]);
}
