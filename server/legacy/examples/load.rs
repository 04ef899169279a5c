//! How many old clients a server carries: `cargo run --release -p server-legacy --example load [CLIENTS [ROUNDS [BYTES]]]`.
//!
//! The server runs here, the clients in a process of their own at addresses 127.32.0.0/16, so that processor time and
//! memory of the two stand apart. Prints what each client got and when, what the server used, and how late a thread of
//! rank 0 in the server's process was woken meanwhile: that thread stands for the forest. Linux only.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, fs, thread};

use bytes::Bytes;
use server_legacy::{DEFAULT_CLIENT_PORT, LegacyConfig, LegacyServer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Semaphore;

type Failure = Box<dyn Error + Send + Sync>;

const ROUND: Duration = Duration::from_secs(2);
/// 1 Mbit/s for 2 s.
const DEFAULT_BYTES: usize = 250_000;
/// Clients that join at the same time.
const JOIN_AT_ONCE: usize = 64;
/// How often the thread that stands for the forest wants to run.
const TICK: Duration = Duration::from_millis(2);
/// Ticks of the kernel's process accounting in a second.
const ACCOUNT_HZ: f64 = 100.0;

fn main() -> Result<(), Failure> {
    let words: Vec<String> = env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "clients") {
        return clients(&words[1..]);
    }
    let number = |at: usize, default: usize| words.get(at).map_or(Ok(default), |word| word.parse());
    serve(
        number(0, 500)?,
        number(1, 5)?,
        number(2, DEFAULT_BYTES)?.max(8),
    )
}

fn serve(count: usize, rounds: usize, bytes: usize) -> Result<(), Failure> {
    let listen = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
    let server = LegacyServer::start(LegacyConfig::new(listen, BTreeMap::from([(0, count)])))?;
    let mut child = Command::new(env::current_exe()?)
        .arg("clients")
        .args([server.local_addr().to_string()])
        .args([count, rounds, bytes].map(|number| number.to_string()))
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no pipe")?).lines();
    let began = Instant::now();
    println!("clients: {}", lines.next().ok_or("the clients died")??);
    println!("joined in {:.2} s", began.elapsed().as_secs_f64());
    let (quiet, idle_cpu) = lateness(ROUND);
    println!(
        "a thread beside an idle server: {quiet}, its processor time {idle_cpu:.3} s in {ROUND:?}"
    );

    let stop = Arc::new(AtomicBool::new(false));
    let began = Instant::now();
    let before = cpu_s();
    let watcher = {
        let stop = stop.clone();
        thread::spawn(move || lateness_until(|| stop.load(Ordering::Relaxed)))
    };
    for round in 0..u32::try_from(rounds)? {
        let mut block = unix_us().to_be_bytes().to_vec();
        block.resize(bytes, 0x5a);
        server.broadcast(0, Bytes::from(block), ROUND);
        thread::sleep((ROUND * (round + 1)).saturating_sub(began.elapsed()));
    }
    let used = cpu_s() - before;
    stop.store(true, Ordering::Relaxed);
    let busy = watcher.join().map_err(|_| "the watcher panicked")?;
    println!(
        "the server: {used:.2} s of processor in {:.1} s ({:.1} % of one), largest resident set {} MiB",
        began.elapsed().as_secs_f64(),
        100.0 * used / began.elapsed().as_secs_f64(),
        peak_kib()? / 1_024
    );
    println!("a thread beside it: {busy}");
    for line in lines {
        println!("clients: {}", line?);
    }
    println!("{:?}", server.counters());
    if child.wait()?.success() {
        Ok(())
    } else {
        Err("clients missed blocks".into())
    }
}

/// How late a thread is woken that sleeps again and again.
fn lateness_until(is_over: impl Fn() -> bool) -> String {
    let mut late_us = Vec::new();
    while !is_over() {
        let began = Instant::now();
        thread::sleep(TICK);
        late_us.push((began.elapsed() - TICK).as_micros());
    }
    late_us.sort_unstable();
    let at = |per_mille: usize| late_us[(late_us.len() - 1) * per_mille / 1_000];
    format!(
        "woken late by {} us (median), {} us (99 %), {} us (most)",
        at(500),
        at(990),
        at(1_000)
    )
}

fn lateness(time: Duration) -> (String, f64) {
    let (began, before) = (Instant::now(), cpu_s());
    let late = lateness_until(|| began.elapsed() >= time);
    (late, cpu_s() - before)
}

/// Processor time of this process so far, seconds.
fn cpu_s() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in parentheses may hold anything; utime and stime are the 14th and 15th word.
    let rest = stat.rsplit(')').next().unwrap_or_default();
    let words: Vec<f64> = rest
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|word| word.parse().ok())
        .collect();
    words.iter().sum::<f64>() / ACCOUNT_HZ
}

fn peak_kib() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib.ok_or("no VmHWM")?.parse()?)
}

fn unix_us() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(now.unwrap_or_default().as_micros()).unwrap_or_default()
}

fn clients(words: &[String]) -> Result<(), Failure> {
    let [server, count, rounds, bytes] = words else {
        return Err("clients SERVER COUNT ROUNDS BYTES".into());
    };
    let (server, count): (SocketAddr, u32) = (server.parse()?, count.parse()?);
    let (rounds, bytes) = (rounds.parse()?, bytes.parse()?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
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
        let mut receiving = Vec::new();
        for joined in joining {
            receiving.push(tokio::spawn(receive(joined.await??, rounds, bytes)));
        }
        println!("{count} are on the channel");
        let mut took_us = Vec::new();
        for received in receiving {
            took_us.extend(received.await??);
        }
        took_us.sort_unstable();
        let at = |per_mille: usize| took_us[(took_us.len() - 1) * per_mille / 1_000] / 1_000;
        println!(
            "{} blocks whole, after {} ms (median), {} ms (99 %), {} ms (most)",
            took_us.len(),
            at(500),
            at(990),
            at(1_000)
        );
        Ok(())
    })
}

/// As the original client joins, except that it listens first: the machine's patience is not what is measured.
async fn join(ip: IpAddr, server: SocketAddr) -> Result<TcpListener, Failure> {
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

/// Takes so many blocks; gives how long after their time each was whole, microseconds.
async fn receive(listener: TcpListener, rounds: usize, bytes: usize) -> Result<Vec<u64>, Failure> {
    let mut took_us = Vec::new();
    let mut block = Vec::with_capacity(bytes);
    for _ in 0..rounds {
        let (mut called, _) = listener.accept().await?;
        block.clear();
        called.read_to_end(&mut block).await?;
        let aired = block.first_chunk().ok_or("an empty block")?;
        if block.len() != bytes {
            return Err(format!("{} of {bytes} bytes", block.len()).into());
        }
        took_us.push(unix_us().saturating_sub(u64::from_be_bytes(*aired)));
    }
    Ok(took_us)
}
