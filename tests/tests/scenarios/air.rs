//! Sessions on air: what a session shows and sounds like is decoded from a peer's spool.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tests::{
    Coordinator, CoordinatorOptions, Lab, Peer, PeerOptions, Process, SOON, Wss, eventually, holds,
};

/// The built-in application's picture.
const WIDTH: usize = 1280;
/// Cells of the numbers that it paints along its upper edge, and the height of their row.
const CELLS: usize = 64;
const ROW: usize = 20;
/// Microseconds of the 48 bits that it paints.
const CLOCK_MASK: u128 = (1 << 48) - 1;

pub(crate) fn server(lab: &Lab) -> Coordinator {
    let options = CoordinatorOptions {
        whole: true,
        args: ["--legacy", "off", "--broadcast", "127.0.0.1:0"]
            .map(str::to_owned)
            .to_vec(),
        ..CoordinatorOptions::default()
    };
    Coordinator::start(lab, options)
}

/// Starts a session over the HTTP API.
#[track_caller]
pub(crate) fn start(server: &Coordinator) -> Value {
    eventually(SOON, "a session starts", || {
        let answer = server.post("/api/sessions", &json!({"application": "Clock"}));
        holds(answer.status == 201, || answer.body.clone()).map(|()| answer.json())
    })
}

/// Enters a session: as its owner, if its token is known.
#[track_caller]
pub(crate) fn enter(started: &Value) -> Wss {
    let ip = started["ip"].as_str().expect("an address");
    let at = format!("{ip}:{}", started["port"].as_u64().expect("a port"));
    let at: SocketAddr = at.parse().expect("an address");
    let mut user = Wss::connect(at);
    let mut words = json!({
        "verb": "CONNECT_TO_SESSION", "code": started["code"], "name": "Ann",
    });
    if started["token"].is_string() {
        words["token"] = started["token"].clone();
    }
    let entered = user.ask(&words);
    assert_eq!(
        entered["msg"], "SESSION_CONNECTION_ESTABLISHED",
        "{entered}"
    );
    user
}

/// Says a verb and waits for the answer to it, whatever is told meanwhile.
#[track_caller]
fn ask(user: &mut Wss, mut request: Value) -> Value {
    request["id"] = json!("asked");
    let mut said = user.ask(&request);
    while said["id"] != "asked" {
        said = user.hear().expect("an answer");
    }
    said
}

#[track_caller]
fn switch(user: &mut Wss, on: bool) -> Value {
    let answer = ask(user, json!({"verb": "BROADCAST", "on": on}));
    assert_eq!(answer["msg"], "BROADCAST", "{answer}");
    assert_eq!(answer["on"], on);
    answer
}

/// Between two looks at what a server says.
const LISTEN_EVERY: Duration = Duration::from_secs(1);
/// How long one look waits for more.
const LOOK: Duration = Duration::from_millis(1);

/// Somebody who stays in a session for as long as a test takes: who does not answer its server for a while is taken for gone.
pub(crate) struct Inside {
    user: Arc<Mutex<Wss>>,
    _listens: SyncSender<()>,
}

impl Inside {
    pub(crate) fn new(user: Wss) -> Self {
        let user = Arc::new(Mutex::new(user));
        let (listens, over) = sync_channel::<()>(1);
        let heard = Arc::clone(&user);
        thread::spawn(move || {
            while over.recv_timeout(LISTEN_EVERY) == Err(RecvTimeoutError::Timeout) {
                let mut user = heard.lock().unwrap_or_else(PoisonError::into_inner);
                user.patience(LOOK);
                while user.hear().is_ok() {}
                user.patience(SOON);
            }
        });
        Self {
            user,
            _listens: listens,
        }
    }

    #[track_caller]
    pub(crate) fn switch(&self, on: bool) -> Value {
        switch(
            &mut self.user.lock().unwrap_or_else(PoisonError::into_inner),
            on,
        )
    }
}

fn ffmpeg(file: &Path, arguments: &[&str]) -> Vec<u8> {
    let out = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(file)
        .args(arguments)
        .arg("-")
        .output()
        .expect("ffmpeg is installed");
    let complaints = String::from_utf8_lossy(&out.stderr);
    assert!(
        out.status.success() && complaints.is_empty(),
        "{}: {complaints}",
        file.display()
    );
    out.stdout
}

/// When the pictures of a chunk were painted: microseconds since 1970, as far as 48 bits go.
fn painted_us(file: &Path) -> Vec<u128> {
    let size = format!("crop={WIDTH}:{ROW}:0:0");
    // Each picture at its own time: their distances differ.
    let arguments = [
        "-vf",
        &size,
        "-fps_mode",
        "passthrough",
        "-enc_time_base",
        "-1",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "gray",
    ];
    let rows = ffmpeg(file, &arguments);
    let read = |row: &[u8]| {
        let cell = WIDTH / CELLS;
        let middle = &row[ROW / 2 * WIDTH..][..WIDTH];
        let bit = |at: usize| u64::from(middle[at * cell + cell / 2] > 127);
        let bits = (0..CELLS).fold(0_u64, |bits, at| bits << 1 | bit(at));
        let value = bits >> 16;
        let word = |at: u32| (value >> at) as u16;
        let check = 0x5eed_u16
            .wrapping_add(word(0).wrapping_mul(3))
            .wrapping_add(word(16).wrapping_mul(5))
            .wrapping_add(word(32).wrapping_mul(7));
        (bits as u16 == check).then_some(u128::from(value))
    };
    rows.chunks_exact(WIDTH * ROW).filter_map(read).collect()
}

/// The loudest sample of a chunk, of 32767.
pub(crate) fn loudest(file: &Path) -> u16 {
    let samples = ffmpeg(file, &["-vn", "-f", "s16le", "-ac", "1"]);
    let samples = samples.chunks_exact(2);
    let loud = samples.map(|s| i16::from_le_bytes([s[0], s[1]]).unsigned_abs());
    loud.max().unwrap_or(0)
}

/// The files of these chunks, once all of them are there: a chunk is in the index a moment before it is in the spool.
#[track_caller]
fn await_files(peer: &Peer, chunks: RangeInclusive<u64>) -> Vec<PathBuf> {
    eventually(SOON, "the chunks are in the spool", || {
        let files = peer.files();
        let wanted = chunks.clone().map(|seq| files.get(&seq).cloned());
        let found: Option<Vec<_>> = wanted.collect();
        found.ok_or_else(|| format!("{:?}", files.keys()))
    })
}

fn stored_us(file: &Path) -> u128 {
    let stored = std::fs::metadata(file).and_then(|meta| meta.modified());
    let since = stored
        .expect("a file")
        .duration_since(SystemTime::UNIX_EPOCH);
    since.expect("after 1970").as_micros() & CLOCK_MASK
}

#[test]
fn a_session_on_air_is_seen_and_heard_in_a_peers_spool() {
    let lab = Lab::new();
    let server = server(&lab);
    let started = start(&server);
    let owner = Inside::new(enter(&started));
    let on_air = owner.switch(true);
    assert_eq!(on_air["channel"], 1);
    let invite = on_air["invite"].as_str().expect("an invite").to_owned();
    let peer = lab.peer(&invite, PeerOptions::fanout(1));
    let first = eventually(SOON, "a chunk is stored", || {
        peer.newest().ok_or_else(|| "none yet".to_owned())
    });
    let files = await_files(&peer, first + 1..=first + 4);
    let mut last_us = 0;
    let (mut behind, mut pictures, mut loud) = (Vec::new(), Vec::new(), Vec::new());
    for file in &files {
        let painted = painted_us(file);
        let distinct: BTreeSet<_> = painted.iter().collect();
        pictures.push(distinct.len());
        loud.push(loudest(file));
        let Some(last) = painted.last() else {
            continue;
        };
        assert!(
            painted.is_sorted() && painted[0] >= last_us,
            "chunks go on where the last one ended"
        );
        last_us = *last;
        behind.push(stored_us(file).saturating_sub(last_us) / 1_000);
    }
    // A machine that stands still for a moment paints and plays nothing meanwhile: the four are looked at together.
    assert!(pictures.iter().sum::<usize>() > 80, "{pictures:?}");
    // It beeps once a second.
    let beeps = loud.iter().filter(|loud| **loud > 1_000).count();
    assert!(beeps >= 2, "{loud:?}");
    println!("the end of a chunk is in the spool after {behind:?} ms, its beginning 2 s more");
    assert!(behind.iter().all(|ms| *ms < 15_000), "{behind:?}");

    // Off the air nothing comes any more; on air again, the numbers go on.
    owner.switch(false);
    let mut newest = peer.newest();
    eventually(SOON, "the channel is silent", || {
        std::thread::sleep(Duration::from_secs(3));
        let now = peer.newest();
        holds(std::mem::replace(&mut newest, now) == now, || {
            format!("{now:?}")
        })
    });
    let again = owner.switch(true);
    assert_eq!(
        (&again["channel"], &again["invite"]),
        (&on_air["channel"], &on_air["invite"])
    );
    peer.await_chunk(newest.expect("some") + 2, SOON);
    assert_eq!(peer.facts().chunks.missing, 0);

    server.process().sigterm();
    let ended = server.process().wait_exit(SOON);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    server.process().assert_clean();
}

#[test]
fn a_guest_cannot_put_a_session_on_air_and_without_channels_nobody_can() {
    let lab = Lab::new();
    let server = server(&lab);
    let started = start(&server);
    let _owner = enter(&started);
    let mut known = started.clone();
    known["token"] = Value::Null;
    let mut guest = enter(&known);
    let answer = ask(&mut guest, json!({"verb": "BROADCAST", "on": true}));
    assert_eq!(answer["msg"], "NOT_ALLOWED", "{answer}");

    let options = CoordinatorOptions {
        whole: true,
        args: ["--legacy", "off", "--broadcast", "off"]
            .map(str::to_owned)
            .to_vec(),
        ..CoordinatorOptions::default()
    };
    let silent = Coordinator::start(&lab, options);
    let mut owner = enter(&start(&silent));
    let answer = ask(&mut owner, json!({"verb": "BROADCAST", "on": true}));
    assert_eq!(answer["msg"], "NOT_ALLOWED", "{answer}");
    assert!(
        answer["reason"].as_str().is_some_and(|why| !why.is_empty()),
        "{answer}"
    );
}

/// A session server alone, with the built-in application and two channels, linked to this coordinator.
fn session_server(lab: &Lab, coordinator: &Coordinator) -> Process {
    let config = json!({
        "name": "alone", "ip": "127.0.0.1", "port": "0", "data_dir": lab.dir().join("alone"),
        "coordinator": format!("wss://{}#{}", coordinator.address, coordinator.fingerprint),
        "secret": coordinator.data_dir().join("session-secret"),
        "broadcast": {"session_channels": 2, "max_direct_peers": 3, "listen": "127.0.0.1:1"},
        "applications": [{
            "name": "Clock", "command": lab.program("server"), "arguments": ["sample-application"],
        }],
    });
    let file = lab.dir().join("alone.json");
    std::fs::write(&file, config.to_string()).expect("writable");
    let checked = Command::new(lab.program("server"))
        .arg("check-config")
        .arg(&file)
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(said.contains("2 channel(s) for them"), "{said}");
    let mut command = Command::new(lab.program("server"));
    command.args(["session", "--config"]).arg(&file);
    // What the command line says wins.
    command.args(["--broadcast", "127.0.0.1:0"]);
    let process = lab.process("alone", command).expect("it starts");
    eventually(SOON, "the session server is ready", || {
        assert!(process.is_running(), "it ended: {}", process.err());
        let lines = process.out();
        let ready = lines.contains("session https://") && lines.matches("invite ").count() == 2;
        holds(ready, || lines.clone())
    });
    process
}

#[test]
fn a_session_server_alone_puts_its_sessions_on_channels_of_its_own() {
    let lab = Lab::new();
    let coordinator = Coordinator::start(&lab, CoordinatorOptions::default());
    let process = session_server(&lab, &coordinator);
    let owner = Inside::new(enter(&start(&coordinator)));
    let on_air = owner.switch(true);
    assert_eq!(on_air["channel"], 1);
    let invite = on_air["invite"].as_str().expect("an invite");
    let printed = process.out();
    assert!(
        printed.contains(&format!("invite {invite}\n")),
        "{invite} is in {printed}"
    );
    let peer = lab.peer(invite, PeerOptions::fanout(1));
    let first = eventually(SOON, "a chunk is stored", || {
        peer.newest().ok_or_else(|| "none yet".to_owned())
    });
    eventually(SOON, "a chunk that is seen and heard", || {
        let files = peer.files();
        let mut later = files.range(first + 1..);
        let is_it = |file: &Path| painted_us(file).len() > 10 && loudest(file) > 1_000;
        let found = later.any(|(_, file)| is_it(file));
        holds(found, || format!("{:?}", files.keys()))
    });

    let status = Command::new(lab.program("server"))
        .args(["status", "--json", "--data-dir"])
        .arg(lab.dir().join("alone/broadcast"))
        .output()
        .expect("it runs");
    let status: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    assert_eq!(status["channels"][0]["channel"], 1, "{status}");
    assert_eq!(status["channels"][0]["max_direct_peers"], 3, "{status}");
    assert_eq!(status["channels"][1]["channel"], 2, "{status}");

    process.sigterm();
    let ended = process.wait_exit(SOON);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    process.assert_clean();
}
