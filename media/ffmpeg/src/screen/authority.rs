//! Reading an `Xauthority` file: the secret that a display asks of its clients. Pure; the file is foreign bytes.

/// Longest file that is read, bytes: some hundred entries. A session's own file has one.
pub(super) const MAX_FILE_LEN: u64 = 64 * 1024;

/// The only kind that is understood: a shared secret, sent in the clear to a local socket.
const COOKIE: &[u8] = b"MIT-MAGIC-COOKIE-1";

/// Families of addresses that stand for "this computer" and "any" (Xauth(3), `FamilyLocal`, `FamilyWild`).
const FAMILY_LOCAL: u16 = 256;
const FAMILY_WILD: u16 = 65535;

/// What is to be said to the display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Secret {
    pub(super) name: Vec<u8>,
    pub(super) data: Vec<u8>,
}

/// The first secret for a local display of this number. An entry without a number is for every display. A file that
/// ends in the middle of an entry ends before it.
pub(super) fn find(file: &[u8], display: u16) -> Option<Secret> {
    let number = display.to_string();
    let mut rest = Reader(file);
    while let Some(entry) = rest.entry() {
        let for_us = entry.family == FAMILY_LOCAL || entry.family == FAMILY_WILD;
        let this_display = entry.number.is_empty() || entry.number == number.as_bytes();
        if for_us && this_display && entry.name == COOKIE {
            return Some(Secret {
                name: entry.name.to_vec(),
                data: entry.data.to_vec(),
            });
        }
    }
    None
}

struct Entry<'f> {
    family: u16,
    number: &'f [u8],
    name: &'f [u8],
    data: &'f [u8],
}

struct Reader<'f>(&'f [u8]);

impl<'f> Reader<'f> {
    fn entry(&mut self) -> Option<Entry<'f>> {
        let family = self.number()?;
        let _address = self.counted()?;
        Some(Entry {
            family,
            number: self.counted()?,
            name: self.counted()?,
            data: self.counted()?,
        })
    }

    fn number(&mut self) -> Option<u16> {
        let (bytes, rest) = self.0.split_first_chunk::<2>()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*bytes))
    }

    fn counted(&mut self) -> Option<&'f [u8]> {
        let length = usize::from(self.number()?);
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(family: u16, number: &str, name: &[u8], data: &[u8]) -> Vec<u8> {
        let mut bytes = family.to_be_bytes().to_vec();
        for part in [b"host".as_slice(), number.as_bytes(), name, data] {
            bytes.extend((part.len() as u16).to_be_bytes());
            bytes.extend(part);
        }
        bytes
    }

    #[test]
    fn the_entry_of_this_display_is_found_among_others() {
        let mut file = entry(FAMILY_LOCAL, "6", COOKIE, b"six");
        file.extend(entry(FAMILY_LOCAL, "7", b"XDM-AUTHORIZATION-1", b"other"));
        file.extend(entry(0, "7", COOKIE, b"internet"));
        file.extend(entry(FAMILY_WILD, "7", COOKIE, b"seven"));
        file.extend(entry(FAMILY_LOCAL, "", COOKIE, b"any"));
        assert_eq!(find(&file, 7).map(|s| s.data), Some(b"seven".to_vec()));
        assert_eq!(find(&file, 8).map(|s| s.data), Some(b"any".to_vec()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(file in prop::collection::vec(any::<u8>(), 0..200), display in any::<u16>()) {
            if let Some(secret) = find(&file, display) {
                prop_assert_eq!(secret.name, COOKIE);
                prop_assert!(secret.data.len() < file.len());
            }
        }

        #[test]
        fn a_file_cut_off_anywhere_gives_whole_secrets_or_none(cut in 0usize..120) {
            let mut file = entry(FAMILY_LOCAL, "7", COOKIE, &[9; 16]);
            let whole = file.len();
            file.extend(entry(FAMILY_LOCAL, "8", COOKIE, &[8; 16]));
            let cut = cut.min(file.len());
            prop_assert_eq!(find(&file[..cut], 7).is_some(), cut >= whole);
            prop_assert_eq!(find(&file[..cut], 8).is_some(), cut == file.len());
        }
    }
}
