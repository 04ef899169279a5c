//! The scenarios on a MariaDB server, and what only it has: it comes and goes while coordinators run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use server_booking::model::Change;
use server_state::{Migrated, State, StateError, StateUrl};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection};

use crate::mariadb_server::MariaDb;
use crate::sample::{booking, code, counted, counter};
use crate::scenarios;

/// An error of a database that is gone must come within it: connecting and a statement have less.
const BOUND: Duration = Duration::from_secs(30);

async fn by_hand(server: &MariaDb, database: &str, sql: &str) {
    let mut connection = MySqlConnection::connect(&server.by_socket(database))
        .await
        .expect("connects");
    connection
        .execute(AssertSqlSafe(sql.to_owned()))
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    connection.close().await.expect("closes");
}

/// A database of its own for each scenario, with a default that would mix names up; by TCP, with a password.
async fn database(server: &MariaDb, name: &str) -> StateUrl {
    for sql in [
        format!("CREATE DATABASE {name} CHARACTER SET latin1"),
        format!("GRANT ALL ON {name}.* TO desk@'%' IDENTIFIED BY 'a:b@c'"),
    ] {
        by_hand(server, "mysql", &sql).await;
    }
    let url = server.by_port("desk", "a%3Ab%40c", name);
    url.parse().expect("an address")
}

async fn open(url: &StateUrl) -> State {
    State::open(url).await.expect("the state opens")
}

#[tokio::test]
async fn the_scenarios_hold() {
    let server = MariaDb::start();

    let url = database(&server, "equal").await;
    scenarios::what_is_committed_is_loaded_back_equal(&url, 30).await;

    let url = database(&server, "others").await;
    let state = open(&url).await;
    scenarios::a_commit_makes_all_changes_or_none(&state).await;
    scenarios::two_of_the_same_code_are_refused(&state).await;
    scenarios::the_past_is_kept_newest_first(&state).await;

    let states = vec![state.clone(), state, open(&url).await, open(&url).await];
    scenarios::racing_coordinators_never_overlap(states, 25).await;

    let socket = server.by_socket("others").parse().expect("an address");
    assert!(open(&socket).await.version().await.expect("a version") > 0);
}

#[tokio::test]
async fn tables_are_made_once_and_only_by_a_program_that_knows_them() {
    let server = MariaDb::start();
    let url = database(&server, "tables").await;

    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let url = url.clone();
        starts.spawn(async move { State::migrate(&url).await.expect("migrates") });
    }
    let starts = starts.join_all().await;
    let first = Migrated { from: 0, to: 1 };
    assert_eq!(
        starts.iter().filter(|done| **done == first).count(),
        1,
        "{starts:?}"
    );

    let state = open(&url).await;
    scenarios::commit(&state, &[Change::PutBooking(booking(1, 1))])
        .await
        .expect("commits");
    let before = state.load().await.expect("loads");
    assert_eq!(
        State::migrate(&url).await.expect("again"),
        Migrated { from: 1, to: 1 }
    );

    // Killed in the middle of its tables, the next one makes the rest.
    by_hand(&server, "tables", "DROP TABLE audit").await;
    by_hand(
        &server,
        "tables",
        "UPDATE coordinator_state SET migration = 0",
    )
    .await;
    assert_eq!(State::migrate(&url).await.expect("the rest"), first);
    assert_eq!(open(&url).await.load().await.expect("loads"), before);

    by_hand(
        &server,
        "tables",
        "UPDATE coordinator_state SET migration = 7",
    )
    .await;
    let refused = State::open(&url).await.map(drop).expect_err("newer");
    assert!(
        refused
            .to_string()
            .contains("version 7 of the tables, this program knows up to 1: run a newer program"),
        "{refused}"
    );

    let nowhere: StateUrl = server.by_socket("nowhere").parse().expect("an address");
    let refused = State::open(&nowhere)
        .await
        .map(drop)
        .expect_err("no such database");
    assert!(
        !refused.is_temporary() && refused.to_string().contains("Unknown database 'nowhere'"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_server_that_comes_and_goes_loses_nothing_and_is_found_again() {
    let mut server = MariaDb::start();
    let url = database(&server, "gone").await;
    let state = open(&url).await;

    for round in 0..3 {
        let acknowledged = Arc::new(AtomicU64::new(0));
        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..2 {
            writers.spawn(write_until_it_is_gone(
                open(&url).await,
                Arc::clone(&acknowledged),
            ));
        }
        let goal = (round + 1) * 40;
        let written = async {
            while acknowledged.load(Ordering::SeqCst) < goal {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(BOUND, written).await.expect("commits");
        server.kill();
        for error in writers.join_all().await {
            assert!(error.is_temporary(), "{error}");
        }
        for _ in 0..2 {
            let error = tokio::time::timeout(BOUND, state.version())
                .await
                .expect("in time");
            assert!(
                error.as_ref().is_err_and(StateError::is_temporary),
                "{error:?}"
            );
            let error = tokio::time::timeout(BOUND, scenarios::commit(&state, &[counter(0)])).await;
            let error = error.expect("in time").expect_err("gone");
            assert!(matches!(error, StateError::Gone { .. }), "{error}");
        }
        server.start_again();
        let (_, world) = state.load().await.expect("the same state works again");
        let kept = counted(&world);
        assert!(kept >= acknowledged.load(Ordering::SeqCst), "{kept}");
    }
    scenarios::commit(&state, &[Change::PutBooking(booking(1, 1))])
        .await
        .expect("commits");

    // A server that hangs is as good as gone; so is one that closes connections behind our back.
    server.freeze();
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let state = state.clone();
        asking.spawn(async move { state.version().await });
    }
    let both = async { tokio::join!(state.begin(), asking.join_all()) };
    let (begun, versions) = tokio::time::timeout(BOUND, both).await.expect("in time");
    assert!(begun.map(drop).is_err_and(|error| error.is_temporary()));
    for version in versions {
        assert!(version.is_err_and(|error| error.is_temporary()));
    }
    server.thaw();
    let (_, world) = state.load().await.expect("loads");
    assert!(world.bookings.contains_key(&code(1)));
    server.kill();
    server.start_again();
    scenarios::commit(&state, &[Change::PutBooking(booking(2, 1))])
        .await
        .expect("commits");

    // A connection that the server closes unasked is replaced; a transaction that it held is gone, and says so.
    by_hand(&server, "mysql", "KILL USER desk").await;
    scenarios::commit(&state, &[Change::PutBooking(booking(3, 1))])
        .await
        .expect("commits");
    let held = state.begin().await.expect("begins");
    by_hand(&server, "mysql", "KILL USER desk").await;
    let error = held.commit(&[Change::PutBooking(booking(4, 1))]).await;
    assert!(error.is_err_and(|error| matches!(error, StateError::Gone { .. })));
    let (_, world) = state.load().await.expect("loads");
    let codes: Vec<u16> = world.bookings.keys().map(|code| code.number()).collect();
    assert_eq!(codes, [1, 2, 3]);

    // Whoever vanishes with the right to write does not keep it.
    let other = open(&url).await;
    let held = other.begin().await.expect("begins");
    let (waited, ()) = tokio::join!(state.begin(), async { drop(held) });
    waited
        .expect("begins")
        .commit(&[])
        .await
        .expect("nothing to do");
}

/// Counts up, and notes what was acknowledged.
async fn write_until_it_is_gone(state: State, acknowledged: Arc<AtomicU64>) -> StateError {
    loop {
        let step = async {
            let mut transaction = state.begin().await?;
            let next = counted(&transaction.load().await?) + 1;
            transaction.commit(&[counter(next)]).await?;
            Ok(next)
        };
        match step.await {
            Ok(next) => acknowledged.fetch_max(next, Ordering::SeqCst),
            Err(error) => return error,
        };
    }
}
