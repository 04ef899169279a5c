//! The control stream of a link: messages out through a bounded buffer, messages in one by one.
//!
//! On the wire a message is its length (u32, big-endian) and its bytes. A message is written together with all others
//! that wait, so a busy link costs one wake-up and one packet for many of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use overlay_core::wire::{MAX_MESSAGE_LEN, WireError};
use overlay_core::{Cause, Hello, Message};
use quinn::{Connection, SendStream};
use tokio::sync::Notify;

use crate::channel::Channel;
use crate::link::{self, LinkRef};
use crate::pieces::{Pieces, PiecesError};

/// Bytes of messages that may wait for a link: four of the largest possible, thousands of the usual. A peer that does not
/// take them for so long that this overflows is too slow.
const MAX_WAITING: usize = 256 * 1024;
/// How long a link that is closed politely may take for its last messages. Some round trips of a far peer. A guess.
const CLOSE_WAIT: Duration = Duration::from_millis(500);
/// Control goes before any block.
const PRIORITY: i32 = i32::MAX;

/// Why no message could be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error(transparent)]
    Pieces(#[from] PiecesError),
    #[error("the control stream ended")]
    Ended,
    #[error("the first message is not a hello")]
    NoHello,
}

impl ControlError {
    /// Whether the other end broke the protocol, as opposed to a link that broke.
    pub(crate) fn is_corrupt(&self) -> bool {
        match self {
            ControlError::Wire(_)
            | ControlError::NoHello
            | ControlError::Pieces(PiecesError::Truncated) => true,
            ControlError::Pieces(PiecesError::Read(_)) | ControlError::Ended => false,
        }
    }
}

fn put(out: &mut BytesMut, message: &Message) {
    let bytes = message.encode();
    out.put_u32(u32::try_from(bytes.len()).expect("a message is at most 64 KiB"));
    out.put_slice(&bytes);
}

/// A message as it goes on the wire.
pub(crate) fn framed(message: &Message) -> Bytes {
    let mut out = BytesMut::new();
    put(&mut out, message);
    out.freeze()
}

/// Reads the messages of a link.
pub(crate) struct Reader {
    pieces: Pieces,
    buffer: Vec<u8>,
}

impl Reader {
    pub(crate) fn new(stream: quinn::RecvStream) -> Self {
        Self {
            pieces: Pieces::new(stream),
            buffer: Vec::new(),
        }
    }

    /// The next message. Not cancel-safe.
    pub(crate) async fn message(&mut self) -> Result<Message, ControlError> {
        if !self.pieces.next_into(&mut self.buffer, 4).await? {
            return Err(ControlError::Ended);
        }
        let len = self.buffer[..4]
            .try_into()
            .map(u32::from_be_bytes)
            .expect("four bytes were read");
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if len > MAX_MESSAGE_LEN {
            return Err(WireError::TooLong(len).into());
        }
        self.pieces.rest_into(&mut self.buffer, len).await?;
        Ok(Message::decode(&self.buffer)?)
    }

    /// The first message. Not cancel-safe.
    pub(crate) async fn hello(&mut self) -> Result<Hello, ControlError> {
        match self.message().await? {
            Message::Hello(hello) => Ok(hello),
            _ => Err(ControlError::NoHello),
        }
    }
}

/// Gives every message that comes to the channel, until the link ends.
pub(crate) async fn read(channel: Arc<Channel>, link: LinkRef, mut reader: Reader) {
    loop {
        match reader.message().await {
            Ok(message) => channel.message(&link, message),
            Err(why) if why.is_corrupt() => {
                tracing::debug!(peer = %link.peer.short(), %why, "control message refused");
                channel.corrupt(&link);
                return;
            }
            Err(ControlError::Ended) => {
                // The other end closes politely: its close, with the cause, follows at once.
                if tokio::time::timeout(CLOSE_WAIT, link.conn.closed())
                    .await
                    .is_err()
                {
                    channel.link_lost(&link, Cause::Lost);
                }
                return;
            }
            // The connection's end is noticed, with its cause, where streams are accepted.
            Err(_) => return,
        }
    }
}

#[derive(Default)]
struct Waiting {
    bytes: BytesMut,
    closing: Option<Cause>,
}

/// Messages that wait for a link. Over [`MAX_WAITING`] nothing more goes in: the link is to be closed as too slow.
#[derive(Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    wake: Notify,
    closing: Notify,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `false`: there is no room.
    pub(crate) fn push(&self, message: &Message) -> bool {
        let mut waiting = self.lock();
        if waiting.bytes.len() > MAX_WAITING {
            return false;
        }
        put(&mut waiting.bytes, message);
        drop(waiting);
        self.wake.notify_one();
        true
    }

    /// Ends the link after what waits.
    pub(crate) fn close(&self, cause: Cause) {
        self.lock().closing.get_or_insert(cause);
        self.wake.notify_one();
        self.closing.notify_one();
    }
}

/// Writes what is put into `outbox`, until it is closed; then closes the connection with that cause.
pub(crate) async fn write(outbox: Arc<Outbox>, conn: Connection, stream: SendStream) {
    let overdue = async {
        outbox.closing.notified().await;
        tokio::time::sleep(CLOSE_WAIT).await;
    };
    tokio::select! {
        () = write_all(&outbox, stream) => {}
        () = overdue => {}
        _ = conn.closed() => return,
    }
    let cause = outbox.lock().closing.unwrap_or(Cause::Lost);
    link::close(&conn, cause);
}

async fn write_all(outbox: &Outbox, mut stream: SendStream) {
    // It fails only for a stream that is over, and then the next write says so.
    let _ = stream.set_priority(PRIORITY);
    loop {
        let (bytes, closing) = {
            let mut waiting = outbox.lock();
            (waiting.bytes.split().freeze(), waiting.closing.is_some())
        };
        if !bytes.is_empty() {
            if stream.write_chunk(bytes).await.is_err() {
                return;
            }
        } else if closing {
            // An error says that the stream is over already.
            let _ = stream.finish();
            let _ = stream.stopped().await;
            return;
        } else {
            outbox.wake.notified().await;
        }
    }
}
