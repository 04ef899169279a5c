//! The document of a protocol is in step with its wire types: it names every
//! public enum and every variant of them.
//!
//! It sees names only; whether the bytes are described truly, a test of the
//! crate that encodes them says.

use super::Finding;
use crate::mask::{find_words, is_word_byte, line_of};
use crate::tree::{Tree, is_inside};

/// Where wire types live (a file, and the folder of its submodules), and what
/// describes them.
const PROTOCOLS: [(&str, &str); 1] = [("overlay/core/src/wire", "docs/protocols/overlay.md")];

/// Finds variants that the document does not mention. A protocol without
/// source or without document is not looked at.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (module, document) in PROTOCOLS {
        let Some(document) = tree.file(document) else {
            continue;
        };
        for file in tree.rust() {
            if file.path != format!("{module}.rs") && !is_inside(&file.path, module) {
                continue;
            }
            for (name, offset) in names(&file.masked) {
                if find_words(&document.text, name).next().is_none() {
                    findings.push(Finding::at(
                        &file.path,
                        line_of(&file.masked, offset),
                        format!("{name} is not in {}; describe it there", document.path),
                    ));
                }
            }
        }
    }
    findings
}

/// Public enums and their variants, with their offsets.
fn names(masked: &str) -> Vec<(&str, usize)> {
    let mut found = Vec::new();
    for start in find_words(masked, "pub enum") {
        let name_at = start + "pub enum ".len();
        found.push((word_at(masked, name_at), name_at));
        let Some(open) = masked[name_at..].find('{') else {
            continue;
        };
        found.extend(variants(masked, name_at + open + 1));
    }
    found
}

/// The words that begin a variant: at the enum's own depth, after `{` or `,`,
/// attributes left out.
fn variants(masked: &str, body: usize) -> Vec<(&str, usize)> {
    let bytes = masked.as_bytes();
    let mut found = Vec::new();
    let mut depth = 0_u32;
    let mut expects_name = true;
    let mut at = body;
    while at < bytes.len() {
        match bytes[at] {
            b'(' | b'[' | b'{' | b'<' => depth += 1,
            b'}' if depth == 0 => break,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'>' if bytes[at - 1] != b'-' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => expects_name = true,
            byte if depth == 0 && expects_name && is_word_byte(byte) => {
                let name = word_at(masked, at);
                found.push((name, at));
                expects_name = false;
                at += name.len();
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn word_at(text: &str, at: usize) -> &str {
    let length = text.as_bytes()[at..]
        .iter()
        .take_while(|&&byte| is_word_byte(byte))
        .count();
    &text[at..at + length]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::findings;

    const WIRE: &str = "//! Wire.\n\
        /// One.\n#[derive(Debug)]\npub enum Message {\n\
        /// Text, with Commas.\n#[serde(rename = \"x\")]\nJoin { channel: u32, have: Vec<(u8, u8)> },\n\
        Accept(Vec<Peer>),\nLeave = 3,\n}\n\
        enum Private { Hidden }\n";

    #[test]
    fn enums_and_variants_are_read_with_whatever_they_carry() {
        let masked = crate::mask::mask(WIRE);
        let names: Vec<_> = names(&masked).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["Message", "Join", "Accept", "Leave"]);
    }

    #[test]
    fn a_variant_that_the_document_does_not_mention_is_found() {
        for path in [
            "overlay/core/src/wire.rs",
            "overlay/core/src/wire/control.rs",
        ] {
            let document = ("docs/protocols/overlay.md", "`Message`: `Join`, `Leave`");
            let found = findings(check, &[(path, WIRE), document]);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains("Accept is not in docs/protocols/overlay.md"));
        }
    }

    #[test]
    fn without_a_document_there_is_nothing_to_compare() {
        assert!(findings(check, &[("overlay/core/src/wire.rs", WIRE)]).is_empty());
    }
}
