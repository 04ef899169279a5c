//! Who may use whom: the table of docs/architecture.md.
//!
//! Checked twice, in the manifests (all sections: a crate's own tests stay in
//! its layer too; what needs more is an end-to-end test and lives in `tests`)
//! and in the source, where a path or a `#[path]` could go around them.

use super::Finding;
use super::links::resolve;
use crate::mask::{find_words, line_of};
use crate::tree::{Crate, Tree, is_inside};

/// What a crate may use of ours.
enum Uses {
    /// These packages.
    Only(&'static [&'static str]),
    /// Any: nothing of ours depends on it.
    Anything,
}

/// A row of the table: the crate's folder, or a folder of crates.
struct Row {
    folder: &'static str,
    uses: Uses,
}

const fn only(folder: &'static str, uses: &'static [&'static str]) -> Row {
    Row {
        folder,
        uses: Uses::Only(uses),
    }
}

const fn anything(folder: &'static str) -> Row {
    Row {
        folder,
        uses: Uses::Anything,
    }
}

/// A crate without a row is a violation: whoever adds one says where it stands.
const TABLE: [Row; 24] = [
    only("overlay/core", &[]),
    only("overlay/quic", &["overlay-core", "media-model"]),
    only("overlay/sim", &["overlay-core"]),
    only("media/model", &[]),
    only(
        "media/ffmpeg",
        &["media-h264", "media-model", "media-packet"],
    ),
    only("media/h264", &[]),
    only("media/packet", &[]),
    only("media/store", &["media-model"]),
    only(
        "peer",
        &[
            "overlay-core",
            "overlay-quic",
            "media-model",
            "media-store",
            "media-ffmpeg",
            "media-packet",
            "server-bridge",
            "server-watch",
        ],
    ),
    only("player", &["media-model", "media-ffmpeg", "media-store"]),
    only(
        "server",
        &[
            "media-ffmpeg",
            "media-packet",
            "server-booking",
            "server-bridge",
            "server-coordinator",
            "server-legacy",
            "server-origin",
            "server-sample",
            "server-session",
            "server-state",
            "server-watch",
            "server-web",
            "server-wire",
        ],
    ),
    only("server/booking", &[]),
    only("server/bridge", &["media-packet"]),
    only(
        "server/coordinator",
        &[
            "server-booking",
            "server-state",
            "server-web",
            "server-wire",
        ],
    ),
    only("server/legacy", &[]),
    only(
        "server/origin",
        &[
            "overlay-core",
            "overlay-quic",
            "media-model",
            "media-ffmpeg",
            "media-packet",
            "media-store",
        ],
    ),
    only("server/sample", &[]),
    only(
        "server/session",
        &[
            "media-ffmpeg",
            "media-packet",
            "server-bridge",
            "server-web",
            "server-wire",
        ],
    ),
    only("server/state", &["server-booking"]),
    only(
        "server/watch",
        &["media-ffmpeg", "media-packet", "server-bridge"],
    ),
    only("server/web", &[]),
    only("server/wire", &[]),
    anything("tools"),
    anything("tests"),
];

/// The table as the book shows it.
pub(crate) fn table() -> String {
    let mut out = String::from("| crate | may use of ours |\n|---|---|\n");
    for row in &TABLE {
        let uses = match row.uses {
            Uses::Only([]) => "nothing".to_owned(),
            Uses::Only(names) => names.join(", "),
            Uses::Anything => "anything".to_owned(),
        };
        out.push_str(&format!("| `{}` | {uses} |\n", row.folder));
    }
    out
}

fn row_of(folder: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| {
        row.folder == folder
            || (matches!(row.uses, Uses::Anything) && is_inside(folder, row.folder))
    })
}

/// Finds uses against the table, and crates that are not in it.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in &tree.crates {
        match row_of(&member.folder).map(|row| &row.uses) {
            None => findings.push(Finding::of(
                &member.manifest_path(),
                format!(
                    "{} has no row in the table of layers; say what it may use in tools/tidy/src/rules/layers.rs and docs/architecture.md",
                    member.name
                ),
            )),
            Some(Uses::Anything) => {}
            Some(Uses::Only(allowed)) => {
                findings.extend(in_manifest(tree, member, allowed));
                findings.extend(in_source(tree, member, allowed));
            }
        }
        findings.extend(borrowed_files(tree, member));
    }
    findings
}

fn in_manifest(tree: &Tree, member: &Crate, allowed: &[&str]) -> Vec<Finding> {
    member
        .dependencies()
        .iter()
        .filter(|dependency| {
            tree.crates
                .iter()
                .any(|other| other.name == dependency.name)
        })
        .filter(|dependency| !allowed.contains(&dependency.name))
        .map(|dependency| {
            Finding::of(
                &member.manifest_path(),
                format!(
                    "{} must not use {} ([{}]); {}",
                    member.name,
                    dependency.name,
                    dependency.section,
                    permitted(allowed)
                ),
            )
        })
        .collect()
}

/// Only names with an underscore are looked for: `peer::` or `tests::` may be a
/// module, and without a line in the manifest the compiler refuses them anyway.
fn in_source(tree: &Tree, member: &Crate, allowed: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let forbidden: Vec<&Crate> = tree
        .crates
        .iter()
        .filter(|other| other.name != member.name && other.name.contains('-'))
        .filter(|other| !allowed.contains(&other.name.as_str()))
        .collect();
    for file in tree.rust_of(member) {
        for other in &forbidden {
            for offset in find_words(&file.masked, &other.name.replace('-', "_")) {
                findings.push(Finding::at(
                    &file.path,
                    line_of(&file.masked, offset),
                    format!(
                        "{} must not use {}; {}",
                        member.name,
                        other.name,
                        permitted(allowed)
                    ),
                ));
            }
        }
    }
    findings
}

/// A module whose file lies in another crate would be a use without a name.
/// A crate's own tests may borrow from `tests`, where the bodies of the fuzz
/// targets are.
fn borrowed_files(tree: &Tree, member: &Crate) -> Vec<Finding> {
    let mut findings = Vec::new();
    let own_tests = format!("{}/tests", member.folder);
    for file in tree.rust_of(member) {
        for (offset, _) in file.masked.match_indices("#[path") {
            let quoted = file.text[offset..].split('"').nth(1).unwrap_or_default();
            let is_ours = resolve(&file.path, quoted).is_some_and(|place| {
                is_inside(&place, &member.folder)
                    || (is_inside(&file.path, &own_tests) && is_inside(&place, "tests"))
            });
            if !is_ours {
                findings.push(Finding::at(
                    &file.path,
                    line_of(&file.masked, offset),
                    "a module's file lies in its own crate; make the other one a dependency",
                ));
            }
        }
    }
    findings
}

fn permitted(allowed: &[&str]) -> String {
    if allowed.is_empty() {
        "it may use nothing of ours".to_owned()
    } else {
        format!("it may use {}", allowed.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::findings;

    const MODEL: (&str, &str) = (
        "media/model/Cargo.toml",
        "[package]\nname = \"media-model\"",
    );
    const CORE: (&str, &str) = (
        "overlay/core/Cargo.toml",
        "[package]\nname = \"overlay-core\"",
    );

    #[test]
    fn a_dependency_upwards_is_found_in_every_section() {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let manifest = format!(
                "[package]\nname = \"overlay-core\"\n[{section}]\nmedia-model.workspace = true"
            );
            let found = findings(check, &[MODEL, ("overlay/core/Cargo.toml", &manifest)]);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains("overlay-core must not use media-model"));
        }
    }

    #[test]
    fn a_path_upwards_is_found_in_the_source_but_not_in_prose() {
        let found = findings(
            check,
            &[
                CORE,
                MODEL,
                (
                    "overlay/core/src/lib.rs",
                    "//! not media_model\nuse media_model::Chunk;\n",
                ),
            ],
        );
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("overlay/core/src/lib.rs:2:"));
    }

    #[test]
    fn a_dependency_downwards_is_fine() {
        let store = "[package]\nname = \"media-store\"\n[dependencies]\nmedia-model.workspace = true\nserde.workspace = true";
        let files = [
            MODEL,
            ("media/store/Cargo.toml", store),
            ("media/store/src/lib.rs", "use media_model::Chunk;"),
        ];
        assert!(findings(check, &files).is_empty());
    }

    #[test]
    fn tools_and_tests_use_what_they_like() {
        let uses = "[dependencies]\nmedia-model.workspace = true\noverlay-core.workspace = true";
        let bench = format!("[package]\nname = \"bench\"\n{uses}");
        let tests = format!("[package]\nname = \"tests\"\n{uses}");
        let files = [
            MODEL,
            CORE,
            ("tools/bench/Cargo.toml", bench.as_str()),
            ("tests/Cargo.toml", tests.as_str()),
        ];
        assert!(findings(check, &files).is_empty());
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        let found = findings(
            check,
            &[("shared/Cargo.toml", "[package]\nname = \"shared\"")],
        );
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("no row"));
    }

    #[test]
    fn a_module_borrowed_from_another_crate_is_found() {
        for (path, module, expected) in [
            ("src/lib.rs", "../../../media/model/src/chunk.rs", 1),
            ("src/lib.rs", "../../../tests/fuzz/bodies.rs", 1),
            ("src/lib.rs", "../../../../outside.rs", 1),
            ("tests/fuzz.rs", "../../../tests/fuzz/bodies.rs", 0),
            ("tests/fuzz.rs", "../src/link_tests.rs", 0),
            ("src/link.rs", "link_tests.rs", 0),
        ] {
            let source = format!("#[path = \"{module}\"]\nmod borrowed;");
            let path = format!("overlay/core/{path}");
            let found = findings(check, &[CORE, (&path, &source)]);
            assert_eq!(found.len(), expected, "{path} {module}: {found:?}");
        }
    }
}
