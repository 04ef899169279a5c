//! What the session server's address answers over HTTP: the page of a session and what it loads, WHEP, and the way to a
//! WebSocket.
//!
//! It must never know what is said on a WebSocket.

use std::net::IpAddr;
use std::sync::Mutex;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::upgrade::OnUpgrade;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use server_bridge::whep::{MAX_BODY_LEN, too_long};
use server_web::{Asset, SESSION_CONTENT_SECURITY_POLICY, session_asset};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::Hall;

/// What a browser sees that opens the address itself.
const PAGE: &str = "This is a session server. Sessions that the site has started run here: their pages are reached from there.\n";
/// Before the path of what WHEP shows.
const WHEP: &str = "/whep/";

/// A WebSocket on any path; else pages, WHEP, or that there is nothing.
pub(super) async fn answer(
    mut request: Request<Incoming>,
    from: IpAddr,
    hall: &Hall,
    upgrade: &Mutex<Option<OnUpgrade>>,
) -> Response<Full<Bytes>> {
    if let Some(accepted) = wants_socket(&request) {
        if let Ok(mut slot) = upgrade.lock() {
            *slot = Some(hyper::upgrade::on(&mut request));
        }
        return switch(accepted);
    }
    if request.uri().path().starts_with(WHEP) {
        return whep(request, from, hall).await;
    }
    let mut response = match *request.method() {
        Method::GET | Method::HEAD => page(request.uri().path(), request.headers()),
        _ => plain(
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET and HEAD are possible here\n",
        ),
    };
    let fixed = [
        (
            header::CONTENT_SECURITY_POLICY,
            SESSION_CONTENT_SECURITY_POLICY,
        ),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ];
    set(response.headers_mut(), &fixed);
    safe(response)
}

/// What holds for every answer that is no WebSocket.
fn safe(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    set(response.headers_mut(), &fixed);
    response
}

fn set(headers: &mut HeaderMap, fixed: &[(HeaderName, &'static str)]) {
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn page(path: &str, headers: &HeaderMap) -> Response<Full<Bytes>> {
    let Some(asset) = session_asset(path) else {
        return match path {
            "/" => uncached(plain(StatusCode::OK, PAGE)),
            _ => uncached(plain(StatusCode::NOT_FOUND, "there is no such page\n")),
        };
    };
    let cache = asset.cache_control();
    let Asset {
        bytes, mime, etag, ..
    } = asset;
    let tags = headers.get_all(header::IF_NONE_MATCH).iter();
    let is_known = tags
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| tag.trim().trim_start_matches("W/") == etag);
    let mut response = match is_known {
        true => with_status(StatusCode::NOT_MODIFIED, Bytes::new()),
        false => with_status(StatusCode::OK, Bytes::from(bytes.into_owned())),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

fn uncached(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    set(
        response.headers_mut(),
        &[(header::CACHE_CONTROL, "no-cache")],
    );
    response
}

/// A player that watches: its whole body, which is small, and then what the bridge says.
async fn whep(request: Request<Incoming>, from: IpAddr, hall: &Hall) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY_LEN).collect().await else {
        return safe(too_long().map(Full::new));
    };
    let request = Request::from_parts(parts, body.to_bytes());
    safe(hall.whep.handle(request, from).await.map(Full::new))
}

/// The key by which a WebSocket is accepted (RFC 6455 section 4.2.2), if the request is for one.
fn wants_socket(request: &Request<Incoming>) -> Option<HeaderValue> {
    let says = |name, word: &str| {
        let value = request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok());
        value.is_some_and(|value| value.to_ascii_lowercase().contains(word))
    };
    let wants = says(header::UPGRADE, "websocket") && says(header::CONNECTION, "upgrade");
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY)?;
    let wants = wants && request.method() == Method::GET;
    let accepted = HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok()?;
    wants.then_some(accepted)
}

fn switch(accepted: HeaderValue) -> Response<Full<Bytes>> {
    let mut response = with_status(StatusCode::SWITCHING_PROTOCOLS, Bytes::new());
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accepted);
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = with_status(status, Bytes::from_static(text.as_bytes()));
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn with_status(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
}
