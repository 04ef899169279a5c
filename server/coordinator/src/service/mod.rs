//! What a visitor can ask for, whichever way the question came: plan, start, join, extend, cancel, look.
//!
//! Brings together the desk, the rules, the session servers and the guard against guessing. This folder must never know
//! how questions and answers are written.

mod failed;
mod rooms;
mod starting;

#[cfg(test)]
pub(crate) mod tests;

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
        self.known(from, code)?;
        let decided = self.desk.decide(move |ledger, now| {
            let actor = from.to_string();
            end::cancel(ledger, &Caller { now, actor: &actor }, code)
        });
        decided.await?;
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
        self.known(from, code)?;
        let service = Arc::clone(self);
        whole(async move {
            let rules = Arc::clone(&service);
            let decided = service.desk.decide(move |ledger, now| {
                let actor = from.to_string();
                let caller = Caller { now, actor: &actor };
                extend(ledger, &rules.policy, &caller, code, minutes)
            });
            let extended = decided.await?;
            let (server, ends_at) = (&extended.server, extended.ends_at);
            service.links.tell_end(server, code, ends_at);
            Ok(extended)
        })
        .await
    }

    /// How far a session or a booking is.
    ///
    /// # Errors
    /// No such code; locked out.
    pub(crate) fn status(&self, from: IpAddr, code: Code) -> Result<Status, Failed> {
        self.known(from, code)?;
        let now = self.desk.now();
        let found = join::status(&self.desk.look(), &self.policy, now, code);
        found.ok_or(Failed::NotExist)
    }

    /// A booking as it was made; a session is none.
    ///
    /// # Errors
    /// No such code; locked out.
    pub(crate) fn booking(&self, from: IpAddr, code: Code) -> Result<Booking, Failed> {
        self.known(from, code)?;
        let found = self.desk.look().world().bookings.get(&code).cloned();
        found.ok_or(Failed::NotExist)
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
        self: &Arc<Self>,
        code: Code,
        why: server_booking::model::EndReason,
    ) -> Result<(), Failed> {
        let service = Arc::clone(self);
        whole(async move {
            let decided = service.desk.decide(move |ledger, now| {
                let actor = OPERATOR;
                end::end(ledger, &Caller { now, actor }, code, why)
            });
            let ended = decided.await?;
            if let Some(server) = &ended.server {
                service.links.end(server, code, why);
            }
            Ok(())
        })
        .await
    }

    /// The session that runs under a code, for the operator's eyes.
    pub(crate) fn session(&self, code: Code) -> Option<Session> {
        self.desk.look().world().sessions.get(&code).cloned()
    }

    /// Who guesses.
    pub(crate) fn guesses(&self) -> MutexGuard<'_, Guesses> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something has a code, or had it lately; any other counts as a guess. One step under one lock, and before
    /// anything is awaited: many guesses at once pass no more than as many in turn.
    fn known(&self, from: IpAddr, code: Code) -> Result<(), Failed> {
        let now = self.desk.now();
        let mut guesses = self.guesses();
        guesses
            .check(from, now)
            .map_err(|locked| Failed::LockedOut {
                wait: Duration::from_secs(locked.retry_after.into()),
            })?;
        if self.desk.look().has_or_had(code) {
            return Ok(());
        }
        if let Some(locked) = guesses.missed(from, now) {
            tracing::info!(%from, seconds = locked.retry_after, "wrong codes: locked out");
        }
        Err(Failed::NotExist)
    }
}

/// Does work in a task of its own, and waits for it: it is finished even when whoever asked hangs up meanwhile.
///
/// # Errors
/// Those of the work, or the coordinator is ending.
async fn whole<A: Send + 'static>(
    work: impl Future<Output = Result<A, Failed>> + Send + 'static,
) -> Result<A, Failed> {
    let ending = |_| Err(Failed::TryAgain("the coordinator is ending".to_owned()));
    tokio::spawn(work).await.unwrap_or_else(ending)
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
