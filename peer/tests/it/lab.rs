//! A small world: an origin's end of a channel on a thread, `peer` processes, and waits with a deadline.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use media_model::{Coding, SigningKey};
use overlay_core::{Invite, Params};
use overlay_quic::{Chunk, Endpoint, Identity, RootConfig};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Between two chunks. The window of 10 chunks is 4 s then.
const PERIOD: Duration = Duration::from_millis(400);
/// Bytes of a chunk.
const CHUNK_LEN: usize = 150_000;
/// Lines of a peer that are kept.
const MAX_LINES: usize = 10_000;

/// What chunk `seq` has in it.
pub(crate) fn content(seq: u64) -> Vec<u8> {
    let mut state = seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut byte = || {
        // xorshift64: any stream that differs from chunk to chunk.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..CHUNK_LEN).map(|_| byte()).collect()
}

/// An origin's end of channel 0, broadcasting until it is dropped.
pub(crate) struct Origin {
    pub(crate) addr: SocketAddr,
    key: [u8; 32],
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Origin {
    /// Serves `direct` peers itself.
    pub(crate) fn start(direct: u16) -> Self {
        let secret = [7; 32];
        let key = SigningKey::from_bytes(&secret);
        let public = key.origin_key().to_bytes();
        let (end, ended) = oneshot::channel();
        let (up, at) = sync_channel(1);
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(async move {
                let identity = Identity::from_bytes(&secret).expect("a key");
                let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
                let endpoint = Endpoint::bind(loopback, &identity).expect("a free port");
                let config = RootConfig {
                    channel: 0,
                    epoch: 1,
                    coding: Coding::default(),
                    max_direct_peers: direct,
                    key,
                    params: Params::default(),
                };
                let root = endpoint.open_root(config).expect("a new channel");
                up.send(endpoint.local_addr()).expect("somebody waits");
                let broadcast = async {
                    for seq in 0.. {
                        let now = SystemTime::now()
                            .duration_since(UNIX_EPOCH)
                            .expect("after 1970");
                        let chunk = Chunk {
                            seq,
                            name: format!("film_{seq:05}.mkv"),
                            wall_time_us: now.as_micros() as u64,
                            duration_us: PERIOD.as_micros() as u64,
                            data: content(seq).into(),
                        };
                        root.publish(chunk, PERIOD).await.expect("published");
                    }
                };
                tokio::select! {
                    () = broadcast => {}
                    _ = ended => {}
                }
                root.leave().await;
                endpoint.close().await;
            });
        });
        let addr = at.recv().expect("the origin is up");
        Self {
            addr,
            key: public,
            end: Some(end),
            thread: Some(thread),
        }
    }

    pub(crate) fn invite(&self) -> Invite {
        Invite {
            origin: self.addr.to_string(),
            channel: 0,
            key: self.key,
            also: Vec::new(),
            expires: None,
        }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let broken = thread.join().is_err();
            assert!(!broken || thread::panicking(), "the origin has failed");
        }
    }
}

/// A command of the program.
pub(crate) fn peer(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
    command
        .args(words)
        .stdin(Stdio::null())
        .env_remove("RUST_LOG");
    command
}

/// Runs a command to its end: standard output, standard error, status.
pub(crate) fn run(words: &[&str]) -> (String, String, i32) {
    let output = peer(words).output().expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (
        text(output.stdout),
        text(output.stderr),
        output.status.code().unwrap_or(-1),
    )
}

/// A running peer.
pub(crate) struct Peer {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    spool: PathBuf,
    _dir: Option<TempDir>,
}

impl Peer {
    /// Joins `invite`, headless, on any free port, with a new spool.
    pub(crate) fn start(invite: &Invite, more: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        Self::start_in(invite, dir.path().join("spool"), Some(dir), more)
    }

    /// The same, with the spool of one that has ended.
    pub(crate) fn start_again(invite: &Invite, before: &Peer) -> Self {
        Self::start_in(invite, before.spool.clone(), None, &[])
    }

    fn start_in(invite: &Invite, spool: PathBuf, dir: Option<TempDir>, more: &[&str]) -> Self {
        let at = spool.to_str().expect("UTF-8");
        let invite = invite.to_string();
        let mut words = vec![
            &invite,
            "--headless",
            "--listen",
            "127.0.0.1:0",
            "--spool",
            at,
        ];
        words.extend(more);
        let mut child = peer(&words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let (tell, lines) = sync_channel(MAX_LINES);
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            lines,
            seen: Vec::new(),
            spool,
            _dir: dir,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn spool(&self) -> &Path {
        &self.spool
    }

    /// Waits for a line that begins like this, after those that were seen.
    pub(crate) fn line(&mut self, begin: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            match self
                .lines
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.starts_with(begin) {
                        return line;
                    }
                }
                Err(why) => {
                    let ended = why == RecvTimeoutError::Disconnected;
                    panic!("no line {begin:?} (ended: {ended}) after {:#?}", self.seen);
                }
            }
        }
    }

    /// What `peer status --json` tells.
    pub(crate) fn status(&self) -> Value {
        let spool = self.spool.to_str().expect("UTF-8");
        let (out, err, code) = run(&["status", "--json", "--spool", spool]);
        assert_eq!(code, 0, "{err}");
        serde_json::from_str(&out).expect("JSON")
    }

    /// Asks for the status until it is as wanted.
    pub(crate) fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let status = self.status();
            if wanted(&status) {
                return status;
            }
            assert!(Instant::now() < until, "not {what}: {status:#}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Sends a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.pid().to_string())
            .status();
        assert!(status.expect("kill runs").success());
    }

    /// Waits for the end: status, and what stood on standard error.
    pub(crate) fn end(&mut self) -> (ExitStatus, String) {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                break status;
            }
            assert!(Instant::now() < until, "it does not end");
            thread::sleep(Duration::from_millis(10));
        };
        let mut errors = String::new();
        let mut pipe = self.child.stderr.take().expect("it is piped");
        pipe.read_to_string(&mut errors).expect("UTF-8");
        (status, errors)
    }

    /// Chunk files in the spool, sorted; each is what was broadcast.
    pub(crate) fn right_files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.spool)
            .expect("the spool")
            .map(|entry| entry.expect("an entry"));
        let names = entries.map(|entry| entry.file_name().into_string().expect("UTF-8"));
        let mut names: Vec<String> = names.filter(|name| name != ".treecast").collect();
        names.sort();
        for name in &names {
            let seq = name
                .strip_prefix("film_")
                .and_then(|rest| rest.strip_suffix(".mkv"));
            let seq = seq
                .expect("only chunks are here")
                .parse()
                .expect("a number");
            assert!(
                fs::read(self.spool.join(name)).expect("there") == content(seq),
                "{name} differs"
            );
        }
        names
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
