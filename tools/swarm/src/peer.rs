//! A `peer`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tests::{Process, Status};

use crate::ask;
use crate::error::SwarmError;
use crate::origin::{alive, ends};
use crate::programs::Programs;

/// How long a polite end may take: the program's own patience and some more.
const END: Duration = Duration::from_secs(10);

/// How a peer is started.
#[derive(Debug, Clone)]
pub struct PeerOptions {
    /// Its number in the swarm, for its name and folder.
    pub number: usize,
    /// Most children.
    pub fanout: u16,
    /// `IP:PORT`; port 0: any free one.
    pub listen: String,
    /// As `--spool-limit` takes it.
    pub spool_limit: String,
}

/// A running peer; killed when it is dropped.
#[derive(Debug)]
pub struct Peer {
    /// Its number in the swarm.
    pub number: usize,
    /// Most children.
    pub fanout: u16,
    /// The process.
    pub process: Process,
    /// Its spool.
    pub spool: PathBuf,
}

impl Peer {
    /// Starts it on `invite` with its spool in `dir/peer-N`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(
        programs: &Programs,
        dir: &Path,
        invite: &str,
        options: &PeerOptions,
    ) -> Result<Self, SwarmError> {
        let name = format!("peer-{}", options.number);
        let spool = dir.join(&name);
        let mut command = programs.command("peer")?;
        command
            .arg(invite)
            .arg("--headless")
            .arg("--spool")
            .arg(&spool);
        command.args([
            "--fanout",
            &options.fanout.to_string(),
            "--listen",
            &options.listen,
        ]);
        command.args(["--spool-limit", &options.spool_limit]);
        let process = Process::start(&name, &spool, command)
            .map_err(|why| SwarmError::Start { name, why })?;
        Ok(Self {
            number: options.number,
            fanout: options.fanout,
            process,
            spool,
        })
    }

    /// What it knows about itself.
    ///
    /// # Errors
    /// When it has ended or does not answer.
    pub fn status(&self) -> Result<Status, SwarmError> {
        alive(&self.process)?;
        ask::status(&self.spool.join(".treecast").join("control.json")).map_err(|why| {
            SwarmError::Ask {
                name: self.name(),
                why: why.to_string(),
            }
        })
    }

    /// An error if it has ended.
    ///
    /// # Errors
    /// [`SwarmError::Ended`], with its last words.
    pub fn alive(&self) -> Result<(), SwarmError> {
        alive(&self.process)
    }

    /// What it is called.
    pub fn name(&self) -> String {
        format!("peer {}", self.number)
    }

    /// Leaves politely; gives whether it did.
    pub fn leave(&self) -> bool {
        ends(&self.process, END)
    }
}
