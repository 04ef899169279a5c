//! F1: what relaying costs. One relay process with one parent and eight children, saturated, against a bare QUIC copy of
//! the same streams in the same invocation.
//!
//! Four processes a run: a source (a channel's root), the relay that is measured, and one that has all eight children.
//! The children only read, in both kinds of run, and tell when a chunk has come to all of them; so many chunks are under
//! way at any moment and no more. Measured is the relay's CPU time alone, all its threads, as the kernel counts it.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use media_model::{Coding, SigningKey};
use media_store::{ChunkMeta, Writer};
use overlay_core::Params;
use overlay_quic::bare::{Bare, drain};
use overlay_quic::{Chunk, Endpoint, Identity, MemberConfig, Place, RootConfig, Trust};
use tokio::sync::mpsc;

use crate::process::Process;
use crate::report::{Error, Report};

/// The hidden subcommand with which the processes of a run are started: `bench f1-role ROLE ARGS`.
pub(crate) const ROLE: &str = "f1-role";

/// From targets.md.
const TARGET: f64 = 1.15;
const CHILDREN: usize = 8;
/// Bytes of a chunk: two seconds of the usual film at 4 Mb/s.
const CHUNK_LEN: usize = 1_000_000;
/// Chunks under way: enough that nobody waits for the next.
const UNDER_WAY: usize = 3;
/// Chunks before the measurement: windows and caches fill.
const WARM_UP: usize = 20;
/// Chunks measured: about 1.5 GB out.
const MEASURED: usize = 150;
/// Runs of each kind, in turns; the median counts.
const ROUNDS: usize = 3;
/// Lines that the source may be told ahead of its chunks.
const LINES: usize = 64;
/// Between looks at whether the relay has its parent.
const SETTLE: Duration = Duration::from_millis(10);
/// Pending bytes of the relay's spool: chunks are evicted as in a peer that nobody watches.
const SPOOL_LIMIT: u64 = 64 * 1024 * 1024;
/// The origin's secret in these runs.
const SECRET: [u8; 32] = [42; 32];

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// A bare copy.
    Bare,
    /// Our relay; whole chunks are taken and dropped.
    Relay,
    /// Our relay; whole chunks are stored in a spool on disk, as `peer` does.
    Stored,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Bare, Kind::Relay, Kind::Stored];

    fn name(self) -> &'static str {
        match self {
            Kind::Bare => "bare copy",
            Kind::Relay => "relay",
            Kind::Stored => "relay that stores",
        }
    }
}

/// Measures.
///
/// # Errors
/// When a process of it fails.
pub(crate) fn run() -> Result<Report, Error> {
    let mut costs: BTreeMap<Kind, Vec<f64>> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for kind in Kind::ALL {
            costs.entry(kind).or_default().push(measure(kind)?);
        }
    }
    let median = |kind: Kind| {
        let mut costs = costs[&kind].clone();
        costs.sort_by(f64::total_cmp);
        costs[costs.len() / 2]
    };
    let bare = median(Kind::Bare);
    let ratio = median(Kind::Stored) / bare;
    let line = |kind: Kind| {
        let all: Vec<_> = costs[&kind]
            .iter()
            .map(|cost| format!("{cost:.3}"))
            .collect();
        let (cost, times) = (median(kind), median(kind) / bare);
        format!(
            "{:18} {cost:.3} s/GB   {times:.3} x bare   ({})",
            kind.name(),
            all.join(", ")
        )
    };
    let figures: BTreeMap<_, _> = Kind::ALL
        .map(|kind| (kind.name(), median(kind)))
        .into_iter()
        .collect();
    Ok(Report {
        id: "F1",
        what: format!(
            "CPU of one relay, 1 in, {CHILDREN} out, 16 KiB blocks, verified and stored, saturated: seconds for each GB sent (median of {ROUNDS})"
        ),
        figure: format!(
            "{ratio:.3} x the bare copy ({:.3} s/GB)",
            median(Kind::Stored)
        ),
        reference: format!(
            "a bare quinn copy with the same streams in the same run: {bare:.3} s/GB"
        ),
        target: format!("<= {TARGET} x the bare copy"),
        met: ratio <= TARGET,
        lines: Kind::ALL.map(line).to_vec(),
        data: serde_json::json!({ "cpu_seconds_per_gb_sent": figures, "ratio": ratio, "target": TARGET }),
    })
}

/// Seconds of the relay's CPU for each GB of payload that it sent.
fn measure(kind: Kind) -> Result<f64, Error> {
    let spool = std::env::temp_dir().join(format!("treecast-f1-{}", std::process::id()));
    let mut source = Process::start(ROLE, &["source"])?;
    let at = source.line()?;
    let mut relay = match kind {
        Kind::Bare => Process::start(ROLE, &["bare", &at])?,
        Kind::Relay => Process::start(ROLE, &["relay", &at])?,
        Kind::Stored => Process::start(ROLE, &["relay", &at, &spool.to_string_lossy()])?,
    };
    let at = relay.line()?;
    let mut sinks = Process::start(
        ROLE,
        &[
            "sinks",
            &at,
            if kind == Kind::Bare { "bare" } else { "forest" },
        ],
    )?;
    sinks.line()?;
    for _ in 0..UNDER_WAY {
        source.say("next")?;
    }
    let mut start = Duration::ZERO;
    for done in 0..WARM_UP + MEASURED {
        if done == WARM_UP {
            start = relay.cpu()?;
        }
        sinks
            .line()
            .map_err(|why| format!("{} after {done} chunks: {why}", kind.name()))?;
        source.say("next")?;
    }
    let spent = relay.cpu()? - start;
    let coding = Coding::default();
    let blow_up = f64::from(coding.stripes()) / f64::from(coding.data());
    let gigabytes = (MEASURED * CHUNK_LEN * CHILDREN) as f64 * blow_up / 1e9;
    drop((source, relay, sinks));
    if spool.exists() {
        fs::remove_dir_all(&spool)?;
    }
    Ok(spent.as_secs_f64() / gigabytes)
}

/// One process of a run: what follows `f1-role` on the command line.
///
/// # Errors
/// When it cannot do its part.
pub(crate) fn role(args: &[String]) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    runtime.block_on(async {
        match args[..] {
            ["source"] => source().await,
            ["bare", parent] => bare(parent.parse()?).await,
            ["relay", parent] => relay(parent, None).await,
            ["relay", parent, spool] => relay(parent, Some(PathBuf::from(spool))).await,
            ["sinks", relay, kind] => sinks(relay.parse()?, kind == "bare").await,
            _ => Err("not a role of this benchmark".into()),
        }
    })
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Publishes a chunk for every line that comes.
async fn source() -> Result<(), Error> {
    let endpoint = Endpoint::bind(loopback(), &Identity::generate()?)?;
    let root = endpoint.open_root(RootConfig {
        channel: 0,
        epoch: 1,
        coding: Coding::default(),
        max_direct_peers: 1,
        key: SigningKey::from_bytes(&SECRET),
        params: Params::default(),
    })?;
    println!("{}", endpoint.local_addr());
    let (sender, mut asked) = mpsc::channel(LINES);
    std::thread::spawn(move || {
        for _ in std::io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(()).is_err() {
                return;
            }
        }
    });
    let mut seq = 0;
    while asked.recv().await.is_some() {
        seq += 1;
        let chunk = Chunk {
            seq,
            name: format!("film_{seq:05}.mkv"),
            wall_time_us: seq * 2_000_000,
            duration_us: 2_000_000,
            data: vec![seq as u8; CHUNK_LEN].into(),
        };
        root.publish(chunk, Duration::ZERO).await?;
    }
    Ok(())
}

async fn bare(parent: SocketAddr) -> Result<(), Error> {
    let bare = Bare::bind(loopback())?;
    let parent = bare.child_of(parent).await?;
    println!("{}", bare.local_addr()?);
    bare.copy(parent, CHILDREN).await
}

async fn relay(parent: &str, spool: Option<PathBuf>) -> Result<(), Error> {
    let endpoint = Endpoint::bind(loopback(), &Identity::generate()?)?;
    let member = endpoint
        .join(MemberConfig {
            channel: 0,
            trust: Trust::Origin(SigningKey::from_bytes(&SECRET).origin_key()),
            places: vec![Place {
                id: None,
                at: parent.to_owned(),
            }],
            fan_out: CHILDREN as u16,
            params: Params::default(),
        })
        .await?;
    let stripes = usize::from(Coding::default().stripes());
    while member
        .facts()
        .forest
        .stripes
        .iter()
        .filter(|stripe| stripe.parent.is_some())
        .count()
        < stripes
    {
        tokio::time::sleep(SETTLE).await;
    }
    println!("{}", endpoint.local_addr());
    let mut chunks = member.chunks();
    let mut writer = spool.map(|dir| open_spool(&dir)).transpose()?;
    while let Some(chunk) = chunks.recv().await {
        let Some(mut spool) = writer.take() else {
            continue;
        };
        let meta = ChunkMeta {
            name: chunk.name.clone(),
            seq: chunk.seq,
            epoch: chunk.epoch,
            duration_us: chunk.duration_us,
            wall_us: chunk.wall_time_us,
            hash: chunk.hash,
        };
        let stored = tokio::task::spawn_blocking(move || {
            spool.put(&meta, chunk.parts.into_iter()).map(|_| spool)
        });
        writer = Some(stored.await??);
    }
    Ok(())
}

fn open_spool(dir: &Path) -> Result<Writer, Error> {
    fs::create_dir_all(dir)?;
    Ok(Writer::open(dir, Some(SPOOL_LIMIT))?)
}

/// Eight children that read and throw away; says a line for every chunk, in order, that has come to
/// all of them.
async fn sinks(relay: SocketAddr, bare: bool) -> Result<(), Error> {
    let streams = usize::from(Coding::default().stripes()) * CHILDREN;
    let (sender, mut ended) = mpsc::channel(streams);
    let mut kept = Vec::new();
    for _ in 0..CHILDREN {
        let here = Bare::bind(loopback())?;
        let conn = if bare {
            here.connect(relay).await?
        } else {
            here.child_of(relay).await?
        };
        tokio::spawn(drain(conn, sender.clone()));
        kept.push(here);
    }
    println!("ready");
    let mut open: BTreeMap<u64, usize> = BTreeMap::new();
    let mut next = 1;
    while let Some((seq, _)) = ended.recv().await {
        *open.entry(seq).or_default() += 1;
        while open.get(&next) == Some(&streams) {
            open.remove(&next);
            println!("{next}");
            next += 1;
        }
    }
    Ok(())
}
