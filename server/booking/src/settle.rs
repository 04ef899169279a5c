//! Moving bookings away from where they cannot stay: servers that take nothing new, that do not run the application any
//! more, or that have promised more than they take. It must never know why a server is as it is.

use crate::decision::Caller;
use crate::ledger::{Ledger, Place};
use crate::model::{Change, Code, ServerId, ServerState};
use crate::place::Draft;
use crate::plan::moves;
use crate::servers::is_empty;
use crate::timeline::Span;

/// Changes of servers, followed by the moves of bookings that they make necessary.
pub(crate) fn settled(
    ledger: &Ledger,
    caller: &Caller,
    mut changes: Vec<Change>,
    altered: &[ServerId],
) -> Vec<Change> {
    let had_promises = altered.iter().any(|id| !is_empty(ledger, id));
    if !had_promises {
        return changes;
    }
    let mut next = ledger.clone();
    next.apply_all(&changes);
    let mut draft = Draft::new(&next);
    for id in altered {
        let Some(place) = next.place(id) else {
            continue;
        };
        for code in misplaced(&next, place) {
            draft.rehouse(code);
        }
        if next.slot(place).state == Some(ServerState::Online) {
            let ahead = Span {
                from: caller.now.0,
                until: i64::MAX,
            };
            draft.relieve(place, ahead);
        }
    }
    changes.extend(moves(&draft, caller));
    changes
}

/// Changes, followed by the moves of bookings whose server takes nothing new; those that begin first, at most so many.
pub(crate) fn rehoused(
    ledger: &Ledger,
    caller: &Caller,
    mut changes: Vec<Change>,
    most: usize,
) -> Vec<Change> {
    let turns_away = changes
        .iter()
        .any(|change| matches!(change, Change::PutServer(_)));
    let stranded = |ledger: &Ledger| -> Vec<Place> {
        ledger
            .places()
            .filter(|place| {
                let slot = ledger.slot(*place);
                slot.state != Some(ServerState::Online) && !slot.timeline.is_empty()
            })
            .collect()
    };
    if !turns_away && stranded(ledger).is_empty() {
        return changes;
    }
    let mut next = ledger.clone();
    next.apply_all(&changes);
    let mut waiting: Vec<(i64, Code)> = Vec::new();
    for place in stranded(&next) {
        let codes = misplaced(&next, place);
        let bookings = &next.world().bookings;
        waiting.extend(
            codes
                .into_iter()
                .map(|code| (bookings[&code].starts_at.0, code)),
        );
    }
    waiting.sort_unstable();
    let mut draft = Draft::new(&next);
    for (_, code) in waiting.into_iter().take(most) {
        draft.rehouse(code);
    }
    changes.extend(moves(&draft, caller));
    changes
}

/// The bookings on a server that it will not keep willingly, by their beginning.
fn misplaced(ledger: &Ledger, place: Place) -> Vec<Code> {
    let world = ledger.world();
    let server = world.servers.get(ledger.id(place));
    let slot = ledger.slot(place);
    slot.timeline
        .claims()
        .filter_map(|(_, code)| world.bookings.get(&code))
        .filter(|booking| {
            server.is_none_or(|server| {
                server.state != ServerState::Online
                    || !server.applications.contains(&booking.application)
            })
        })
        .map(|booking| booking.code)
        .collect()
}
