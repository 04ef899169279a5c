//! `/whep/session/CODE` on the site: where the session's own server answers (WHEP, draft-ietf-wish-whep-03).
//!
//! Nothing is carried here: players are led on by 307, which keeps method and body (RFC 9110 section 15.4.8). It must
//! never know WebRTC.

use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};

use super::api::{By, Shared, code, counted};
use crate::convert;
use crate::service::Failed;

/// Before the code in a path.
const BEFORE: &str = "/whep/session/";

/// What players of other sites' pages have to be told (Fetch, CORS protocol): a preflight may not be led on itself.
const CROSS_ORIGIN: [(HeaderName, &str); 5] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (
        header::ACCESS_CONTROL_ALLOW_METHODS,
        "POST, PATCH, DELETE, OPTIONS",
    ),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        "authorization, content-type, if-match",
    ),
    (
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        "link, location, retry-after",
    ),
    (header::ACCESS_CONTROL_MAX_AGE, "86400"),
];

/// Leads to the server of a session that runs. The body is taken, so that the connection can go on.
pub(super) async fn session(
    State(front): Shared,
    Extension(asker): By,
    method: Method,
    uri: Uri,
    _body: Bytes,
) -> Response {
    let reply = async {
        if method == Method::OPTIONS {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        let path = uri.path();
        let digits = path.strip_prefix(BEFORE).unwrap_or(path);
        let digits = digits.split('/').next().unwrap_or(digits);
        // A path that cannot be a session's is one that does not exist, not a wrong request.
        let number = code(digits).map_err(|_| Failed::NotExist)?;
        let (host, port) = front.service.runs_at(asker.address, number)?;
        let there = convert::url(&(host, port));
        let location = format!("{}{path}", there.trim_end_matches('/'));
        let location = HeaderValue::from_str(&location).map_err(|_| Failed::NotExist)?;
        Ok((
            StatusCode::TEMPORARY_REDIRECT,
            [(header::LOCATION, location)],
        )
            .into_response())
    };
    let mut response = counted(&front, &asker, reply).await;
    let headers = response.headers_mut();
    for (name, value) in CROSS_ORIGIN {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
