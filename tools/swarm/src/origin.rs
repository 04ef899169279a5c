//! A `server origin` of one channel.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tests::{OriginStatus, Process};

use crate::ask;
use crate::error::SwarmError;
use crate::interrupt::Interrupt;
use crate::programs::Programs;
use crate::wait::until;

/// How long it may take to begin: a film that must be re-encoded has its first chunk by then.
const START: Duration = Duration::from_secs(60);
/// How long a polite end may take.
const END: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// How an origin is started.
#[derive(Debug, Clone)]
pub struct OriginOptions {
    /// What is broadcast.
    pub film: PathBuf,
    /// Peers at most that it serves itself.
    pub max_direct_peers: u16,
    /// Data and parity stripes: `4+1`.
    pub stripes: String,
    /// `IP:PORT`; port 0: any free one.
    pub listen: String,
    /// What is said about old clients: options. Empty: none are served.
    pub legacy: Vec<String>,
}

/// A running origin; killed when it is dropped.
#[derive(Debug)]
pub struct Origin {
    /// The process.
    pub process: Process,
    /// What a viewer types.
    pub invite: String,
    data_dir: PathBuf,
}

impl Origin {
    /// Starts it with its data in `dir/origin`, and waits for its invite.
    ///
    /// # Errors
    /// When it does not come on air.
    pub fn start(
        programs: &Programs,
        interrupt: &Interrupt,
        dir: &Path,
        options: &OriginOptions,
    ) -> Result<Self, SwarmError> {
        let data_dir = dir.join("origin");
        let mut command = programs.command("server")?;
        command
            .arg("origin")
            .arg("--film")
            .arg(&options.film)
            .arg("--data-dir")
            .arg(&data_dir);
        command.args([
            "--channel",
            "0",
            "--name",
            "film",
            "--listen",
            &options.listen,
        ]);
        command.args(["--stripes", &options.stripes]);
        if options.legacy.is_empty() {
            // Old clients have a port that the whole machine sees; a swarm keeps to itself.
            command.args(["--legacy", "off"]);
        }
        command.args(&options.legacy);
        command.args(["--max-direct-peers", &options.max_direct_peers.to_string()]);
        let process = Process::start("origin", &dir.join("origin"), command).map_err(|why| {
            SwarmError::Start {
                name: "server".to_owned(),
                why,
            }
        })?;
        let invite = until(
            interrupt,
            START,
            PAUSE,
            "the origin prints its invite",
            || {
                alive(&process)?;
                Ok(process.line("invite ").ok_or_else(|| "nothing".to_owned()))
            },
        )?;
        Ok(Self {
            process,
            invite,
            data_dir,
        })
    }

    /// What it knows about itself.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn status(&self) -> Result<OriginStatus, SwarmError> {
        self.ask()
    }

    fn ask<T: DeserializeOwned>(&self) -> Result<T, SwarmError> {
        alive(&self.process)?;
        ask::status(&self.data_dir.join("control.json")).map_err(|why| SwarmError::Ask {
            name: "the origin".to_owned(),
            why: why.to_string(),
        })
    }

    /// All bytes that it has sent on its channel.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn bytes_sent(&self) -> Result<u64, SwarmError> {
        let status: serde_json::Value = self.ask()?;
        Ok(status["channels"][0]["bytes_sent"].as_u64().unwrap_or(0))
    }

    /// The last chunk that it has published whole.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn last_published(&self) -> Result<Option<u64>, SwarmError> {
        Ok(self
            .status()?
            .channels
            .first()
            .and_then(|channel| channel.last_published_seq))
    }

    /// The folder with the film's cut.
    pub fn chunks(&self) -> PathBuf {
        self.data_dir.join("channel-0").join("chunks")
    }

    /// Ends it politely, or by force when it takes too long; gives whether it ended by itself.
    pub fn end(self) -> bool {
        ends(&self.process, END)
    }
}

/// An error if the process has ended.
pub(crate) fn alive(process: &Process) -> Result<(), SwarmError> {
    if process.is_running() {
        return Ok(());
    }
    let err = process.err();
    let last = err
        .lines()
        .rfind(|line| !line.trim().is_empty())
        .unwrap_or("none");
    Err(SwarmError::Ended {
        name: process.name().to_owned(),
        words: last.to_owned(),
    })
}

/// Asks a process to end and waits; gives whether it did. If not, it is killed when it is dropped.
pub(crate) fn ends(process: &Process, patience: Duration) -> bool {
    process.sigterm();
    // Ctrl-C is what leads here at times, so it must not end this wait.
    let wait = until(&Interrupt::default(), patience, PAUSE, "it ends", || {
        Ok(if process.is_running() {
            Err(String::new())
        } else {
            Ok(())
        })
    });
    wait.is_ok()
}
