//! The pages of the site, with what a browser needs to keep them.

use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::reply::plain;

/// Anything that is no route: a file of the site, or nothing.
pub(super) async fn page(request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return plain(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "only GET and HEAD are possible here",
        );
    }
    let path = request.uri().path();
    let Some(asset) = server_web::asset(path) else {
        return plain(StatusCode::NOT_FOUND, "not_found", "there is no such page");
    };
    let known = request
        .headers()
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| tag.trim().trim_start_matches("W/") == asset.etag);
    let cache = HeaderValue::from_static(asset.cache_control());
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = HeaderValue::from_static(asset.mime);
        ([(header::CONTENT_TYPE, kind)], asset.bytes.into_owned()).into_response()
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&asset.etag) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(header::CACHE_CONTROL, cache);
    response
}
