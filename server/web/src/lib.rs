//! The pages of the site, embedded in the program: plain ES modules, no build step, nothing from outside.
//!
//! It hands out bytes by the path of a request. It must never know what the pages ask for, how they are served, or
//! anything about sessions.
//!
//! A debug build reads the files from the source folder at each request, so that a changed page is seen by a reload; a
//! release build has them inside.

use std::borrow::Cow;

use rust_embed::RustEmbed;

/// The policy that the pages are written for, the value of a `Content-Security-Policy` header: no inline script or
/// style, and nothing from another host.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'; object-src 'none'";

/// The pages, each at its own path; every other file has the path that it has in the folder.
const PAGES: [(&str, &str); 2] = [("/", "index.html"), ("/operator", "operator.html")];

/// How many bytes of the content's SHA-256 make the tag: 128 bits, so that two contents never share one by chance.
const TAG_BYTES: usize = 16;

#[derive(RustEmbed)]
#[folder = "site/"]
struct Site;

/// A file of the site, ready to be an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// The body.
    pub bytes: Cow<'static, [u8]>,
    /// The value of `Content-Type`.
    pub mime: &'static str,
    /// The value of `ETag`, quotes included: a hash of the body, so it changes exactly when the body does.
    pub etag: String,
}

/// The file for the path of a request, as it stands in the request's first line without the query: `/`, `/operator`,
/// `/assets/...`. None if there is no such file.
#[must_use]
pub fn asset(path: &str) -> Option<Asset> {
    let page = PAGES.iter().find(|(address, _)| *address == path);
    let name = match page {
        Some((_, name)) => name,
        // Pages have one address each: what links to them must not depend on two.
        None => path
            .strip_prefix('/')
            .filter(|name| name.starts_with("assets/") && name.split('/').all(is_name))?,
    };
    let mime = mime(name)?;
    let file = Site::get(name)?;
    let hash = file.metadata.sha256_hash();
    let mut etag = String::with_capacity(2 + 2 * TAG_BYTES);
    etag.push('"');
    for byte in hash.iter().take(TAG_BYTES) {
        etag.push_str(&format!("{byte:02x}"));
    }
    etag.push('"');
    Some(Asset {
        bytes: file.data,
        mime,
        etag,
    })
}

/// The paths of all files, for tests and for those that list what is served.
pub fn paths() -> impl Iterator<Item = String> {
    Site::iter().map(|name| {
        PAGES
            .iter()
            .find(|(_, page)| *page == name)
            .map_or_else(|| format!("/{name}"), |(path, _)| (*path).to_owned())
    })
}

/// A folder on disk, which a debug build reads, has more names for a file than one.
fn is_name(part: &str) -> bool {
    !matches!(part, "" | "." | "..")
}

/// Only kinds that the site has: a file of another kind in its folder is not handed out by mistake.
fn mime(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "html" => Some("text/html; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "png" => Some("image/png"),
        _ => None,
    }
}
