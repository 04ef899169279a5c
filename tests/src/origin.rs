//! A real `server origin` on one channel.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lab::Lab;
use crate::place::Place;
use crate::ports::free_port;
use crate::process::{Ended, Process};
use crate::status::OriginStatus;
use crate::wait::{SOON, eventually};

/// What is broadcast.
#[derive(Clone, Debug)]
pub enum SourceOf {
    /// A film's file.
    Film(PathBuf),
    /// A folder of ready chunks.
    Chunks(PathBuf),
}

/// How an origin is started.
#[derive(Clone, Debug)]
pub struct OriginOptions {
    /// What it broadcasts.
    pub source: SourceOf,
    /// The name of the chunks.
    pub name: String,
    /// `ip:port`; without one a free port of 127.0.0.1, which stays the same after a restart.
    pub listen: Option<String>,
    /// Peers at most that it serves itself.
    pub max_direct_peers: u16,
    /// `K+M`.
    pub stripes: String,
    /// A data directory that is there already; else one of its own.
    pub data_dir: Option<PathBuf>,
    /// More arguments.
    pub args: Vec<String>,
    /// Where it runs.
    pub place: Place,
}

impl OriginOptions {
    /// A film, four direct peers, 4+1.
    pub fn film(path: &Path) -> Self {
        Self {
            source: SourceOf::Film(path.to_owned()),
            name: "show".to_owned(),
            listen: None,
            max_direct_peers: 4,
            stripes: "4+1".to_owned(),
            data_dir: None,
            args: Vec::new(),
            place: Place::default(),
        }
    }

    /// Another number of direct peers.
    #[must_use]
    pub fn direct(mut self, peers: u16) -> Self {
        self.max_direct_peers = peers;
        self
    }
}

/// A running origin; killed when dropped.
#[derive(Debug)]
pub struct Origin {
    lab: Lab,
    options: OriginOptions,
    data_dir: PathBuf,
    name: String,
    listen: String,
    process: Process,
    /// The link that it printed.
    pub invite: String,
}

impl Origin {
    #[track_caller]
    pub(crate) fn start(lab: &Lab, options: OriginOptions) -> Self {
        let name = lab.fresh("origin");
        let data_dir = options
            .data_dir
            .clone()
            .unwrap_or_else(|| lab.dir().join(&name));
        let listen = options
            .listen
            .clone()
            .unwrap_or_else(|| format!("127.0.0.1:{}", free_port()));
        let process = launch(lab, &name, &options, &listen, &data_dir);
        let mut origin = Self {
            lab: lab.clone(),
            options,
            data_dir,
            name,
            listen,
            process,
            invite: String::new(),
        };
        origin.await_invite();
        origin
    }

    #[track_caller]
    fn await_invite(&mut self) {
        let process = &self.process;
        self.invite = eventually(SOON, "the origin prints its invite", || {
            if !process.is_running() {
                panic!("the origin ended: {}", process.err());
            }
            process
                .line("invite ")
                .ok_or_else(|| "no line yet".to_owned())
        });
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The `ip:port` where it listens.
    pub fn listen(&self) -> &str {
        &self.listen
    }

    /// Its data directory.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Where the cut film is.
    pub fn chunks_dir(&self) -> PathBuf {
        match &self.options.source {
            SourceOf::Film(_) => self.data_dir.join("channel-0").join("chunks"),
            SourceOf::Chunks(dir) => dir.clone(),
        }
    }

    /// The files of the cut film, in order.
    ///
    /// # Panics
    /// When they cannot be listed.
    pub fn chunks(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = fs::read_dir(self.chunks_dir())
            .expect("the cut is there")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|end| end == "mkv" || end == "mp4")
            })
            .collect();
        files.sort();
        files
    }

    /// `server status --json`.
    ///
    /// # Errors
    /// What it said instead.
    pub fn status(&self) -> Result<OriginStatus, String> {
        let args = [
            OsString::from("status"),
            "--data-dir".into(),
            self.data_dir.clone().into(),
            "--json".into(),
        ];
        json_of(
            self.options
                .place
                .command(&self.lab.program("server"), &args),
        )
    }

    /// `kill -9`.
    pub fn kill9(&self) {
        self.process.kill9();
    }

    /// SIGTERM, and waits until it has ended.
    ///
    /// # Panics
    /// When it does not end.
    #[track_caller]
    pub fn stop(&self) -> Ended {
        self.process.sigterm();
        self.process.wait_exit(SOON)
    }

    /// Starts it again with the same data directory at the same address, after [`Origin::kill9`] or [`Origin::stop`].
    ///
    /// # Panics
    /// When it does not come on air.
    #[track_caller]
    pub fn restart(&mut self) {
        self.process.kill9();
        // The old invite must not be taken for the new one.
        let old = self.process.stdout.with_extension("out.before");
        fs::rename(&self.process.stdout, old).expect("the laboratory is writable");
        self.process = launch(
            &self.lab,
            &self.name,
            &self.options,
            &self.listen,
            &self.data_dir,
        );
        self.await_invite();
    }
}

fn launch(
    lab: &Lab,
    name: &str,
    options: &OriginOptions,
    listen: &str,
    data_dir: &Path,
) -> Process {
    let (kind, path) = match &options.source {
        SourceOf::Film(path) => ("--film", path),
        SourceOf::Chunks(path) => ("--chunks", path),
    };
    let mut args: Vec<OsString> = vec!["origin".into(), kind.into(), path.into()];
    let direct = options.max_direct_peers.to_string();
    args.extend(
        [
            "--channel",
            "0",
            "--listen",
            listen,
            "--max-direct-peers",
            &direct,
        ]
        .map(Into::into),
    );
    args.extend(["--stripes", &options.stripes, "--name", &options.name].map(Into::into));
    args.extend([OsString::from("--data-dir"), data_dir.into()]);
    args.extend(options.args.iter().map(Into::into));
    let command = options.place.command(&lab.program("server"), &args);
    lab.process(name, command)
        .unwrap_or_else(|why| panic!("the server does not start: {why}"))
}

/// Runs a command that prints JSON.
pub(crate) fn json_of<T: serde::de::DeserializeOwned>(mut command: Command) -> Result<T, String> {
    let output = command
        .output()
        .map_err(|why| format!("it does not start: {why}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|why| format!("{why} in {}", String::from_utf8_lossy(&output.stdout)))
}
