//! A disk that is really full: a small tmpfs in a mount namespace of its own, which needs no privileges.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;

use media_store::{Put, Reader, StoreError, Writer};

use crate::lab::{Lab, body, names_in, put, seqs};

/// Set for the process in which the directory that it names is a disk of its own.
const DISK: &str = "TREECAST_TEST_DISK";

/// Runs this test again, in a process that sees a disk of 512 KiB at `dir`.
fn run_again_on_a_small_disk(test: &str, dir: &Path) {
    let program = std::env::current_exe().expect("this test");
    let script = r#"mount -t tmpfs -o size=512k none "$1" && exec "$2" --exact "$3" --nocapture"#;
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .args([dir.as_os_str(), program.as_os_str(), test.as_ref()])
        .env(DISK, dir)
        .output()
        .expect("unshare of util-linux must be installed");
    let text = [output.stdout, output.stderr]
        .map(|text| String::from_utf8_lossy(&text).into_owned())
        .concat();
    assert!(
        output.status.success() && text.contains("1 passed"),
        "on the small disk: {text}"
    );
}

#[test]
fn a_full_disk_costs_only_the_chunks_that_do_not_fit() {
    let Some(dir) = std::env::var_os(DISK) else {
        let lab = Lab::new();
        return run_again_on_a_small_disk(
            "disk::a_full_disk_costs_only_the_chunks_that_do_not_fit",
            lab.dir(),
        );
    };
    let dir = Path::new(&dir);
    let mut writer = Writer::open(dir, None).expect("room for an index");
    let mut reader = Reader::open(dir).expect("a directory");
    let mut seq = 0;
    let error = loop {
        match put(&mut writer, seq, 100_000) {
            Ok(Put::Stored { .. }) => seq += 1,
            other => break other.expect_err("the disk is full"),
        }
    };
    assert!((2..=5).contains(&seq), "{seq} chunks of 100 kB on 512 KiB");
    let text = error.to_string();
    assert!(
        matches!(error, StoreError::Full { bytes: 100_000, .. }),
        "{text}"
    );
    assert!(
        text.contains(&dir.display().to_string()) && text.contains("free some space"),
        "{text}"
    );
    assert!(
        names_in(&dir.join(".treecast/tmp")).is_empty(),
        "nothing half written stays"
    );
    assert_eq!(names_in(dir).len() as u64, seq + 1, "nor in the spool");

    // The last bytes go too, so that even a line of the index does not fit.
    let filler = std::fs::write(dir.join("filler"), vec![0; 1_000_000]);
    assert!(filler.is_err());
    let mut tiny = seq + 1;
    let error = loop {
        match put(&mut writer, tiny, 0) {
            Ok(Put::Stored { .. }) => tiny += 1,
            other => break other.expect_err("the index has no room"),
        }
    };
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(names_in(&dir.join(".treecast/tmp")).is_empty());
    let empty_ones = tiny - seq - 1;
    assert_eq!(
        reader.pending().expect("an index").len() as u64,
        seq + empty_ones
    );

    // Room again: the chunk that did not fit is stored, and the reader has lost nothing.
    std::fs::remove_file(dir.join("filler")).expect("the filler");
    let pending = reader.pending().expect("an index");
    reader.delete(&pending[0]).expect("a chunk");
    assert!(matches!(
        put(&mut writer, seq, 100_000),
        Ok(Put::Stored { .. })
    ));
    let pending = reader.pending().expect("an index");
    assert_eq!(seqs(&pending), (1..tiny).collect::<Vec<_>>());
    let whole = std::fs::read(&pending[seq as usize - 1].path).expect("the file");
    assert!(whole == body(seq, 100_000));
}

#[test]
fn a_disk_that_is_full_from_the_start_is_said_when_the_spool_is_opened() {
    let Some(dir) = std::env::var_os(DISK) else {
        let lab = Lab::new();
        let test = "disk::a_disk_that_is_full_from_the_start_is_said_when_the_spool_is_opened";
        return run_again_on_a_small_disk(test, lab.dir());
    };
    let dir = Path::new(&dir);
    let filler = std::fs::write(dir.join("filler"), vec![0; 1_000_000]);
    assert!(filler.is_err());
    let error = Writer::open(dir, None).expect_err("no room").to_string();
    assert!(error.contains("No space left"), "{error}");
}
