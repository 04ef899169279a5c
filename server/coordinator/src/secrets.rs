//! Secrets of the data directory: the operator's token and the secret that session servers prove to know.
//!
//! Each is made at the first start, from the system's generator, and readable by its owner only. This file must never
//! know what they open.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rand::TryRngCore;
use rand::rngs::OsRng;
use server_wire::Secret;
use subtle::ConstantTimeEq as _;

use crate::error::CoordinatorError;

/// The operator's token, in the data directory.
pub const OPERATOR_TOKEN_FILE: &str = "operator-token";
/// What session servers prove to know, in the data directory.
pub const SESSION_SECRET_FILE: &str = "session-secret";
/// A longer file holds no secret of ours.
const MAX_FILE: u64 = 1024;
/// Shortest token that is accepted from a file: what a person may have chosen, at least.
const MIN_TOKEN: usize = 16;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Private,
    Public,
}

/// Whether a secret was there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Kept,
    Made,
}

/// The operator's token. Compared in constant time, never printed by `Debug`.
#[derive(Clone)]
pub(crate) struct OperatorToken(String);

impl std::fmt::Debug for OperatorToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OperatorToken")
    }
}

impl OperatorToken {
    /// Reads it, or makes it.
    ///
    /// # Errors
    /// When the file cannot be read or written, or is too short for a secret.
    pub(crate) fn open(data_dir: &Path) -> Result<(Self, Origin), CoordinatorError> {
        let path = data_dir.join(OPERATOR_TOKEN_FILE);
        let (text, origin) = read_or_make(&path)?;
        if text.len() < MIN_TOKEN {
            return Err(CoordinatorError::at(
                &path,
                format!(
                    "a token of {} characters is too easily guessed; at least {MIN_TOKEN}, or remove the file and a new one is made",
                    text.len()
                ),
            ));
        }
        Ok((Self(text), origin))
    }

    /// Whether `given` is it; takes the same time wherever they differ.
    pub(crate) fn is(&self, given: &str) -> bool {
        // Hashes have one length, so that not even the token's is told.
        let own = blake3::hash(self.0.as_bytes());
        let given = blake3::hash(given.as_bytes());
        own.as_bytes().ct_eq(given.as_bytes()).into()
    }

    /// The token itself, to be printed once.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

/// The secret that coordinator and session servers share; made if the file is not there.
///
/// # Errors
/// When the file cannot be read or written, or holds no secret.
pub(crate) fn session_secret(path: &Path) -> Result<Secret, CoordinatorError> {
    let (text, _) = read_or_make(path)?;
    Secret::parse(&text).map_err(|why| CoordinatorError::at(path, why))
}

/// Random bytes of the system.
///
/// # Errors
/// When it has none.
pub(crate) fn random<const LEN: usize>() -> Result<[u8; LEN], <OsRng as TryRngCore>::Error> {
    let mut bytes = [0; LEN];
    OsRng.try_fill_bytes(&mut bytes)?;
    Ok(bytes)
}

fn read_or_make(path: &Path) -> Result<(String, Origin), CoordinatorError> {
    match fs::metadata(path) {
        Ok(file) if file.len() > MAX_FILE => Err(CoordinatorError::at(
            path,
            format!("{} bytes; a secret has at most {MAX_FILE}", file.len()),
        )),
        Ok(_) => {
            let text = fs::read_to_string(path)
                .map_err(|why| CoordinatorError::at(path, format!("cannot be read: {why}")))?;
            let text = text.trim().to_owned();
            if text.is_empty() {
                let why = "it is empty; remove it, and a new one is made";
                return Err(CoordinatorError::at(path, why));
            }
            Ok((text, Origin::Kept))
        }
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
            let random = random().map_err(|why| CoordinatorError::at(path, why))?;
            let secret = Secret::text_from_random(random);
            write(path, format!("{secret}\n").as_bytes(), Wanted::Private)?;
            Ok((secret, Origin::Made))
        }
        Err(why) => Err(CoordinatorError::at(path, format!("cannot be read: {why}"))),
    }
}

/// Writes a whole file under its name, or nothing.
///
/// # Errors
/// When the folder is not writable.
pub(crate) fn write(path: &Path, bytes: &[u8], wanted: Wanted) -> Result<(), CoordinatorError> {
    let failed = |why| CoordinatorError::at(path, format!("cannot be written: {why}"));
    let half = path.with_extension("part");
    // One that a crash left has the rights of its time.
    let _ = fs::remove_file(&half);
    let mode = match wanted {
        Wanted::Private => 0o600,
        Wanted::Public => 0o644,
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&half)
        .map_err(failed)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&half, path))
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_token_is_made_once_and_is_for_its_owner_only() {
        let dir = tempfile::tempdir().expect("a folder");
        let (token, origin) = OperatorToken::open(dir.path()).expect("made");
        assert_eq!(origin, Origin::Made);
        let (again, origin) = OperatorToken::open(dir.path()).expect("kept");
        assert_eq!(origin, Origin::Kept);
        assert!(again.is(token.reveal()));
        assert!(!again.is(""));
        assert!(!again.is(&token.reveal()[1..]));
        let mode = fs::metadata(dir.path().join(OPERATOR_TOKEN_FILE))
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_token_that_can_be_guessed_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        for weak in ["", "secret"] {
            fs::write(dir.path().join(OPERATOR_TOKEN_FILE), weak).expect("writable");
            OperatorToken::open(dir.path()).expect_err("refused");
        }
    }
}
