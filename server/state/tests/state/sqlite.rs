//! The scenarios on SQLite, and what only it has: a file.

use server_state::{State, StateUrl};

use crate::scenarios;

fn url(folder: &tempfile::TempDir) -> StateUrl {
    StateUrl::Sqlite(folder.path().join("state.db"))
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
