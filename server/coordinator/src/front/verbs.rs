//! The verbs of clients, each as one call of the service.

use std::sync::atomic::Ordering;

use server_booking::join::Stage;
use server_booking::plan::PlanRequest;
use server_booking::slots::SlotsRequest;
use server_wire::{
    ApplicationName, ClientAnswer, ClientRequest, ConnectionCode, Date, FreeSlotsAnswer, LockedOut,
    Minutes, PlanCancelled, Reason, Reasoned, Seconds, ServersFound, SessionExtended,
    SessionNotStarted, SessionState, StatusAnswer, TimeOfDay, ZoneName,
};

use super::{Asker, Front};
use crate::convert::{code, connection_data, wire_code, wire_seconds};
use crate::service::{Failed, Opened, seconds};

/// The answer to a request, whatever it is.
pub(super) async fn answer(front: &Front, asker: &Asker, request: ClientRequest) -> ClientAnswer {
    front.counters.verbs.fetch_add(1, Ordering::Relaxed);
    let outcome = match front.ask(asker) {
        Ok(()) => granted(front, asker, request).await,
        Err(failed) => Err(failed),
    };
    outcome.unwrap_or_else(|failed| {
        if matches!(failed, Failed::BadRequest(_)) {
            front.counters.bad_requests.fetch_add(1, Ordering::Relaxed);
        }
        failure(&failed)
    })
}

/// What went wrong, as an answer.
pub(super) fn failure(failed: &Failed) -> ClientAnswer {
    let reason = Reason::cut(&failed.to_string());
    match failed {
        Failed::Busy => ClientAnswer::ServersBusy,
        Failed::NotExist => ClientAnswer::SessionNotExist,
        Failed::NotStarted { starts_at } => ClientAnswer::SessionNotStarted(SessionNotStarted {
            starts_at: wire_seconds(*starts_at),
        }),
        Failed::BadRequest(_) => ClientAnswer::BadRequest(Reasoned { reason }),
        Failed::LockedOut { wait } => ClientAnswer::LockedOut(LockedOut {
            retry_after: Seconds(u32::try_from(seconds(*wait)).unwrap_or(u32::MAX)),
            reason,
        }),
        Failed::TooMany { .. } | Failed::TryAgain(_) => ClientAnswer::TryAgain(Reasoned { reason }),
    }
}

async fn granted(
    front: &Front,
    asker: &Asker,
    request: ClientRequest,
) -> Result<ClientAnswer, Failed> {
    let (service, from) = (&front.service, asker.address);
    Ok(match request {
        ClientRequest::GetServers(asked) => {
            let servers = front.listing.entries(service, asked.range);
            if servers.is_empty() {
                ClientAnswer::ServersNotFound
            } else {
                ClientAnswer::ServersFound(ServersFound { servers })
            }
        }
        ClientRequest::PlanSession(asked) => {
            let request = PlanRequest {
                application: asked.rc_name.map(|name| name.as_str().to_owned()),
                date: day(asked.date),
                time: format!("{:02}:{:02}", asked.time.hour(), asked.time.minute()),
                time_zone: asked.tz.map(|zone| zone.as_str().to_owned()),
                minutes: asked.duration_minutes.map(|minutes| minutes.0),
            };
            let booking = service.plan(from, request).await?;
            ClientAnswer::ConnectionCode(ConnectionCode {
                code: wire_code(booking.code),
                starts_at: Some(wire_seconds(booking.starts_at)),
                ends_at: Some(wire_seconds(booking.ends_at)),
            })
        }
        ClientRequest::StartSession(asked) => {
            let application = asked.rc_name.as_str().to_owned();
            opened(&service.start(from, Some(application)).await?)?
        }
        ClientRequest::ConnectWithCode(asked) => {
            opened(&service.join(from, code(asked.code)).await?)?
        }
        ClientRequest::FreeSlots(asked) => {
            let name = asked.rc_name.map(|name| name.as_str().to_owned());
            let day = service.slots(&SlotsRequest {
                application: name.clone(),
                date: day(asked.date),
                time_zone: asked.tz.map(|zone| zone.as_str().to_owned()),
                minutes: asked.duration_minutes.map(|minutes| minutes.0),
            })?;
            // The second of two equal times, where clocks go back, has no form here; the HTTP API tells it.
            let free = day.slots.iter().filter(|slot| slot.free);
            let slots = free.filter_map(|slot| time_of_day(&slot.time)).collect();
            ClientAnswer::FreeSlots(FreeSlotsAnswer {
                rc_name: ApplicationName::cut(name.as_deref().unwrap_or("any")),
                date: asked.date,
                tz: ZoneName::cut(&day.time_zone),
                duration_minutes: Minutes(day.minutes),
                slots,
            })
        }
        ClientRequest::ExtendSession(asked) => {
            let number = code(asked.code);
            let extended = service.extend(from, number, asked.minutes.0).await?;
            ClientAnswer::SessionExtended(SessionExtended {
                code: asked.code,
                ends_at: wire_seconds(extended.ends_at),
            })
        }
        ClientRequest::CancelPlan(asked) => {
            service.cancel(from, code(asked.code)).await?;
            ClientAnswer::PlanCancelled(PlanCancelled { code: asked.code })
        }
        ClientRequest::SessionStatus(asked) => {
            let status = service.status(from, code(asked.code))?;
            let extend = status.can_extend_minutes;
            ClientAnswer::SessionStatus(StatusAnswer {
                code: asked.code,
                state: match status.stage {
                    Stage::Planned => SessionState::Planned,
                    Stage::Starting => SessionState::Starting,
                    Stage::Running => SessionState::Running,
                },
                rc_name: ApplicationName::cut(&status.application),
                starts_at: wire_seconds(status.starts_at),
                ends_at: wire_seconds(status.ends_at),
                can_extend_minutes: (extend > 0).then_some(Minutes(extend)),
            })
        }
    })
}

fn opened(opened: &Opened) -> Result<ClientAnswer, Failed> {
    let Opened {
        code,
        token,
        address,
        ends_at,
        ..
    } = opened;
    connection_data(address, *code, token.as_ref(), *ends_at)
        .map(ClientAnswer::ConnectionData)
        .ok_or_else(|| {
            Failed::TryAgain("the session server gave an address that is none".to_owned())
        })
}

fn day(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
}

fn time_of_day(text: &str) -> Option<TimeOfDay> {
    let (hour, minute) = text.split_once(':')?;
    TimeOfDay::new(hour.parse().ok()?, minute.parse().ok()?)
}
