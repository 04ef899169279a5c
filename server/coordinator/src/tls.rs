//! The certificate of the front: from files, or self-signed once and kept in the data directory.
//!
//! This file must never know who connects.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use server_wire::Fingerprint;

use crate::error::CoordinatorError;
use crate::secrets::{self, Wanted};

/// The self-signed certificate, in the data directory.
pub const CERTIFICATE_FILE: &str = "tls.crt";
/// Its key, in the data directory, readable by its owner only.
pub const KEY_FILE: &str = "tls.key";
/// A longer file is no certificate chain: one of four takes about 8 KiB.
const MAX_PEM: u64 = 256 * 1024;

/// Where the certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, PEM, the front's own first.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// What a front says of itself in a TLS handshake.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub(crate) config: Arc<ServerConfig>,
    /// SHA-256 of the front's own certificate, DER: what browsers show as its fingerprint.
    pub(crate) fingerprint: Fingerprint,
}

/// Reads the files, or the data directory's own certificate, which is made if it is not there for `names` (host names
/// and addresses).
///
/// # Errors
/// When a file cannot be read or written, or is not what it should be.
pub(crate) fn open(
    files: Option<&TlsFiles>,
    data_dir: &Path,
    names: &[String],
) -> Result<Tls, CoordinatorError> {
    let own = TlsFiles {
        certificate: data_dir.join(CERTIFICATE_FILE),
        key: data_dir.join(KEY_FILE),
    };
    let files = match files {
        Some(files) => files,
        None => {
            if !own.certificate.exists() || !own.key.exists() {
                make(&own, names)?;
            }
            &own
        }
    };
    let chain = certificates(&files.certificate)?;
    let key = private_key(&files.key)?;
    let fingerprint = fingerprint(&chain[0]);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|why| {
            let pair = format!(
                "{} with {}",
                files.certificate.display(),
                files.key.display()
            );
            CoordinatorError::file(&pair, format!("no usable certificate and key: {why}"))
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Tls {
        config: Arc::new(config),
        fingerprint,
    })
}

/// The SHA-256 of a certificate.
pub(crate) fn fingerprint(certificate: &CertificateDer<'_>) -> Fingerprint {
    let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    Fingerprint(bytes)
}

/// The certificates of a PEM file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CoordinatorError> {
    let text = read(path)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|why| CoordinatorError::at(path, format!("not PEM: {why}")))?;
    if chain.is_empty() {
        return Err(CoordinatorError::at(
            path,
            "no certificate in it; wanted: PEM, -----BEGIN CERTIFICATE-----",
        ));
    }
    Ok(chain)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, CoordinatorError> {
    let text = read(path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|why| {
        CoordinatorError::at(
            path,
            format!("no private key in it ({why}); wanted: PEM, -----BEGIN PRIVATE KEY-----"),
        )
    })
}

fn read(path: &Path) -> Result<Vec<u8>, CoordinatorError> {
    let len = fs::metadata(path)
        .map_err(|why| CoordinatorError::at(path, format!("cannot be read: {why}")))?
        .len();
    if len > MAX_PEM {
        return Err(CoordinatorError::at(
            path,
            format!("{len} bytes; a certificate has at most {MAX_PEM}"),
        ));
    }
    fs::read(path).map_err(|why| CoordinatorError::at(path, format!("cannot be read: {why}")))
}

fn make(files: &TlsFiles, names: &[String]) -> Result<(), CoordinatorError> {
    let failed = |why: rcgen::Error| {
        CoordinatorError::at(&files.certificate, format!("cannot be made: {why}"))
    };
    let key = rcgen::KeyPair::generate().map_err(failed)?;
    let mut params = rcgen::CertificateParams::new(names.to_vec()).map_err(failed)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "Treecast");
    let certificate = params.self_signed(&key).map_err(failed)?;
    // The key first: a certificate without its key would be taken for a whole pair.
    secrets::write(&files.key, key.serialize_pem().as_bytes(), Wanted::Private)?;
    secrets::write(
        &files.certificate,
        certificate.pem().as_bytes(),
        Wanted::Public,
    )
}

/// The names that a self-signed certificate of this machine has: its own, `localhost`, the loopback addresses and
/// `listen`.
pub(crate) fn own_names(listen: IpAddr, host: Option<&str>) -> Vec<String> {
    let mut names = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    if !listen.is_unspecified() {
        names.push(listen.to_string());
    }
    let usual = |name: &&str| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
    };
    names.extend(host.filter(usual).map(str::to_owned));
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        own_names(IpAddr::from([127, 0, 0, 1]), Some("host"))
    }

    #[test]
    fn a_certificate_is_made_once_and_kept() {
        let dir = tempfile::tempdir().expect("a folder");
        let first = open(None, dir.path(), &names()).expect("made");
        let again = open(None, dir.path(), &[]).expect("read");
        assert_eq!(first.fingerprint, again.fingerprint);
        let other = tempfile::tempdir().expect("a folder");
        let other = open(None, other.path(), &names()).expect("made");
        assert_ne!(first.fingerprint, other.fingerprint);
    }

    #[test]
    fn its_key_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("a folder");
        open(None, dir.path(), &names()).expect("made");
        let mode = fs::metadata(dir.path().join(KEY_FILE))
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_no_certificate_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let empty = dir.path().join("empty.crt");
        fs::write(&empty, "nothing").expect("writable");
        let files = TlsFiles {
            certificate: empty.clone(),
            key: empty,
        };
        let why = open(Some(&files), dir.path(), &[]).expect_err("refused");
        assert!(why.to_string().contains("empty.crt"), "{why}");
        let files = TlsFiles {
            certificate: dir.path().join("no.crt"),
            key: dir.path().join("no.key"),
        };
        let why = open(Some(&files), dir.path(), &[]).expect_err("refused");
        assert!(why.to_string().contains("no.crt"), "{why}");
    }

    #[test]
    fn names_are_given_once() {
        let names = own_names(IpAddr::from([127, 0, 0, 1]), Some("localhost"));
        assert_eq!(names, ["localhost", "127.0.0.1", "::1"]);
        let names = own_names(IpAddr::from([0, 0, 0, 0]), Some("a b"));
        assert_eq!(names, ["localhost", "127.0.0.1", "::1"]);
    }
}
