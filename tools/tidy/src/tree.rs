//! The files of the repository, read once, and the crates among them.
//!
//! Rules see only this, so a test can make a repository out of a few strings.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::mask::mask;

/// Folders that hold nothing of ours: build output, the history, what npm installs for the browser tests.
const SKIPPED_FOLDERS: [&str; 3] = ["target", ".git", "node_modules"];

/// What is read; other files (films, pictures) only count as link targets.
const TEXT_SUFFIXES: [&str; 6] = [".rs", ".toml", ".md", ".sh", ".yml", ".py"];

/// Scripts without a suffix.
const TEXT_NAMES: [&str; 1] = [".ci/run"];

/// A text file.
pub(crate) struct File {
    /// From the root, with `/`.
    pub(crate) path: String,
    /// As it is on disk.
    pub(crate) text: String,
    /// Rust only: the text without comments and literals.
    pub(crate) masked: String,
}

impl File {
    /// Whether it is Rust source.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// A member of the workspace.
pub(crate) struct Crate {
    /// The package's name.
    pub(crate) name: String,
    /// Its folder from the root, without a slash at the end.
    pub(crate) folder: String,
    /// Its manifest.
    pub(crate) manifest: toml::Table,
}

/// A dependency as a manifest declares it.
pub(crate) struct Dependency<'a> {
    /// The package's name (the key).
    pub(crate) name: &'a str,
    /// `dependencies`, `dev-dependencies` or `build-dependencies`.
    pub(crate) section: &'a str,
    /// What stands behind the key.
    pub(crate) value: &'a toml::Value,
}

impl Crate {
    /// Where its manifest is.
    pub(crate) fn manifest_path(&self) -> String {
        format!("{}/Cargo.toml", self.folder)
    }

    /// All dependencies, those for one target only included.
    pub(crate) fn dependencies(&self) -> Vec<Dependency<'_>> {
        let targets = self
            .manifest
            .get("target")
            .and_then(toml::Value::as_table)
            .into_iter()
            .flat_map(|targets| targets.values())
            .filter_map(toml::Value::as_table);
        let mut found = Vec::new();
        for table in std::iter::once(&self.manifest).chain(targets) {
            for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
                let entries = table.get(section).and_then(toml::Value::as_table);
                for (name, value) in entries.into_iter().flatten() {
                    found.push(Dependency {
                        name,
                        section,
                        value,
                    });
                }
            }
        }
        found
    }
}

/// The repository.
pub(crate) struct Tree {
    /// Text files, sorted by path.
    pub(crate) files: Vec<File>,
    /// Every file and folder, for links.
    pub(crate) everything: Vec<String>,
    /// The root manifest.
    pub(crate) root: toml::Table,
    /// The members, sorted by folder.
    pub(crate) crates: Vec<Crate>,
}

impl Tree {
    /// Reads a repository from disk.
    ///
    /// # Errors
    /// What cannot be read, or a manifest that is not TOML, in one line.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let mut everything = Vec::new();
        walk(root, "", &mut everything)
            .map_err(|error| format!("cannot read {}: {error}", root.display()))?;
        let mut texts = Vec::new();
        for path in &everything {
            let is_text = TEXT_SUFFIXES.iter().any(|suffix| path.ends_with(suffix))
                || TEXT_NAMES.contains(&path.as_str());
            let place = root.join(path);
            if is_text && place.is_file() {
                let text = fs::read_to_string(&place)
                    .map_err(|error| format!("cannot read {path}: {error}"))?;
                texts.push((path.clone(), text));
            }
        }
        Self::new(texts, everything)
    }

    fn new(texts: Vec<(String, String)>, everything: Vec<String>) -> Result<Self, String> {
        let mut root = toml::Table::new();
        let mut crates = Vec::new();
        let mut files = Vec::new();
        for (path, text) in texts {
            if path == "Cargo.toml" || path.ends_with("/Cargo.toml") {
                let manifest: toml::Table = text
                    .parse()
                    .map_err(|error| format!("{path} is not TOML: {error}"))?;
                match path.strip_suffix("/Cargo.toml") {
                    None => root = manifest,
                    // Another workspace, as fuzz targets are: the rules for
                    // members are not for it, those for files are.
                    Some(_) if manifest.contains_key("workspace") => {}
                    Some(folder) => crates.push(Crate {
                        name: package_name(&manifest).unwrap_or(folder).to_owned(),
                        folder: folder.to_owned(),
                        manifest,
                    }),
                }
            }
            let masked = if path.ends_with(".rs") {
                mask(&text)
            } else {
                String::new()
            };
            files.push(File { path, text, masked });
        }
        Ok(Self {
            files,
            everything,
            root,
            crates,
        })
    }

    /// A repository out of strings.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let texts: Vec<_> = files
            .iter()
            .map(|&(path, text)| (path.to_owned(), text.to_owned()))
            .collect();
        let mut everything: Vec<String> = Vec::new();
        for (path, _) in files {
            everything.extend(
                Path::new(path)
                    .ancestors()
                    .filter_map(Path::to_str)
                    .filter(|ancestor| !ancestor.is_empty())
                    .map(str::to_owned),
            );
        }
        Self::new(texts, everything).expect("the test's manifests are TOML")
    }

    /// The file at a path.
    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The Rust files.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }

    /// The crate that a file belongs to: the one with the longest folder, since
    /// `server/origin` lies inside `server`.
    pub(crate) fn crate_of(&self, path: &str) -> Option<&Crate> {
        self.crates
            .iter()
            .filter(|member| is_inside(path, &member.folder))
            .max_by_key(|member| member.folder.len())
    }

    /// The Rust files of one crate.
    pub(crate) fn rust_of<'a>(&'a self, member: &'a Crate) -> impl Iterator<Item = &'a File> {
        self.rust().filter(|file| {
            self.crate_of(&file.path)
                .is_some_and(|owner| owner.folder == member.folder)
        })
    }
}

/// Whether a path lies in a folder.
pub(crate) fn is_inside(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.starts_with('/'))
}

fn package_name(manifest: &toml::Table) -> Option<&str> {
    manifest.get("package")?.get("name")?.as_str()
}

fn walk(root: &Path, folder: &str, found: &mut Vec<String>) -> io::Result<()> {
    let mut entries: Vec<PathBuf> = fs::read_dir(root.join(folder))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    entries.sort();
    for entry in entries {
        let Some(name) = entry.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if SKIPPED_FOLDERS.contains(&name) {
            continue;
        }
        let path = if folder.is_empty() {
            name.to_owned()
        } else {
            format!("{folder}/{name}")
        };
        found.push(path.clone());
        if entry.is_dir() && !entry.is_symlink() {
            walk(root, &path, found)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_belongs_to_the_innermost_crate() {
        let tree = Tree::of(&[
            ("server/Cargo.toml", "[package]\nname = \"server\""),
            (
                "server/origin/Cargo.toml",
                "[package]\nname = \"server-origin\"",
            ),
            ("server/origin/src/lib.rs", "//! x"),
            ("server/src/main.rs", "//! x"),
        ]);
        let owner = |path| tree.crate_of(path).map(|member| member.name.as_str());
        assert_eq!(owner("server/origin/src/lib.rs"), Some("server-origin"));
        assert_eq!(owner("server/src/main.rs"), Some("server"));
        assert_eq!(owner("docs/a.md"), None);
        assert_eq!(tree.rust_of(&tree.crates[0]).count(), 1);
    }

    #[test]
    fn a_workspace_inside_is_no_member() {
        let tree = Tree::of(&[
            ("tests/Cargo.toml", "[package]\nname = \"tests\""),
            (
                "tests/fuzz/Cargo.toml",
                "[package]\nname = \"fuzz\"\n[workspace]",
            ),
        ]);
        assert_eq!(tree.crates.len(), 1);
    }

    #[test]
    fn dependencies_for_one_target_count() {
        let tree = Tree::of(&[(
            "a/Cargo.toml",
            "[package]\nname = \"a\"\n[target.'cfg(unix)'.dependencies]\nquinn.workspace = true\n[dev-dependencies]\nb = \"1\"",
        )]);
        let names: Vec<_> = tree.crates[0]
            .dependencies()
            .iter()
            .map(|dependency| format!("{} {}", dependency.section, dependency.name))
            .collect();
        assert_eq!(names, ["dev-dependencies b", "dependencies quinn"]);
    }
}
