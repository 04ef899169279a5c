//! A bad way between one client and the bridge: loses packets, is narrow, falls silent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::task::AbortHandle;

/// Longer a packet does not wait in the way's queue.
const MAX_QUEUE: Duration = Duration::from_millis(400);

/// How bad it is, towards the client.
#[derive(Default)]
pub(crate) struct Badness {
    /// Every n-th packet is lost; 0: none.
    pub(crate) lose_every: AtomicUsize,
    /// Bits per second; 0: any.
    pub(crate) bps: AtomicU32,
    /// Nothing gets through, either way.
    pub(crate) silent: AtomicU32,
}

/// See the head of the file.
pub(crate) struct Relay {
    address: SocketAddr,
    pub(crate) badness: Arc<Badness>,
    tasks: [AbortHandle; 2],
}

impl Relay {
    pub(crate) async fn start(bridge: SocketAddr) -> Relay {
        let near = Arc::new(UdpSocket::bind("127.0.0.1:0").await.expect("a socket"));
        let far = Arc::new(UdpSocket::bind("127.0.0.1:0").await.expect("a socket"));
        far.connect(bridge).await.expect("the bridge");
        let badness = Arc::new(Badness::default());
        let address = near.local_addr().expect("bound");
        let (client, learned) = tokio::sync::watch::channel(None);
        let (up_near, up_far, up_badness) = (near.clone(), far.clone(), badness.clone());
        let up = tokio::spawn(async move {
            let mut buffer = [0; 2048];
            while let Ok((len, from)) = up_near.recv_from(&mut buffer).await {
                client.send_replace(Some(from));
                if up_badness.silent.load(Ordering::Relaxed) == 0 {
                    let _ = up_far.send(&buffer[..len]).await;
                }
            }
        });
        let (down_badness, mut number) = (badness.clone(), 0);
        let down = tokio::spawn(async move {
            let mut buffer = [0; 2048];
            let mut free = Instant::now();
            while let Ok(len) = far.recv(&mut buffer).await {
                let Some(to) = *learned.borrow() else {
                    continue;
                };
                number += 1;
                let lose = down_badness.lose_every.load(Ordering::Relaxed);
                // Checks and handshakes are small; what is lost is media.
                let lost = lose > 0 && len > 200 && number % lose == 0;
                if lost || down_badness.silent.load(Ordering::Relaxed) != 0 {
                    continue;
                }
                let bps = down_badness.bps.load(Ordering::Relaxed);
                if bps == 0 {
                    let _ = near.send_to(&buffer[..len], to).await;
                    continue;
                }
                let now = Instant::now();
                free = free.max(now);
                if free - now > MAX_QUEUE {
                    continue;
                }
                free += Duration::from_secs_f64(len as f64 * 8.0 / f64::from(bps));
                let (near, data, at) = (near.clone(), buffer[..len].to_vec(), free);
                tokio::spawn(async move {
                    tokio::time::sleep_until(at.into()).await;
                    let _ = near.send_to(&data, to).await;
                });
            }
        });
        Relay {
            address,
            badness,
            tasks: [up.abort_handle(), down.abort_handle()],
        }
    }

    /// An answer that leads here.
    pub(crate) fn instead(&self, answer: &str) -> String {
        let turned = |line: &str| {
            let Some(words) = line
                .strip_prefix("a=candidate:")
                .filter(|words| words.contains(" udp "))
            else {
                return format!("{line}\r\n");
            };
            let mut words: Vec<String> = words.split(' ').map(str::to_owned).collect();
            words[5] = self.address.port().to_string();
            format!("a=candidate:{}\r\n", words.join(" "))
        };
        answer
            .lines()
            .filter(|line| !line.contains(" tcp "))
            .map(turned)
            .collect()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
