//! The edition of the site: a name that changes when any of its files does. Pages name what they load by it
//! (`/assets/EDITION/...`, and what those load relative to themselves), so a browser may keep that for ever and asks for the
//! page alone. A page also names all modules that it needs, so that they come at once and not one after the other's import:
//! those of its beginnings for the browser, and those of what it loads later for itself.
//!
//! It must never know which files there are.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Digits of an edition's name: 64 bits.
const NAME_LEN: usize = 16;
/// Where everything lies that a page loads.
const ASSETS: &str = "/assets/";
/// Before a module that a page begins with.
const BEGINNINGS: [&str; 2] = [
    "<script type=\"module\" src=\"",
    "<script type=\"module\" async src=\"",
];
/// Before the module that a page loads when it is time: the browser does nothing with a link of this kind.
const LATER: &str = "<link rel=\"late\" href=\"";
/// Where a page's list of modules goes.
const HEAD_END: &str = "</head>";

/// The name of what these files make, each with its name and its content's hash.
pub(crate) fn name(files: impl Iterator<Item = (String, [u8; 32])>) -> String {
    let all: BTreeSet<_> = files.collect();
    let mut hasher = DefaultHasher::new();
    all.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// A file's name without the edition that it was asked by, and that edition.
pub(crate) fn split(name: &str) -> (&str, Option<&str>) {
    match name.split_once('/') {
        Some((edition, rest)) if is_name(edition) => (rest, Some(edition)),
        _ => (name, None),
    }
}

fn is_name(part: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    part.len() == NAME_LEN && part.bytes().all(is_digit)
}

/// A page that loads what belongs to this edition; `read` gives a module's text by its path.
pub(crate) fn page(page: &str, edition: &str, read: impl Fn(&str) -> Option<String>) -> String {
    let first = modules(BEGINNINGS.iter().flat_map(|it| after(page, it)), &read);
    let mut later = modules(after(page, LATER), &read);
    later.retain(|path| !first.contains(path) && !page.contains(&format!("{LATER}{path}\"")));
    let list: String = first
        .iter()
        .map(|path| format!("  <link rel=\"modulepreload\" href=\"{path}\">\n"))
        .chain(later.iter().map(|path| format!("  {LATER}{path}\">\n")))
        .collect();
    page.replacen(HEAD_END, &format!("{list}{HEAD_END}"), 1)
        .replace(&format!("\"{ASSETS}"), &format!("\"{ASSETS}{edition}/"))
}

/// The paths that stand in a page after this.
fn after<'a>(page: &'a str, before: &str) -> impl Iterator<Item = &'a str> {
    let rests = page.split(before).skip(1);
    rests.filter_map(|rest| rest.split('"').next())
}

/// These modules and all that they import.
fn modules<'a>(
    beginnings: impl Iterator<Item = &'a str>,
    read: impl Fn(&str) -> Option<String>,
) -> BTreeSet<String> {
    let mut waiting: Vec<String> = beginnings.map(str::to_owned).collect();
    let mut modules = BTreeSet::new();
    while let Some(path) = waiting.pop() {
        if let Some(text) = read(&path)
            && modules.insert(path.clone())
        {
            waiting.extend(imports(&text).map(|to| resolve(&path, to)));
        }
    }
    modules
}

/// What a module imports before it runs; ours are written so that each stands in one line.
fn imports(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| {
            line.starts_with("import ") || line.starts_with("export ") || line.starts_with('}')
        })
        .filter_map(|line| {
            line.rsplit_once(" from '")
                .or_else(|| line.rsplit_once("import '"))
        })
        .filter_map(|(_, rest)| rest.split('\'').next())
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
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_changes_with_any_file_and_not_with_their_order() {
        let one = ("a.js".to_owned(), [1; 32]);
        let other = ("b.js".to_owned(), [2; 32]);
        let both = name([one.clone(), other.clone()].into_iter());
        assert!(is_name(&both));
        assert_eq!(both, name([other.clone(), one.clone()].into_iter()));
        assert_ne!(both, name([one.clone()].into_iter()));
        assert_ne!(both, name([one, ("b.js".to_owned(), [3; 32])].into_iter()));
    }

    #[test]
    fn an_edition_is_told_from_a_folder() {
        let edition = "0123456789abcdef";
        assert_eq!(
            split("0123456789abcdef/lib/dom.js"),
            ("lib/dom.js", Some(edition))
        );
        for plain in [
            "lib/dom.js",
            "dom.js",
            "0123456789ABCDEF/a.js",
            "0123456789abcde/a.js",
        ] {
            assert_eq!(split(plain), (plain, None));
        }
    }

    #[test]
    fn a_page_names_all_modules_once_and_by_their_edition() {
        let read = |path: &str| {
            let text = match path {
                "/assets/app/main.js" => "import { a } from './lib/a.js';\nimport '../b.js';\n",
                "/assets/app/lib/a.js" => {
                    "import {\n  b,\n} from '../../b.js';\n// from 'nowhere'\n"
                }
                "/assets/b.js" => "export { c } from './app/main.js';\n",
                _ => return None,
            };
            Some(text.to_owned())
        };
        let html =
            "<head>\n  <script type=\"module\" src=\"/assets/app/main.js\"></script>\n</head>";
        let page = page(html, "0123456789abcdef", read);
        let wanted = ["app/lib/a.js", "app/main.js", "b.js"].map(|name| {
            format!("  <link rel=\"modulepreload\" href=\"/assets/0123456789abcdef/{name}\">\n")
        });
        assert!(page.contains(&wanted.concat()), "{page}");
        assert!(page.contains("src=\"/assets/0123456789abcdef/app/main.js\""));
        assert_eq!(page.matches("modulepreload").count(), 3);
    }

    #[test]
    fn what_is_loaded_later_is_named_apart_and_once() {
        let read = |path: &str| {
            let text = match path {
                "/assets/first.js" => "import { a } from './a.js';\nimport('./rest.js');\n",
                "/assets/rest.js" => "import { a } from './a.js';\nimport { b } from './b.js';\n",
                "/assets/a.js" | "/assets/b.js" => "",
                _ => return None,
            };
            Some(text.to_owned())
        };
        let html = "<script type=\"module\" async src=\"/assets/first.js\"></script>\n  \
                    <link rel=\"late\" href=\"/assets/rest.js\">\n</head>";
        let page = page(html, "0123456789abcdef", read);
        let links = |rel: &str| -> Vec<String> {
            let before = format!("<link rel=\"{rel}\" href=\"/assets/0123456789abcdef/");
            after(&page, &before).map(str::to_owned).collect()
        };
        assert_eq!(links("modulepreload"), ["a.js", "first.js"], "{page}");
        assert_eq!(links("late"), ["rest.js", "b.js"], "{page}");
    }
}
