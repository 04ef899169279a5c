//! L1: old clients. How soon every one of 500, and of 3000, has each block, what that costs the server, and whether the
//! forest of the same origin notices.
//!
//! The crowd's runs have the server of old clients alone in a process, so that the processor's time is its own; the last
//! run has the real `server`, with four real peers and the crowd.

mod roles;

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use swarm::until;

use crate::process::Process;
use crate::quantiles::Samples;
use crate::report::{Error, Report};
use crate::world::{LOOPBACK, World};

pub(crate) use roles::role;

/// The hidden subcommand with which the processes of a run are started: `bench l1-role ROLE ARGS`.
pub(crate) const ROLE: &str = "l1-role";

/// How long a block is on air, and so the target: it must have come by then.
const ROUND: Duration = Duration::from_secs(2);
/// The crowds: how many clients, bytes of a block (two seconds at 4 and at 1 Mb/s).
const CROWDS: [(usize, usize); 2] = [(500, 1_000_000), (3_000, 250_000)];
/// Rounds of each.
const ROUNDS: usize = 10;
/// How long a crowd may take to join.
const JOINING: Duration = Duration::from_secs(60);
/// How long after the last round a crowd may take to say what it got.
const REST: Duration = Duration::from_secs(20);
/// Where the real server takes old clients in the last run: not at the usual port, which may be somebody's.
const DOOR: &str = "127.40.0.1:6061";
const PEERS: usize = 4;
/// Chunks without the crowd, and with it.
const CHUNKS: u64 = 10;
/// How much later the forest's chunks may be whole with the crowd, half of them, milliseconds. A guess: what neither a
/// viewer nor a repair would notice.
const FOREST_LATER_MS: f64 = 100.0;
/// Between two looks at the origin.
const LOOK: Duration = Duration::from_millis(50);

/// What came of a crowd.
struct Crowd {
    clients: usize,
    bytes: usize,
    whole_ms: Samples,
    cpu: Duration,
    /// By how much the server's resident memory grew at most.
    grown_mb: f64,
}

impl Crowd {
    fn expected(&self) -> usize {
        self.clients * ROUNDS
    }

    fn all_in_time(&self) -> bool {
        self.whole_ms.len() == self.expected() && self.whole_ms.max() <= ROUND.as_secs_f64() * 1e3
    }

    fn gigabytes(&self) -> f64 {
        (self.whole_ms.len() * self.bytes) as f64 / 1e9
    }

    fn cpu_per_gb(&self) -> f64 {
        self.cpu.as_secs_f64() / self.gigabytes().max(f64::MIN_POSITIVE)
    }

    fn cpu_percent(&self) -> f64 {
        100.0 * self.cpu.as_secs_f64() / (ROUND.as_secs_f64() * ROUNDS as f64)
    }

    fn mbit(&self) -> usize {
        self.bytes * 8 / 2 / 1_000_000
    }

    fn words(&self) -> String {
        format!(
            "{} clients at {} Mb/s: {} of {} blocks; whole after {}; server {:.3} CPU s/GB, {:.0}% of a core, {:.1} MB more resident memory at most",
            self.clients,
            self.mbit(),
            self.whole_ms.len(),
            self.expected(),
            self.whole_ms.words("ms"),
            self.cpu_per_gb(),
            self.cpu_percent(),
            self.grown_mb
        )
    }
}

/// What the forest noticed.
struct Forest {
    without_ms: Samples,
    with_ms: Samples,
    missing: u64,
    blocks: usize,
}

/// Measures.
///
/// # Errors
/// When a process of it fails, or the crowd cannot join.
pub(crate) fn run() -> Result<Report, Error> {
    let mut crowds = Vec::new();
    for (clients, bytes) in CROWDS {
        crowds.push(crowd(clients, bytes)?);
    }
    let forest = forest(CROWDS[0].0)?;
    Ok(report(&crowds, &forest))
}

fn crowd(clients: usize, bytes: usize) -> Result<Crowd, Error> {
    let words = [clients, ROUNDS, bytes].map(|number| number.to_string());
    let mut server = Process::start(ROLE, &["server", &words[0], &words[1], &words[2]])?;
    let at = server.line()?;
    // The program itself, which holds all benchmarks, is not what is measured.
    let idle_mb = server.peak_mb()?;
    let mut crowd = Process::start(ROLE, &["clients", &at, &words[0], &words[1]])?;
    crowd.line_within(JOINING)?;
    crowd.say("go")?;
    let before = server.cpu()?;
    server.say("go")?;
    let all = ROUND * u32::try_from(ROUNDS)?;
    server.line_within(all + REST)?;
    let received = crowd.line_within(REST)?;
    Ok(Crowd {
        clients,
        bytes,
        whole_ms: whole_ms(&received)?,
        cpu: server.cpu()? - before,
        grown_mb: server.peak_mb()? - idle_mb,
    })
}

fn whole_ms(line: &str) -> Result<Samples, Error> {
    let took_us: Vec<u64> = serde_json::from_str(line)?;
    Ok(Samples::new(
        took_us.iter().map(|us| *us as f64 / 1e3).collect(),
    ))
}

/// The real server with four peers, without old clients at first, then with so many.
fn forest(clients: usize) -> Result<Forest, Error> {
    let words = clients.to_string();
    let mut world =
        World::with_old_clients(2, LOOPBACK, &["--legacy", DOOR, "--legacy-clients", &words])?;
    for _ in 0..PEERS {
        world.add(2)?;
    }
    world.settled()?;
    let first = published(&world)? + 1;
    pass(&world, first + CHUNKS)?;
    let rounds = (CHUNKS as usize).to_string();
    let mut crowd = Process::start(ROLE, &["clients", DOOR, &words, &rounds])?;
    crowd.line_within(JOINING)?;
    crowd.say("go")?;
    // The chunk on air is not all with the crowd.
    let second = published(&world)? + 2;
    pass(&world, second + CHUNKS - 1)?;
    let blocks = whole_ms(&crowd.line_within(REST)?)?.len();
    pass(&world, second + CHUNKS + 1)?;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for peer in &world.peers {
        without.extend(stored_ms(&peer.spool, first..first + CHUNKS)?);
        with.extend(stored_ms(&peer.spool, second..second + CHUNKS - 1)?);
    }
    Ok(Forest {
        without_ms: Samples::new(without),
        with_ms: Samples::new(with),
        missing: world.statuses()?.iter().map(|s| s.chunks.missing).sum(),
        blocks,
    })
}

fn published(world: &World) -> Result<u64, Error> {
    Ok(world.origin.last_published()?.unwrap_or(0))
}

/// Waits until chunk `seq` is published.
fn pass(world: &World, seq: u64) -> Result<(), Error> {
    let patience = ROUND * u32::try_from(CHUNKS + 10)?;
    until(&world.interrupt, patience, LOOK, "chunks pass", || {
        let last = world.origin.last_published()?.unwrap_or(0);
        Ok((last >= seq)
            .then_some(())
            .ok_or_else(|| format!("chunk {last}")))
    })?;
    Ok(())
}

/// A line of the spool's index, as docs/protocols/media.md has it.
#[derive(Deserialize)]
struct Stored {
    seq: u64,
    wall_us: u64,
    stored_us: u64,
}

/// How long after their time these chunks were stored.
fn stored_ms(spool: &Path, chunks: std::ops::Range<u64>) -> Result<Vec<f64>, Error> {
    let index = fs::read_to_string(spool.join(".treecast").join("index.jsonl"))?;
    let stored = index
        .lines()
        .filter_map(|line| serde_json::from_str::<Stored>(line).ok())
        .filter(|stored| chunks.contains(&stored.seq));
    Ok(stored
        .map(|stored| stored.stored_us.saturating_sub(stored.wall_us) as f64 / 1e3)
        .collect())
}

fn report(crowds: &[Crowd], forest: &Forest) -> Report {
    let later_ms = forest.with_ms.p50() - forest.without_ms.p50();
    let in_time = crowds.iter().all(Crowd::all_in_time);
    let mut lines: Vec<String> = crowds.iter().map(Crowd::words).collect();
    lines.push(format!(
        "the forest of {PEERS} peers, chunks stored after: {} without old clients",
        forest.without_ms.words("ms")
    ));
    lines.push(format!(
        "{} with {} at 4 Mb/s, which got {} blocks; chunks missing: {}",
        forest.with_ms.words("ms"),
        CROWDS[0].0,
        forest.blocks,
        forest.missing
    ));
    let figures: Vec<_> = crowds
        .iter()
        .map(|crowd| {
            json!({
                "clients": crowd.clients, "block_bytes": crowd.bytes, "blocks_expected": crowd.expected(),
                "whole_ms": crowd.whole_ms.json(), "cpu_s_per_gb": crowd.cpu_per_gb(),
                "cpu_percent_of_a_core": crowd.cpu_percent(), "resident_grew_mb": crowd.grown_mb,
            })
        })
        .collect();
    let worst = |crowd: &Crowd| {
        format!(
            "{} clients: {} of {} blocks, p99 {:.0} ms, max {:.0} ms",
            crowd.clients,
            crowd.whole_ms.len(),
            crowd.expected(),
            crowd.whole_ms.p99(),
            crowd.whole_ms.max()
        )
    };
    Report {
        id: "L1",
        what: format!("old clients on one channel, {ROUNDS} rounds of 2 s, a block to each"),
        figure: format!(
            "{}; the forest {later_ms:+.0} ms",
            crowds.iter().map(worst).collect::<Vec<_>>().join("; ")
        ),
        reference: "the original: 1 client a channel, one after the other".to_owned(),
        target: format!(
            "every block within 2 s; the forest's chunks at most {FOREST_LATER_MS:.0} ms later (p50), none missing"
        ),
        met: in_time && later_ms <= FOREST_LATER_MS && forest.missing == 0,
        lines,
        data: json!({
            "crowds": figures, "forest_later_ms": later_ms, "forest_missing": forest.missing,
            "forest_without_ms": forest.without_ms.json(), "forest_with_ms": forest.with_ms.json(),
            "forest_blocks_of_old_clients": forest.blocks,
        }),
    }
}
