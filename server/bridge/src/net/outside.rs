//! How the bridge is reached from outside of its own network: STUN servers say where its UDP port is seen (RFC 8489), and a
//! TURN server relays to it (RFC 8656). All over the one UDP port, but TURN over TCP if that is asked for; a task for each
//! server.
//!
//! Without any of them sessions work directly: whatever fails here is one line in the log, and is tried again. It must
//! never know viewers beyond a number.

mod line;
mod reflexive;
mod relay;

use super::{Routes, Udp};
use crate::IceServer;
use crate::servers::{ServerKind, ServerPlace};
pub(super) use reflexive::mapped;
pub(super) use relay::Relay;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

/// STUN servers that are asked; more know nothing else.
const MAX_STUN: usize = 2;

/// TURN servers that are tried one after the other.
const MAX_TURN: usize = 4;

/// How long whoever starts a bridge waits for these servers: round trips of STUN and TURN, and a name's look-up. Viewers
/// who come before they answered are told less.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a name may be looked up.
const RESOLVE: Duration = Duration::from_secs(5);

/// What is known now.
#[derive(Debug, Default)]
struct Known {
    /// Where our UDP port is seen, by the number of who saw it.
    seen: BTreeMap<usize, SocketAddr>,
    relay: Option<Arc<Relay>>,
}

/// What its tasks share.
pub(super) struct Shared {
    udp: Arc<Udp>,
    routes: Arc<Routes>,
    known: Mutex<Known>,
    /// How many tasks know something, or know that they do not.
    settled: watch::Sender<usize>,
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a server is, as our socket can reach it.
    async fn resolve(&self, place: &ServerPlace) -> Result<SocketAddr, String> {
        let looking = tokio::net::lookup_host((place.host.as_str(), place.port));
        let found = match tokio::time::timeout(RESOLVE, looking).await {
            Ok(Ok(found)) => found,
            Ok(Err(why)) => return Err(format!("its name is not found: {why}")),
            Err(_) => return Err("its name is not found in time".into()),
        };
        let is_v6 = self.udp.address().is_ipv6();
        let mut usable = found.filter(|address| is_v6 || address.is_ipv4());
        usable
            .next()
            .map(|address| SocketAddr::new(address.ip().to_canonical(), address.port()))
            .ok_or_else(|| "it has no address that the bridge's UDP port can send to".into())
    }
}

/// Says in the log how it is with a server, when that changes.
struct Teller {
    what: &'static str,
    url: String,
    last: Option<Result<SocketAddr, String>>,
}

impl Teller {
    fn tell(&mut self, outcome: Result<SocketAddr, String>) {
        if self.last.as_ref() == Some(&outcome) {
            return;
        }
        let (what, url) = (self.what, &self.url);
        match &outcome {
            Ok(address) => {
                tracing::info!("{what} server {url}: viewers reach the bridge at {address}")
            }
            Err(why) => {
                tracing::warn!(
                    "{what} server {url}: {why}; sessions go on without it, it is tried again"
                );
            }
        }
        self.last = Some(outcome);
    }
}

/// See the head of the file. Dropped, the relay is given back.
pub(crate) struct Outside {
    shared: Arc<Shared>,
    tasks: Vec<AbortHandle>,
}

impl Outside {
    /// Begins to ask the servers that can be asked over UDP or plain TCP. Needs a tokio runtime.
    pub(crate) fn start(udp: Arc<Udp>, routes: Arc<Routes>, servers: &[IceServer]) -> Outside {
        let shared = Arc::new(Shared {
            udp,
            routes,
            known: Mutex::default(),
            settled: watch::Sender::new(0),
        });
        let of_kind = |kind: ServerKind| {
            let urls = servers
                .iter()
                .flat_map(|server| server.urls.iter().map(move |url| (server, url)));
            urls.filter_map(move |(server, url)| {
                let place = ServerPlace::read(url)?;
                let is_reached = place.udp || place.tcp;
                (place.kind == kind && is_reached).then(|| (server, url.clone(), place))
            })
        };
        let mut tasks = Vec::new();
        for (number, (_, url, place)) in of_kind(ServerKind::Stun).take(MAX_STUN).enumerate() {
            let asking = reflexive::run(shared.clone(), number, url, place);
            tasks.push(tokio::spawn(asking).abort_handle());
        }
        let turn: Vec<relay::Server> = of_kind(ServerKind::Turn)
            .take(MAX_TURN)
            .filter_map(|(server, url, place)| {
                let teller = Teller {
                    what: "TURN",
                    url,
                    last: None,
                };
                relay::Server::new(teller, place, server)
            })
            .collect();
        if !turn.is_empty() {
            tasks.push(tokio::spawn(relay::run(shared.clone(), turn)).abort_handle());
        }
        Outside { shared, tasks }
    }

    /// Waits until each server said something, or for [`PATIENCE`]. Cancel-safe.
    pub(crate) async fn settle(&self) {
        let mut settled = self.shared.settled.subscribe();
        let all = settled.wait_for(|settled| *settled >= self.tasks.len());
        // Who is late is used as soon as it answers.
        let _ = tokio::time::timeout(PATIENCE, all).await;
    }

    /// Where the UDP port is seen from outside, each place once.
    pub(crate) fn seen(&self) -> Vec<SocketAddr> {
        let known = self.shared.known();
        let relay = known.relay.as_ref().and_then(|relay| relay.mapped);
        let mut seen: Vec<SocketAddr> = known.seen.values().copied().chain(relay).collect();
        drop(known);
        seen.sort();
        seen.dedup();
        seen
    }

    /// Where the relay is reached.
    pub(crate) fn relayed(&self) -> Option<SocketAddr> {
        let known = self.shared.known();
        known.relay.as_ref().map(|relay| relay.relayed)
    }

    /// The relay that has this address.
    pub(super) fn relay(&self, relayed: SocketAddr) -> Option<Arc<Relay>> {
        let known = self.shared.known();
        known.relay.clone().filter(|relay| relay.relayed == relayed)
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        // Before the tasks end, who forget it.
        let relay = self.shared.known().relay.take();
        if let Some(relay) = relay {
            relay.give_back();
        }
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// A place among the [`Routes`] for what comes from a server; dropped, it is given back.
pub(super) struct Listening {
    routes: Arc<Routes>,
    server: SocketAddr,
    number: u64,
    answers: mpsc::Receiver<bytes::BytesMut>,
}

impl Listening {
    pub(super) fn new(
        routes: Arc<Routes>,
        server: SocketAddr,
        number: u64,
        answers: mpsc::Receiver<bytes::BytesMut>,
    ) -> Listening {
        Listening {
            routes,
            server,
            number,
            answers,
        }
    }

    /// The next answer. Cancel-safe.
    async fn next(&mut self) -> Option<bytes::BytesMut> {
        self.answers.recv().await
    }

    /// How many answers wait.
    #[cfg(test)]
    pub(super) fn waiting(&mut self) -> usize {
        std::iter::from_fn(|| self.answers.try_recv().ok()).count()
    }

    /// What the server relays is for us, at this address; `None`: no longer.
    fn relays(&self, relayed: Option<SocketAddr>) {
        self.routes.relays(self.server, relayed);
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.routes.leave_server(self.server, self.number);
    }
}

/// Whether an address is one that somebody outside could have.
fn is_outer(ip: IpAddr) -> bool {
    !ip.is_unspecified() && !ip.is_multicast()
}
