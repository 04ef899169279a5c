//! The driver: sockets, the clock and the control lines around two [`Link`]s.
//! It decides nothing about packets.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use crate::clients::Clients;
use crate::control::{Command, Direction};
use crate::link::{Counters, Link, Settings};

/// The largest datagram that UDP carries.
const MAX_DATAGRAM_BYTES: usize = 65_535;

/// Datagrams that came from the server and were not looked at yet; more of them
/// wait in the kernel. A guess: 1.5 MB of full packets.
const FROM_SERVER_QUEUE_LEN: usize = 1_024;

/// How often silent clients are looked for.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(1);

/// Something from a client's own socket.
enum FromServer {
    Datagram(SocketAddr, Vec<u8>),
    /// The socket does not work any more; the client's next packet opens a new
    /// one.
    Failed(SocketAddr),
}

/// A client's way to the server. Dropping it ends the reading.
struct Upstream {
    socket: Arc<UdpSocket>,
    reader: JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// The proxy.
pub(crate) struct Proxy {
    listener: UdpSocket,
    server: SocketAddr,
    started: Instant,
    to_server: Link<(SocketAddr, Vec<u8>)>,
    to_client: Link<(SocketAddr, Vec<u8>)>,
    clients: Clients<Upstream>,
    from_server: mpsc::Receiver<FromServer>,
    from_server_tx: mpsc::Sender<FromServer>,
    faults: Faults,
}

/// What went wrong around the path, as opposed to on it.
#[derive(Default)]
struct Faults {
    /// Packets of clients for which there was no place or no socket.
    no_place: u64,
    /// Packets that the kernel did not take.
    not_sent: u64,
}

impl Proxy {
    /// Binds the listening socket.
    ///
    /// # Errors
    /// The address, and what the system says of it.
    pub(crate) async fn bind(
        listen: SocketAddr,
        server: SocketAddr,
        settings: Settings,
        seed: u64,
    ) -> Result<Self, String> {
        let listener = UdpSocket::bind(listen)
            .await
            .map_err(|error| format!("cannot listen on {listen}: {error}"))?;
        listener
            .writable()
            .await
            .map_err(|error| format!("cannot send from {listen}: {error}"))?;
        let (from_server_tx, from_server) = mpsc::channel(FROM_SERVER_QUEUE_LEN);
        Ok(Self {
            listener,
            server,
            started: Instant::now(),
            to_server: Link::new(settings.clone(), seed),
            // Another stream of fates: the two directions must not lose the
            // same packets.
            to_client: Link::new(settings, !seed),
            clients: Clients::new(),
            from_server,
            from_server_tx,
            faults: Faults::default(),
        })
    }

    /// Where clients send to.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn listening_on(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Forwards until a command ends it, or until nobody can give one any more
    /// (the sender is dropped). Answers go to `answer`, one line each. Not
    /// cancel-safe: packets on their way would be lost.
    pub(crate) async fn run(
        &mut self,
        commands: &mut mpsc::Receiver<Result<Command, String>>,
        mut answer: impl FnMut(String),
    ) {
        let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
        let mut expiry = tokio::time::interval(EXPIRY_INTERVAL);
        expiry.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let due = self.next_arrival();
            tokio::select! {
                received = self.listener.recv_from(&mut buffer) => {
                    // An error here is about an earlier packet that could not
                    // be delivered; the socket itself goes on.
                    if let Ok((length, client)) = received {
                        self.take_from_client(client, &buffer[..length]).await;
                    }
                }
                Some(event) = self.from_server.recv() => self.take_from_server(event),
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                _ = expiry.tick() => {
                    let now_us = self.now_us();
                    self.clients.expire(now_us);
                }
                command = commands.recv() => match command {
                    None | Some(Ok(Command::Quit)) => return,
                    Some(Ok(command)) => answer(self.obey(command)),
                    Some(Err(problem)) => answer(format!("error {problem}")),
                },
            }
            self.deliver();
        }
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn next_arrival(&self) -> Option<Instant> {
        let to_server = self.to_server.next_arrival_us().into_iter();
        let due_us = to_server.chain(self.to_client.next_arrival_us()).min()?;
        Some(self.started + Duration::from_micros(due_us))
    }

    async fn take_from_client(&mut self, client: SocketAddr, datagram: &[u8]) {
        let now_us = self.now_us();
        if self.clients.touch(now_us, client).is_none() {
            let upstream = if self.clients.has_place() {
                open_upstream(client, self.server, self.from_server_tx.clone()).await
            } else {
                Err(io::ErrorKind::QuotaExceeded.into())
            };
            match upstream {
                Ok(upstream) => self.clients.insert(now_us, client, upstream),
                Err(_) => {
                    self.faults.no_place += 1;
                    return;
                }
            }
        }
        let payload = (client, datagram.to_vec());
        self.to_server.offer(now_us, datagram.len(), payload);
    }

    fn take_from_server(&mut self, event: FromServer) {
        match event {
            FromServer::Failed(client) => self.clients.remove(client),
            FromServer::Datagram(client, datagram) => {
                let now_us = self.now_us();
                if self.clients.touch(now_us, client).is_some() {
                    let length = datagram.len();
                    self.to_client.offer(now_us, length, (client, datagram));
                }
            }
        }
    }

    /// Hands over what has arrived. Never waits: what the kernel does not take
    /// at once is dropped and counted, as a card would do.
    fn deliver(&mut self) {
        let now_us = self.now_us();
        while let Some((client, datagram)) = self.to_server.take(now_us) {
            let sent = match self.clients.touch(now_us, client) {
                Some(upstream) => upstream.socket.try_send(&datagram).is_ok(),
                None => false,
            };
            self.faults.not_sent += u64::from(!sent);
        }
        while let Some((client, datagram)) = self.to_client.take(now_us) {
            let sent = self.listener.try_send_to(&datagram, client).is_ok();
            self.faults.not_sent += u64::from(!sent);
        }
    }

    fn obey(&mut self, command: Command) -> String {
        match command {
            Command::Change(direction, change) => {
                let now_us = self.now_us();
                if direction != Some(Direction::ToClient) {
                    self.to_server.change(now_us, change);
                }
                if direction != Some(Direction::ToServer) {
                    self.to_client.change(now_us, change);
                }
                "ok".to_owned()
            }
            Command::Stats | Command::Quit => self.stats(),
        }
    }

    /// What became of all packets: `stats` and one JSON object.
    pub(crate) fn stats(&self) -> String {
        format!(
            "stats {{\"to_server\":{},\"to_client\":{},\"clients\":{},\"no_place\":{},\"not_sent\":{}}}",
            json(self.to_server.counters()),
            json(self.to_client.counters()),
            self.clients.len(),
            self.faults.no_place,
            self.faults.not_sent
        )
    }
}

fn json(counters: Counters) -> String {
    let Counters {
        forwarded,
        forwarded_bytes,
        lost,
        queue_full,
        cut,
    } = counters;
    format!(
        "{{\"forwarded\":{forwarded},\"forwarded_bytes\":{forwarded_bytes},\"lost\":{lost},\"queue_full\":{queue_full},\"cut\":{cut}}}"
    )
}

/// A socket of its own for a client, so that the server sees clients apart.
async fn open_upstream(
    client: SocketAddr,
    server: SocketAddr,
    events: mpsc::Sender<FromServer>,
) -> io::Result<Upstream> {
    let any = match server {
        SocketAddr::V4(_) => SocketAddr::from(([0, 0, 0, 0], 0)),
        SocketAddr::V6(_) => SocketAddr::from(([0_u16; 8], 0)),
    };
    let socket = Arc::new(UdpSocket::bind(any).await?);
    socket.connect(server).await?;
    // The runtime learns that a new socket can be written to at its next turn;
    // until then `try_send` would refuse.
    socket.writable().await?;
    let reader = tokio::spawn(read_upstream(client, Arc::clone(&socket), events));
    Ok(Upstream { socket, reader })
}

async fn read_upstream(
    client: SocketAddr,
    socket: Arc<UdpSocket>,
    events: mpsc::Sender<FromServer>,
) {
    let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
    loop {
        let event = match socket.recv(&mut buffer).await {
            Ok(length) => FromServer::Datagram(client, buffer[..length].to_vec()),
            // Nobody listens there (yet): one such error a packet sent, and
            // the path goes on.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
            Err(_) => FromServer::Failed(client),
        };
        let is_last = matches!(event, FromServer::Failed(_));
        if events.send(event).await.is_err() || is_last {
            return;
        }
    }
}
