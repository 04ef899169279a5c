//! What holds for every kind of database, told once.

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, TestRunner};
use server_booking::model::{Change, EndReason, UnixSeconds, World};
use server_state::{Holder, NAME_MAX, State, StateError, StateUrl};

use crate::sample::{allowed, any_change, booking, code, counted, counter, entry, session};

/// Commits to an open state, whatever the world is.
pub(crate) async fn commit(state: &State, changes: &[Change]) -> Result<u64, StateError> {
    state.begin().await?.commit(changes).await
}

/// Any sequence of changes is loaded back as it was committed, from this state and from one that is opened later.
pub(crate) async fn what_is_committed_is_loaded_back_equal(url: &StateUrl, sequences: u32) {
    let mut runner = TestRunner::new(Config::default());
    let commits = proptest::collection::vec(proptest::collection::vec(any_change(), 0..12), 1..6);
    let mut state = State::open(url).await.expect("the state opens");
    let (mut version, mut world) = state.load().await.expect("it loads");
    for _ in 0..sequences {
        let drawn = commits.new_tree(&mut runner).expect("changes").current();
        for changes in drawn {
            let (changes, expected) = allowed(&world, changes);
            let alters = changes
                .iter()
                .any(|change| !matches!(change, Change::Audit(_)));
            let mut transaction = state.begin().await.expect("begins");
            assert_eq!(transaction.version(), version);
            assert_eq!(transaction.load().await.expect("loads"), world);
            let next = transaction
                .commit(&changes)
                .await
                .unwrap_or_else(|error| panic!("{error}: {changes:?}"));
            assert_eq!(next, version + u64::from(alters));
            assert_eq!(state.version().await.expect("a version"), next);
            let loaded = state.load().await.expect("loads");
            assert_eq!(loaded, (next, expected.clone()), "after {changes:?}");
            (version, world) = (next, expected);
        }
        drop(state);
        state = State::open(url).await.expect("the state opens again");
        assert_eq!(state.load().await.expect("loads"), (version, world.clone()));
    }
}

/// Nothing of a commit stays that fails at its last change, of one that is dropped, of one without changes.
pub(crate) async fn a_commit_makes_all_changes_or_none(state: &State) {
    commit(state, &[Change::PutSession(session(11, "a"))])
        .await
        .expect("commits");
    let before = state.load().await.expect("loads");

    let changes = [
        Change::PutBooking(booking(12, 1)),
        Change::Audit(entry(99)),
        Change::PutBooking(booking(11, 1)),
    ];
    let refused = commit(state, &changes)
        .await
        .expect_err("11 is a session's");
    assert!(
        matches!(refused, StateError::CodeTaken(taken) if taken == code(11)),
        "{refused}"
    );
    assert_eq!(state.load().await.expect("loads"), before);
    assert!(
        state
            .audit(10)
            .await
            .expect("audit")
            .iter()
            .all(|found| *found != entry(99))
    );

    let mut long = booking(12, 1);
    long.application = "x".repeat(NAME_MAX + 1);
    let changes = [Change::PutBooking(booking(13, 1)), Change::PutBooking(long)];
    let refused = commit(state, &changes).await.expect_err("too long");
    assert!(
        refused.to_string().contains("201 characters, 200 at most"),
        "{refused}"
    );
    assert!(!refused.is_temporary());

    let mut transaction = state.begin().await.expect("begins");
    assert_eq!(transaction.load().await.expect("loads"), before.1);
    drop(transaction);
    assert_eq!(commit(state, &[]).await.expect("nothing to do"), before.0);
    assert_eq!(state.load().await.expect("loads"), before);
}

/// A code is active once; altering what has it is no second one, and when it is free it is given again.
pub(crate) async fn two_of_the_same_code_are_refused(state: &State) {
    let mine = booking(21, 1);
    commit(state, &[Change::PutBooking(mine.clone())])
        .await
        .expect("free");
    for other in [
        Change::PutBooking(booking(21, 2)),
        Change::PutSession(session(21, "a")),
    ] {
        let refused = commit(state, &[other]).await.expect_err("taken");
        assert!(matches!(refused, StateError::CodeTaken(_)), "{refused}");
        assert_eq!(
            refused.to_string(),
            "code 0021 is active already, for another booking or session"
        );
    }

    let mut moved = mine;
    moved.server.0 = "two".to_owned();
    commit(state, &[Change::PutBooking(moved.clone())])
        .await
        .expect("moved");
    commit(state, &[Change::PutBooking(moved.clone())])
        .await
        .expect("the same again");
    let (_, world) = state.load().await.expect("loads");
    assert_eq!(world.bookings[&code(21)], moved);

    let start = [
        Change::RemoveBooking {
            code: code(21),
            why: None,
        },
        Change::PutSession(session(21, "a")),
    ];
    commit(state, &start).await.expect("starts");
    let refused = commit(state, &[Change::PutSession(session(21, "b"))])
        .await
        .expect_err("taken");
    assert!(matches!(refused, StateError::CodeTaken(_)), "{refused}");
    let end = Change::RemoveSession {
        code: code(21),
        why: EndReason::Empty,
        at: UnixSeconds(5),
    };
    commit(state, &[end]).await.expect("ends");
    commit(state, &[Change::PutBooking(booking(21, 9))])
        .await
        .expect("free again");
}

/// What ended and what was done is kept, newest first.
pub(crate) async fn the_past_is_kept_newest_first(state: &State) {
    let lines: Vec<Change> = (0..5).map(|number| Change::Audit(entry(number))).collect();
    let changes = [
        Change::PutBooking(booking(31, 1)),
        Change::PutBooking(booking(32, 1)),
        Change::RemoveBooking {
            code: code(31),
            why: Some(EndReason::Cancelled),
        },
        Change::RemoveBooking {
            code: code(32),
            why: None,
        },
        Change::PutSession(session(32, "a")),
        Change::RemoveSession {
            code: code(32),
            why: EndReason::Idle,
            at: UnixSeconds(77),
        },
        // Nothing is there to end.
        Change::RemoveBooking {
            code: code(31),
            why: Some(EndReason::Unused),
        },
        Change::RemoveSession {
            code: code(32),
            why: EndReason::Empty,
            at: UnixSeconds(78),
        },
    ];
    commit(state, &changes).await.expect("commits");
    commit(state, &lines).await.expect("commits");

    let audit = state.audit(2).await.expect("audit");
    assert_eq!(audit, [entry(4), entry(3)]);
    let history = state.history(2).await.expect("history");
    let seen: Vec<_> = history
        .iter()
        .map(|ended| (ended.holder, ended.code, ended.why, ended.ended_at))
        .collect();
    assert_eq!(
        seen,
        [
            (
                Holder::Session,
                code(32),
                EndReason::Idle,
                Some(UnixSeconds(77))
            ),
            (Holder::Booking, code(31), EndReason::Cancelled, None),
        ]
    );
    assert_eq!(history[1].application, "Atlas");
}

/// Coordinators that read a counter and write it back one higher lose no step, and never see a version twice.
pub(crate) async fn racing_coordinators_never_overlap(states: Vec<State>, each: u64) {
    let before = counted(&states[0].load().await.expect("loads").1);
    let total = each * states.len() as u64;
    let mut racers = tokio::task::JoinSet::new();
    for state in states {
        racers.spawn(async move {
            let mut versions = Vec::new();
            for _ in 0..each {
                let mut transaction = begin_patiently(&state).await;
                let world = transaction.load().await.expect("loads");
                let changes = [counter(counted(&world) + 1)];
                versions.push(transaction.commit(&changes).await.expect("commits"));
            }
            (state, versions)
        });
    }
    let mut versions = Vec::new();
    let mut world = World::default();
    while let Some(racer) = racers.join_next().await {
        let (state, seen) = racer.expect("no racer panics");
        versions.extend(seen);
        world = state.load().await.expect("loads").1;
    }
    assert_eq!(counted(&world), before + total);
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(versions.len() as u64, total);
}

/// Begins; asks again while another coordinator holds the database, as every caller must.
async fn begin_patiently(state: &State) -> server_state::Transaction<'_> {
    loop {
        match state.begin().await {
            Ok(transaction) => return transaction,
            Err(StateError::Busy { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}
