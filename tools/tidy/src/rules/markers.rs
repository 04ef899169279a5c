//! No notes to oneself in what is delivered: what is missing is said in the
//! README, or done.

use super::Finding;
use crate::mask::{find_words, line_of};
use crate::tree::Tree;

/// Put together here, so that this file does not find itself.
const MARKERS: [&str; 4] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("HA", "CK"),
];

/// What compiles and then fails, and tests that nobody runs; looked for in code
/// only.
const UNFINISHED: [&str; 3] = ["todo!", "unimplemented!", "#[ignore"];

/// Finds markers anywhere and what is unfinished in code.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for marker in MARKERS {
            for offset in find_words(&file.text, marker) {
                findings.push(Finding::at(
                    &file.path,
                    line_of(&file.text, offset),
                    format!("{marker}: do it, or say in the README what is missing"),
                ));
            }
        }
        for name in UNFINISHED {
            for (offset, _) in file.masked.match_indices(name) {
                findings.push(Finding::at(
                    &file.path,
                    line_of(&file.masked, offset),
                    format!("{name} is not an implementation and not a test"),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::findings;

    #[test]
    fn markers_are_found_in_comments_scripts_and_documents() {
        for marker in MARKERS {
            for (path, text) in [
                ("a/src/lib.rs", format!("// {marker}: later")),
                ("tools/x.sh", format!("# {marker} later")),
                ("docs/a.md", format!("({marker})")),
            ] {
                assert_eq!(findings(check, &[(path, &text)]).len(), 1, "{text}");
            }
        }
    }

    #[test]
    fn what_is_unfinished_is_found_in_code_only() {
        for name in UNFINISHED {
            let code = format!("fn f() {{ {name} }}");
            assert_eq!(findings(check, &[("a/src/lib.rs", &code)]).len(), 1);
            let prose = format!("// never {name}");
            assert!(findings(check, &[("a/src/lib.rs", &prose)]).is_empty());
        }
    }

    #[test]
    fn a_template_for_a_temporary_name_is_not_a_marker() {
        let text = format!("mktemp -d out.{}", "X".repeat(6));
        assert!(findings(check, &[("tools/x.sh", &text)]).is_empty());
    }
}
