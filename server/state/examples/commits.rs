//! `commits URL COMMITS CHANGES`: how many commits a second a database takes, one after the other, each of so many
//! bookings made or moved; and how long a check of the version takes.
//!
//! It uses codes from 0 on: give it a database of its own.

use std::time::{Duration, Instant};

use server_booking::model::{Booking, Change, Code, ServerId, UnixSeconds};
use server_state::{State, StateUrl};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, commits, changes] = arguments.as_slice() else {
        return Err("usage: commits URL COMMITS CHANGES".into());
    };
    let (commits, changes): (u32, u16) = (commits.parse()?, changes.parse()?);
    let state = State::open(&url.parse::<StateUrl>()?).await?;

    let mut times = Vec::new();
    let start = Instant::now();
    for commit in 0..commits {
        let changes: Vec<Change> = (0..changes)
            .filter_map(|change| booking(commit, change, changes))
            .collect();
        let begun = Instant::now();
        state.begin().await?.commit(&changes).await?;
        times.push(begun.elapsed());
    }
    let whole = start.elapsed();
    times.sort_unstable();
    let rate = f64::from(commits) / whole.as_secs_f64();
    let (half, high) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!(
        "{rate:.0} commits/s of {changes} changes, {:.0} changes/s; a commit p50 {half:.2?}, p99 {high:.2?}",
        rate * f64::from(changes)
    );

    let start = Instant::now();
    for _ in 0..commits {
        state.version().await?;
    }
    let version: Duration = start.elapsed() / commits;
    let start = Instant::now();
    let (_, world) = state.load().await?;
    println!(
        "a version {version:.2?}; a world of {} bookings {:.2?}",
        world.bookings.len(),
        start.elapsed()
    );
    Ok(())
}

/// Walks round all codes; from the second round on bookings are moved.
fn booking(commit: u32, change: u16, changes: u16) -> Option<Change> {
    let number = commit * u32::from(changes) + u32::from(change);
    let code = Code::new(u16::try_from(number % u32::from(Code::COUNT)).ok()?)?;
    let starts_at = UnixSeconds(1_800_000_000 + i64::from(number));
    Some(Change::PutBooking(Booking {
        code,
        application: "Atlas".to_owned(),
        server: ServerId("one".to_owned()),
        starts_at,
        ends_at: UnixSeconds(starts_at.0 + 3_600),
        time_zone: "Europe/Moscow".to_owned(),
        made_at: UnixSeconds(1_700_000_000),
    }))
}
