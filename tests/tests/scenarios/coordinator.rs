//! The coordinator's verbs as JSON over WebSocket: what clients ask, and what no client should send.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpStream};
use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};
use tests::{Coordinator, Lab, SOON, Wss, eventually, holds};

use crate::visitor::{
    CHESS, code_of, connect, coordinator, date, day, patient, plan, start, status,
};

#[test]
fn every_verb_is_answered_in_the_form_that_old_clients_know() {
    let lab = Lab::new();
    let coordinator = patient(&lab);
    let mut client = coordinator.client();
    let none = client.ask(&json!({"verb": "GET_SERVERS", "range": "0-9"}));
    assert_eq!(none, json!({"msg": "SERVERS_NOT_FOUND"}));

    let stage = coordinator.stage("one", 1, &[CHESS]);
    let found = eventually(SOON, "the server is listed", || {
        let found = client.ask(&json!({"verb": "GET_SERVERS", "range": "0-9", "id": [1]}));
        holds(found["msg"] == "SERVERS_FOUND", || found.to_string()).map(|()| found)
    });
    assert_eq!(found["id"], json!([1]));
    let entry = &found["servers"][0];
    assert_eq!(entry["server_name1"], "one");
    assert_eq!(entry["port"], "9");
    assert_eq!(entry["rc_info"]["rc_name"], CHESS);
    let beyond = client.ask(&json!({"verb": "GET_SERVERS", "range": "5-9"}));
    assert_eq!(beyond["msg"], "SERVERS_NOT_FOUND");

    let code = code_of(&plan(&mut client, 1, "14:00"));
    assert_eq!(plan(&mut client, 1, "14:30")["msg"], "SERVERS_BUSY");
    let slots = client.ask(&json!({"verb": "FREE_SLOTS", "rc_name": CHESS, "date": day(1)}));
    let free = slots["slots"].as_array().expect("slots");
    assert!(
        free.contains(&json!("12:00")) && free.contains(&json!("15:00")),
        "{slots}"
    );
    assert!(
        !free.contains(&json!("14:00")) && !free.contains(&json!("13:30")),
        "{slots}"
    );
    assert_eq!(status(&mut client, &code)["state"], "planned");
    let early = connect(&mut client, &code);
    assert_eq!(early["msg"], "SESSION_NOT_STARTED");
    assert!(early["starts_at"].as_i64() > Some(1_700_000_000), "{early}");
    let cancelled = client.ask(&json!({"verb": "CANCEL_PLAN", "code": code, "id": "x"}));
    assert_eq!(
        cancelled,
        json!({"msg": "PLAN_CANCELLED", "code": code, "id": "x"})
    );
    assert_eq!(connect(&mut client, &code)["msg"], "SESSION_NOT_EXIST");

    let started = start(&mut client);
    assert_eq!(
        (&started["ip"], &started["port"]),
        (&json!("127.0.0.1"), &json!("4711"))
    );
    let page = started["url"].as_str().expect("the session's page");
    assert!(
        page.starts_with("https://127.0.0.1:4711/session/"),
        "{page}"
    );
    assert!(started["token"].as_str().expect("the owner's").len() >= 16);
    let code = started["code"].as_str().expect("a code");
    let busy = client.ask(&json!({"verb": "START_SESSION", "rc_name": CHESS}));
    assert_eq!(busy, json!({"msg": "SERVERS_BUSY"}));
    let joined = connect(&mut client, code);
    assert_eq!(
        (&joined["msg"], &joined["port"]),
        (&started["msg"], &started["port"])
    );
    assert_eq!(joined["token"], Value::Null, "the owner's is not another's");
    let running = status(&mut client, code);
    assert_eq!(
        (&running["state"], &running["rc_name"]),
        (&json!("running"), &json!(CHESS))
    );
    let extended = client.ask(&json!({"verb": "EXTEND_SESSION", "code": code, "minutes": "30"}));
    assert_eq!(extended["msg"], "SESSION_EXTENDED", "{extended}");
    let end = running["ends_at"].as_i64().expect("an end");
    assert_eq!(extended["ends_at"], end + 1_800);
    eventually(SOON, "the session server hears of it", || {
        let heard = stage.orders().iter().any(|order| {
            order["verb"] == "EXTEND" && order["ends_at"] == end + 1_800 && order["code"] == code
        });
        holds(heard, || format!("{:?}", stage.orders()))
    });
    let own = client.ask(&json!({"verb": "CANCEL_PLAN", "code": code}));
    assert_eq!(own["msg"], "BAD_REQUEST", "{own}");

    stage.tell_ended(code, "empty");
    eventually(SOON, "its end is known", || {
        let now = status(&mut client, code);
        holds(now["msg"] == "SESSION_NOT_EXIST", || now.to_string())
    });
    start(&mut client);
    assert!(coordinator.metric("treecast_session_starts_total") >= 2.0);
}

#[test]
fn bad_input_is_answered_with_its_reason_and_the_connection_stays() {
    let lab = Lab::new();
    let coordinator = patient(&lab);
    let _stage = coordinator.stage("one", 1, &[CHESS]);
    let mut client = coordinator.client();
    let deep = format!(
        "{{\"verb\":\"GET_SERVERS\",\"range\":{}1{}}}",
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    let tomorrow = day(1);
    let plan = |more: &str| format!("{{\"verb\":\"PLAN_SESSION\",\"rc_name\":\"{CHESS}\",{more}}}");
    let texts = [
        String::new(),
        "hello".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        "{\"verb\":5}".to_owned(),
        "{\"verb\":\"DROP_TABLES\"}".to_owned(),
        "{\"verb\":\"GET_SERVERS\"}".to_owned(),
        "{\"verb\":\"GET_SERVERS\",\"range\":\"9-0\"}".to_owned(),
        "{\"verb\":\"GET_SERVERS\",\"range\":\"0-4294967295\"}".to_owned(),
        "{\"verb\":\"GET_SERVERS\",\"range\":\"-1-5\"}".to_owned(),
        deep,
        plan("\"date\":\"31/02/2030\",\"time\":\"10:00\""),
        plan("\"date\":\"01/01/2020\",\"time\":\"10:00\""),
        plan("\"date\":\"01/01/2090\",\"time\":\"10:00\""),
        plan(&format!("\"date\":\"{tomorrow}\",\"time\":\"25:00\"")),
        plan(&format!("\"date\":\"{tomorrow}\",\"time\":1400")),
        plan(&format!(
            "\"date\":\"{tomorrow}\",\"time\":\"10:00\",\"tz\":\"Mars/Base\""
        )),
        plan(&format!(
            "\"date\":\"{tomorrow}\",\"time\":\"10:00\",\"duration_minutes\":0"
        )),
        plan(&format!(
            "\"date\":\"{tomorrow}\",\"time\":\"10:00\",\"duration_minutes\":100000"
        )),
        format!(
            "{{\"verb\":\"PLAN_SESSION\",\"rc_name\":\"Nothing\",\"date\":\"{tomorrow}\",\"time\":\"10:00\"}}"
        ),
        "{\"verb\":\"START_SESSION\"}".to_owned(),
        "{\"verb\":\"START_SESSION\",\"rc_name\":\"\\u0000\"}".to_owned(),
        "{\"verb\":\"START_SESSION\",\"rc_name\":\"Nothing\"}".to_owned(),
        "{\"verb\":\"CONNECT_SESSION_WITH_CODE\",\"code\":\"12345\"}".to_owned(),
        "{\"verb\":\"CONNECT_SESSION_WITH_CODE\",\"code\":{}}".to_owned(),
        "{\"verb\":\"EXTEND_SESSION\",\"code\":\"0000\",\"minutes\":-5}".to_owned(),
        "{\"verb\":\"REGISTER\",\"name\":\"late\"}".to_owned(),
        "{\"verb\":\"SESSION_ENDED\",\"code\":\"0000\",\"why\":\"empty\"}".to_owned(),
    ];
    for text in &texts {
        let shown: String = text.chars().take(120).collect();
        let answer = client.ask_text(text);
        assert_eq!(answer["msg"], "BAD_REQUEST", "{shown}: {answer}");
        let reason = answer["reason"].as_str().expect("a reason");
        assert!(
            !reason.is_empty() && reason.len() <= 512,
            "{shown}: {reason}"
        );
    }
    code_of(&crate::visitor::plan(&mut client, 1, "10:00"));
    assert!(coordinator.metric("treecast_bad_requests_total") >= texts.len() as f64);
}

#[test]
fn what_no_client_sends_ends_its_connection_and_nobody_elses() {
    let lab = Lab::new();
    let coordinator = patient(&lab);
    let mut witness = coordinator.client();

    let mut binary = coordinator.client();
    binary
        .say_binary(b"{\"verb\":\"GET_SERVERS\"}")
        .expect("sent");
    let closed = binary.hear().expect_err("closed");
    assert!(closed.contains("closed"), "{closed}");

    let mut long = coordinator.client();
    let megabyte = format!("{{\"verb\":\"{}\"}}", "x".repeat(1024 * 1024));
    // It may be cut off while it still sends.
    let _ = long.say(&megabyte);
    long.hear().expect_err("closed");

    let mut stubborn = coordinator.client();
    let refused = (0..1_000).find_map(|_| {
        let sent = stubborn.say("nonsense");
        sent.and_then(|()| stubborn.hear()).err()
    });
    assert!(refused.is_some(), "a thousand bad requests are enough");

    let mut halves: Vec<TcpStream> = (0..40)
        .map(|_| TcpStream::connect(coordinator.address).expect("taken"))
        .collect();
    for half in &mut halves {
        // The head of a TLS record that never comes.
        half.write_all(&[0x16, 3, 1, 2, 0, 1]).expect("sent");
    }
    let mut head = tests::tls(coordinator.address, None).expect("a connection");
    head.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        .expect("sent");
    // The answer may be lost when the rest of what was sent is not read; that it is no success is what counts.
    let endless = raw(
        &coordinator,
        &format!(
            "GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n",
            "x".repeat(100_000)
        ),
    );
    assert!(!endless.contains("200 OK"), "{endless}");
    // One byte more than is read, so that nothing is left unread when the answer comes.
    let body = "x".repeat(64 * 1024 + 1);
    let huge = raw(
        &coordinator,
        &format!(
            "POST /api/bookings HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        ),
    );
    assert!(huge.starts_with("HTTP/1.1 413 "), "{huge}");

    let answer = witness.ask(&json!({"verb": "GET_SERVERS", "range": "0-1"}));
    assert_eq!(answer["msg"], "SERVERS_NOT_FOUND");
    assert_eq!(coordinator.get("/api/applications").json(), json!([]));
}

/// What comes back for a text over TLS.
fn raw(coordinator: &Coordinator, text: &str) -> String {
    let mut tls = tests::tls(coordinator.address, None).expect("a connection");
    let mut answer = Vec::new();
    // Whoever is refused may be cut off in the middle of either.
    let _ = tls.write_all(text.as_bytes());
    let _ = tls.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_flood_from_one_address_is_told_to_wait_and_others_are_served() {
    let lab = Lab::new();
    let coordinator = coordinator(&lab, &["--requests-per-second", "1", "--burst", "20"]);
    let mut flood = coordinator.client();
    let answers: Vec<Value> = (0..60)
        .map(|_| flood.ask(&json!({"verb": "GET_SERVERS", "range": "0-1"})))
        .collect();
    let waits = answers
        .iter()
        .filter(|answer| answer["msg"] == "TRY_AGAIN")
        .count();
    assert!(waits >= 20, "{waits} of {}", answers.len());
    // One a second is let in, whatever it asks with.
    eventually(SOON, "a page is told too", || {
        let answer = coordinator.get("/api/applications");
        holds(answer.status == 429, || format!("{answer:?}"))
    });
    let mut other = Wss::connect_from(IpAddr::from([127, 0, 0, 2]), coordinator.address);
    let answer = other.ask(&json!({"verb": "GET_SERVERS", "range": "0-1"}));
    assert_eq!(answer["msg"], "SERVERS_NOT_FOUND");
}

#[test]
fn who_guesses_codes_is_locked_out_and_the_metrics_tell() {
    let lab = Lab::new();
    let coordinator = patient(&lab);
    let _stage = coordinator.stage("one", 1, &[CHESS]);
    let mut owner = Wss::connect_from(IpAddr::from([127, 0, 0, 9]), coordinator.address);
    let code = start(&mut owner)["code"]
        .as_str()
        .expect("a code")
        .to_owned();
    let mut guesser = coordinator.client();
    let wrong = (0..10_000_u32)
        .map(|number| format!("{number:04}"))
        .filter(|guess| *guess != code);
    let tried = wrong
        .map(|guess| connect(&mut guesser, &guess))
        .take_while(|answer| answer["msg"] == "SESSION_NOT_EXIST")
        .count();
    assert!((1..100).contains(&tried), "{tried}");
    // The right one is not told either, on no connection and by no verb.
    let mut again = coordinator.client();
    let locked = connect(&mut again, &code);
    assert_eq!(locked["msg"], "LOCKED_OUT");
    assert!(locked["retry_after"].as_u64() > Some(0), "{locked}");
    assert_eq!(status(&mut again, &code)["msg"], "LOCKED_OUT");
    let http = coordinator.get(&format!("/api/sessions/{code}"));
    assert_eq!(
        (http.status, &http.json()["error"]),
        (429, &json!("locked_out"))
    );
    assert_eq!(connect(&mut owner, &code)["msg"], "SESSION_CONNECTION_DATA");
    assert!(coordinator.metric("treecast_code_lock_outs_total") >= 1.0);
}

#[test]
fn guesses_that_come_at_once_are_counted_like_those_in_turn() {
    let lab = Lab::new();
    let coordinator = patient(&lab);
    let (gate, address) = (Barrier::new(100), coordinator.address);
    let answers: Vec<Value> = thread::scope(|scope| {
        let guessers: Vec<_> = (0..100)
            .map(|number| {
                let gate = &gate;
                scope.spawn(move || {
                    let mut client = Wss::connect(address);
                    let code = format!("{number:04}");
                    gate.wait();
                    match number % 2 {
                        0 => client.ask(&json!({"verb": "CANCEL_PLAN", "code": code})),
                        _ => client
                            .ask(&json!({"verb": "EXTEND_SESSION", "code": code, "minutes": 5})),
                    }
                })
            })
            .collect();
        guessers
            .into_iter()
            .map(|guesser| guesser.join().expect("no panic"))
            .collect()
    });
    let count = |msg: &str| answers.iter().filter(|answer| answer["msg"] == msg).count();
    let told = count("SESSION_NOT_EXIST");
    assert!((1..=5).contains(&told), "{told}: {answers:?}");
    assert_eq!(told + count("LOCKED_OUT"), 100, "{answers:?}");
}

#[test]
fn whoever_comes_with_a_code_that_was_theirs_is_not_taken_for_a_guesser() {
    let lab = Lab::new();
    let coordinator = patient(&lab);
    let stage = coordinator.stage("one", 2, &[CHESS]);
    let mut client = coordinator.client();
    let cancelled = code_of(&plan(&mut client, 2, "10:00"));
    client.ask(&json!({"verb": "CANCEL_PLAN", "code": cancelled}));
    // The minute that runs is not past.
    let code = eventually(SOON, "a booking for this minute", || {
        let answer = plan(&mut client, 0, &date("%H:%M", 0));
        holds(answer["msg"] == "CONNECTION_CODE", || answer.to_string()).map(|()| code_of(&answer))
    });
    assert_eq!(
        connect(&mut client, &code)["msg"],
        "SESSION_CONNECTION_DATA"
    );
    for _ in 0..10 {
        // A page that was left open looks for a booking, which is a session by now.
        let page = coordinator.get(&format!("/api/bookings/{code}"));
        assert_eq!(page.status, 404, "{}", page.body);
        assert_eq!(status(&mut client, &cancelled)["msg"], "SESSION_NOT_EXIST");
    }
    assert_eq!(
        connect(&mut client, &code)["msg"],
        "SESSION_CONNECTION_DATA"
    );
    stage.tell_ended(&code, "empty");
    eventually(SOON, "it is over", || {
        let answer = status(&mut client, &code);
        holds(answer["msg"] == "SESSION_NOT_EXIST", || answer.to_string())
    });
    for _ in 0..10 {
        assert_eq!(connect(&mut client, &code)["msg"], "SESSION_NOT_EXIST");
    }
}

#[test]
fn the_first_to_come_starts_a_booking_and_the_others_join_it() {
    let lab = Lab::new();
    let coordinator = patient(&lab);
    let stage = coordinator.stage("one", 1, &[CHESS]);
    let mut client = coordinator.client();
    // The minute that runs is not past.
    let code = eventually(SOON, "a booking for this minute", || {
        let answer = plan(&mut client, 0, &date("%H:%M", 0));
        holds(answer["msg"] == "CONNECTION_CODE", || answer.to_string()).map(|()| code_of(&answer))
    });
    let (gate, address) = (Barrier::new(8), coordinator.address);
    let answers: Vec<Value> = thread::scope(|scope| {
        let racers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Wss::connect(address);
                    gate.wait();
                    connect(&mut client, &code)
                })
            })
            .collect();
        racers
            .into_iter()
            .map(|racer| racer.join().expect("no panic"))
            .collect()
    });
    for answer in &answers {
        assert_eq!(answer["msg"], "SESSION_CONNECTION_DATA", "{answer}");
    }
    let owners = answers
        .iter()
        .filter(|answer| answer["token"].is_string())
        .count();
    assert_eq!((owners, stage.starts()), (1, 1), "{answers:?}");
}
