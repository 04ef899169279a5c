//! The door: TCP, TLS and HTTP/1.1 connections, bounded in number, each step within its time.
//!
//! A request that asks for a WebSocket goes to the verbs whatever its path is, everything else to the router. This file
//! must never know what either of them answers.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;

use super::{Asker, Front, socket};
use crate::limit::Connected;

/// TLS handshakes take two round trips; half a handshake is dropped after this. A guess for slow phones.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A request's head has to come within this, which is also how long a connection may be idle between two. A guess.
const HEAD: Duration = Duration::from_secs(15);
/// Bytes of a connection's buffer, and so of a request's head: browsers send about 1 KiB. hyper's least is 8 KiB.
const MAX_HEAD: usize = 16 * 1024;
/// Header lines of a request: browsers send about 15.
const MAX_HEADERS: usize = 64;
/// Bytes of the address that a proxy gives, at most: the longest IPv6 address has 45.
const MAX_FORWARDED: usize = 64;
/// After the system refused a connection (no file descriptors left), before the next is tried.
const BREATH: Duration = Duration::from_millis(50);

/// Takes connections until it is cancelled. Cancel safe.
pub(crate) async fn serve(
    front: Arc<Front>,
    listener: TcpListener,
    tls: TlsAcceptor,
    router: Router,
) {
    let places = Arc::new(Semaphore::new(front.limits.connections));
    loop {
        // Who comes when all places are taken waits in the system's bounded queue.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, from)) => {
                let (front, tls, router) = (Arc::clone(&front), tls.clone(), router.clone());
                tokio::spawn(async move {
                    let counted = front.counters.connections.fetch_add(1, Ordering::Relaxed);
                    tracing::trace!(%from, counted, "a connection");
                    connection(&front, stream, from, tls, router, place).await;
                    front.counters.connections.fetch_sub(1, Ordering::Relaxed);
                });
            }
            Err(why) => {
                tracing::warn!(%why, "no connection can be taken");
                sleep(BREATH).await;
            }
        }
    }
}

/// What a connection holds as long as it lasts, a WebSocket that grew out of it included.
#[derive(Debug)]
pub(crate) struct Held {
    _place: OwnedSemaphorePermit,
    _connected: Option<Connected>,
}

async fn connection(
    front: &Arc<Front>,
    stream: TcpStream,
    from: SocketAddr,
    tls: TlsAcceptor,
    router: Router,
    place: OwnedSemaphorePermit,
) {
    let from = from.ip().to_canonical();
    let behind_proxy = front.limits.proxies.contains(&from);
    let connected = if behind_proxy {
        None
    } else {
        let caller = front.callers.of(from, front.clock.monotonic());
        let Some(connected) = caller.connect(front.limits.connections_per_address) else {
            front.counters.turned_away.fetch_add(1, Ordering::Relaxed);
            return;
        };
        Some(connected)
    };
    // Small answers are not to wait for each other.
    let _ = stream.set_nodelay(true);
    let Ok(Ok(stream)) = timeout(HANDSHAKE, tls.accept(stream)).await else {
        front
            .counters
            .failed_handshakes
            .fetch_add(1, Ordering::Relaxed);
        return;
    };
    let held = Arc::new(Held {
        _place: place,
        _connected: connected,
    });
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        let address = if behind_proxy {
            forwarded(request.headers()).unwrap_or(from)
        } else {
            from
        };
        let caller = front.callers.of(address, front.clock.monotonic());
        let asker = Asker {
            address,
            caller,
            held: Arc::clone(&held),
        };
        let (front, mut router) = (Arc::clone(front), router.clone());
        async move {
            let response = if wants_websocket(&request) {
                socket::upgrade(front, asker, request).await
            } else {
                // For the routes of others.
                request.extensions_mut().insert(address);
                request.extensions_mut().insert(asker);
                router.call(request).await?
            };
            Ok::<_, Infallible>(response)
        }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(why) = served.await {
        tracing::trace!(%why, "a connection broke");
    }
}

fn wants_websocket(request: &Request) -> bool {
    request
        .headers()
        .get(header::UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Who asks a proxy: the last address of `X-Forwarded-For`, the only one that the proxy itself wrote.
fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?;
    let last = last.to_str().ok()?.rsplit(',').next()?.trim();
    if last.len() > MAX_FORWARDED {
        return None;
    }
    Some(last.parse::<IpAddr>().ok()?.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn what_a_client_writes_of_itself_does_not_count() {
        let mut headers = HeaderMap::new();
        assert_eq!(forwarded(&headers), None);
        headers.insert(
            "x-forwarded-for",
            HeaderValue::from_static("10.9.9.9, 192.0.2.7"),
        );
        assert_eq!(forwarded(&headers), Some(IpAddr::from([192, 0, 2, 7])));
        headers.append("x-forwarded-for", HeaderValue::from_static("192.0.2.8"));
        assert_eq!(forwarded(&headers), Some(IpAddr::from([192, 0, 2, 8])));
        headers.append("x-forwarded-for", HeaderValue::from_static("nobody"));
        assert_eq!(forwarded(&headers), None);
    }
}
