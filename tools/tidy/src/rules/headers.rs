//! Every Rust file begins with what it is for.

use super::Finding;
use crate::tree::Tree;

/// Finds files whose first line is not `//! …`.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .filter(|file| {
            file.text
                .strip_prefix("//!")
                .and_then(|rest| rest.lines().next())
                .is_none_or(|line| line.trim().is_empty())
        })
        .map(|file| {
            Finding::at(
                &file.path,
                1,
                "begin with //! and say what the file is for, and what it must never know",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::findings;

    #[test]
    fn a_file_that_does_not_say_what_it_is_for_is_found() {
        for (text, expected) in [
            ("//! The spool.\n", 0),
            ("//!\n//! The spool.\n", 1),
            ("use std::fs;\n", 1),
            ("\n//! The spool.\n", 1),
            ("", 1),
        ] {
            assert_eq!(findings(check, &[("a/src/lib.rs", text)]).len(), expected);
        }
    }
}
