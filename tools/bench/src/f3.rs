//! F3: from joining a running channel to the first complete, verified chunk on disk. Real `peer` processes join a forest
//! of others one after the other, at all phases of a chunk.
//!
//! The zero of "start" is the moment before the process is started, that of "join" its line `listening`, after which it
//! sends its first packet. The end is its line `stored NAME`, which it says when the file has its name. Lines are looked
//! at every half millisecond, in the file that its standard output is.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use swarm::{Peer, SwarmError};

use crate::quantiles::Samples;
use crate::report::{Error, Report};
use crate::world::World;

/// From the targets: milliseconds.
const TARGET_P50_MS: f64 = 150.0;
const TARGET_P99_MS: f64 = 500.0;
/// Peers that are there already.
const POPULATION: usize = 12;
const FAN_OUT: u16 = 4;
/// Samples.
const JOINS: usize = 60;
/// Between two joins, besides what they take: not a divisor of two seconds, so that all phases of a chunk are met.
const PAUSE: Duration = Duration::from_millis(370);
/// What the grain of the measurement is.
const LOOK: Duration = Duration::from_micros(500);
/// A join that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Measures.
///
/// # Errors
/// When a peer does not join at all.
pub(crate) fn run() -> Result<Report, Error> {
    let mut world = World::on_air(4, crate::world::LOOPBACK)?;
    for _ in 0..POPULATION {
        world.add(FAN_OUT)?;
    }
    world.settled()?;
    let (mut from_start, mut from_join) = (Vec::new(), Vec::new());
    for _ in 0..JOINS {
        thread::sleep(PAUSE);
        let options = world.options(FAN_OUT);
        let start = Instant::now();
        let peer = Peer::start(&world.programs, world.dir(), &world.origin.invite, &options)?;
        let joined = await_line(&world, &peer, "listening ")?;
        let stored = await_line(&world, &peer, "stored ")?;
        from_start.push((stored - start).as_secs_f64() * 1e3);
        from_join.push((stored - joined).as_secs_f64() * 1e3);
        // Polite, so that the forest is at rest when the next one joins.
        peer.leave();
    }
    let (from_start, from_join) = (Samples::new(from_start), Samples::new(from_join));
    Ok(Report {
        id: "F3",
        what: format!(
            "join to first complete verified chunk on disk: real peers joining a running channel of {POPULATION} peers, 4 Mb/s"
        ),
        figure: from_join.words("ms"),
        reference: "SRS 3-5 s to the first picture; PPLive seconds to minutes".to_owned(),
        target: format!("p50 <= {TARGET_P50_MS} ms, p99 <= {TARGET_P99_MS} ms"),
        met: from_join.p50() <= TARGET_P50_MS && from_join.p99() <= TARGET_P99_MS,
        lines: vec![format!(
            "from the start of the process: {}",
            from_start.words("ms")
        )],
        data: json!({
            "join_to_chunk_ms": from_join.json(), "start_to_chunk_ms": from_start.json(),
            "target_p50_ms": TARGET_P50_MS, "target_p99_ms": TARGET_P99_MS,
        }),
    })
}

/// When a line that begins so was there.
fn await_line(world: &World, peer: &Peer, prefix: &str) -> Result<Instant, SwarmError> {
    swarm::until(
        &world.interrupt,
        PATIENCE,
        LOOK,
        &format!("a new peer says {prefix}"),
        || {
            if peer.process.line(prefix).is_some() {
                return Ok(Ok(Instant::now()));
            }
            peer.alive()?;
            Ok(Err("nothing".to_owned()))
        },
    )
}
