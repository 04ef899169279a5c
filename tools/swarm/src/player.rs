//! A `player --output null` on a peer's spool.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tests::Process;

use crate::error::SwarmError;
use crate::origin::ends;
use crate::programs::Programs;

/// How long a polite end may take.
const END: Duration = Duration::from_secs(10);

/// What a player tells at its end; more in docs/guide/player.md.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Chunks shown to their end.
    pub chunks_shown: u64,
    /// Chunks that never came, or went before their turn.
    pub chunks_missing: u64,
    /// Chunks of which nothing could be shown.
    pub chunks_bad: u64,
    /// Chunks that were shown in part.
    pub chunks_damaged: u64,
    /// The first chunk shown.
    pub first_seq: Option<u64>,
    /// The last chunk shown.
    pub last_seq: Option<u64>,
    /// Pictures shown.
    pub frames_shown: u64,
    /// Pictures left out because they were late.
    pub frames_dropped: u64,
    /// Times that it had to wait for data after the start.
    pub stalls: u64,
    /// How long, together.
    pub stall_ms: u64,
    /// How much was played.
    pub played_ms: u64,
}

impl Shown {
    /// Whether everything was shown, on time.
    pub fn is_flawless(&self) -> bool {
        let faults = [
            self.chunks_missing,
            self.chunks_bad,
            self.chunks_damaged,
            self.frames_dropped,
            self.stalls,
        ];
        self.chunks_shown > 0 && faults == [0; 5]
    }
}

/// A running player; killed when it is dropped.
#[derive(Debug)]
pub struct Player {
    process: Process,
}

impl Player {
    /// Starts it on `spool`; its words go beside it, under `dir/player`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(programs: &Programs, dir: &Path, spool: &Path) -> Result<Self, SwarmError> {
        let mut command = programs.command("player")?;
        command
            .arg("--spool")
            .arg(spool)
            .args(["--output", "null", "--json"]);
        let process = Process::start("player", &dir.join("player"), command).map_err(|why| {
            SwarmError::Start {
                name: "player".to_owned(),
                why,
            }
        })?;
        Ok(Self { process })
    }

    /// Whether it has not ended.
    pub fn is_running(&self) -> bool {
        self.process.is_running()
    }

    /// Ends it, and gives what it has shown.
    ///
    /// # Errors
    /// When it tells nothing.
    pub fn end(self) -> Result<Shown, SwarmError> {
        let ended = ends(&self.process, END);
        let out = self.process.out();
        let line = out.lines().last().unwrap_or("");
        serde_json::from_str(line).map_err(|_| SwarmError::Ask {
            name: "the player".to_owned(),
            why: match self.process.err().lines().last() {
                _ if !ended => "it does not end".to_owned(),
                Some(words) => words.to_owned(),
                None => "it ended without its summary".to_owned(),
            },
        })
    }
}
