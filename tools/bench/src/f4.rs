//! F4: the failure of a relay. Among 32 real peers one that relays is killed with SIGKILL, or frozen with SIGSTOP: then it
//! sends nothing any more and closes nothing, which for its neighbours is what a cable that is cut silently is. Again and
//! again, each time another one; a new peer takes its place, so that there are always 32. A player plays on one of them.
//!
//! How long full redundancy was away: the longest of all repairs that this failure cost, as the survivors report them.
//! They count from the last sign of the parent, which is up to a heartbeat before the failure, to the acceptance by the
//! new one. That nothing is left to repair is seen in their statuses: every stripe of every survivor has a parent, and it
//! is another one. The time from the failure until this was seen is told as well; it has the grain of asking 32 peers.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use rand::seq::IndexedRandom as _;
use serde_json::json;
use swarm::{Player, until};
use tests::Status;

use crate::quantiles::Samples;
use crate::report::{Error, Report};
use crate::world::World;

/// From the targets: milliseconds.
const TARGET_P50_MS: f64 = 250.0;
const TARGET_P99_MS: f64 = 600.0;
const POPULATION: usize = 32;
const FAN_OUT: u16 = 6;
/// Peers that the origin serves itself: what it does when nothing is said.
const DIRECT_PEERS: u16 = 8;
/// Failures of each kind.
const ROUNDS: usize = 20;
/// Between two failures, after all have their places: backups are found, statistics settle.
const REST: Duration = Duration::from_millis(2_500);
/// A repair that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(5);

/// How a relay fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    Killed,
    Frozen,
}

/// What one kind of failure came to.
#[derive(Debug, Default)]
struct Cost {
    /// The longest repair of each failure, milliseconds.
    longest: Vec<f64>,
    /// From each failure until all was seen to be repaired, milliseconds.
    seen: Vec<f64>,
    /// Stripes that had to be repaired, all together.
    stripes: u64,
    /// In words, every repair that took longer than the target.
    slow: Vec<String>,
}

/// Measures.
///
/// # Errors
/// When the forest does not form, or a failure is never repaired.
pub(crate) fn run() -> Result<Report, Error> {
    let mut world = World::on_air(DIRECT_PEERS, crate::world::LOOPBACK)?;
    for _ in 0..POPULATION {
        world.add(FAN_OUT)?;
    }
    world.settled()?;
    let played = world.peers.first().ok_or("no peer")?.spool.clone();
    let player = Player::start(&world.programs, world.dir(), &played)?;
    thread::sleep(REST * 2);
    let (mut killed, mut frozen) = (Cost::default(), Cost::default());
    let mut missing = (0, 0);
    for _ in 0..ROUNDS {
        for (failure, cost) in [
            (Failure::Killed, &mut killed),
            (Failure::Frozen, &mut frozen),
        ] {
            fail_one(&mut world, failure, cost, &mut missing)?;
        }
    }
    // What the last failure cost would be missed when its chunks leave the windows, 20 s later.
    thread::sleep(Duration::from_secs(24));
    for status in world.statuses()? {
        add_missing(&mut missing, &status);
    }
    let shown = player.end()?;
    Ok(report(&killed, &frozen, missing, &shown))
}

fn add_missing(missing: &mut (u64, u64), status: &Status) {
    missing.0 += status.blocks.missing;
    missing.1 += status.chunks.missing;
}

fn fail_one(
    world: &mut World,
    failure: Failure,
    cost: &mut Cost,
    missing: &mut (u64, u64),
) -> Result<(), Error> {
    thread::sleep(REST);
    let before = world.statuses()?;
    // The first is the one that is played.
    let relays: Vec<usize> = (1..before.len())
        .filter(|at| before[*at].is_interior())
        .collect();
    let at = *relays
        .choose(&mut rand::rng())
        .ok_or("nobody relays anything")?;
    let victim = world.peers.remove(at);
    let dead = before[at].identity.clone();
    add_missing(missing, &before[at]);
    let repairs: BTreeMap<String, u64> = before
        .into_iter()
        .map(|s| (s.identity, s.repairs.total))
        .collect();

    let start = Instant::now();
    match failure {
        Failure::Killed => victim.process.kill9(),
        Failure::Frozen => victim.process.sigstop(),
    }
    let after = until(
        &world.interrupt,
        PATIENCE,
        LOOK,
        "every stripe has a live parent again",
        || {
            let statuses = world.statuses()?;
            let is_orphan = |s: &&tests::Stripe| s.parent.as_ref().is_none_or(|p| p.peer == dead);
            let orphans: usize = statuses
                .iter()
                .map(|s| s.stripes.iter().filter(is_orphan).count())
                .sum();
            Ok(if orphans == 0 {
                Ok(statuses)
            } else {
                Err(format!("{orphans} stripes have none"))
            })
        },
    )?;
    cost.seen.push(start.elapsed().as_secs_f64() * 1e3);
    let mut longest = 0;
    for status in &after {
        let new = status.repairs.total - repairs.get(&status.identity).copied().unwrap_or(0);
        cost.stripes += new;
        for repair in status.repairs.latest.iter().rev().take(new as usize) {
            longest = longest.max(repair.ms);
            if repair.ms as f64 > TARGET_P99_MS {
                let (stripe, cause, ms) = (repair.stripe, &repair.cause, repair.ms);
                cost.slow.push(format!("{failure:?}: stripe {stripe} of a peer that lost {new}, parent {cause}: {ms} ms"));
            }
        }
    }
    if longest > 0 {
        cost.longest.push(longest as f64);
    }
    victim.process.kill9();
    world.add(FAN_OUT)?;
    world.settled()
}

fn report(killed: &Cost, frozen: &Cost, missing: (u64, u64), shown: &swarm::Shown) -> Report {
    let samples = |ms: &[f64]| Samples::new(ms.to_vec());
    let (kill, freeze) = (samples(&killed.longest), samples(&frozen.longest));
    let in_time =
        |ms: &Samples| ms.p50() <= TARGET_P50_MS && ms.p99() <= TARGET_P99_MS && ms.len() > 0;
    let stalls = shown.stalls;
    Report {
        id: "F4",
        what: format!(
            "failure of a relay among {POPULATION} real peers of fan-out {FAN_OUT}, {DIRECT_PEERS} direct peers, 4 Mb/s, {ROUNDS} times SIGKILL and {ROUNDS} times silence (SIGSTOP); full redundancy back after"
        ),
        figure: format!(
            "{} blocks and {} chunks missing, {stalls} stalls; SIGKILL p50 {:.0} ms, p99 {:.0} ms; silence p50 {:.0} ms, p99 {:.0} ms",
            missing.0,
            missing.1,
            kill.p50(),
            kill.p99(),
            freeze.p50(),
            freeze.p99()
        ),
        reference: "moq: 30-33 s".to_owned(),
        target: format!(
            "0 missing, 0 stalls, p50 <= {TARGET_P50_MS} ms, p99 <= {TARGET_P99_MS} ms"
        ),
        met: missing == (0, 0) && shown.is_flawless() && in_time(&kill) && in_time(&freeze),
        lines: vec![
            format!(
                "SIGKILL: {}; {} stripes to repair",
                kill.words("ms"),
                killed.stripes
            ),
            format!(
                "    seen from outside: {}",
                samples(&killed.seen).words("ms")
            ),
            format!(
                "silence: {}; {} stripes to repair",
                freeze.words("ms"),
                frozen.stripes
            ),
            format!(
                "    seen from outside: {}",
                samples(&frozen.seen).words("ms")
            ),
            format!(
                "player: {} chunks and {} frames shown, {} dropped, {} chunks missing, {stalls} stalls, {} ms",
                shown.chunks_shown,
                shown.frames_shown,
                shown.frames_dropped,
                shown.chunks_missing,
                shown.stall_ms
            ),
        ]
        .into_iter()
        .chain(killed.slow.iter().chain(&frozen.slow).map(|words| format!("slow: {words}")))
        .collect(),
        data: json!({
            "blocks_missing": missing.0, "chunks_missing": missing.1, "player": shown,
            "killed_ms": kill.json(), "killed_seen_ms": samples(&killed.seen).json(),
            "frozen_ms": freeze.json(), "frozen_seen_ms": samples(&frozen.seen).json(),
            "target_p50_ms": TARGET_P50_MS, "target_p99_ms": TARGET_P99_MS,
        }),
    }
}
