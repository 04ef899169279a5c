//! Many viewers that decode nothing, in a process of their own (server/bridge/examples/crowd.rs): they come by WHEP, from
//! many addresses. This file must never know what is measured.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::IpAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use tests::Lab;

use crate::report::Error;
use crate::theatre::{Alone, Show};

/// Viewers of one address; WHEP has a bound for that.
const OF_ONE_ADDRESS: usize = 15;

/// A crowd; it goes when this is dropped.
pub(crate) struct Viewers {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    joined: usize,
}

/// What all of them got together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Got {
    /// How many are connected.
    pub(crate) connected: f64,
    pub(crate) packets: f64,
    pub(crate) bytes: f64,
    /// Pictures of all.
    pub(crate) pictures: f64,
    /// Pictures of the one that got fewest.
    pub(crate) fewest: f64,
}

impl Viewers {
    /// Starts the process; `cores`: the processors that it may use.
    ///
    /// # Errors
    /// When it was not built.
    pub(crate) fn start(lab: &Lab, cores: Option<&str>) -> Result<Self, Error> {
        let server = lab.program("server");
        let program = server.with_file_name("examples").join("crowd");
        if !program.is_file() {
            let how = "`cargo build -p server-bridge --example crowd` first (with --release where the benchmark is)";
            return Err(format!("{} is not there: {how}", program.display()).into());
        }
        let mut command = match cores {
            None => Command::new(&program),
            Some(cores) => {
                let mut command = Command::new("taskset");
                command.args(["--cpu-list", cores]).arg(&program);
                command
            }
        };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().ok_or("the crowd has no output")?);
        Ok(Self {
            child,
            stdin,
            stdout,
            joined: 0,
        })
    }

    fn ask(&mut self, order: &Value) -> Result<Value, Error> {
        let stdin = self.stdin.as_mut().ok_or("the crowd has ended")?;
        writeln!(stdin, "{order}")?;
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        serde_json::from_str(&line).map_err(|why| format!("the crowd ended: {why}").into())
    }

    /// One more viewer of a session.
    ///
    /// # Errors
    /// When it is refused.
    pub(crate) fn join(&mut self, server: &Alone, show: &Show) -> Result<(), Error> {
        let offer = self.ask(&json!("join"))?;
        let offer = offer["offer"].as_str().ok_or("no offer")?;
        let street = u8::try_from(self.joined / OF_ONE_ADDRESS + 1)?;
        let from = IpAddr::from([127, 80, street, 1]);
        let path = format!("/whep/session/{}", show.code);
        let answer = whep(server, from, &path, offer)?;
        self.ask(&json!({"answer": answer}))?;
        self.joined += 1;
        Ok(())
    }

    /// What they got so far.
    pub(crate) fn got(&mut self) -> Result<Got, Error> {
        let counts = self.ask(&json!("count"))?;
        let each = |name: &str| -> Vec<f64> {
            let all = counts[name].as_array().into_iter().flatten();
            all.filter_map(Value::as_f64).collect()
        };
        let sum = |name: &str| each(name).iter().sum::<f64>();
        Ok(Got {
            connected: sum("connected"),
            packets: sum("packets"),
            bytes: sum("bytes"),
            pictures: sum("pictures"),
            fewest: each("pictures").into_iter().fold(f64::INFINITY, f64::min),
        })
    }

    /// Processor time that the crowd itself took so far, seconds.
    pub(crate) fn cost(&self) -> Result<f64, Error> {
        let pid = i32::try_from(self.child.id())?;
        let costs = crate::cost::tree(pid)?;
        Ok(costs.values().sum())
    }
}

/// The answer to an offer that comes from an address of the loopback network.
fn whep(server: &Alone, from: IpAddr, path: &str, offer: &str) -> Result<String, Error> {
    let to = server.address();
    let mut tls = tests::tls(to, Some(from))?;
    let len = offer.len();
    write!(
        tls,
        "POST {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\nContent-Type: application/sdp\r\nContent-Length: {len}\r\n\r\n{offer}"
    )?;
    tls.flush()?;
    let mut whole = Vec::new();
    // Some servers end TLS without a goodbye; what came is judged by its content.
    let _ = tls.read_to_end(&mut whole);
    let whole = String::from_utf8(whole)?;
    let (head, body) = whole.split_once("\r\n\r\n").unwrap_or((&whole, ""));
    if head.split(' ').nth(1) == Some("201") {
        Ok(body.to_owned())
    } else {
        Err(format!(
            "WHEP refused: {}, {body}",
            head.lines().next().unwrap_or("")
        )
        .into())
    }
}

impl Drop for Viewers {
    fn drop(&mut self) {
        self.stdin = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
