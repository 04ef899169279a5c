//! Who this process is: an Ed25519 key, the [`PeerId`] that follows from it, and the certificate that TLS wants around it.
//!
//! Reading and writing the key's file is the caller's; this file must never know a path.

use std::fmt;

use media_model::SigningKey;
use overlay_core::PeerId;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// The key of a process. Two processes must never share one: links are found by the identity.
#[derive(Clone)]
pub struct Identity {
    key: SigningKey,
    id: PeerId,
    certificate: CertificateDer<'static>,
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The key could not be put into a certificate.
    #[error("the identity's key cannot be certified: {0}")]
    Certificate(#[from] rcgen::Error),
}

impl Identity {
    /// A new one, from the operating system's generator.
    ///
    /// # Errors
    /// When no certificate can be made of the key.
    pub fn generate() -> Result<Self, IdentityError> {
        Self::from_bytes(&rand::random())
    }

    /// From the 32 secret bytes of RFC 8032 that [`Identity::to_bytes`] gave.
    ///
    /// # Errors
    /// When no certificate can be made of the key.
    pub fn from_bytes(secret: &[u8; 32]) -> Result<Self, IdentityError> {
        let key = SigningKey::from_bytes(secret);
        let id = PeerId::of_public_key(&key.origin_key().to_bytes());
        let document = PrivatePkcs8KeyDer::from(key.to_pkcs8_der());
        let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&document, &rcgen::PKCS_ED25519)?;
        // Nobody looks at the name: the key is the identity.
        let certificate =
            rcgen::CertificateParams::new([SERVER_NAME.to_owned()])?.self_signed(&pair)?;
        Ok(Self {
            key,
            id,
            certificate: certificate.der().clone(),
        })
    }

    /// The 32 secret bytes, to be kept in a file that nobody else can read.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// The identity that others see and check.
    pub fn id(&self) -> PeerId {
        self.id
    }

    /// The key, for signing what this process publishes as a root of its own.
    pub fn signing_key(&self) -> SigningKey {
        self.key.clone()
    }

    pub(crate) fn certificates(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.clone()]
    }

    pub(crate) fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.to_pkcs8_der()).into()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.id)
    }
}

/// The name in every certificate and in every TLS ClientHello: the same for all, so it tells an onlooker nothing.
pub(crate) const SERVER_NAME: &str = "treecast";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_that_was_kept_is_the_same_after_a_restart() {
        let first = Identity::generate().expect("a key");
        let again = Identity::from_bytes(&first.to_bytes()).expect("the same key");
        assert_eq!(first.id(), again.id());
        assert_ne!(first.id(), Identity::generate().expect("another key").id());
    }
}
