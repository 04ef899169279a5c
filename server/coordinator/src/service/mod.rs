//! What a visitor can ask for, whichever way the question came: plan, start, join, extend, cancel, look.
//!
//! Brings together the desk, the rules, the session servers and the guard against guessing. This folder must never know
//! how questions and answers are written.

mod failed;
mod starting;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::Rng as _;
use server_booking::extend::{Extended, extend};
use server_booking::guess::{GuessLimits, Guesses};
use server_booking::join::Status;
use server_booking::model::{Booking, Code, Session};
use server_booking::plan::{PlanRequest, plan};
use server_booking::slots::{Day, SlotsRequest, free_slots};
use server_booking::{Caller, Policy, end, join};

use crate::counters::Counters;
use crate::desk::Desk;
use crate::link::Links;

pub(crate) use failed::{Failed, seconds};
pub(crate) use starting::Opened;

/// The coordinator's services.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) desk: Desk,
    pub(crate) policy: Policy,
    pub(crate) links: Links,
    pub(crate) counters: Arc<Counters>,
    guesses: Mutex<Guesses>,
}

impl Service {
    pub(crate) fn new(desk: Desk, policy: Policy, links: Links, counters: Arc<Counters>) -> Self {
        Self {
            desk,
            policy,
            links,
            counters,
            guesses: Mutex::new(Guesses::new(GuessLimits::default())),
        }
    }

    /// Books a place.
    ///
    /// # Errors
    /// What the rules refuse, or the database is gone.
    pub(crate) async fn plan(
        self: &Arc<Self>,
        from: IpAddr,
        request: PlanRequest,
    ) -> Result<Booking, Failed> {
        let service = Arc::clone(self);
        let planned = self
            .desk
            .decide(move |ledger, now| {
                let actor = from.to_string();
                let caller = Caller { now, actor: &actor };
                plan(ledger, &service.policy, &caller, &request, &mut any_code)
            })
            .await?;
        Ok(planned.booking)
    }

    /// Ends a booking that has not started.
    ///
    /// # Errors
    /// No such code; locked out; what the rules refuse; the database is gone.
    pub(crate) async fn cancel(&self, from: IpAddr, code: Code) -> Result<(), Failed> {
        self.may_guess(from)?;
        let decided = self.desk.decide(move |ledger, now| {
            let actor = from.to_string();
            end::cancel(ledger, &Caller { now, actor: &actor }, code)
        });
        self.judged(from, decided.await.map_err(Failed::from))?;
        Ok(())
    }

    /// Makes a session longer, and tells its server.
    ///
    /// # Errors
    /// No such code; locked out; what the rules refuse; the database is gone.
    pub(crate) async fn extend(
        self: &Arc<Self>,
        from: IpAddr,
        code: Code,
        minutes: u32,
    ) -> Result<Extended, Failed> {
        self.may_guess(from)?;
        let service = Arc::clone(self);
        let decided = self.desk.decide(move |ledger, now| {
            let actor = from.to_string();
            let caller = Caller { now, actor: &actor };
            extend(ledger, &service.policy, &caller, code, minutes)
        });
        let extended = self.judged(from, decided.await.map_err(Failed::from))?;
        self.links
            .tell_end(&extended.server, code, extended.ends_at);
        Ok(extended)
    }

    /// How far a session or a booking is.
    ///
    /// # Errors
    /// No such code; locked out.
    pub(crate) fn status(&self, from: IpAddr, code: Code) -> Result<Status, Failed> {
        self.may_guess(from)?;
        let now = self.desk.now();
        let found = join::status(&self.desk.look(), &self.policy, now, code);
        self.judged(from, found.ok_or(Failed::NotExist))
    }

    /// A booking as it was made; a session is none.
    ///
    /// # Errors
    /// No such code; locked out.
    pub(crate) fn booking(&self, from: IpAddr, code: Code) -> Result<Booking, Failed> {
        self.may_guess(from)?;
        let found = self.desk.look().world().bookings.get(&code).cloned();
        self.judged(from, found.ok_or(Failed::NotExist))
    }

    /// Which times of a day are free.
    ///
    /// # Errors
    /// What the rules refuse.
    pub(crate) fn slots(&self, request: &SlotsRequest) -> Result<Day, Failed> {
        let now = self.desk.now();
        Ok(free_slots(&self.desk.look(), &self.policy, now, request)?)
    }

    /// Ends a session or a booking, as an operator does, and tells its server.
    ///
    /// # Errors
    /// No such code; the database is gone.
    pub(crate) async fn end(
        &self,
        code: Code,
        why: server_booking::model::EndReason,
    ) -> Result<(), Failed> {
        let decided = self.desk.decide(move |ledger, now| {
            let actor = OPERATOR;
            end::end(ledger, &Caller { now, actor }, code, why)
        });
        let ended = decided.await?;
        if let Some(server) = &ended.server {
            self.links.end(server, code, why);
        }
        Ok(())
    }

    /// The session that runs under a code, for the operator's eyes.
    pub(crate) fn session(&self, code: Code) -> Option<Session> {
        self.desk.look().world().sessions.get(&code).cloned()
    }

    /// Who guesses.
    pub(crate) fn guesses(&self) -> MutexGuard<'_, Guesses> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn may_guess(&self, from: IpAddr) -> Result<(), Failed> {
        let now = self.desk.now();
        self.guesses()
            .check(from, now)
            .map_err(|locked| Failed::LockedOut {
                wait: Duration::from_secs(locked.retry_after.into()),
            })
    }

    /// Counts a code that nothing has; other failures say nothing of it.
    fn judged<A>(&self, from: IpAddr, outcome: Result<A, Failed>) -> Result<A, Failed> {
        if matches!(outcome, Err(Failed::NotExist)) {
            let now = self.desk.now();
            if let Some(locked) = self.guesses().missed(from, now) {
                tracing::info!(%from, seconds = locked.retry_after, "wrong codes: locked out");
            }
        }
        outcome
    }
}

/// The operator in the audit.
pub(crate) const OPERATOR: &str = "operator";
/// This program in the audit.
pub(crate) const COORDINATOR: &str = "coordinator";

/// A candidate for a code, uniformly random.
pub(crate) fn any_code() -> Code {
    let number = rand::rng().random_range(0..Code::COUNT);
    Code::new(number).expect("the range is that of codes")
}
