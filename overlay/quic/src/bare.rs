//! A bare QUIC copy, one in and many out: what the relay's cost is compared with. And raw children that only read.
//!
//! Measuring code, behind the feature `bare`; no program of the product uses it. Same sockets, TLS and transport as the
//! relay, same streams in, same streams out; nothing is verified, kept, decided or counted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use overlay_core::wire::VERSION;
use overlay_core::{Hello, Message, Progress, Tick, Want};
use quinn::{
    ClientConfig, Connection, Endpoint, EndpointConfig, RecvStream, ServerConfig, TokioRuntime,
};
use tokio::sync::mpsc;

use crate::control::{self, Reader};
use crate::frame::{STREAM_HEAD_LEN, StreamHead};
use crate::identity::{Identity, SERVER_NAME};
use crate::pieces::Pieces;
use crate::serve::priority;
use crate::{socket, tls, transport};

/// Bytes that are copied at once: a block and what is around it.
const PIECE: usize = 16 * 1024 + 512;
/// Between heartbeats of a raw child, as the state machine's.
const HEARTBEAT: Duration = Duration::from_millis(50);
/// Between attempts to attach at a node that has no place yet.
const RETRY: Duration = Duration::from_millis(20);

/// Whatever goes wrong ends the measurement.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A socket and an identity, without a forest.
pub struct Bare {
    quinn: Endpoint,
    client: ClientConfig,
}

impl Bare {
    /// Binds `listen`. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When it cannot be bound.
    pub fn bind(listen: SocketAddr) -> Result<Self, Error> {
        let identity = Identity::generate()?;
        let mut server = ServerConfig::with_crypto(Arc::new(tls::server(&identity)?));
        server.transport_config(transport::config());
        let mut client = ClientConfig::new(Arc::new(tls::client(&identity, crate::ALPN)?));
        client.transport_config(transport::config());
        let socket = socket::bind(listen)?;
        let quinn = Endpoint::new(
            EndpointConfig::default(),
            Some(server),
            socket,
            Arc::new(TokioRuntime),
        )?;
        Ok(Self { quinn, client })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the socket is gone.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        Ok(self.quinn.local_addr()?)
    }

    /// Becomes a child of a member or root of channel 0 in all of its stripes, says a heartbeat now and then, and serves
    /// nobody.
    ///
    /// # Errors
    /// When it cannot be linked.
    pub async fn child_of(&self, addr: SocketAddr) -> Result<Connection, Error> {
        let conn = self
            .quinn
            .connect_with(self.client.clone(), addr, SERVER_NAME)?
            .await?;
        let (mut send, recv) = conn.open_bi().await?;
        send.write_chunk(control::framed(&Message::Hello(hello(addr))))
            .await?;
        let mut reader = Reader::new(recv);
        let stripes = {
            let hello = reader.hello().await?;
            hello.data + hello.parity
        };
        let (say, mut said) = mpsc::channel::<Message>(usize::from(stripes.max(1)));
        for stripe in 0..stripes {
            say.try_send(attach(stripe))?;
        }
        tokio::spawn(async move {
            let mut beat = tokio::time::interval(HEARTBEAT);
            loop {
                let message = tokio::select! {
                    _ = beat.tick() => Message::Pulse { beats: vec![], progress: Progress::default(), newest_whole: None },
                    Some(message) = said.recv() => message,
                };
                if send.write_chunk(control::framed(&message)).await.is_err() {
                    return;
                }
            }
        });
        let mut accepted = 0;
        while accepted < stripes {
            match reader.message().await? {
                Message::Accept { .. } => accepted += 1,
                Message::Redirect { stripe, .. } => {
                    tokio::time::sleep(RETRY).await;
                    say.send(attach(stripe)).await?;
                }
                _ => {}
            }
        }
        tokio::spawn(async move {
            let _kept_open = say;
            while reader.message().await.is_ok() {}
        });
        Ok(conn)
    }

    /// A plain connection, to a bare copy.
    ///
    /// # Errors
    /// When nobody is there.
    pub async fn connect(&self, addr: SocketAddr) -> Result<Connection, Error> {
        Ok(self
            .quinn
            .connect_with(self.client.clone(), addr, SERVER_NAME)?
            .await?)
    }

    /// Takes `children` connections, then copies every stream that comes from `parent` to each of them, until the parent
    /// closes.
    ///
    /// # Errors
    /// When a connection breaks before that.
    pub async fn copy(&self, parent: Connection, children: usize) -> Result<(), Error> {
        let mut conns = Vec::new();
        while conns.len() < children {
            conns.push(
                self.quinn
                    .accept()
                    .await
                    .ok_or("the endpoint was closed")?
                    .await?,
            );
        }
        while let Ok(stream) = parent.accept_uni().await {
            let conns = conns.clone();
            tokio::spawn(async move {
                // A child that goes away ends its measurement, which says so.
                let _ = copy_stream(stream, &conns).await;
            });
        }
        Ok(())
    }
}

fn hello(observed: SocketAddr) -> Hello {
    Hello {
        version: VERSION,
        channel: 0,
        incarnation: 1,
        fan_out: 0,
        reachable: false,
        root: false,
        primary: None,
        lacking: None,
        observed,
        data: 0,
        parity: 0,
        progress: Progress::default(),
        newest_whole: None,
    }
}

fn attach(stripe: u8) -> Message {
    let (tick, want) = (Tick::default(), Want::default());
    Message::Attach {
        stripe,
        tick,
        urgent: true,
        primary: None,
        desperate: true,
        want,
    }
}

async fn copy_stream(stream: RecvStream, conns: &[Connection]) -> Result<(), Error> {
    let mut pieces = Pieces::new(stream);
    let bytes = pieces
        .full(STREAM_HEAD_LEN)
        .await?
        .ok_or("a stream without a head")?;
    let head = StreamHead::parse(bytes[..].try_into()?)?;
    let mut streams = Vec::new();
    for conn in conns {
        let mut stream = conn.open_uni().await?;
        stream.set_priority(priority(head.seq))?;
        stream.write_chunk(bytes.clone()).await?;
        streams.push(stream);
    }
    while let Some(piece) = pieces.full(PIECE).await? {
        for stream in &mut streams {
            stream.write_chunk(piece.clone()).await?;
        }
    }
    for stream in &mut streams {
        stream.finish()?;
    }
    Ok(())
}

/// Reads everything that comes and throws it away; gives the chunk's number and the bytes of every stream that ends.
///
/// # Errors
/// When the connection ends.
pub async fn drain(conn: Connection, ended: mpsc::Sender<(u64, u64)>) -> Result<(), Error> {
    loop {
        let stream = conn.accept_uni().await?;
        let ended = ended.clone();
        tokio::spawn(async move {
            // A stream that breaks is one that does not end.
            let _ = drain_stream(stream, ended).await;
        });
    }
}

async fn drain_stream(
    mut stream: RecvStream,
    ended: mpsc::Sender<(u64, u64)>,
) -> Result<(), Error> {
    let mut head = [0; STREAM_HEAD_LEN];
    stream.read_exact(&mut head).await?;
    let seq = StreamHead::parse(&head)?.seq;
    let mut bytes = STREAM_HEAD_LEN as u64;
    let mut batch = [const { Bytes::new() }; 32];
    while let Some(count) = stream.read_chunks(&mut batch).await? {
        bytes += batch[..count]
            .iter()
            .map(|piece| piece.len() as u64)
            .sum::<u64>();
    }
    ended.send((seq, bytes)).await?;
    Ok(())
}
