//! The way in: WHEP for any player, and a small page for whoever has only a browser.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use server_bridge::whep::{MAX_BODY_LEN, Whep};

use crate::channels::Channels;

/// What the page may load: what is beside it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'; object-src 'none'";

const PAGE: &str = include_str!("../page/index.html");

/// Name, type, content.
const ASSETS: [(&str, &str, &str); 5] = [
    (
        "watch.css",
        "text/css; charset=utf-8",
        include_str!("../page/watch.css"),
    ),
    (
        "watch.js",
        "text/javascript; charset=utf-8",
        include_str!("../page/watch.js"),
    ),
    (
        "whep.js",
        "text/javascript; charset=utf-8",
        include_str!("../page/whep.js"),
    ),
    (
        "texts.js",
        "text/javascript; charset=utf-8",
        include_str!("../page/texts.js"),
    ),
    (
        "icon.svg",
        "image/svg+xml",
        include_str!("../page/icon.svg"),
    ),
];

#[derive(Clone)]
struct Site {
    channels: Channels,
    whep: Arc<Whep>,
}

/// `/whep/channel/N` and what it leads to, `/watch/N` and what it loads: to be merged into a site. The caller's address is
/// the request's extension [`IpAddr`].
pub fn routes(channels: Channels) -> Router {
    let whep = Arc::new(Whep::new(Arc::new(channels.clone())));
    Router::new()
        .route("/whep/channel/{number}", any(whep_request))
        .route("/whep/channel/{number}/{resource}", any(whep_request))
        .route("/watch", get(index))
        .route("/watch/{number}", get(index))
        .route("/watch/settings.json", get(settings))
        .route("/watch/assets/{name}", get(asset))
        .with_state(Site { channels, whep })
}

/// The same as a site of its own, for a program that has no other: `/` is the page, and a session is told where it is not.
pub fn page(channels: Channels) -> Router {
    routes(channels)
        .route("/", get(index))
        .route("/whep/session/{*rest}", any(no_session))
        .route("/session/{*rest}", any(no_session))
        .fallback(nothing)
}

async fn whep_request(State(site): State<Site>, request: Request) -> Response {
    let from = from(&request);
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY_LEN).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "an offer is shorter").into_response();
    };
    let request = http::Request::from_parts(head, body);
    site.whep.handle(request, from).await.map(Body::from)
}

fn from(request: &Request) -> IpAddr {
    let known = request.extensions().get::<IpAddr>().copied();
    known.unwrap_or(Ipv4Addr::UNSPECIFIED.into())
}

async fn index() -> Response {
    file("text/html; charset=utf-8", PAGE)
}

async fn asset(axum::extract::Path(name): axum::extract::Path<String>) -> Response {
    let found = ASSETS.iter().find(|(own, ..)| *own == name);
    found.map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        |(_, kind, content)| file(kind, content),
    )
}

async fn settings(State(site): State<Site>) -> Response {
    let servers: Vec<_> = site
        .channels
        .ice_servers()
        .into_iter()
        // Browsers throw on a server without an address.
        .filter(|server| server.urls.iter().any(|url| !url.is_empty()))
        .collect();
    axum::Json(serde_json::json!({
        "channels": site.channels.numbers(),
        "onAir": site.channels.on_air_now(),
        "iceServers": servers,
    }))
    .into_response()
}

fn file(kind: &'static str, content: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    (headers, content).into_response()
}

async fn no_session() -> Response {
    let why = "sessions are not here: this is a relay of one channel; ask the site where the session was started\n";
    (StatusCode::NOT_FOUND, why).into_response()
}

async fn nothing() -> Response {
    (
        StatusCode::NOT_FOUND,
        "there is nothing here; the channel is at /\n",
    )
        .into_response()
}
