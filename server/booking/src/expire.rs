//! What time alone brings: sessions whose time is over, bookings that nobody came to, servers that fell silent; and
//! another try for bookings that have no server.

use std::collections::BTreeSet;

use crate::decision::{Caller, Decision};
use crate::end::{Ended, booking_over, session_over};
use crate::ledger::Ledger;
use crate::limits::MAX_REHOUSED_AT_ONCE;
use crate::model::{Change, Code, EndReason, ServerSource, ServerState, Session, UnixSeconds};
use crate::policy::Policy;
use crate::settle::rehoused;
use crate::start::give_up;

/// Seconds of a day.
const DAY: i64 = 24 * 3600;

/// Ends what is over and lists it: the servers of sessions are still to be told. To be called before the requests of a
/// moment are decided, so that places that are free by now can be given.
pub fn expire(ledger: &Ledger, policy: &Policy, caller: &Caller) -> Decision<Vec<Ended>> {
    let now = caller.now.0;
    let world = ledger.world();
    let mut decisions = Vec::new();
    for (_, code) in ledger.session_ends.range(..=(now, Code::LAST)) {
        let server = &world.sessions[code].server;
        decisions.push(session_over(caller, *code, server, EndReason::TimeOver));
    }
    let asked_before = now.saturating_sub(i64::from(policy.starting_seconds));
    for (_, code) in ledger.starting.range(..=(asked_before, Code::LAST)) {
        let session = &world.sessions[code];
        if session.ends_at.0 > now {
            decisions.push(never_started(policy, caller, session));
        }
    }
    let begun_before = now.saturating_sub(i64::from(policy.unused_seconds));
    let unused = ledger.booking_starts.range(..=(begun_before, Code::LAST));
    let over = ledger.booking_ends.range(..=(now, Code::LAST));
    let codes: BTreeSet<Code> = unused.chain(over).map(|(_, code)| *code).collect();
    for code in codes {
        decisions.push(booking_over(caller, code, EndReason::Unused));
    }
    let mut changes = Vec::new();
    let mut ended = Vec::new();
    for decision in decisions {
        changes.extend(decision.changes);
        ended.push(decision.answer);
    }
    silent(ledger, policy, caller, &mut changes);
    Decision {
        changes: rehoused(ledger, caller, changes, MAX_REHOUSED_AT_ONCE),
        answer: ended,
    }
}

/// A session that nobody waits for any more. Its server may have started it after all, and is to be told as well.
fn never_started(policy: &Policy, caller: &Caller, session: &Session) -> Decision<Ended> {
    let given_up = give_up(policy, caller, session);
    Decision {
        changes: given_up.changes,
        answer: Ended {
            code: session.code,
            server: Some(session.server.clone()),
            why: EndReason::NotStarted,
        },
    }
}

/// When [`expire`] has something to do next, if nothing changes until then.
#[must_use]
pub fn next_expiry(ledger: &Ledger, policy: &Policy) -> Option<UnixSeconds> {
    let first = |set: &BTreeSet<(i64, Code)>, after: u32| {
        let (second, _) = set.first()?;
        Some(second.saturating_add(i64::from(after)))
    };
    let unheard = ledger
        .world()
        .servers
        .values()
        .filter_map(|server| match (server.source, server.state) {
            (ServerSource::Registered, ServerState::Online) => Some(
                server
                    .seen_at
                    .0
                    .saturating_add(i64::from(policy.unheard_seconds)),
            ),
            _ => None,
        })
        .min();
    [
        first(&ledger.session_ends, 0),
        first(&ledger.starting, policy.starting_seconds),
        first(&ledger.booking_starts, policy.unused_seconds),
        first(&ledger.booking_ends, 0),
        unheard,
    ]
    .into_iter()
    .flatten()
    .min()
    .map(UnixSeconds)
}

/// Servers that registered and were not heard for too long are away; after days without a promise they are forgotten.
fn silent(ledger: &Ledger, policy: &Policy, caller: &Caller, changes: &mut Vec<Change>) {
    let registered = ledger
        .world()
        .servers
        .values()
        .filter(|server| server.source == ServerSource::Registered);
    for server in registered {
        let unheard = caller.now.0.saturating_sub(server.seen_at.0);
        match server.state {
            ServerState::Online if unheard >= i64::from(policy.unheard_seconds) => {
                let mut server = server.clone();
                server.state = ServerState::Away;
                let detail = format!("not heard for {unheard} s");
                changes.push(caller.audit("server_away", &server.id.0, &detail));
                changes.push(Change::PutServer(server));
            }
            ServerState::Away if unheard >= i64::from(policy.forget_days) * DAY => {
                let place = ledger.place(&server.id);
                if place.is_none_or(|place| ledger.slot(place).timeline.is_empty()) {
                    changes.push(Change::RemoveServer(server.id.clone()));
                    changes.push(caller.audit("server_forgotten", &server.id.0, ""));
                }
            }
            _ => {}
        }
    }
}
