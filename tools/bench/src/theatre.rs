//! A real session server of a benchmark's own: `server run`, or `server session` with a file where a benchmark needs
//! another set-up, and the sessions on it. This file must never know what is measured.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::{Coordinator, CoordinatorOptions, Lab, Process, Wss, free_tcp_port};

use crate::report::Error;

/// How long anything may take that takes milliseconds when nothing is wrong.
const PATIENCE: Duration = Duration::from_secs(60);
/// Sessions end an hour after they began, if nobody ends them.
const LENGTH_S: u64 = 3_600;
/// The name of the built-in application.
const CLOCK: &str = "Clock";

/// A session that runs.
pub(crate) struct Show {
    pub(crate) code: String,
    token: String,
    url: String,
}

impl Show {
    /// The page for its owner.
    pub(crate) fn own_url(&self) -> String {
        format!("{}#code={}&token={}", self.url, self.code, self.token)
    }

    /// The page for others who have the code.
    pub(crate) fn url(&self) -> String {
        format!("{}#code={}", self.url, self.code)
    }
}

/// `server run`, with nothing but the site and its session server.
pub(crate) struct Run(Coordinator);

impl Run {
    /// Starts one, and waits until a session can be started.
    pub(crate) fn start(lab: &Lab) -> Result<Self, Error> {
        let only = "--broadcast off --legacy off --session-channels 0";
        let options = CoordinatorOptions {
            args: only.split(' ').map(str::to_owned).collect(),
            whole: true,
            ..CoordinatorOptions::default()
        };
        let run = Self(Coordinator::start(lab, options));
        let deadline = Instant::now() + PATIENCE;
        loop {
            let list = run.0.get("/api/applications");
            if list.status == 200
                && let Some(all) = list.json().as_array()
                && all.iter().any(|one| one["free_now"] == true)
            {
                return Ok(run);
            }
            if Instant::now() > deadline {
                return Err("no session server registered with `server run`".into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> i32 {
        self.0.process().pid()
    }

    /// The certificate of its session server.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.0.data_dir().join("session/certificate.pem")
    }

    /// Starts a session of the built-in application.
    pub(crate) fn begin(&self) -> Result<Show, Error> {
        let answer = self.0.post("/api/sessions", &json!({"application": CLOCK}));
        if answer.status != 201 {
            return Err(format!("no session: {}", answer.body).into());
        }
        let facts = answer.json();
        Ok(Show {
            code: text(&facts, "code")?,
            token: text(&facts, "token")?,
            url: text(&facts, "url")?,
        })
    }

    /// Ends a session, and waits until its place is free.
    pub(crate) fn end(&self, show: Show) -> Result<(), Error> {
        let path = format!("/api/operator/sessions/{}/end", show.code);
        let ended = self.0.operate("POST", &path, "");
        if ended.status >= 300 {
            return Err(format!("the session does not end: {}", ended.body).into());
        }
        let gone = format!("/api/sessions/{}", show.code);
        let deadline = Instant::now() + PATIENCE;
        while self.0.get(&gone).status == 200 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

/// `server session`, with a file of the benchmark's own.
pub(crate) struct Alone {
    process: Process,
    data_dir: PathBuf,
    address: SocketAddr,
    orders: Wss,
    codes: u32,
}

impl Alone {
    /// Starts one: `more` are keys of the file, `application` keys of its only application, `arguments` what the built-in
    /// application is given. `cores`: the processors that it may use, as taskset(1) names them.
    pub(crate) fn start(
        lab: &Lab,
        more: &Value,
        application: &Value,
        arguments: &[&str],
        cores: Option<&str>,
    ) -> Result<Self, Error> {
        let server = lab.program("server");
        let data_dir = lab.dir().join("alone");
        let arguments: Vec<&str> = ["sample-application"]
            .into_iter()
            .chain(arguments.iter().copied())
            .collect();
        let mut clock =
            json!({"name": CLOCK, "command": server, "arguments": arguments, "frame_rate": 60});
        let mut config = json!({
            "name": "alone", "ip": "127.0.0.1", "port": free_tcp_port(), "data_dir": data_dir,
            "coordinators": ["127.0.0.1"],
        });
        for (into, from) in [(&mut clock, application), (&mut config, more)] {
            for (key, value) in from.as_object().into_iter().flatten() {
                into[key] = value.clone();
            }
        }
        config["applications"] = json!([clock]);
        let file = lab.dir().join("alone.json");
        fs::write(&file, config.to_string())?;
        let mut command = match cores {
            None => Command::new(&server),
            Some(cores) => {
                let mut command = Command::new("taskset");
                command.args(["--cpu-list", cores]).arg(&server);
                command
            }
        };
        command.arg("session").arg("--config").arg(&file);
        let process = lab.process("alone", command)?;
        let deadline = Instant::now() + PATIENCE;
        let address = loop {
            if let Some(line) = process.line("session https://") {
                break line.trim_end_matches('/').parse()?;
            }
            if !process.is_running() || Instant::now() > deadline {
                return Err(format!("no session server: {}", process.err()).into());
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        Ok(Self {
            process,
            data_dir,
            address,
            orders: Wss::connect(address),
            codes: 0,
        })
    }

    /// Its process.
    pub(crate) fn pid(&self) -> i32 {
        self.process.pid()
    }

    /// What the applications said so far.
    pub(crate) fn said(&self) -> String {
        logs(&self.data_dir)
    }

    /// Starts a session, as a coordinator does.
    pub(crate) fn begin(&mut self) -> Result<Show, Error> {
        self.codes += 1;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        let code = format!("{:04}", self.codes);
        let token = format!("{:032x}", now.as_nanos());
        // Each connection may bring an order in the manner of older coordinators.
        self.orders = Wss::connect(self.address);
        let answer = self.orders.ask(&json!({
            "verb": "START_SESSION", "rc_name": CLOCK, "code": code, "token": token, "ends_at": now.as_secs() + LENGTH_S,
        }));
        if answer["msg"] != "SESSION_CONNECTION_DATA" {
            return Err(format!("no session: {answer}").into());
        }
        let url = format!("https://{}/session/{code}", self.address);
        Ok(Show { code, token, url })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

fn text(facts: &Value, key: &str) -> Result<String, Error> {
    let text = facts[key].as_str();
    Ok(text
        .ok_or_else(|| format!("no {key} in {facts}"))?
        .to_owned())
}

/// Everything in the logs below a folder.
fn logs(folder: &Path) -> String {
    let mut all = String::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "log") {
                all += &fs::read_to_string(path).unwrap_or_default();
            }
        }
    }
    all
}
