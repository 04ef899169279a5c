//! Foreign crates with one owner each, so that replacing one is the work of one
//! crate: QUIC, FFmpeg, WebRTC and the database.

use super::Finding;
use crate::mask::{find_words, line_of};
use crate::tree::{Crate, Tree};

struct Fence {
    /// Packages, as a manifest names them.
    packages: &'static [&'static str],
    /// The folders that may use them.
    owners: &'static [&'static str],
}

const FENCES: [Fence; 4] = [
    Fence {
        packages: &["quinn", "quinn-proto", "quinn-udp"],
        // The bench's reference is a bare copy made with the library itself.
        owners: &["overlay/quic", "tools/bench"],
    },
    Fence {
        packages: &["ffmpeg-next", "ffmpeg-sys-next"],
        owners: &["media/ffmpeg"],
    },
    Fence {
        packages: &["webrtc"],
        owners: &["server/bridge"],
    },
    Fence {
        packages: &["sqlx", "rusqlite", "diesel", "sea-orm"],
        owners: &["server/state"],
    },
];

/// Finds fenced crates outside their owners, in manifests and in paths.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in &tree.crates {
        for fence in &FENCES {
            if !fence.owners.contains(&member.folder.as_str()) {
                for package in fence.packages {
                    findings.extend(uses(tree, member, package, fence.owners));
                }
            }
        }
    }
    findings
}

fn uses(tree: &Tree, member: &Crate, package: &str, owners: &[&str]) -> Vec<Finding> {
    let advice = format!("{package} is used in {} only", owners.join(" and "));
    let mut findings = Vec::new();
    for dependency in member.dependencies() {
        let renamed = dependency
            .value
            .get("package")
            .and_then(toml::Value::as_str);
        if dependency.name == package || renamed == Some(package) {
            findings.push(Finding::of(&member.manifest_path(), advice.clone()));
        }
    }
    let ident = package.replace('-', "_");
    for file in tree.rust_of(member) {
        for offset in find_words(&file.masked, &ident) {
            if is_path_head(&file.masked, offset, ident.len()) {
                findings.push(Finding::at(
                    &file.path,
                    line_of(&file.masked, offset),
                    advice.clone(),
                ));
            }
        }
    }
    findings
}

/// Whether a word is used as a path (`quinn::`, `use quinn;`), and is not just
/// a field or a function of that name.
fn is_path_head(masked: &str, offset: usize, length: usize) -> bool {
    masked[offset + length..].starts_with("::")
        || masked[..offset].trim_end().ends_with("use")
        || masked[..offset].trim_end().ends_with("extern crate")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::findings;

    #[test]
    fn each_fenced_crate_is_found_outside_its_owner_and_not_inside() {
        for (package, owner) in [
            ("quinn", "overlay/quic"),
            ("ffmpeg-next", "media/ffmpeg"),
            ("webrtc", "server/bridge"),
            ("sqlx", "server/state"),
        ] {
            let ident = package.replace('-', "_");
            let manifest =
                format!("[package]\nname = \"x\"\n[dependencies]\n{package}.workspace = true");
            let source = format!("use {ident}::Something;");
            for (folder, expected) in [("peer", 2), (owner, 0)] {
                let found = findings(
                    check,
                    &[
                        (&format!("{folder}/Cargo.toml"), &manifest),
                        (&format!("{folder}/src/lib.rs"), &source),
                    ],
                );
                assert_eq!(found.len(), expected, "{package} in {folder}: {found:?}");
            }
        }
    }

    #[test]
    fn a_fenced_crate_under_another_name_is_found() {
        let found = findings(
            check,
            &[(
                "peer/Cargo.toml",
                "[package]\nname = \"peer\"\n[dependencies]\nq = { package = \"quinn\", version = \"1\" }",
            )],
        );
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_re_exported_path_is_found_and_a_field_of_that_name_is_not() {
        let manifest = ("peer/Cargo.toml", "[package]\nname = \"peer\"");
        let reach = ("peer/src/a.rs", "let c = overlay_quic::quinn::Connection;");
        let field = ("peer/src/b.rs", "let x = stats.quinn;");
        assert_eq!(findings(check, &[manifest, reach]).len(), 1);
        assert!(findings(check, &[manifest, field]).is_empty());
    }
}
