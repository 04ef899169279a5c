//! What is asked of the old server: a connection each, from the address that this peer listens on.
//!
//! This file must never know what the answers lead to.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use old_server::wire::{self, Ask, ListError, MAX_LIST_LEN};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream, lookup_host};

/// The port of old servers.
pub(crate) const DEFAULT_PORT: u16 = 6060;
/// How long resolving, connecting and answering may take together: an old server of one thread may be busy with a client
/// that it cannot reach for two seconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// An old server, as it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OldServer {
    /// `host:port`.
    pub(crate) at: String,
    /// The address that connections come from; `None`: whichever the system takes.
    pub(crate) from: Option<IpAddr>,
    /// Addresses that it comes back from, beside those that its name has.
    pub(crate) also_from: Vec<IpAddr>,
    /// One digit.
    pub(crate) channel: u8,
}

impl fmt::Display for OldServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.at)
    }
}

/// Why the old server was not asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// No connection, or it broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It took too long.
    #[error("no answer within {} s", PATIENCE.as_secs())]
    TimedOut,
    /// Its answer makes no sense.
    #[error("{0}")]
    List(#[from] ListError),
    /// The name has no address.
    #[error("the name has no address")]
    NoAddress,
}

/// Who receives the channel, and which address the server sees us at.
#[derive(Debug)]
pub(crate) struct Receivers {
    /// Of at most [`wire::MAX_RECEIVERS`].
    pub(crate) listed: Vec<IpAddr>,
    /// Ours.
    pub(crate) own: IpAddr,
    /// The connection was closed without an answer: it comes on a connection of its own.
    pub(crate) comes_later: bool,
}

/// Adds the usual port where none is named.
pub(crate) fn with_port(named: &str) -> String {
    let bare_v6 = named.parse::<std::net::Ipv6Addr>().is_ok();
    let has_port = !bare_v6
        && named
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if bare_v6 {
        format!("[{named}]:{DEFAULT_PORT}")
    } else if has_port {
        named.to_owned()
    } else {
        format!("{named}:{DEFAULT_PORT}")
    }
}

impl OldServer {
    /// The addresses that the server comes from, now.
    pub(crate) async fn addresses(&self) -> Result<Vec<IpAddr>, AskError> {
        let found = tokio::time::timeout(PATIENCE, lookup_host(&self.at))
            .await
            .map_err(|_| AskError::TimedOut)??;
        let named = found.map(|addr| addr.ip().to_canonical());
        Ok(named.chain(self.also_from.iter().copied()).collect())
    }

    async fn connect(&self) -> Result<TcpStream, AskError> {
        let mut last = AskError::NoAddress;
        for addr in lookup_host(&self.at).await? {
            let wrong_family = |ip: &IpAddr| ip.is_ipv4() != addr.is_ipv4();
            if self.from.as_ref().is_some_and(wrong_family) {
                continue;
            }
            match self.connect_to(addr).await {
                Ok(stream) => return Ok(stream),
                Err(why) => last = why.into(),
            }
        }
        Err(last)
    }

    async fn connect_to(&self, addr: SocketAddr) -> io::Result<TcpStream> {
        let socket = match addr {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if let Some(from) = self.from {
            socket.bind(SocketAddr::new(from, 0))?;
        }
        socket.connect(addr).await
    }

    async fn ask(&self, ask: Ask) -> Result<(Vec<u8>, IpAddr), AskError> {
        let asking = async {
            let mut stream = self.connect().await?;
            let own = stream.local_addr()?.ip().to_canonical();
            stream.write_all(&wire::request(ask, self.channel)).await?;
            let mut answer = Vec::new();
            let bound = MAX_LIST_LEN as u64 + 1;
            match (&mut stream).take(bound).read_to_end(&mut answer).await {
                Ok(_) => {}
                // It closed without a word, which is an answer to all requests but one.
                Err(why) if why.kind() == io::ErrorKind::ConnectionReset => {}
                Err(why) => return Err(why.into()),
            }
            Ok((answer, own))
        };
        tokio::time::timeout(PATIENCE, asking)
            .await
            .map_err(|_| AskError::TimedOut)?
    }

    /// Asks to be added. The answer comes on a connection of its own. Cancel-safe, as all of these: half a request is none.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub(crate) async fn add(&self) -> Result<(), AskError> {
        self.ask(Ask::Add).await.map(|_| ())
    }

    /// Asks to be removed.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub(crate) async fn remove(&self) -> Result<(), AskError> {
        self.ask(Ask::Remove).await.map(|_| ())
    }

    /// Asks who receives the channel.
    ///
    /// # Errors
    /// When the server cannot be asked, or answers what is no list.
    pub(crate) async fn list(&self) -> Result<Receivers, AskError> {
        let (answer, own) = self.ask(Ask::List).await?;
        let comes_later = answer.trim_ascii().is_empty();
        let listed = if comes_later {
            Vec::new()
        } else {
            wire::parse_list(&answer)?
        };
        Ok(Receivers {
            listed,
            own,
            comes_later,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_port_is_added_where_none_is_named() {
        for (named, full) in [
            ("old.example", "old.example:6060"),
            ("old.example:7", "old.example:7"),
            ("10.0.0.1", "10.0.0.1:6060"),
            ("::1", "[::1]:6060"),
            ("[::1]:61", "[::1]:61"),
        ] {
            assert_eq!(with_port(named), full);
        }
    }
}
