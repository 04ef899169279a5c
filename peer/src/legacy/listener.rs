//! The port at which the old server comes back with its answers and its blocks: every connection is one of them, and ends
//! with it.
//!
//! Whoever is not the old server is sent away. What is read is bounded in bytes and in time before anybody looks at it.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use media_model::MAX_CHUNK_LEN;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

/// The port of old clients.
pub(crate) const DEFAULT_CLIENT_PORT: u16 = 9091;
/// What came and was not looked at yet: an answer and some blocks. Behind it, connections wait.
const MAX_CAME: usize = 4;
/// Connections that are read at once: a block, an answer, and one that hangs.
const MAX_READING: usize = 4;
/// How long a connection may bring nothing.
const IDLE: Duration = Duration::from_secs(4);
/// How long a block may take: several rounds. What takes longer never catches up.
const LONGEST: Duration = Duration::from_secs(15);
/// What a buffer begins with: the usual block fits into a few of its doublings.
const FIRST_CAPACITY: usize = 64 * 1024;
/// Bytes taken from the socket at once.
const READ_LEN: usize = 256 * 1024;
/// Strangers that were spoken of; then it is begun anew, so that neither the log nor this grows with their number.
const MAX_STRANGERS: usize = 256;
/// After the system refused a connection, for want of descriptors for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the old server brought.
#[derive(Debug)]
pub(crate) enum Came {
    /// A connection that ended as it should.
    All(Bytes),
    /// One that did not: what is wrong.
    Broken(String),
}

/// The addresses that the old server comes from; they may change with its name.
type Servers = Arc<Mutex<Vec<IpAddr>>>;

/// Connections whose end has not been handed on yet.
#[derive(Debug, Clone, Default)]
struct Reading(Arc<AtomicUsize>);

impl Reading {
    /// Whether there is none.
    fn is_idle(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    fn one_more(&self) -> OneRead {
        self.0.fetch_add(1, Ordering::Relaxed);
        OneRead(self.clone())
    }
}

/// One of them.
struct OneRead(Reading);

impl Drop for OneRead {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether a connection from `ip` is the old server's. On one machine a server comes from whichever loopback address the
/// system takes.
fn is_one_of(servers: &[IpAddr], ip: IpAddr) -> bool {
    servers
        .iter()
        .any(|server| *server == ip || (server.is_loopback() && ip.is_loopback()))
}

/// Opens the port.
pub(crate) fn open(addr: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(addr)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// What the port brings, and what is known about it.
#[derive(Debug)]
pub(crate) struct Inbox {
    /// What came and was not looked at yet.
    pub(crate) came: mpsc::Receiver<Came>,
    servers: Servers,
    reading: Reading,
}

impl Inbox {
    /// From now on only connections from these addresses are taken.
    pub(crate) fn take_from(&self, servers: Vec<IpAddr>) {
        *self.servers.lock().unwrap_or_else(PoisonError::into_inner) = servers;
    }

    /// Whether nothing waits, and nothing is being read.
    pub(crate) fn is_quiet(&self) -> bool {
        // In this order: what was read is counted until it waits.
        self.reading.is_idle() && self.came.is_empty()
    }

    /// Takes no more connections: who still makes one sees it refused. What came can be taken.
    pub(crate) fn close(&mut self) {
        self.came.close();
    }
}

/// Takes connections, in a task of their own, for as long as there is the inbox; from nobody before
/// [`Inbox::take_from`].
pub(crate) fn start(listener: TcpListener) -> Inbox {
    let (sender, came) = mpsc::channel(MAX_CAME);
    let (servers, reading) = (Servers::default(), Reading::default());
    tokio::spawn(run(listener, servers.clone(), reading.clone(), sender));
    Inbox {
        came,
        servers,
        reading,
    }
}

async fn run(listener: TcpListener, servers: Servers, reading: Reading, came: mpsc::Sender<Came>) {
    let mut strangers = BTreeSet::new();
    let places = Arc::new(Semaphore::new(MAX_READING));
    loop {
        // Whether anybody wants it is asked first, so that nothing is taken after the inbox was closed.
        let permit = tokio::select! {
            biased;
            () = came.closed() => return,
            permit = places.clone().acquire_owned() => permit,
        };
        let Ok(permit) = permit else { return };
        let (stream, from) = match tokio::select! {
            biased;
            () = came.closed() => return,
            accepted = listener.accept() => accepted,
        } {
            Ok(accepted) => accepted,
            Err(why) => {
                tracing::warn!(%why, "a connection of the old server could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let from = from.ip().to_canonical();
        let known = is_one_of(
            &servers.lock().unwrap_or_else(PoisonError::into_inner),
            from,
        );
        if !known {
            if strangers.insert(from) {
                tracing::warn!(%from, "a connection that is not the old server's was closed; if it is, --legacy-from takes it");
            }
            if strangers.len() > MAX_STRANGERS {
                strangers.clear();
            }
            continue;
        }
        let (came, one) = (came.clone(), reading.one_more());
        tokio::spawn(async move {
            let brought = match tokio::time::timeout(LONGEST, read(stream)).await {
                Ok(brought) => brought,
                Err(_) => Came::Broken(format!("it took longer than {} s", LONGEST.as_secs())),
            };
            // Nobody wants it when the peer ends.
            let _ = came.send(brought).await;
            drop((one, permit));
        });
    }
}

async fn read(mut stream: TcpStream) -> Came {
    let mut bytes = Vec::with_capacity(FIRST_CAPACITY);
    loop {
        let room = MAX_CHUNK_LEN.saturating_sub(bytes.len() as u64) + 1;
        bytes.reserve(READ_LEN.min(room as usize));
        let mut limited = (&mut stream).take(room.min(READ_LEN as u64));
        let read = tokio::time::timeout(IDLE, limited.read_buf(&mut bytes)).await;
        match read {
            Err(_) => {
                return Came::Broken(format!(
                    "nothing came for {} s after {} bytes",
                    IDLE.as_secs(),
                    bytes.len()
                ));
            }
            Ok(Err(why)) => {
                return Came::Broken(format!("{why} after {} bytes", bytes.len()));
            }
            Ok(Ok(0)) => return Came::All(bytes.into()),
            Ok(Ok(_)) if bytes.len() as u64 > MAX_CHUNK_LEN => {
                return Came::Broken(format!("it is longer than {MAX_CHUNK_LEN} bytes"));
            }
            Ok(Ok(_)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use tokio::io::AsyncWriteExt as _;

    use super::*;

    async fn listening(server: &str) -> (SocketAddr, Inbox) {
        let listener = open("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let addr = listener.local_addr().expect("it has one");
        let inbox = start(listener);
        inbox.take_from(vec![server.parse().expect("an address")]);
        (addr, inbox)
    }

    #[tokio::test]
    async fn what_the_old_server_brings_ends_with_its_connection() {
        let (addr, mut inbox) = listening("127.0.0.1").await;
        for word in [&b"10"[..], &[7; 300_000], b""] {
            let mut stream = TcpStream::connect(addr).await.expect("taken");
            stream.write_all(word).await.expect("written");
            drop(stream);
            match inbox.came.recv().await.expect("something") {
                Came::All(bytes) => assert_eq!(bytes, word),
                Came::Broken(why) => panic!("{why}"),
            }
        }
    }

    #[tokio::test]
    async fn what_is_on_its_way_is_known_until_it_is_taken() {
        let (addr, mut inbox) = listening("127.0.0.1").await;
        let mut stream = TcpStream::connect(addr).await.expect("taken");
        stream.write_all(b"half a").await.expect("written");
        while inbox.is_quiet() {
            tokio::task::yield_now().await;
        }
        stream.write_all(b" block").await.expect("written");
        drop(stream);
        // It is known at every moment until it is taken.
        let brought = loop {
            assert!(!inbox.is_quiet());
            match inbox.came.try_recv() {
                Ok(brought) => break brought,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        assert!(matches!(brought, Came::All(bytes) if bytes == "half a block"));
        while !inbox.is_quiet() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn after_the_end_nothing_is_taken_that_nobody_would_have() {
        let (addr, mut inbox) = listening("127.0.0.1").await;
        // In one step of this thread, which is the listener's too: it cannot look at the connection before the end.
        let mut early = std::net::TcpStream::connect(addr).expect("the system takes it");
        early.write_all(b"a block").expect("written");
        assert!(inbox.is_quiet());
        inbox.close();
        assert!(inbox.came.recv().await.is_none());
        let refused = tokio::task::spawn_blocking(move || early.read_to_end(&mut Vec::new()));
        let refused = refused.await.expect("no panic");
        assert!(refused.is_err(), "it was not read, and its sender is told");
        assert!(TcpStream::connect(addr).await.is_err());
    }

    #[tokio::test]
    async fn an_endless_block_ends_at_the_bound() {
        let (addr, mut inbox) = listening("127.0.0.1").await;
        let mut stream = TcpStream::connect(addr).await.expect("taken");
        tokio::spawn(async move {
            let piece = vec![1; 1 << 20];
            while stream.write_all(&piece).await.is_ok() {}
        });
        match inbox.came.recv().await.expect("something") {
            Came::Broken(why) => assert!(why.contains("longer than"), "{why}"),
            Came::All(bytes) => panic!("{} bytes were taken", bytes.len()),
        }
    }

    #[tokio::test]
    async fn a_stranger_is_sent_away_and_brings_nothing() {
        let (addr, mut inbox) = listening("192.0.2.9").await;
        let mut stream = TcpStream::connect(addr).await.expect("taken");
        let mut end = Vec::new();
        // Closed at once, politely or not.
        let _ = stream.read_to_end(&mut end).await;
        assert!(end.is_empty());
        assert!(inbox.came.try_recv().is_err());
    }
}
