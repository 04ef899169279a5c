//! A small world for the tests: endpoints on loopback, roots, members, chunks of known bytes, and waits with a deadline.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file is a crate that uses its part of this one"
)]

pub mod raw;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use media_model::{Coding, OriginKey, SigningKey};
use overlay_core::{Params, PeerId};
use overlay_quic::{
    Chunk, ChunkReceiver, Endpoint, Identity, Member, MemberConfig, Place, Root, RootConfig, Trust,
    WholeChunk,
};

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// The channel of all tests.
pub const CHANNEL: u32 = 0;

pub fn logs() {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    // Another test of the same process was first.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_test_writer()
        .try_init();
}

pub fn key() -> SigningKey {
    SigningKey::from_bytes(&[42; 32])
}

pub fn origin() -> OriginKey {
    key().origin_key()
}

pub fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub fn endpoint() -> Endpoint {
    logs();
    let identity = Identity::generate().expect("a key");
    Endpoint::bind(loopback(), &identity).expect("a free port")
}

/// An endpoint whose identity lies above or below `other`'s.
pub fn endpoint_beside(other: PeerId, above: bool) -> Endpoint {
    let mut tries = std::iter::repeat_with(|| Identity::generate().expect("a key"));
    let identity = tries
        .find(|identity| (identity.id() > other) == above)
        .expect("every second one");
    Endpoint::bind(loopback(), &identity).expect("a free port")
}

pub fn root_config(epoch: u64, coding: Coding, max_direct_peers: u16) -> RootConfig {
    RootConfig {
        channel: CHANNEL,
        epoch,
        coding,
        max_direct_peers,
        key: key(),
        params: Params::default(),
    }
}

pub fn root_at(endpoint: &Endpoint, coding: Coding, max_direct_peers: u16) -> Root {
    endpoint
        .open_root(root_config(1, coding, max_direct_peers))
        .expect("the channel is new")
}

pub fn member_config(places: &[(Option<PeerId>, SocketAddr)], fan_out: u16) -> MemberConfig {
    let place = |(id, addr): &(Option<PeerId>, SocketAddr)| Place {
        id: *id,
        at: addr.to_string(),
    };
    MemberConfig {
        channel: CHANNEL,
        trust: Trust::Origin(origin()),
        places: places.iter().map(place).collect(),
        fan_out,
        params: Params::default(),
    }
}

/// A member that asks `at`.
pub async fn member(at: &Endpoint, fan_out: u16) -> (Endpoint, Member, ChunkReceiver) {
    let endpoint = endpoint();
    let config = member_config(&[(Some(at.id()), at.local_addr())], fan_out);
    let member = endpoint
        .join(config)
        .await
        .expect("the address needs no name server");
    let chunks = member.chunks();
    (endpoint, member, chunks)
}

/// Bytes that are different in every chunk and nowhere regular.
pub fn data(seq: u64, len: usize) -> Bytes {
    let mut state = seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next)
        .flatten()
        .take(len)
        .collect::<Vec<u8>>()
        .into()
}

pub fn chunk(seq: u64, len: usize) -> Chunk {
    Chunk {
        seq,
        name: format!("film_{seq:05}.mkv"),
        wall_time_us: 1_000_000 + seq * 2_000_000,
        duration_us: 2_000_000,
        data: data(seq, len),
    }
}

/// The next chunk, which must be the one of `seq` and `len`, byte for byte.
pub async fn expect_chunk(chunks: &mut ChunkReceiver, seq: u64, len: usize) -> WholeChunk {
    let chunk = next_chunk(chunks).await;
    assert_eq!(
        (chunk.seq, chunk.name.as_str()),
        (seq, format!("film_{seq:05}.mkv").as_str())
    );
    assert_same(&chunk, len);
    chunk
}

pub async fn next_chunk(chunks: &mut ChunkReceiver) -> WholeChunk {
    let next = tokio::time::timeout(PATIENCE, chunks.recv()).await;
    next.expect("a whole chunk in time")
        .expect("the channel is open")
}

pub fn assert_same(chunk: &WholeChunk, len: usize) {
    let got: Vec<u8> = chunk.parts.iter().flatten().copied().collect();
    assert_eq!(got.len(), len);
    assert!(
        got == data(chunk.seq, len),
        "chunk {} has other bytes than were published",
        chunk.seq
    );
}

/// Waits until `is` holds.
pub async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while !is() {
        assert!(
            std::time::Instant::now() < deadline,
            "waited in vain: {what}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
