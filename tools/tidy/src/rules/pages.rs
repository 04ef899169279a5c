//! The book is whole: each page is in the contents, and the page about the
//! architecture knows every crate.

use super::{Finding, links};
use crate::tree::Tree;

const CONTENTS: &str = "docs/README.md";
const ARCHITECTURE: &str = "docs/architecture.md";

/// Finds pages that the contents do not list and crates that the architecture
/// does not name.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(contents) = tree.file(CONTENTS) {
        let listed: Vec<String> = links::targets(&contents.text)
            .filter_map(|target| {
                let path = target.split('#').next().unwrap_or_default();
                links::resolve(CONTENTS, path)
            })
            .collect();
        for file in &tree.files {
            let is_page = file.path.starts_with("docs/") && file.path.ends_with(".md");
            if is_page && file.path != CONTENTS && !listed.contains(&file.path) {
                findings.push(Finding::of(
                    &file.path,
                    format!("not in the contents; add it to {CONTENTS}"),
                ));
            }
        }
    }
    if let Some(architecture) = tree.file(ARCHITECTURE) {
        for member in &tree.crates {
            if !architecture.text.contains(&format!("`{}`", member.folder)) {
                findings.push(Finding::of(
                    ARCHITECTURE,
                    format!("does not name `{}`", member.folder),
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
    fn a_page_that_the_contents_do_not_list_is_found() {
        let contents = (CONTENTS, "- [A](decisions/a.md)\n");
        let listed = ("docs/decisions/a.md", "# A");
        let lost = ("docs/b.md", "# B");
        assert!(findings(check, &[contents, listed]).is_empty());
        assert_eq!(findings(check, &[contents, listed, lost]).len(), 1);
    }

    #[test]
    fn a_crate_that_the_architecture_does_not_name_is_found() {
        let crates = ("peer/Cargo.toml", "[package]\nname = \"peer\"");
        assert_eq!(findings(check, &[crates, (ARCHITECTURE, "# A")]).len(), 1);
        assert!(findings(check, &[crates, (ARCHITECTURE, "`peer` relays")]).is_empty());
    }
}
