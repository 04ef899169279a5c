//! Coordinator and session server together, with real programs: on one computer, on two, behind NGINX, and with either
//! of them killed.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tests::{
    Coordinator, CoordinatorOptions, Lab, PeerOptions, Process, SOON, Wss, eventually, holds,
    https, https_as,
};

/// What the session servers of these tests run.
const PROGRAM: &str = "Sleep";

#[track_caller]
fn start(client: &mut Wss, application: &str) -> Value {
    eventually(SOON, "a session starts", || {
        let answer = client.ask(&json!({"verb": "START_SESSION", "rc_name": application}));
        holds(answer["msg"] == "SESSION_CONNECTION_DATA", || {
            answer.to_string()
        })
        .map(|()| answer)
    })
}

#[track_caller]
fn address(data: &Value) -> SocketAddr {
    let (ip, port) = (data["ip"].as_str(), data["port"].as_str());
    let text = format!("{}:{}", ip.expect("an address"), port.expect("a port"));
    text.parse().expect("an address")
}

fn code(data: &Value) -> &str {
    data["code"].as_str().expect("a code")
}

fn status(client: &mut Wss, code: &str) -> Value {
    client.ask(&json!({"verb": "SESSION_STATUS", "code": code}))
}

/// Processes whose command line has `mark` in it.
fn processes(mark: &str) -> usize {
    let entries = fs::read_dir("/proc").expect("proc");
    entries
        .filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok())
        .filter(|line| String::from_utf8_lossy(line).contains(mark))
        .count()
}

/// A session server on a free port, with a program that nobody else runs.
fn session_server(lab: &Lab, name: &str, mark: &str, more: &Value) -> (Process, SocketAddr) {
    let port = tests::free_tcp_port();
    let mut config = json!({
        "name": name, "ip": "127.0.0.1", "port": port.to_string(), "allowed_sessions": 2,
        "data_dir": lab.dir().join(name),
        "applications": [{"name": PROGRAM, "display": false, "command": "sleep", "arguments": [mark]}],
    });
    for (key, value) in more.as_object().expect("keys") {
        config[key] = value.clone();
    }
    let file = lab.dir().join(format!("{name}.json"));
    fs::write(&file, config.to_string()).expect("writable");
    (
        launch(lab, name, &file),
        SocketAddr::from(([127, 0, 0, 1], port)),
    )
}

fn launch(lab: &Lab, name: &str, file: &Path) -> Process {
    let mut command = Command::new(lab.program("server"));
    command.args(["session", "--config"]).arg(file);
    let process = lab.process(name, command).expect("it starts");
    eventually(SOON, "the session server is ready", || {
        assert!(process.is_running(), "it ended: {}", process.err());
        process
            .line("session https://")
            .ok_or_else(|| "no line".to_owned())
    });
    process
}

/// The keys by which a session server finds a coordinator and proves itself.
fn link(coordinator: &Coordinator) -> Value {
    json!({
        "coordinator": format!("wss://{}#{}", coordinator.address, coordinator.fingerprint),
        "secret": coordinator.data_dir().join("session-secret"),
    })
}

#[test]
fn one_command_is_a_site_a_session_that_can_be_joined_and_a_broadcast() {
    let lab = Lab::new();
    let old_clients = "127.74.0.1:6060";
    let server = Coordinator::start(
        &lab,
        CoordinatorOptions {
            whole: true,
            args: ["--legacy", old_clients].map(str::to_owned).to_vec(),
            ..CoordinatorOptions::default()
        },
    );
    let invite = eventually(SOON, "the sample is on air", || {
        let invite = server.process().line("invite ");
        invite.ok_or_else(|| server.process().err())
    });
    let viewer = lab.peer(&invite, PeerOptions::fanout(2));
    let mut asked = TcpStream::connect(old_clients).expect("old clients are served");
    asked.write_all(b"130").expect("it is read");
    let mut count = String::new();
    asked.read_to_string(&mut count).expect("an answer");
    assert_eq!(count, "0");
    let page = server.get("/");
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<!doctype html>") && page.head.contains("content-security-policy"));
    assert_eq!(server.get("/api/openapi.json").json()["openapi"], "3.1.0");

    let mut client = server.client();
    let started = start(&mut client, "Clock");
    let mut user = Wss::connect(address(&started));
    let joined = user.ask(&json!({
        "verb": "CONNECT_TO_SESSION", "ip": started["ip"], "port": started["port"],
        "code": started["code"], "name": "Ann",
    }));
    assert_eq!(joined["msg"], "SESSION_CONNECTION_ESTABLISHED", "{joined}");
    let known = server.get("/api/applications").json();
    assert_eq!(known[0]["title"]["ru"], "Часы");
    let newest = viewer.newest().unwrap_or(0);
    viewer.await_chunk(newest + 2, SOON);
    assert_eq!(viewer.facts().chunks.missing, 0);

    let path = format!("/api/operator/sessions/{}/end", code(&started));
    assert_eq!(server.operate("POST", &path, "").status, 204);
    assert_eq!(
        status(&mut client, code(&started))["msg"],
        "SESSION_NOT_EXIST"
    );
    start(&mut client, "Clock");
    server.process().sigterm();
    let ended = server.process().wait_exit(SOON);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    server.process().assert_clean();
}

#[test]
fn a_session_server_that_is_killed_comes_back_and_its_dead_sessions_are_cleaned_up() {
    let lab = Lab::new();
    let coordinator = Coordinator::start(&lab, CoordinatorOptions::default());
    let mark = "98123.5";
    let (process, _) = session_server(&lab, "left", mark, &link(&coordinator));
    let mut client = coordinator.client();
    let started = start(&mut client, PROGRAM);
    assert!(processes(mark) > 0, "the program runs");

    process.kill9();
    eventually(SOON, "the program is gone with its server", || {
        holds(processes(mark) == 0, || "it runs".to_owned())
    });
    eventually(SOON, "the loss is noticed", || {
        let servers = coordinator
            .operate("GET", "/api/operator/servers", "")
            .json();
        holds(servers[0]["state"] == "away", || servers.to_string())
    });
    fs::rename(&process.stdout, process.stdout.with_extension("before")).expect("writable");
    let _process = launch(&lab, "left", &lab.dir().join("left.json"));
    eventually(SOON, "what died is not running", || {
        let now = status(&mut client, code(&started));
        holds(now["msg"] == "SESSION_NOT_EXIST", || now.to_string())
    });
    let again = start(&mut client, PROGRAM);
    assert_eq!(status(&mut client, code(&again))["state"], "running");
}

#[test]
fn a_coordinator_that_is_killed_comes_back_knowing_every_session_that_still_runs() {
    let lab = Lab::new();
    let mut coordinator = Coordinator::start(&lab, CoordinatorOptions::default());
    let mark = "98124.5";
    let (_process, _) = session_server(&lab, "kept", mark, &link(&coordinator));
    let mut client = coordinator.client();
    let started = start(&mut client, PROGRAM);

    coordinator.restart();
    assert!(processes(mark) > 0, "the program goes on");
    let mut client = coordinator.client();
    assert_eq!(status(&mut client, code(&started))["state"], "running");
    eventually(SOON, "the session server is linked again", || {
        let servers = coordinator
            .operate("GET", "/api/operator/servers", "")
            .json();
        holds(servers[0]["linked"] == true, || servers.to_string())
    });
    assert_eq!(status(&mut client, code(&started))["state"], "running");
    let path = format!("/api/operator/sessions/{}/end", code(&started));
    assert_eq!(coordinator.operate("POST", &path, "").status, 204);
    eventually(SOON, "the program is ended", || {
        holds(processes(mark) == 0, || "it runs".to_owned())
    });
}

#[test]
fn a_server_that_only_a_file_names_is_dialled() {
    let lab = Lab::new();
    let mark = "98125.5";
    let (_process, at) = session_server(
        &lab,
        "dialled",
        mark,
        &json!({"coordinators": ["127.0.0.1"]}),
    );
    let servers = lab.dir().join("servers.json");
    let entry = json!([{
        "server_name1": "dialled", "ip": at.ip(), "port": at.port().to_string(),
        "rc_info": {"rc_name": PROGRAM, "info": {"deskription": [{"en": "sleeps"}]}},
    }]);
    fs::write(&servers, entry.to_string()).expect("writable");
    let coordinator = Coordinator::start(
        &lab,
        CoordinatorOptions {
            args: vec![
                "--servers".to_owned(),
                servers.to_str().expect("plain").to_owned(),
            ],
            ..CoordinatorOptions::default()
        },
    );
    let mut client = coordinator.client();
    let started = start(&mut client, PROGRAM);
    assert_eq!(address(&started), at);
    assert!(processes(mark) > 0, "the program runs");
    let path = format!("/api/operator/sessions/{}/end", code(&started));
    assert_eq!(coordinator.operate("POST", &path, "").status, 204);
    eventually(SOON, "the program is ended", || {
        holds(processes(mark) == 0, || "it runs".to_owned())
    });
}

#[test]
fn what_users_do_in_a_session_reaches_the_coordinator_and_players_reach_the_session() {
    let lab = Lab::new();
    let coordinator = Coordinator::start(&lab, CoordinatorOptions::default());
    let (_process, at) = session_server(&lab, "rooms", "98127.5", &{
        let mut more = link(&coordinator);
        more["empty_grace_seconds"] = json!(1);
        more
    });
    let mut client = coordinator.client();
    let started = start(&mut client, PROGRAM);
    let page = format!("https://{at}/session/{}", code(&started));
    assert_eq!(started["url"], page);
    let shown = https(at, "GET", &format!("/session/{}", code(&started)), "", "");
    assert!(shown.head.contains("content-security-policy"), "{shown:?}");

    let mut ann = Wss::connect(at);
    let inside = ann.ask(&json!({
        "verb": "CONNECT_TO_SESSION", "token": started["token"], "code": started["code"], "name": "Ann",
    }));
    assert_eq!(inside["WebRTC_connection_data"], page);
    let released = answer_to(&mut ann, &json!({"verb": "RELEASE_CONTROL", "id": "r"}));
    assert_eq!(
        (&released["msg"], &released["driver"]),
        (&json!("CONTROL"), &Value::Null)
    );
    let ends_at = inside["ends_at"].as_i64().expect("an end");
    let longer = answer_to(
        &mut ann,
        &json!({"verb": "EXTEND_SESSION", "minutes": 5, "id": "e"}),
    );
    assert_eq!(longer["msg"], "SESSION_EXTENDED", "{longer}");
    assert_eq!(longer["ends_at"], ends_at + 300);
    assert_eq!(
        status(&mut client, code(&started))["ends_at"],
        ends_at + 300
    );
    let refused = answer_to(
        &mut ann,
        &json!({"verb": "EXTEND_SESSION", "minutes": 9999, "id": "f"}),
    );
    assert_eq!(refused["msg"], "NOT_ALLOWED", "{refused}");
    eventually(SOON, "what Ann did is in the audit", || {
        let audit = coordinator.operate("GET", "/api/operator/audit", "").body;
        let all = ["control_released", "extension_wanted", "1 (Ann)"];
        holds(all.iter().all(|word| audit.contains(word)), || {
            audit.clone()
        })
    });

    let whep = format!("/whep/session/{}", code(&started));
    let offer = "Content-Type: application/sdp\r\nSec-Fetch-Site: cross-site\r\n";
    let site = coordinator.address;
    let led = https(site, "POST", &whep, offer, "v=0\r\n");
    assert_eq!(led.status, 307, "{led:?}");
    assert!(
        led.head.contains(&format!("location: https://{at}{whep}")),
        "{led:?}"
    );
    assert!(
        led.head.contains("access-control-allow-origin: *"),
        "{led:?}"
    );
    assert_eq!(https(site, "OPTIONS", &whep, "", "").status, 204);
    assert_eq!(
        https(at, "POST", &whep, offer, "v=0\r\n").status,
        422,
        "no picture"
    );
    let other = match code(&started) {
        "0000" => "/whep/session/0001",
        _ => "/whep/session/0000",
    };
    assert_eq!(https(site, "POST", other, offer, "v=0\r\n").status, 404);

    // The last one leaves, and the coordinator knows as soon as it is over.
    let left = answer_to(&mut ann, &json!({"verb": "LEAVE_SESSION", "id": "l"}));
    assert_eq!(left["msg"], "SESSION_LEFT");
    eventually(SOON, "the session is over", || {
        let now = status(&mut client, code(&started));
        holds(now["msg"] == "SESSION_NOT_EXIST", || now.to_string())
    });
    eventually(SOON, "its program is gone", || {
        holds(processes("98127.5") == 0, || "it runs".to_owned())
    });
}

/// The answer that has the request's id; what is told unasked before it does not matter.
#[track_caller]
fn answer_to(user: &mut Wss, request: &Value) -> Value {
    let mut answer = user.ask(request);
    while answer["id"] != request["id"] {
        answer = user.hear().expect("it is answered");
    }
    answer
}

#[test]
fn behind_nginx_the_site_the_api_the_verbs_and_sessions_are_reached() {
    /// Ten times the burst: more than comes back meanwhile where the machine takes as long as 180 ms for each.
    const FLOOD: u8 = 200;
    /// The session server's own name.
    const HOST: &str = "left.localhost";
    let lab = Lab::new();
    let coordinator = Coordinator::start(
        &lab,
        CoordinatorOptions {
            args: [
                "--trusted-proxy",
                "127.0.0.1",
                "--requests-per-second",
                "5",
                "--burst",
                "20",
            ]
            .map(str::to_owned)
            .to_vec(),
            ..CoordinatorOptions::default()
        },
    );
    let (_sessions, left) = session_server(&lab, "left", "98126.5", &link(&coordinator));
    let front = SocketAddr::from(([127, 0, 0, 1], tests::free_tcp_port()));
    let data = |file: &str| coordinator.data_dir().join(file).display().to_string();
    let (certificate, key) = (data("tls.crt"), data("tls.key"));
    let written = Command::new(lab.program("server"))
        .args([
            "nginx-config",
            "--name",
            "localhost",
            "--listen",
            &front.to_string(),
        ])
        .args(["--certificate", &certificate, "--key", &key])
        .args(["--coordinator", &coordinator.address.to_string()])
        .args(["--coordinator-certificate", &certificate])
        .args(["--session", &format!("left={left}")])
        .args(["--session-host", &format!("{HOST}={left}")])
        .output()
        .expect("it runs");
    assert!(written.status.success(), "{written:?}");
    let dir = lab.dir().join("nginx");
    fs::create_dir_all(&dir).expect("writable");
    fs::write(dir.join("site.conf"), &written.stdout).expect("writable");
    let main = format!(
        "daemon off; pid {0}/pid; error_log stderr; worker_processes 1; user root;\n\
         events {{ worker_connections 256; }}\n\
         http {{ access_log off; client_body_temp_path {0}/a; proxy_temp_path {0}/b; fastcgi_temp_path {0}/c;\n\
         uwsgi_temp_path {0}/d; scgi_temp_path {0}/e; include {0}/site.conf; }}\n",
        dir.display()
    );
    fs::write(dir.join("nginx.conf"), main).expect("writable");
    let mut command = Command::new("/usr/sbin/nginx");
    command.arg("-c").arg(dir.join("nginx.conf"));
    let nginx = lab
        .process("nginx-front", command)
        .expect("nginx is installed");

    eventually(SOON, "NGINX takes connections", || {
        assert!(nginx.is_running(), "nginx ended: {}", nginx.err());
        tests::tls(front, None).map(drop)
    });
    let page = https(front, "GET", "/", "", "");
    assert_eq!(page.status, 200, "{page:?} {}", nginx.err());
    assert_eq!(
        https(front, "GET", "/api/applications", "", "").json()[0]["name"],
        PROGRAM
    );
    let mut client = Wss::connect(front);
    let started = start(&mut client, PROGRAM);
    assert_eq!(status(&mut client, code(&started))["state"], "running");
    let user = Wss::try_connect_path(front, None, "/session/left/users");
    let mut user = user.unwrap_or_else(|why| panic!("{why}: {}", nginx.err()));
    let joined = user.ask(&json!({
        "verb": "CONNECT_TO_SESSION", "ip": started["ip"], "port": started["port"],
        "code": started["code"], "name": "Ann",
    }));
    assert_eq!(joined["msg"], "SESSION_CONNECTION_ESTABLISHED", "{joined}");
    assert_eq!(https(front, "GET", "/session/left/", "", "").status, 200);
    assert_eq!(https(front, "GET", "/metrics", "", "").status, 200);

    // Under a name of its own the session server has its pages too; the site's are not there.
    let page = format!("/session/{}", code(&started));
    let page = https_as(front, HOST, "GET", &page, "", "");
    assert_eq!(page.status, 200, "{page:?} {}", nginx.err());
    assert!(page.body.contains("<!doctype html>"), "{page:?}");
    let none = https_as(front, HOST, "GET", "/api/applications", "", "");
    assert_eq!(none.status, 404, "{none:?}");
    let user = Wss::try_connect_as(front, HOST, None, "/users");
    let mut user = user.unwrap_or_else(|why| panic!("{why}: {}", nginx.err()));
    let joined = user.ask(&json!({
        "verb": "CONNECT_TO_SESSION", "ip": started["ip"], "port": started["port"],
        "code": started["code"], "name": "Bob",
    }));
    assert_eq!(joined["msg"], "SESSION_CONNECTION_ESTABLISHED", "{joined}");

    // Whose requests are counted is said by NGINX, not by whoever asks.
    let refused = (0..FLOOD).any(|n| {
        let claims = format!("X-Forwarded-For: 10.0.0.{n}\r\n");
        https(front, "GET", "/api/applications", &claims, "").status == 429
    });
    assert!(refused, "one address has one rate");
    let mut other = eventually(SOON, "another address is served", || {
        Wss::try_connect(front, Some([127, 0, 0, 7].into()))
    });
    assert_eq!(status(&mut other, code(&started))["state"], "running");
}
