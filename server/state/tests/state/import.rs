//! What older installations wrote is read, whatever its numbers and names look like, and what is wrong is named.

use proptest::prelude::*;
use server_booking::Policy;
use server_booking::model::{
    Application, Booking, ServerSource, SessionServer, UnixSeconds, World,
};
use server_state::import::{FILE_MAX, Source, import, servers_file};
use server_state::{NAME_MAX, State, StateUrl};

use crate::scenarios;

const NOW: UnixSeconds = UnixSeconds(1_700_000_000);

const SERVERS: &str = r#"[
  {"server_name1": "SomeName1", "ip": "0.0.0.0", "port": "111",
   "rc_info": {"rc_name": "SomeRC", "info": {"deskription": [{"en": "best RC and ..."}, {"ru": "лучшая"}]}}},
  {"server_name": "SomeName2", "ip": "host.example", "port": 65535, "limit": "4", "surprise": [[[{}]]],
   "rc_info": [{"rc_name": "SomeRC"}, {"rc_name": "Other", "info": {"description": {"en": "other"}}}]}
]"#;

const CONFIG: &str = r#"{"ip": "0.0.0.0", "port": "555", "sessions": 2, "webrtc": {"ice_servers": []},
  "applications": [{"name": "SomeRC", "command": ["/usr/bin/some"], "title": {"en": "Some", "ru": "Некая"},
                    "description": {"en": "d"}, "picture": "https://example.org/some.png"}]}"#;

const TITLES: &str = r#"{"_id":{"$oid":"65f000000000000000000001"},"name":"SomeRC","description":{"en":"best"},"__v":{"$numberInt":"0"},"created":{"$date":{"$numberLong":"1700000000000"}}}
{"_id":{"$oid":"65f000000000000000000002"},"title":"Globe","deskription":[{"ru":"глобус"}],"image":"/globe.png"}
"#;

const SESSION_SERVERS: &str = r#"[{"_id":{"$oid":"65f0000000000000000000aa"},"server_name3":"three","ip":"10.0.0.3","port":{"$numberInt":"8443"},
  "limit":{"$numberLong":"3"},"titles":[{"$oid":"65f000000000000000000002"},"SomeRC"],"last_seen":{"$date":"2024-01-01T00:00:00Z"}},
 {"_id":"four","host":"10.0.0.4","port":8443.0,"title_id":{"$oid":"65f000000000000000000001"}}]"#;

const PLANNED: &str = r#"{"version": 9, "running": [], "planned": [
  {"code": 42, "rc_name": "SomeRC", "server_name1": "SomeName1", "starts_at": "1800000000", "ends_at": 1800003600,
   "tz": "Europe/Moscow", "made_at": 1700000000},
  {"code": "0007", "application": "SomeRC", "server": "SomeName1", "date": "31/12/2026", "time": "23:30",
   "duration_minutes": "90"}]}"#;

fn read(files: &[(&str, &str)]) -> Result<World, String> {
    let sources: Vec<Source<'_>> = files
        .iter()
        .map(|(name, text)| Source {
            name,
            bytes: text.as_bytes(),
        })
        .collect();
    let changes = import(&sources, &Policy::default(), NOW).map_err(|error| error.to_string())?;
    let mut world = World::default();
    for change in &changes {
        world.apply(change);
    }
    Ok(world)
}

fn application<'a>(world: &'a World, name: &str) -> &'a Application {
    &world.applications[name]
}

fn server<'a>(world: &'a World, name: &str) -> &'a SessionServer {
    let found = world.servers.values().find(|server| server.id.0 == name);
    found.unwrap_or_else(|| panic!("no server {name}"))
}

fn booking(world: &World, code: u16) -> &Booking {
    let found = world
        .bookings
        .values()
        .find(|booking| booking.code.number() == code);
    found.unwrap_or_else(|| panic!("no booking {code}"))
}

#[test]
fn the_files_of_the_first_stage_are_read() {
    let world = read(&[
        ("servers.json", SERVERS),
        ("sessions_planned.json", PLANNED),
        ("config.json", CONFIG),
    ])
    .expect("all is well");

    let first = server(&world, "SomeName1");
    assert_eq!(
        (first.host.as_str(), first.port, first.limit),
        ("0.0.0.0", 111, 1)
    );
    assert_eq!((first.source, first.seen_at), (ServerSource::File, NOW));
    let second = server(&world, "SomeName2");
    assert_eq!((second.port, second.limit), (65_535, 4));
    assert_eq!(second.applications, ["SomeRC", "Other"]);

    // config.json says more of it than servers.json.
    let some = application(&world, "SomeRC");
    assert_eq!(some.title["ru"], "Некая");
    assert_eq!(
        some.picture.as_deref(),
        Some("https://example.org/some.png")
    );
    assert_eq!(application(&world, "Other").description["en"], "other");

    assert_eq!(booking(&world, 42).starts_at, UnixSeconds(1_800_000_000));
    assert_eq!(booking(&world, 42).time_zone, "Europe/Moscow");
    let late = booking(&world, 7);
    // 2026-12-31T23:30:00Z
    assert_eq!(
        (late.starts_at.0, late.ends_at.0),
        (1_798_759_800, 1_798_765_200)
    );
}

#[test]
fn exports_of_mongodb_are_read_as_lines_and_as_lists() {
    let files = [
        ("title.json", TITLES),
        ("session_server.json", SESSION_SERVERS),
    ];
    let world = read(&files).expect("all is well");
    assert_eq!(application(&world, "SomeRC").description["en"], "best");
    let globe = application(&world, "Globe");
    assert_eq!(
        (globe.title["en"].as_str(), globe.description["ru"].as_str()),
        ("Globe", "глобус")
    );
    assert_eq!(globe.picture.as_deref(), Some("/globe.png"));
    let three = server(&world, "three");
    assert_eq!((three.port, three.limit), (8_443, 3));
    assert_eq!(three.applications, ["Globe", "SomeRC"]);
    assert_eq!(server(&world, "four").applications, ["SomeRC"]);

    let as_list = format!("[{}]", TITLES.trim().replace('\n', ","));
    let files = [("b.json", SESSION_SERVERS), ("a.json", as_list.as_str())];
    assert_eq!(read(&files).expect("in any order, under any name"), world);
}

#[tokio::test]
async fn what_was_imported_can_be_committed() {
    let sources = [SERVERS, PLANNED, CONFIG, TITLES, SESSION_SERVERS].map(|text| Source {
        name: "file",
        bytes: text.as_bytes(),
    });
    let changes = import(&sources, &Policy::default(), NOW).expect("all is well");
    let folder = tempfile::tempdir().expect("a folder");
    let url = StateUrl::Sqlite(folder.path().join("state.db"));
    let state = State::open(&url).await.expect("opens");
    // Twice: what is there already is put again.
    for _ in 0..2 {
        scenarios::commit(&state, &changes).await.expect("commits");
    }
    let (_, world) = state.load().await.expect("loads");
    let counts = (
        world.applications.len(),
        world.servers.len(),
        world.bookings.len(),
    );
    assert_eq!(counts, (3, 4, 2));
}

#[test]
fn what_is_wrong_is_named_with_file_entry_key_and_what_is_accepted() {
    let long = "x".repeat(NAME_MAX + 1);
    let deep = "[".repeat(200);
    for (text, line) in [
        (
            r#"[{"server_name":"a","ip":"h","port":"70000","rc_info":{"rc_name":"r"}}]"#.to_owned(),
            "f.json: entry 1, port: \"70000\" is not accepted: 1 to 65535, as a number or a text",
        ),
        (
            r#"[{"server_name":"a","ip":"h","port":0,"rc_info":{"rc_name":"r"}}]"#.to_owned(),
            "f.json: entry 1, port: 0 is not accepted: 1 to 65535, as a number or a text",
        ),
        (
            r#"[{"server_name":"a","ip":"h","port":1,"rc_info":{"rc_name":"r"}},{"server_name":"b","port":1,"rc_info":{}}]"#.to_owned(),
            "f.json: entry 2: \"ip\" is missing",
        ),
        (
            r#"[{"server_name":"a","ip":"h","port":1,"rc_info":[{"rc_name":["x"]}]}]"#.to_owned(),
            "f.json: entry 1, rc_info, entry 1, rc_name: [\"x\"] is not accepted: a text",
        ),
        (
            r#"[{"server_name":" ","ip":"h","port":1,"rc_info":{"rc_name":"r"}}]"#.to_owned(),
            "f.json: entry 1, server_name: a name may not be empty",
        ),
        (
            format!(r#"[{{"server_name":"{long}","ip":"h","port":1,"rc_info":{{"rc_name":"r"}}}}]"#),
            "f.json: entry 1: the name of a session server has 201 characters, 200 at most are stored",
        ),
        (
            r#"[{"code":"1","rc_name":"a","server":"s","date":"31/02/2027","time":"10:00"}]"#.to_owned(),
            "f.json: entry 1, date: there is no day 31/02/2027",
        ),
        (
            r#"[{"code":"1","rc_name":"a","server":"s","date":"28/03/2027","time":"02:30","tz":"Europe/Berlin"}]"#.to_owned(),
            "f.json: entry 1: 02:30 on 2027-03-28 does not exist in Europe/Berlin: the clocks are put forward over it",
        ),
        (
            r#"[{"code":1,"rc_name":"a","server":"s","starts_at":2,"ends_at":2}]"#.to_owned(),
            "f.json: entry 1, ends_at: 2 is not after starts_at, 2",
        ),
        (
            r#"[{"code":1,"rc_name":"a","server":"s","starts_at":1,"ends_at":2},{"code":"0001","rc_name":"a","server":"s","starts_at":1,"ends_at":2}]"#.to_owned(),
            "f.json: entry 2, code: 0001 is that of entry 1 already; a code is planned once",
        ),
        (
            r#"{"_id":"s","port":1,"ip":"h","titles":[{"$oid":"ff"}]}"#.to_owned(),
            "f.json: titles, entry 1: no title has the identifier ff: import the export of the collection title together with this",
        ),
        ("[{\n\"a\":1,}]".to_owned(), "f.json: not JSON: trailing comma at line 2 column 7"),
        (String::new(), "f.json: the file is empty; an empty list is []"),
        ("[]".to_owned(), "f.json: the list is empty: nothing to import"),
        (deep, "f.json: not JSON: recursion limit exceeded at line 1 column 128"),
        (
            "[{\"x\":1}]".to_owned(),
            "f.json: entry 1: this is none of the files that can be imported: servers.json, sessions_planned.json, \
             config.json, or an export of the collections title or session_server",
        ),
    ] {
        assert_eq!(read(&[("f.json", &text)]).expect_err(line), line);
    }
    let huge = vec![b' '; FILE_MAX + 1];
    let source = Source {
        name: "f.json",
        bytes: &huge,
    };
    let error = servers_file(source).expect_err("too long").to_string();
    assert!(error.contains("67108864 at most are read"), "{error}");
}

#[test]
fn servers_are_read_again_and_again() {
    let source = Source {
        name: "servers.json",
        bytes: SERVERS.as_bytes(),
    };
    let files = servers_file(source).expect("all is well");
    assert_eq!(files.servers.len(), 2);
    assert_eq!(
        (files.servers[0].limit, files.servers[1].limit),
        (None, Some(4))
    );
    assert_eq!(files.applications.len(), 2);
    // With a byte-order mark, as some editors leave it; and empty.
    let marked = [b"\xef\xbb\xbf".as_slice(), SERVERS.as_bytes()].concat();
    let again = servers_file(Source {
        name: "servers.json",
        bytes: &marked,
    })
    .expect("all is well");
    assert_eq!(again, files);
    let none = servers_file(Source {
        name: "servers.json",
        bytes: b"[]",
    })
    .expect("nobody");
    assert!(none.servers.is_empty());
}

/// JSON of few keys, so that much of it is nearly right.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::json!(null)),
        Just(serde_json::json!(true)),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        prop_oneof![
            "[0-9]{1,5}",
            "[a-z ]{0,6}",
            Just("28/02/2027".to_owned()),
            Just("09:30".to_owned())
        ]
        .prop_map(serde_json::Value::from),
    ];
    let key = prop::sample::select(vec![
        "_id",
        "$oid",
        "$numberInt",
        "$date",
        "server_name",
        "server_name1",
        "ip",
        "port",
        "limit",
        "rc_info",
        "rc_name",
        "name",
        "title",
        "titles",
        "description",
        "info",
        "code",
        "date",
        "time",
        "tz",
        "starts_at",
        "ends_at",
        "planned",
        "applications",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..8)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Whatever is in a file, it is read or refused in one line that begins with its name.
    #[test]
    fn no_file_does_harm(
        json in prop::collection::vec(any_json(), 0..3),
        bytes in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let text: Vec<String> = json.iter().map(ToString::to_string).collect();
        for bytes in [text.join("\n").as_bytes(), &bytes] {
            let source = Source { name: "f.json", bytes };
            if let Err(error) = import(&[source], &Policy::default(), NOW) {
                let line = error.to_string();
                prop_assert!(line.starts_with("f.json: ") && !line.contains('\n'), "{line}");
            }
            servers_file(source).ok();
        }
    }
}
