//! The pages of the site and of a session, embedded in the program: plain ES modules, no build step, nothing from outside.
//!
//! It hands out bytes by the path of a request. It must never know what the pages ask for, how they are served, or
//! anything about sessions.
//!
//! A debug build reads the files from the source folder at each request, so that a changed page is seen by a reload; a
//! release build has them inside.

mod edition;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use rust_embed::RustEmbed;

/// The policy that the pages are written for, the value of a `Content-Security-Policy` header: no inline script or
/// style, and nothing from another host.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'; object-src 'none'";

/// The same for the page of a session, which also draws the application's cursor from its bytes. `'self'` lets it open
/// its WebSocket, which has the host and port of the page (CSP Level 3, 6.7.2.8).
pub const SESSION_CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data:; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; object-src 'none'";

/// The page of a session, whose path ends with the session's code.
const SESSION_PAGE: (&str, &str) = ("/session/", "session.html");
/// What the page of a session loads begins with one of these.
const SESSION_ASSETS: [&str; 4] = ["session/", "lib/", "base.css", "icon.svg"];
/// Where everything lies that pages load.
const ASSETS: &str = "/assets/";
/// A session's code: so many digits.
const CODE_LEN: usize = 4;

/// The pages, each at its own path; every other file has the path that it has in the folder.
const PAGES: [(&str, &str); 2] = [("/", "index.html"), ("/operator", "operator.html")];

/// How many bytes of the content's SHA-256 make the tag: 128 bits, so that two contents never share one by chance. A page,
/// which names the edition, has half of it from there.
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
    /// The value of `ETag`, quotes included: it changes when the body does.
    pub etag: String,
    /// What the path names never changes: a browser need not ask again ([`cache_control`](Self::cache_control)).
    pub is_lasting: bool,
}

impl Asset {
    /// The value of `Cache-Control`. What does not last is asked for anew each time, answered 304: an upgrade is seen at
    /// once. What does is kept (RFC 8246).
    #[must_use]
    pub fn cache_control(&self) -> &'static str {
        match self.is_lasting {
            true => "public, max-age=31536000, immutable",
            false => "no-cache",
        }
    }
}

/// The edition of a release build, and its pages.
static EDITION: LazyLock<String> = LazyLock::new(present_edition);
static READY: LazyLock<BTreeMap<&'static str, Asset>> = LazyLock::new(|| {
    let pages = PAGES.iter().chain([&SESSION_PAGE]);
    pages
        .filter_map(|(_, name)| Some((*name, make_page(name, &EDITION)?)))
        .collect()
});

/// The file for the path of a request, as it stands in the request's first line without the query: `/`, `/operator`,
/// `/assets/...`. None if there is no such file.
#[must_use]
pub fn asset(path: &str) -> Option<Asset> {
    let page = PAGES.iter().find(|(address, _)| *address == path);
    if let Some((_, name)) = page {
        return file(name);
    }
    // Pages have one address each: what links to them must not depend on two.
    let name = path.strip_prefix(ASSETS)?;
    let (name, edition) = edition::split(name);
    if !name.split('/').all(is_name) {
        return None;
    }
    let mut asset = file(&format!("assets/{name}"))?;
    // A page that was loaded before an upgrade still finds what it names, and does not keep it.
    asset.is_lasting = !cfg!(debug_assertions) && edition == Some(EDITION.as_str());
    Some(asset)
}

/// The file for the path of a request to a session server: `/session/CODE`, whatever the four digits are, and what that
/// page loads. None for everything else, the pages of the site among it.
#[must_use]
pub fn session_asset(path: &str) -> Option<Asset> {
    let (before, page) = SESSION_PAGE;
    if let Some(code) = path.strip_prefix(before) {
        let is_code = code.len() == CODE_LEN && code.bytes().all(|digit| digit.is_ascii_digit());
        return is_code.then(|| file(page)).flatten();
    }
    let (name, _) = edition::split(path.strip_prefix(ASSETS)?);
    let is_loaded = SESSION_ASSETS.iter().any(|begin| name.starts_with(begin));
    is_loaded.then(|| asset(path)).flatten()
}

/// The edition of the files as they are.
fn present_edition() -> String {
    edition::name(Site::iter().filter_map(|name| {
        let hash = Site::get(&name)?.metadata.sha256_hash();
        Some((name.into_owned(), hash))
    }))
}

fn file(name: &str) -> Option<Asset> {
    let mime = mime(name)?;
    if name.ends_with(".html") {
        return page(name);
    }
    let file = Site::get(name)?;
    Some(Asset {
        etag: format!("\"{}\"", tag(file.metadata.sha256_hash())),
        bytes: file.data,
        mime,
        is_lasting: false,
    })
}

/// A page, with the edition's names in it; a release build has made each of them once.
fn page(name: &str) -> Option<Asset> {
    if cfg!(debug_assertions) {
        return make_page(name, &present_edition());
    }
    let ready = READY.get(name)?;
    Some(Asset {
        bytes: Cow::Borrowed(&ready.bytes),
        etag: ready.etag.clone(),
        ..*ready
    })
}

fn make_page(name: &str, edition: &str) -> Option<Asset> {
    let file = Site::get(name)?;
    let module = |path: &str| {
        let file = Site::get(path.strip_prefix('/')?)?;
        Some(String::from_utf8_lossy(&file.data).into_owned())
    };
    let page = edition::page(&String::from_utf8_lossy(&file.data), edition, module);
    let mut tag = tag(file.metadata.sha256_hash());
    tag.replace_range(TAG_BYTES.., edition);
    Some(Asset {
        bytes: Cow::Owned(page.into_bytes()),
        mime: mime(name)?,
        etag: format!("\"{tag}\""),
        is_lasting: false,
    })
}

fn tag(hash: [u8; 32]) -> String {
    hash.iter()
        .take(TAG_BYTES)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The paths of all files, for tests and for those that list what is served; the page of a session under the code 0000.
pub fn paths() -> impl Iterator<Item = String> {
    Site::iter().map(|name| {
        if name == SESSION_PAGE.1 {
            return format!("{}0000", SESSION_PAGE.0);
        }
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
