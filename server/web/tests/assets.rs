//! The pages as they are handed out: whole, and asking nothing of other hosts. Read as text; a browser drives them in
//! tests/browser.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::collections::BTreeSet;

use server_web::{CONTENT_SECURITY_POLICY, asset, paths};

fn text(path: &str) -> String {
    let asset = asset(path).unwrap_or_else(|| panic!("{path} is not there"));
    String::from_utf8(asset.bytes.into_owned()).unwrap()
}

/// A path that is relative to a file, from the root.
fn resolve(from: &str, to: &str) -> String {
    if to.starts_with('/') {
        return to.to_owned();
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in to.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop().unwrap();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// What stands between each `before` and the `quote` after it.
fn quoted<'a>(text: &'a str, before: &'a str, quote: char) -> impl Iterator<Item = &'a str> {
    text.split(before)
        .skip(1)
        .filter_map(move |rest| rest.split(quote).next())
}

/// What a file names of the others.
fn uses(path: &str) -> Vec<String> {
    let text = text(path);
    let mut found: Vec<&str> = Vec::new();
    if path.ends_with(".js") {
        for before in [" from '", "import '", "import('"] {
            found.extend(quoted(&text, before, '\''));
        }
    } else if path.ends_with(".css") {
        for before in ["url(", "@import "] {
            found.extend(quoted(&text, before, ')'));
        }
    } else {
        for before in ["src=\"", "href=\""] {
            found.extend(quoted(&text, before, '"'));
        }
    }
    found
        .into_iter()
        .filter(|target| !target.starts_with('#'))
        .map(|target| resolve(path, target))
        .collect()
}

#[test]
fn both_pages_are_there_and_nothing_else_has_their_addresses() {
    for page in ["/", "/operator"] {
        assert_eq!(asset(page).unwrap().mime, "text/html; charset=utf-8");
    }
    for other in [
        "",
        "/index.html",
        "/operator/",
        "index.html",
        "//",
        "/nothing",
    ] {
        assert_eq!(asset(other), None, "{other:?}");
    }
}

#[test]
fn nothing_outside_of_the_site_is_handed_out() {
    for path in [
        "/assets/../index.html",
        "/assets/../../Cargo.toml",
        "/../Cargo.toml",
        "/assets/lib/../../../../Cargo.toml",
        "/assets//etc/passwd",
        "/assets/%2e%2e/index.html",
        "/assets",
        "/assets/",
        "/assets/lib",
    ] {
        assert_eq!(asset(path), None, "{path}");
    }
}

#[test]
fn every_file_is_handed_out_with_its_kind() {
    let mut kinds = BTreeSet::new();
    for path in paths() {
        let asset = asset(&path).unwrap_or_else(|| panic!("{path} is of an unknown kind"));
        assert!(!asset.bytes.is_empty(), "{path} is empty");
        kinds.insert(asset.mime);
    }
    assert_eq!(kinds.len(), 4, "{kinds:?}");
}

#[test]
fn a_tag_belongs_to_one_content() {
    let mut tags = BTreeSet::new();
    for path in paths() {
        let first = asset(&path).unwrap();
        assert_eq!(first, asset(&path).unwrap());
        assert_eq!(first.etag.len(), 34, "{}", first.etag);
        assert!(first.etag.starts_with('"') && first.etag.ends_with('"'));
        tags.insert(first.etag);
    }
    assert_eq!(tags.len(), paths().count());
}

#[test]
fn every_file_that_is_named_is_there_and_every_file_is_named() {
    let mut reached: BTreeSet<String> = ["/".to_owned(), "/operator".to_owned()].into();
    let mut waiting: Vec<String> = reached.iter().cloned().collect();
    while let Some(path) = waiting.pop() {
        for target in uses(&path) {
            assert!(asset(&target).is_some(), "{path} names {target}");
            if reached.insert(target.clone()) {
                waiting.push(target);
            }
        }
    }
    let all: BTreeSet<String> = paths().collect();
    assert_eq!(reached, all);
}

#[test]
fn no_file_names_another_host() {
    for path in paths() {
        let text = text(&path);
        for (place, _) in text.match_indices("://") {
            let line = text[..place].lines().count();
            // The name of the SVG language is no address.
            let is_name = text[place..].starts_with("://www.w3.org/2000/svg");
            assert!(is_name, "{path}:{line} names another host");
        }
        for without_scheme in ["'//", "\"//", "(//", "`//"] {
            assert!(
                !text.contains(without_scheme),
                "{path} has {without_scheme}"
            );
        }
    }
}

#[test]
fn the_pages_keep_to_their_policy() {
    assert!(CONTENT_SECURITY_POLICY.starts_with("default-src 'self';"));
    assert!(!CONTENT_SECURITY_POLICY.contains("unsafe"));
    for path in ["/", "/operator"] {
        let text = text(path);
        assert!(!text.contains(" style="), "{path} has an inline style");
        assert!(!text.contains("<style"), "{path} has an inline style");
        assert!(!text.contains(" on"), "{path} has an inline handler");
        for tag in text.split("<script").skip(1) {
            assert!(
                tag.trim_start().starts_with("type=\"module\" src="),
                "{path} has an inline script"
            );
        }
    }
    for path in paths().filter(|path| path.ends_with(".js")) {
        let text = text(&path);
        for forbidden in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "eval(",
            "new Function",
            "'style'",
        ] {
            assert!(!text.contains(forbidden), "{path} uses {forbidden}");
        }
    }
}
