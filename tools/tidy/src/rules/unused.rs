//! A dependency that is declared and never named costs build time and widens
//! what must be trusted; so does one that no member takes from the root.

use super::Finding;
use crate::mask::find_words;
use crate::tree::{Crate, Tree};

/// Finds dependencies that no source of the crate names, and entries of the
/// root that no crate inherits.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in &tree.crates {
        for dependency in member.dependencies() {
            if !is_named(tree, member, dependency.name) {
                findings.push(Finding::of(
                    &member.manifest_path(),
                    format!("{} is declared and never used; remove it", dependency.name),
                ));
            }
        }
    }
    for name in root_dependencies(tree) {
        let inherited = tree.crates.iter().any(|member| {
            member
                .dependencies()
                .iter()
                .any(|dependency| dependency.name == name)
        });
        if !inherited {
            findings.push(Finding::of(
                "Cargo.toml",
                format!("no crate uses {name}; remove it"),
            ));
        }
    }
    findings
}

fn is_named(tree: &Tree, member: &Crate, package: &str) -> bool {
    let ident = package.replace('-', "_");
    tree.rust_of(member)
        .any(|file| find_words(&file.masked, &ident).next().is_some())
}

fn root_dependencies(tree: &Tree) -> impl Iterator<Item = &str> {
    tree.root
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies"))
        .and_then(toml::Value::as_table)
        .into_iter()
        .flat_map(|table| table.keys())
        .map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::findings;

    const PEER: (&str, &str) = (
        "peer/Cargo.toml",
        "[package]\nname = \"peer\"\n[dependencies]\ntracing-subscriber.workspace = true",
    );

    #[test]
    fn a_dependency_that_is_only_mentioned_in_prose_is_found() {
        let prose = ("peer/src/main.rs", "//! tracing_subscriber\n");
        assert_eq!(findings(check, &[PEER, prose]).len(), 1);
        let code = ("peer/src/main.rs", "fn main() { tracing_subscriber::x() }");
        assert!(findings(check, &[PEER, code]).is_empty());
    }

    #[test]
    fn an_entry_of_the_root_that_nobody_inherits_is_found() {
        let root = ("Cargo.toml", "[workspace.dependencies]\nserde = \"1\"");
        assert_eq!(findings(check, &[root]).len(), 1);
    }
}
