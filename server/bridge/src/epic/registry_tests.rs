//! Who is told what when somebody comes, goes, or is renamed.

use proptest::prelude::*;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::super::socket::{Ending, outbox_for_tests};
use super::*;

/// What one peer was told.
struct Ear {
    queued: mpsc::Receiver<String>,
    ended: watch::Receiver<Option<Ending>>,
}

impl Ear {
    fn new() -> (Outbox, Self) {
        let (outbox, queued, ended) = outbox_for_tests();
        (outbox, Self { queued, ended })
    }

    fn heard(&mut self) -> Vec<Value> {
        std::iter::from_fn(|| self.queued.try_recv().ok())
            .map(|text| serde_json::from_str(&text).expect("JSON"))
            .collect()
    }

    fn kinds(&mut self) -> Vec<String> {
        self.heard()
            .iter()
            .map(|message| message["type"].as_str().expect("a type").to_owned())
            .collect()
    }
}

fn signal(text: &str) -> Signal {
    Signal::read(text).expect("a message")
}

fn offer() -> Signal {
    signal(r#"{"type":"offer","sdp":"v=0"}"#)
}

#[test]
fn a_streamer_is_listed_from_its_name_on() {
    let mut registry = Registry::default();
    let (outbox, mut ear) = Ear::new();
    let key = registry.add_streamer(outbox);
    assert!(registry.names().is_empty());
    assert_eq!(registry.name(key, "Editor", &[]), Some("Editor".to_owned()));
    assert_eq!(registry.names(), ["Editor"]);
    assert_eq!(ear.heard()[0]["committedId"], "Editor");
}

#[test]
fn a_taken_name_gets_a_number() {
    let mut registry = Registry::default();
    let sessions = ["Session".to_owned()];
    let mut name = |wished: &str| {
        let key = registry.add_streamer(Ear::new().0);
        registry.name(key, wished, &sessions).expect("a streamer")
    };
    assert_eq!(
        [
            "Editor",
            "Editor",
            "Editor",
            "Editor1",
            "Session",
            "",
            "1234",
            " a\n\u{7}b "
        ]
        .map(&mut name),
        [
            "Editor", "Editor1", "Editor2", "Editor11", "Session1", "Streamer", "12341", "ab"
        ]
    );
}

#[test]
fn a_player_and_its_streamer_hear_of_each_other() {
    let mut registry = Registry::default();
    let (outbox, mut streamer_ear) = Ear::new();
    let streamer = registry.add_streamer(outbox);
    registry.name(streamer, "Editor", &[]);
    let (outbox, mut player_ear) = Ear::new();
    let player = registry.add_player(outbox);
    streamer_ear.heard();

    assert_eq!(
        registry.subscribe(player, "nobody"),
        Err(Refusal::NoStreamer)
    );
    assert_eq!(registry.subscribe(player, "Editor"), Ok(()));
    let connected = &streamer_ear.heard()[0];
    assert_eq!(connected["playerId"], player.to_string());
    assert_eq!(
        (&connected["dataChannel"], &connected["sfu"]),
        (&Value::Bool(true), &Value::Bool(false))
    );

    let number = player.to_string();
    assert_eq!(registry.to_player(streamer, &number, offer()), Ok(()));
    assert_eq!(player_ear.heard()[0]["playerId"], number);
    assert_eq!(
        registry.to_streamer(player, signal(r#"{"type":"answer","sdp":"v=0"}"#)),
        Ok(())
    );
    assert_eq!(streamer_ear.heard()[0]["playerId"], number);

    registry.unsubscribe(player);
    assert_eq!(streamer_ear.kinds(), ["playerDisconnected"]);
    assert_eq!(
        registry.to_streamer(player, offer()),
        Err(Refusal::NoStreamer)
    );
}

#[test]
fn a_streamer_reaches_nobody_who_does_not_see_it() {
    let mut registry = Registry::default();
    let streamers = ["A", "B"].map(|name| {
        let key = registry.add_streamer(Ear::new().0);
        registry.name(key, name, &[]);
        key
    });
    let (outbox, mut ear) = Ear::new();
    let player = registry.add_player(outbox);
    registry.subscribe(player, "A").expect("A is there");
    let number = player.to_string();
    for wrong in [&number, "", "0", "-1", "+1", "99999999999999999999"] {
        assert_eq!(
            registry.to_player(streamers[1], wrong, offer()),
            Err(Refusal::NotTheirs)
        );
        assert_eq!(
            registry.disconnect(streamers[1], wrong, "out"),
            Err(Refusal::NotTheirs)
        );
    }
    assert!(ear.heard().is_empty());
    assert_eq!(
        registry.to_player(streamers[0], &format!("+{number}"), offer()),
        Err(Refusal::NotTheirs)
    );
    assert_eq!(registry.disconnect(streamers[0], &number, "out"), Ok(()));
    let ending = ear.ended.borrow().clone();
    assert_eq!(ending, Some(Ending::new(ASKED_FOR, "out")));
}

#[test]
fn a_streamer_that_is_renamed_or_goes_tells_those_who_see_it() {
    let mut registry = Registry::default();
    let streamer = registry.add_streamer(Ear::new().0);
    registry.name(streamer, "A", &[]);
    let (outbox, mut ear) = Ear::new();
    let player = registry.add_player(outbox);
    registry.subscribe(player, "A").expect("A is there");
    let (outbox, mut other) = Ear::new();
    registry.add_player(outbox);

    registry.name(streamer, "A", &[]);
    assert!(ear.heard().is_empty());
    registry.name(streamer, "B", &[]);
    assert_eq!(ear.heard()[0]["newID"], "B");
    registry.remove_streamer(streamer);
    let ending = ear.ended.borrow().clone();
    assert_eq!(ending, Some(Ending::new(NORMAL, "B is gone")));
    assert!(other.heard().is_empty() && other.ended.borrow().is_none());
    assert!(!registry.sees_streamer(player));
    registry.remove_player(player);
    assert!(registry.names().is_empty());
}

#[test]
fn who_does_not_take_messages_is_let_go() {
    let mut registry = Registry::default();
    let (outbox, ear) = Ear::new();
    let streamer = registry.add_streamer(outbox);
    registry.name(streamer, "A", &[]);
    for _ in 0..64 {
        registry.name(streamer, "A", &[]);
    }
    assert!(ear.ended.borrow().is_some());
}

proptest! {
    #[test]
    fn whatever_a_streamer_calls_itself_its_name_is_its_own(wishes in proptest::collection::vec(".{0,12}|[0-9]{4}|a{120,128}", 1..12)) {
        let mut registry = Registry::default();
        for wish in &wishes {
            let key = registry.add_streamer(Ear::new().0);
            registry.name(key, wish, &[]);
        }
        let names = registry.names();
        let different: BTreeSet<&String> = names.iter().collect();
        prop_assert_eq!(different.len(), wishes.len());
        prop_assert!(names.iter().all(|name| !name.is_empty() && name.len() <= MAX_ID_LEN));
    }
}
