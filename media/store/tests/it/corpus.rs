//! The inputs that fuzzing has found worth keeping, for this crate and for media-model, whose own tests read no
//! files.

use std::fs;
use std::path::Path;

use crate::fuzz::bodies;

#[path = "../../../../tests/fuzz/bodies/model.rs"]
mod model;

fn corpus(target: &str, body: fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus");
    let mut inputs = 0;
    for entry in fs::read_dir(root.join(target)).expect("a corpus") {
        body(&fs::read(entry.expect("an entry").path()).expect("an input"));
        inputs += 1;
    }
    assert!(inputs > 0, "no inputs for {target}");
}

#[test]
fn the_inputs_that_fuzzing_has_kept_upset_nothing() {
    corpus("span", model::span);
    corpus("frames", model::frames);
    corpus("text", model::text);
    corpus("index", bodies::index);
}
