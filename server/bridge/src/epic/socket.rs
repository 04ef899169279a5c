//! One WebSocket, on either side of the signalling: bounded in every direction, and given up when it is silent or slow.
//!
//! It must never know what its messages mean.

use std::time::{Duration, Instant};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval_at, timeout, timeout_at};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

use super::message::{MAX_MESSAGE_LEN, MAX_REASON_LEN, cut};
use crate::rate::Allowance;

/// Messages that wait for one peer; who does not take them is let go. A player gets about 30 when it connects.
const OUTGOING: usize = 64;

/// From the connection to the end of the handshake. A guess.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// For one message to be taken by a peer. A guess.
const WRITE: Duration = Duration::from_secs(10);

/// Between pings (RFC 6455 section 5.5.2).
const PING_EVERY: Duration = Duration::from_secs(15);

/// Without a sign of life, pongs included; three pings.
const SILENCE: Duration = Duration::from_secs(45);

/// Messages taken at once: a browser's candidates come together.
const BURST: u32 = 100;

/// After that, one message every so often; the rest waits in the peer's own queue.
const MESSAGE_EVERY: Duration = Duration::from_millis(20);

/// What is read at once; the library's default is 128 KiB for each connection.
const READ_BUFFER: usize = 8 * 1024;

/// The peer is told to go, and that it may come again.
pub(super) const NORMAL: u16 = 1000;

/// There is nothing here any more: frontends do not come again by themselves.
pub(super) const GOING_AWAY: u16 = 1001;

/// A streamer asked for it; the code of Epic's own server.
pub(super) const ASKED_FOR: u16 = 1011;

/// The peer broke a rule (RFC 6455 section 7.4.1).
pub(super) const POLICY: u16 = 1008;

type Socket = WebSocketStream<TcpStream>;

/// Why a connection ends, as the peer is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    code: u16,
    reason: String,
}

impl Ending {
    /// The reason is cut to what a close frame carries.
    pub(super) fn new(code: u16, reason: &str) -> Self {
        Self {
            code,
            reason: cut(reason, MAX_REASON_LEN).to_owned(),
        }
    }
}

/// Where anybody puts what a peer is to be told. Never blocks.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    queue: mpsc::Sender<String>,
    ending: watch::Sender<Option<Ending>>,
}

impl Outbox {
    /// Queues a message; a peer whose queue is full is let go.
    pub(super) fn say(&self, text: String) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(text) {
            self.end(Ending::new(POLICY, "messages are not taken fast enough"));
        }
    }

    /// Ends the connection after what is queued. The first reason counts.
    pub(super) fn end(&self, why: Ending) {
        self.ending.send_if_modified(|ending| {
            let is_first = ending.is_none();
            ending.get_or_insert(why);
            is_first
        });
    }
}

/// Nobody reads what is put here; for tests of what puts it.
#[cfg(test)]
pub(super) fn outbox_for_tests() -> (
    Outbox,
    mpsc::Receiver<String>,
    watch::Receiver<Option<Ending>>,
) {
    let (queue, queued) = mpsc::channel(OUTGOING);
    let (ending, ended) = watch::channel(None);
    (Outbox { queue, ending }, queued, ended)
}

/// The handshake. `None`: it was not a WebSocket, or took too long.
pub(super) async fn accept(stream: TcpStream) -> Option<(Incoming, Outgoing, Outbox)> {
    let _ = stream.set_nodelay(true);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(2 * MAX_MESSAGE_LEN + OUTGOING)
        .max_message_size(Some(MAX_MESSAGE_LEN))
        .max_frame_size(Some(MAX_MESSAGE_LEN));
    let handshake = accept_hdr_async_with_config(stream, first_protocol, Some(config));
    let socket: Socket = match timeout(HANDSHAKE, handshake).await {
        Ok(Ok(socket)) => socket,
        Ok(Err(why)) => {
            tracing::debug!(%why, "not a WebSocket");
            return None;
        }
        Err(_) => return None,
    };
    let (sink, stream) = socket.split();
    let (queue, queued) = mpsc::channel(OUTGOING);
    let (ending, ended) = watch::channel(None);
    let incoming = Incoming {
        stream,
        heard: Instant::now(),
        allowance: Allowance::new(BURST, MESSAGE_EVERY, Instant::now()),
    };
    let outgoing = Outgoing {
        sink,
        queued,
        ended,
    };
    Some((incoming, outgoing, Outbox { queue, ending }))
}

/// Browsers refuse a connection whose offer of protocols is not answered, and Epic's own server takes the first.
#[expect(
    clippy::result_large_err,
    reason = "the library's callback is of this shape"
)]
fn first_protocol(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let offered = request.headers().get(SEC_WEBSOCKET_PROTOCOL);
    let first = offered
        .and_then(|value| value.to_str().ok())
        .and_then(|names| names.split(',').next())
        .and_then(|name| name.trim().parse().ok());
    if let Some(name) = first {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, name);
    }
    Ok(response)
}

/// What a peer says.
pub(super) struct Incoming {
    stream: SplitStream<Socket>,
    heard: Instant,
    allowance: Allowance,
}

impl Incoming {
    /// The next text; `Err`: it is over, and what the peer is told about it. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<String, Ending> {
        loop {
            while let Err(later) = self.allowance_is_there() {
                tokio::time::sleep_until(later.into()).await;
            }
            let heard = timeout_at((self.heard + SILENCE).into(), self.stream.next()).await;
            self.heard = Instant::now();
            match heard {
                Err(_) => return Err(Ending::new(GOING_AWAY, "no sign of life")),
                Ok(None) => return Err(Ending::new(NORMAL, "")),
                Ok(Some(Err(why))) => return Err(broken(&why)),
                Ok(Some(Ok(Message::Text(text)))) => {
                    let _ = self.allowance.take(self.heard);
                    return Ok(text.to_string());
                }
                Ok(Some(Ok(Message::Binary(_)))) => {
                    return Err(Ending::new(1003, "messages are text"));
                }
                Ok(Some(Ok(_))) => {
                    // Pings and pongs count too: each costs an answer.
                    let _ = self.allowance.take(self.heard);
                }
            }
        }
    }

    /// Looks, without taking: a cancelled wait must not cost anything.
    fn allowance_is_there(&self) -> Result<(), Instant> {
        self.allowance.look(Instant::now())
    }
}

fn broken(why: &Error) -> Ending {
    match why {
        Error::Capacity(_) => Ending::new(1009, "a message is too long"),
        Error::Protocol(_) | Error::Utf8(_) => Ending::new(1002, "not a WebSocket message"),
        _ => Ending::new(NORMAL, ""),
    }
}

/// What a peer is told.
pub(super) struct Outgoing {
    sink: SplitSink<Socket, Message>,
    queued: mpsc::Receiver<String>,
    ended: watch::Receiver<Option<Ending>>,
}

impl Outgoing {
    /// Writes what is queued, and pings, until somebody ends the connection or it is broken. Dropped meanwhile it may leave
    /// a message half written, which [`Outgoing::close`] completes.
    pub(super) async fn run(&mut self) -> Ending {
        let first = tokio::time::Instant::now() + PING_EVERY;
        let mut pings = interval_at(first, PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let message = tokio::select! {
                // What was said before the end is said.
                biased;
                Some(text) = self.queued.recv() => Message::text(text),
                Ok(ending) = self.ended.wait_for(Option::is_some) => {
                    return ending.clone().unwrap_or_else(|| Ending::new(NORMAL, ""));
                }
                _ = pings.tick() => Message::Ping(Default::default()),
            };
            match timeout(WRITE, self.sink.send(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Ending::new(NORMAL, ""),
                Err(_) => return Ending::new(POLICY, "messages are not taken fast enough"),
            }
        }
    }

    /// Says goodbye, as far as the peer takes it.
    pub(super) async fn close(mut self, why: Ending) {
        let frame = CloseFrame {
            code: CloseCode::from(why.code),
            reason: why.reason.into(),
        };
        let _ = timeout(WRITE, async {
            while let Ok(text) = self.queued.try_recv() {
                self.sink.send(Message::text(text)).await?;
            }
            self.sink.send(Message::Close(Some(frame))).await
        })
        .await;
    }
}
