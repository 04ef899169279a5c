//! A plain HTTP door for a program that has no other: bounded connections, each step within its time.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tower_service::Service as _;

/// Connections at a time; who comes beyond that waits in the system's queue. A guess: the page needs one or two.
const MAX_CONNECTIONS: usize = 256;
/// A request's head has to come within this, which is also how long a connection may be idle between two. A guess.
const HEAD: Duration = Duration::from_secs(10);
/// How long a request may take from its head to its answer. A guess: the bridge answers an offer within some milliseconds.
const REQUEST: Duration = Duration::from_secs(20);
/// Bytes of a request's head: browsers send about 1 KiB. hyper's least is 8 KiB.
const MAX_HEAD: usize = 16 * 1024;
/// After the system refused a connection, before the next is tried.
const BREATH: Duration = Duration::from_millis(50);

/// Serves a router until it is cancelled. Each request has its caller's [`IpAddr`] in its extensions. Cancel-safe.
pub async fn serve(listener: TcpListener, router: Router) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, from)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    let _place = place;
                    connection(stream, from, router).await;
                });
            }
            Err(why) => {
                tracing::warn!(%why, "no connection can be taken");
                sleep(BREATH).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, from: SocketAddr, router: Router) {
    // Small answers are not to wait for each other.
    let _ = stream.set_nodelay(true);
    let from: IpAddr = from.ip().to_canonical();
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let mut router = router.clone();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(from);
        async move {
            match timeout(REQUEST, router.call(request)).await {
                Ok(answered) => answered,
                Err(_) => Ok::<_, Infallible>(axum::response::IntoResponse::into_response(
                    axum::http::StatusCode::REQUEST_TIMEOUT,
                )),
            }
        }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(why) = served.await {
        tracing::trace!(%why, "a connection broke");
    }
}
