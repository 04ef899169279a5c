//! The coordinator over HTTP, and on the files of the first stage.

use std::path::Path;

use serde_json::{Value, json};
use tests::{Coordinator, CoordinatorOptions, Lab, SOON, Wss, eventually, holds, https};

use crate::visitor::{CHESS, code_of, coordinator, date, day, patient, status};

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
    for action in [
        "booking_made",
        "booking_ended",
        "session_started",
        "session_ended",
        "server_drained",
    ] {
        eventually(SOON, action, || {
            let audit = coordinator.operate("GET", "/api/operator/audit", "").json();
            let entries = audit.as_array().expect("entries");
            let found = entries.iter().any(|entry| entry["action"] == action);
            holds(found, || audit.to_string())
        });
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
    // At once, as who edits a file that is read meanwhile has to.
    let write = |path: &Path, text: &str| {
        let new = path.with_extension("new");
        std::fs::write(&new, text).expect("writable");
        std::fs::rename(&new, path).expect("writable");
    };
    let entry = |number: u32, name: &str| {
        format!(
            "{{\"server_name{number}\": \"{name}\", \"ip\": \"127.0.0.1\", \"port\": \"9\", \
             \"rc_info\": {{\"rc_name\": \"SomeRC\", \"info\": {{\"deskription\": [{{\"en\": \"best RC\"}}]}}}}}}"
        )
    };
    let port = tests::free_tcp_port();
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
    let code = client.ask(&json!({"verb": "PLAN_SESSION", "date": day(2), "time": "00:00"}));
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

#[test]
fn a_list_of_servers_reaches_its_reader_however_long_it_is() {
    let lab = Lab::new();
    let servers = lab.dir().join("servers.json");
    let words = "x".repeat(2_000);
    let entries: Vec<Value> = (1..=900)
        .map(|number| {
            let info = json!({"deskription": [{"en": words}, {"ru": words}]});
            json!({
                format!("server_name{number}"): format!("s{number}"), "ip": "127.0.0.1", "port": "9",
                "rc_info": {"rc_name": format!("game{number}"), "info": info},
            })
        })
        .collect();
    std::fs::write(&servers, json!(entries).to_string()).expect("writable");
    let path = servers.to_str().expect("plain");
    let coordinator = coordinator(&lab, &["--servers", path]);
    let mut client = coordinator.client();
    eventually(SOON, "the whole list", || {
        let found = client.ask(&json!({"verb": "GET_SERVERS", "range": "0-1023"}));
        let count = found["servers"].as_array().map_or(0, Vec::len);
        holds(count == 900, || format!("{count} servers"))
    });
}
