//! The state in `sessions_planned.json`, for a coordinator that runs on the files of the first stage.
//!
//! All of it is in memory and is written anew at each commit: to another file, made durable, put in its place. So the
//! file is always whole, and what a commit acknowledged survives a loss of power. A lock file keeps a second coordinator
//! away. `paper` is the form of the file; this one must never know it.

mod paper;

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use server_booking::Policy;
use server_booking::model::{AuditEntry, Change, World};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::ended::Ended;
use crate::error::StateError;
use crate::import::{FILE_MAX, Place, Source, servers_file};
use crate::limits;
use paper::Paper;

/// Ended sessions and bookings, and so many audit entries, that the file keeps: it is written as a whole each time, so
/// it is kept small. A guess.
pub const FILES_PAST_MAX: usize = 1_000;

/// The file, open.
pub(crate) struct Files {
    kept: Arc<Kept>,
    /// Held by whoever may change it.
    turn: Arc<Mutex<()>>,
}

struct Kept {
    path: PathBuf,
    paper: RwLock<Arc<Paper>>,
    /// Locked while it is open.
    _lock: File,
}

/// What keeps everybody else from writing until it is committed or dropped.
pub(crate) struct FilesTransaction {
    kept: Arc<Kept>,
    paper: Arc<Paper>,
    turn: OwnedMutexGuard<()>,
}

impl Files {
    /// Locks the file and reads it; one that is not there is a world without anything. `servers.json` says where bookings
    /// can go that name no server.
    pub(crate) async fn open(path: &Path, servers: &Path) -> Result<Self, StateError> {
        let path = path.to_owned();
        let servers = servers.to_owned();
        let kept = blocking(move || {
            let lock = lock(&path)?;
            let paper = match read(&path)? {
                Some(bytes) => Paper::read(&path, &bytes, &places(&servers))?,
                None => Paper::default(),
            };
            Ok(Kept {
                path,
                paper: RwLock::new(Arc::new(paper)),
                _lock: lock,
            })
        })
        .await?;
        Ok(Self {
            kept: Arc::new(kept),
            turn: Arc::default(),
        })
    }

    pub(crate) fn version(&self) -> u64 {
        self.kept.paper().version
    }

    pub(crate) fn load(&self) -> (u64, World) {
        let paper = self.kept.paper();
        (paper.version, paper.world.clone())
    }

    pub(crate) fn audit(&self, newest: usize) -> Vec<AuditEntry> {
        let paper = self.kept.paper();
        paper.audit.iter().rev().take(newest).cloned().collect()
    }

    pub(crate) fn history(&self, newest: usize) -> Vec<Ended> {
        let paper = self.kept.paper();
        paper.ended.iter().rev().take(newest).cloned().collect()
    }

    pub(crate) async fn begin(&self) -> FilesTransaction {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        FilesTransaction {
            kept: Arc::clone(&self.kept),
            paper: self.kept.paper(),
            turn,
        }
    }
}

impl Kept {
    fn paper(&self) -> Arc<Paper> {
        Arc::clone(&self.paper.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes the paper in the place of the old one, and shows it.
    fn replace(&self, paper: Paper) -> Result<(), StateError> {
        let failed = |source| StateError::File {
            path: self.path.clone(),
            action: "written",
            source,
        };
        let bytes = paper.write();
        if bytes.len() > FILE_MAX {
            return Err(failed(io::Error::other(format!(
                "it would have {} bytes, {FILE_MAX} at most are read again: use a database",
                bytes.len()
            ))));
        }
        let draft = beside(&self.path, ".new");
        let mut file = private().truncate(true).open(&draft).map_err(failed)?;
        file.write_all(&bytes).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        std::fs::rename(&draft, &self.path).map_err(failed)?;
        *self.paper.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(paper);
        crate::folder::sync(&self.path).map_err(|error| StateError::Unsure {
            database: self.path.display().to_string(),
            reason: error.to_string(),
        })
    }
}

impl FilesTransaction {
    pub(crate) fn version(&self) -> u64 {
        self.paper.version
    }

    pub(crate) fn load(&self) -> World {
        self.paper.world.clone()
    }

    pub(crate) async fn commit(self, changes: &[Change]) -> Result<u64, StateError> {
        if changes.is_empty() {
            return Ok(self.paper.version);
        }
        let mut paper = Paper::clone(&self.paper);
        for change in changes {
            limits::check(change)?;
            paper.change(change)?;
        }
        paper.version += u64::from(changes.iter().any(|c| !matches!(c, Change::Audit(_))));
        paper.forget(FILES_PAST_MAX);
        let version = paper.version;
        // The turn goes along: a caller that is cancelled leaves the writing to its end, and nobody writes beside it.
        let Self { kept, turn, .. } = self;
        blocking(move || {
            let written = kept.replace(paper);
            drop(turn);
            written
        })
        .await?;
        Ok(version)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StateError> + Send + 'static,
) -> Result<T, StateError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(StateError::Gone {
                database: "the file".to_owned(),
                reason: error.to_string(),
            }),
        },
    }
}

/// Hashes of tokens and codes are in our files: they are their owner's alone.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Keeps every other coordinator away until it is dropped, or its process ends.
fn lock(path: &Path) -> Result<File, StateError> {
    let lock = beside(path, ".lock");
    let failed = |source| StateError::File {
        path: lock.clone(),
        action: "locked",
        source,
    };
    let file = private().truncate(false).open(&lock).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StateError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// The servers that the other file names. Whoever keeps step with it tells what is wrong with it; none are known then.
fn places(path: &Path) -> Vec<Place> {
    let name = path.display().to_string();
    let Ok(Some(bytes)) = read(path) else {
        return Vec::new();
    };
    let source = Source {
        name: &name,
        bytes: &bytes,
    };
    let limit = Policy::default().file_server_limit;
    let servers = servers_file(source).map_or_else(|_| Vec::new(), |files| files.servers);
    servers
        .into_iter()
        .map(|server| Place {
            server: server.id,
            applications: server.applications,
            limit: server.limit.unwrap_or(limit),
        })
        .collect()
}

/// The file, with one byte more than it may have if it has more; none if it is not there.
fn read(path: &Path) -> Result<Option<Vec<u8>>, StateError> {
    let failed = |source| StateError::File {
        path: path.to_owned(),
        action: "read",
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    file.take(FILE_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(Some(bytes))
}
