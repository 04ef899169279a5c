//! ICE over TCP (RFC 6544), passive: viewers connect, the first frame (RFC 4571) is a check that says whose the connection
//! is.
//!
//! It must never wait for a viewer that does not read: what does not fit is dropped.

use super::{Routes, addresses, stun};
use crate::transport::{Incoming, Outgoing};
use bytes::{BufMut, Bytes, BytesMut};
use socket2::SockRef;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// Batches of packets that wait for one connection; more are dropped. With the system's buffer about a second at 1 Mb/s.
const MAX_WAITING: usize = 32;

/// What the system may keep of one connection, bytes: a deep buffer is old pictures.
const SEND_BUFFER: usize = 64 * 1024;

/// Whoever connects says who it is within this.
const FIRST_FRAME: Duration = Duration::from_secs(5);

/// Nothing came for so long: whoever was there is gone, or only wants to fill the connections. Browsers ask whether we are
/// there every few seconds (RFC 7675 section 5.1: every 5 s at least).
const IDLE: Duration = Duration::from_secs(30);

/// After an error of accepting (too many files) the listener rests.
const REST: Duration = Duration::from_millis(100);

#[derive(Default)]
struct Connections {
    open: HashMap<SocketAddr, mpsc::Sender<Bytes>>,
}

/// See the head of the file.
pub(crate) struct Tcp {
    address: SocketAddr,
    connections: Arc<Mutex<Connections>>,
    accepting: AbortHandle,
}

fn guarded(connections: &Mutex<Connections>) -> MutexGuard<'_, Connections> {
    connections.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tcp {
    /// Binds, and serves at most `most` connections; `candidates` are our addresses as viewers are told them, given the
    /// address that was bound.
    pub(crate) async fn start(
        address: SocketAddr,
        routes: Arc<Routes>,
        most: usize,
        candidates: impl FnOnce(SocketAddr) -> Vec<SocketAddr>,
    ) -> io::Result<Tcp> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let connections = Arc::new(Mutex::new(Connections::default()));
        let accepting = tokio::spawn(accept(
            listener,
            routes,
            most,
            candidates(address),
            connections.clone(),
        ))
        .abort_handle();
        Ok(Tcp {
            address,
            connections,
            accepting,
        })
    }

    /// Where.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many are connected.
    pub(crate) fn count(&self) -> usize {
        guarded(&self.connections).open.len()
    }

    /// Sends packets on the connection with this address; `false`: it is full.
    pub(super) fn send(&self, to: SocketAddr, packets: &[Outgoing]) -> bool {
        let Some(connection) = guarded(&self.connections).open.get(&to).cloned() else {
            // Gone, or never there: a viewer who connects says port 9 of itself (RFC 6544 section 4.5). ICE notices.
            return true;
        };
        let mut frames =
            BytesMut::with_capacity(packets.iter().map(|packet| packet.data.len() + 2).sum());
        for packet in packets {
            let Ok(len) = u16::try_from(packet.data.len()) else {
                continue;
            };
            frames.put_u16(len);
            frames.put_slice(&packet.data);
        }
        !matches!(
            connection.try_send(frames.freeze()),
            Err(mpsc::error::TrySendError::Full(_))
        )
    }
}

impl Drop for Tcp {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    routes: Arc<Routes>,
    most: usize,
    candidates: Vec<SocketAddr>,
    connections: Arc<Mutex<Connections>>,
) {
    // Connections end with the listener.
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        while tasks.try_join_next().is_some() {}
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a viewer's TCP connection");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        if tasks.len() >= most {
            continue;
        }
        let (routes, candidates, connections) =
            (routes.clone(), candidates.clone(), connections.clone());
        tasks.spawn(async move {
            if let Err(error) = serve(stream, from, &routes, &candidates, &connections).await {
                tracing::debug!(%error, %from, "a viewer's TCP connection ends");
            }
        });
    }
}

pub(super) fn prepare(stream: &TcpStream) -> io::Result<()> {
    // Without this a small packet waits for the acknowledgement of the one before: 40 ms.
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_send_buffer_size(SEND_BUFFER)
}

async fn serve(
    stream: TcpStream,
    from: SocketAddr,
    routes: &Routes,
    candidates: &[SocketAddr],
    connections: &Mutex<Connections>,
) -> io::Result<()> {
    prepare(&stream)?;
    let to = addresses::candidate(candidates, Some(stream.local_addr()?.ip()))
        .ok_or_else(|| io::Error::other("no candidate"))?;
    let (mut reading, writing) = stream.into_split();
    let first = tokio::time::timeout(FIRST_FRAME, frame(&mut reading))
        .await
        .map_err(io::Error::other)??;
    let known = stun::user_name(&first).and_then(|user| routes.of_user(user));
    if known.is_none() {
        return Err(io::Error::other("the first frame is not a viewer's check"));
    }
    let (sender, waiting) = mpsc::channel(MAX_WAITING);
    guarded(connections).open.insert(from, sender);
    let _leave = Leave { connections, from };
    let read = async {
        let mut data = first;
        loop {
            routes.deliver(std::iter::once(Incoming {
                data,
                from,
                to,
                tcp: true,
            }));
            data = tokio::time::timeout(IDLE, frame(&mut reading))
                .await
                .map_err(io::Error::other)??;
        }
    };
    tokio::select! {
        ended = read => ended,
        ended = write(writing, waiting) => ended,
    }
}

struct Leave<'a> {
    connections: &'a Mutex<Connections>,
    from: SocketAddr,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        guarded(self.connections).open.remove(&self.from);
    }
}

async fn frame(reading: &mut OwnedReadHalf) -> io::Result<BytesMut> {
    let len = usize::from(reading.read_u16().await?);
    let mut data = BytesMut::zeroed(len);
    reading.read_exact(&mut data).await?;
    Ok(data)
}

async fn write(mut writing: OwnedWriteHalf, mut waiting: mpsc::Receiver<Bytes>) -> io::Result<()> {
    while let Some(frames) = waiting.recv().await {
        writing.write_all(&frames).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn small_packets_do_not_wait_for_each_other() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("bound");
        let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (near, (far, _)) = (near.expect("connected"), far.expect("accepted"));
        prepare(&far).expect("a socket");
        assert!(far.nodelay().expect("a socket"));
        drop(near);
    }
}
