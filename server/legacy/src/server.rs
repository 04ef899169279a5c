//! The server as a whole: a thread of its own, so that old clients never hold up what else the process does.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::config::{ConfigError, LegacyConfig};
use crate::counters::Counters;
use crate::state::Shared;
use crate::{rounds, system, visit};

/// Blocks on the way to the server's thread, all channels together. Drop policy: a block that finds it full is dropped
/// and counted. A guess: two rounds of ten channels; it fills only when the thread gets no processor for seconds.
const WAITING_BLOCKS: usize = 20;
/// Connections that wait to be taken. A guess: clients that start together.
const BACKLOG: i32 = 1_024;
/// Threads that wait for blocks of channels that keep their own time. A guess: such a block is a file to be read.
const READERS: usize = 2;
/// File handles that are left to the rest of the process. A guess: the forest has few, chunks are opened one by one.
const HANDLES_OF_OTHERS: u64 = 256;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum LegacyError {
    /// A setting is out of its bounds.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The port of requests cannot be opened.
    #[error("old clients cannot be served: {listen} cannot be opened: {source}")]
    Listen {
        /// Where.
        listen: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The system refuses a thread or file handles.
    #[error("old clients cannot be served: cannot {what}: {source}")]
    System {
        /// What it was asked for.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl LegacyError {
    /// Whether another program has the port.
    pub fn is_port_taken(&self) -> bool {
        matches!(self, Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse)
    }
}

/// A running server; it ends when it is dropped.
pub struct LegacyServer {
    local_addr: SocketAddr,
    capacity: usize,
    shared: Arc<Shared>,
    blocks: mpsc::Sender<Given>,
    runtime: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A block on its way to the thread.
struct Given {
    channel: u8,
    data: Bytes,
    since: Instant,
    lasts: Duration,
}

impl LegacyServer {
    /// Opens the port and starts. Old clients are told of a channel's blocks from the next [`broadcast`] on.
    ///
    /// [`broadcast`]: Self::broadcast
    ///
    /// # Errors
    /// When a setting is out of bounds, the port cannot be opened, or the system refuses a thread.
    pub fn start(config: LegacyConfig) -> Result<Self, LegacyError> {
        config.check()?;
        let refused = |what| move |source| LegacyError::System { what, source };
        let listen = config.listen;
        let listen_failed = |source| LegacyError::Listen { listen, source };
        let listener = open(listen).map_err(listen_failed)?;
        let local_addr = listener.local_addr().map_err(listen_failed)?;
        let capacity = capacity(&config).map_err(refused("count file handles"))?;
        let shared = Arc::new(Shared::new(config, capacity));
        let (blocks, given) = mpsc::channel(WAITING_BLOCKS);
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = sync_channel(1);
        let thread = {
            let shared = shared.clone();
            thread::Builder::new()
                .name("legacy".to_owned())
                .spawn(move || run(&shared, listener, given, stopped, &ready))
                .map_err(refused("start a thread"))?
        };
        let runtime = match is_ready.recv() {
            Ok(Ok(runtime)) => runtime,
            Ok(Err(why)) => return Err(refused("start a runtime")(why)),
            Err(_) => return Err(refused("start a runtime")(io::Error::other("it panicked"))),
        };
        Ok(Self {
            local_addr,
            capacity,
            shared,
            blocks,
            runtime,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where requests are taken.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Clients at most on all channels together: their limits, or what the process's file handles allow.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Puts a block on air on a channel for as long as it `lasts`: every client of the channel gets it, and whoever
    /// joins in that time. Call it when the block's time begins. Never blocks; the bytes are shared, not copied. A block
    /// of a channel that the settings do not have is nobody's.
    ///
    /// Drop policy: when 20 blocks wait for a thread that gets no processor, the new one is dropped and counted.
    pub fn broadcast(&self, channel: u8, block: Bytes, lasts: Duration) {
        if !self.shared.config.channels.contains_key(&channel) {
            return;
        }
        let given = Given {
            channel,
            data: block,
            since: Instant::now(),
            lasts,
        };
        if self.blocks.try_send(given).is_err() {
            self.shared.tally.blocks_dropped.add(1);
        }
    }

    /// Lets a channel keep its own time, as the original's channels do: the block that `next` gives goes to all clients;
    /// once the last of them has it, or has failed, the pause of the settings follows, then the next block. `None` from
    /// `next` means that there is none yet: it is asked again after the pause. It may block, on a thread of its own, but
    /// not for long: the server does not end before it returns. Call this once a channel, and [`broadcast`] not at all
    /// on it. A channel that the settings do not have is nobody's.
    ///
    /// [`broadcast`]: Self::broadcast
    pub fn play(&self, channel: u8, next: impl FnMut() -> Option<Bytes> + Send + 'static) {
        if self.shared.config.channels.contains_key(&channel) {
            let rounds = rounds::play(self.shared.clone(), channel, Box::new(next));
            self.runtime.spawn(rounds);
        }
    }

    /// The sums since the start, and how many clients there are now.
    pub fn counters(&self) -> Counters {
        self.shared.counters()
    }

    /// Ends all connections and the thread. Takes some milliseconds; dropping does the same.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for LegacyServer {
    fn drop(&mut self) {
        // The thread listens to this alone; a receiver that is gone has panicked and is joined all the same.
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the server of old clients panicked");
        }
    }
}

/// Opens the port of requests, ready to be given to a runtime.
fn open(listen: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(
        Domain::for_address(listen),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Connections of an earlier process that linger do not keep the port; a process that listens does.
    socket.set_reuse_address(true)?;
    if listen.is_ipv6() {
        // [::] takes IPv4 too, whatever the system's setting is.
        socket.set_only_v6(false)?;
    }
    socket.bind(&listen.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Clients at most: each is a file handle during its turn, each request two.
fn capacity(config: &LegacyConfig) -> io::Result<usize> {
    let wanted: usize = config.channels.values().sum();
    let others = HANDLES_OF_OTHERS + 2 * config.max_requests as u64;
    let handles = system::file_handles(wanted as u64 + others)?;
    let possible = usize::try_from(handles.saturating_sub(others)).unwrap_or(usize::MAX);
    if possible < wanted {
        tracing::warn!(
            wanted,
            possible,
            "the limit of open files allows fewer old clients than the channels; raise it (ulimit -n, LimitNOFILE=)"
        );
    }
    Ok(possible.min(wanted))
}

fn run(
    shared: &Arc<Shared>,
    listener: std::net::TcpListener,
    given: mpsc::Receiver<Given>,
    stopped: oneshot::Receiver<()>,
    ready: &std::sync::mpsc::SyncSender<io::Result<Handle>>,
) {
    let started = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(READERS)
        .build()
        .and_then(|runtime| {
            let _inside = runtime.enter();
            let listener = TcpListener::from_std(listener)?;
            Ok((runtime, listener))
        });
    let (runtime, listener) = match started {
        Ok(started) => started,
        Err(why) => {
            let _ = ready.send(Err(why));
            return;
        }
    };
    system::step_back();
    // Whoever started the server waits for this.
    let _ = ready.send(Ok(runtime.handle().clone()));
    runtime.block_on(async {
        tokio::select! {
            () = visit::serve(shared, listener) => {}
            () = air(shared, given) => {}
            // Gone is the signal.
            _ = stopped => {}
        }
    });
}

/// Puts on air what is given.
async fn air(shared: &Shared, mut given: mpsc::Receiver<Given>) {
    while let Some(block) = given.recv().await {
        // The channel's time goes on, whether its clients are done or not.
        let _ = shared.air(block.channel, block.data, block.since, block.lasts);
    }
}
