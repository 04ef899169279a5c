//! F2: the latency that a hop adds. A root, a chain of eight relays and a viewer at its end, on loopback, at 4 Mb/s.
//!
//! All nodes are in this process, each with a thread, a runtime and a socket of its own, as in ten processes; so their
//! clocks are one clock. A block's time at a node is when it was verified there and given to the children's senders (at
//! the root: when it was let go); a hop's latency is the difference between a node and its parent. The times are read
//! from the nodes' windows after each chunk: nothing is added to the way of a block.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use media_model::{Coding, SigningKey};
use overlay_core::{Params, PeerId};
use overlay_quic::{
    Arrival, Chunk, Endpoint, Identity, Member, MemberConfig, Place, PublishError, Root,
    RootConfig, Trust,
};
use serde_json::json;
use tokio::sync::{mpsc, watch};

use crate::quantiles::Samples;
use crate::report::{Error, Report};

/// From the targets: milliseconds.
const TARGET_P50_MS: f64 = 1.0;
const TARGET_P99_MS: f64 = 5.0;
const RELAYS: usize = 8;
/// Bytes of a chunk: two seconds at 4 Mb/s.
const CHUNK_LEN: usize = 1_000_000;
const CHUNK_TIME: Duration = Duration::from_secs(2);
/// Over how long a chunk is let go: as the origin does it.
const LET_GO_OVER: Duration = Duration::from_millis(1_500);
/// Chunks before the measurement: congestion windows open, the chain settles.
const WARM_UP: u64 = 3;
/// How long the chain may take to form.
const PATIENCE: Duration = Duration::from_secs(60);
/// The last blocks of a chunk are everywhere by then; what is not counts as lost and is told.
const REST: Duration = Duration::from_millis(400);
const SECRET: [u8; 32] = [42; 32];

/// A node on a thread of its own, which ends when `stop` is dropped.
struct Host<T> {
    node: T,
    id: PeerId,
    addr: SocketAddr,
    stop: Option<watch::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl<T> Drop for Host<T> {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // What it had to say was said by its channel.
            let _ = thread.join();
        }
    }
}

/// Starts a node: `make` opens it on an endpoint, `keep` is what its thread does until the end.
fn host<T, M, K>(make: M, keep: K) -> Result<Host<T>, Error>
where
    T: Clone + Send + 'static,
    M: AsyncFnOnce(&Endpoint) -> Result<T, Error> + Send + 'static,
    K: AsyncFnOnce(T) + Send + 'static,
{
    let (stop, mut stopped) = watch::channel(());
    let (ready, is_ready) = sync_channel(1);
    let thread = std::thread::spawn(move || {
        let run = async {
            let endpoint = Endpoint::bind(
                SocketAddr::from(([127, 0, 0, 1], 0)),
                &Identity::generate()?,
            )?;
            let node = make(&endpoint).await?;
            Ok::<_, Error>((endpoint, node))
        };
        let runtime = match tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
        {
            Ok(runtime) => runtime,
            Err(why) => return drop(ready.send(Err(Error::from(why)))),
        };
        runtime.block_on(async {
            match run.await {
                Err(why) => drop(ready.send(Err(why))),
                Ok((endpoint, node)) => {
                    let made = (node.clone(), endpoint.id(), endpoint.local_addr());
                    drop(ready.send(Ok(made)));
                    tokio::select! {
                        // It ends when the sender is dropped.
                        _ = stopped.changed() => {}
                        () = keep(node) => {}
                    }
                    endpoint.close().await;
                }
            }
        });
    });
    let (node, id, addr) = is_ready.recv().map_err(|_| "a node's thread ended")??;
    Ok(Host {
        node,
        id,
        addr,
        stop: Some(stop),
        thread: Some(thread),
    })
}

/// The root publishes on its own thread, as an origin does: chunks go in, and a word comes back when one is out.
fn start_root(
    mut chunks: mpsc::Receiver<Chunk>,
    out: SyncSender<Result<(), PublishError>>,
) -> Result<Host<Root>, Error> {
    host(
        async |endpoint: &Endpoint| {
            Ok(endpoint.open_root(RootConfig {
                channel: 0,
                epoch: 1,
                coding: Coding::default(),
                max_direct_peers: 1,
                key: SigningKey::from_bytes(&SECRET),
                params: Params::default(),
            })?)
        },
        async move |root: Root| {
            while let Some(chunk) = chunks.recv().await {
                if out.send(root.publish(chunk, LET_GO_OVER).await).is_err() {
                    return;
                }
            }
        },
    )
}

fn start_member(root: SocketAddr, fan_out: u16) -> Result<Host<Member>, Error> {
    let config = MemberConfig {
        channel: 0,
        trust: Trust::Origin(SigningKey::from_bytes(&SECRET).origin_key()),
        places: vec![Place {
            id: None,
            at: root.to_string(),
        }],
        fan_out,
        params: Params::default(),
    };
    host(
        async move |endpoint: &Endpoint| Ok(endpoint.join(config).await?),
        async |member: Member| {
            let mut chunks = member.chunks();
            while chunks.recv().await.is_some() {}
        },
    )
}

/// The depths of all nodes in all stripes, if every stripe has a parent everywhere.
fn depths(members: &[Host<Member>]) -> Option<Vec<u16>> {
    let mut depths = Vec::new();
    for member in members {
        let stripes = member.node.facts().forest.stripes;
        if stripes.is_empty() || stripes.iter().any(|stripe| stripe.parent.is_none()) {
            return None;
        }
        depths.extend(stripes.iter().map(|stripe| stripe.depth));
    }
    Some(depths)
}

fn wait_until(what: &str, mut is: impl FnMut() -> bool) -> Result<(), Error> {
    let deadline = Instant::now() + PATIENCE;
    while !is() {
        if Instant::now() > deadline {
            return Err(format!("waited {} s in vain: {what}", PATIENCE.as_secs()).into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Measures over `chunks` chunks of two seconds.
///
/// # Errors
/// When the chain does not form.
pub(crate) fn run(chunks: u64) -> Result<Report, Error> {
    let (publish, to_publish) = mpsc::channel(1);
    let (out, published) = sync_channel(1);
    let root = start_root(to_publish, out)?;
    let mut members = Vec::new();
    for hop in 1..=RELAYS + 1 {
        let fan_out = u16::from(hop <= RELAYS);
        members.push(start_member(root.addr, fan_out)?);
        wait_until("the chain did not take the next relay", || {
            depths(&members).is_some_and(|all| all.iter().max() == Some(&(hop as u16)))
        })?;
    }
    let mut hops: BTreeMap<u16, Vec<f64>> = BTreeMap::new();
    let mut end_to_end = Vec::new();
    let (mut restored, mut lost) = (0, 0);
    let start = Instant::now();
    for seq in 0..WARM_UP + chunks {
        let due = start + CHUNK_TIME * seq as u32;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let chunk = Chunk {
            seq: seq + 1,
            name: format!("film_{seq:05}.mkv"),
            wall_time_us: 1,
            duration_us: CHUNK_TIME.as_micros() as u64,
            data: vec![seq as u8; CHUNK_LEN].into(),
        };
        publish.blocking_send(chunk)?;
        published.recv()??;
        std::thread::sleep(REST);
        if seq >= WARM_UP {
            let found = collect(seq + 1, &root, &members);
            for (depth, ms) in found.hops {
                hops.entry(depth).or_default().push(ms);
            }
            end_to_end.extend(found.end_to_end);
            restored += found.restored;
            lost += found.lost;
        }
    }
    drop(members);
    drop(root);
    Ok(report(hops, end_to_end, restored, lost))
}

/// What one chunk says.
#[derive(Default)]
struct Found {
    hops: Vec<(u16, f64)>,
    end_to_end: Vec<f64>,
    restored: u64,
    lost: u64,
}

fn collect(seq: u64, root: &Host<Root>, members: &[Host<Member>]) -> Found {
    type Times = BTreeMap<(u8, u32), Arrival>;
    let times = |all: Vec<Arrival>| -> Times {
        all.into_iter()
            .map(|one| ((one.stripe, one.row), one))
            .collect()
    };
    let mut by_node: BTreeMap<PeerId, Times> =
        BTreeMap::from([(root.id, times(root.node.arrivals(seq)))]);
    for member in members {
        by_node.insert(member.id, times(member.node.arrivals(seq)));
    }
    let mut found = Found::default();
    let let_go = &by_node[&root.id];
    for member in members {
        let stripes = member.node.facts().forest.stripes;
        let here = &by_node[&member.id];
        found.lost += let_go.len().saturating_sub(here.len()) as u64;
        for (block, arrival) in here {
            let Some(facts) = stripes.get(usize::from(block.0)) else {
                continue;
            };
            let above = facts
                .parent
                .and_then(|parent| by_node.get(&parent.id)?.get(block));
            if !arrival.received {
                // Parity was quicker than the parent: no hop was measured.
                found.restored += 1;
                continue;
            }
            if let Some(above) = above {
                let ms =
                    |from: Instant| arrival.at.saturating_duration_since(from).as_secs_f64() * 1e3;
                found.hops.push((facts.depth, ms(above.at)));
                if usize::from(facts.depth) == RELAYS + 1
                    && let Some(first) = let_go.get(block)
                {
                    found.end_to_end.push(ms(first.at));
                }
            }
        }
    }
    found
}

fn report(hops: BTreeMap<u16, Vec<f64>>, end_to_end: Vec<f64>, restored: u64, lost: u64) -> Report {
    let all = Samples::new(hops.values().flatten().copied().collect());
    let end_to_end = Samples::new(end_to_end);
    let by_hop: BTreeMap<u16, Samples> = hops
        .into_iter()
        .map(|(depth, ms)| (depth, Samples::new(ms)))
        .collect();
    let mut lines: Vec<String> = by_hop
        .iter()
        .map(|(depth, ms)| format!("hop {depth}: {}", ms.words("ms")))
        .collect();
    lines.push(format!(
        "root to the end of the chain: {}",
        end_to_end.words("ms")
    ));
    lines.push(format!(
        "blocks that parity gave back before they came: {restored}; blocks that never came: {lost}"
    ));
    let data = json!({
        "per_hop_ms": all.json(),
        "by_hop_ms": by_hop.iter().map(|(depth, ms)| (depth.to_string(), ms.json())).collect::<BTreeMap<_, _>>(),
        "end_to_end_ms": end_to_end.json(), "restored": restored, "lost": lost,
        "target_p50_ms": TARGET_P50_MS, "target_p99_ms": TARGET_P99_MS,
    });
    Report {
        id: "F2",
        what: format!(
            "latency added per hop: root, {RELAYS} relays in a chain, a viewer; 4 Mb/s, loopback, one process, a thread a node"
        ),
        figure: all.words("ms"),
        reference: "moq-relay: p50 4 ms, p90 6 ms (400 subscribers, one relay)".to_owned(),
        target: format!("p50 <= {TARGET_P50_MS} ms, p99 <= {TARGET_P99_MS} ms, nothing lost"),
        met: all.p50() <= TARGET_P50_MS && all.p99() <= TARGET_P99_MS && lost == 0 && all.len() > 0,
        lines,
        data,
    }
}
