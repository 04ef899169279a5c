//! The wire forms byte by byte, as docs/protocols/media.md writes them down. If one of these fails, the protocol
//! has changed, whatever the code says.

use crate::common::key;
use media_model::{BlockHead, ChunkDraft, Coding, FRAME_HEAD_LEN, encode_chunk};

fn draft() -> ChunkDraft {
    ChunkDraft {
        channel: 0,
        epoch: 250,
        seq: 251,
        name: "a.mkv".to_owned(),
        wall_time_us: 1 << 50,
        duration_us: 2_000_000,
        coding: Coding::default(),
    }
}

#[test]
fn a_span_is_written_as_the_protocol_says() {
    let data = bytes::Bytes::from_static(b"0123456789");
    let encoded = encode_chunk(draft(), &data, &key()).expect("in bounds");
    let leaf = |payload: &[u8]| *blake3::hash(&[payload, &[0]].concat()).as_bytes();
    // Ten bytes in pieces of 4: "0123" "4567" "89" "" and their XOR.
    let parity = [
        b'0' ^ b'4' ^ b'8',
        b'1' ^ b'5' ^ b'9',
        b'2' ^ b'6',
        b'3' ^ b'7',
    ];
    let leaves = [
        leaf(b"0123"),
        leaf(b"4567"),
        leaf(b"89"),
        leaf(b""),
        leaf(&parity),
    ]
    .concat();
    let root = blake3::hash(&[&leaves[..], &[2]].concat());
    let header = [
        &[0][..],       // channel 0
        &[250],         // epoch 250: the largest in one byte
        &[251, 251, 0], // seq 251: 251 announces two bytes, little-endian
        &[5],
        b"a.mkv",                       // name
        &[253, 0, 0, 0, 0, 0, 0, 4, 0], // wall time: 253 announces eight bytes
        &[252, 0x80, 0x84, 0x1e, 0],    // duration: 252 announces four bytes
        &[4, 1],                        // coding
        &[0],                           // first row
        &[0],                           // offset
        &[10],                          // length
        root.as_bytes(),                // root
        &[1, 10],
        blake3::hash(&data).as_bytes(), // end of chunk: there, length, hash
    ]
    .concat();
    assert_eq!(&encoded.span.header_bytes()[..], header);
    let signature = key().sign(&[&b"treecast span v1"[..], &header].concat());
    let written = [
        &(header.len() as u16).to_be_bytes()[..],
        &header,
        &signature,
    ]
    .concat();
    assert_eq!(&encoded.span.encode()[..], written);
    assert_eq!(&encoded.blocks[4].payload[..], parity);
    assert!(encoded.blocks.iter().all(|block| block.proof == leaves));
}

#[test]
fn a_frame_is_written_as_the_protocol_says() {
    let data = bytes::Bytes::from(vec![7; 65_536 + 8]);
    let encoded = encode_chunk(draft(), &data, &key()).expect("in bounds");
    let block = &encoded.blocks[6];
    assert_eq!((block.row, block.stripe), (1, 1));
    // Proof: five leaves and one sibling, 192 bytes; payload: the second piece of 8 bytes over 4 blocks.
    assert_eq!(block.frame_head(), [0, 0, 0, 1, 0, 192, 0, 2]);
    let [head, proof, payload] = block.frame();
    assert_eq!(
        (head.len(), proof.len(), &payload[..]),
        (FRAME_HEAD_LEN, 192, &[7, 7][..])
    );
    assert_eq!(
        BlockHead::parse(&head),
        Ok(BlockHead {
            row: 1,
            proof_len: 192,
            payload_len: 2
        })
    );
    let leaf = |payload: &[u8]| *blake3::hash(&[payload, &[0]].concat()).as_bytes();
    let first_row = [leaf(&[7; 16_384]); 4].concat();
    let first_row = [&first_row[..], &leaf(&[0; 16_384])].concat();
    let sibling = blake3::hash(&[&first_row[..], &[2]].concat());
    assert_eq!(&proof[160..], sibling.as_bytes());
    let own = blake3::hash(&[&proof[..160], &[2]].concat());
    let root = blake3::hash(&[&sibling.as_bytes()[..], own.as_bytes(), &[1]].concat());
    assert_eq!(&encoded.span.header().root, root.as_bytes());
}
