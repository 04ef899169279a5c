//! The responses of WHEP and their headers.
//!
//! Pure. It must never know why something is refused.

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_TYPE,
    ETAG, HeaderName, HeaderValue, LINK, LOCATION, RETRY_AFTER,
};
use http::{HeaderMap, Response, StatusCode};

use crate::IceServer;

use super::PREFIX;
use super::seats::Taken;

const METHODS: &str = "POST, DELETE, PATCH, OPTIONS";

/// Fields that are ours, or made of what was checked to be a header's value.
fn set(response: &mut Response<Bytes>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

pub(super) fn plain(status: StatusCode, text: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::copy_from_slice(text.as_bytes()));
    *response.status_mut() = status;
    if !text.is_empty() {
        set(&mut response, CONTENT_TYPE, "text/plain; charset=utf-8");
    }
    set(&mut response, CACHE_CONTROL, "no-store");
    response
}

/// `why`, for people.
pub(super) fn refusal(status: StatusCode, why: &str) -> Response<Bytes> {
    plain(status, &format!("{why}\n"))
}

/// The same, and when it is worth to ask again.
pub(super) fn retry(status: StatusCode, why: &str, after_s: u32) -> Response<Bytes> {
    let mut response = refusal(status, why);
    set(&mut response, RETRY_AFTER, &after_s.max(1).to_string());
    response
}

/// 405, with what is allowed.
pub(super) fn not_allowed() -> Response<Bytes> {
    let mut response = refusal(
        StatusCode::METHOD_NOT_ALLOWED,
        "POST an offer, DELETE the viewer, or PATCH candidates",
    );
    set(&mut response, ALLOW, METHODS);
    response
}

/// The answer to a browser that asks whether it may.
pub(super) fn options() -> Response<Bytes> {
    let mut response = plain(StatusCode::NO_CONTENT, "");
    set(&mut response, ALLOW, METHODS);
    set(&mut response, ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    set(
        &mut response,
        ACCESS_CONTROL_ALLOW_HEADERS,
        "authorization, content-type, if-match",
    );
    set(&mut response, ACCESS_CONTROL_MAX_AGE, "86400");
    set(
        &mut response,
        HeaderName::from_static("accept-post"),
        "application/sdp",
    );
    response
}

/// 201: the answer, and where the viewer is.
pub(super) fn created(
    path: &str,
    seat: &Taken,
    answer: String,
    servers: &[IceServer],
) -> Response<Bytes> {
    let mut response = plain(StatusCode::CREATED, "");
    *response.body_mut() = Bytes::from(answer);
    set(&mut response, CONTENT_TYPE, "application/sdp");
    let location = format!("{PREFIX}{path}/{}", seat.id);
    set(&mut response, LOCATION, &location);
    set(&mut response, ETAG, &seat.etag);
    for link in servers.iter().flat_map(links) {
        if let Ok(link) = HeaderValue::from_str(&link) {
            response.headers_mut().append(LINK, link);
        }
    }
    response
}

/// Pages of every site may watch: the path is what is secret, if anything is.
pub(super) fn allow_everybody(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("etag, link, location, retry-after"),
    );
}

/// One link for each address of a server (draft-ietf-wish-whep, section on STUN and TURN).
fn links(server: &IceServer) -> Vec<String> {
    let mut terms = String::from("; rel=\"ice-server\"");
    if let (Some(name), Some(credential)) = (&server.username, &server.credential) {
        let (name, credential) = (quoted(name), quoted(credential));
        terms.push_str(&format!(
            "; username={name}; credential={credential}; credential-type=\"password\""
        ));
    }
    server
        .urls
        .iter()
        .filter(|url| !url.is_empty() && !url.contains(['<', '>', ' ']))
        .map(|url| format!("<{url}>{terms}"))
        .collect()
}

/// A quoted string, RFC 9110 section 5.6.4.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_link_for_each_address() {
        let server = IceServer {
            urls: vec![
                String::new(),
                "turn:t.example?transport=udp".to_owned(),
                "turns:t.example".to_owned(),
            ],
            username: Some("a\"b".to_owned()),
            credential: Some("c\\d".to_owned()),
            secret: None,
        };
        let terms =
            r#"; rel="ice-server"; username="a\"b"; credential="c\\d"; credential-type="password""#;
        assert_eq!(
            links(&server),
            [
                format!("<turn:t.example?transport=udp>{terms}"),
                format!("<turns:t.example>{terms}")
            ]
        );
        let open = IceServer {
            urls: vec!["stun:s.example".to_owned()],
            username: None,
            credential: None,
            secret: None,
        };
        assert_eq!(links(&open), [r#"<stun:s.example>; rel="ice-server""#]);
    }
}
