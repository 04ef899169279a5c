//! The processes of L1: a server of old clients, and many old clients at addresses of 127.32.0.0/16.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use server_legacy::{DEFAULT_CLIENT_PORT, LegacyConfig, LegacyServer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

use super::ROUND;
use crate::report::Error;

/// Clients that join at the same time. A guess: a crowd that comes within seconds.
const JOIN_AT_ONCE: usize = 64;
/// How long after the last round a block may come that is still counted, late as it is.
const GRACE: Duration = Duration::from_secs(3);
/// What a client reads at once.
const READ_LEN: usize = 32 * 1024;

/// One process of a run: what follows `l1-role` on the command line.
///
/// # Errors
/// When it cannot do its part.
pub(crate) fn role(args: &[String]) -> Result<(), Error> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["server", clients, rounds, bytes] => {
            serve(clients.parse()?, rounds.parse()?, bytes.parse()?)
        }
        ["clients", server, count, rounds] => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(clients(server.parse()?, count.parse()?, rounds.parse()?))
        }
        _ => Err("not a role of this benchmark".into()),
    }
}

fn say(line: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Waits for the word of the benchmark.
fn hear() -> Result<(), Error> {
    io::stdin().read_line(&mut String::new())?;
    Ok(())
}

fn unix_us() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(now.unwrap_or_default().as_micros()).unwrap_or_default()
}

/// A block each round, which begins with its own time.
fn serve(clients: usize, rounds: u32, bytes: usize) -> Result<(), Error> {
    let listen = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
    let server = LegacyServer::start(LegacyConfig::new(listen, BTreeMap::from([(0, clients)])))?;
    say(&server.local_addr().to_string())?;
    hear()?;
    let began = Instant::now();
    for round in 0..rounds {
        let mut block = Vec::with_capacity(bytes);
        block.extend(unix_us().to_be_bytes());
        block.resize(bytes, 0x5a);
        server.broadcast(0, block.into(), ROUND);
        thread::sleep((ROUND * (round + 1)).saturating_sub(began.elapsed()));
    }
    say("done")?;
    hear()
}

/// All clients in one process. Says `joined`, and at the end, for each block that came whole, how long after the time in
/// its first bytes that was (of a film's blocks, which have no such time, the figure means nothing): JSON, microseconds.
async fn clients(server: SocketAddr, count: u32, rounds: usize) -> Result<(), Error> {
    let gate = Arc::new(Semaphore::new(JOIN_AT_ONCE));
    let mut joining = Vec::new();
    for number in 0..count {
        let ip = IpAddr::from(Ipv4Addr::from(u32::from_be_bytes([127, 32, 0, 1]) + number));
        let gate = gate.clone();
        joining.push(tokio::spawn(async move {
            let _turn = gate.acquire().await?;
            join(ip, server).await
        }));
    }
    let mut listeners = Vec::new();
    for joined in joining {
        listeners.push(joined.await??);
    }
    say("joined")?;
    hear()?;
    let rounds_u32 = u32::try_from(rounds)?;
    let until = tokio::time::Instant::now() + ROUND * rounds_u32 + GRACE;
    let receiving: Vec<_> = listeners
        .into_iter()
        .map(|listener| tokio::spawn(receive(listener, rounds, until)))
        .collect();
    let mut took_us = Vec::new();
    for received in receiving {
        took_us.extend(received.await?);
    }
    say(&serde_json::to_string(&took_us)?)
}

/// As the original client joins, except that it listens first: the machine's patience is not what is measured.
async fn join(ip: IpAddr, server: SocketAddr) -> Result<TcpListener, Error> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::new(ip, DEFAULT_CLIENT_PORT))?;
    let listener = socket.listen(1)?;
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(ip, 0))?;
    let mut asked = socket.connect(server).await?;
    asked.write_all(b"100").await?;
    let (mut called, _) = listener.accept().await?;
    let mut answer = Vec::new();
    called.read_to_end(&mut answer).await?;
    if answer != b"10" {
        return Err(format!("{ip} was answered {answer:?}").into());
    }
    Ok(listener)
}

/// Takes blocks, so many at most; gives how long after its own time each was whole, microseconds.
async fn receive(listener: TcpListener, blocks: usize, until: tokio::time::Instant) -> Vec<u64> {
    let mut took_us = Vec::new();
    let mut buffer = vec![0; READ_LEN];
    while took_us.len() < blocks {
        let Ok(Ok((called, _))) = timeout_at(until, listener.accept()).await else {
            break;
        };
        // A block that is cut off by a reset does not count.
        if let Ok(Ok(aired)) = timeout_at(until, drain(called, &mut buffer)).await {
            took_us.push(unix_us().saturating_sub(aired));
        }
    }
    took_us
}

/// Reads a block to its end; gives the number in its first bytes.
async fn drain(mut called: TcpStream, buffer: &mut [u8]) -> io::Result<u64> {
    let aired = called.read_u64().await?;
    while called.read(buffer).await? > 0 {}
    Ok(aired)
}
