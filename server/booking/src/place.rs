//! Finding a place on a server for a span of time, where need be by moving bookings between servers.
//!
//! A search for an augmenting path: a full server takes something new if one of its bookings finds a place elsewhere,
//! for which another may have to move in turn. If all claims have the same times this finds a place whenever there is
//! an assignment of all of them to servers; with mixed times it may miss one, since it takes bookings out one after the
//! other. It is bounded by [`MAX_CLEARINGS`]. It must never move a session, change a time or a code.

use std::collections::{BTreeMap, BTreeSet};

use crate::hopeless::Proofs;
use crate::ledger::{Ledger, Place, booking_span};
use crate::limits::MAX_CLEARINGS;
use crate::model::{Change, Code, ServerState};
use crate::timeline::{Span, Timeline};

/// Where something must not go.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Terms<'a> {
    /// Servers that are left out.
    pub(crate) not_on: &'a [Place],
    /// A session starts: a server on which as many run as it takes is left out, whatever their times are.
    pub(crate) starts_now: bool,
}

/// A kind of booking: those of one kind may stand for each other.
pub(crate) type Kind<'l> = (&'l str, Span);

/// Moves that were found so far, on top of a ledger.
pub(crate) struct Draft<'l> {
    ledger: &'l Ledger,
    /// Copies of the timelines that differ from the ledger's.
    touched: BTreeMap<Place, Timeline>,
    /// Every move in its order: what, from where, to where.
    moves: Vec<(Code, Place, Place)>,
    clearings: u32,
    /// What is known to be hopeless, as long as nothing moves.
    pub(crate) proofs: Proofs<'l>,
}

/// What one search has found out so far.
#[derive(Default)]
struct Search<'l> {
    /// Servers that are being cleared, outermost first; nothing moves to them.
    path: Vec<Place>,
    /// What was tried to clear.
    visited: BTreeSet<(Place, Span)>,
    /// Kinds for which no server has room, as long as nothing moves.
    nowhere: BTreeSet<Kind<'l>>,
}

impl<'l> Draft<'l> {
    pub(crate) fn new(ledger: &'l Ledger) -> Self {
        Self {
            ledger,
            touched: BTreeMap::new(),
            moves: Vec::new(),
            clearings: MAX_CLEARINGS,
            proofs: Proofs::default(),
        }
    }

    /// A server with room for `application` in all of `span`, after moves if it needs them; the emptiest among those
    /// with the fewest applications.
    pub(crate) fn find(&mut self, application: &'l str, span: Span, terms: Terms) -> Option<Place> {
        if let Some(place) = self.direct(application, span, terms) {
            return Some(place);
        }
        let mut search = Search::default();
        if self.is_hopeless((application, span)) {
            return None;
        }
        let ledger = self.ledger;
        ledger
            .offering(application)
            .iter()
            .copied()
            .find(|place| self.may(*place, terms) && self.clear(*place, span, &mut search))
    }

    /// Whether there is such a server; nothing moves.
    pub(crate) fn has_room(&mut self, application: &'l str, span: Span) -> bool {
        let before = self.moves.len();
        let found = self.find(application, span, Terms::default());
        self.undo(before, &mut Search::default());
        found.is_some()
    }

    /// Makes room for one more on a server in all of `span`.
    pub(crate) fn make_room(&mut self, place: Place, span: Span) -> bool {
        self.clear(place, span, &mut Search::default())
    }

    /// Moves a booking to another server that has room, after moves if it needs them.
    pub(crate) fn rehouse(&mut self, code: Code) -> bool {
        let ledger = self.ledger;
        let booking = &ledger.world().bookings[&code];
        let Some(from) = self.whereabouts(code) else {
            return false;
        };
        let terms = Terms {
            not_on: &[from],
            starts_now: false,
        };
        let Some(to) = self.find(&booking.application, booking_span(booking), terms) else {
            return false;
        };
        self.shift(code, from, to);
        true
    }

    /// Moves bookings away from a server that has promised more than it takes, as far as they find a place.
    pub(crate) fn relieve(&mut self, place: Place, span: Span) {
        let limit = self.ledger.slot(place).limit;
        let mut from = span.from;
        while let Some(second) = self.timeline(place).first_at_least(
            Span {
                from,
                until: span.until,
            },
            limit.saturating_add(1),
        ) {
            let mut search = Search {
                path: vec![place],
                ..Search::default()
            };
            if !self.clear_second(place, second, &mut search) {
                // Until anything changes there the answer is the same.
                match self.timeline(place).next_step(second) {
                    Some(next) => from = next,
                    None => return,
                }
            }
        }
    }

    /// The changes that the moves are.
    pub(crate) fn changes(&self) -> Vec<Change> {
        let mut last = BTreeMap::new();
        for (code, _, to) in &self.moves {
            last.insert(*code, *to);
        }
        let mut changes = Vec::new();
        for (code, to) in last {
            let mut booking = self.ledger.world().bookings[&code].clone();
            let server = self.ledger.id(to);
            if booking.server != *server {
                booking.server = server.clone();
                changes.push(Change::PutBooking(booking));
            }
        }
        changes
    }

    pub(crate) fn ledger(&self) -> &'l Ledger {
        self.ledger
    }

    pub(crate) fn timeline(&self, place: Place) -> &Timeline {
        self.touched
            .get(&place)
            .unwrap_or(&self.ledger.slot(place).timeline)
    }

    fn whereabouts(&self, code: Code) -> Option<Place> {
        let moved = self.moves.iter().rev().find(|(which, ..)| *which == code);
        match moved {
            Some((_, _, to)) => Some(*to),
            None => self
                .ledger
                .place(&self.ledger.world().bookings.get(&code)?.server),
        }
    }

    fn may(&self, place: Place, terms: Terms) -> bool {
        let slot = self.ledger.slot(place);
        slot.state == Some(ServerState::Online)
            && !terms.not_on.contains(&place)
            && !(terms.starts_now && slot.sessions >= slot.limit)
    }

    /// A server with room as things are.
    fn direct(&self, application: &str, span: Span, terms: Terms) -> Option<Place> {
        let mut best: Option<(usize, u32, Place)> = None;
        for place in self.ledger.offering(application) {
            let slot = self.ledger.slot(*place);
            if let Some((applications, ..)) = best
                && slot.applications > applications
            {
                break;
            }
            if !self.may(*place, terms) {
                continue;
            }
            let free = slot.limit.saturating_sub(self.timeline(*place).peak(span));
            if free > best.map_or(0, |(_, free, _)| free) {
                best = Some((slot.applications, free, *place));
            }
        }
        best.map(|(.., place)| place)
    }

    /// Makes room on one server; if it cannot, everything is as before.
    fn clear(&mut self, place: Place, span: Span, search: &mut Search<'l>) -> bool {
        if search.path.contains(&place) || !search.visited.insert((place, span)) {
            return false;
        }
        let Some(left) = self.clearings.checked_sub(1) else {
            return false;
        };
        self.clearings = left;
        let limit = self.ledger.slot(place).limit;
        let before = self.moves.len();
        search.path.push(place);
        let cleared = loop {
            match self.timeline(place).first_at_least(span, limit) {
                None => break true,
                Some(_) if limit == 0 => break false,
                Some(second) => {
                    if !self.clear_second(place, second, search) {
                        break false;
                    }
                }
            }
        };
        search.path.pop();
        if !cleared {
            self.undo(before, search);
        }
        cleared
    }

    /// Moves one of the bookings that cover a second away from a server.
    fn clear_second(&mut self, place: Place, second: i64, search: &mut Search<'l>) -> bool {
        let world = self.ledger.world();
        let mut kinds: BTreeMap<Kind<'l>, Code> = BTreeMap::new();
        for (span, code) in self.timeline(place).covering(second) {
            if let Some(booking) = world.bookings.get(&code) {
                kinds.entry((&booking.application, span)).or_insert(code);
            }
        }
        // Whatever needs no second move goes first: short chains are found before long ones.
        for (kind, code) in &kinds {
            if let Some(to) = self.direct_for(*kind, place, search) {
                self.shift(*code, place, to);
                search.nowhere.clear();
                return true;
            }
        }
        for ((application, span), code) in kinds {
            if self.is_hopeless((application, span)) {
                continue;
            }
            let ledger = self.ledger;
            let to = ledger
                .offering(application)
                .iter()
                .copied()
                .find(|to| *to != place && self.clear(*to, span, search));
            if let Some(to) = to {
                self.shift(code, place, to);
                search.nowhere.clear();
                return true;
            }
        }
        false
    }

    fn direct_for(&self, kind: Kind<'l>, from: Place, search: &mut Search<'l>) -> Option<Place> {
        if search.nowhere.contains(&kind) {
            return None;
        }
        if self.direct(kind.0, kind.1, Terms::default()).is_none() {
            search.nowhere.insert(kind);
            return None;
        }
        let mut not_on = search.path.clone();
        not_on.push(from);
        let terms = Terms {
            not_on: &not_on,
            starts_now: false,
        };
        self.direct(kind.0, kind.1, terms)
    }

    fn shift(&mut self, code: Code, from: Place, to: Place) {
        let span = booking_span(&self.ledger.world().bookings[&code]);
        self.touch(from).remove(span, code);
        self.touch(to).add(span, code);
        self.moves.push((code, from, to));
        self.proofs = Proofs::default();
    }

    fn undo(&mut self, before: usize, search: &mut Search<'l>) {
        while self.moves.len() > before {
            if let Some((code, from, to)) = self.moves.pop() {
                let span = booking_span(&self.ledger.world().bookings[&code]);
                self.touch(to).remove(span, code);
                self.touch(from).add(span, code);
                self.proofs = Proofs::default();
                search.nowhere.clear();
            }
        }
    }

    fn touch(&mut self, place: Place) -> &mut Timeline {
        let ledger = self.ledger;
        self.touched
            .entry(place)
            .or_insert_with(|| ledger.slot(place).timeline.clone())
    }
}
