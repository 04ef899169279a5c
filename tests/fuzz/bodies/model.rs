//! What is tried on bytes from outside that media-model reads. Run by the fuzz targets of this folder and, as
//! ordinary tests, by media-model's own.

use bytes::Bytes;
use media_model::{
    BlockHead, ChunkAssembler, ChunkDraft, Coding, FRAME_HEAD_LEN, MAX_SPAN_LEN, OriginKey,
    SignedSpan, SigningKey, check_chunk_name, encode_chunk,
};

/// A chunk of two rows with a short last one; the frames that are tried belong to it, or nearly so.
pub(crate) fn chunk() -> Bytes {
    (0..900u32)
        .flat_map(u32::to_be_bytes)
        .collect::<Vec<u8>>()
        .into()
}

fn origin() -> SigningKey {
    SigningKey::from_bytes(&[42; 32])
}

/// A signed span: what is accepted is within every bound and is written back as it was read.
pub(crate) fn span(bytes: &[u8]) {
    let Ok(read) = SignedSpan::decode(bytes) else {
        return;
    };
    assert!(bytes.len() <= MAX_SPAN_LEN);
    assert_eq!(read.claimed().check(), Ok(()));
    let geometry = read.claimed().geometry();
    assert!(geometry.rows() == 0 || geometry.row_len(geometry.row_range().end - 1) > 0);
    if let Ok(signed) = read.verify(&origin().origin_key()) {
        assert_eq!(signed.encode(), bytes);
    }
}

/// Frames of blocks, each after a byte that names its stripe: what is accepted is the chunk's own.
pub(crate) fn frames(mut bytes: &[u8]) {
    let data = chunk();
    let draft = ChunkDraft {
        channel: 3,
        epoch: 7,
        seq: 1,
        name: "film_00001.mkv".to_owned(),
        wall_time_us: 1_800_000_000_000_000,
        duration_us: 2_000_000,
        coding: Coding::default(),
    };
    let encoded = encode_chunk(draft, &data, &origin()).expect("within bounds");
    let mut assembler = ChunkAssembler::new(&encoded.span);
    while let Some((stripe, rest)) = bytes.split_first() {
        let Ok(head) = BlockHead::parse(rest) else {
            break;
        };
        let rest = &rest[FRAME_HEAD_LEN..];
        let Some((proof, rest)) = rest.split_at_checked(head.proof_len) else {
            break;
        };
        let Some((payload, rest)) = rest.split_at_checked(head.payload_len) else {
            break;
        };
        bytes = rest;
        if assembler
            .insert(head.row, *stripe, Bytes::copy_from_slice(payload), proof)
            .is_ok()
        {
            let own = encoded
                .blocks
                .iter()
                .find(|block| block.row == head.row && block.stripe == *stripe);
            assert_eq!(assembler.block(head.row, *stripe).as_ref(), own);
        }
        // Enough blocks may be there, or not: in no case may it panic.
        let _ = assembler.restore(head.row);
    }
    if assembler.is_complete() {
        assert_eq!(assembler.verify_hash(), Ok(()));
    }
}

/// The small parsers of text: what is accepted reads back.
pub(crate) fn text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(key) = text.parse::<OriginKey>() {
        assert_eq!(key.to_string(), text.to_ascii_lowercase());
    }
    if let Ok(coding) = text.parse::<Coding>() {
        assert_eq!(coding.to_string().parse(), Ok(coding));
    }
    if check_chunk_name(text).is_ok() {
        assert_eq!(std::path::Path::new(text).components().count(), 1);
    }
}
