//! The scenarios on the files of the first stage, and what only they have: a form that people wrote.

use std::path::PathBuf;

use server_booking::model::Change;
use server_state::{FILES_PAST_MAX, State, StateError, StateUrl};

use crate::sample::{code, entry};
use crate::scenarios;

fn planned(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("sessions_planned.json")
}

fn url(folder: &tempfile::TempDir) -> StateUrl {
    StateUrl::Files {
        servers: folder.path().join("servers.json"),
        planned: planned(folder),
    }
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
async fn racing_tasks_never_overlap() {
    let folder = folder();
    let state = open(&folder).await;
    scenarios::racing_coordinators_never_overlap(vec![state.clone(), state], 25).await;
}

#[tokio::test]
async fn a_second_coordinator_is_kept_away_until_the_first_is_gone() {
    let folder = folder();
    let first = open(&folder).await;
    let refused = State::open(&url(&folder))
        .await
        .map(drop)
        .expect_err("in use");
    assert!(matches!(refused, StateError::InUse(_)), "{refused}");
    assert!(
        refused
            .to_string()
            .contains("sessions_planned.json is in use by another coordinator")
    );
    drop(first);
    open(&folder).await;
}

#[tokio::test]
async fn the_past_is_bounded() {
    let folder = folder();
    let state = open(&folder).await;
    let lines: Vec<Change> = (0..FILES_PAST_MAX + 5)
        .map(|number| Change::Audit(entry(number)))
        .collect();
    scenarios::commit(&state, &lines).await.expect("commits");
    let audit = state.audit(usize::MAX).await.expect("audit");
    assert_eq!(audit.len(), FILES_PAST_MAX);
    assert_eq!(audit[0], entry(FILES_PAST_MAX + 4));
}

#[tokio::test]
async fn a_broken_file_is_refused_and_left_as_it_is() {
    for (text, part) in [
        (
            "[{\"code\":",
            "not JSON: EOF while parsing a value at line 1 column 9",
        ),
        ("", "the file is empty; an empty list is []"),
        ("{\"version\": 3}", "\"planned\" is missing"),
        (
            "[{\"code\":\"12345\",\"rc_name\":\"a\",\"server_name\":\"s\",\"starts_at\":1,\"ends_at\":2}]",
            "entry 1, code: 12345 is not accepted: four digits",
        ),
        (
            "{\"planned\":[],\"running\":[{\"code\":1}]}",
            "running, entry 1: missing field `application`",
        ),
    ] {
        let folder = folder();
        std::fs::write(planned(&folder), text).expect("written");
        let refused = State::open(&url(&folder)).await.map(drop).expect_err(text);
        let line = refused.to_string();
        assert!(
            line.contains("sessions_planned.json: ") && line.contains(part),
            "{line}"
        );
        assert!(!refused.is_temporary());
        let after = std::fs::read_to_string(planned(&folder)).expect("still there");
        assert_eq!(after, text);
    }
}

#[tokio::test]
async fn the_list_of_an_older_installation_is_read() {
    let folder = folder();
    let text = r#"[{"code": "0042", "date": "28/02/2027", "time": "09:30", "rc_name": "Atlas", "server_name7": "one",
        "tz": "Europe/Moscow", "surprise": {"x": []}}]"#;
    std::fs::write(planned(&folder), text).expect("written");
    let (_, world) = open(&folder).await.load().await.expect("loads");
    let booking = &world.bookings[&code(42)];
    // 2027-02-28T06:30:00Z
    assert_eq!(booking.starts_at.0, 1_803_796_200);
    assert_eq!(booking.ends_at.0 - booking.starts_at.0, 3_600);
    assert_eq!(
        (booking.application.as_str(), booking.server.0.as_str()),
        ("Atlas", "one")
    );
}

#[tokio::test]
async fn bookings_that_name_no_server_get_those_of_servers_json() {
    let servers = r#"[{"server_name1": "one", "ip": "h", "port": 1, "rc_info": {"rc_name": "Atlas"}},
        {"server_name2": "two", "ip": "h", "port": 2, "rc_info": {"rc_name": "Atlas"}}]"#;
    let entry = |code: u16, time: &str| {
        format!(r#"{{"code": {code}, "date": "28/02/2027", "time": "{time}"}}"#)
    };
    let (first, beside, later) = (entry(1, "09:00"), entry(2, "09:30"), entry(3, "10:00"));

    let folder = folder();
    std::fs::write(folder.path().join("servers.json"), servers).expect("written");
    let list = format!("[{later}, {first}, {beside}]");
    std::fs::write(planned(&folder), list).expect("written");
    let (_, world) = open(&folder).await.load().await.expect("loads");
    let places: Vec<&str> = world
        .bookings
        .values()
        .map(|booking| booking.server.0.as_str())
        .collect();
    assert_eq!(places, ["one", "two", "one"]);
    assert_eq!(world.bookings[&code(3)].application, "Atlas");

    let list = format!("[{first}, {beside}, {}]", entry(4, "09:15"));
    std::fs::write(planned(&folder), list).expect("written");
    let refused = State::open(&url(&folder))
        .await
        .map(drop)
        .expect_err("full");
    let line = "entry 3: \"server_name\" is missing, and no server in servers.json that runs \"Atlas\" has room then";
    assert!(refused.to_string().ends_with(line), "{refused}");
}
