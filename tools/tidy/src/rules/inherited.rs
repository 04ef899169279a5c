//! Versions, lints and the package's data are written once, in the root: every
//! member inherits them.

use super::Finding;
use crate::tree::Tree;

/// Keys of `[package]` that every member inherits.
const PACKAGE_KEYS: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];

/// Finds what a member says by itself.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in &tree.crates {
        let path = member.manifest_path();
        for dependency in member.dependencies() {
            if !inherits(Some(dependency.value)) {
                findings.push(Finding::of(
                    &path,
                    format!(
                        "{} is declared here; put it into [workspace.dependencies] and write {}.workspace = true",
                        dependency.name, dependency.name
                    ),
                ));
            }
        }
        let package = member.manifest.get("package");
        for key in PACKAGE_KEYS {
            if !inherits(package.and_then(|package| package.get(key))) {
                findings.push(Finding::of(&path, format!("write {key}.workspace = true")));
            }
        }
        if !inherits(member.manifest.get("lints")) {
            findings.push(Finding::of(&path, "write [lints] workspace = true"));
        }
        if member.manifest.contains_key("profile") {
            findings.push(Finding::of(&path, "profiles belong to the root"));
        }
    }
    findings
}

fn inherits(value: Option<&toml::Value>) -> bool {
    value
        .and_then(|value| value.get("workspace"))
        .and_then(toml::Value::as_bool)
        == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::findings;

    const PACKAGE: &str = "[package]\nname = \"a\"\nversion.workspace = true\nedition.workspace = true\nrust-version.workspace = true\nlicense.workspace = true\npublish.workspace = true\n";

    #[test]
    fn a_member_that_inherits_everything_is_fine() {
        let text = format!(
            "{PACKAGE}[lints]\nworkspace = true\n[dependencies]\nserde.workspace = true\ntokio = {{ workspace = true, features = [\"rt\"] }}"
        );
        assert!(findings(check, &[("a/Cargo.toml", &text)]).is_empty());
    }

    #[test]
    fn a_version_of_its_own_is_found() {
        for entry in [
            "serde = \"1\"",
            "serde = { version = \"1\" }",
            "b = { path = \"../b\" }",
        ] {
            let text = format!("{PACKAGE}[lints]\nworkspace = true\n[dependencies]\n{entry}");
            assert_eq!(findings(check, &[("a/Cargo.toml", &text)]).len(), 1);
        }
    }

    #[test]
    fn missing_lints_and_package_keys_are_found() {
        let text = "[package]\nname = \"a\"\nversion = \"1.0.0\"";
        let found = findings(check, &[("a/Cargo.toml", text)]);
        assert_eq!(found.len(), PACKAGE_KEYS.len() + 1, "{found:?}");
    }

    #[test]
    fn a_profile_in_a_member_is_found() {
        let text = format!("{PACKAGE}[lints]\nworkspace = true\n[profile.dev]\nopt-level = 1");
        assert_eq!(findings(check, &[("a/Cargo.toml", &text)]).len(), 1);
    }
}
