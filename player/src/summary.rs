//! What is told at the end of a run, in words and as JSON.

use std::fmt;

use serde::Serialize;

/// Counts of one run. Field names are part of the program's interface (docs/guide/player.md).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    /// Where pictures went: `window`, `terminal`, `null`.
    pub(crate) output: &'static str,
    /// Chunks shown to their end.
    pub(crate) chunks_shown: u64,
    /// Chunks that never came, or went before their turn.
    pub(crate) chunks_missing: u64,
    /// Chunks of which nothing could be shown, though they came.
    pub(crate) chunks_bad: u64,
    /// Chunks that were shown as far as they could be decoded.
    pub(crate) chunks_damaged: u64,
    /// Missing chunks that came after their turn; they stay in the spool.
    pub(crate) chunks_late: u64,
    /// Number of the first chunk shown.
    pub(crate) first_seq: Option<u64>,
    /// Number of the last chunk shown.
    pub(crate) last_seq: Option<u64>,
    /// Pictures shown.
    pub(crate) frames_shown: u64,
    /// Pictures left out because they were late.
    pub(crate) frames_dropped: u64,
    /// Times that playing had to wait for data after the start.
    pub(crate) stalls: u64,
    /// How long it waited, all together.
    pub(crate) stall_ms: u64,
    /// How much was played.
    pub(crate) played_ms: u64,
    /// Whether sound was played.
    pub(crate) sound: bool,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} chunks shown, {} missing",
            self.chunks_shown, self.chunks_missing
        )?;
        for (count, what) in [
            (self.chunks_bad, "that could not be shown"),
            (self.chunks_damaged, "damaged"),
            (self.chunks_late, "too late"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        write!(
            f,
            "; {} frames shown, {} dropped; {} stalls, {} ms; {}.{} s played",
            self.frames_shown,
            self.frames_dropped,
            self.stalls,
            self.stall_ms,
            self.played_ms / 1_000,
            self.played_ms % 1_000 / 100,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_name_what_went_wrong_and_nothing_that_did_not() {
        let mut summary = Summary {
            chunks_shown: 3,
            frames_shown: 150,
            played_ms: 6_040,
            ..Summary::default()
        };
        let text = summary.to_string();
        assert_eq!(
            text,
            "3 chunks shown, 0 missing; 150 frames shown, 0 dropped; 0 stalls, 0 ms; 6.0 s played"
        );
        summary.chunks_bad = 1;
        assert!(summary.to_string().contains("1 that could not be shown"));
    }
}
