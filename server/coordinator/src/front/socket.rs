//! A WebSocket connection: one request, one answer, in turn, so that nothing ever waits in a queue of ours.
//!
//! A client that does not read its answers, or says nothing and answers no ping, is dropped. A session server that
//! registers takes the connection over.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{FromRequestParts as _, Request};
use axum::response::{IntoResponse as _, Response};
use server_wire::{ClientRequest, MAX_MESSAGE_LEN, Message, Report, read, write};
use tokio::time::timeout;

use super::{Asker, Front, verbs};
use crate::link::{Registering, register};

/// After so long without a word a client is pinged; after as long again without an answer it is dropped. Proxies usually
/// give up after 60 s.
const QUIET: Duration = Duration::from_secs(25);
/// How long an answer may wait for a client that does not read. A guess.
const SEND: Duration = Duration::from_secs(10);
/// Bytes that are put together for one write, at most: a few answers.
const WRITE_BUFFER: usize = 16 * 1024;
/// Bytes that wait for a client at most: one answer. The longest is a whole range of `GET_SERVERS`, 1,024 entries; this is
/// enough for 16 KiB of descriptions in each, as a file may have them. Nothing is reserved.
const MAX_WRITE_BUFFER: usize = 16 * 1024 * 1024;
/// Bytes of the read buffer of a connection: most requests have a hundred, and there are thousands of connections.
const READ_BUFFER: usize = 4 * 1024;
/// Bad requests in a row after which a connection is closed: whoever sends them does not listen. A guess.
const MAX_BAD: u32 = 100;

/// Answers a request for a WebSocket.
pub(crate) async fn upgrade(front: Arc<Front>, asker: Asker, request: Request) -> Response {
    if let Err(failed) = front.ask(&asker) {
        return super::reply::failure(&front, &failed);
    }
    let (mut parts, _) = request.into_parts();
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade
            .max_message_size(MAX_MESSAGE_LEN)
            .max_frame_size(MAX_MESSAGE_LEN)
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_write_buffer_size(MAX_WRITE_BUFFER)
            .on_upgrade(move |socket| converse(front, asker, socket)),
        Err(rejection) => rejection.into_response(),
    }
}

async fn converse(front: Arc<Front>, asker: Asker, mut socket: WebSocket) {
    let mut pinged = false;
    let mut bad_in_a_row = 0;
    let mut is_first = true;
    loop {
        let frame = match timeout(QUIET, socket.recv()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(_) => return,
            Err(_) if pinged => return,
            Err(_) => {
                pinged = true;
                if send(&mut socket, Frame::Ping(Default::default()))
                    .await
                    .is_err()
                {
                    return;
                }
                continue;
            }
        };
        pinged = false;
        let text = match frame {
            Frame::Text(text) => text,
            Frame::Binary(_) => {
                front.counters.bad_requests.fetch_add(1, Ordering::Relaxed);
                let refusal = CloseFrame {
                    code: close_code::UNSUPPORTED,
                    reason: "only text messages are accepted".into(),
                };
                let _ = send(&mut socket, Frame::Close(Some(refusal))).await;
                return;
            }
            Frame::Close(_) => return,
            Frame::Ping(_) | Frame::Pong(_) => continue,
        };
        let answer = match read::<ClientRequest>(text.as_str()) {
            Ok(Message { id, body }) => {
                bad_in_a_row = 0;
                let answer = verbs::answer(&front, &asker, body).await;
                write(&answer, id.as_ref())
            }
            Err(rejected) => {
                if is_first
                    && let Ok(Message {
                        id,
                        body: Report::Register(message),
                    }) = read::<Report>(text.as_str())
                {
                    let asks = Registering {
                        register: message,
                        id,
                        from: asker.address,
                    };
                    register(Arc::clone(&front.service), socket, asks).await;
                    return;
                }
                front.counters.bad_requests.fetch_add(1, Ordering::Relaxed);
                bad_in_a_row += 1;
                match front.ask(&asker) {
                    Ok(()) => rejected.answer(),
                    Err(failed) => write(&verbs::failure(&failed), rejected.id.as_ref()),
                }
            }
        };
        is_first = false;
        if send(&mut socket, Frame::text(answer)).await.is_err() {
            front.counters.slow_clients.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if bad_in_a_row >= MAX_BAD {
            let refusal = CloseFrame {
                code: close_code::POLICY,
                reason: "too many bad requests".into(),
            };
            let _ = send(&mut socket, Frame::Close(Some(refusal))).await;
            return;
        }
    }
}

async fn send(socket: &mut WebSocket, frame: Frame) -> Result<(), ()> {
    match timeout(SEND, socket.send(frame)).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(()),
    }
}
