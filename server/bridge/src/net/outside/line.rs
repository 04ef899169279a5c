//! The way to a TURN server: the bridge's UDP port, or a TCP connection (RFC 8656 section 3.1) out of networks that let no UDP
//! through.
//!
//! It must never know what is sent, or wait for a server that does not read: what does not fit is dropped.

use super::Shared;
use crate::net::stun::{HEADER_LEN, MAGIC_COOKIE};
use crate::net::{Routes, Udp, tcp};
use crate::transport::{Incoming, Outgoing};
use bytes::{Bytes, BytesMut};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Batches of packets that wait; more are dropped. As for a viewer's connection, for all viewers that are relayed.
const MAX_WAITING: usize = 256;

/// A server that does not take a connection within this is not there.
const CONNECT: Duration = Duration::from_secs(5);

/// See the head of the file. Clones are the same.
#[derive(Clone)]
pub(super) enum Line {
    Udp(Arc<Udp>),
    Tcp(mpsc::Sender<Bytes>),
}

impl Line {
    /// Sends one message, or drops it if there is no room.
    pub(super) fn send_now(&self, server: SocketAddr, message: &[u8]) {
        match self {
            Line::Udp(udp) => udp.send_now(server, message),
            // Requests are sent again, and a connection that is gone is noticed.
            Line::Tcp(waiting) => drop(waiting.try_send(Bytes::copy_from_slice(message))),
        }
    }

    /// Sends messages that are addressed to the server; `false`: some were dropped.
    pub(super) async fn send(&self, server: SocketAddr, messages: &[Outgoing]) -> bool {
        let waiting = match self {
            Line::Udp(udp) => return udp.send(server, None, messages).await,
            Line::Tcp(waiting) => waiting,
        };
        let mut bytes = BytesMut::with_capacity(messages.iter().map(|it| it.data.len()).sum());
        for message in messages {
            bytes.extend_from_slice(&message.data);
        }
        !matches!(
            waiting.try_send(bytes.freeze()),
            Err(mpsc::error::TrySendError::Full(_))
        )
    }
}

/// A connection to a server; dropped, it ends.
pub(super) struct Connection(JoinSet<io::Result<()>>);

impl Connection {
    /// What the server sends comes in as if it had come to the UDP port.
    ///
    /// # Errors
    /// It cannot be reached; for people.
    pub(super) async fn open(
        shared: &Shared,
        server: SocketAddr,
    ) -> Result<(Line, Connection), String> {
        let connected = tokio::time::timeout(CONNECT, TcpStream::connect(server)).await;
        let stream = match connected {
            Ok(Ok(stream)) => stream,
            Ok(Err(why)) => return Err(format!("it takes no connection: {why}")),
            Err(_) => return Err("it takes no connection in time".to_owned()),
        };
        tcp::prepare(&stream).map_err(|why| why.to_string())?;
        let (reading, writing) = stream.into_split();
        let (sender, waiting) = mpsc::channel(MAX_WAITING);
        let mut tasks = JoinSet::new();
        tasks.spawn(read(reading, server, shared.routes.clone()));
        tasks.spawn(write(writing, waiting));
        Ok((Line::Tcp(sender), Connection(tasks)))
    }

    /// Until it is over, and why; for people. Cancel-safe.
    pub(super) async fn ended(&mut self) -> String {
        match self.0.join_next().await {
            Some(Ok(Err(why))) => format!("its connection is over: {why}"),
            _ => "its connection is over".to_owned(),
        }
    }
}

async fn read(
    mut reading: OwnedReadHalf,
    server: SocketAddr,
    routes: Arc<Routes>,
) -> io::Result<()> {
    loop {
        let data = message(&mut reading).await?;
        routes.deliver(std::iter::once(Incoming {
            data,
            from: server,
            to: server,
            tcp: false,
        }));
    }
}

/// One message of STUN (RFC 8489 section 6.2.2: its own length says where it ends), at most 64 KiB. No channels are asked for,
/// so that nothing else may come.
async fn message(reading: &mut (impl AsyncReadExt + Unpin)) -> io::Result<BytesMut> {
    let mut data = BytesMut::zeroed(HEADER_LEN);
    reading.read_exact(&mut data).await?;
    if data[0] & 0xc0 != 0 || data[4..8] != MAGIC_COOKIE {
        return Err(io::Error::other("what it sends is no STUN"));
    }
    let body_len = usize::from(u16::from_be_bytes([data[2], data[3]]));
    data.resize(HEADER_LEN + body_len, 0);
    reading.read_exact(&mut data[HEADER_LEN..]).await?;
    Ok(data)
}

async fn write(mut writing: OwnedWriteHalf, mut waiting: mpsc::Receiver<Bytes>) -> io::Result<()> {
    while let Some(messages) = waiting.recv().await {
        writing.write_all(&messages).await?;
    }
    // Nobody sends any more.
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_all(mut bytes: &[u8]) -> (usize, io::Result<BytesMut>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("a runtime").block_on(async {
            let mut count = 0;
            loop {
                match message(&mut bytes).await {
                    Ok(_) => count += 1,
                    error => return (count, error),
                }
            }
        })
    }

    #[test]
    fn messages_follow_each_other_and_what_is_none_ends_the_connection() {
        let mut one = vec![0x01, 0x03, 0, 4];
        one.extend(MAGIC_COOKIE);
        one.extend([7; 12]);
        one.extend([1, 2, 3, 4]);
        let (count, end) = read_all(&one.repeat(3));
        assert_eq!(count, 3);
        assert_eq!(
            end.expect_err("the end").kind(),
            io::ErrorKind::UnexpectedEof
        );
        let mut other = one.repeat(2);
        other[28] = 0xff;
        assert_eq!(other[28], 0xff, "within the second");
        other[24] = 0x40;
        let (count, end) = read_all(&other);
        assert_eq!(
            (count, end.expect_err("no STUN").kind()),
            (1, io::ErrorKind::Other)
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(mut data in proptest::collection::vec(any::<u8>(), 0..200), head: bool) {
            if head && data.len() >= HEADER_LEN {
                data[0] &= 0x3f;
                data[4..8].copy_from_slice(&MAGIC_COOKIE);
            }
            let (_, end) = read_all(&data);
            prop_assert!(end.is_err());
        }
    }
}
