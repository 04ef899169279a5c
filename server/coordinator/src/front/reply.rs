//! Answers of the HTTP API: JSON, and failures in one form.

use std::sync::atomic::Ordering;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::service::{Failed, seconds};

use super::Front;

/// What a handler gives.
pub(super) type Reply = Result<Response, Failed>;

/// A body of JSON.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => {
            let kind = HeaderValue::from_static("application/json");
            (status, [(header::CONTENT_TYPE, kind)], bytes).into_response()
        }
        Err(why) => {
            tracing::error!(%why, "an answer cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// 200 with a body of JSON.
pub(super) fn ok(body: &impl Serialize) -> Response {
    json(StatusCode::OK, body)
}

/// What a request's body says. Only JSON that is called JSON: a page of another site cannot send that unasked.
///
/// # Errors
/// It is not what was asked for.
pub(super) fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &Bytes) -> Result<T, Failed> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .and_then(|kind| kind.split(';').next())
        .unwrap_or("");
    if !kind.trim().eq_ignore_ascii_case("application/json") {
        let why = "the body has to be JSON, with the header Content-Type: application/json";
        return Err(Failed::BadRequest(why.to_owned()));
    }
    serde_json::from_slice(body)
        .map_err(|why| Failed::BadRequest(format!("the body is not what is asked for: {why}")))
}

/// What went wrong, as a status and JSON: `{"error": "word", "reason": "for people"}`.
pub(super) fn failure(front: &Front, failed: &Failed) -> Response {
    let reason = failed.to_string();
    let (status, mut body) = match failed {
        Failed::Busy => (StatusCode::CONFLICT, json!({"error": "busy"})),
        Failed::NotExist => (StatusCode::NOT_FOUND, json!({"error": "not_exist"})),
        Failed::NotStarted { starts_at } => (
            StatusCode::TOO_EARLY,
            json!({"error": "not_started", "starts_at": starts_at}),
        ),
        Failed::BadRequest(_) => {
            front.counters.bad_requests.fetch_add(1, Ordering::Relaxed);
            (StatusCode::BAD_REQUEST, json!({"error": "bad_request"}))
        }
        Failed::LockedOut { wait } => (
            StatusCode::TOO_MANY_REQUESTS,
            json!({"error": "locked_out", "retry_after": seconds(*wait)}),
        ),
        Failed::TooMany { wait } => (
            StatusCode::TOO_MANY_REQUESTS,
            json!({"error": "too_many_requests", "retry_after": seconds(*wait)}),
        ),
        Failed::TryAgain(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            json!({"error": "try_again"}),
        ),
    };
    body["reason"] = reason.into();
    let mut response = json(status, &body);
    if let Failed::LockedOut { wait } | Failed::TooMany { wait } = failed {
        let wait = HeaderValue::from(seconds(*wait));
        response.headers_mut().insert(header::RETRY_AFTER, wait);
    }
    response
}

/// A failure that is only a status.
pub(super) fn plain(status: StatusCode, error: &str, reason: &str) -> Response<Body> {
    json(status, &json!({"error": error, "reason": reason}))
}
