//! The pure crates do no I/O, read no clock, iterate nothing in hash order and
//! draw no randomness that was not seeded: a run is a function of its input.
//!
//! Their clippy.toml says the same and sees through aliases; this rule sees
//! whole families of names, and their tests too, which must replay as well.
//! Programs in `examples/` measure and print; they are not part of a crate.

use super::Finding;
use crate::mask::{find_words, line_of};
use crate::tree::Tree;

/// The folders of the pure crates.
pub(crate) const PURE: [&str; 4] = [
    "media/model",
    "overlay/core",
    "server/booking",
    "server/wire",
];

/// What must not be named there, and what to do instead.
const FORBIDDEN: [(&[&str], &str); 7] = [
    (
        &["Instant", "SystemTime"],
        "no clock here: the caller gives the time",
    ),
    (
        &[
            "UdpSocket",
            "TcpStream",
            "TcpListener",
            "UnixStream",
            "UnixListener",
            "UnixDatagram",
            "ToSocketAddrs",
            "socket2",
        ],
        "no sockets here: the driver has them",
    ),
    (
        &["fs", "OpenOptions", "std::process", "std::env", "tempfile"],
        "no files, processes or environment here: the caller reads them",
    ),
    (
        &["HashMap", "HashSet", "RandomState", "DefaultHasher"],
        "hash order differs from run to run: use BTreeMap or BTreeSet",
    ),
    (
        &[
            "thread_rng",
            "ThreadRng",
            "OsRng",
            "StdRng",
            "SmallRng",
            "from_os_rng",
            "from_entropy",
            "rand::rng",
            "rand::random",
            "getrandom",
        ],
        "no randomness of its own here: use the ChaCha generator that was seeded by the caller",
    ),
    (
        &["tokio", "async", "await", "std::thread", "thread::spawn"],
        "no tasks and threads here: the driver calls",
    ),
    (
        &["println", "eprintln", "print", "eprint", "dbg"],
        "no output here: return it",
    ),
];

/// Finds impure names in pure crates.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let pure = tree
        .crates
        .iter()
        .filter(|member| PURE.contains(&member.folder.as_str()));
    for member in pure {
        let examples = format!("{}/examples/", member.folder);
        let files = tree.rust_of(member);
        for file in files.filter(|file| !file.path.starts_with(&examples)) {
            for (names, advice) in FORBIDDEN {
                for name in names {
                    for offset in find_words(&file.masked, name) {
                        findings.push(Finding::at(
                            &file.path,
                            line_of(&file.masked, offset),
                            format!("{name} in a pure crate; {advice}"),
                        ));
                    }
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::findings;

    const CORE: (&str, &str) = (
        "overlay/core/Cargo.toml",
        "[package]\nname = \"overlay-core\"",
    );

    #[test]
    fn every_impure_name_is_found_in_a_pure_crate() {
        for line in [
            "let now = std::time::Instant::now();",
            "let now = SystemTime::now();",
            "let socket = std::net::UdpSocket::bind(a)?;",
            "use std::{fs, io};",
            "let text = std::fs::read(path)?;",
            "let map: HashMap<u8, u8> = HashMap::default();",
            "let set = std::collections::HashSet::new();",
            "let mut rng = rand::rng();",
            "let x: u8 = rand::random();",
            "let rng = ChaCha8Rng::from_os_rng();",
            "async fn f() {}",
            "std::thread::sleep(d);",
            "println!(\"x\");",
            "let home = std::env::var(\"HOME\");",
        ] {
            let found = findings(check, &[CORE, ("overlay/core/src/lib.rs", line)]);
            assert!(!found.is_empty(), "not found: {line}");
        }
    }

    #[test]
    fn the_same_names_are_fine_elsewhere_and_in_comments() {
        let driver = (
            "overlay/quic/Cargo.toml",
            "[package]\nname = \"overlay-quic\"",
        );
        let source = "let now = Instant::now();";
        assert!(findings(check, &[driver, ("overlay/quic/src/lib.rs", source)]).is_empty());
        let comment = "//! No Instant::now here.\nuse std::net::SocketAddr;\n";
        assert!(findings(check, &[CORE, ("overlay/core/src/lib.rs", comment)]).is_empty());
        let example = ("overlay/core/examples/measure.rs", source);
        assert!(findings(check, &[CORE, example]).is_empty());
    }
}
