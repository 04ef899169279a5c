//! The coordinator through its wire: verbs as JSON over WebSocket, the HTTP API, session servers that come and go,
//! coordinators that die, databases that are gone.

use std::io::Write as _;
use std::net::{IpAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tests::{
    Coordinator, CoordinatorOptions, Lab, Manner, MariaDb, SOON, Wss, eventually, holds, https,
};

/// What session servers run here.
const CHESS: &str = "Chess";

/// `date` with this format, of a day so far ahead, UTC.
fn date(format: &str, days_ahead: u32) -> String {
    let output = Command::new("date")
        .args([
            "-u",
            "-d",
            &format!("+{days_ahead} day"),
            &format!("+{format}"),
        ])
        .output()
        .expect("date runs");
    String::from_utf8(output.stdout)
        .expect("text")
        .trim()
        .to_owned()
}

/// A day in the form of old clients.
fn day(days_ahead: u32) -> String {
    date("%d/%m/%Y", days_ahead)
}

fn coordinator(lab: &Lab, args: &[&str]) -> Coordinator {
    Coordinator::start(
        lab,
        CoordinatorOptions {
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            ..CoordinatorOptions::default()
        },
    )
}

/// A coordinator that lets one address ask as fast as a test does.
fn patient(lab: &Lab) -> Coordinator {
    coordinator(lab, PATIENT)
}

const PATIENT: &[&str] = &["--requests-per-second", "100000", "--burst", "100000"];

fn plan(client: &mut Wss, days_ahead: u32, time: &str) -> Value {
    client.ask(&json!({
        "verb": "PLAN_SESSION", "date": day(days_ahead), "time": time, "rc_name": CHESS,
    }))
}

/// The code of a booking that is granted.
#[track_caller]
fn code_of(answer: &Value) -> String {
    assert_eq!(answer["msg"], "CONNECTION_CODE", "{answer}");
    let code = answer["code"].as_str().expect("a code");
    assert!(
        code.len() == 4 && code.bytes().all(|digit| digit.is_ascii_digit()),
        "{code}"
    );
    code.to_owned()
}

#[track_caller]
fn start(client: &mut Wss) -> Value {
    let answer = client.ask(&json!({"verb": "START_SESSION", "rc_name": CHESS}));
    assert_eq!(answer["msg"], "SESSION_CONNECTION_DATA", "{answer}");
    answer
}

fn connect(client: &mut Wss, code: &str) -> Value {
    client.ask(&json!({"verb": "CONNECT_SESSION_WITH_CODE", "code": code}))
}

fn status(client: &mut Wss, code: &str) -> Value {
    client.ask(&json!({"verb": "SESSION_STATUS", "code": code}))
}

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
    assert_eq!(started["url"], "https://127.0.0.1:4711/");
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
    code_of(&self::plan(&mut client, 1, "10:00"));
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
    let endless = https(
        coordinator.address,
        "GET",
        "/",
        &format!("X-Long: {}\r\n", "x".repeat(100_000)),
        "",
    );
    assert!((400..500).contains(&endless.status), "{endless:?}");
    let huge = coordinator.post(
        "/api/bookings",
        &json!({"application": "x".repeat(100_000)}),
    );
    assert_eq!(huge.status, 413);

    let answer = witness.ask(&json!({"verb": "GET_SERVERS", "range": "0-1"}));
    assert_eq!(answer["msg"], "SERVERS_NOT_FOUND");
    assert_eq!(coordinator.get("/api/applications").json(), json!([]));
}

#[test]
fn a_flood_from_one_address_is_told_to_wait_and_others_are_served() {
    let lab = Lab::new();
    let coordinator = coordinator(&lab, &["--requests-per-second", "5", "--burst", "20"]);
    let mut flood = coordinator.client();
    let answers: Vec<Value> = (0..60)
        .map(|_| flood.ask(&json!({"verb": "GET_SERVERS", "range": "0-1"})))
        .collect();
    let waits = answers
        .iter()
        .filter(|answer| answer["msg"] == "TRY_AGAIN")
        .count();
    assert!(waits >= 20, "{waits} of {}", answers.len());
    assert_eq!(coordinator.get("/api/applications").status, 429);
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
fn the_first_to_come_starts_a_booking_and_the_others_join_it() {
    let lab = Lab::new();
    let coordinator = patient(&lab);
    let stage = coordinator.stage("one", 1, &[CHESS]);
    let mut client = coordinator.client();
    // The minute that runs is not past.
    let code = code_of(&plan(&mut client, 0, &date("%H:%M", 0)));
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
    second.behave(Manner::Silent);
    let address = coordinator.address;
    let asked = thread::scope(|scope| {
        let asks = scope.spawn(|| {
            let mut client = Wss::connect(address);
            client.ask(&json!({"verb": "START_SESSION", "rc_name": CHESS}))
        });
        eventually(SOON, "it is asked", || {
            holds(second.orders().len() > 3, || {
                format!("{:?}", second.orders())
            })
        });
        second.vanish();
        asks.join().expect("no panic")
    });
    assert_eq!(asked, json!({"msg": "SERVERS_BUSY"}));
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
    eventually(Duration::from_secs(10), "its loss is noticed", || {
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

#[test]
fn the_http_api_does_what_the_verbs_do() {
    let lab = Lab::new();
    let coordinator = patient(&lab);
    let stage = coordinator.stage("one", 1, &[CHESS]);
    let apps = coordinator.get("/api/applications").json();
    assert_eq!(apps[0]["name"], CHESS);
    assert_eq!(
        (&apps[0]["free_now"], &apps[0]["servers"]),
        (&json!(true), &json!(1))
    );
    let iso = date("%Y-%m-%d", 1);
    let asked = json!({"application": CHESS, "date": iso, "time": "14:00", "tz": "Europe/Moscow", "minutes": 60});
    let booked = coordinator.post("/api/bookings", &asked);
    assert_eq!(booked.status, 201, "{booked:?}");
    let booked = booked.json();
    let code = booked["code"].as_str().expect("a code");
    let busy = coordinator.post("/api/bookings", &asked);
    assert_eq!((busy.status, &busy.json()["error"]), (409, &json!("busy")));
    let slots = coordinator
        .get(&format!(
            "/api/applications/{CHESS}/slots?date={iso}&tz=Europe/Moscow&minutes=60"
        ))
        .json();
    let slot = |time: &str| {
        let slots = slots["slots"].as_array().expect("slots");
        slots.iter().find(|slot| slot["time"] == time).expect(time)["free"].clone()
    };
    assert_eq!((slot("14:00"), slot("15:00")), (json!(false), json!(true)));
    assert_eq!(
        coordinator.get(&format!("/api/bookings/{code}")).json(),
        booked
    );
    let entry = coordinator.get(&format!("/api/bookings/{code}.ics"));
    assert!(entry.head.contains("text/calendar"), "{entry:?}");
    assert!(
        entry.body.contains("BEGIN:VEVENT\r\n") && entry.body.contains(code),
        "{entry:?}"
    );
    let early = coordinator.post(&format!("/api/sessions/{code}/join"), &json!({}));
    assert_eq!(
        (early.status, &early.json()["error"]),
        (425, &json!("not_started"))
    );
    assert_eq!(early.json()["starts_at"], booked["starts_at"]);
    let gone = https(
        coordinator.address,
        "DELETE",
        &format!("/api/bookings/{code}"),
        "",
        "",
    );
    assert_eq!(gone.status, 204);
    assert_eq!(
        coordinator.get(&format!("/api/bookings/{code}")).status,
        404
    );

    let started = coordinator.post("/api/sessions", &json!({"application": CHESS}));
    assert_eq!(started.status, 201, "{started:?}");
    let started = started.json();
    let code = started["code"].as_str().expect("a code");
    let joined = coordinator.post(&format!("/api/sessions/{code}/join"), &json!({}));
    assert_eq!(joined.json()["url"], started["url"]);
    let extended = coordinator.post(
        &format!("/api/sessions/{code}/extend"),
        &json!({"minutes": 30}),
    );
    assert_eq!(extended.status, 200, "{extended:?}");
    let known = coordinator.get(&format!("/api/sessions/{code}")).json();
    assert_eq!(
        (&known["state"], &known["ends_at"]),
        (&json!("running"), &extended.json()["ends_at"])
    );

    assert_eq!(coordinator.get("/api/operator/sessions").status, 401);
    let sessions = coordinator
        .operate("GET", "/api/operator/sessions", "")
        .json();
    assert_eq!(sessions[0]["code"], code);
    let ended = coordinator.operate("POST", &format!("/api/operator/sessions/{code}/end"), "");
    assert_eq!(ended.status, 204);
    eventually(SOON, "the session server is told", || {
        let told = stage
            .orders()
            .iter()
            .any(|order| order["verb"] == "END_SESSION");
        holds(told, || format!("{:?}", stage.orders()))
    });
    assert_eq!(
        coordinator
            .operate("POST", "/api/operator/servers/one/drain", "")
            .status,
        204
    );
    let drained = coordinator.post("/api/sessions", &json!({"application": CHESS}));
    assert_eq!(drained.status, 409);
    assert_eq!(
        coordinator
            .operate("POST", "/api/operator/servers/one/resume", "")
            .status,
        204
    );
    let put = coordinator.operate(
        "PUT",
        "/api/operator/applications/Draughts",
        "{\"title\": {\"en\": \"Draughts\", \"ru\": \"Шашки\"}}",
    );
    assert_eq!(put.status, 204, "{put:?}");
    let audit = coordinator.operate("GET", "/api/operator/audit", "").json();
    let actions: Vec<&str> = audit
        .as_array()
        .expect("entries")
        .iter()
        .filter_map(|entry| entry["action"].as_str())
        .collect();
    for action in [
        "booking_made",
        "booking_ended",
        "session_started",
        "session_ended",
        "server_drained",
    ] {
        assert!(actions.contains(&action), "{action}: {actions:?}");
    }
    assert_eq!(coordinator.get("/api/nothing").status, 404);
    let foreign = "Sec-Fetch-Site: cross-site\r\nContent-Type: application/json\r\n";
    let foreign = https(coordinator.address, "POST", "/api/sessions", foreign, "{}");
    assert_eq!(foreign.status, 403);
}

#[test]
fn files_of_the_first_stage_are_read_while_it_runs() {
    let lab = Lab::new();
    let (servers, configuration) = (
        lab.dir().join("servers.json"),
        lab.dir().join("configuration.json"),
    );
    let planned = lab.dir().join("sessions_planned.json");
    let write = |path: &Path, text: &str| std::fs::write(path, text).expect("writable");
    let entry = |number: u32, name: &str| {
        format!(
            "{{\"server_name{number}\": \"{name}\", \"ip\": \"127.0.0.1\", \"port\": \"9\", \
             \"rc_info\": {{\"rc_name\": \"SomeRC\", \"info\": {{\"deskription\": [{{\"en\": \"best RC\"}}]}}}}}}"
        )
    };
    let port = tests::free_port();
    write(
        &configuration,
        &format!(
            "{{\"ip\": \"127.0.0.1\", \"port\": \"{port}\", \"time_between_updates_seconds\": \"1\"}}"
        ),
    );
    write(&servers, &format!("[{}]", entry(1, "One")));
    let path = |path: &Path| path.to_str().expect("plain").to_owned();
    let mut coordinator = Coordinator::start(
        &lab,
        CoordinatorOptions {
            args: [
                "--configuration",
                &path(&configuration),
                "--servers",
                &path(&servers),
                "--planned",
                &path(&planned),
            ]
            .map(str::to_owned)
            .to_vec(),
            ..CoordinatorOptions::default()
        },
    );
    assert_eq!(coordinator.address.port(), port);
    let names = |client: &mut Wss| {
        let found = client.ask(&json!({"verb": "GET_SERVERS", "range": "0-9"}));
        let servers = found["servers"].as_array().cloned().unwrap_or_default();
        servers
            .iter()
            .zip(1..)
            .map(|(server, number)| server[format!("server_name{number}")].clone())
            .collect::<Vec<Value>>()
    };
    let mut client = coordinator.client();
    let listed = |client: &mut Wss, wanted: &[&str]| {
        eventually(SOON, "the file is read", || {
            let names = names(client);
            holds(names == *wanted, || format!("{names:?}"))
        });
    };
    listed(&mut client, &["One"]);
    write(
        &servers,
        &format!("[{}, {}]", entry(1, "One"), entry(2, "Two")),
    );
    listed(&mut client, &["One", "Two"]);

    write(&servers, "[{\"server_name1\": ");
    eventually(SOON, "the broken file is reported", || {
        let log = coordinator.process().err();
        holds(log.contains("what was read last is kept"), || log)
    });
    let code = client.ask(&json!({"verb": "PLAN_SESSION", "date": day(1), "time": "00:00"}));
    let code = code_of(&code);
    assert_eq!(names(&mut client), ["One", "Two"]);
    let reports = coordinator
        .process()
        .err()
        .matches("what was read last is kept")
        .count();
    assert_eq!(reports, 1, "a broken file is told of once");

    write(
        &servers,
        &format!("[{}, {}]", entry(1, "One"), entry(2, "Three")),
    );
    listed(&mut client, &["One", "Three"]);
    assert!(
        std::fs::read_to_string(&planned)
            .expect("written")
            .contains(&code)
    );
    coordinator.restart();
    assert_eq!(status(&mut coordinator.client(), &code)["state"], "planned");
}
