//! F8: memory of a peer with eight children at 4 Mb/s, and whether it grows. The origin serves one peer alone, which
//! serves eight others; the kernel's figure for its resident memory (proc(5), VmRSS) is read every second.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::quantiles::{Samples, slope};
use crate::report::{Error, Report};
use crate::world::World;

/// From the targets: megabytes.
const TARGET_MB: f64 = 40.0;
/// What still counts as flat: a tenth of the target in an hour. A guess; the noise of a run of minutes is near it.
const FLAT_MB_PER_HOUR: f64 = 4.0;
const CHILDREN: u16 = 8;
/// Before the slope counts: the window of 20 s fills, and the allocator finds its size.
const WARM_UP: Duration = Duration::from_secs(60);
const EVERY: Duration = Duration::from_secs(1);

/// Measures for `minutes`, after the warm-up.
///
/// # Errors
/// When the peers do not run.
pub(crate) fn run(minutes: u32) -> Result<Report, Error> {
    let mut world = World::on_air(1, crate::world::LOOPBACK)?;
    world.add(CHILDREN)?;
    world.settled()?;
    for _ in 0..CHILDREN {
        world.add(0)?;
    }
    world.settled()?;
    let relay = world.peers.first().ok_or("the relay is gone")?;
    let before = relay.status()?;
    let start = Instant::now();
    let (mut points, mut peak) = (Vec::new(), 0.0_f64);
    let length = WARM_UP + Duration::from_secs(60) * minutes;
    for tick in 1.. {
        let next = start + EVERY * tick;
        thread::sleep(next.saturating_duration_since(Instant::now()));
        world.interrupt.check()?;
        let rss = resident_mb(relay.process.pid())?;
        peak = peak.max(rss);
        let passed = start.elapsed();
        if passed >= WARM_UP {
            points.push((passed.as_secs_f64() / 3_600.0, rss));
        }
        if passed >= length {
            break;
        }
    }
    let after = relay.status()?;
    let samples = Samples::new(points.iter().map(|(_, mb)| *mb).collect());
    let (first, last) = (
        points.first().map_or(0.0, |p| p.1),
        points.last().map_or(0.0, |p| p.1),
    );
    let per_hour = slope(&points);
    let seconds = start.elapsed().as_secs_f64();
    let out_mbit = (after.bytes_sent - before.bytes_sent) as f64 * 8.0 / 1e6 / seconds;
    let flat = per_hour <= FLAT_MB_PER_HOUR;
    Ok(Report {
        id: "F8",
        what: format!(
            "resident memory of a peer with {CHILDREN} children at 4 Mb/s, {:.0} s after a warm-up of {} s",
            seconds - WARM_UP.as_secs_f64(),
            WARM_UP.as_secs()
        ),
        figure: format!(
            "{:.1} MB (p50), {peak:.1} MB at most, {per_hour:+.1} MB an hour",
            samples.p50()
        ),
        reference: "moq-relay: 104 MB at 64 subscribers".to_owned(),
        target: format!("<= {TARGET_MB} MB, flat (<= {FLAT_MB_PER_HOUR} MB an hour)"),
        met: peak <= TARGET_MB && flat,
        lines: vec![
            format!(
                "it served {} children and sent {out_mbit:.1} Mb/s; chunks missing at it: {}",
                after.children.len(),
                after.chunks.missing
            ),
            format!(
                "its resident memory: {first:.2} MB at first, {last:.2} MB at last; {}",
                samples.words("MB")
            ),
        ],
        data: json!({
            "rss_mb": samples.json(), "peak_mb": peak, "mb_per_hour": per_hour, "seconds": seconds,
            "children": after.children.len(), "sent_mbit_per_s": out_mbit,
            "target_mb": TARGET_MB, "flat_mb_per_hour": FLAT_MB_PER_HOUR,
        }),
    })
}

fn resident_mb(pid: i32) -> Result<f64, Error> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .ok_or("the relay has ended")?;
    let kib: f64 = line
        .split_whitespace()
        .next()
        .ok_or("no figure in VmRSS")?
        .parse()?;
    Ok(kib * 1024.0 / 1e6)
}
