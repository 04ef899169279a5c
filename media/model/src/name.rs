//! Which file names a chunk may have. A name comes from the network and becomes a file, so it is checked here
//! and again where the file is made.

use crate::MAX_NAME_LEN;

/// Why a chunk's name is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Longer than [`MAX_NAME_LEN`], or empty.
    #[error("a chunk name of {0} bytes: 1 to {MAX_NAME_LEN} are possible")]
    Length(usize),
    /// A byte that is not in `A-Z a-z 0-9 . _ - space`.
    #[error(
        "a chunk name with byte 0x{0:02x}: only letters, digits, '.', '_', '-' and space are possible"
    )]
    Byte(u8),
    /// Starts with a dot (hidden, or a way up).
    #[error("a chunk name that starts with a dot")]
    Dot,
    /// Does not end in `.mkv` or `.mp4`.
    #[error("a chunk name that does not end in .mkv or .mp4")]
    Extension,
}

/// Checks that `name` is a plain file name of a chunk: 1 to [`MAX_NAME_LEN`] bytes of `A-Z a-z 0-9 . _ - space`,
/// not starting with a dot, ending in `.mkv` or `.mp4`. No such name leads out of its directory.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_chunk_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() || name.len() > MAX_NAME_LEN {
        return Err(NameError::Length(name.len()));
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b' ' | b'-');
    if let Some(byte) = name.bytes().find(|b| !allowed(*b)) {
        return Err(NameError::Byte(byte));
    }
    if name.starts_with('.') {
        return Err(NameError::Dot);
    }
    if !(name.ends_with(".mkv") || name.ends_with(".mp4")) {
        return Err(NameError::Extension);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_leave_its_directory_is_refused() {
        assert_eq!(check_chunk_name("film_00000.mkv"), Ok(()));
        assert_eq!(check_chunk_name("My film - part 2_123456.mp4"), Ok(()));
        assert_eq!(check_chunk_name("../x.mkv"), Err(NameError::Byte(b'/')));
        assert_eq!(check_chunk_name("a\\b.mkv"), Err(NameError::Byte(b'\\')));
        assert_eq!(check_chunk_name("a\0.mkv"), Err(NameError::Byte(0)));
        assert_eq!(check_chunk_name(".mkv"), Err(NameError::Dot));
        assert_eq!(check_chunk_name("..mkv"), Err(NameError::Dot));
        assert_eq!(check_chunk_name("film.avi"), Err(NameError::Extension));
        assert_eq!(check_chunk_name(""), Err(NameError::Length(0)));
        let long = format!("{}.mkv", "a".repeat(MAX_NAME_LEN));
        assert_eq!(
            check_chunk_name(&long),
            Err(NameError::Length(MAX_NAME_LEN + 4))
        );
    }
}
