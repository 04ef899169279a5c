//! A world and what the rules need to look up in it fast: the claims of each server, who offers what, what ends next.
//!
//! All of it is computed from the world and kept in step by [`Ledger::apply`], the only way to change either. It must
//! never decide anything.

use std::collections::{BTreeMap, BTreeSet};

use crate::code::Resting;
use crate::limits::MAX_SERVERS;
use crate::model::{
    Booking, Change, Code, ServerId, ServerState, Session, SessionServer, SessionStage, World,
};
use crate::timeline::{Span, Timeline};

/// Slots, those of servers that are gone included, before everything is indexed anew. As many servers as there may be
/// can be gone.
const MAX_SLOTS: usize = 2 * MAX_SERVERS;

/// The number of a server within a ledger; not reused before everything is indexed anew.
pub(crate) type Place = usize;

/// What a ledger keeps for one server, known or gone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slot {
    pub(crate) id: Option<ServerId>,
    /// Sessions at a time; 0 for one that is not known any more.
    pub(crate) limit: u32,
    /// None: not known any more.
    pub(crate) state: Option<ServerState>,
    pub(crate) applications: usize,
    pub(crate) timeline: Timeline,
    /// Sessions that start or run there, whatever their times are.
    pub(crate) sessions: u32,
}

/// A world with its indices.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    world: World,
    slots: Vec<Slot>,
    places: BTreeMap<ServerId, Place>,
    /// The servers that take something new, by application; those with the fewest applications first.
    offers: BTreeMap<String, Vec<Place>>,
    pub(crate) session_ends: BTreeSet<(i64, Code)>,
    pub(crate) starting: BTreeSet<(i64, Code)>,
    pub(crate) booking_starts: BTreeSet<(i64, Code)>,
    pub(crate) booking_ends: BTreeSet<(i64, Code)>,
    pub(crate) resting: Resting,
}

impl Ledger {
    /// The ledger of a world.
    #[must_use]
    pub fn new(world: World) -> Self {
        let mut ledger = Self::default();
        ledger.index(world);
        ledger
    }

    /// Whether all that is looked up here is what the world says: true, unless this crate is wrong. It takes as long as
    /// [`Ledger::new`].
    #[must_use]
    pub fn is_in_step(&self) -> bool {
        let fresh = Self::new(self.world.clone());
        let used = |ledger: &Self| {
            let slots = ledger.places.iter().map(|(id, place)| {
                let slot = ledger.slot(*place);
                let numbers = (slot.limit, slot.state, slot.applications, slot.sessions);
                let claims: Vec<_> = slot.timeline.claims().collect();
                let steps = slot.timeline.steps();
                (id.clone(), (numbers, claims, steps))
            });
            // A server that is gone and has no claims left may still have a slot.
            let slots: BTreeMap<_, _> = slots
                .filter(|(_, (numbers, claims, _))| numbers.1.is_some() || !claims.is_empty())
                .collect();
            let offers: BTreeMap<_, Vec<_>> = ledger
                .offers
                .iter()
                .map(|(name, places)| {
                    (
                        name.clone(),
                        places
                            .iter()
                            .map(|place| ledger.id(*place).clone())
                            .collect(),
                    )
                })
                .collect();
            (slots, offers)
        };
        used(self) == used(&fresh)
            && self.session_ends == fresh.session_ends
            && self.starting == fresh.starting
            && self.booking_starts == fresh.booking_starts
            && self.booking_ends == fresh.booking_ends
    }

    /// Takes a world that was read anew, as after a change by another coordinator. Codes that are gone from it rest.
    pub fn replace(&mut self, world: World) {
        let mut resting = std::mem::take(&mut self.resting);
        let before = self.world.bookings.keys().chain(self.world.sessions.keys());
        for code in before {
            if !world.bookings.contains_key(code) && !world.sessions.contains_key(code) {
                resting.rest(*code);
            }
        }
        for code in world.bookings.keys().chain(world.sessions.keys()) {
            resting.wake(*code);
        }
        self.resting = resting;
        self.rebuild(world);
    }

    /// The world.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Makes changes, in their order.
    pub fn apply_all(&mut self, changes: &[Change]) {
        for change in changes {
            self.apply(change);
        }
    }

    /// Makes one change.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::PutBooking(new) => {
                self.unbook(new.code);
                self.resting.wake(new.code);
                self.book(new);
            }
            Change::RemoveBooking { code, why } => {
                self.unbook(*code);
                if why.is_some() && self.world.bookings.contains_key(code) {
                    self.resting.rest(*code);
                }
            }
            Change::PutSession(new) => {
                self.unseat(new.code);
                self.resting.wake(new.code);
                self.seat(new);
            }
            Change::RemoveSession { code, .. } => {
                self.unseat(*code);
                if self.world.sessions.contains_key(code) {
                    self.resting.rest(*code);
                }
            }
            Change::PutServer(_)
            | Change::RemoveServer(_)
            | Change::PutApplication(_)
            | Change::RemoveApplication(_)
            | Change::Audit(_) => {}
        }
        let old = match change {
            Change::PutServer(new) => self.world.servers.get(&new.id).cloned(),
            _ => None,
        };
        self.world.apply(change);
        match change {
            Change::PutServer(new) => {
                self.know(new);
                // Heartbeats alter nothing but the time at which a server was seen.
                let offers = |server: &SessionServer| {
                    (server.state, server.limit == 0, server.applications.clone())
                };
                if old.as_ref().map(offers) != Some(offers(new)) {
                    self.index_offers();
                }
            }
            Change::RemoveServer(id) => {
                if let Some(place) = self.places.get(id) {
                    let slot = &mut self.slots[*place];
                    (slot.limit, slot.state, slot.applications) = (0, None, 0);
                }
                if self.slots.len() > MAX_SLOTS {
                    let world = std::mem::take(&mut self.world);
                    self.rebuild(world);
                } else {
                    self.index_offers();
                }
            }
            _ => {}
        }
    }

    /// Every place there is.
    pub(crate) fn places(&self) -> std::ops::Range<Place> {
        0..self.slots.len()
    }

    /// The slot of a place.
    pub(crate) fn slot(&self, place: Place) -> &Slot {
        &self.slots[place]
    }

    /// The place of a server that is known or has claims.
    pub(crate) fn place(&self, id: &ServerId) -> Option<Place> {
        self.places.get(id).copied()
    }

    /// The server of a place.
    pub(crate) fn id(&self, place: Place) -> &ServerId {
        self.slots[place]
            .id
            .as_ref()
            .expect("a place is made for an id")
    }

    /// The servers that take something new for an application, those with the fewest applications first.
    pub(crate) fn offering(&self, application: &str) -> &[Place] {
        self.offers.get(application).map_or(&[], Vec::as_slice)
    }

    /// How many applications some server takes something new for.
    pub(crate) fn offered(&self) -> usize {
        self.offers.len()
    }

    /// Whether nothing is known by this code.
    pub(crate) fn is_free(&self, code: Code) -> bool {
        !self.world.bookings.contains_key(&code) && !self.world.sessions.contains_key(&code)
    }

    /// Whether something is known by this code, or was until lately. Any other code is a guess.
    #[must_use]
    pub fn has_or_had(&self, code: Code) -> bool {
        !self.is_free(code) || self.resting.contains(code)
    }

    fn rebuild(&mut self, world: World) {
        *self = Self {
            resting: std::mem::take(&mut self.resting),
            ..Self::default()
        };
        self.index(world);
    }

    fn index(&mut self, world: World) {
        for server in world.servers.values() {
            self.know(server);
        }
        for booking in world.bookings.values() {
            self.book(booking);
        }
        for session in world.sessions.values() {
            self.seat(session);
        }
        self.world = world;
        self.index_offers();
    }

    /// Takes over what places depend on.
    fn know(&mut self, server: &SessionServer) {
        let place = self.place_or_new(&server.id);
        let slot = &mut self.slots[place];
        slot.limit = server.limit;
        slot.state = Some(server.state);
        slot.applications = server.applications.len();
    }

    fn index_offers(&mut self) {
        self.offers.clear();
        for server in self.world.servers.values() {
            if server.state != ServerState::Online || server.limit == 0 {
                continue;
            }
            let place = self.places[&server.id];
            for application in &server.applications {
                let offers = self.offers.entry(application.clone()).or_default();
                if offers.last() != Some(&place) {
                    offers.push(place);
                }
            }
        }
        for offers in self.offers.values_mut() {
            offers.sort_by_key(|place| {
                (
                    self.slots[*place].applications,
                    self.slots[*place].id.clone(),
                )
            });
            offers.dedup();
        }
    }

    fn place_or_new(&mut self, id: &ServerId) -> Place {
        if let Some(place) = self.places.get(id) {
            return *place;
        }
        let place = self.slots.len();
        self.slots.push(Slot {
            id: Some(id.clone()),
            ..Slot::default()
        });
        self.places.insert(id.clone(), place);
        place
    }

    fn book(&mut self, booking: &Booking) {
        let place = self.place_or_new(&booking.server);
        self.slots[place]
            .timeline
            .add(booking_span(booking), booking.code);
        self.booking_starts
            .insert((booking.starts_at.0, booking.code));
        self.booking_ends.insert((booking.ends_at.0, booking.code));
    }

    fn unbook(&mut self, code: Code) {
        let Some(booking) = self.world.bookings.get(&code) else {
            return;
        };
        if let Some(place) = self.places.get(&booking.server) {
            self.slots[*place]
                .timeline
                .remove(booking_span(booking), code);
        }
        self.booking_starts.remove(&(booking.starts_at.0, code));
        self.booking_ends.remove(&(booking.ends_at.0, code));
    }

    fn seat(&mut self, session: &Session) {
        let place = self.place_or_new(&session.server);
        let slot = &mut self.slots[place];
        slot.timeline.add(session_span(session), session.code);
        slot.sessions += 1;
        self.session_ends.insert((session.ends_at.0, session.code));
        if session.stage == SessionStage::Starting {
            self.starting.insert((session.starts_at.0, session.code));
        }
    }

    fn unseat(&mut self, code: Code) {
        let Some(session) = self.world.sessions.get(&code) else {
            return;
        };
        if let Some(place) = self.places.get(&session.server) {
            let slot = &mut self.slots[*place];
            slot.timeline.remove(session_span(session), code);
            slot.sessions = slot.sessions.saturating_sub(1);
        }
        self.session_ends.remove(&(session.ends_at.0, code));
        self.starting.remove(&(session.starts_at.0, code));
    }
}

/// The time of a booking.
pub(crate) fn booking_span(booking: &Booking) -> Span {
    Span {
        from: booking.starts_at.0,
        until: booking.ends_at.0,
    }
}

/// The time of a session.
pub(crate) fn session_span(session: &Session) -> Span {
    Span {
        from: session.starts_at.0,
        until: session.ends_at.0,
    }
}
