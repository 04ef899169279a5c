//! A server at addresses that no other test uses, and blocks that tell their number.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use server_legacy::{Counters, LegacyConfig, LegacyServer};

use crate::speaker::OldClient;

/// How long a client is called that does not listen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// How long a client may take for a block.
const BLOCK_DEADLINE: Duration = Duration::from_secs(10);

/// A server and the network of 127.x.y.0/24 around it.
pub(crate) struct Lab {
    pub(crate) server: Arc<LegacyServer>,
    net: [u8; 3],
}

impl Lab {
    /// Three clients a channel on channels 0 and 1, which may be slow: a machine may stand still for a moment. All else as it
    /// is by default.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same, with changes.
    pub(crate) fn with(change: impl FnOnce(&mut LegacyConfig)) -> Self {
        static LABS: AtomicU32 = AtomicU32::new(0);
        // Tests run as processes and as threads.
        let place = std::process::id() * 16 + LABS.fetch_add(1, Ordering::Relaxed);
        let [_, _, high, low] = place.to_be_bytes();
        let net = [127, high.clamp(1, 254), low];
        let ip = Ipv4Addr::new(net[0], net[1], net[2], 1);
        let listen = SocketAddr::new(ip.into(), 0);
        let mut config = LegacyConfig::new(listen, BTreeMap::from([(0, 3), (1, 3)]));
        config.patience = PATIENCE;
        config.deadline = BLOCK_DEADLINE;
        change(&mut config);
        let server = LegacyServer::start(config).expect("it starts");
        let server = Arc::new(server);
        Self { server, net }
    }

    pub(crate) fn client(&self, number: u8) -> OldClient {
        let [a, b, c] = self.net;
        OldClient {
            ip: IpAddr::from([a, b, c, number]),
            server: self.server.local_addr(),
        }
    }

    pub(crate) fn counters(&self) -> Counters {
        self.server.counters()
    }

    /// Broadcasts on channel 0 until the result is dropped, never faster than a block a round.
    pub(crate) fn broadcast(&self, round: Duration, len: usize) -> Broadcast {
        let stop = Arc::new(AtomicBool::new(false));
        let (server, stopped) = (self.server.clone(), stop.clone());
        let thread = thread::spawn(move || {
            for number in 0.. {
                server.broadcast(0, block(number, len), round);
                let next = Instant::now() + round;
                while Instant::now() < next {
                    if stopped.load(Ordering::Relaxed) {
                        return;
                    }
                    thread::sleep(Duration::from_millis(2).min(next - Instant::now().min(next)));
                }
            }
        });
        Broadcast {
            stop,
            thread: Some(thread),
        }
    }
}

/// A broadcast that goes on.
pub(crate) struct Broadcast {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Broadcast {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("it does not panic");
        }
    }
}

/// Block `number` of so many bytes: the number, then bytes that depend on it.
pub(crate) fn block(number: u32, len: usize) -> Bytes {
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.resize(len, number as u8 ^ 0x5a);
    bytes.into()
}

/// The number of a block that arrived; panics unless it is whole.
pub(crate) fn number_of(bytes: &[u8], len: usize) -> u32 {
    let (number, _) = bytes.split_first_chunk().expect("a number");
    let number = u32::from_be_bytes(*number);
    assert!(bytes == block(number, len), "block {number} is not as sent");
    number
}
