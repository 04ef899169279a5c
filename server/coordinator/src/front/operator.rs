//! The HTTP API for the operator: looks at everything, ends, drains, edits. Behind the operator's token.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;
use server_booking::applications::{put_application, remove_application};
use server_booking::model::{Application, EndReason, ServerId};
use server_booking::servers::{server_drain, server_resume};
use server_booking::{Caller, Refusal};

use super::api::{By, Shared, code, counted};
use super::reply::{failure, ok, plain, read};
use crate::service::{Failed, OPERATOR};

/// Entries of the audit and of the history that one answer has. A guess: what a page shows.
const NEWEST: usize = 500;

/// Lets the operator through.
pub(super) async fn guard(
    State(front): Shared,
    Extension(asker): By,
    request: Request,
    next: Next,
) -> Response {
    if let Err(failed) = front.ask(&asker) {
        return failure(&front, &failed);
    }
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    match given {
        Some(token) if front.operator.is(token) => next.run(request).await,
        _ => {
            let why = "the operator's token is wanted, as Authorization: Bearer TOKEN; it is in the data directory, \
                       file operator-token";
            let mut response = plain(StatusCode::UNAUTHORIZED, "unauthorized", why);
            let scheme = axum::http::HeaderValue::from_static("Bearer");
            let headers = response.headers_mut();
            headers.insert(header::WWW_AUTHENTICATE, scheme);
            response
        }
    }
}

pub(super) async fn applications(State(front): Shared) -> Response {
    let ledger = front.service.desk.look();
    ok(&ledger.world().applications.values().collect::<Vec<_>>())
}

pub(super) async fn servers(State(front): Shared) -> Response {
    let ledger = front.service.desk.look();
    let world = ledger.world();
    let shown = world.servers.values().map(|server| {
        let sessions = world.sessions.values();
        let bookings = world.bookings.values();
        json!({
            "id": server.id, "host": server.host, "port": server.port, "applications": server.applications,
            "limit": server.limit, "state": server.state, "source": server.source, "seen_at": server.seen_at,
            "linked": front.service.links.is_linked(&server.id),
            "sessions": sessions.filter(|session| session.server == server.id).count(),
            "bookings": bookings.filter(|booking| booking.server == server.id).count(),
        })
    });
    ok(&shown.collect::<Vec<_>>())
}

pub(super) async fn sessions(State(front): Shared) -> Response {
    let ledger = front.service.desk.look();
    let shown = ledger.world().sessions.values().map(|session| {
        json!({
            "code": session.code.to_string(), "application": session.application, "server": session.server,
            "starts_at": session.starts_at, "ends_at": session.ends_at, "stage": session.stage,
            "url": session.address.as_ref().map(|at| crate::convert::page(at, session.code)), "booked": session.booked,
            "users": front.service.links.users(&session.server, session.code),
        })
    });
    ok(&shown.collect::<Vec<_>>())
}

pub(super) async fn bookings(State(front): Shared) -> Response {
    let ledger = front.service.desk.look();
    let shown = ledger.world().bookings.values().map(|booking| {
        json!({
            "code": booking.code.to_string(), "application": booking.application, "server": booking.server,
            "starts_at": booking.starts_at, "ends_at": booking.ends_at, "tz": booking.time_zone,
            "made_at": booking.made_at,
        })
    });
    ok(&shown.collect::<Vec<_>>())
}

pub(super) async fn audit(State(front): Shared) -> Response {
    match front.state.0.audit(NEWEST).await {
        Ok(entries) => ok(&entries),
        Err(why) => failure(&front, &Failed::TryAgain(why.to_string())),
    }
}

pub(super) async fn end(State(front): Shared, Path(digits): Path<String>) -> Response {
    let outcome = async {
        let number = code(&digits)?;
        front.service.end(number, EndReason::Operator).await
    };
    done(&front, outcome.await)
}

pub(super) async fn drain(State(front): Shared, Path(name): Path<String>) -> Response {
    set_draining(&front, name, true).await
}

pub(super) async fn resume(State(front): Shared, Path(name): Path<String>) -> Response {
    set_draining(&front, name, false).await
}

async fn set_draining(front: &super::Front, name: String, draining: bool) -> Response {
    let id = ServerId(name);
    let server = id.clone();
    let decided = front.service.desk.decide(move |ledger, now| {
        let caller = Caller {
            now,
            actor: OPERATOR,
        };
        if draining {
            server_drain(ledger, &caller, &id)
        } else {
            server_resume(ledger, &caller, &id)
        }
    });
    let outcome = decided.await.map_err(Failed::from);
    if outcome.is_ok() {
        front.service.links.drain(&server, draining);
    }
    done(front, outcome)
}

#[derive(Deserialize)]
struct Words {
    #[serde(default)]
    title: BTreeMap<String, String>,
    #[serde(default)]
    description: BTreeMap<String, String>,
    #[serde(default)]
    picture: Option<String>,
}

pub(super) async fn put(
    State(front): Shared,
    Extension(asker): By,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let reply = async {
        let words: Words = read(&headers, &body)?;
        let application = Application {
            name,
            title: words.title,
            description: words.description,
            picture: words.picture,
        };
        let decided = front.service.desk.decide(move |ledger, now| {
            let caller = Caller {
                now,
                actor: OPERATOR,
            };
            put_application(ledger, &caller, &application)
        });
        decided.await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    counted(&front, &asker, reply).await
}

pub(super) async fn remove(State(front): Shared, Path(name): Path<String>) -> Response {
    let decided = front.service.desk.decide(move |ledger, now| {
        let caller = Caller {
            now,
            actor: OPERATOR,
        };
        remove_application(ledger, &caller, &name)
    });
    done(&front, decided.await.map_err(Failed::from))
}

fn done(front: &super::Front, outcome: Result<(), Failed>) -> Response {
    match outcome {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(Failed::NotExist) => {
            let failed = Refusal::NotExist;
            plain(StatusCode::NOT_FOUND, "not_exist", &failed.to_string())
        }
        Err(failed) => failure(front, &failed),
    }
}
