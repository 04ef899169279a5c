//! A real `server coordinator`, and a session server that does what a test says: it starts no program, and refuses,
//! delays or vanishes on demand.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::lab::Lab;
use crate::place::Place;
use crate::process::Process;
use crate::wait::{SOON, eventually};
use crate::wss::{Http, Wss, https};

/// How a coordinator is started.
#[derive(Clone, Debug, Default)]
pub struct CoordinatorOptions {
    /// A data directory that is there already; else one of its own.
    pub data_dir: Option<PathBuf>,
    /// More arguments.
    pub args: Vec<String>,
    /// `server run`: with the session server that it has beside it.
    pub whole: bool,
}

/// A running coordinator; killed when dropped.
#[derive(Debug)]
pub struct Coordinator {
    lab: Lab,
    name: String,
    args: Vec<OsString>,
    data_dir: PathBuf,
    process: Process,
    /// Where it listens.
    pub address: SocketAddr,
    /// The fingerprint that it printed.
    pub fingerprint: String,
}

impl Coordinator {
    /// Starts one on a free port that stays the same after a restart.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    pub fn start(lab: &Lab, options: CoordinatorOptions) -> Self {
        let name = lab.fresh("coordinator");
        let data_dir = options.data_dir.unwrap_or_else(|| lab.dir().join(&name));
        let (role, listen) = if options.whole {
            ("run", "--site")
        } else {
            ("coordinator", "--listen")
        };
        let mut args: Vec<OsString> = vec![role.into(), "--data-dir".into()];
        args.push(data_dir.clone().into());
        args.extend(options.args.iter().map(Into::into));
        if !options.args.iter().any(|arg| arg == "--configuration") {
            let address = format!("127.0.0.1:{}", free_tcp_port());
            args.extend([listen.into(), address.into()]);
        }
        let process = launch(lab, &name, &args);
        let mut coordinator = Self {
            lab: lab.clone(),
            name,
            args,
            data_dir,
            process,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            fingerprint: String::new(),
        };
        coordinator.await_ready();
        coordinator
    }

    #[track_caller]
    fn await_ready(&mut self) {
        let process = &self.process;
        let line = eventually(SOON, "the coordinator says that it is ready", || {
            assert!(
                process.is_running(),
                "the coordinator ended: {}",
                process.err()
            );
            process
                .line("site https://")
                .ok_or_else(|| "no line yet".to_owned())
        });
        let (address, fingerprint) = line.split_once("/ fingerprint SHA256:").expect(&line);
        self.address = address.parse().expect("an address");
        self.fingerprint = fingerprint.to_owned();
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Its data directory.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Starts it again at the same address, after `kill -9` if it still runs.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    pub fn restart(&mut self) {
        self.process.kill9();
        let old = self.process.stdout.with_extension("out.before");
        fs::rename(&self.process.stdout, old).expect("the laboratory is writable");
        self.process = launch(&self.lab, &self.name, &self.args);
        self.await_ready();
    }

    /// A new connection that speaks the verbs.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn client(&self) -> Wss {
        Wss::connect(self.address)
    }

    /// GET.
    #[track_caller]
    pub fn get(&self, path: &str) -> Http {
        https(self.address, "GET", path, "", "")
    }

    /// POST with a body of JSON.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Http {
        let headers = "Content-Type: application/json\r\n";
        https(self.address, "POST", path, headers, &body.to_string())
    }

    /// Anything, with the operator's token.
    ///
    /// # Panics
    /// When the token is not there.
    #[track_caller]
    pub fn operate(&self, method: &str, path: &str, body: &str) -> Http {
        let token = fs::read_to_string(self.data_dir.join("operator-token")).expect("a token");
        let token = token.trim();
        let headers =
            format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\n");
        https(self.address, method, path, &headers, body)
    }

    /// A metric without labels.
    ///
    /// # Panics
    /// When it is not there.
    #[track_caller]
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").body;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name} ")));
        let value = line.and_then(|value| value.parse().ok());
        value.unwrap_or_else(|| panic!("no {name} in {text}"))
    }

    /// A session server of the test's own, once it is linked.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn stage(&self, name: &str, limit: u32, applications: &[&str]) -> Stage {
        let stage = Stage::new(name, limit, applications);
        stage.link(self);
        stage
    }
}

fn launch(lab: &Lab, name: &str, args: &[OsString]) -> Process {
    let command = Place::default().command(&lab.program("server"), args);
    lab.process(name, command)
        .unwrap_or_else(|why| panic!("the server does not start: {why}"))
}

/// What a staged session server answers when it is told to start a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It starts at once.
    Starts,
    /// It says that its places are taken.
    Refuses,
    /// It says nothing.
    Silent,
}

/// A session server of the test's own: speaks the link, runs nothing.
#[derive(Debug)]
pub struct Stage {
    name: String,
    limit: u32,
    applications: Vec<String>,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    manner: Mutex<Manner>,
    running: Mutex<Vec<Value>>,
    orders: Mutex<Vec<Value>>,
    to_tell: Mutex<Vec<Value>>,
    stop: AtomicBool,
    starts: AtomicUsize,
}

impl Stage {
    fn new(name: &str, limit: u32, applications: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            limit,
            applications: applications.iter().map(|name| (*name).to_owned()).collect(),
            shared: Arc::new(Shared {
                manner: Mutex::new(Manner::Starts),
                running: Mutex::default(),
                orders: Mutex::default(),
                to_tell: Mutex::default(),
                stop: AtomicBool::new(false),
                starts: AtomicUsize::new(0),
            }),
            thread: Mutex::default(),
        }
    }

    /// Changes what it answers.
    pub fn behave(&self, manner: Manner) {
        *lock(&self.shared.manner) = manner;
    }

    /// Everything that it was told so far.
    pub fn orders(&self) -> Vec<Value> {
        lock(&self.shared.orders).clone()
    }

    /// How many sessions it started.
    pub fn starts(&self) -> usize {
        self.shared.starts.load(Ordering::SeqCst)
    }

    /// Forgets a session without telling, as a crash does.
    pub fn forget(&self, code: &str) {
        lock(&self.shared.running).retain(|session| session["code"] != code);
    }

    /// Tells that a session is over.
    pub fn tell_ended(&self, code: &str, why: &str) {
        self.forget(code);
        let report = json!({"verb": "SESSION_ENDED", "code": code, "why": why, "id": "ended"});
        lock(&self.shared.to_tell).push(report);
    }

    /// Breaks the link, without a goodbye.
    ///
    /// # Panics
    /// When its thread panicked.
    pub fn vanish(&self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = lock(&self.thread).take() {
            thread.join().expect("the stage does not panic");
        }
        self.shared.stop.store(false, Ordering::SeqCst);
    }

    /// Links it, with everything that still runs there.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn link(&self, coordinator: &Coordinator) {
        let secret = fs::read_to_string(coordinator.data_dir.join("session-secret"));
        let secret = secret.expect("a secret");
        let mut wss = coordinator.client();
        let answer = self.introduce(&mut wss, secret.trim());
        assert_eq!(answer["msg"], "REGISTERED", "{answer}");
        let shared = Arc::clone(&self.shared);
        *lock(&self.thread) = Some(thread::spawn(move || play(&shared, &mut wss)));
    }

    /// The first two messages, with this secret; the answer to them.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn introduce(&self, wss: &mut Wss, secret: &str) -> Value {
        let nonce = [7_u8; 32];
        let running = lock(&self.shared.running).clone();
        let applications: Vec<Value> = self
            .applications
            .iter()
            .map(|name| json!({"name": name, "title": {"en": name}}))
            .collect();
        let challenge = wss.ask(&json!({
            "verb": "REGISTER", "name": self.name, "nonce": hex(&nonce), "host": "127.0.0.1", "port": "9",
            "applications": applications, "limit": self.limit, "running": running,
        }));
        assert_eq!(challenge["msg"], "CHALLENGE", "{challenge}");
        let theirs = challenge["nonce"]
            .as_str()
            .and_then(|nonce| blake3::Hash::from_hex(nonce).ok());
        let theirs = *theirs.expect("a nonce").as_bytes();
        // docs/protocols/coordinator.md: keyed by the secret, over role, both nonces and the certificate.
        let key = blake3::derive_key(
            "Treecast 2026-11-21 session link: proof of the shared secret",
            secret.as_bytes(),
        );
        let proof = |role: u8| {
            let parts = [&[role][..], &nonce, &theirs, &wss.certificate()].concat();
            blake3::keyed_hash(&key, &parts).to_hex().to_string()
        };
        if let Some(shown) = challenge["proof"].as_str() {
            // One that knows another secret shows another proof, and is not to be believed.
            let believed = shown == proof(1);
            if !believed {
                return json!({"msg": "NOT_BELIEVED"});
            }
        }
        let proof = proof(2);
        wss.ask(&json!({"verb": "PROOF", "proof": proof}))
    }

    /// The first two messages with a proof that is wrong; the answer to them.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn introduce_wrongly(&self, wss: &mut Wss) -> Value {
        let challenge = wss.ask(&json!({
            "verb": "REGISTER", "name": self.name, "nonce": hex(&[7; 32]), "host": "127.0.0.1", "port": "9",
            "applications": [], "limit": 1,
        }));
        assert_eq!(challenge["msg"], "CHALLENGE", "{challenge}");
        // Its own proof sent back is not another's.
        wss.ask(&json!({"verb": "PROOF", "proof": challenge["proof"]}))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = lock(&self.thread).take() {
            // A test that fails already is not to fail twice.
            let _ = thread.join();
        }
    }
}

/// Answers orders and beats until it is stopped or the link is lost.
fn play(shared: &Shared, wss: &mut Wss) {
    wss.patience(Duration::from_millis(20));
    let mut beat_at = Instant::now();
    while !shared.stop.load(Ordering::SeqCst) {
        if Instant::now() >= beat_at {
            let running = lock(&shared.running).clone();
            let beat = json!({"verb": "HEARTBEAT", "running": running});
            if wss.say(&beat.to_string()).is_err() {
                return;
            }
            beat_at = Instant::now() + Duration::from_secs(1);
        }
        for report in lock(&shared.to_tell).drain(..) {
            if wss.say(&report.to_string()).is_err() {
                return;
            }
        }
        match wss.hear() {
            Ok(message) => {
                if let Some(answer) = answer(shared, &message)
                    && wss.say(&answer.to_string()).is_err()
                {
                    return;
                }
            }
            Err(why) if is_pause(&why) => {}
            Err(_) => return,
        }
    }
}

/// Whether nothing came for the moment.
fn is_pause(why: &str) -> bool {
    ["temporarily", "timed out", "would block"]
        .iter()
        .any(|sign| why.to_lowercase().contains(sign))
}

fn answer(shared: &Shared, order: &Value) -> Option<Value> {
    let verb = order["verb"].as_str()?;
    lock(&shared.orders).push(order.clone());
    let mut answer = match (verb, *lock(&shared.manner)) {
        ("START_SESSION", Manner::Starts) => {
            shared.starts.fetch_add(1, Ordering::SeqCst);
            lock(&shared.running).push(json!({
                "code": order["code"], "rc_name": order["rc_name"], "ends_at": order["ends_at"],
                "token_hash": order["token_hash"],
            }));
            json!({"msg": "SESSION_CONNECTION_DATA", "ip": "127.0.0.1", "port": "4711"})
        }
        ("START_SESSION", Manner::Refuses) => json!({"msg": "SESSION_LIMIT_REACHED"}),
        ("START_SESSION", Manner::Silent) => return None,
        ("END_SESSION", _) => {
            lock(&shared.running).retain(|session| session["code"] != order["code"]);
            json!({"msg": "SESSION_ENDING", "code": order["code"]})
        }
        ("EXTEND", _) => {
            json!({"msg": "SESSION_EXTENDED", "code": order["code"], "ends_at": order["ends_at"]})
        }
        ("DRAIN", _) => json!({"msg": "DRAINING", "draining": order["draining"]}),
        _ => json!({"msg": "BAD_REQUEST", "reason": "not on this stage"}),
    };
    answer["id"] = order["id"].clone();
    Some(answer)
}

/// A TCP port of the loopback interface that nobody has at the moment.
///
/// # Panics
/// When there is none.
pub fn free_tcp_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}

/// Codes that are all different.
///
/// # Panics
/// When one is there twice.
#[track_caller]
pub fn assert_all_different(codes: &[String]) {
    let different: BTreeSet<&String> = codes.iter().collect();
    assert_eq!(different.len(), codes.len(), "{codes:?}");
}

fn hex(bytes: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*bytes).to_hex().to_string()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
