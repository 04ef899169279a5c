//! A real `peer` without menus.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::lab::Lab;
use crate::origin::json_of;
use crate::place::Place;
use crate::process::{Ended, Process};
use crate::status::Status;
use crate::wait::{SOON, eventually, holds};

/// How a peer is started.
#[derive(Clone, Debug)]
pub struct PeerOptions {
    /// Most children.
    pub fanout: u16,
    /// `--spool-limit`.
    pub spool_limit: Option<String>,
    /// A spool that is there already, or is elsewhere; else one of its own.
    pub spool: Option<PathBuf>,
    /// `ip:port`.
    pub listen: String,
    /// More arguments.
    pub args: Vec<String>,
    /// Where it runs.
    pub place: Place,
}

impl Default for PeerOptions {
    /// Fan-out 3 at a free port of 127.0.0.1.
    fn default() -> Self {
        Self {
            fanout: 3,
            spool_limit: None,
            spool: None,
            listen: "127.0.0.1:0".to_owned(),
            args: Vec::new(),
            place: Place::default(),
        }
    }
}

impl PeerOptions {
    /// Another fan-out.
    pub fn fanout(fanout: u16) -> Self {
        Self {
            fanout,
            ..Self::default()
        }
    }

    /// The command line, but for the menus.
    pub(crate) fn words(&self, invite: &str, spool: &Path) -> Vec<OsString> {
        let fanout = self.fanout.to_string();
        let mut args: Vec<OsString> = [
            invite,
            "--fanout",
            &fanout,
            "--listen",
            &self.listen,
            "--spool",
        ]
        .map(Into::into)
        .to_vec();
        args.push(spool.into());
        if let Some(limit) = &self.spool_limit {
            args.extend(["--spool-limit".into(), limit.into()]);
        }
        args.extend(self.args.iter().map(Into::into));
        args
    }
}

/// A running peer; killed when dropped.
#[derive(Debug)]
pub struct Peer {
    lab: Lab,
    name: String,
    options: PeerOptions,
    spool: PathBuf,
    process: Process,
}

/// A line of the spool's index, as docs/protocols/media.md has it.
#[derive(Clone, Debug, Deserialize)]
pub struct Stored {
    /// The file's name.
    pub name: String,
    /// The chunk's number.
    pub seq: u64,
    /// In which epoch it was broadcast.
    pub epoch: u64,
    /// The file's length.
    pub bytes: u64,
    /// BLAKE3 of the file, hexadecimal.
    pub hash: String,
}

impl Peer {
    /// Starts one and waits until it listens.
    ///
    /// # Errors
    /// When it ended instead, with its words.
    pub(crate) fn start(lab: &Lab, invite: &str, options: PeerOptions) -> Result<Self, String> {
        let name = lab.fresh("peer");
        let spool = options
            .spool
            .clone()
            .unwrap_or_else(|| lab.dir().join(&name).join("spool"));
        if options.place.tmpfs.is_none() && options.spool.is_none() {
            fs::create_dir_all(lab.dir().join(&name)).map_err(|why| why.to_string())?;
        }
        let mut args = options.words(invite, &spool);
        args.push("--headless".into());
        let command = options.place.command(&lab.program("peer"), &args);
        let process = lab
            .process(&name, command)
            .map_err(|why| format!("{name}: {why}"))?;
        let peer = Self {
            lab: lab.clone(),
            name,
            options,
            spool,
            process,
        };
        let ended = eventually(SOON, "the peer listens or ends", || {
            if peer.process.line("listening ").is_some() {
                return Ok(false);
            }
            holds(!peer.process.is_running(), || "it starts".to_owned()).map(|()| true)
        });
        if ended && peer.process.line("listening ").is_none() {
            return Err(format!("{} ended: {}", peer.name, peer.process.err()));
        }
        Ok(peer)
    }

    /// What it is called: `peer-3`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Its spool, as this process sees it.
    pub fn spool(&self) -> PathBuf {
        self.options.place.seen(self.process.pid(), &self.spool)
    }

    /// `peer status --spool DIR --json`.
    ///
    /// # Errors
    /// What it said instead.
    pub fn status(&self) -> Result<Status, String> {
        let args = [
            "status".into(),
            "--spool".into(),
            self.spool().into(),
            "--json".into(),
        ];
        let place = Place {
            netns: self.options.place.netns.clone(),
            ..Place::default()
        };
        json_of(place.command(&self.lab.program("peer"), &args))
            .map_err(|why| format!("{}: {why}", self.name))
    }

    /// The status of a peer that must be there.
    ///
    /// # Panics
    /// When it does not answer.
    #[track_caller]
    pub fn facts(&self) -> Status {
        self.status().unwrap_or_else(|why| panic!("{why}"))
    }

    /// Chunk files in its spool: number and path.
    ///
    /// # Panics
    /// When the spool cannot be listed, or a file in it has no number.
    pub fn files(&self) -> BTreeMap<u64, PathBuf> {
        let Ok(entries) = fs::read_dir(self.spool()) else {
            return BTreeMap::new();
        };
        entries
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.file_name().is_some_and(|name| name != ".treecast"))
            .map(|path| (seq_of(&path), path))
            .collect()
    }

    /// Everything that its index says was stored, also what was shown since.
    ///
    /// # Panics
    /// When a whole line cannot be read.
    pub fn stored(&self) -> BTreeMap<u64, Stored> {
        let path = self.spool().join(".treecast/index.jsonl");
        let text = fs::read_to_string(path).unwrap_or_default();
        let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
        whole
            .lines()
            // The first line says which index it is.
            .filter(|line| line.contains("\"name\""))
            .map(|line| {
                let stored: Stored = serde_json::from_str(line).expect("a line of the index");
                (stored.seq, stored)
            })
            .collect()
    }

    /// The newest chunk in its index.
    pub fn newest(&self) -> Option<u64> {
        self.stored().last_key_value().map(|(seq, _)| *seq)
    }

    /// Waits until it has stored chunk `seq` or a later one.
    ///
    /// # Panics
    /// When it has not by the deadline.
    #[track_caller]
    pub fn await_chunk(&self, seq: u64, deadline: Duration) {
        eventually(
            deadline,
            &format!("{} stores chunk {seq}", self.name),
            || {
                let newest = self.newest();
                holds(newest >= Some(seq), || format!("its newest is {newest:?}"))
            },
        );
    }

    /// `kill -9`.
    pub fn kill9(&self) {
        self.process.kill9();
    }

    /// Stops it without asking.
    pub fn sigstop(&self) {
        self.process.sigstop();
    }

    /// Lets it go on.
    pub fn sigcont(&self) {
        self.process.sigcont();
    }

    /// Asks it to leave.
    pub fn sigterm(&self) {
        self.process.sigterm();
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn wait_exit(&self, deadline: Duration) -> Ended {
        self.process.wait_exit(deadline)
    }
}

/// The number in a chunk's file name.
pub(crate) fn seq_of(path: &Path) -> u64 {
    path.file_stem()
        .and_then(|stem| stem.to_str())
        .and_then(|stem| stem.rsplit_once('_'))
        .and_then(|(_, digits)| digits.parse().ok())
        .unwrap_or_else(|| panic!("{} is no chunk", path.display()))
}
