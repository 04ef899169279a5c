//! The laboratory: a folder for everything of one test, and the programs that were built with it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::film::Film;
use crate::menu::Menu;
use crate::netem::Netem;
use crate::origin::{Origin, OriginOptions};
use crate::peer::{Peer, PeerOptions};
use crate::place::Place;
use crate::player::{Player, PlayerOptions};
use crate::process::{Process, tail};
use crate::turns;
use crate::world::World;

/// Lines of each program that are shown when a test fails; all of them are in the folder that is kept.
const SHOWN_LINES: usize = 25;

/// One test's laboratory. Clones share it. Its folder is removed with the last of them, or kept and named if the test
/// fails.
#[derive(Clone, Debug)]
pub struct Lab(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    programs: PathBuf,
    keep: bool,
    logs: Mutex<Vec<(String, PathBuf)>>,
}

impl Lab {
    /// A new one in the system's folder for temporary files.
    ///
    /// # Panics
    /// When there is no place for it.
    pub fn new() -> Self {
        turns::watch();
        let test = thread::current().name().unwrap_or("lab").replace("::", "-");
        let dir = tempfile::Builder::new()
            .prefix(&format!("treecast-{test}-"))
            .tempdir()
            .expect("a folder for the test")
            .keep();
        Self::make(dir, false)
    }

    /// One in a folder of the caller's, which stays. It is made where it lacks.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn at(dir: &Path) -> Self {
        fs::create_dir_all(dir).expect("a folder for the laboratory");
        Self::make(dir.to_owned(), true)
    }

    fn make(dir: PathBuf, keep: bool) -> Self {
        Self(Arc::new(Inner {
            dir,
            programs: programs(),
            keep,
            logs: Mutex::default(),
        }))
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// A program that was built with this one.
    ///
    /// # Panics
    /// When it was not.
    pub fn program(&self, name: &str) -> PathBuf {
        let path = self.0.programs.join(name);
        assert!(
            path.is_file(),
            "{} is not there: `cargo build --workspace --bins` first (with --release where the test is)",
            path.display()
        );
        path
    }

    /// `program args`, run to its end with its output kept in a file; for programs that end by themselves.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(&self, program: &str, place: &Place, args: &[&str]) -> Process {
        let args: Vec<_> = args.iter().map(Into::into).collect();
        let command = place.command(&self.program(program), &args);
        self.process(&self.fresh(&format!("run-{program}")), command)
            .unwrap_or_else(|why| panic!("{program} does not start: {why}"))
    }

    /// Starts a command with its output in the laboratory's folder.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn process(&self, name: &str, command: Command) -> std::io::Result<Process> {
        let process = Process::start(name, &self.log_base(name), command)?;
        Ok(self.watch(process))
    }

    /// The same with a standard input to write to.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn process_piped(&self, name: &str, command: Command) -> std::io::Result<Process> {
        let process = Process::start_piped(name, &self.log_base(name), command)?;
        Ok(self.watch(process))
    }

    fn watch(&self, process: Process) -> Process {
        for path in [&process.stderr, &process.stdout] {
            self.show_when_failing(process.name(), path);
        }
        process
    }

    /// Has the end of a file shown when the test fails.
    pub(crate) fn show_when_failing(&self, name: &str, path: &Path) {
        let mut logs = self.0.logs.lock().unwrap_or_else(PoisonError::into_inner);
        if !logs.iter().any(|(_, known)| known == path) {
            logs.push((name.to_owned(), path.to_owned()));
        }
    }

    /// A name that was not given before: `peer-1`, `peer-2`, ...
    pub(crate) fn fresh(&self, kind: &str) -> String {
        let number = (1..)
            .find(|number| {
                let mark = self.0.dir.join(format!(".{kind}-{number}"));
                fs::OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .open(mark)
                    .is_ok()
            })
            .unwrap_or(u32::MAX);
        format!("{kind}-{number}")
    }

    fn log_base(&self, name: &str) -> PathBuf {
        self.0.dir.join(name)
    }

    /// The file of a film, made by ffmpeg if no earlier test made the same.
    pub fn film(&self, film: &Film) -> PathBuf {
        film.file(&self.0.programs.join("../tmp/films"))
    }

    /// An origin that is on air.
    ///
    /// # Panics
    /// When it does not come on air.
    #[track_caller]
    pub fn origin(&self, options: OriginOptions) -> Origin {
        Origin::start(self, options)
    }

    /// A peer that listens; it may not have joined yet.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn peer(&self, invite: &str, options: PeerOptions) -> Peer {
        Peer::start(self, invite, options).unwrap_or_else(|why| panic!("{why}"))
    }

    /// `count` peers with the same options, started one right after the other.
    #[track_caller]
    pub fn peers(&self, invite: &str, count: usize, options: &PeerOptions) -> Vec<Peer> {
        (0..count)
            .map(|_| self.peer(invite, options.clone()))
            .collect()
    }

    /// A player on a spool.
    pub fn player(&self, spool: &Path, options: PlayerOptions) -> Player {
        Player::start(self, spool, options)
    }

    /// A peer with its menus, in a terminal.
    pub fn menu(&self, invite: &str, options: PeerOptions) -> Menu {
        Menu::start(self, invite, options)
    }

    /// A worse way to a UDP address.
    pub fn netem(&self, to: std::net::SocketAddr, options: &[&str]) -> Netem {
        Netem::start(self, to, options)
    }

    /// A network of its own, whose links can be cut. Needs root.
    pub fn netns(&self) -> World {
        World::new()
    }
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if thread::panicking() {
            let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
            for (name, path) in &*logs {
                let text =
                    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
                if !text.is_empty() {
                    let file = path.file_name().unwrap_or_default().to_string_lossy();
                    eprintln!(
                        "--- {name} ({file}), last lines\n{}",
                        tail(&text, SHOWN_LINES)
                    );
                }
            }
            eprintln!("--- everything is kept in {}", self.dir.display());
        } else if !self.keep {
            // What cannot be removed is left to the system's own cleaning.
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// The folder of the programs of this build: `target/<profile>`, above `deps` where tests are.
fn programs() -> PathBuf {
    let here = env::current_exe().expect("a process knows its program");
    let mut dir = here.parent().expect("a program is in a folder").to_owned();
    if dir.ends_with("deps") || dir.ends_with("examples") {
        dir.pop();
    }
    dir
}
