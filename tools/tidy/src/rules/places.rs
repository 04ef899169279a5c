//! Nothing names a place of the machine that it was written on.

use super::Finding;
use crate::mask::line_of;
use crate::tree::Tree;

/// Put together here, so that this file does not find itself.
const PLACES: [&str; 6] = [
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!("/tmp", "/w/"),
    concat!("C:", "\\Users\\"),
];

/// Finds absolute paths into somebody's folders.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for place in PLACES {
            for (offset, _) in file.text.match_indices(place) {
                if begins_a_path(&file.text, offset) {
                    findings.push(Finding::at(
                        &file.path,
                        line_of(&file.text, offset),
                        format!("{place} is a place of one machine; use a relative path, a variable or mktemp"),
                    ));
                }
            }
        }
    }
    findings
}

/// Whether nothing stands before it that would make it the middle of a longer
/// path or of an address.
fn begins_a_path(text: &str, offset: usize) -> bool {
    text[..offset]
        .chars()
        .next_back()
        .is_none_or(|before| !before.is_alphanumeric() && !"._-/}~".contains(before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::findings;

    #[test]
    fn a_place_of_one_machine_is_found_in_every_kind_of_file() {
        for place in PLACES {
            for path in ["a/src/lib.rs", "tools/x.sh", "docs/a.md", "x/Cargo.toml"] {
                let text = format!("# \"{place}x\"");
                assert_eq!(findings(check, &[(path, &text)]).len(), 1, "{text}");
            }
        }
    }

    #[test]
    fn the_middle_of_an_address_is_not_a_place() {
        let text = format!("https://example.org{}x and a{}b", PLACES[3], PLACES[0]);
        assert!(findings(check, &[("docs/a.md", &text)]).is_empty());
    }
}
