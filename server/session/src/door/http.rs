//! What the session server's address answers over HTTP: the way to a WebSocket, or a page for people.
//!
//! It must never know what is said on a WebSocket.

use std::sync::Mutex;

use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// What a browser sees that opens the address itself.
const PAGE: &str = "This is a session server. Sessions that the site has started run here; their picture is not carried \
    to browsers yet.\n";

/// A WebSocket on any path; a page for people; nothing else.
pub(super) fn answer(
    mut request: Request<Incoming>,
    upgrade: &Mutex<Option<OnUpgrade>>,
) -> Response<String> {
    let says = |name, word: &str| {
        let value = request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok());
        value.is_some_and(|value| value.to_ascii_lowercase().contains(word))
    };
    let wants_socket = says(header::UPGRADE, "websocket") && says(header::CONNECTION, "upgrade");
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY).cloned();
    let mut response = Response::new(String::new());
    let accepted = key
        .filter(|_| wants_socket && request.method() == Method::GET)
        .and_then(|key| HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok());
    if let Some(accepted) = accepted {
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accepted);
        if let Ok(mut slot) = upgrade.lock() {
            *slot = Some(hyper::upgrade::on(&mut request));
        }
    } else if request.method() == Method::GET {
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, plain);
        PAGE.clone_into(response.body_mut());
    } else {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    }
    response
}
