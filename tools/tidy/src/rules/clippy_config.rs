//! The nearest clippy.toml wins and nothing is merged, so one of a crate's own
//! must repeat the root's rules; and the pure crates must have one.

use super::Finding;
use super::purity::PURE;
use crate::tree::Tree;

/// What a pure crate's file must name, beside the root's rules.
const PURE_METHODS: [&str; 2] = ["std::time::Instant::now", "std::time::SystemTime::now"];
const PURE_TYPES: [&str; 3] = [
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::net::UdpSocket",
];

/// Finds missing files and missing entries.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(root) = tree.file("clippy.toml") else {
        return vec![Finding::of("clippy.toml", "the root's rules are missing")];
    };
    let root = match parse(&root.path, &root.text) {
        Ok(table) => table,
        Err(finding) => return vec![finding],
    };
    let mut findings = Vec::new();
    for file in &tree.files {
        let Some(folder) = file.path.strip_suffix("/clippy.toml") else {
            continue;
        };
        match parse(&file.path, &file.text) {
            Err(finding) => findings.push(finding),
            Ok(table) => {
                findings.extend(missing_of_root(&file.path, &root, &table));
                if PURE.contains(&folder) {
                    findings.extend(missing_of_pure(&file.path, &table));
                }
            }
        }
    }
    for folder in PURE {
        let path = format!("{folder}/clippy.toml");
        let exists = tree.crates.iter().any(|member| member.folder == folder);
        if exists && tree.file(&path).is_none() {
            findings.push(Finding::of(
                &path,
                "a pure crate has a clippy.toml of its own: the root's rules and no clock, no sockets, no hash order",
            ));
        }
    }
    findings
}

fn parse(path: &str, text: &str) -> Result<toml::Table, Finding> {
    text.parse()
        .map_err(|error| Finding::of(path, format!("is not TOML: {error}")))
}

fn missing_of_root(path: &str, root: &toml::Table, own: &toml::Table) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, value) in root {
        match (value.as_array(), own.get(key)) {
            (Some(entries), _) => {
                let have = paths(own, key);
                for entry in entries.iter().filter_map(path_of) {
                    if !have.contains(&entry) {
                        findings.push(Finding::of(
                            path,
                            format!("{key} must repeat the root's {entry}"),
                        ));
                    }
                }
            }
            (None, Some(mine)) if mine == value => {}
            (None, _) => findings.push(Finding::of(
                path,
                format!("must repeat the root's {key} = {value}"),
            )),
        }
    }
    findings
}

fn missing_of_pure(path: &str, own: &toml::Table) -> Vec<Finding> {
    let methods = PURE_METHODS.map(|name| ("disallowed-methods", name));
    let types = PURE_TYPES.map(|name| ("disallowed-types", name));
    methods
        .iter()
        .chain(&types)
        .filter(|(key, name)| !paths(own, key).contains(name))
        .map(|(key, name)| Finding::of(path, format!("{key} of a pure crate must name {name}")))
        .collect()
}

fn paths<'a>(table: &'a toml::Table, key: &str) -> Vec<&'a str> {
    table
        .get(key)
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(path_of)
        .collect()
}

fn path_of(entry: &toml::Value) -> Option<&str> {
    entry
        .as_str()
        .or_else(|| entry.get("path").and_then(toml::Value::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::findings;

    const ROOT: (&str, &str) = (
        "clippy.toml",
        "disallowed-methods = [{ path = \"a::b\" }]\nmax-x = 3",
    );

    #[test]
    fn a_rule_of_the_root_that_is_not_repeated_is_found() {
        let found = findings(check, &[ROOT, ("peer/clippy.toml", "max-x = 4")]);
        assert_eq!(found.len(), 2, "{found:?}");
        let own = "max-x = 3\ndisallowed-methods = [\"a::b\", \"c::d\"]";
        assert!(findings(check, &[ROOT, ("peer/clippy.toml", own)]).is_empty());
    }

    #[test]
    fn a_pure_crate_without_its_own_file_is_found() {
        let core = (
            "overlay/core/Cargo.toml",
            "[package]\nname = \"overlay-core\"",
        );
        let found = findings(check, &[ROOT, core]);
        assert_eq!(found.len(), 1, "{found:?}");
        let bare = (
            "overlay/core/clippy.toml",
            "max-x = 3\ndisallowed-methods = [\"a::b\"]",
        );
        let found = findings(check, &[ROOT, core, bare]);
        assert_eq!(found.len(), PURE_METHODS.len() + PURE_TYPES.len());
    }
}
