//! What is counted, as Prometheus reads it (text exposition format 0.0.4).

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use server_booking::model::{ServerState, SessionStage};

use super::Front;
use super::api::Shared;

pub(super) async fn metrics(State(front): Shared) -> Response {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], text(&front)).into_response()
}

fn text(front: &Front) -> String {
    let mut out = Text(String::new());
    let (counters, desk) = (&front.counters, front.service.desk.stats());
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    {
        let ledger = front.service.desk.look();
        let world = ledger.world();
        out.head("session_servers", "gauge", "Session servers by state.");
        for (word, state) in [
            ("online", ServerState::Online),
            ("draining", ServerState::Draining),
            ("away", ServerState::Away),
        ] {
            let count = world.servers.values().filter(|one| one.state == state);
            out.line(
                &format!("session_servers{{state=\"{word}\"}}"),
                count.count() as u64,
            );
        }
        out.head("sessions", "gauge", "Sessions by stage.");
        for (word, stage) in [
            ("starting", SessionStage::Starting),
            ("running", SessionStage::Running),
        ] {
            let count = world.sessions.values().filter(|one| one.stage == stage);
            out.line(
                &format!("sessions{{stage=\"{word}\"}}"),
                count.count() as u64,
            );
        }
        out.gauge(
            "bookings",
            "Bookings that have not started.",
            world.bookings.len() as u64,
        );
        out.gauge(
            "applications",
            "Applications that are offered.",
            world.applications.len() as u64,
        );
    }
    let guesses = front.service.guesses();
    let (locked, guessers) = (guesses.lock_outs(), guesses.addresses());
    drop(guesses);
    out.counter(
        "code_lock_outs_total",
        "How often wrong codes locked somebody out.",
        locked,
    );
    out.gauge(
        "code_guessers",
        "Addresses with wrong codes that are remembered.",
        guessers as u64,
    );
    out.gauge(
        "links",
        "Session servers that keep a link to this coordinator.",
        front.service.links.linked() as u64,
    );
    out.gauge(
        "database_up",
        "Whether the database was there at the last attempt.",
        u64::from(desk.database_up.load(Ordering::Relaxed)),
    );
    out.gauge(
        "connections",
        "Open connections.",
        read(&counters.connections),
    );
    for (name, help, counter) in [
        (
            "commits_total",
            "Transactions that changed something.",
            &desk.commits,
        ),
        (
            "decided_total",
            "Requests that were decided.",
            &desk.decided,
        ),
        (
            "unavailable_total",
            "Requests that failed because the database was gone.",
            &desk.unavailable,
        ),
        ("verbs_total", "Verbs of clients.", &counters.verbs),
        (
            "http_requests_total",
            "Requests over HTTP.",
            &counters.http_requests,
        ),
        (
            "bad_requests_total",
            "Requests that were wrong in themselves.",
            &counters.bad_requests,
        ),
        (
            "rate_limited_total",
            "Requests beyond the rate of their caller.",
            &counters.rate_limited,
        ),
        (
            "turned_away_total",
            "Connections beyond what one caller may have.",
            &counters.turned_away,
        ),
        (
            "failed_handshakes_total",
            "TLS handshakes that were not finished.",
            &counters.failed_handshakes,
        ),
        (
            "slow_clients_total",
            "Clients that did not read their answers.",
            &counters.slow_clients,
        ),
        (
            "session_starts_total",
            "Sessions that were started.",
            &counters.starts,
        ),
        (
            "passed_over_total",
            "Session servers that refused a session or were late.",
            &counters.passed_over,
        ),
        (
            "refused_servers_total",
            "Session servers that did not prove who they are.",
            &counters.refused_servers,
        ),
    ] {
        out.counter(name, help, read(counter));
    }
    let micros = read(&counters.start_micros);
    out.head(
        "session_start_own_seconds_total",
        "counter",
        "Time that starting took, without the session servers' part.",
    );
    // Microseconds in whole and part: no rounding of large sums.
    let _ = writeln!(
        out.0,
        "treecast_session_start_own_seconds_total {}.{:06}",
        micros / 1_000_000,
        micros % 1_000_000
    );
    out.0
}

struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String does not fail.
        let _ = writeln!(
            self.0,
            "# HELP treecast_{name} {help}\n# TYPE treecast_{name} {kind}"
        );
    }

    fn line(&mut self, name: &str, value: u64) {
        let _ = writeln!(self.0, "treecast_{name} {value}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "gauge", help);
        self.line(name, value);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "counter", help);
        self.line(name, value);
    }
}
