//! The front: one address that serves the site, the HTTP API, the metrics, and the verbs over WebSocket.
//!
//! It translates between the wire and the service, and keeps callers within their limits. It must never decide anything
//! about sessions.

mod api;
mod applications;
mod calendar;
mod listen;
mod metrics;
mod operator;
mod reply;
mod routes;
mod site;
mod socket;
mod verbs;
mod whep;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use server_state::State;

use crate::clock::Clock;
use crate::config::Limits;
use crate::counters::Counters;
use crate::limit::{Caller, Callers, Rate};
use crate::secrets::OperatorToken;
use crate::service::{Failed, Service};

pub(crate) use listen::serve;
pub(crate) use routes::router;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) service: Arc<Service>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) limits: Limits,
    pub(crate) callers: Callers,
    pub(crate) rate: Rate,
    pub(crate) operator: OperatorToken,
    pub(crate) state: Readings,
    pub(crate) listing: applications::Listing,
}

/// The database, for what only the operator reads.
#[derive(Clone)]
pub(crate) struct Readings(pub(crate) State);

impl std::fmt::Debug for Readings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Readings")
    }
}

impl Front {
    pub(crate) fn new(
        service: Arc<Service>,
        clock: Arc<Clock>,
        limits: Limits,
        operator: OperatorToken,
        state: State,
    ) -> Self {
        Self {
            counters: Arc::clone(&service.counters),
            service,
            clock,
            rate: Rate::new(limits.requests_per_second, limits.burst),
            limits,
            callers: Callers::default(),
            operator,
            state: Readings(state),
            listing: applications::Listing::default(),
        }
    }

    /// Counts one request.
    ///
    /// # Errors
    /// The caller has to wait.
    fn ask(&self, asker: &Asker) -> Result<(), Failed> {
        asker
            .caller
            .ask(self.rate, self.clock.monotonic())
            .map_err(|wait| {
                self.counters.rate_limited.fetch_add(1, Ordering::Relaxed);
                Failed::TooMany { wait }
            })
    }
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    /// The address, as a proxy that is trusted tells it.
    pub(crate) address: IpAddr,
    /// Its place in the table of callers.
    pub(crate) caller: Arc<Caller>,
    /// Its place among the connections.
    #[expect(
        dead_code,
        reason = "held, so that a WebSocket counts as long as it lasts"
    )]
    pub(crate) held: Arc<listen::Held>,
}
