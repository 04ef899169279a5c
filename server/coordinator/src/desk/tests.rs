//! The desk on a real database.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use server_booking::applications::put_application;
use server_booking::model::Application;
use server_booking::{Caller, Decision, Ledger, Refusal};
use server_state::{State, StateUrl};
use tempfile::TempDir;
use tokio::time::timeout;

use super::{Desk, NotDone};
use crate::clock::Clock;

/// How long anything here may take on a busy machine.
const SOON: Duration = Duration::from_secs(30);

async fn desk(dir: &TempDir) -> Desk {
    let url = StateUrl::Sqlite(dir.path().join("state.db"));
    let state = State::open(&url).await.expect("opens");
    let desk = Desk::open(state, Arc::new(Clock::new())).await;
    desk.expect("reads the world")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Adds an application, unless there is one: then it is busy.
fn first(
    name: &str,
) -> impl FnOnce(&Ledger, server_booking::model::UnixSeconds) -> Result<Decision<()>, Refusal>
+ Send
+ 'static {
    let application = Application {
        name: name.to_owned(),
        ..Application::default()
    };
    move |ledger, now| {
        if !ledger.world().applications.is_empty() {
            return Err(Refusal::Busy);
        }
        put_application(ledger, &Caller { now, actor: "test" }, &application)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_requests_at_once_each_sees_what_the_one_before_left() {
    let dir = folder();
    let (one, two) = (desk(&dir).await, desk(&dir).await);
    let mut racers = tokio::task::JoinSet::new();
    for number in 0..400 {
        let desk = if number % 2 == 0 { &one } else { &two }.clone();
        racers.spawn(async move { desk.decide(first(&format!("a{number}"))).await });
    }
    let outcomes = racers.join_all().await;
    let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(won, 1);
    let busy = NotDone::Refused(Refusal::Busy);
    let refused = outcomes
        .iter()
        .filter(|outcome| **outcome == Err(busy.clone()));
    assert_eq!(refused.count(), 399);
    // Both show it, whoever has decided it.
    for desk in [one, two] {
        let mut versions = desk.versions();
        while desk.look().world().applications.is_empty() {
            let changed = timeout(SOON, versions.changed()).await;
            changed.expect("in time").expect("it is open");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_whose_asker_is_gone_before_its_turn_is_not_decided() {
    let dir = folder();
    let desk = desk(&dir).await;
    let (go, waits) = mpsc::sync_channel::<()>(1);
    let (tell, at_work) = tokio::sync::oneshot::channel();
    let busy = desk.clone();
    let first_in_turn = tokio::spawn(async move {
        let rule = move |_: &Ledger, _| {
            tell.send(()).expect("the test waits");
            waits.recv().expect("the test lets it go on");
            Ok(Decision {
                changes: Vec::new(),
                answer: (),
            })
        };
        busy.decide(rule).await
    });
    at_work.await.expect("it is decided");
    let decided = Arc::new(AtomicBool::new(false));
    let mark = Arc::clone(&decided);
    let gone = desk.decide(move |_, _| {
        mark.store(true, Ordering::SeqCst);
        Err::<Decision<()>, _>(Refusal::Busy)
    });
    // Long enough to be in the queue; then nobody waits for it.
    timeout(Duration::from_millis(50), gone)
        .await
        .expect_err("its turn has not come");
    go.send(()).expect("it waits");
    first_in_turn.await.expect("no panic").expect("decided");
    desk.decide(first("after")).await.expect("decided");
    assert!(!decided.load(Ordering::SeqCst));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_stored_is_refused_alone() {
    let dir = folder();
    let desk = desk(&dir).await;
    // Each text is within the rules; all of them together are longer than a column takes.
    let mut long = Application {
        name: "long".to_owned(),
        ..Application::default()
    };
    for number in 0..30 {
        long.title.insert(format!("l{number}"), "x".repeat(4_000));
    }
    let put = desk
        .decide(move |ledger, now| put_application(ledger, &Caller { now, actor: "test" }, &long));
    // Both are in one batch, or not: it makes no difference.
    let (refused, taken) = tokio::join!(put, desk.decide(first("short")));
    assert!(
        matches!(&refused, Err(NotDone::Refused(Refusal::BadRequest(why))) if why.contains("title")),
        "{refused:?}"
    );
    taken.expect("it is stored");
    assert!(desk.stats().database_up.load(Ordering::Relaxed));
}
