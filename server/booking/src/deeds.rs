//! What users of sessions did, as their session server tells it: entries of the audit, and nothing else changes.

use crate::decision::{Caller, Decision};

/// Bytes in the word for what was done.
const MAX_WORD: usize = 48;
/// The word for what was done that is none.
const OTHER: &str = "other";

/// Something that somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// In which session.
    pub session: String,
    /// What, one word of small letters and `_`.
    pub what: String,
    /// The rest, for people.
    pub detail: String,
}

/// Writes down what was done. Whether there is such a session is not asked: it may just have ended.
pub fn note(caller: &Caller, deeds: &[Deed]) -> Decision<()> {
    let is_word = |text: &str| {
        (1..=MAX_WORD).contains(&text.len())
            && text
                .bytes()
                .all(|sign| sign.is_ascii_lowercase() || sign == b'_')
    };
    let entry = |deed: &Deed| {
        let what = if is_word(&deed.what) {
            deed.what.as_str()
        } else {
            OTHER
        };
        caller.audit(what, &deed.session, &deed.detail)
    };
    Decision {
        changes: deeds.iter().map(entry).collect(),
        answer: (),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Change, UnixSeconds};

    #[test]
    fn a_deed_becomes_an_entry_whose_word_is_one() {
        let caller = Caller {
            now: UnixSeconds(7),
            actor: "left",
        };
        let deed = |what: &str| Deed {
            session: "0042".to_owned(),
            what: what.to_owned(),
            detail: "Ann".to_owned(),
        };
        let noted = note(&caller, &[deed("control_taken"), deed("<b>"), deed("")]);
        let words: Vec<_> = noted
            .changes
            .iter()
            .map(|change| match change {
                Change::Audit(entry) => (entry.action.as_str(), entry.actor.as_str(), entry.at.0),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            words,
            [
                ("control_taken", "left", 7),
                ("other", "left", 7),
                ("other", "left", 7)
            ]
        );
    }
}
