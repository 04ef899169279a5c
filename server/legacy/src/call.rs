//! Connections to clients: this server is the one that calls. An answer or a block, then the end.
//!
//! This file must never know who is on which channel.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd as _;
use std::time::Duration;

use bytes::Bytes;
use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::system;

/// The pause before a client that refused is tried again. A guess: a client that starts to listen is soon noticed.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(20);
/// How long one try of an answer may take: a first packet that is lost is sent again after a second (RFC 6298).
const TRY: Duration = Duration::from_millis(1_500);
/// How long a client may take to close after an answer; then the server does. A guess: reading two bytes.
const CLOSE_PATIENCE: Duration = Duration::from_millis(250);
/// How often it is looked whether a client has taken the end of a block. A guess: small against a round.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// How clients are reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    /// The port on which they listen.
    pub(crate) port: u16,
    /// Where connections come from.
    pub(crate) source: Option<IpAddr>,
    /// How long one that refuses is tried again.
    pub(crate) patience: Duration,
}

impl Caller {
    /// Delivers a short text, and waits a moment for the client to close.
    ///
    /// # Errors
    /// When the client cannot be reached with patience, or breaks off.
    pub(crate) async fn answer(&self, ip: IpAddr, text: &[u8]) -> io::Result<()> {
        let until = Instant::now() + self.patience + TRY;
        let mut stream = self.connect_patiently(ip, until).await?;
        timeout_at(until, async {
            stream.write_all(text).await?;
            stream.shutdown().await
        })
        .await
        .unwrap_or_else(|_| Err(too_slow()))?;
        match timeout(CLOSE_PATIENCE, drain(&mut stream)).await {
            // It is slow to close; the text is on its way.
            Err(_) => Ok(()),
            Ok(closed) => closed,
        }
    }

    /// Delivers a block until `until`. What is not delivered by then, or when this is cancelled, is cut off by a reset:
    /// a client must not take half a block for a whole one. `patiently`: the client may not listen yet.
    ///
    /// # Errors
    /// When the client cannot be reached, breaks off, or has not taken all when the time is over.
    pub(crate) async fn block(
        &self,
        ip: IpAddr,
        block: &Bytes,
        until: Instant,
        patiently: bool,
    ) -> io::Result<()> {
        let sending = async {
            let mut stream = if patiently {
                self.connect_patiently(ip, until).await?
            } else {
                self.connect(ip).await?
            };
            SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
            stream.write_all(block).await?;
            stream.shutdown().await?;
            wait_until_taken(&mut stream).await?;
            SockRef::from(&stream).set_linger(None)
        };
        timeout_at(until, sending)
            .await
            .unwrap_or_else(|_| Err(too_slow()))
    }

    /// Tries again while the client refuses, for the patience.
    async fn connect_patiently(&self, ip: IpAddr, until: Instant) -> io::Result<TcpStream> {
        let patient_until = (Instant::now() + self.patience).min(until);
        loop {
            let tried = timeout_at(until, timeout(TRY, self.connect(ip))).await;
            match tried {
                Ok(Ok(Ok(stream))) => return Ok(stream),
                Ok(Ok(Err(why))) if Instant::now() >= patient_until => return Err(why),
                Ok(Ok(Err(_))) => sleep(TRY_AGAIN_AFTER).await,
                Ok(Err(_)) | Err(_) => return Err(too_slow()),
            }
        }
    }

    async fn connect(&self, ip: IpAddr) -> io::Result<TcpStream> {
        let socket = match ip {
            IpAddr::V4(_) => TcpSocket::new_v4()?,
            IpAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if let Some(source) = self.source
            && source.is_ipv4() == ip.is_ipv4()
        {
            system::bind_source(socket.as_fd(), SocketAddr::new(source, 0))?;
        }
        socket.connect(SocketAddr::new(ip, self.port)).await
    }
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "its time is over")
}

/// Reads and forgets until the client closes.
async fn drain(stream: &mut TcpStream) -> io::Result<()> {
    let mut rest = [0; 512];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// Waits until the client's system has acknowledged everything, the end included. Whether the client itself has read it
/// nobody can see: some close their side long after.
async fn wait_until_taken(stream: &mut TcpStream) -> io::Result<()> {
    let mut is_closed = false;
    while system::unacknowledged(stream)? > 0 {
        if is_closed {
            sleep(LOOK_AGAIN_AFTER).await;
        } else if let Ok(closed) = timeout(LOOK_AGAIN_AFTER, drain(stream)).await {
            closed?;
            is_closed = true;
        }
        if let Some(why) = stream.take_error()? {
            return Err(why);
        }
    }
    // A reset leaves nothing to acknowledge either.
    match stream.take_error()? {
        Some(why) => Err(why),
        None => Ok(()),
    }
}
