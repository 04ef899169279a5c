//! The body of the fuzz target, on the bytes that proptest thinks of: noise, and chunks with some bytes changed.

mod lab;

use std::sync::OnceLock;

use lab::Lab;
use proptest::prelude::*;

#[path = "../../../tests/fuzz/bodies/packets.rs"]
mod bodies;

/// Small chunks of three kinds, made once.
fn chunks() -> &'static [Vec<u8>] {
    static CHUNKS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    CHUNKS.get_or_init(|| {
        let lab = Lab::new();
        let picture = "-f lavfi -i testsrc2=s=64x64:r=25:d=0.2";
        let tone = "-f lavfi -i sine=d=0.2";
        let plain = "-c:v libx264 -preset ultrafast -tune zerolatency";
        [
            ("plain.mkv", plain, "-c:a libopus"),
            ("aac.mp4", plain, "-c:a aac"),
            ("b.mkv", "-c:v libx264 -bf 3", "-c:a flac"),
        ]
        .map(|(name, video, sound)| {
            let film = lab.film(name, &[picture, tone, video, sound]);
            std::fs::read(film).expect("a film")
        })
        .to_vec()
    })
}

/// A chunk with up to eight bytes changed, perhaps cut off, which gets further than noise does.
fn nearly_a_chunk() -> impl Strategy<Value = Vec<u8>> {
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8);
    (
        0..chunks().len(),
        changes,
        any::<Option<prop::sample::Index>>(),
    )
        .prop_map(|(which, changes, cut)| {
            let mut bytes = chunks()[which].clone();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            bytes
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn noise_is_no_chunk_and_does_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        bodies::chunk(&bytes);
    }

    #[test]
    fn nearly_a_chunk_does_no_harm_either(bytes in nearly_a_chunk()) {
        bodies::chunk(&bytes);
    }
}
