//! C1: requests a second that a coordinator answers for each processor, with 1,000 visitors connected over TLS.
//!
//! The coordinator has a processor to itself, the visitors have the others. A bounded number of requests is under way at
//! any moment, in turn on all connections. What is counted is the processor time that the coordinator took, as the
//! kernel counts it, so that the figure does not depend on how fast the visitors are.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tests::{Coordinator, CoordinatorOptions, Lab};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::crowd::Visitor;
use crate::quantiles::Samples;
use crate::report::{Error, Report};

/// From targets.md.
const TARGET_RATE: f64 = 20_000.0;
const TARGET_P99_MS: f64 = 5.0;
const CONNECTIONS: u32 = 1_000;
/// Requests under way: enough that the coordinator never waits for the next.
const UNDER_WAY: usize = 64;
const WARM_UP: Duration = Duration::from_secs(2);
const MEASURED: Duration = Duration::from_secs(10);
/// Of durable bookings, which wait for the disk.
const BOOKED: Duration = Duration::from_secs(5);
/// Servers in the list, ten of which one request asks for.
const SERVERS: u32 = 20;
/// Ticks of a second in proc(5), on every Linux that Rust knows (USER_HZ).
const TICKS: f64 = 100.0;

/// Measures.
///
/// # Errors
/// When the coordinator or a visitor fails.
pub(crate) fn run() -> Result<Report, Error> {
    let lab = Lab::new();
    let coordinator = Coordinator::start(&lab, CoordinatorOptions::default());
    let stages: Vec<_> = (0..SERVERS)
        .map(|number| coordinator.stage(&format!("server-{number}"), 1, &["Chess"]))
        .collect();
    let pid = coordinator.process().pid();
    let alone = pin(pid)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let measured = runtime.block_on(async {
        let mut visitors = Visitor::many(CONNECTIONS, coordinator.address).await?;
        let plan = json!({
            "verb": "PLAN_SESSION", "rc_name": "Chess", "date": tomorrow()?, "time": "12:00",
        });
        let code = visitors[0].ask(&plan).await?["code"].clone();
        let requests = [
            json!({"verb": "GET_SERVERS", "range": "0-9"}).to_string(),
            json!({"verb": "SESSION_STATUS", "code": code}).to_string(),
        ];
        let (visitors, _) = flood(visitors, &requests, WARM_UP).await?;
        let (cpu, began) = (cpu_seconds(pid)?, Instant::now());
        let (mut visitors, latencies) = flood(visitors, &requests, MEASURED).await?;
        let (cpu, wall) = (cpu_seconds(pid)? - cpu, began.elapsed().as_secs_f64());
        let booked = bookings(&mut visitors).await?;
        Ok::<_, Error>((latencies, cpu, wall, booked))
    });
    drop(stages);
    let (latencies, cpu, wall, (booked, booked_wall)) = measured?;
    let (count, latencies) = (latencies.len() as f64, Samples::new(latencies));
    let (rate, share) = (count / wall, cpu / wall);
    let per_core = count / cpu;
    let bookings = booked.len() as f64 / booked_wall;
    let booked = Samples::new(booked);
    Ok(Report {
        id: "C1",
        what: format!(
            "requests to a coordinator (half GET_SERVERS of ten, half SESSION_STATUS), {CONNECTIONS} TLS WebSocket connections, {UNDER_WAY} requests under way"
        ),
        figure: format!(
            "{per_core:.0} a second and core, p99 {:.2} ms",
            latencies.p99()
        ),
        reference: format!(
            "{rate:.0} a second with {:.0} % of a core; {}",
            share * 100.0,
            if alone {
                "coordinator and visitors on cores of their own"
            } else {
                "one core for both"
            }
        ),
        target: format!(">= {TARGET_RATE:.0} a second and core, p99 <= {TARGET_P99_MS} ms"),
        met: per_core >= TARGET_RATE && latencies.p99() <= TARGET_P99_MS,
        lines: vec![
            latencies.words("ms"),
            format!(
                "durable bookings (PLAN_SESSION and CANCEL_PLAN in turn, SQLite): {bookings:.0} a second, {}",
                booked.words("ms")
            ),
        ],
        data: json!({
            "requests_per_core_second": per_core, "requests_per_second": rate, "cores_used": share,
            "latency_ms": latencies.json(), "bookings_per_second": bookings, "booking_ms": booked.json(),
        }),
    })
}

/// Asks on all connections for so long; the connections, and how many milliseconds each answer took.
async fn flood(
    visitors: Vec<Visitor>,
    requests: &[String; 2],
    length: Duration,
) -> Result<(Vec<Visitor>, Vec<f64>), Error> {
    let permits = Arc::new(Semaphore::new(UNDER_WAY));
    let until = Instant::now() + length;
    let mut tasks = JoinSet::new();
    for (number, mut visitor) in visitors.into_iter().enumerate() {
        let (permits, request) = (Arc::clone(&permits), requests[number % 2].clone());
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let permit = permits.acquire().await?;
                if Instant::now() >= until {
                    return Ok::<_, Error>((visitor, latencies));
                }
                let began = Instant::now();
                visitor.say(&request).await?;
                let answer = visitor.hear().await?;
                latencies.push(began.elapsed().as_secs_f64() * 1_000.0);
                drop(permit);
                if !answer.contains("SERVERS_FOUND") && !answer.contains("planned") {
                    return Err(format!("an unexpected answer: {answer}").into());
                }
            }
        });
    }
    let (mut visitors, mut all) = (Vec::new(), Vec::new());
    while let Some(done) = tasks.join_next().await {
        let (visitor, latencies) = done??;
        visitors.push(visitor);
        all.extend(latencies);
    }
    Ok((visitors, all))
}

/// Books and cancels on as many connections as there are free servers; milliseconds of each booking, and seconds in all.
async fn bookings(visitors: &mut Vec<Visitor>) -> Result<(Vec<f64>, f64), Error> {
    let day = tomorrow()?;
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    let few = usize::try_from(SERVERS - 1).unwrap_or(1);
    for mut visitor in visitors.drain(..few) {
        let plan =
            json!({"verb": "PLAN_SESSION", "rc_name": "Chess", "date": day, "time": "18:00"});
        tasks.spawn(async move {
            let mut took = Vec::new();
            let until = Instant::now() + BOOKED;
            while Instant::now() < until {
                let began = Instant::now();
                let booked = visitor.ask(&plan).await?;
                if booked["msg"] == "TRY_AGAIN" {
                    // Beyond the rate of one visitor.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
                took.push(began.elapsed().as_secs_f64() * 1_000.0);
                let cancel = json!({"verb": "CANCEL_PLAN", "code": booked["code"]});
                while visitor.ask(&cancel).await?["msg"] == "TRY_AGAIN" {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            Ok::<_, Error>(took)
        });
    }
    let mut all = Vec::new();
    while let Some(done) = tasks.join_next().await {
        all.extend(done??);
    }
    Ok((all, began.elapsed().as_secs_f64()))
}

/// Gives the coordinator the first processor and this process the others; false if there is only one.
fn pin(pid: i32) -> Result<bool, Error> {
    let cores = std::thread::available_parallelism()?.get();
    if cores < 2 {
        return Ok(false);
    }
    let others = format!("1-{}", cores - 1);
    let own = std::process::id().to_string();
    for (cpus, pid) in [("0", pid.to_string()), (others.as_str(), own)] {
        let done = Command::new("taskset")
            .args(["--all-tasks", "--cpu-list", "--pid", cpus, &pid])
            .output()?;
        if !done.status.success() {
            return Err(format!("taskset: {}", String::from_utf8_lossy(&done.stderr)).into());
        }
    }
    Ok(true)
}

/// User and system time of a process, all its threads.
fn cpu_seconds(pid: i32) -> Result<f64, Error> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit_once(')').ok_or("no name in /proc/PID/stat")?.1;
    let mut fields = after_name.split_whitespace().skip(11);
    let mut next = || fields.next().and_then(|field| field.parse::<f64>().ok());
    let (user, system) = (next(), next());
    Ok((user.ok_or("no user time")? + system.ok_or("no system time")?) / TICKS)
}

/// The day after today in the form of the wire, UTC.
pub(crate) fn tomorrow() -> Result<String, Error> {
    let said = Command::new("date")
        .args(["-u", "-d", "+1 day", "+%d/%m/%Y"])
        .output()?;
    Ok(String::from_utf8(said.stdout)?.trim().to_owned())
}
