//! TLS on both sides: the session server's own certificate, and how it knows the coordinator's.
//!
//! It must never know what is said inside.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};
use server_wire::Fingerprint;

use crate::config::{CertificateFiles, Trust};

/// A certificate or a file of them that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("{path}: {why}", path = .0.display(), why = .1)]
    File(PathBuf, String),
    /// What was read does not belong together.
    #[error("{path}: is no certificate with a key that can be used: {why}", path = .0.display(), why = .1)]
    Useless(PathBuf, rustls::Error),
    /// No certificate could be made.
    #[error("no certificate can be made: {0}")]
    Make(rcgen::Error),
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// SHA-256 of a certificate.
pub(crate) fn fingerprint(certificate: &CertificateDer<'_>) -> Fingerprint {
    let digest = ::ring::digest::digest(&::ring::digest::SHA256, certificate);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    Fingerprint(bytes)
}

/// How the session server shows itself, and its certificate's fingerprint: from the files, or self-signed, made once and
/// kept in the data directory. Blocks.
pub(crate) fn server(
    files: Option<&CertificateFiles>,
    data_dir: &Path,
    names: Vec<String>,
) -> Result<(ServerConfig, Fingerprint), TlsError> {
    let files = match files {
        Some(files) => files.clone(),
        None => self_signed(data_dir, names)?,
    };
    let bad = |path: &Path, why: rustls::pki_types::pem::Error| {
        TlsError::File(path.to_owned(), why.to_string())
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(&files.certificate)
        .map_err(|why| bad(&files.certificate, why))?
        .collect();
    let chain = chain.map_err(|why| bad(&files.certificate, why))?;
    let Some(own) = chain.first().map(fingerprint) else {
        let why = "no certificate is in it; a PEM file is accepted".to_owned();
        return Err(TlsError::File(files.certificate, why));
    };
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|why| bad(&files.key, why))?;
    let useless = |why| TlsError::Useless(files.certificate.clone(), why);
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(useless)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(useless)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((config, own))
}

fn self_signed(data_dir: &Path, names: Vec<String>) -> Result<CertificateFiles, TlsError> {
    let files = CertificateFiles {
        certificate: data_dir.join("certificate.pem"),
        key: data_dir.join("key.pem"),
    };
    if files.certificate.exists() && files.key.exists() {
        return Ok(files);
    }
    let made = rcgen::generate_simple_self_signed(names).map_err(TlsError::Make)?;
    let written = write_private(&files.key, &made.signing_key.serialize_pem())
        .map_err(|why| (files.key.clone(), why))
        .and_then(|()| {
            fs::write(&files.certificate, made.cert.pem())
                .map_err(|why| (files.certificate.clone(), why))
        });
    written.map_err(|(path, why)| TlsError::File(path, why.to_string()))?;
    Ok(files)
}

/// Writes a file that only this user may read.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

/// How the coordinator is known. Blocks.
pub(crate) fn client(trust: &Trust) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|why| TlsError::Useless(PathBuf::from("TLS"), why))?;
    let config = match trust {
        Trust::Fingerprint(wanted) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned {
                wanted: *wanted,
                provider: provider(),
            }))
            .with_no_client_auth(),
        Trust::Authorities(path) => {
            let bad = |why: String| TlsError::File(path.clone(), why);
            let mut roots = RootCertStore::empty();
            let each = CertificateDer::pem_file_iter(path).map_err(|why| bad(why.to_string()))?;
            for certificate in each {
                let certificate = certificate.map_err(|why| bad(why.to_string()))?;
                roots.add(certificate).map_err(|why| bad(why.to_string()))?;
            }
            if roots.is_empty() {
                return Err(bad(
                    "no certificate is in it; a PEM file is accepted".to_owned()
                ));
            }
            builder.with_root_certificates(roots).with_no_client_auth()
        }
    };
    Ok(config)
}

/// Accepts one certificate, whatever name or time stands in it; that the other side has its key is checked as always.
#[derive(Debug)]
struct Pinned {
    wanted: Fingerprint,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found = fingerprint(end_entity);
        if found == self.wanted {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::General(format!(
            "the certificate there has the fingerprint {found}, and {} was given",
            self.wanted
        )))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
