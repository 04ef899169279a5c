//! What a channel remembers from one start to the next: `channel-N/state.json`.
//!
//! Written as a whole and renamed into place, so that a reader finds the old one or the new one. This file must never
//! know what the numbers mean for a schedule.

use std::path::Path;

use media_model::MAX_NUMBER;
use serde::{Deserialize, Serialize};

use crate::error::OriginError;
use crate::files::{self, Mode};
use crate::schedule::Anchor;

const FILE: &str = "state.json";
/// Ours are below 1 KiB; a longer file is not one of ours.
const MAX_LEN: u64 = 64 * 1024;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChannelState {
    /// Where the broadcast hangs on the clock.
    pub(crate) anchor: Anchor,
    /// The authority of the last start.
    pub(crate) epoch: u64,
    /// The last chunk that was published whole; `None`: none yet.
    pub(crate) last_published_seq: Option<u64>,
    /// What was broadcast; another source starts at its beginning.
    pub(crate) source: String,
}

/// Reads the state in a channel's folder; `None` before its first start.
pub(crate) fn load(dir: &Path) -> Result<Option<ChannelState>, OriginError> {
    let path = dir.join(FILE);
    let text = files::read_small(&path, MAX_LEN).map_err(|why| OriginError::read(&path, why))?;
    let Some(text) = text else { return Ok(None) };
    match serde_json::from_slice::<ChannelState>(&text) {
        Ok(state) if state.is_possible() => Ok(Some(state)),
        Ok(_) => {
            let why = "a number in it is too large".to_owned();
            Err(OriginError::DamagedState { path, why })
        }
        Err(why) => {
            let why = why.to_string();
            Err(OriginError::DamagedState { path, why })
        }
    }
}

impl ChannelState {
    /// Whether its numbers are of the size that can have been written here: then sums of them never overflow.
    fn is_possible(&self) -> bool {
        let last = self.last_published_seq.unwrap_or(0);
        [self.anchor.unix_us, self.anchor.base_seq, self.epoch, last]
            .iter()
            .all(|number| *number <= MAX_NUMBER)
    }
}

/// Writes the state, down to the disk. Blocking.
pub(crate) fn save(dir: &Path, state: &ChannelState) -> Result<(), OriginError> {
    let path = dir.join(FILE);
    let text = serde_json::to_vec_pretty(state).expect("numbers and strings are always JSON");
    files::replace(&path, &text, Mode::Open).map_err(|why| OriginError::write(&path, why))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn state() -> ChannelState {
        ChannelState {
            anchor: Anchor {
                unix_us: 1_700_000_000_000_000,
                base_seq: 3,
            },
            epoch: 4,
            last_published_seq: Some(77),
            source: "film:abc".to_owned(),
        }
    }

    #[test]
    fn what_was_saved_is_there_after_a_restart() {
        let dir = tempfile::tempdir().expect("a folder");
        assert_eq!(load(dir.path()).expect("readable"), None);
        save(dir.path(), &state()).expect("writable");
        assert_eq!(load(dir.path()).expect("readable"), Some(state()));
    }

    #[test]
    fn a_write_that_was_cut_off_leaves_the_state_before_it() {
        let dir = tempfile::tempdir().expect("a folder");
        save(dir.path(), &state()).expect("writable");
        fs::write(dir.path().join("state.json.new"), "{\"anc").expect("writable");
        assert_eq!(load(dir.path()).expect("readable"), Some(state()));
    }

    #[test]
    fn numbers_that_could_overflow_are_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let state = ChannelState {
            last_published_seq: Some(u64::MAX),
            ..state()
        };
        save(dir.path(), &state).expect("writable");
        assert!(load(dir.path()).is_err());
    }

    #[test]
    fn a_damaged_state_is_refused_by_name() {
        let dir = tempfile::tempdir().expect("a folder");
        for text in ["", "{}", "[1]", "{\"epoch\": -1}"] {
            fs::write(dir.path().join(FILE), text).expect("writable");
            let why = load(dir.path()).expect_err("not a state").to_string();
            assert!(why.contains("state.json"), "{why}");
            assert!(!why.contains('\n'), "{why}");
        }
    }
}
