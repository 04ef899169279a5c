//! The paths: the HTTP API, the operator's part of it, the metrics; everything else is the site.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Extension, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, any, delete, get, post, put};
use tokio::time::timeout;

use super::reply::plain;
use super::{Asker, Front, api, metrics, operator, site, whep};

/// Bytes of a request's body: the largest that is meant, an application with its descriptions, has some KiB.
const MAX_BODY: usize = 64 * 1024;
/// How long a request may take from its head to its answer: a session server has 20 s to start a session.
const PATIENCE: Duration = Duration::from_secs(60);

type Routes = Vec<(&'static str, MethodRouter<Arc<Front>>)>;

/// What anybody may ask for.
fn open_routes() -> Routes {
    vec![
        ("/api/openapi.json", get(api::openapi)),
        ("/api/applications", get(api::applications)),
        ("/api/applications/{name}/slots", get(api::slots)),
        ("/api/bookings", post(api::plan)),
        (
            "/api/bookings/{code}",
            get(api::booking).delete(api::cancel),
        ),
        ("/api/sessions", post(api::start)),
        ("/api/sessions/{code}", get(api::status)),
        ("/api/sessions/{code}/join", post(api::join)),
        ("/api/sessions/{code}/extend", post(api::extend)),
        ("/metrics", get(metrics::metrics)),
    ]
}

/// What only the operator may.
fn operator_routes() -> Routes {
    vec![
        ("/api/operator/applications", get(operator::applications)),
        (
            "/api/operator/applications/{name}",
            put(operator::put).merge(delete(operator::remove)),
        ),
        ("/api/operator/servers", get(operator::servers)),
        ("/api/operator/servers/{id}/drain", post(operator::drain)),
        ("/api/operator/servers/{id}/resume", post(operator::resume)),
        ("/api/operator/sessions", get(operator::sessions)),
        ("/api/operator/sessions/{code}/end", post(operator::end)),
        ("/api/operator/bookings", get(operator::bookings)),
        ("/api/operator/audit", get(operator::audit)),
    ]
}

/// What leads to sessions' own servers; players know these paths, and no description is needed.
fn whep_routes() -> Routes {
    vec![
        ("/whep/session/{code}", any(whep::session)),
        ("/whep/session/{code}/{*rest}", any(whep::session)),
    ]
}

/// Everything that is not a WebSocket; `more` are routes of others, which count as requests and have the same bounds.
///
/// # Panics
/// If one of `more` is a path of ours.
pub(crate) fn router(front: Arc<Front>, more: Option<Router>) -> Router {
    let all = |routes: Routes| {
        routes
            .into_iter()
            .fold(Router::new(), |router, (path, methods)| {
                router.route(path, methods)
            })
    };
    let guard = from_fn_with_state(Arc::clone(&front), operator::guard);
    let more = more.unwrap_or_default();
    let more = more.layer(from_fn_with_state(Arc::clone(&front), counted));
    all(open_routes())
        .merge(all(operator_routes()).route_layer(guard))
        .merge(all(whep_routes()))
        .fallback(elsewhere)
        .with_state(Arc::clone(&front))
        .merge(more)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(front, around))
}

/// Counts a request to a route of others.
async fn counted(State(front): State<Arc<Front>>, request: Request, next: Next) -> Response {
    let outcome = match request.extensions().get::<Asker>() {
        Some(asker) => front.ask(asker),
        None => Ok(()),
    };
    match outcome {
        Ok(()) => next.run(request).await,
        Err(failed) => super::reply::failure(&front, &failed),
    }
}

/// The site; paths of the API that are none get an answer that programs understand.
async fn elsewhere(
    State(front): State<Arc<Front>>,
    Extension(asker): Extension<Asker>,
    request: Request,
) -> Response {
    let response = if request.uri().path().starts_with("/api/") {
        plain(
            StatusCode::NOT_FOUND,
            "not_found",
            "/api/openapi.json tells which paths there are",
        )
    } else {
        site::page(request).await
    };
    // A page is some forty small files, and a school class shares an address: what is there is bounded by the
    // connections of the address, what is not counts as a request.
    if response.status().is_client_error()
        && let Err(failed) = front.ask(&asker)
    {
        return super::reply::failure(&front, &failed);
    }
    response
}

/// What holds for every request: time, other sites' pages, and the headers that browsers keep to.
async fn around(State(front): State<Arc<Front>>, request: Request, next: Next) -> Response {
    front.counters.http_requests.fetch_add(1, Ordering::Relaxed);
    let changes = !matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    // Browsers say where a request comes from (Fetch Metadata); other programs do not, and have no visitor to abuse.
    let site = request.headers().get("sec-fetch-site");
    let is_foreign = site.is_some_and(|site| site == "cross-site" || site == "same-site");
    // Players stand on pages of others; what they may do there needs no visitor's rights.
    let is_foreign = is_foreign && !request.uri().path().starts_with("/whep/");
    let is_api = request.uri().path().starts_with("/api/") || request.uri().path() == "/metrics";
    let mut response = if changes && is_foreign {
        plain(
            StatusCode::FORBIDDEN,
            "forbidden",
            "a page of another site may not do this",
        )
    } else {
        timeout(PATIENCE, next.run(request))
            .await
            .unwrap_or_else(|_| {
                plain(
                    StatusCode::REQUEST_TIMEOUT,
                    "timeout",
                    "the request was not finished in time",
                )
            })
    };
    let fixed: [(HeaderName, &'static str); 5] = [
        (
            header::CONTENT_SECURITY_POLICY,
            server_web::CONTENT_SECURITY_POLICY,
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ];
    let headers = response.headers_mut();
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_api {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// The methods that a router of methods has, as its debug form tells them.
    fn methods(of: &MethodRouter<Arc<Front>>) -> BTreeSet<String> {
        let shown = format!("{of:?}");
        ["get", "put", "post", "delete"]
            .into_iter()
            .filter(|method| !shown.contains(&format!(" {method}: None")))
            .map(str::to_owned)
            .collect()
    }

    fn routed() -> BTreeSet<(String, String)> {
        let all = open_routes().into_iter().chain(operator_routes());
        all.flat_map(|(path, of)| {
            let methods = methods(&of);
            methods
                .into_iter()
                .map(move |method| (path.to_owned(), method))
        })
        .collect()
    }

    fn described() -> BTreeSet<(String, String)> {
        let document: Value = serde_json::from_str(api::OPENAPI).expect("JSON");
        assert_eq!(document["openapi"], "3.1.0");
        let paths = document["paths"].as_object().expect("paths").clone();
        paths
            .into_iter()
            .flat_map(|(path, operations)| {
                let operations = operations.as_object().expect("operations").clone();
                let methods = operations.into_iter().map(|(method, _)| method);
                methods
                    .filter(|method| method != "parameters")
                    .map(move |method| (path.clone(), method))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn the_description_has_exactly_the_paths_that_are_routed() {
        let (routed, mut described) = (routed(), described());
        assert!(routed.len() > 15, "{routed:?}");
        // One route serves both forms of a booking.
        assert!(described.remove(&("/api/bookings/{code}.ics".to_owned(), "get".to_owned())));
        assert_eq!(routed, described);
    }

    #[test]
    fn every_reference_of_the_description_leads_somewhere() {
        fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
            match value {
                Value::Object(map) => {
                    found.extend(map.get("$ref").and_then(Value::as_str));
                    map.values().for_each(|value| references(value, found));
                }
                Value::Array(list) => list.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let document: Value = serde_json::from_str(api::OPENAPI).expect("JSON");
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            let pointer = reference.strip_prefix('#').expect("within the document");
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }
}
