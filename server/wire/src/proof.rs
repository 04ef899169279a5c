//! How coordinator and session server show each other that they know the same secret, without saying it.
//!
//! Challenge and response: each proof is BLAKE3, keyed by the secret, over the role of who proves, both nonces, and the
//! SHA-256 of the coordinator's TLS certificate as that side sees it. Who stands between the two has another
//! certificate, so a proof passed on fits nowhere; the role keeps a proof from being sent back to its maker. This file
//! must never know where random bytes or certificates come from.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer};
use serde::{Serialize, Serializer};

use crate::text::Text;

/// Bytes that a secret has at least: 32 hexadecimal digits are 128 bits.
pub const SECRET_MIN_LEN: usize = 32;
/// Bytes that it has at most. A guess.
const SECRET_MAX_LEN: usize = 1024;

/// What the secret is used for, in the words that BLAKE3 asks for (one purpose, one text, never changed).
const KEY_CONTEXT: &str = "Treecast 2026-11-21 session link: proof of the shared secret";

/// The secret that a coordinator and its session servers share.
#[derive(Clone)]
pub struct Secret([u8; 32]);

/// A file that holds no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found} characters; a secret has {SECRET_MIN_LEN} to {SECRET_MAX_LEN}")]
pub struct SecretError {
    /// What it has.
    pub found: usize,
}

impl Secret {
    /// The secret of a file's text; white space around it does not count.
    ///
    /// # Errors
    /// When it is too short to be one, or too long.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let text = text.trim();
        if !(SECRET_MIN_LEN..=SECRET_MAX_LEN).contains(&text.len()) {
            return Err(SecretError { found: text.len() });
        }
        Ok(Self(blake3::derive_key(KEY_CONTEXT, text.as_bytes())))
    }

    /// The text of a new secret, for the file.
    #[must_use]
    pub fn text_from_random(random: [u8; 32]) -> String {
        blake3::Hash::from_bytes(random).to_hex().to_string()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Who proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// In `CHALLENGE`.
    Coordinator,
    /// In `PROOF`.
    SessionServer,
}

/// SHA-256 of a TLS certificate (DER). 64 hexadecimal digits for people, colons between bytes are read too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Reads 64 hexadecimal digits, of either case, with or without colons.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|&sign| sign != ':').collect();
        let hash = blake3::Hash::from_hex(digits.to_ascii_lowercase()).ok()?;
        Some(Self(*hash.as_bytes()))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// 32 random bytes, used for one connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Nonce(pub [u8; 32]);

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce({})", blake3::Hash::from_bytes(self.0))
    }
}

/// What only who knows the secret can compute. Comparing two takes the same time whatever they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof(blake3::Hash);

/// The proof of `role` on one connection: `session_nonce` of `REGISTER`, `coordinator_nonce` of `CHALLENGE`, and the
/// coordinator's certificate as the one who computes sees it.
#[must_use]
pub fn prove(
    secret: &Secret,
    role: Role,
    session_nonce: &Nonce,
    coordinator_nonce: &Nonce,
    certificate: &Fingerprint,
) -> Proof {
    let role = match role {
        Role::Coordinator => [1],
        Role::SessionServer => [2],
    };
    let mut hasher = blake3::Hasher::new_keyed(&secret.0);
    // Each part has a fixed length, so no two inputs look the same.
    hasher.update(&role);
    hasher.update(&session_nonce.0);
    hasher.update(&coordinator_nonce.0);
    hasher.update(&certificate.0);
    Proof(hasher.finalize())
}

fn hash<'de, D: Deserializer<'de>>(deserializer: D) -> Result<blake3::Hash, D::Error> {
    let text = Text::<64>::deserialize(deserializer)?;
    blake3::Hash::from_hex(text.as_str())
        .map_err(|_| de::Error::custom("64 hexadecimal digits are accepted"))
}

impl Serialize for Nonce {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&blake3::Hash::from_bytes(self.0))
    }
}

impl<'de> Deserialize<'de> for Nonce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        hash(deserializer).map(|hash| Self(*hash.as_bytes()))
    }
}

impl Serialize for Proof {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Proof {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        hash(deserializer).map(Self)
    }
}
