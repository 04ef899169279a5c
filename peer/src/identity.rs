//! The peer's identity key, kept in the spool's state folder: a peer that comes back is the same peer.

use std::io;
use std::path::Path;

use data_encoding::HEXLOWER;
use overlay_quic::Identity;

use crate::error::PeerError;
use crate::files::{read_small, write_private};

/// The file's name in the state folder.
const FILE: &str = "identity.key";
/// 32 bytes as hexadecimal digits, and the end of the line.
const FILE_LEN: u64 = 65;

/// The identity in the folder `state`, made there if there is none. The file has 64 hexadecimal digits: the secret key
/// of RFC 8032.
pub(crate) fn load_or_make(state: &Path) -> Result<Identity, PeerError> {
    let path = state.join(FILE);
    let text = match read_small(&path, FILE_LEN) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(PeerError::IdentityDamaged { path });
        }
        Err(source) => return Err(PeerError::file("read the identity", &path, source)),
    };
    let Some(text) = text else {
        let identity = Identity::generate()?;
        let line = format!("{}\n", HEXLOWER.encode(&identity.to_bytes()));
        write_private(&path, line.as_bytes())
            .map_err(|source| PeerError::file("write the identity", &path, source))?;
        return Ok(identity);
    };
    let secret = HEXLOWER.decode(text.trim_end().as_bytes()).ok();
    match secret.and_then(|secret| <[u8; 32]>::try_from(secret).ok()) {
        Some(secret) => Ok(Identity::from_bytes(&secret)?),
        None => Err(PeerError::IdentityDamaged { path }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_comes_back_is_the_same_peer() {
        let dir = tempfile::tempdir().expect("a folder");
        let first = load_or_make(dir.path()).expect("made");
        let again = load_or_make(dir.path()).expect("read");
        assert_eq!(first.id(), again.id());
    }

    #[test]
    fn a_damaged_identity_is_said_and_not_replaced() {
        let dir = tempfile::tempdir().expect("a folder");
        for damage in ["", "abc\n", &"z".repeat(64), &"a".repeat(200)] {
            std::fs::write(dir.path().join(FILE), damage).expect("written");
            let error = load_or_make(dir.path()).expect_err("damaged");
            assert!(
                error.to_string().contains("identity.key holds no identity"),
                "{error}"
            );
        }
        std::fs::write(dir.path().join(FILE), [0xff; 20]).expect("written");
        assert!(matches!(
            load_or_make(dir.path()),
            Err(PeerError::IdentityDamaged { .. })
        ));
    }
}
