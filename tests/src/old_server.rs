//! A server that speaks the 2-digit protocol and nothing else, as the original does: one client after the other, a pause
//! between rounds, one place a channel unless it is told more, a client forgotten after two failures. Beside that it can
//! misbehave when it is asked to.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::film::Film;
use crate::lab::Lab;
use crate::place::Place;
use crate::wait::SOON;

/// Where clients listen.
const CLIENT_PORT: u16 = 9091;
/// How long one connection to a client may take.
const CALL_WAIT: Duration = Duration::from_secs(2);
/// How long a client may take to say that it read everything, on a machine that stands still meanwhile.
const TAKEN_WAIT: Duration = Duration::from_secs(10);
/// How long the server tries to come back with its answer.
const ANSWER_WAIT: Duration = Duration::from_secs(1);
/// Between two tries of it, and between two looks at whether it is to end.
const PAUSE: Duration = Duration::from_millis(20);
/// What an endless block is at least.
const ENDLESS: usize = 80 << 20;

/// Something that is sent instead of a block, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Odd {
    /// A connection without a byte.
    Empty,
    /// The first half of the block.
    Half,
    /// As many bytes as the block has, of something else.
    Rubbish,
    /// More than anybody takes.
    Endless,
}

/// A client came or went.
#[derive(Clone, Copy, Debug)]
pub struct Coming {
    /// Who.
    pub who: IpAddr,
    /// Whether it was accepted; else it was forgotten, by its own wish or after two failures.
    pub accepted: bool,
    /// When.
    pub at: Instant,
}

/// A block that a client took to its end.
#[derive(Clone, Debug)]
pub struct SentBlock {
    /// To whom.
    pub to: IpAddr,
    /// BLAKE3, hexadecimal.
    pub hash: String,
    /// When it had gone out.
    pub at: Instant,
    /// Whether it was a block.
    pub odd: Option<Odd>,
}

#[derive(Debug, Default)]
struct State {
    clients: Vec<(IpAddr, u32)>,
    /// Who has a place and was not told yet.
    told_soon: Vec<IpAddr>,
    sent: Vec<SentBlock>,
    odd: VecDeque<Odd>,
    requests: Vec<(IpAddr, String)>,
    comings: Vec<Coming>,
}

impl State {
    fn note(&mut self, who: IpAddr, accepted: bool) {
        let at = Instant::now();
        self.comings.push(Coming { who, accepted, at });
    }
}

/// The blocks of a film, as `slice` cuts it for an old server.
///
/// # Panics
/// When it cannot be cut.
#[track_caller]
pub fn old_blocks(lab: &Lab, film: &Film) -> Vec<Vec<u8>> {
    let (film, cut) = (lab.film(film), lab.dir().join("old-blocks"));
    let words = |path: &Path| path.to_str().expect("plain").to_owned();
    let args = [&words(&film), "--out", &words(&cut), "--plain"];
    let cutter = lab.start("slice", &Place::default(), &args);
    assert_eq!(cutter.wait_exit(SOON).code, Some(0));
    let entries = fs::read_dir(&cut).expect("it was cut");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let read = |path| fs::read(path).expect("a block");
    files.iter().map(read).collect()
}

/// A running old server with one channel, 0. It ends when it is dropped.
#[derive(Debug)]
pub struct OldServer {
    addr: SocketAddr,
    state: Arc<Mutex<State>>,
    end: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OldServer {
    /// Serves `blocks` in a loop at `addr` to at most `places` clients, `round` after `round`.
    ///
    /// # Panics
    /// When the port is taken.
    pub fn start(addr: &str, blocks: Vec<Vec<u8>>, places: usize, round: Duration) -> Self {
        let addr: SocketAddr = addr.parse().expect("an address");
        let listener = TcpListener::bind(addr).expect("the port is free");
        listener.set_nonblocking(true).expect("a setting");
        let (state, end) = (Arc::<Mutex<State>>::default(), Arc::<AtomicBool>::default());
        let (asked, ended) = (state.clone(), end.clone());
        let requests = thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, from)) => {
                        let state = asked.clone();
                        thread::spawn(move || answer(stream, from.ip(), &state, places));
                    }
                    Err(_) => thread::sleep(PAUSE),
                }
            }
        });
        let (rounds, ended) = (state.clone(), end.clone());
        let broadcast = thread::spawn(move || {
            for block in blocks.iter().cycle() {
                let began = Instant::now();
                send_round(&rounds, block);
                while began.elapsed() < round {
                    if ended.load(Ordering::Relaxed) {
                        return;
                    }
                    thread::sleep(PAUSE);
                }
            }
        });
        Self {
            addr,
            state,
            end,
            threads: vec![requests, broadcast],
        }
    }

    /// What a peer's `--legacy-source` names.
    pub fn addr(&self) -> String {
        self.addr.to_string()
    }

    /// Who is on the channel.
    pub fn clients(&self) -> Vec<IpAddr> {
        let state = lock(&self.state);
        state.clients.iter().map(|(ip, _)| *ip).collect()
    }

    /// Everything that was taken to its end.
    pub fn sent(&self) -> Vec<SentBlock> {
        lock(&self.state).sent.clone()
    }

    /// Requests so far.
    pub fn requests(&self) -> Vec<(IpAddr, String)> {
        lock(&self.state).requests.clone()
    }

    /// Who came and went, and when.
    pub fn comings(&self) -> Vec<Coming> {
        lock(&self.state).comings.clone()
    }

    /// The next block is something else.
    pub fn send_once(&self, odd: Odd) {
        lock(&self.state).odd.push_back(odd);
    }

    /// Ends at once, and with it all that it knew.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // It panics only where the test has failed already.
            let _ = thread.join();
        }
    }
}

impl Drop for OldServer {
    fn drop(&mut self) {
        self.end();
    }
}

fn call(ip: IpAddr, bytes: &[u8]) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::new(ip, CLIENT_PORT), CALL_WAIT)?;
    stream.set_write_timeout(Some(CALL_WAIT))?;
    stream.write_all(bytes)?;
    Ok(stream)
}

/// Whether the client read all that was written: it closes then, and not before. The server itself never asks.
fn was_taken(mut stream: TcpStream) -> bool {
    stream.shutdown(Shutdown::Write).is_ok()
        && stream.set_read_timeout(Some(TAKEN_WAIT)).is_ok()
        && stream.read(&mut [0]).is_ok_and(|len| len == 0)
}

fn send_round(state: &Mutex<State>, block: &[u8]) {
    let clients: Vec<IpAddr> = lock(state).clients.iter().map(|(ip, _)| *ip).collect();
    for to in clients {
        let odd = lock(state).odd.pop_front();
        let bytes = match odd {
            None => block.to_vec(),
            Some(Odd::Empty) => Vec::new(),
            Some(Odd::Half) => block[..block.len() / 2].to_vec(),
            Some(Odd::Rubbish) => vec![0x5a; block.len()],
            Some(Odd::Endless) => vec![block[0]; ENDLESS],
        };
        let sent = call(to, &bytes);
        let went = sent.is_ok();
        let taken = sent.is_ok_and(was_taken);
        let mut state = lock(state);
        if taken {
            // Whoever took its name off the list in between has the block all the same.
            let hash = blake3::hash(&bytes).to_hex().to_string();
            let at = Instant::now();
            state.sent.push(SentBlock { to, hash, at, odd });
        }
        let Some(at) = state.clients.iter().position(|(ip, _)| *ip == to) else {
            continue;
        };
        if went {
            state.clients[at].1 = 0;
        } else if odd.is_none() {
            // Whom it was odd to is not to blame.
            state.clients[at].1 += 1;
            if state.clients[at].1 >= 2 {
                state.clients.remove(at);
                state.note(to, false);
            }
        }
    }
}

fn answer(mut stream: TcpStream, from: IpAddr, state: &Mutex<State>, places: usize) {
    let mut request = [0; 3];
    let timeouts =
        stream.set_nonblocking(false).is_ok() && stream.set_read_timeout(Some(CALL_WAIT)).is_ok();
    if !timeouts || stream.read_exact(&mut request).is_err() {
        return;
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    lock(state).requests.push((from, request.clone()));
    match request.as_str() {
        "100" => add(from, state, places),
        "110" => {
            let clients = lock(state).clients.clone();
            let quoted: Vec<String> = clients.iter().map(|(ip, _)| format!("'{ip}'")).collect();
            // Whoever went away does not want it.
            let _ = stream.write_all(format!("[{}]", quoted.join(", ")).as_bytes());
        }
        "120" => {
            let mut state = lock(state);
            state.clients.retain(|(ip, _)| *ip != from);
            state.told_soon.retain(|ip| *ip != from);
            state.note(from, false);
        }
        _ => {}
    }
}

fn add(from: IpAddr, state: &Mutex<State>, places: usize) {
    let full = {
        let mut state = lock(state);
        state.clients.retain(|(ip, _)| *ip != from);
        state.told_soon.retain(|ip| *ip != from);
        let full = state.clients.len() + state.told_soon.len() >= places;
        if !full {
            // Taken now, as one that answers one after the other has it: two that ask at once never get the same place.
            state.told_soon.push(from);
        }
        full
    };
    let until = Instant::now() + ANSWER_WAIT;
    let told = loop {
        if call(from, if full { b"00" } else { b"10" }).is_ok() {
            break true;
        }
        if Instant::now() >= until {
            break false;
        }
        thread::sleep(PAUSE);
    };
    let mut state = lock(state);
    let Some(at) = state.told_soon.iter().position(|ip| *ip == from) else {
        return;
    };
    state.told_soon.remove(at);
    if told {
        state.clients.push((from, 0));
        state.note(from, true);
    }
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Socket, Type};

    use super::*;
    use crate::wait::{eventually, holds};

    /// Asks `server` for a place, from `ip`.
    fn ask(server: &OldServer, ip: IpAddr) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let from = SocketAddr::new(ip, 0);
        socket.bind(&from.into()).expect("a loopback address");
        socket.connect(&server.addr.into()).expect("it listens");
        TcpStream::from(socket).write_all(b"100").expect("written");
    }

    #[test]
    fn two_that_ask_at_once_do_not_both_get_the_only_place() {
        let blocks = vec![b"a block".to_vec()];
        let server = OldServer::start("127.78.0.1:6060", blocks, 1, SOON);
        let ips = [10, 11].map(|last| IpAddr::from([127, 78, 0, last]));
        for ip in ips {
            ask(&server, ip);
        }
        eventually(SOON, "both have asked", || {
            let asked = server.requests().len();
            holds(asked == 2, || format!("{asked} have"))
        });
        // Only now can the first be told.
        let doors = ips.map(|ip| TcpListener::bind((ip, CLIENT_PORT)).expect("a free port"));
        let mut words = doors.map(|door| {
            let mut word = String::new();
            let (mut stream, _) = door.accept().expect("the server comes back");
            stream.read_to_string(&mut word).expect("a word");
            word
        });
        words.sort();
        assert_eq!(words, ["00", "10"]);
    }
}
