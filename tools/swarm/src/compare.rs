//! What the peers have stored against what the origin has cut, byte for byte.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::SwarmError;

/// The origin's cut of the film: chunk `seq` of the broadcast is file `seq` modulo their number.
#[derive(Debug)]
pub struct Reference {
    files: Vec<PathBuf>,
}

impl Reference {
    /// The chunk files of a folder, in the order of their names.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(dir: &Path) -> Result<Self, SwarmError> {
        let failed = |why| SwarmError::file(dir, why);
        let mut files = Vec::new();
        for entry in fs::read_dir(dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path
                .extension()
                .is_some_and(|end| end == "mkv" || end == "mp4")
            {
                files.push(path);
            }
        }
        files.sort();
        if files.is_empty() {
            return Err(failed(io::ErrorKind::NotFound.into()));
        }
        Ok(Self { files })
    }

    /// How many chunks the film has.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Never: a film without chunks is an error before.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Bytes of chunk `seq`; 0 if its file has gone.
    pub fn len_of(&self, seq: u64) -> u64 {
        fs::metadata(self.path(seq)).map_or(0, |meta| meta.len())
    }

    fn path(&self, seq: u64) -> &Path {
        &self.files[(seq % self.files.len() as u64) as usize]
    }

    fn bytes(&self, seq: u64) -> Result<Vec<u8>, SwarmError> {
        let path = self.path(seq);
        fs::read(path).map_err(|why| SwarmError::file(path, why))
    }
}

/// What came of a peer's chunks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compared {
    /// The first chunk that it stored.
    pub first: Option<u64>,
    /// Chunks on its disk that are what the origin cut.
    pub identical: u64,
    /// Chunks on its disk that are not.
    pub differing: u64,
    /// Chunks that it stored and that are not there any more: shown and deleted, if somebody plays them.
    pub gone: u64,
    /// Chunks after its first that it never stored.
    pub missing: u64,
}

/// A line of the spool's index, as docs/protocols/media.md has it.
#[derive(Deserialize)]
struct Stored {
    name: String,
    seq: u64,
}

/// The names of all chunks that a peer has ever stored.
fn index(spool: &Path) -> Result<BTreeMap<u64, String>, SwarmError> {
    let index = spool.join(".treecast").join("index.jsonl");
    let text = fs::read_to_string(&index).map_err(|why| SwarmError::file(&index, why))?;
    // A last line that is being written is no record yet.
    let records = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Stored>(line).ok());
    Ok(records.map(|record| (record.seq, record.name)).collect())
}

/// Whether a peer has ever stored chunk `seq`.
///
/// # Errors
/// When its index cannot be read.
pub fn has_stored(spool: &Path, seq: u64) -> Result<bool, SwarmError> {
    Ok(index(spool)?.contains_key(&seq))
}

/// Looks at a spool, up to and with chunk `last`.
///
/// # Errors
/// When the spool or the reference cannot be read.
pub fn compare(spool: &Path, reference: &Reference, last: u64) -> Result<Compared, SwarmError> {
    let mut names = index(spool)?;
    names.retain(|seq, _| *seq <= last);
    let mut found = Compared {
        first: names.keys().next().copied(),
        ..Compared::default()
    };
    let Some(first) = found.first else {
        return Ok(found);
    };
    for seq in first..=last {
        let Some(name) = names.get(&seq) else {
            found.missing += 1;
            continue;
        };
        let path = spool.join(name);
        match fs::read(&path) {
            Ok(bytes) if bytes == reference.bytes(seq)? => found.identical += 1,
            Ok(_) => found.differing += 1,
            Err(why) if why.kind() == io::ErrorKind::NotFound => found.gone += 1,
            Err(why) => return Err(SwarmError::file(&path, why)),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spool(dir: &Path, chunks: &[(u64, &str)]) {
        fs::create_dir_all(dir.join(".treecast")).expect("a folder");
        let mut index = String::new();
        for (seq, bytes) in chunks {
            let name = format!("film_{seq:05}.mkv");
            index += &format!("{{\"name\":\"{name}\",\"seq\":{seq}}}\n");
            fs::write(dir.join(name), bytes).expect("writable");
        }
        fs::write(dir.join(".treecast/index.jsonl"), index + "{\"name\":").expect("writable");
    }

    #[test]
    fn every_kind_of_fault_is_counted_as_what_it_is() {
        let dir = tempfile::tempdir().expect("a folder");
        let (cut, kept) = (dir.path().join("cut"), dir.path().join("spool"));
        fs::create_dir(&cut).expect("a folder");
        for (number, bytes) in ["a", "b", "c"].iter().enumerate() {
            fs::write(cut.join(format!("film_{number:05}.mkv")), bytes).expect("writable");
        }
        // Round two of the loop begins with chunk 3; 5 is another one's, 6 lacks, 7 was deleted, 9 is too new.
        spool(
            &kept,
            &[
                (1, "b"),
                (2, "c"),
                (3, "a"),
                (4, "b"),
                (5, "x"),
                (7, "b"),
                (8, "c"),
                (9, "a"),
            ],
        );
        fs::remove_file(kept.join("film_00007.mkv")).expect("there");
        let reference = Reference::of(&cut).expect("a cut");
        let found = compare(&kept, &reference, 8).expect("readable");
        let expected = Compared {
            first: Some(1),
            identical: 5,
            differing: 1,
            gone: 1,
            missing: 1,
        };
        assert_eq!((reference.len(), found), (3, expected));
    }

    #[test]
    fn a_peer_that_stored_nothing_has_nothing_and_an_empty_cut_is_an_error() {
        let dir = tempfile::tempdir().expect("a folder");
        assert!(Reference::of(dir.path()).is_err());
        fs::write(dir.path().join("film_00000.mkv"), "a").expect("writable");
        spool(&dir.path().join("spool"), &[]);
        let reference = Reference::of(dir.path()).expect("a cut");
        let found = compare(&dir.path().join("spool"), &reference, 8).expect("readable");
        assert_eq!(found, Compared::default());
    }
}
