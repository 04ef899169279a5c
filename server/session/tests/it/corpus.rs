//! The inputs that fuzzing has kept, for the messages that this server reads; the pure crate has no files in its tests.

use std::fs;
use std::path::Path;

#[path = "../../../../tests/fuzz/bodies/wire.rs"]
mod bodies;

#[test]
fn the_inputs_that_fuzzing_has_kept_upset_nothing() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/messages");
    let mut inputs = 0;
    for entry in fs::read_dir(corpus).expect("a corpus") {
        bodies::messages(&fs::read(entry.expect("an entry").path()).expect("an input"));
        inputs += 1;
    }
    assert!(inputs > 0);
}
