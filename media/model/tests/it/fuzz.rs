//! The bodies of the fuzz targets, on the bytes that proptest thinks of.

use crate::common::{content, draft, key};
use media_model::{Block, Coding, encode_chunk};
use proptest::prelude::*;

#[path = "../../../../tests/fuzz/bodies/model.rs"]
mod bodies;

/// A signed span with one byte changed, which gets further into the parser than noise does.
fn nearly_a_span() -> impl Strategy<Value = Vec<u8>> {
    let encoded =
        encode_chunk(draft(1, Coding::default()), &content(9, 3), &key()).expect("in bounds");
    let bytes = encoded.span.encode().to_vec();
    (0..bytes.len(), any::<u8>()).prop_map(move |(at, byte)| {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        bytes
    })
}

proptest! {
    #[test]
    fn no_bytes_at_all_upset_the_span_parser(bytes in proptest::collection::vec(any::<u8>(), 0..700)) {
        bodies::span(&bytes);
    }

    #[test]
    fn nor_do_those_of_nearly_a_span(bytes in nearly_a_span()) {
        bodies::span(&bytes);
    }

    #[test]
    fn no_bytes_at_all_upset_the_reader_of_frames(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        bodies::frames(&bytes);
    }

    #[test]
    fn nor_do_blocks_with_a_byte_changed(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let encoded = encode_chunk(draft(1, Coding::default()), &bodies::chunk(), &key()).expect("in bounds");
        let frames = encoded.blocks.iter().flat_map(|block: &Block| {
            [vec![block.stripe], block.frame().concat()].concat()
        });
        let mut bytes: Vec<u8> = frames.collect();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bodies::frames(&bytes);
    }

    #[test]
    fn no_text_at_all_upsets_the_small_parsers(text in ".*") {
        bodies::text(text.as_bytes());
    }
}
