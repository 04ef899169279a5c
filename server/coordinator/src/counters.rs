//! What is counted for the operator.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts since the coordinator began; `connections` is a state.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Open connections.
    pub(crate) connections: AtomicU64,
    /// Connections of callers that have too many.
    pub(crate) turned_away: AtomicU64,
    /// TLS handshakes that were not finished.
    pub(crate) failed_handshakes: AtomicU64,
    /// Requests over HTTP.
    pub(crate) http_requests: AtomicU64,
    /// Verbs over WebSocket.
    pub(crate) verbs: AtomicU64,
    /// Answers BAD_REQUEST, and 4xx of bad requests.
    pub(crate) bad_requests: AtomicU64,
    /// Requests beyond the rate of their caller.
    pub(crate) rate_limited: AtomicU64,
    /// WebSocket clients that did not read their answers.
    pub(crate) slow_clients: AtomicU64,
    /// Sessions that were started.
    pub(crate) starts: AtomicU64,
    /// Microseconds of our own that starting took, without the session servers' part.
    pub(crate) start_micros: AtomicU64,
    /// Session servers that refused a session or did not answer in time.
    pub(crate) passed_over: AtomicU64,
    /// Registrations of session servers that did not prove who they are.
    pub(crate) refused_servers: AtomicU64,
}

impl Counters {
    /// A session was started, and took so much of our own time.
    pub(crate) fn started(&self, own: Duration) {
        let micros = u64::try_from(own.as_micros()).unwrap_or(u64::MAX);
        self.starts.fetch_add(1, Ordering::Relaxed);
        self.start_micros.fetch_add(micros, Ordering::Relaxed);
    }
}
