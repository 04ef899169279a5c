//! The body of the fuzz target, on the bytes that proptest thinks of and on those that fuzzing has kept.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

#[path = "../../../../tests/fuzz/bodies/legacy.rs"]
mod bodies;

proptest! {
    #[test]
    fn no_bytes_at_all_upset_the_reader_of_requests(bytes in proptest::collection::vec(any::<u8>(), 0..1_100)) {
        bodies::request(&bytes);
    }

    #[test]
    fn nor_do_those_that_are_nearly_a_request(bytes in "[ \r\n\t]{0,4}[01]{0,2}[0-4]{0,2}[0-9a]?[ \r\n]{0,3}") {
        bodies::request(bytes.as_bytes());
    }
}

#[test]
fn the_inputs_that_fuzzing_has_kept_upset_nothing() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/request");
    let mut inputs = 0;
    for entry in fs::read_dir(corpus).expect("a corpus") {
        bodies::request(&fs::read(entry.expect("an entry").path()).expect("an input"));
        inputs += 1;
    }
    assert!(inputs > 0);
}
