//! What is tried on an index that somebody else has written. Run by the fuzz target of this folder and, as an
//! ordinary test, by media-store's own.

use std::fs;

use media_store::{Reader, Writer};

/// An index with any bytes: reader and writer open it or refuse it, and no file that is not listed as what it is
/// goes.
pub(crate) fn index(bytes: &[u8]) {
    let around = tempfile::tempdir().expect("a temporary directory");
    let spool = around.path().join("spool");
    fs::create_dir_all(spool.join(".treecast")).expect("a directory");
    let foreign = [
        around.path().join("b.mkv"),
        spool.join("notes.txt"),
        spool.join(".hidden.mkv"),
    ];
    for path in &foreign {
        fs::write(path, [0; 100]).expect("a file");
    }
    fs::write(spool.join("a.mkv"), [0; 100]).expect("a file");
    fs::write(spool.join(".treecast/index.jsonl"), bytes).expect("a file");
    let mut reader = Reader::open(&spool).expect("a directory");
    for chunk in reader.pending().unwrap_or_default() {
        assert_eq!((chunk.name.as_str(), chunk.bytes), ("a.mkv", 100));
        reader.delete(&chunk).expect("it is listed");
        assert!(!spool.join("a.mkv").exists());
    }
    let mut writer = Writer::open(&spool, Some(1_000)).expect("a writable directory");
    let pending = writer.pending();
    assert!(
        pending
            .iter()
            .all(|chunk| chunk.name == "a.mkv" && chunk.bytes == 100)
    );
    assert_eq!(reader.pending().expect("the writer's index"), pending);
    assert!(foreign.iter().all(|path| path.exists()));
}
