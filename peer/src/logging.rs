//! Where `tracing` goes: to standard error without menus, with them to `peer.log` in the spool's state folder, never
//! to the terminal that the menus have.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::lines::Lines;

/// What is logged, in the syntax of `tracing_subscriber::EnvFilter`.
const VARIABLE: &str = "RUST_LOG";
/// The log's name in the state folder; the one before it has `.1` at its end.
pub(crate) const FILE: &str = "peer.log";
/// A log of this size is put aside, so two of them at most lie there. A guess.
const MAX_LEN: u64 = 1024 * 1024;

/// A log file that never grows beyond its bound.
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    len: u64,
    max: u64,
}

impl LogFile {
    /// Opens the log in the folder `state`, to go on after what is there.
    pub(crate) fn open(state: &Path) -> io::Result<Self> {
        Self::open_bounded(&state.join(FILE), MAX_LEN)
    }

    fn open_bounded(path: &Path, max: u64) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let len = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            file,
            len,
            max,
        })
    }

    /// Adds to the log. A log that cannot be written is no reason to stop: its words are lost.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if self.len.saturating_add(bytes.len() as u64) > self.max {
            let _ = fs::rename(&self.path, self.path.with_extension("log.1"));
            match OpenOptions::new()
                .create(true)
                .append(true)
                .open(&self.path)
            {
                Ok(file) => (self.file, self.len) = (file, 0),
                Err(_) => return,
            }
        }
        if self.file.write_all(bytes).is_ok() {
            self.len += bytes.len() as u64;
        }
    }
}

/// Begins to log, what the environment variable says or else `usual`.
pub(crate) fn start(lines: &Lines, usual: &str) {
    let filter = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new(usual));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(ToLines(lines.clone()))
        .finish();
    // It fails only if there is one already, which then logs.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

struct ToLines(Lines);

impl<'a> MakeWriter<'a> for ToLines {
    type Writer = LineWriter;

    fn make_writer(&'a self) -> LineWriter {
        LineWriter(self.0.clone())
    }
}

/// Takes one event, which the subscriber writes in one call.
struct LineWriter(Lines);

impl Write for LineWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.log(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_put_aside_when_it_is_full() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join(FILE);
        let mut log = LogFile::open_bounded(&path, 100).expect("made");
        for number in 0..25 {
            log.write(format!("line {number:02}..\n").as_bytes());
        }
        let (new, old) = (
            fs::read(&path).expect("there"),
            fs::read(path.with_extension("log.1")),
        );
        assert!(new.ends_with(b"line 24..\n") && new.len() <= 100);
        assert!(old.expect("put aside").len() <= 100);
        assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 2);
        drop(log);
        let mut log = LogFile::open_bounded(&path, 100).expect("opened again");
        log.write(b"more\n");
        assert!(
            fs::read(&path).expect("there").len() > new.len(),
            "what was there is kept"
        );
    }
}
