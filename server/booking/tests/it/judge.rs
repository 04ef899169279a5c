//! What must be true of every decision, worked out anew from the worlds before and after it.

use std::collections::BTreeMap;

use server_booking::model::{Booking, Change, Code, EndReason, ServerId, ServerState, World};
use server_booking::{Ledger, Policy};

/// Judges the changes of one decision.
pub(crate) fn decision(ledger: &Ledger, policy: &Policy, now: i64, changes: &[Change]) {
    let before = ledger.world();
    let mut after = before.clone();
    for change in changes {
        single(&after, policy, now, change);
        after.apply(change);
    }
    codes(&after);
    promises(before, &after, changes);
    places(before, &after);
}

/// One code, one thing.
pub(crate) fn codes(world: &World) {
    for (code, booking) in &world.bookings {
        assert_eq!(*code, booking.code);
        assert!(
            !world.sessions.contains_key(code),
            "{code} is planned and runs"
        );
    }
    for (code, session) in &world.sessions {
        assert_eq!(*code, session.code);
    }
}

/// The most claims that overlap at any second, for each server.
pub(crate) fn peaks(world: &World) -> BTreeMap<ServerId, u32> {
    let mut peaks = BTreeMap::new();
    for (id, steps) in steps(world) {
        peaks.insert(id, steps.values().copied().max().unwrap_or(0));
    }
    peaks
}

/// No server has promised more than it takes at any second, if it had not before.
fn places(before: &World, after: &World) {
    let was = steps(before);
    let nothing = BTreeMap::new();
    for (id, steps) in steps(after) {
        let limit = after.servers.get(&id).map_or(0, |server| server.limit);
        let was = was.get(&id).unwrap_or(&nothing);
        let mut seconds: Vec<i64> = steps.keys().chain(was.keys()).copied().collect();
        seconds.sort_unstable();
        for second in seconds {
            let claims = at(&steps, second);
            let allowed = limit.max(at(was, second));
            assert!(
                claims <= allowed,
                "{claims} places of {allowed} on {} at {second}",
                id.0
            );
        }
    }
    for (id, server) in &after.servers {
        let on = |world: &World| {
            let sessions = world.sessions.values();
            sessions.filter(|session| session.server == *id).count()
        };
        let limit = usize::try_from(server.limit).expect("a small number");
        assert!(
            on(after) <= limit.max(on(before)),
            "too many run on {}",
            id.0
        );
    }
}

fn at(steps: &BTreeMap<i64, u32>, second: i64) -> u32 {
    steps
        .range(..=second)
        .next_back()
        .map_or(0, |(_, claims)| *claims)
}

fn steps(world: &World) -> BTreeMap<ServerId, BTreeMap<i64, u32>> {
    let mut edges: BTreeMap<ServerId, Vec<(i64, bool)>> = BTreeMap::new();
    let bookings = world.bookings.values();
    let bookings = bookings.map(|booking| (&booking.server, booking.starts_at, booking.ends_at));
    let sessions = world.sessions.values();
    let sessions = sessions.map(|session| (&session.server, session.starts_at, session.ends_at));
    for (server, from, until) in bookings
        .chain(sessions)
        .filter(|(_, from, until)| from < until)
    {
        let edges = edges.entry(server.clone()).or_default();
        edges.extend([(from.0, true), (until.0, false)]);
    }
    edges
        .into_iter()
        .map(|(id, mut edges)| {
            edges.sort_unstable();
            let mut claims = 0_u32;
            let mut steps = BTreeMap::new();
            for (second, begins) in edges {
                claims = if begins { claims + 1 } else { claims - 1 };
                steps.insert(second, claims);
            }
            (id, steps)
        })
        .collect()
}

/// Whether one change is allowed in the world that it finds.
fn single(world: &World, policy: &Policy, now: i64, change: &Change) {
    match change {
        Change::PutBooking(new) => {
            let moved = world.bookings.get(&new.code);
            if let Some(old) = moved {
                let same = Booking {
                    server: new.server.clone(),
                    ..old.clone()
                };
                assert_eq!(*new, same, "a move changes nothing but the server");
                takes(world, &new.server, &new.application);
            }
        }
        Change::RemoveBooking {
            code,
            why: Some(why),
        } => {
            let booking = &world.bookings[code];
            let grace = booking.starts_at.0 + i64::from(policy.unused_seconds);
            let over = now >= booking.ends_at.0.min(grace);
            assert!(
                *why != EndReason::Unused || over,
                "{code} was taken too early"
            );
        }
        Change::PutSession(new) => match world.sessions.get(&new.code) {
            Some(old) => {
                assert_eq!(
                    (old.starts_at, &old.application),
                    (new.starts_at, &new.application)
                );
                assert!(old.ends_at <= new.ends_at, "{} was shortened", new.code);
                if old.server != new.server {
                    takes(world, &new.server, &new.application);
                }
            }
            None if !new.booked => takes(world, &new.server, &new.application),
            None => {}
        },
        Change::RemoveSession { code, why, .. } => {
            let session = &world.sessions[code];
            let over = now >= session.ends_at.0;
            assert!(
                *why != EndReason::TimeOver || over,
                "{code} was ended too early"
            );
        }
        Change::RemoveServer(id) => {
            let promised = world.bookings.values().any(|booking| booking.server == *id);
            let runs = world.sessions.values().any(|session| session.server == *id);
            assert!(!promised && !runs, "{} is removed with promises", id.0);
        }
        _ => {}
    }
}

/// Only servers that take something new are given something new.
fn takes(world: &World, id: &ServerId, application: &str) {
    let server = &world.servers[id];
    assert_eq!(
        server.state,
        ServerState::Online,
        "{} is given something",
        id.0
    );
    assert!(server.applications.iter().any(|name| name == application));
}

/// What was acknowledged is there, or its end was said.
fn promises(before: &World, after: &World, changes: &[Change]) {
    for (code, booking) in &before.bookings {
        let session = after.sessions.get(code);
        let kept = after.bookings.contains_key(code)
            || session.is_some_and(|session| {
                session.ends_at == booking.ends_at && session.application == booking.application
            });
        assert!(kept || ended(changes, *code), "booking {code} has vanished");
    }
    for (code, session) in &before.sessions {
        let kept = after.sessions.contains_key(code)
            || after
                .bookings
                .get(code)
                .is_some_and(|booking| session.booked && booking.ends_at == session.ends_at);
        assert!(kept || ended(changes, *code), "session {code} has vanished");
    }
}

fn ended(changes: &[Change], code: Code) -> bool {
    changes.iter().any(|change| match change {
        Change::RemoveBooking { code: which, why } => *which == code && why.is_some(),
        Change::RemoveSession { code: which, .. } => *which == code,
        _ => false,
    })
}
