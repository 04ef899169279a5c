//! How scripts reach the running origin: a loopback port that is named, with a secret, in `control.json`.
//!
//! One JSON line in, one JSON line out, then the connection ends. The secret keeps other users of the machine out: they
//! can reach the port, but not read the file. This file must never know what the answer says.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::error::OriginError;
use crate::files::{self, Mode};

const FILE: &str = "control.json";
/// Ours are below 200 bytes.
const MAX_FILE: u64 = 4_096;
/// A question is a secret and a word.
const MAX_QUESTION: u64 = 1_024;
/// An answer: 64 channels of 200 direct peers, 300 bytes each, and room.
const MAX_ANSWER: u64 = 8 * 1024 * 1024;
/// Askers at once; more wait in the kernel.
const MAX_ASKERS: usize = 8;
/// How long an asker may take to ask and to listen, and how long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// What stands in the file.
#[derive(Serialize, Deserialize)]
struct Door {
    addr: SocketAddr,
    token: String,
    pid: u32,
}

#[derive(Serialize, Deserialize)]
struct Question {
    token: String,
    command: String,
}

/// The open port; the file goes when it is dropped.
pub(crate) struct Control {
    file: PathBuf,
    listener: TcpListener,
    token: Arc<str>,
}

impl Control {
    /// Opens the port and writes the file. Needs a running tokio runtime.
    pub(crate) async fn open(data_dir: &Path) -> Result<Self, OriginError> {
        let failed = |source| OriginError::System {
            what: "open the control port",
            source,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(failed)?;
        let token: [u8; 16] = rand::random();
        let token: String = token.iter().map(|byte| format!("{byte:02x}")).collect();
        let door = Door {
            addr: listener.local_addr().map_err(failed)?,
            token: token.clone(),
            pid: std::process::id(),
        };
        let file = data_dir.join(FILE);
        let text = serde_json::to_vec(&door).expect("strings are always JSON");
        files::replace(&file, &text, Mode::Secret).map_err(|why| OriginError::write(&file, why))?;
        Ok(Self {
            file,
            listener,
            token: token.into(),
        })
    }

    /// Answers, until it is dropped. `status` is asked for each question. Cancel-safe.
    pub(crate) async fn serve(&self, status: impl Fn() -> Value) {
        let askers = Arc::new(Semaphore::new(MAX_ASKERS));
        loop {
            let permit = askers.clone().acquire_owned().await;
            let Ok((stream, _)) = self.listener.accept().await else {
                // Out of file handles, or the asker is gone already: the next try may succeed.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let (token, answer) = (self.token.clone(), status());
            tokio::spawn(async move {
                let _permit = permit;
                // An asker that goes away or never asks is its own fault.
                let _ = tokio::time::timeout(PATIENCE, reply(stream, &token, answer)).await;
            });
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Without the file nobody comes; with it they are told that nobody answers.
        let _ = files::remove(&self.file);
    }
}

async fn reply(mut stream: tokio::net::TcpStream, token: &str, status: Value) -> io::Result<()> {
    let (reading, mut writing) = stream.split();
    let mut line = Vec::new();
    let mut reading = tokio::io::BufReader::new(reading.take(MAX_QUESTION));
    reading.read_until(b'\n', &mut line).await?;
    let answer = match serde_json::from_slice::<Question>(&line) {
        Ok(question) if question.token != token => refusal("wrong token"),
        Ok(question) if question.command == "status" => status,
        Ok(_) => refusal("unknown command; known: status"),
        Err(_) => refusal("not a question: {\"token\": ..., \"command\": \"status\"}"),
    };
    let mut text = answer.to_string();
    text.push('\n');
    writing.write_all(text.as_bytes()).await?;
    writing.shutdown().await
}

fn refusal(why: &str) -> Value {
    serde_json::json!({ "error": why })
}

/// Asks the server that runs with `data_dir` for its status. Blocking, at most some seconds.
///
/// # Errors
/// When none runs there, or it does not answer.
pub fn ask_status(data_dir: &Path) -> Result<Value, OriginError> {
    let no_server = |why: String| OriginError::NoServer {
        path: data_dir.to_owned(),
        why,
    };
    let file = data_dir.join(FILE);
    let text = files::read_small(&file, MAX_FILE)
        .map_err(|why| OriginError::read(&file, why))?
        .ok_or_else(|| no_server("it is not running with this data directory".to_owned()))?;
    let door: Door = serde_json::from_slice(&text)
        .map_err(|_| no_server(format!("{FILE} is damaged; start the server again")))?;
    let question = Question {
        token: door.token,
        command: "status".to_owned(),
    };
    let answer = ask(door.addr, &question)
        .map_err(|why| no_server(format!("process {} at {}: {why}", door.pid, door.addr)))?;
    match answer.get("error").and_then(Value::as_str) {
        Some(why) => Err(no_server(format!("process {} says: {why}", door.pid))),
        None => Ok(answer),
    }
}

fn ask(addr: SocketAddr, question: &Question) -> io::Result<Value> {
    let mut stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut text = serde_json::to_vec(question).expect("strings are always JSON");
    text.push(b'\n');
    stream.write_all(&text)?;
    let mut line = Vec::new();
    BufReader::new(stream.take(MAX_ANSWER)).read_until(b'\n', &mut line)?;
    serde_json::from_slice(&line).map_err(|_| io::Error::other("it gives no answer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_knows_the_secret_gets_the_status_and_nobody_else() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().to_owned();
        let control = Control::open(&path).await.expect("a port");
        let addr = control.listener.local_addr().expect("bound");
        let asking = async {
            let status = {
                let path = path.clone();
                tokio::task::spawn_blocking(move || ask_status(&path)).await
            };
            let status = status.expect("no panic").expect("an answer");
            assert_eq!(status["seq"], 7);
            for (token, command) in [("wrong", "status"), (&*control.token, "dance")] {
                let question = Question {
                    token: token.to_owned(),
                    command: command.to_owned(),
                };
                let answer = tokio::task::spawn_blocking(move || ask(addr, &question)).await;
                let answer = answer.expect("no panic").expect("an answer");
                assert!(answer["error"].is_string(), "{answer}");
                assert!(answer.get("seq").is_none(), "{answer}");
            }
        };
        tokio::select! {
            () = control.serve(|| serde_json::json!({ "seq": 7 })) => unreachable!("it serves for ever"),
            () = asking => {}
        }
        drop(control);
        let why = ask_status(&path).expect_err("gone").to_string();
        assert!(why.contains("not running"), "{why}");
    }

    #[test]
    fn a_server_that_died_is_named_by_its_process() {
        let dir = tempfile::tempdir().expect("a folder");
        let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = closed.local_addr().expect("bound");
        drop(closed);
        let door = format!("{{\"addr\":\"{addr}\",\"token\":\"x\",\"pid\":4711}}");
        std::fs::write(dir.path().join(FILE), door).expect("writable");
        let why = ask_status(dir.path()).expect_err("dead").to_string();
        assert!(why.contains("process 4711") && !why.contains('\n'), "{why}");
    }
}
