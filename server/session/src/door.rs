//! The session server's own address: TLS, HTTP, and the WebSocket on which users and dialling coordinators speak.
//!
//! It must never know how sessions live; it asks the driver.

mod http;
mod visitor;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use server_bridge::whep::Whep;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::ask::{Ask, Here};
use crate::config::SessionConfig;
use crate::crowd::{Crowd, MAX_OF_ONE};

/// Connections at once; more wait in the system's queue. Room for the users of 32 sessions of 16.
const MAX_CONNECTIONS: usize = 512;
/// How long a handshake may take.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may be in no session. A guess: who opens a session's page enters at once, and has time to type
/// its code again.
pub(crate) const ENTER_PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of a WebSocket message that are taken in to answer that it is too long; beyond that the connection ends.
const MAX_FRAME_LEN: usize = 1024 * 1024;
/// Between two attempts to accept when the system has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

pub(crate) use visitor::MAX_TOLD;

/// How much of a message both ends of a WebSocket take in.
pub(crate) fn bounds() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MAX_FRAME_LEN))
        .max_frame_size(Some(MAX_FRAME_LEN))
        .read_buffer_size(16 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(2 * MAX_FRAME_LEN)
}

/// What every connection needs.
pub(crate) struct Hall {
    pub(crate) config: Arc<SessionConfig>,
    /// The port that was bound.
    pub(crate) port: u16,
    pub(crate) asks: mpsc::Sender<Ask>,
    /// How long a connection may be in no session.
    pub(crate) enter_patience: Duration,
    pub(crate) whep: Whep,
}

impl Hall {
    /// Where users reach this server, for somebody who sees it at `local`.
    pub(crate) fn here(&self, local: IpAddr) -> Here {
        let listen = self.config.listen.ip();
        let ip = if listen.is_unspecified() {
            local.to_canonical()
        } else {
            listen
        };
        let (host, port) = match &self.config.advertise {
            Some((host, port)) => (Some(host.clone()), *port),
            None => (None, None),
        };
        let bound = || server_wire::Port::new(self.port).expect("a bound port is not 0");
        Here {
            host: host.unwrap_or_else(|| server_wire::Text::cut(&ip.to_string())),
            port: port.unwrap_or_else(bound),
        }
    }

    /// Whether a coordinator may dial from there.
    fn is_coordinator(&self, from: IpAddr) -> bool {
        let mut allowed = self.config.coordinators.iter();
        allowed.any(|address| address.to_canonical() == from)
    }

    /// Until when somebody from there who is in no session now has to be in one; none: a coordinator, who never has to.
    fn enter_by(&self, from: IpAddr) -> Option<Instant> {
        (!self.is_coordinator(from)).then(|| Instant::now() + self.enter_patience)
    }
}

/// Takes connections until it is dropped.
pub(crate) async fn listen(listener: TcpListener, tls: TlsAcceptor, hall: Arc<Hall>) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let crowd = Arc::new(Crowd::default());
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, from)) => {
                let address = from.ip().to_canonical();
                let place = crowd.enter(address);
                if place.is_none() && !hall.is_coordinator(address) {
                    tracing::debug!("{from}: that address has {MAX_OF_ONE} connections open");
                    continue;
                }
                let (tls, hall) = (tls.clone(), Arc::clone(&hall));
                connections.spawn(async move {
                    if let Err(why) = connection(stream, from, &tls, &hall).await {
                        tracing::debug!("{from}: {why}");
                    }
                    drop((permit, place));
                });
            }
            Err(why) => {
                tracing::warn!("no connection can be accepted: {why}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    from: SocketAddr,
    tls: &TlsAcceptor,
    hall: &Arc<Hall>,
) -> Result<(), String> {
    let address = from.ip().to_canonical();
    let enter_by = hall.enter_by(address);
    let local = stream.local_addr().map_err(|why| why.to_string())?.ip();
    // Small messages, each of which somebody waits for.
    stream.set_nodelay(true).map_err(|why| why.to_string())?;
    let stream = timeout(HANDSHAKE_PATIENCE, tls.accept(stream))
        .await
        .map_err(|_| "no TLS handshake in time".to_owned())?
        .map_err(|why| why.to_string())?;
    let upgrade: Mutex<Option<OnUpgrade>> = Mutex::new(None);
    let service = hyper::service::service_fn(async |request: Request<Incoming>| {
        Ok::<_, Infallible>(http::answer(request, address, hall, &upgrade).await)
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HANDSHAKE_PATIENCE)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::select! {
        served = served => served.map_err(|why| why.to_string())?,
        () = at(enter_by) => return Err(OUTSIDE.to_owned()),
    }
    let upgrade = upgrade.into_inner().map_err(|why| why.to_string())?;
    let Some(upgrade) = upgrade else {
        return Ok(());
    };
    let stream = timeout(HANDSHAKE_PATIENCE, upgrade)
        .await
        .map_err(|_| "no upgrade in time".to_owned())?
        .map_err(|why| why.to_string())?;
    let socket =
        WebSocketStream::from_raw_socket(TokioIo::new(stream), Role::Server, Some(bounds())).await;
    let mut visitor = visitor::Visitor {
        socket,
        from: address,
        here: hall.here(local),
        hall,
        inside: None,
        enter_by,
    };
    let result = visitor.talk().await;
    visitor.lost().await;
    result
}

/// Waits for a moment; none never comes.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Why a connection ends when the driver is gone.
const STOPPED: &str = "the server stops";
/// Why the connection of somebody who does not enter ends.
const OUTSIDE: &str = "it is in no session";

#[cfg(test)]
mod tests;
