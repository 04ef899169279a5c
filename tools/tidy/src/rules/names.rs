//! No crate without a subject: what is named `common` or `util` attracts
//! everything that nobody placed.

use super::Finding;
use crate::tree::Tree;

const EMPTY_NAMES: [&str; 8] = [
    "common", "util", "utils", "helper", "helpers", "misc", "shared", "lib",
];

/// Finds packages with such a word in their name.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.crates
        .iter()
        .filter(|member| {
            member
                .name
                .split(['-', '_'])
                .chain(member.folder.rsplit('/').take(1))
                .any(|word| EMPTY_NAMES.contains(&word))
        })
        .map(|member| {
            Finding::of(
                &member.manifest_path(),
                format!(
                    "{} says nothing; name the crate after its subject",
                    member.name
                ),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::findings;

    #[test]
    fn a_crate_without_a_subject_is_found() {
        for (folder, name, expected) in [
            ("media/common", "media-common", 1),
            ("util", "stuff", 1),
            ("tools/x", "x_utils", 1),
            ("media/model", "media-model", 0),
        ] {
            let manifest = format!("[package]\nname = \"{name}\"");
            let path = format!("{folder}/Cargo.toml");
            assert_eq!(
                findings(check, &[(&path, &manifest)]).len(),
                expected,
                "{name}"
            );
        }
    }
}
