//! Who a peer is, and where it can be dialled.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A peer's identity: the BLAKE3 hash of its Ed25519 public key (32 raw bytes), so it cannot be claimed by another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PeerId(pub [u8; 32]);

impl PeerId {
    /// The identity that belongs to a raw 32-byte Ed25519 public key.
    pub fn of_public_key(key: &[u8; 32]) -> Self {
        Self(*blake3::hash(key).as_bytes())
    }

    /// The first 8 hexadecimal digits: enough for people's eyes, never for decisions.
    pub fn short(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.0[..4])
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

impl FromStr for PeerId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = data_encoding::HEXLOWER_PERMISSIVE
            .decode(text.as_bytes())
            .map_err(|why| format!("a peer's identity is 64 hexadecimal digits: {why}"))?;
        let bytes = bytes
            .try_into()
            .map_err(|_| "a peer's identity is 64 hexadecimal digits".to_owned())?;
        Ok(Self(bytes))
    }
}

/// A peer and the address at which others reach it, as it was seen from outside, never as it was claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Contact {
    /// Who is expected there; a link to anybody else is closed at the handshake.
    pub id: PeerId,
    /// Where to dial.
    pub addr: SocketAddr,
}
