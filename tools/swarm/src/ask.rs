//! Asking a running program for its status, over the loopback port that its `control.json` names: one line of JSON to
//! it, one line back, as docs/guide says. Without a process for each question a swarm can be watched closely.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Longer answers are cut off, and so are none.
const MAX_ANSWER: u64 = 8 * 1024 * 1024;

/// What stands in `control.json`.
#[derive(Deserialize)]
struct Card {
    addr: SocketAddr,
    token: String,
}

/// The status of the program whose card lies at `card`.
pub(crate) fn status<T: DeserializeOwned>(card: &Path) -> io::Result<T> {
    let card: Card = serde_json::from_slice(&fs::read(card)?)?;
    let mut stream = TcpStream::connect_timeout(&card.addr, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let question = serde_json::json!({ "token": card.token, "command": "status" });
    stream.write_all(format!("{question}\n").as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream.take(MAX_ANSWER)).read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}
