//! A player deletes chunks of its spool and nothing else.

use std::fs;

use media_store::{PendingChunk, StoreError};

use crate::lab::{Lab, meta, put};

fn refused(lab: &Lab, chunk: &PendingChunk) -> String {
    let error = lab
        .reader()
        .delete(chunk)
        .expect_err("it is no chunk of the spool");
    assert!(
        matches!(error, StoreError::NotAChunk { .. } | StoreError::Name(_)),
        "{error}"
    );
    error.to_string()
}

fn one_chunk() -> (Lab, PendingChunk) {
    let lab = Lab::new();
    put(&mut lab.writer(), 0, 100).expect("stored");
    let chunk = lab.reader().pending().expect("an index").remove(0);
    (lab, chunk)
}

#[test]
fn a_file_that_the_index_does_not_list_stays() {
    let (lab, mut chunk) = one_chunk();
    fs::write(lab.path("holiday.mkv"), [0; 100]).expect("a file");
    chunk.name = "holiday.mkv".to_owned();
    assert!(refused(&lab, &chunk).contains("does not list"));
    assert_eq!(lab.files(), ["film_00000.mkv", "holiday.mkv"]);
}

#[test]
fn the_path_in_a_chunk_leads_nowhere_else() {
    let (lab, mut chunk) = one_chunk();
    let outside = Lab::new();
    fs::write(outside.path("film_00000.mkv"), [0; 100]).expect("a file");
    chunk.path = outside.path("film_00000.mkv");
    lab.reader().delete(&chunk).expect("the chunk of the spool");
    assert!(lab.files().is_empty());
    assert_eq!(outside.files(), ["film_00000.mkv"]);
    chunk.name = "../film_00000.mkv".to_owned();
    refused(&lab, &chunk);
}

#[test]
fn a_file_whose_length_is_another_stays() {
    let (lab, chunk) = one_chunk();
    fs::write(&chunk.path, [0; 101]).expect("a file");
    assert!(refused(&lab, &chunk).contains("length"));
    assert!(lab.reader().pending().expect("an index").is_empty());
    assert_eq!(lab.files(), ["film_00000.mkv"]);
}

#[test]
fn a_directory_with_the_name_of_a_chunk_stays() {
    let (lab, chunk) = one_chunk();
    fs::remove_file(&chunk.path).expect("the chunk");
    fs::create_dir(&chunk.path).expect("a directory");
    assert!(refused(&lab, &chunk).contains("regular file"));
    assert_eq!(lab.files(), ["film_00000.mkv"]);
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_with_the_name_of_a_chunk_stays_and_so_does_what_it_leads_to() {
    let (lab, chunk) = one_chunk();
    fs::rename(&chunk.path, lab.path("diary.txt")).expect("the chunk");
    std::os::unix::fs::symlink(lab.path("diary.txt"), &chunk.path).expect("a link");
    assert!(refused(&lab, &chunk).contains("regular file"));
    assert!(lab.reader().pending().expect("an index").is_empty());
    assert_eq!(lab.files(), ["diary.txt", "film_00000.mkv"]);
}

#[test]
fn an_index_with_names_that_lead_out_of_the_spool_deletes_nothing_there() {
    let (lab, chunk) = one_chunk();
    let index = fs::read_to_string(lab.index()).expect("an index");
    fs::write(
        lab.index(),
        index.replace("film_00000.mkv", "../outside.mkv"),
    )
    .expect("written");
    assert!(lab.reader().pending().expect("an index").is_empty());
    assert!(refused(&lab, &chunk).contains("does not list"));
}

#[test]
fn a_file_of_somebody_else_is_not_overwritten_by_a_chunk_of_its_name() {
    let lab = Lab::new();
    let mut writer = lab.writer();
    fs::write(lab.path(&meta(7).name), "mine").expect("a file");
    let error = put(&mut writer, 7, 100).expect_err("in the way");
    assert!(matches!(error, StoreError::InTheWay { .. }), "{error}");
    assert!(error.to_string().contains("film_00007.mkv"), "{error}");
    assert_eq!(
        fs::read(lab.path(&meta(7).name)).expect("the file"),
        b"mine"
    );
    put(&mut writer, 8, 100).expect("the spool goes on");
}
