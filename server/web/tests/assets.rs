//! The pages as they are handed out: whole, and asking nothing of other hosts. Read as text; a browser drives them in
//! tests/browser.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::collections::BTreeSet;

use server_web::{
    Asset, CONTENT_SECURITY_POLICY, SESSION_CONTENT_SECURITY_POLICY, asset, paths, session_asset,
};

/// The page of some session.
const SESSION: &str = "/session/0000";

/// What is at a path, on the site or on a session server.
fn anywhere(path: &str) -> Option<Asset> {
    asset(path).or_else(|| session_asset(path))
}

fn text(path: &str) -> String {
    let asset = anywhere(path).unwrap_or_else(|| panic!("{path} is not there"));
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

/// What a file names of the others, without the edition.
fn uses(path: &str) -> Vec<String> {
    let plain = |target: String| match edition_of(&target) {
        Some(edition) => target.replacen(&format!("{edition}/"), "", 1),
        None => target,
    };
    names(path).into_iter().map(plain).collect()
}

/// The edition in a path.
fn edition_of(path: &str) -> Option<&str> {
    let (part, _) = path.strip_prefix("/assets/")?.split_once('/')?;
    let is_edition = part.len() == 16 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_edition.then_some(part)
}

/// What a file names of the others, as it does.
fn names(path: &str) -> Vec<String> {
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
        let asset = anywhere(&path).unwrap_or_else(|| panic!("{path} is of an unknown kind"));
        assert!(!asset.bytes.is_empty(), "{path} is empty");
        kinds.insert(asset.mime);
    }
    assert_eq!(kinds.len(), 4, "{kinds:?}");
}

#[test]
fn a_tag_belongs_to_one_content() {
    let mut tags = BTreeSet::new();
    for path in paths() {
        let first = anywhere(&path).unwrap();
        assert_eq!(first, anywhere(&path).unwrap());
        assert_eq!(first.etag.len(), 34, "{}", first.etag);
        assert!(first.etag.starts_with('"') && first.etag.ends_with('"'));
        tags.insert(first.etag);
    }
    assert_eq!(tags.len(), paths().count());
}

#[test]
fn what_a_page_names_is_there_under_its_edition_and_under_any_other() {
    for page in ["/", "/operator", SESSION] {
        let named = names(page);
        let named = named.iter().filter(|path| path.starts_with("/assets/"));
        assert!(named.clone().count() > 10, "{page}");
        for path in named {
            let edition = edition_of(path).unwrap_or_else(|| panic!("{path} has no edition"));
            let plain = anywhere(&path.replacen(&format!("{edition}/"), "", 1)).unwrap();
            let edited = anywhere(path).unwrap();
            assert_eq!((&plain.bytes, &plain.etag), (&edited.bytes, &edited.etag));
            // A debug build reads files that change.
            assert_eq!(edited.is_lasting, !cfg!(debug_assertions), "{path}");
            let older = anywhere(&path.replacen(edition, "0000000000000000", 1)).unwrap();
            assert!(!plain.is_lasting && !older.is_lasting);
            assert_eq!(older.bytes, edited.bytes);
        }
    }
}

#[test]
fn a_page_names_every_module_that_it_will_import() {
    for page in ["/", "/operator", SESSION] {
        let named: BTreeSet<String> = uses(page).into_iter().collect();
        for path in named.iter().filter(|path| path.ends_with(".js")) {
            for import in uses(path).iter().filter(|path| path.ends_with(".js")) {
                assert!(named.contains(import), "{page} lacks {import}");
            }
        }
    }
}

#[test]
fn every_session_has_its_page_and_no_other_page_is_there() {
    let page = session_asset("/session/1234").unwrap();
    assert_eq!(page.mime, "text/html; charset=utf-8");
    assert_eq!(Some(page), session_asset(SESSION));
    for other in [
        "/",
        "/operator",
        "/session/",
        "/session/12",
        "/session/12345",
        "/session/12a4",
        "/session/1234/",
        "/session.html",
        "/session/../index.html",
        "/assets/session/",
        "/assets/session/../site.js",
        "/assets/operator.js",
        "/assets/site.js",
    ] {
        assert_eq!(session_asset(other), None, "{other:?}");
    }
    assert_eq!(asset(SESSION), None, "the site has no sessions itself");
}

/// Everything that is reached from some pages, each file found by `find`.
fn reached(pages: &[&str], find: fn(&str) -> Option<Asset>) -> BTreeSet<String> {
    let mut reached: BTreeSet<String> = pages.iter().map(|page| (*page).to_owned()).collect();
    let mut waiting: Vec<String> = reached.iter().cloned().collect();
    while let Some(path) = waiting.pop() {
        for target in uses(&path) {
            assert!(find(&target).is_some(), "{path} names {target}");
            if reached.insert(target.clone()) {
                waiting.push(target);
            }
        }
    }
    reached
}

#[test]
fn every_file_that_is_named_is_there_and_every_file_is_named() {
    let mut all_reached = reached(&["/", "/operator"], asset);
    all_reached.extend(reached(&[SESSION], session_asset));
    let all: BTreeSet<String> = paths().collect();
    assert_eq!(all_reached, all);
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
    for policy in [CONTENT_SECURITY_POLICY, SESSION_CONTENT_SECURITY_POLICY] {
        assert!(policy.starts_with("default-src 'self';"));
        assert!(!policy.contains("unsafe"));
    }
    for path in ["/", "/operator", SESSION] {
        let text = text(path);
        assert!(!text.contains(" style="), "{path} has an inline style");
        assert!(!text.contains("<style"), "{path} has an inline style");
        assert!(!text.contains(" on"), "{path} has an inline handler");
        for tag in text.split("<script").skip(1) {
            let is_file = [
                " type=\"module\" src=\"",
                " type=\"module\" async src=\"",
                " async src=\"",
            ]
            .iter()
            .any(|begin| tag.starts_with(begin));
            assert!(is_file, "{path} has an inline script");
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
