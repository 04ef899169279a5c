//! What has to survive a crash of the session server: which sessions it had, and which ends no coordinator has taken.
//!
//! One small JSON file, replaced whole. A session is written down before its application is started, so whatever runs is
//! in the file. After `kill -9` the guardians have ended everything within milliseconds; the next start looks for what
//! escaped them by the marks in the file, removes the folders and reports the codes as gone. It must never know users.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use server_wire::{EndWord, EndedSession, Reason, RunningSession};

use crate::display;
use crate::life::Key;
use crate::places::{Places, private_folder};
use crate::sweep::sweep;

/// A longer file was not written by this program.
const MAX_LEN: u64 = 4 * 1024 * 1024;
/// Outputs of ended applications that are kept, the newest. A guess.
const MAX_LOGS: usize = 50;

/// A session as it is written down.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Written {
    /// In the environment of all its processes, and the name of its folder.
    mark: String,
    session: RunningSession,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    sessions: Vec<Written>,
    ended: Vec<EndedSession>,
}

/// The data directory of a running session server; locked.
#[derive(Debug)]
pub(crate) struct Record {
    folder: PathBuf,
    sessions: BTreeMap<Key, Written>,
    /// Held while the server runs.
    _lock: File,
}

/// A data directory that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Another one runs on it.
    #[error("{}: another session server runs on this data directory; end it or give another data_dir", .0.display())]
    InUse(PathBuf),
    /// The system refuses.
    #[error("{path}: cannot be used as data directory: {why}", path = .0.display(), why = .1)]
    System(PathBuf, #[source] io::Error),
}

impl Record {
    /// Opens the directory, and cleans up what a crash left there: gives the ends that are to be reported. Blocks.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Vec<EndedSession>), RecordError> {
        let refused = |why| RecordError::System(folder.to_owned(), why);
        for inner in ["work", "logs"] {
            private_folder(&folder.join(inner)).map_err(refused)?;
        }
        let lock = File::create(folder.join("lock")).map_err(refused)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(RecordError::InUse(folder.to_owned())),
            Err(fs::TryLockError::Error(why)) => return Err(refused(why)),
        }
        let record = Self {
            folder: folder.to_owned(),
            sessions: BTreeMap::new(),
            _lock: lock,
        };
        let content = record.read();
        let mut ended = content.ended;
        for written in content.sessions {
            ended.push(record.clean_up(&written));
        }
        record.write(&ended);
        Ok((record, ended))
    }

    fn clean_up(&self, written: &Written) -> EndedSession {
        let killed = sweep(&written.mark);
        let places = self.places(&written.mark);
        display::clean_up(&places.helpers);
        places.remove();
        let session = &written.session;
        tracing::warn!(
            "session {} ({}) did not survive the last end of this server; {killed} of its processes were left",
            session.code,
            session.rc_name
        );
        EndedSession {
            code: session.code,
            why: EndWord::ServerLost,
            token_hash: session.token_hash,
            detail: Some(Reason::cut("the session server was ended without notice")),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("sessions.json")
    }

    fn read(&self) -> Content {
        let path = self.path();
        let read = || -> io::Result<Content> {
            if fs::metadata(&path)?.len() > MAX_LEN {
                return Err(io::Error::other("it is too long"));
            }
            Ok(serde_json::from_slice(&fs::read(&path)?)?)
        };
        match read() {
            Ok(content) => content,
            Err(why) if why.kind() == io::ErrorKind::NotFound => Content::default(),
            Err(why) => {
                tracing::error!(
                    "{}: cannot be read: {why}; nothing is cleaned up",
                    path.display()
                );
                Content::default()
            }
        }
    }

    /// Where a session with this mark keeps its files.
    pub(crate) fn places(&self, mark: &str) -> Places {
        Places::new(&self.folder, mark)
    }

    /// A session is going to be started.
    pub(crate) fn add(&mut self, key: Key, mark: &str, session: RunningSession) {
        let mark = mark.to_owned();
        self.sessions.insert(key, Written { mark, session });
    }

    /// Nothing of it is left.
    pub(crate) fn remove(&mut self, key: Key) {
        self.sessions.remove(&key);
        self.remove_old_logs();
    }

    /// Replaces the file. It is small, and not flushed to the disk: what a power failure ends needs no clean-up.
    pub(crate) fn write(&self, ended: &[EndedSession]) {
        let content = Content {
            sessions: self.sessions.values().cloned().collect(),
            ended: ended.to_vec(),
        };
        let path = self.path();
        let new = self.folder.join("sessions.json.new");
        let replace = || -> io::Result<()> {
            let mut file = File::create(&new)?;
            file.write_all(&serde_json::to_vec(&content)?)?;
            fs::rename(&new, &path)
        };
        if let Err(why) = replace() {
            tracing::error!("{}: cannot be written: {why}", path.display());
        }
    }

    fn remove_old_logs(&self) {
        let Ok(entries) = fs::read_dir(self.folder.join("logs")) else {
            return;
        };
        let dated = entries.filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
        });
        let mut logs: Vec<_> = dated.collect();
        logs.sort();
        let too_many = logs.len().saturating_sub(MAX_LOGS);
        for (_, path) in logs.into_iter().take(too_many) {
            // One that stays is tried again with the next session.
            let _ = fs::remove_file(path);
        }
    }
}
