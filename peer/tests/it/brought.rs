//! The fuzz target's body on whatever proptest thinks of, and on the beginnings of real files.

#[path = "../../../tests/fuzz/bodies/old_server.rs"]
mod bodies;

use proptest::prelude::*;

const BEGINNINGS: [&[u8]; 5] = [
    b"",
    b"\x1a\x45\xdf\xa3",
    b"\0\0\0\x10ftyp",
    b"['10.0.0.2', ",
    b"10",
];

proptest! {
    #[test]
    fn nothing_that_an_old_server_brings_breaks_a_bound(rest: Vec<u8>, which in 0..BEGINNINGS.len()) {
        bodies::brought(&[BEGINNINGS[which], &rest].concat());
    }
}
