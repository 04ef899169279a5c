//! Holds one allocation for all viewers: on the first TURN server that gives one, and anew when it is lost.

use super::line::{Connection, Line};
use super::{Shared, Teller};
use crate::IceServer;
use crate::net::turn::permissions::Passage;
use crate::net::turn::{Credentials, Turn};
use crate::servers::{FOR_THE_BRIDGE, ServerPlace};
use crate::transport::Outgoing;
use rtc::crypto::RTCCryptoProvider;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::Notify;

/// After all servers failed, at first and at last.
const PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// What is lost sooner is no allocation.
const LEAST_HOLD: Duration = Duration::from_secs(1);

/// An allocation is given back so long before its password ends: clocks differ. A guess.
const EARLY: Duration = Duration::from_secs(60 * 60);

/// A timer that is due already is looked at again after this at the earliest.
const LEAST_WAIT: Duration = Duration::from_millis(1);

/// A server to try.
pub(super) struct Server {
    teller: Teller,
    place: ServerPlace,
    known: IceServer,
}

/// The allocation that there is.
pub(in crate::net) struct Relay {
    /// Where the TURN server is.
    pub(in crate::net) server: SocketAddr,
    /// What is sent there comes to us.
    pub(super) relayed: SocketAddr,
    /// Where the server sees us.
    pub(super) mapped: Option<SocketAddr>,
    line: Line,
    turn: Arc<Mutex<Turn>>,
    wake: Arc<Notify>,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} by {}", self.relayed, self.server)
    }
}

fn guarded(turn: &Mutex<Turn>) -> MutexGuard<'_, Turn> {
    turn.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Relay {
    /// Whether what a viewer's connection sends to an address arrives; if not yet, it will after a round trip.
    pub(in crate::net) fn is_open(&self, viewer: u64, peer: IpAddr) -> bool {
        let passage = guarded(&self.turn).passage(viewer, peer, Instant::now());
        if passage == Passage::Wanted {
            self.wake.notify_one();
        }
        passage == Passage::Open
    }

    /// Sends what is wrapped for the server; `false`: something was dropped because the way out is full.
    pub(in crate::net) async fn send(&self, wrapped: &[Outgoing]) -> bool {
        self.line.send(self.server, wrapped).await
    }

    /// Says good-bye to the server. Over TCP the end of the connection says the same (RFC 8656 section 3.3).
    pub(super) fn give_back(&self) {
        if let Some(bye) = guarded(&self.turn).release(Instant::now()) {
            self.line.send_now(self.server, &bye);
        }
    }
}

/// Never ends.
pub(super) async fn run(shared: Arc<Shared>, mut servers: Vec<Server>) {
    let Ok(provider) = rtc::crypto::default_provider() else {
        shared.settled.send_modify(|settled| *settled += 1);
        return;
    };
    let mut pause = PAUSE;
    let mut is_settled = false;
    loop {
        for server in &mut servers {
            // What was lost is asked for again at once, on the same server first: it may have started anew.
            loop {
                let (was_there, why) = hold(&shared, server, &provider, &mut is_settled).await;
                server.teller.tell(Err(why));
                if !was_there {
                    break;
                }
                pause = PAUSE;
            }
        }
        if !is_settled {
            is_settled = true;
            shared.settled.send_modify(|settled| *settled += 1);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MAX_PAUSE);
    }
}

impl Server {
    /// `None`: nothing is known that would let us in.
    pub(super) fn new(teller: Teller, place: ServerPlace, known: &IceServer) -> Option<Server> {
        let server = Server {
            teller,
            place,
            known: known.clone(),
        };
        server
            .credentials(SystemTime::now(), Instant::now())
            .is_some()
            .then_some(server)
    }

    /// For one allocation that is asked for now, on both clocks.
    fn credentials(&self, today: SystemTime, now: Instant) -> Option<Credentials> {
        let known = self.known.for_the_bridge(today);
        let lasts = FOR_THE_BRIDGE.saturating_sub(EARLY);
        Some(Credentials {
            username: known.username?,
            password: known.credential?,
            end: self.known.secret.is_some().then(|| now + lasts),
        })
    }
}

/// Until it is over: whether there was an allocation for a while, and why it ended.
async fn hold(
    shared: &Shared,
    server: &mut Server,
    provider: &Arc<dyn RTCCryptoProvider>,
    is_settled: &mut bool,
) -> (bool, String) {
    let address = match shared.resolve(&server.place).await {
        Ok(address) => address,
        Err(why) => return (false, why),
    };
    let (line, mut connection) = if server.place.tcp {
        match Connection::open(shared, address).await {
            Ok((line, connection)) => (line, Some(connection)),
            Err(why) => return (false, why),
        }
    } else {
        (Line::Udp(shared.udp.clone()), None)
    };
    let mut listening = shared.routes.listen(address);
    let now = Instant::now();
    let Some(credentials) = server.credentials(SystemTime::now(), now) else {
        return (false, "no password can be made for it".to_owned());
    };
    let turn = Turn::new(provider.clone(), credentials, now);
    let turn = Arc::new(Mutex::new(turn));
    let wake = Arc::new(Notify::new());
    let mut published: Option<Published<'_>> = None;
    loop {
        let (out, held, failure, deadline) = {
            let mut turn = guarded(&turn);
            turn.expire(Instant::now());
            let failure = turn.failure().map(ToString::to_string);
            (turn.poll_transmit(), turn.held(), failure, turn.deadline())
        };
        if let Some(out) = out {
            line.send_now(address, &out);
        }
        if let Some(why) = failure {
            return (lasted(published.as_ref()), why);
        }
        if let (None, Some(held)) = (&published, held) {
            listening.relays(Some(held.relayed));
            published = Some(Published {
                shared,
                since: Instant::now(),
            });
            shared.known().relay = Some(Arc::new(Relay {
                server: address,
                relayed: held.relayed,
                // Where the server sees a TCP connection is not where the UDP port is seen.
                mapped: held.mapped.filter(|_| server.place.udp),
                line: line.clone(),
                turn: turn.clone(),
                wake: wake.clone(),
            }));
            server.teller.tell(Ok(held.relayed));
            if !*is_settled {
                *is_settled = true;
                shared.settled.send_modify(|settled| *settled += 1);
            }
        }
        let now = Instant::now();
        let at = deadline.unwrap_or(now).max(now + LEAST_WAIT);
        tokio::select! {
            answer = listening.next() => {
                if let Some(answer) = answer {
                    guarded(&turn).handle(&answer, Instant::now());
                }
            }
            () = wake.notified() => {}
            why = ended(&mut connection) => return (lasted(published.as_ref()), why),
            () = tokio::time::sleep_until(at.into()) => {}
        }
    }
}

/// Whether there was an allocation for a while.
fn lasted(published: Option<&Published<'_>>) -> bool {
    published.is_some_and(|published| published.since.elapsed() > LEAST_HOLD)
}

/// When the connection is over, and why; never without one. Cancel-safe.
async fn ended(connection: &mut Option<Connection>) -> String {
    match connection {
        Some(connection) => connection.ended().await,
        None => std::future::pending().await,
    }
}

/// Nobody is told of the relay once this is dropped.
struct Published<'a> {
    shared: &'a Shared,
    since: Instant,
}

impl Drop for Published<'_> {
    fn drop(&mut self) {
        self.shared.known().relay = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    fn server(secret: Option<&str>, credential: Option<&str>) -> Option<Server> {
        let url = "turn:turn.example:3478";
        let known = IceServer {
            urls: vec![url.into()],
            username: credential.map(|_| "ann".into()),
            credential: credential.map(Into::into),
            secret: secret.map(Into::into),
        };
        let teller = Teller {
            what: "TURN",
            url: url.into(),
            last: None,
        };
        Server::new(teller, ServerPlace::read(url).expect("an address"), &known)
    }

    #[test]
    fn each_allocation_has_a_password_of_its_own_that_outlives_it() {
        let server_with_secret = server(Some("north"), None).expect("let in");
        let (today, now) = (
            UNIX_EPOCH + Duration::from_secs(1_700_000_000),
            Instant::now(),
        );
        let first = server_with_secret.credentials(today, now).expect("made");
        assert_eq!(first.username, "1731536000:bridge");
        assert_eq!(first.end, Some(now + FOR_THE_BRIDGE - EARLY));
        let later = Duration::from_secs(400 * 24 * 60 * 60);
        let next = server_with_secret.credentials(today + later, now + later);
        let next = next.expect("made");
        assert_eq!(next.username, "1766096000:bridge");
        assert_ne!(next.password, first.password);

        let lasting = server(None, Some("south")).expect("let in");
        let lasting = lasting.credentials(today, now).expect("known");
        assert_eq!((lasting.password.as_str(), lasting.end), ("south", None));
        assert!(server(None, None).is_none());
    }
}
