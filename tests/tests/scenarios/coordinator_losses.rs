//! The coordinator when something dies: session servers, coordinators, the database.

use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};
use tests::{Lab, Manner, MariaDb, SOON, Wss, eventually, holds};

use crate::visitor::{
    CHESS, PATIENT, code_of, connect, coordinator, date, patient, plan, start, status,
};

#[test]
fn a_server_that_refuses_is_passed_over() {
    let lab = Lab::new();
    let coordinator = patient(&lab);
    let first = coordinator.stage("a", 4, &[CHESS]);
    let second = coordinator.stage("b", 4, &[CHESS]);
    first.behave(Manner::Refuses);
    let mut client = coordinator.client();
    for _ in 0..3 {
        start(&mut client);
    }
    assert_eq!((first.starts(), second.starts()), (0, 3));
    second.behave(Manner::Refuses);
    let busy = client.ask(&json!({"verb": "START_SESSION", "rc_name": CHESS}));
    assert_eq!(busy, json!({"msg": "SERVERS_BUSY"}));
    // What was refused holds no place.
    first.behave(Manner::Starts);
    for _ in 0..4 {
        start(&mut client);
    }
    assert_eq!(first.starts(), 4);
    // One that goes while it is asked does not keep anybody waiting for its time-out.
    let before = second.orders().len();
    second.behave(Manner::Silent);
    let address = coordinator.address;
    let asked = thread::scope(|scope| {
        let asks = scope.spawn(|| {
            let mut client = Wss::connect(address);
            client.ask(&json!({"verb": "START_SESSION", "rc_name": CHESS}))
        });
        eventually(SOON, "it is asked", || {
            holds(second.orders().len() > before, || {
                format!("{:?}", second.orders())
            })
        });
        second.vanish();
        asks.join().expect("no panic")
    });
    assert_eq!(asked, json!({"msg": "SERVERS_BUSY"}));
}

#[test]
fn a_server_that_is_late_is_told_to_end_what_it_may_still_start() {
    let lab = Lab::new();
    let coordinator = patient(&lab);
    let first = coordinator.stage("a", 1, &[CHESS]);
    let second = coordinator.stage("b", 1, &[CHESS]);
    first.behave(Manner::Silent);
    let mut client = coordinator.client();
    client.patience(2 * SOON);
    let started = start(&mut client);
    assert_eq!((first.starts(), second.starts()), (0, 1));
    eventually(SOON, "the one that was passed over is told", || {
        let orders = first.orders();
        let told = orders.iter().any(|order| {
            order["verb"] == "END_SESSION"
                && order["code"] == started["code"]
                && order["why"] == "not_started"
        });
        holds(told, || format!("{orders:?}"))
    });
    let code = started["code"].as_str().expect("a code");
    assert_eq!(status(&mut client, code)["state"], "running");
}

#[test]
fn a_booking_gets_its_place_though_the_session_before_it_is_only_just_closing() {
    let lab = Lab::new();
    let coordinator = patient(&lab);
    let stage = coordinator.stage("one", 1, &[CHESS]);
    let mut client = coordinator.client();
    let booked = eventually(SOON, "a booking for this minute", || {
        // The minute may pass between the two.
        let answer = plan(&mut client, 0, &date("%H:%M", 0));
        holds(answer["msg"] == "CONNECTION_CODE", || answer.to_string()).map(|()| answer)
    });
    stage.behave(Manner::RefusesOnce);
    let joined = connect(&mut client, &code_of(&booked));
    assert_eq!(joined["msg"], "SESSION_CONNECTION_DATA", "{joined}");
    assert_eq!(stage.starts(), 1);
}

#[test]
fn a_session_server_that_vanishes_is_noticed_and_comes_back_with_what_still_runs() {
    let lab = Lab::new();
    let coordinator = patient(&lab);
    let stage = coordinator.stage("one", 3, &[CHESS]);
    let mut client = coordinator.client();
    let kept = start(&mut client)["code"]
        .as_str()
        .expect("a code")
        .to_owned();
    let lost = start(&mut client)["code"]
        .as_str()
        .expect("a code")
        .to_owned();
    let booked = code_of(&plan(&mut client, 1, "10:00"));

    stage.vanish();
    eventually(SOON, "its loss is noticed", || {
        let servers = coordinator
            .operate("GET", "/api/operator/servers", "")
            .json();
        holds(servers[0]["state"] == "away", || servers.to_string())
    });
    // Where nobody listens nobody is sent; what may still run there is still known.
    let busy = client.ask(&json!({"verb": "START_SESSION", "rc_name": CHESS}));
    assert_eq!(busy["msg"], "SERVERS_BUSY");
    assert_eq!(status(&mut client, &kept)["state"], "running");

    stage.forget(&lost);
    stage.link(&coordinator);
    assert_eq!(
        connect(&mut client, &kept)["msg"],
        "SESSION_CONNECTION_DATA"
    );
    assert_eq!(status(&mut client, &lost)["msg"], "SESSION_NOT_EXIST");
    assert_eq!(status(&mut client, &booked)["state"], "planned");
    start(&mut client);
}

#[test]
fn a_coordinator_that_is_killed_comes_back_knowing_everything() {
    let lab = Lab::new();
    let mut coordinator = patient(&lab);
    let stage = coordinator.stage("one", 4, &[CHESS]);
    let mut client = coordinator.client();
    let started = start(&mut client);
    let running = started["code"].as_str().expect("a code");
    let codes: Vec<String> = (1..=10)
        .map(|days| code_of(&plan(&mut client, days, "09:00")))
        .collect();
    tests::assert_all_different(&codes);
    let fingerprint = coordinator.fingerprint.clone();

    coordinator.restart();
    assert_eq!(
        coordinator.fingerprint, fingerprint,
        "its certificate is kept"
    );
    let mut client = coordinator.client();
    for code in &codes {
        assert_eq!(status(&mut client, code)["state"], "planned");
    }
    assert_eq!(connect(&mut client, running)["port"], started["port"]);
    stage.vanish();
    stage.link(&coordinator);
    assert_eq!(status(&mut client, running)["state"], "running");
    start(&mut client);
}

#[test]
fn who_does_not_know_the_secret_is_no_session_server() {
    let lab = Lab::new();
    let coordinator = patient(&lab);
    let stage = coordinator.stage("one", 1, &[CHESS]);
    let mut stranger = coordinator.client();
    let answer = stage.introduce_wrongly(&mut stranger);
    assert_eq!(answer["msg"], "REFUSED", "{answer}");
    stranger.hear().expect_err("closed");
    let mut stranger = coordinator.client();
    let answer = stage.introduce(&mut stranger, &"0".repeat(64));
    assert_eq!(
        answer["msg"], "NOT_BELIEVED",
        "the coordinator proved another secret"
    );
    assert_eq!(coordinator.metric("treecast_refused_servers_total"), 1.0);
    // The real one was not disturbed by somebody with its name.
    start(&mut coordinator.client());
}

#[test]
fn two_coordinators_on_one_database_never_give_a_place_twice() {
    let lab = Lab::new();
    let mariadb = MariaDb::start(&lab);
    let url = mariadb.url();
    let args = [PATIENT, &["--database", &url]].concat();
    let (one, two) = (coordinator(&lab, &args), coordinator(&lab, &args));
    let _stage = one.stage("one", 1, &[CHESS]);
    eventually(SOON, "the other one knows of the server", || {
        let known = two.get("/api/applications").json();
        holds(known[0]["servers"] == 1, || known.to_string())
    });
    for round in 1..=5 {
        let gate = Barrier::new(16);
        let answers: Vec<Value> = thread::scope(|scope| {
            let racers: Vec<_> = (0..16)
                .map(|number| {
                    let address = [one.address, two.address][number % 2];
                    let gate = &gate;
                    scope.spawn(move || {
                        let mut client = Wss::connect(address);
                        gate.wait();
                        plan(&mut client, round, "12:00")
                    })
                })
                .collect();
            racers
                .into_iter()
                .map(|racer| racer.join().expect("no panic"))
                .collect()
        });
        let won: Vec<&Value> = answers
            .iter()
            .filter(|answer| answer["msg"] == "CONNECTION_CODE")
            .collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        assert!(
            answers
                .iter()
                .all(|a| a["msg"] == "SERVERS_BUSY" || a["msg"] == "CONNECTION_CODE")
        );
        let code = won[0]["code"].as_str().expect("a code");
        for at in [&one, &two] {
            eventually(SOON, "both know the booking", || {
                let found = status(&mut at.client(), code);
                holds(found["state"] == "planned", || found.to_string())
            });
        }
    }
}

#[test]
fn while_the_database_is_gone_requests_fail_clearly_and_nothing_acknowledged_is_lost() {
    let lab = Lab::new();
    let mut mariadb = MariaDb::start(&lab);
    let url = mariadb.url();
    let coordinator = coordinator(&lab, &[PATIENT, &["--database", &url]].concat());
    let _stage = coordinator.stage("one", 1, &[CHESS]);
    let mut client = coordinator.client();
    let before = code_of(&plan(&mut client, 1, "08:00"));

    mariadb.kill9();
    let refused = plan(&mut client, 1, "10:00");
    assert_eq!(refused["msg"], "TRY_AGAIN", "{refused}");
    let refused = coordinator.post(
        "/api/bookings",
        &json!({"application": CHESS, "date": date("%Y-%m-%d", 1), "time": "11:00"}),
    );
    assert_eq!(
        (refused.status, &refused.json()["error"]),
        (503, &json!("try_again"))
    );
    // What was known is still told.
    assert_eq!(status(&mut client, &before)["state"], "planned");
    assert_eq!(coordinator.metric("treecast_database_up"), 0.0);

    mariadb.start_again();
    let after = eventually(SOON, "bookings are taken again", || {
        let answer = plan(&mut client, 1, "10:00");
        holds(answer["msg"] == "CONNECTION_CODE", || answer.to_string()).map(|()| code_of(&answer))
    });
    for code in [&before, &after] {
        assert_eq!(status(&mut client, code)["state"], "planned");
    }
    assert_eq!(plan(&mut client, 1, "08:00")["msg"], "SERVERS_BUSY");
}
