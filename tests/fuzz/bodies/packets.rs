//! What is tried on a chunk that somebody else has written: it is taken apart or refused. Run by the fuzz target of this
//! folder and, as an ordinary test, by media-ffmpeg's own.

use media_ffmpeg::packets::{codec_of, read_chunk};

/// Any bytes as a chunk: what comes out of it is what players can begin with, and within the bounds of chunks.
pub(crate) fn chunk(bytes: &[u8]) {
    let codec = codec_of(bytes);
    let Ok(packets) = read_chunk(bytes) else {
        return;
    };
    assert!(packets.duration_us > 0);
    assert!(!packets.video.is_empty() || !packets.sound.is_empty());
    if let Some(first) = packets.video.first() {
        assert!(first.keyframe, "a decoder can start");
        assert_eq!(codec.expect("it was read"), Some(first.codec));
    }
    let mut times = packets.video.iter().map(|packet| packet.at_us);
    // The model's longest chunk, and the pictures that an encoder adds at its end.
    assert!(times.all(|at_us| at_us <= 61_000_000));
    for sound in &packets.sound {
        assert!((1..=120_000).contains(&sound.duration_us));
    }
}
