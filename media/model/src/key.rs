//! The origin's key: it signs spans; its public half stands in the invite.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_NOPAD_NOCASE;
use ed25519_dalek::Signer as _;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;

use crate::SIGNATURE_LEN;

/// Characters of an [`OriginKey`] written as text.
const KEY_TEXT_LEN: usize = 52;

/// The public (verifying) Ed25519 key of an origin. As text: 52 characters of lower-case base32 (RFC 4648,
/// without padding); upper case is read as well.
#[derive(Clone, PartialEq, Eq)]
pub struct OriginKey(ed25519_dalek::VerifyingKey);

/// Why a key is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 52 characters of base32.
    #[error("the origin's key must be {KEY_TEXT_LEN} characters of a-z and 2-7")]
    Text,
    /// Not a point of the curve, or one that would accept forged signatures.
    #[error("the origin's key is not a usable Ed25519 key")]
    Point,
}

impl OriginKey {
    /// From the 32 bytes of RFC 8032.
    ///
    /// # Errors
    /// When the bytes are no point of the curve, or one of low order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        match ed25519_dalek::VerifyingKey::from_bytes(bytes) {
            Ok(key) if !key.is_weak() => Ok(Self(key)),
            _ => Err(KeyError::Point),
        }
    }

    /// The 32 bytes of RFC 8032.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Whether `signature` is this key's on `message` (strict: no malleable signature passes).
    pub fn verify(&self, message: &[u8], signature: &[u8; SIGNATURE_LEN]) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.0.verify_strict(message, &signature).is_ok()
    }
}

impl fmt::Display for OriginKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            &BASE32_NOPAD_NOCASE
                .encode(self.0.as_bytes())
                .to_ascii_lowercase(),
        )
    }
}

impl fmt::Debug for OriginKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OriginKey({self})")
    }
}

impl FromStr for OriginKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        if text.len() != KEY_TEXT_LEN {
            return Err(KeyError::Text);
        }
        let bytes = BASE32_NOPAD_NOCASE
            .decode(text.as_bytes())
            .map_err(|_| KeyError::Text)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| KeyError::Text)?;
        Self::from_bytes(&bytes)
    }
}

/// The secret (signing) Ed25519 key of an origin. Wiped from memory when dropped; never shown by `Debug`.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// From the 32 secret bytes of RFC 8032. A new key is 32 bytes of a cryptographic generator, which the
    /// caller brings: this crate has no randomness of its own.
    pub fn from_bytes(secret: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(secret))
    }

    /// The 32 secret bytes, to be kept in a file that nobody else can read.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The key as a PKCS #8 document (DER, with the public half), as TLS libraries take it.
    pub fn to_pkcs8_der(&self) -> Vec<u8> {
        let document = self
            .0
            .to_pkcs8_der()
            .expect("a key in memory always encodes");
        document.as_bytes().to_vec()
    }

    /// The public half.
    pub fn origin_key(&self) -> OriginKey {
        OriginKey(self.0.verifying_key())
    }

    /// Signs `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {})", self.origin_key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_key_reads_back_in_either_case() {
        let key = SigningKey::from_bytes(&[7; 32]).origin_key();
        let text = key.to_string();
        assert_eq!(text.len(), KEY_TEXT_LEN);
        assert_eq!(text.parse(), Ok(key.clone()));
        assert_eq!(text.to_uppercase().parse(), Ok(key));
        assert_eq!("abc".parse::<OriginKey>(), Err(KeyError::Text));
        assert_eq!(
            text.replace(&text[..1], "1").parse::<OriginKey>(),
            Err(KeyError::Text)
        );
    }

    #[test]
    fn a_weak_key_is_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(OriginKey::from_bytes(&identity), Err(KeyError::Point));
    }

    #[test]
    fn the_secret_never_shows() {
        let key = SigningKey::from_bytes(&[0x5a; 32]);
        let shown = format!("{key:?}");
        assert!(shown.contains(&key.origin_key().to_string()), "{shown}");
        assert!(
            !shown.contains("90, 90") && !shown.to_lowercase().contains("5a5a"),
            "{shown}"
        );
    }
}
