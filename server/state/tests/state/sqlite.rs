//! The scenarios on SQLite, and what only it has: a file.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use server_booking::model::Change;
use server_state::{HISTORY_MAX, Migrated, State, StateError, StateUrl};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, SqliteConnection};

use crate::sample::{booking, code, counted, counter, entry};
use crate::scenarios;

/// Names the database to the process that is to be killed.
const WRITE_TO: &str = "TREECAST_TEST_WRITE_TO";
/// What it says after each commit.
const ACKNOWLEDGED: &str = "acknowledged ";

fn path(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("state.db")
}

fn url(folder: &tempfile::TempDir) -> StateUrl {
    StateUrl::Sqlite(path(folder))
}

async fn connect(path: &Path) -> SqliteConnection {
    let url = format!("sqlite:{}", path.display());
    SqliteConnection::connect(&url).await.expect("connects")
}

async fn by_hand(folder: &tempfile::TempDir, sql: &str) {
    let mut connection = connect(&path(folder)).await;
    connection
        .execute(AssertSqlSafe(sql.to_owned()))
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    connection.close().await.expect("closes");
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

async fn open(folder: &tempfile::TempDir) -> State {
    State::open(&url(folder)).await.expect("the state opens")
}

#[tokio::test]
async fn what_is_committed_is_loaded_back_equal() {
    let folder = folder();
    scenarios::what_is_committed_is_loaded_back_equal(&url(&folder), 30).await;
}

#[tokio::test]
async fn a_commit_makes_all_changes_or_none() {
    let folder = folder();
    scenarios::a_commit_makes_all_changes_or_none(&open(&folder).await).await;
}

#[tokio::test]
async fn two_of_the_same_code_are_refused() {
    let folder = folder();
    scenarios::two_of_the_same_code_are_refused(&open(&folder).await).await;
}

#[tokio::test]
async fn the_past_is_kept_newest_first() {
    let folder = folder();
    scenarios::the_past_is_kept_newest_first(&open(&folder).await).await;
}

#[tokio::test]
async fn racing_coordinators_never_overlap() {
    let folder = folder();
    let first = open(&folder).await;
    let states = vec![
        first.clone(),
        first,
        open(&folder).await,
        open(&folder).await,
    ];
    scenarios::racing_coordinators_never_overlap(states, 25).await;
}

#[tokio::test]
async fn a_killed_writer_loses_nothing_that_was_acknowledged() {
    const NAME: &str = "sqlite::a_killed_writer_loses_nothing_that_was_acknowledged";
    if let Some(path) = std::env::var_os(WRITE_TO) {
        return write_until_killed(&StateUrl::Sqlite(path.into())).await;
    }
    let folder = folder();
    for round in 1..=3 {
        let mut writer = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", NAME, "--nocapture"])
            .env(WRITE_TO, path(&folder))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the writer starts");
        let output = BufReader::new(writer.stdout.take().expect("piped"));
        let mut acknowledged = 0;
        for line in output.lines() {
            let line = line.expect("a line");
            let Some(number) = line.strip_prefix(ACKNOWLEDGED) else {
                continue;
            };
            acknowledged = number.parse().expect("a number");
            if acknowledged == round * 50 {
                writer.kill().expect("it is ours");
            }
        }
        writer.wait().expect("it is ours");
        assert!(
            acknowledged >= round * 50,
            "the writer ended after {acknowledged}"
        );
        let (_, world) = open(&folder).await.load().await.expect("loads");
        assert!(counted(&world) >= acknowledged);
        assert_eq!(world.bookings.len(), 1, "each commit moves the one booking");
    }
}

/// Each commit counts up, and replaces a booking by one with the next code.
async fn write_until_killed(url: &StateUrl) {
    let state = State::open(url).await.expect("opens");
    loop {
        let mut transaction = state.begin().await.expect("begins");
        let world = transaction.load().await.expect("loads");
        let next = counted(&world) + 1;
        let mut changes = vec![counter(next)];
        for code in world.bookings.into_keys() {
            changes.push(Change::RemoveBooking { code, why: None });
        }
        let next_code = u16::try_from(next).expect("it is killed before that");
        changes.push(Change::PutBooking(booking(next_code, 1)));
        transaction.commit(&changes).await.expect("commits");
        println!("{ACKNOWLEDGED}{next}");
    }
}

#[tokio::test]
async fn tables_are_made_once_and_only_by_a_program_that_knows_them() {
    let folder = folder();
    let url = url(&folder);
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

    let state = open(&folder).await;
    scenarios::commit(&state, &[Change::PutBooking(booking(1, 1))])
        .await
        .expect("commits");
    let before = state.load().await.expect("loads");
    assert_eq!(
        State::migrate(&url).await.expect("again"),
        Migrated { from: 1, to: 1 }
    );
    assert_eq!(open(&folder).await.load().await.expect("loads"), before);

    by_hand(&folder, "UPDATE coordinator_state SET migration = 7").await;
    let refused = State::open(&url).await.map(drop).expect_err("newer");
    assert!(
        matches!(
            refused,
            StateError::Newer {
                found: 7,
                known: 1,
                ..
            }
        ),
        "{refused}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    let state = open(&folder).await;
    scenarios::commit(&state, &[counter(1)])
        .await
        .expect("commits");
    let mut files = 0;
    for file in std::fs::read_dir(folder.path()).expect("the folder") {
        let file = file.expect("an entry");
        let mode = file.metadata().expect("its rights").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", file.path());
        files += 1;
    }
    assert_eq!(files, 3, "the database, its log and the log's index");
}

#[tokio::test]
async fn a_file_that_is_gone_for_a_while_is_not_written_to_and_is_found_again() {
    let folder = folder();
    let state = open(&folder).await;
    scenarios::commit(&state, &[Change::PutBooking(booking(1, 1))])
        .await
        .expect("commits");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let everything = ["state.db", "state.db-wal", "state.db-shm"];
    for name in everything {
        std::fs::rename(folder.path().join(name), elsewhere.path().join(name)).expect("moved");
    }
    let gone = scenarios::commit(&state, &[counter(1)])
        .await
        .expect_err("gone");
    assert!(matches!(gone, StateError::Gone { .. }), "{gone}");
    let gone = state.version().await.expect_err("gone");
    assert!(
        gone.is_temporary() && gone.to_string().contains("state.db does not answer"),
        "{gone}"
    );
    for name in everything {
        // The last connection to leave tidied the log up.
        std::fs::rename(elsewhere.path().join(name), folder.path().join(name)).ok();
    }
    let (_, world) = state.load().await.expect("loads");
    assert!(world.bookings.contains_key(&code(1)));
    scenarios::commit(&state, &[counter(1)])
        .await
        .expect("commits");
}

#[tokio::test]
async fn a_database_that_another_one_holds_is_busy_and_free_again() {
    let folder = folder();
    let state = open(&folder).await;
    let mut other = connect(&path(&folder)).await;
    other.execute("BEGIN IMMEDIATE").await.expect("begins");
    let busy = state.begin().await.map(drop).expect_err("held");
    assert!(
        matches!(busy, StateError::Busy { .. }) && busy.is_temporary(),
        "{busy}"
    );
    state.load().await.expect("readers are not in its way");
    other.execute("ROLLBACK").await.expect("free");
    scenarios::commit(&state, &[counter(1)])
        .await
        .expect("commits");
}

#[tokio::test]
async fn the_past_is_bounded() {
    let folder = folder();
    let state = open(&folder).await;
    let lines = [Change::Audit(entry(1)), Change::Audit(entry(2))];
    scenarios::commit(&state, &lines).await.expect("commits");
    // As after so many more.
    let next = HISTORY_MAX + 2;
    by_hand(
        &folder,
        &format!("UPDATE coordinator_state SET next_number = {next}"),
    )
    .await;
    scenarios::commit(&state, &[Change::Audit(entry(3))])
        .await
        .expect("commits");
    assert_eq!(state.audit(10).await.expect("audit"), [entry(3)]);
}

#[tokio::test]
async fn rows_that_none_of_us_wrote_are_refused_with_their_place() {
    for (sql, line) in [
        (
            "INSERT INTO bookings VALUES (10000, 'a', 's', 1, 2, 'UTC', 1)",
            "table bookings, column code: 10000 is not 0 to 9999",
        ),
        (
            "INSERT INTO titles VALUES ('a', '{', '{}', NULL)",
            "table titles, column title: EOF while parsing an object at line 1 column 1",
        ),
        (
            "INSERT INTO session_servers VALUES ('s', 'h', 65536, '[]', 1, 'online', 'file', 1)",
            "table session_servers, column port: 65536 is out of range",
        ),
        (
            "INSERT INTO session_servers VALUES ('s', 'h', 1, '[]', 1, 'asleep', 'file', 1)",
            "table session_servers, column state: unknown variant `asleep`, expected one of `online`, `draining`, `away`",
        ),
        (
            "DELETE FROM coordinator_state",
            "table coordinator_state: its one row is missing: restore the database from a copy",
        ),
    ] {
        let folder = folder();
        let state = open(&folder).await;
        by_hand(&folder, sql).await;
        let refused = state.load().await.expect_err(sql);
        assert!(matches!(refused, StateError::Broken { .. }), "{refused}");
        assert!(refused.to_string().ends_with(line), "{refused}");
    }
}

#[tokio::test]
async fn a_transaction_that_is_dropped_or_cancelled_is_taken_back() {
    let folder = folder();
    let state = open(&folder).await;
    for _ in 0..3 {
        drop(state.begin().await.expect("begins"));
        let changes = [counter(1), Change::PutBooking(booking(1, 1))];
        let work = scenarios::commit(&state, &changes);
        // Somewhere in the middle, or not begun at all: it is there as a whole, or not.
        tokio::select! {
            biased;
            () = tokio::time::sleep(Duration::from_micros(300)) => {}
            _ = work => {}
        }
        let (_, world) = state.load().await.expect("loads");
        assert_eq!(counted(&world) == 1, world.bookings.contains_key(&code(1)));
    }
    scenarios::commit(&state, &[counter(2)])
        .await
        .expect("commits");
}
