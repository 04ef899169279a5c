//! Fragments of session descriptions that bring candidates: `application/trickle-ice-sdpfrag`, RFC 8840 section 9.
//!
//! Pure. It must never know whose they are.

use crate::{Candidate, MAX_CANDIDATE_LEN, MAX_CANDIDATES};

/// What a fragment says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fragment {
    /// The ICE user name, empty if it says none.
    pub(super) ufrag: String,
    /// Of all media sections, each with its section's identification.
    pub(super) candidates: Vec<Candidate>,
}

/// Reads a fragment; `None`: it is not one, or has too many candidates. Other lines are passed over.
pub(super) fn read(text: &str) -> Option<Fragment> {
    let mut fragment = Fragment::default();
    let mut mid: Option<String> = None;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (kind, value) = line.split_once('=')?;
        if kind.len() != 1 {
            return None;
        }
        if kind == "m" {
            mid = None;
        }
        if kind != "a" {
            continue;
        }
        if let Some(name) = value.strip_prefix("ice-ufrag:") {
            fragment.ufrag = name.to_owned();
        } else if let Some(name) = value.strip_prefix("mid:") {
            mid = Some(name.to_owned());
        } else if value.starts_with("candidate:") {
            if fragment.candidates.len() >= MAX_CANDIDATES || value.len() > MAX_CANDIDATE_LEN {
                return None;
            }
            fragment.candidates.push(Candidate {
                candidate: value.to_owned(),
                sdp_mid: mid.clone(),
                ..Candidate::default()
            });
        }
    }
    Some(fragment)
}

/// The ICE user name of a session description; empty if it says none.
pub(super) fn ufrag_of(sdp: &str) -> &str {
    sdp.lines()
        .find_map(|line| line.strip_prefix("a=ice-ufrag:"))
        .unwrap_or_default()
        .trim()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOST: &str =
        "candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0";

    #[test]
    fn candidates_belong_to_their_sections() {
        let text = format!(
            "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na={HOST}\r\na=end-of-candidates\r\nm=video 9 RTP/AVP 0\r\na=mid:1\r\na={HOST}\r\n"
        );
        let fragment = read(&text).expect("a fragment");
        assert_eq!(fragment.ufrag, "EsAw");
        let mids: Vec<_> = fragment
            .candidates
            .iter()
            .map(|candidate| (candidate.candidate.as_str(), candidate.sdp_mid.as_deref()))
            .collect();
        assert_eq!(mids, [(HOST, Some("0")), (HOST, Some("1"))]);
    }

    #[test]
    fn what_is_no_fragment_is_refused() {
        for text in ["hello", "=x", "ab=c"] {
            assert_eq!(read(text), None, "{text}");
        }
        let many = format!("a={HOST}\n").repeat(MAX_CANDIDATES + 1);
        assert_eq!(read(&many), None);
        let long = format!("a=candidate:{}", "x".repeat(MAX_CANDIDATE_LEN));
        assert_eq!(read(&long), None);
        assert_eq!(read(""), Some(Fragment::default()));
    }

    #[test]
    fn the_name_of_an_offer_is_found() {
        assert_eq!(ufrag_of("v=0\r\na=ice-ufrag:abcd\r\n"), "abcd");
        assert_eq!(ufrag_of("v=0\r\n"), "");
    }

    proptest! {
        #[test]
        fn whatever_comes_never_breaks_it(text in "([a-z]{0,2}=?(candidate:|mid:|ice-ufrag:)?.{0,20}\r?\n){0,20}") {
            let _ = read(&text);
        }
    }
}
