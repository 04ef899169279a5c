//! A real `server coordinator`, or `server run`.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::lab::Lab;
use crate::place::Place;
use crate::ports::free_tcp_port;
use crate::process::Process;
use crate::stage::Stage;
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

/// Codes that are all different.
///
/// # Panics
/// When one is there twice.
#[track_caller]
pub fn assert_all_different(codes: &[String]) {
    let different: BTreeSet<&String> = codes.iter().collect();
    assert_eq!(different.len(), codes.len(), "{codes:?}");
}
