//! Rooms over real connections: control, coming back, words, more time, the audit, and what is served over HTTP.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use server_wire::{
    Count, Extendable, FromCoordinator, FromSessionServer, Id, Report, ReportAnswer, Token,
    UserAnswer,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::lab::{Coordinator, LinkEnd, Running, User, code, script, unique};
use crate::processes::PATIENCE;

/// A session server with one session under 0042.
struct House {
    server: Running,
    link: LinkEnd,
    data: PathBuf,
    _coordinator: Coordinator,
}

impl House {
    async fn new() -> Self {
        let coordinator = Coordinator::new().await;
        let application = script("app", &format!("exec sleep {}", unique()));
        let server = Running::start(coordinator.config(vec![application])).await;
        let (mut link, _) = coordinator.link().await;
        link.started("app", 42).await;
        Self {
            data: coordinator.folder.path().join("data"),
            server,
            link,
            _coordinator: coordinator,
        }
    }

    /// Somebody enters; what they are answered.
    async fn enter(&self, asked: &Value) -> (User, Value) {
        let mut user = User::connect(self.server.address, &self.data).await;
        let mut request = json!({"verb": "CONNECT_TO_SESSION", "id": "in"});
        for (key, value) in asked.as_object().expect("fields") {
            request[key] = value.clone();
        }
        let answer = user.answer(request).await;
        (user, answer)
    }

    async fn owner(&self) -> (User, Value) {
        let token = Token::from_random([42; 16]);
        self.enter(&json!({"token": token.secret(), "code": "0042", "name": "Ann"}))
            .await
    }
}

async fn say(user: &mut User, verb: &str) -> Value {
    user.answer(json!({"verb": verb, "id": verb})).await
}

#[tokio::test]
async fn control_goes_from_hand_to_hand_and_everybody_is_told() {
    let house = House::new().await;
    let (mut ann, inside) = house.owner().await;
    assert_eq!(
        inside["control"],
        json!({"driver": 1, "queue": [], "locked": false})
    );
    assert_eq!(inside["application"]["name"], "app");
    assert!(
        inside["resume"]
            .as_str()
            .is_some_and(|secret| secret.len() == 32)
    );
    let watch = inside["watch"].as_str().expect("the owner's").to_owned();
    let (mut bob, inside) = house.enter(&json!({"code": "0042", "name": "Bob"})).await;
    assert_eq!(inside["watch"], Value::Null, "for the owner only");
    assert_eq!(inside["clients"][1]["name"], "Bob");
    assert_ne!(
        inside["clients"][0]["colour"],
        inside["clients"][1]["colour"]
    );
    let (mut cid, inside) = house.enter(&json!({"watch": watch, "code": "0042"})).await;
    assert_eq!(inside["clients"][2]["watching"], true);

    assert_eq!(say(&mut cid, "REQUEST_CONTROL").await["msg"], "NOT_ALLOWED");
    assert_eq!(say(&mut bob, "TAKE_CONTROL").await["msg"], "NOT_ALLOWED");
    let asked = say(&mut bob, "REQUEST_CONTROL").await;
    assert_eq!(
        (&asked["msg"], &asked["queue"]),
        (&json!("CONTROL"), &json!([2]))
    );
    let told = ann.until(|told| match told {
        UserAnswer::Control(control) => control.request,
        _ => None,
    });
    assert_eq!(told.await, Count(2));
    let given = ann
        .answer(json!({"verb": "GIVE_CONTROL", "client": 2, "id": 1}))
        .await;
    assert_eq!((&given["driver"], &given["queue"]), (&json!(2), &json!([])));
    for user in [&mut bob, &mut cid] {
        let told = user.until(|told| match told {
            UserAnswer::Control(control) => control.driver.filter(|driver| driver.0 == 2),
            _ => None,
        });
        told.await;
    }
    let refused = ann
        .answer(json!({"verb": "REFUSE_CONTROL", "client": 3, "id": 2}))
        .await;
    assert_eq!(refused["msg"], "NOT_ALLOWED");
    let paste = json!({"verb": "CLIPBOARD", "text": "x", "id": 3});
    assert_eq!(ann.answer(paste.clone()).await["msg"], "NOT_ALLOWED");
    assert_eq!(bob.answer(paste).await["msg"], "DONE");
    assert_eq!(
        say(&mut bob, "RELEASE_CONTROL").await["driver"],
        Value::Null
    );
    assert_eq!(say(&mut ann, "REQUEST_CONTROL").await["driver"], 1);
    house.server.stop().await;
}

#[tokio::test]
async fn who_loses_the_connection_comes_back_as_who_they_were() {
    let house = House::new().await;
    let (ann, inside) = house.owner().await;
    let resume = inside["resume"].clone();
    let (mut bob, _) = house.enter(&json!({"code": "0042", "name": "Bob"})).await;
    drop(ann);
    let told = bob.until(|told| match told {
        UserAnswer::Established(inside) => (inside.clients.len() == 1).then_some(()),
        _ => None,
    });
    told.await;
    let (mut ann, inside) = house
        .enter(&json!({"code": "0042", "resume": resume}))
        .await;
    assert_eq!((&inside["client"], &inside["resume"]), (&json!(1), &resume));
    assert_eq!(inside["clients"][0]["name"], "Ann");
    assert_eq!(inside["clients"][0]["owner"], true);
    assert_eq!(inside["control"]["driver"], 1, "control waited for her");
    // The same secret on another connection: it moves, and the old one ends.
    let (mut again, inside) = house
        .enter(&json!({"code": "0042", "resume": resume}))
        .await;
    assert_eq!(inside["client"], 1);
    ann.until_closed().await;
    let name = json!({"verb": "SET_NAME", "name": "Anna", "id": 1});
    assert_eq!(again.answer(name).await["msg"], "DONE");
    let told = bob.until(|told| match told {
        UserAnswer::Established(inside) => {
            (inside.clients[0].name.as_str() == "Anna").then_some(inside.clients.len())
        }
        _ => None,
    });
    assert_eq!(told.await, 2);
    // A secret that nobody has: somebody new.
    let stranger = json!({"code": "0042", "resume": "0123456789abcdef0123456789abcdef"});
    let (_cid, inside) = house.enter(&stranger).await;
    assert_eq!(inside["client"], 3);
    // Who leaves does not come back.
    assert_eq!(
        say(&mut again, "LEAVE_SESSION").await["msg"],
        "SESSION_LEFT"
    );
    let (_ann, inside) = house
        .enter(&json!({"code": "0042", "resume": resume}))
        .await;
    assert_eq!(inside["client"], 4);
    house.server.stop().await;
}

#[tokio::test]
async fn words_and_data_pass_between_users_and_offers_without_a_picture_are_refused() {
    let house = House::new().await;
    let (mut ann, _) = house.owner().await;
    let (mut bob, _) = house.enter(&json!({"code": "0042"})).await;
    let said = ann
        .answer(json!({"verb": "CHAT", "text": "<b>hello</b>\nyou", "id": 1}))
        .await;
    assert_eq!((&said["msg"], &said["client"]), (&json!("CHAT"), &json!(1)));
    let heard = bob.until(|told| match told {
        UserAnswer::Chat(said) => Some((said.name.clone(), said.text.as_str().to_owned())),
        _ => None,
    });
    let (name, text) = heard.await;
    assert_eq!((name.as_str(), text.as_str()), ("Ann", "<b>hello</b>\nyou"));
    let sent = bob
        .answer(json!({"verb": "RELAY", "to": 1, "data": "{}", "id": 2}))
        .await;
    assert_eq!(sent["msg"], "DONE");
    let from = ann.until(|told| match told {
        UserAnswer::Relay(data) => Some(data.from),
        _ => None,
    });
    assert_eq!(from.await, Count(2));
    let mut refused = 0;
    for id in 0..20 {
        let said = bob
            .answer(json!({"verb": "CHAT", "text": "x", "id": id}))
            .await;
        refused += u32::from(said["msg"] == "NOT_ALLOWED");
    }
    assert!(refused > 0, "five a second");

    let offer = json!({"verb": "WEBRTC_OFFER", "sdp": "v=0\r\n", "id": 3});
    let refused = ann.answer(offer).await;
    assert_eq!(refused["reason"], "this application has no picture");
    let candidate = json!({"verb": "WEBRTC_CANDIDATE", "candidate": "", "id": 4});
    assert_eq!(ann.answer(candidate).await["msg"], "BAD_REQUEST");
    let quality = say(&mut ann, "QUALITY").await;
    assert_eq!(quality["viewers"], json!([]));
    let air = json!({"verb": "BROADCAST", "on": true, "id": 5});
    assert_eq!(bob.answer(air.clone()).await["msg"], "NOT_ALLOWED");
    let refused = ann.answer(air).await;
    assert!(
        refused["reason"]
            .as_str()
            .expect("why")
            .contains("no channels")
    );
    house.server.stop().await;
}

#[tokio::test]
async fn the_coordinator_is_asked_for_time_and_told_what_users_did() {
    let mut house = House::new().await;
    let (mut ann, _) = house.owner().await;
    let answered = tokio::spawn(async move {
        let more = json!({"verb": "EXTEND_SESSION", "minutes": 5, "id": 1});
        let longer = ann.answer(more.clone()).await;
        let busy = ann.answer(more).await;
        (ann, longer, busy)
    });
    let mut wishes = 0;
    let mut deeds = Vec::new();
    while wishes < 2 || !deeds.iter().any(|what| what == "extension_wanted") {
        let (said, id) = house.link.hear().await.expect("a report");
        match said {
            FromSessionServer::Report(Report::ExtendWanted(wanted)) => {
                wishes += 1;
                assert_eq!(
                    (wanted.code, wanted.minutes.map(|m| m.0)),
                    (code(42), Some(5))
                );
                assert!(wanted.token_hash.is_some());
                let text = match wishes {
                    1 => r#"{"msg":"SESSION_EXTENDED","code":"0042","ends_at":4102444800}"#,
                    _ => r#"{"msg":"SERVERS_BUSY"}"#,
                };
                answer(&mut house.link, text, id.as_ref()).await;
            }
            FromSessionServer::Report(Report::Audit(audit)) => {
                assert!(audit.deeds.iter().all(|deed| deed.code == code(42)));
                deeds.extend(audit.deeds.iter().map(|deed| deed.what.as_str().to_owned()));
                answer(&mut house.link, r#"{"msg":"NOTED"}"#, id.as_ref()).await;
            }
            FromSessionServer::Report(Report::Heartbeat(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    let (mut ann, longer, busy) = timeout(PATIENCE, answered)
        .await
        .expect("in time")
        .expect("no panic");
    assert_eq!(longer["msg"], "SESSION_EXTENDED");
    assert_eq!(busy["msg"], "SERVERS_BUSY");

    // A minute before its end users are told, with what the coordinator says about more time.
    let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let soon = unix.expect("after 1970").as_secs() as i64 + 40;
    let order = server_wire::Order::Extend(server_wire::ExtendOrder {
        code: code(42),
        ends_at: server_wire::UnixSeconds(soon),
    });
    house.link.say(&FromCoordinator::Order(order), None).await;
    loop {
        let (said, id) = house.link.hear().await.expect("a report");
        if let FromSessionServer::Report(Report::ExtendWanted(wanted)) = said {
            assert_eq!(wanted.minutes, None);
            let can = ReportAnswer::Extendable(Extendable {
                code: code(42),
                minutes: Count(30),
            });
            house
                .link
                .say(&FromCoordinator::Answer(can), id.as_ref())
                .await;
            break;
        }
    }
    let warned = ann.until(|told| match told {
        UserAnswer::TimeWarning(warning) => Some(*warning),
        _ => None,
    });
    let warned = warned.await;
    assert!(
        warned.can_extend && (30..=40).contains(&warned.seconds_left.0),
        "{warned:?}"
    );
    house.server.stop().await;
}

async fn answer(link: &mut LinkEnd, text: &str, id: Option<&Id>) {
    let answer = server_wire::read::<ReportAnswer>(text).expect("an answer");
    link.say(&FromCoordinator::Answer(answer.body), id).await;
}

/// One request over a connection of its own: the whole answer as it came.
async fn http(address: SocketAddr, data: &Path, request: &str) -> String {
    let mut roots = RootCertStore::empty();
    let own = CertificateDer::from_pem_file(data.join("certificate.pem")).expect("a file");
    roots.add(own).expect("a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.expect("a connection");
    let name = ServerName::try_from("localhost").expect("a name");
    let connector = TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(name, stream).await.expect("TLS");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    // A server that closes without the end of TLS has said everything all the same.
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    let _ = read.expect("in time");
    String::from_utf8_lossy(&answer).into_owned()
}

fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
}

#[tokio::test]
async fn the_page_of_a_session_is_served_whatever_the_code_and_watching_is_guarded() {
    let house = House::new().await;
    let (address, data) = (house.server.address, house.data.clone());
    let get = async |path: &str, headers: &str| {
        http(address, &data, &request("GET", path, headers, "")).await
    };
    let page = get("/session/1234", "").await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    let head = page
        .split("\r\n\r\n")
        .next()
        .expect("a head")
        .to_lowercase();
    for header in [
        "content-type: text/html",
        "content-security-policy: default-src 'self'",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cache-control: no-cache",
        "x-frame-options: deny",
    ] {
        assert!(head.contains(header), "{header}: {head}");
    }
    let tag = head
        .lines()
        .find_map(|line| line.strip_prefix("etag: "))
        .expect("a tag");
    let again = get("/session/1234", &format!("If-None-Match: {tag}\r\n")).await;
    assert!(again.starts_with("HTTP/1.1 304"), "{again}");
    assert!(get("/", "").await.starts_with("HTTP/1.1 200"));
    for path in [
        "/session/12345",
        "/operator",
        "/assets/../Cargo.toml",
        "/index.html",
    ] {
        assert!(get(path, "").await.starts_with("HTTP/1.1 404"), "{path}");
    }
    let post = http(address, &data, &request("POST", "/session/1234", "", "x")).await;
    assert!(post.starts_with("HTTP/1.1 405"), "{post}");

    // The application has no picture; other codes have no session, and guessing ends.
    let sdp = "Content-Type: application/sdp\r\n";
    let watch =
        async |path: &str| http(address, &data, &request("POST", path, sdp, "v=0\r\n")).await;
    let none = watch("/whep/session/0042").await;
    assert!(none.starts_with("HTTP/1.1 422"), "{none}");
    for _ in 0..10 {
        let wrong = watch("/whep/session/0001").await;
        assert!(wrong.starts_with("HTTP/1.1 404"), "{wrong}");
    }
    let locked = watch("/whep/session/0042").await;
    assert!(locked.starts_with("HTTP/1.1 429"), "{locked}");
    assert!(locked.to_lowercase().contains("retry-after: "), "{locked}");
    let long = "x".repeat(100_000);
    let long = http(
        address,
        &data,
        &request("POST", "/whep/session/0042", sdp, &long),
    )
    .await;
    assert!(long.starts_with("HTTP/1.1 413"), "{long}");
    let asked = json!({"code": "0042"});
    let (_user, answer) = house.enter(&asked).await;
    assert_eq!(answer["msg"], "LOCKED_OUT", "one count for both doors");
    house.server.stop().await;
}
