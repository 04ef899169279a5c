//! Relative links of the documents lead somewhere: to a file, and to a heading
//! in it where they name one.

use super::Finding;
use crate::tree::Tree;

/// A link as it stands in a document.
struct Link {
    line: usize,
    target: String,
}

/// Finds links to files or headings that are not there.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        for link in links(&file.text) {
            if let Some(problem) = problem(tree, &file.path, &link.target) {
                findings.push(Finding::at(&file.path, link.line, problem));
            }
        }
    }
    findings
}

fn problem(tree: &Tree, from: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, heading) = match target.split_once('#') {
        Some((path, heading)) => (path, Some(heading)),
        None => (target, None),
    };
    let place = match resolve(from, path) {
        Some(place) => place,
        None => return Some(format!("{target} leads out of the repository")),
    };
    let exists = place.is_empty() || tree.everything.contains(&place);
    if !exists {
        return Some(format!("{target} leads nowhere: there is no {place}"));
    }
    let heading = heading?;
    let document = tree.file(&place)?;
    let known = headings(&document.text).any(|known| known == heading);
    (!known).then(|| format!("{target}: {place} has no such heading"))
}

/// A relative path from the root; nothing if it leaves the repository. An empty
/// path is the document itself.
pub(crate) fn resolve(from: &str, path: &str) -> Option<String> {
    if path.is_empty() {
        return Some(from.to_owned());
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The targets of a document's links, code left out.
pub(crate) fn targets(text: &str) -> impl Iterator<Item = String> {
    links(text).into_iter().map(|link| link.target)
}

fn links(text: &str) -> Vec<Link> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let line = without_code(line);
        for (offset, _) in line.match_indices("](") {
            let rest = &line[offset + 2..];
            if let Some(end) = rest.find(')') {
                let target = rest[..end].split_whitespace().next().unwrap_or_default();
                found.push(Link {
                    line: number,
                    target: target.to_owned(),
                });
            }
        }
    }
    found
}

/// Lines outside of fenced code, numbered from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let is_fence = line.trim_start().starts_with("```");
        if is_fence {
            fenced = !fenced;
        }
        (!fenced && !is_fence).then_some((index + 1, line))
    })
}

fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join(" ")
}

/// The names of a document's headings, as the usual hosts make them.
fn headings(text: &str) -> impl Iterator<Item = String> {
    prose(text)
        .filter_map(|(_, line)| line.strip_prefix('#'))
        .map(|rest| {
            rest.trim_start_matches('#')
                .trim()
                .chars()
                .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter))
                .map(|letter| if letter == ' ' { '-' } else { letter })
                .flat_map(char::to_lowercase)
                .collect()
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::findings;

    const PAGE: (&str, &str) = ("docs/a.md", "# One page\n\n## What is *not* here\n");

    #[test]
    fn a_link_to_nothing_is_found() {
        for target in ["b.md", "../nothing.md", "../../outside", "a.md#missing"] {
            let text = format!("see [that]({target})");
            let found = findings(check, &[PAGE, ("docs/x.md", &text)]);
            assert_eq!(found.len(), 1, "{target}: {found:?}");
        }
    }

    #[test]
    fn links_to_files_folders_headings_and_addresses_are_fine() {
        for target in [
            "a.md",
            "./a.md#what-is-not-here",
            "../docs",
            "../docs/a.md#one-page",
            "https://example.org/b.md",
            "#here",
        ] {
            let text = format!("# Here\n\nsee [that]({target})");
            let found = findings(check, &[PAGE, ("docs/x.md", &text)]);
            assert!(found.is_empty(), "{target}: {found:?}");
        }
    }

    #[test]
    fn code_has_no_links() {
        let text = "`a[0](b)`\n\n```\n[x](y)\n```\n";
        assert!(findings(check, &[("docs/x.md", text)]).is_empty());
    }
}
