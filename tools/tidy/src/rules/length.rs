//! Small files, one idea each.

use super::Finding;
use crate::tree::Tree;

/// Above this a file is asked to be split: what still fits into one's head in
/// one sitting (a guess, shared with the projects that check it).
const WARN_LINES: usize = 400;

/// Above this the gate fails.
const MAX_LINES: usize = 600;

/// Finds long source files and scripts.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files
        .iter()
        .filter(|file| file.is_rust() || file.path.ends_with(".sh"))
        .filter_map(|file| {
            let lines = file.text.lines().count();
            let finding = Finding::of(
                &file.path,
                format!("{lines} lines; split it by ideas (limit {MAX_LINES}, better under {WARN_LINES})"),
            );
            match lines {
                lines if lines <= WARN_LINES => None,
                lines if lines <= MAX_LINES => Some(finding.warning()),
                _ => Some(finding),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_warned_of_and_a_longer_one_is_an_error() {
        for (lines, expected) in [
            (WARN_LINES, None),
            (WARN_LINES + 1, Some(false)),
            (MAX_LINES, Some(false)),
            (MAX_LINES + 1, Some(true)),
        ] {
            let text = "x\n".repeat(lines);
            let found = check(&Tree::of(&[("a/src/lib.rs", &text)]));
            assert_eq!(found.first().map(Finding::is_error), expected, "{lines}");
        }
    }
}
