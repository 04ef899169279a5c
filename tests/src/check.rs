//! What a whole swarm must satisfy: every file the origin's, nothing between missing, every stripe a forest.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use crate::origin::Origin;
use crate::peer::{Peer, seq_of};
use crate::status::Status;

/// What a peer was found to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The first chunk.
    pub first: u64,
    /// The last one.
    pub last: u64,
}

/// Panics unless every peer has every chunk from `from_seq` (or from its own first one, if that is later) to its last
/// one, and each is the origin's, byte by byte, or by its hash where a player has deleted the file. Gives what each has.
///
/// # Panics
/// See above; and when a peer has nothing.
#[track_caller]
pub fn assert_byte_identical<'a>(
    origin: &Origin,
    peers: impl IntoIterator<Item = &'a Peer>,
    from_seq: u64,
) -> Vec<Kept> {
    let cut = Cut::of(origin);
    peers
        .into_iter()
        .map(|peer| cut.assert_same(peer, from_seq))
        .collect()
}

/// The origin's chunks; a film longer than they are begins again.
struct Cut {
    files: Vec<PathBuf>,
    hashes: BTreeMap<usize, String>,
}

impl Cut {
    #[track_caller]
    fn of(origin: &Origin) -> Self {
        let files = origin.chunks();
        assert!(!files.is_empty(), "the origin has cut nothing");
        let hash = |path: &PathBuf| {
            let bytes = fs::read(path).expect("the origin's chunk can be read");
            blake3::hash(&bytes).to_hex().to_string()
        };
        let hashes = files.iter().map(hash).enumerate().collect();
        Self { files, hashes }
    }

    fn hash(&self, seq: u64) -> &str {
        let first = seq_of(&self.files[0]);
        let index = (seq - first) % self.files.len() as u64;
        &self.hashes[&(usize::try_from(index).expect("a small number"))]
    }

    #[track_caller]
    fn assert_same(&self, peer: &Peer, from_seq: u64) -> Kept {
        // In this order: a chunk is in the index before it is in the spool.
        let (files, stored) = (peer.files(), peer.stored());
        let name = peer.name();
        for (seq, path) in &files {
            let bytes = match fs::read(path) {
                Ok(bytes) => bytes,
                // A player has shown and deleted it since: its line in the index is compared below.
                Err(why) if why.kind() == ErrorKind::NotFound => continue,
                Err(why) => panic!("{}: {why}", path.display()),
            };
            let hash = blake3::hash(&bytes).to_hex().to_string();
            assert_eq!(
                hash,
                self.hash(*seq),
                "chunk {seq} of {name} is not the origin's"
            );
            assert!(
                stored.contains_key(seq),
                "{name} has chunk {seq}, its index has not"
            );
        }
        for (seq, line) in &stored {
            assert_eq!(
                line.hash,
                self.hash(*seq),
                "chunk {seq} in the index of {name}"
            );
        }
        let had: Vec<u64> = stored
            .keys()
            .copied()
            .filter(|seq| *seq >= from_seq)
            .collect();
        let (Some(first), Some(last)) = (had.first().copied(), had.last().copied()) else {
            panic!("{name} has no chunk from {from_seq}");
        };
        let gaps: Vec<u64> = (first..=last)
            .filter(|seq| !stored.contains_key(seq))
            .collect();
        assert!(
            gaps.is_empty(),
            "{name} misses {gaps:?} between {first} and {last}"
        );
        Kept { first, last }
    }
}

/// Panics if something in the spools is neither a whole chunk nor the peer's own folder: nothing half written under a
/// chunk's name, nothing forgotten in `tmp`.
///
/// # Panics
/// See above.
#[track_caller]
pub fn assert_nothing_half_written<'a>(peers: impl IntoIterator<Item = &'a Peer>) {
    for peer in peers {
        // In this order: a chunk is in the index before it is in the spool, so what comes in between is only a line more.
        let (files, stored) = (peer.files(), peer.stored());
        for (seq, path) in files {
            let length = match fs::metadata(&path) {
                Ok(meta) => Some(meta.len()),
                // A player has shown and deleted it since.
                Err(why) if why.kind() == ErrorKind::NotFound => continue,
                Err(why) => panic!("{}: {why}", path.display()),
            };
            let line = stored.get(&seq).map(|line| line.bytes);
            assert_eq!(length, line, "{} of {}", path.display(), peer.name());
        }
    }
}

/// Panics unless these running peers form a forest: see [`forest_problem`].
///
/// # Panics
/// See above.
#[track_caller]
pub fn assert_whole_forest(statuses: &[Status]) {
    if let Some(problem) = forest_problem(statuses) {
        panic!("{problem}");
    }
}

/// What is wrong with the forest that these running peers form, if anything: a stripe without a parent, more children
/// than the fan-out, a cycle. Taken from statuses of slightly different moments, so look again before you complain.
pub fn forest_problem(statuses: &[Status]) -> Option<String> {
    let by_id: BTreeMap<&str, &Status> = statuses
        .iter()
        .map(|status| (status.identity.as_str(), status))
        .collect();
    for status in statuses {
        let id = &status.identity[..8];
        if status.children.len() > usize::from(status.fan_out) {
            let (has, may) = (status.children.len(), status.fan_out);
            return Some(format!("{id} serves {has} and may serve {may}"));
        }
        if status.stripes.is_empty() {
            return Some(format!("{id} knows no stripes: {}", status.state));
        }
        for stripe in &status.stripes {
            let number = usize::from(stripe.stripe);
            let mut at = status;
            for _ in 0..=statuses.len() {
                let parent = at
                    .stripes
                    .get(number)
                    .and_then(|stripe| stripe.parent.as_ref());
                let Some(parent) = parent else {
                    let at = &at.identity[..8];
                    return Some(format!("{at} has no parent in stripe {number}"));
                };
                match by_id.get(parent.peer.as_str()) {
                    Some(next) if next.identity == status.identity => {
                        return Some(format!("{id} is above itself in stripe {number}"));
                    }
                    Some(next) => at = next,
                    // Not one of the peers: the origin, the end of every way.
                    None => break,
                }
            }
        }
    }
    None
}
