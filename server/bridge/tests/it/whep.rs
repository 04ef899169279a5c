//! WHEP without a viewer: what is refused, and how. The rest needs a browser and is in tests/browser.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use server_bridge::Stage;
use server_bridge::whep::{MAX_BODY_LEN, OFFERS, Theatre, Whep, WhepRefusal};

/// A theatre in which nothing is on.
struct Dark;

#[async_trait]
impl Theatre for Dark {
    async fn stage(&self, path: &str, _from: IpAddr) -> Result<Stage, WhepRefusal> {
        let why = "so it is".to_owned();
        Err(match path {
            "channel/1" => WhepRefusal::NotOn(why),
            "channel/2" => WhepRefusal::NotPlayable(why),
            "session/1111" => WhepRefusal::Forbidden(why),
            "session/2222" => WhepRefusal::TooMany {
                why,
                retry_after_s: 7,
            },
            "session/3333" => WhepRefusal::Busy {
                why,
                retry_after_s: 8,
            },
            _ => WhepRefusal::NotFound(why),
        })
    }
}

fn whep() -> Whep {
    Whep::new(Arc::new(Dark))
}

async fn ask(whep: &Whep, request: http::request::Builder, body: &str) -> Response<Bytes> {
    let request: Request<Bytes> = request
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .expect("a request");
    let response = whep.handle(request, IpAddr::from([192, 0, 2, 1])).await;
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    response
}

fn offer(path: &str) -> http::request::Builder {
    Request::post(path).header("content-type", "application/sdp")
}

#[tokio::test]
async fn a_refusal_has_its_status_and_its_reason() {
    let whep = whep();
    for (path, status, retry_after) in [
        ("/whep/channel/0", StatusCode::NOT_FOUND, None),
        ("/whep/channel/1", StatusCode::CONFLICT, None),
        ("/whep/channel/2", StatusCode::UNPROCESSABLE_ENTITY, None),
        ("/whep/session/1111", StatusCode::FORBIDDEN, None),
        (
            "/whep/session/2222",
            StatusCode::TOO_MANY_REQUESTS,
            Some("7"),
        ),
        (
            "/whep/session/3333",
            StatusCode::SERVICE_UNAVAILABLE,
            Some("8"),
        ),
    ] {
        let response = ask(&whep, offer(path), "v=0").await;
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(response.body(), "so it is\n");
        let retry = response.headers().get("retry-after");
        assert_eq!(
            retry.map(|value| value.to_str().expect("text")),
            retry_after
        );
    }
}

#[tokio::test]
async fn a_browser_of_another_site_may_ask() {
    let request = Request::options("/whep/channel/0")
        .header("origin", "https://elsewhere.example")
        .header("access-control-request-method", "POST");
    let response = ask(&whep(), request, "").await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    let headers = response.headers();
    assert_eq!(
        headers["access-control-allow-methods"],
        "POST, DELETE, PATCH, OPTIONS"
    );
    assert_eq!(
        headers["access-control-allow-headers"],
        "authorization, content-type, if-match"
    );
    assert_eq!(headers["accept-post"], "application/sdp");
    assert_eq!(
        headers["access-control-expose-headers"],
        "etag, link, location, retry-after"
    );
}

#[tokio::test]
async fn what_is_no_offer_is_refused_before_anybody_is_asked() {
    let whep = whep();
    let post = || Request::post("/whep/channel/0");
    let sdp = "application/sdp";
    let typed = |kind: &str| post().header("content-type", kind);
    let accepting = |range: &str| offer("/whep/channel/0").header("accept", range);
    let too_long = "x".repeat(MAX_BODY_LEN + 1);
    for (request, body, status) in [
        (post(), "v=0", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (
            typed("application/json"),
            "{}",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            typed("Application/SDP; charset=utf-8"),
            "v=0",
            StatusCode::NOT_FOUND,
        ),
        (typed(sdp), "", StatusCode::UNPROCESSABLE_ENTITY),
        (typed(sdp), &too_long, StatusCode::PAYLOAD_TOO_LARGE),
        (accepting("text/html"), "v=0", StatusCode::NOT_ACCEPTABLE),
        (
            accepting("application/sdp;q=0"),
            "v=0",
            StatusCode::NOT_ACCEPTABLE,
        ),
        (
            accepting("text/html, application/sdp"),
            "v=0",
            StatusCode::NOT_FOUND,
        ),
        (accepting("*/*"), "v=0", StatusCode::NOT_FOUND),
    ] {
        let response = ask(&whep, request, body).await;
        assert_eq!(response.status(), status, "{response:?}");
    }
}

#[tokio::test]
async fn methods_and_addresses_that_mean_nothing_are_refused() {
    let whep = whep();
    let get = ask(&whep, Request::get("/whep/channel/0"), "").await;
    assert_eq!(get.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(get.headers()["allow"], "POST, DELETE, PATCH, OPTIONS");
    let long = format!("/whep/{}", "x".repeat(300));
    for request in [
        Request::delete("/whep/channel/0/0123456789abcdef0123456789abcdef"),
        Request::delete("/whep/channel/0"),
        Request::patch("/whep/channel/0/0123456789abcdef0123456789abcdef"),
        offer("/elsewhere"),
        offer(&long),
    ] {
        let response = ask(&whep, request, "").await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn whoever_asks_too_often_is_told_when_to_come_again() {
    let whep = whep();
    for _ in 0..OFFERS {
        let response = ask(&whep, offer("/whep/channel/0"), "v=0").await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
    let response = ask(&whep, offer("/whep/channel/0"), "v=0").await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()["retry-after"], "1");
    let elsewhere = whep
        .handle(
            offer("/whep/channel/0")
                .body(Bytes::from_static(b"v=0"))
                .expect("a request"),
            IpAddr::from([192, 0, 2, 2]),
        )
        .await;
    assert_eq!(elsewhere.status(), StatusCode::NOT_FOUND);
}
