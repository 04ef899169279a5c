//! A session server of a test's own: it speaks the link, starts no program, and refuses, is silent or vanishes on demand.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::coordinator::Coordinator;
use crate::wss::Wss;

/// What a staged session server answers when it is told to start a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It starts at once.
    Starts,
    /// It says that its places are taken.
    Refuses,
    /// It says so once, and then starts.
    RefusesOnce,
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
    pub(crate) fn new(name: &str, limit: u32, applications: &[&str]) -> Self {
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
        let secret = fs::read_to_string(coordinator.data_dir().join("session-secret"));
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
    let mut manner = lock(&shared.manner);
    let behaves = *manner;
    if verb == "START_SESSION" && behaves == Manner::RefusesOnce {
        *manner = Manner::Starts;
    }
    drop(manner);
    let mut answer = match (verb, behaves) {
        ("START_SESSION", Manner::Starts) => {
            shared.starts.fetch_add(1, Ordering::SeqCst);
            lock(&shared.running).push(json!({
                "code": order["code"], "rc_name": order["rc_name"], "ends_at": order["ends_at"],
                "token_hash": order["token_hash"],
            }));
            json!({"msg": "SESSION_CONNECTION_DATA", "ip": "127.0.0.1", "port": "4711"})
        }
        ("START_SESSION", Manner::Refuses | Manner::RefusesOnce) => {
            json!({"msg": "SESSION_LIMIT_REACHED"})
        }
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

fn hex(bytes: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*bytes).to_hex().to_string()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
