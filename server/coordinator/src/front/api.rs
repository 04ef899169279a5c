//! The HTTP API for visitors: the same services as the verbs, as resources.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use server_booking::join::{Stage, Status};
use server_booking::model::{Booking, UnixSeconds};
use server_booking::plan::PlanRequest;
use server_booking::slots::SlotsRequest;
use server_wire::Code;

use super::reply::{Reply, failure, json, ok, read};
use super::{Asker, Front, calendar};
use crate::convert;
use crate::service::{Failed, Opened};

/// The description of this API, written by hand.
pub(super) const OPENAPI: &str = include_str!("openapi.json");

/// A host name in a calendar entry at most, RFC 1035 section 2.3.4, with a port.
const MAX_HOST: usize = 262;

pub(super) type Shared = State<Arc<Front>>;
pub(super) type By = Extension<Asker>;

/// Counts the request of a caller and gives its reply; a failure in the one form of failures.
pub(super) async fn counted(
    front: &Arc<Front>,
    asker: &Asker,
    reply: impl Future<Output = Reply>,
) -> Response {
    let outcome = match front.ask(asker) {
        Ok(()) => reply.await,
        Err(failed) => Err(failed),
    };
    outcome.unwrap_or_else(|failed| failure(front, &failed))
}

pub(super) async fn openapi() -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], OPENAPI).into_response()
}

pub(super) async fn applications(State(front): Shared, Extension(asker): By) -> Response {
    let reply = async { Ok(ok(&*front.listing.applications(&front.service))) };
    counted(&front, &asker, reply).await
}

#[derive(Deserialize)]
pub(super) struct SlotsQuery {
    date: String,
    tz: Option<String>,
    minutes: Option<u32>,
}

pub(super) async fn slots(
    State(front): Shared,
    Extension(asker): By,
    Path(name): Path<String>,
    query: Result<Query<SlotsQuery>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let reply = async {
        let Query(query) = query.map_err(|why| Failed::BadRequest(why.body_text()))?;
        let day = front.service.slots(&SlotsRequest {
            application: Some(name),
            date: query.date,
            time_zone: query.tz,
            minutes: query.minutes,
        })?;
        let slot = |slot: &server_booking::slots::Slot| serde_json::json!({"time": slot.time, "starts_at": slot.starts_at, "free": slot.free});
        let slots: Vec<_> = day.slots.iter().map(slot).collect();
        Ok(ok(&serde_json::json!({
            "date": day.date, "tz": day.time_zone, "minutes": day.minutes, "slots": slots,
        })))
    };
    counted(&front, &asker, reply).await
}

#[derive(Deserialize)]
struct NewBooking {
    application: String,
    date: String,
    time: String,
    tz: Option<String>,
    minutes: Option<u32>,
}

#[derive(Serialize)]
struct BookingBody {
    code: String,
    application: String,
    starts_at: UnixSeconds,
    ends_at: UnixSeconds,
    tz: String,
}

impl From<Booking> for BookingBody {
    fn from(booking: Booking) -> Self {
        Self {
            code: booking.code.to_string(),
            application: booking.application,
            starts_at: booking.starts_at,
            ends_at: booking.ends_at,
            tz: booking.time_zone,
        }
    }
}

pub(super) async fn plan(
    State(front): Shared,
    Extension(asker): By,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let reply = async {
        let asked: NewBooking = read(&headers, &body)?;
        let request = PlanRequest {
            application: Some(asked.application),
            date: asked.date,
            time: asked.time,
            time_zone: asked.tz,
            minutes: asked.minutes,
        };
        let booking = front.service.plan(asker.address, request).await?;
        Ok(json(StatusCode::CREATED, &BookingBody::from(booking)))
    };
    counted(&front, &asker, reply).await
}

/// A booking, or its calendar entry where the path ends in `.ics`.
pub(super) async fn booking(
    State(front): Shared,
    Extension(asker): By,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let reply = async {
        let (digits, wants_calendar) = match name.strip_suffix(".ics") {
            Some(digits) => (digits, true),
            None => (name.as_str(), false),
        };
        let booking = front.service.booking(asker.address, code(digits)?)?;
        if !wants_calendar {
            return Ok(ok(&BookingBody::from(booking)));
        }
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
            .filter(|host| host.len() <= MAX_HOST)
            .unwrap_or("localhost");
        let title = title(&front, &booking.application);
        let file = format!("attachment; filename=\"booking-{}.ics\"", booking.code);
        let headers = [
            (header::CONTENT_TYPE, "text/calendar; charset=utf-8"),
            (header::CONTENT_DISPOSITION, file.as_str()),
        ];
        Ok((headers, calendar::entry(&booking, &title, host)).into_response())
    };
    counted(&front, &asker, reply).await
}

/// What people call an application, in English where that is written.
fn title(front: &Front, name: &str) -> String {
    let ledger = front.service.desk.look();
    let known = ledger.world().applications.get(name);
    known
        .and_then(|known| known.title.get("en").or(known.title.values().next()))
        .map_or(name, String::as_str)
        .to_owned()
}

pub(super) async fn cancel(
    State(front): Shared,
    Extension(asker): By,
    Path(digits): Path<String>,
) -> Response {
    let reply = async {
        front.service.cancel(asker.address, code(&digits)?).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    counted(&front, &asker, reply).await
}

#[derive(Deserialize)]
struct NewSession {
    application: String,
}

pub(super) async fn start(
    State(front): Shared,
    Extension(asker): By,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let reply = async {
        let asked: NewSession = read(&headers, &body)?;
        let from = asker.address;
        let opened = front.service.start(from, Some(asked.application)).await?;
        Ok(json(StatusCode::CREATED, &opened_body(&opened)))
    };
    counted(&front, &asker, reply).await
}

pub(super) async fn join(
    State(front): Shared,
    Extension(asker): By,
    Path(digits): Path<String>,
) -> Response {
    let reply = async {
        let opened = front.service.join(asker.address, code(&digits)?).await?;
        Ok(ok(&opened_body(&opened)))
    };
    counted(&front, &asker, reply).await
}

fn opened_body(opened: &Opened) -> serde_json::Value {
    let (ip, port) = &opened.address;
    let mut body = serde_json::json!({
        "code": opened.code.to_string(), "ip": ip, "port": port,
        "url": convert::page(&opened.address, opened.code), "ends_at": opened.ends_at,
    });
    if let Some(token) = &opened.token {
        body["token"] = token.secret().into();
    }
    body
}

pub(super) async fn status(
    State(front): Shared,
    Extension(asker): By,
    Path(digits): Path<String>,
) -> Response {
    let reply = async {
        let found = front.service.status(asker.address, code(&digits)?)?;
        Ok(ok(&status_body(&found)))
    };
    counted(&front, &asker, reply).await
}

fn status_body(status: &Status) -> serde_json::Value {
    let state = match status.stage {
        Stage::Planned => "planned",
        Stage::Starting => "starting",
        Stage::Running => "running",
    };
    serde_json::json!({
        "state": state, "application": status.application, "starts_at": status.starts_at,
        "ends_at": status.ends_at, "can_extend_minutes": status.can_extend_minutes,
    })
}

#[derive(Deserialize)]
struct MoreTime {
    minutes: u32,
}

pub(super) async fn extend(
    State(front): Shared,
    Extension(asker): By,
    Path(digits): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let reply = async {
        let asked: MoreTime = read(&headers, &body)?;
        let number = code(&digits)?;
        let extended = front
            .service
            .extend(asker.address, number, asked.minutes)
            .await?;
        Ok(ok(&serde_json::json!({"ends_at": extended.ends_at})))
    };
    counted(&front, &asker, reply).await
}

/// The code of a path.
pub(super) fn code(digits: &str) -> Result<server_booking::model::Code, Failed> {
    Code::from_digits(digits)
        .map(convert::code)
        .ok_or_else(|| Failed::BadRequest("a code has exactly four digits".to_owned()))
}
