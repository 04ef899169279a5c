//! How scripts reach the running peer: one line of JSON to a port on the loopback interface, one line back.
//!
//! `SPOOL/.treecast/control.json` names the port and a secret that only the spool's owner can read. A request is
//! `{"token":"...","command":"status"|"leave"}`. The answer is the status, or `{"leaving":true}` after which the
//! connection stays open until the process ends, or `{"error":"..."}`.

pub(crate) mod client;
pub(crate) mod server;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Bytes of a request at most: the token and a word.
const MAX_REQUEST: u64 = 1_024;
/// Bytes of an answer at most: 4096 pending files with the longest names, and 256 children.
const MAX_ANSWER: u64 = 4 * 1024 * 1024;
/// Bytes of control.json at most.
const MAX_FILE: u64 = 1_024;

/// What stands in control.json.
#[derive(Debug, Serialize, Deserialize)]
struct Card {
    /// Where.
    addr: SocketAddr,
    /// The secret, 64 hexadecimal digits.
    token: String,
    /// The process.
    pid: u32,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Ask {
    /// All that is known.
    Status,
    /// Leave politely.
    Leave,
}

/// A request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    token: String,
    command: Ask,
}

/// An answer that is no status.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Reply {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    leaving: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// The card in the state folder of a spool.
fn card_path(state: &Path) -> PathBuf {
    state.join("control.json")
}
