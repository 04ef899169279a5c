//! A database, with two connections of this coordinator: one writes, one reads.
//!
//! A connection is taken out of its place while it is used and put back when all went well; whoever is cancelled or
//! fails drops it, the database takes back what was begun, and the next one connects anew. So a database that was gone
//! is found again without anybody's help. This file must never know tables.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use server_booking::model::{AuditEntry, Change, World};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

use super::link::{Failure, Link, Target};
use super::write::{Unwritten, Writer};
use super::{migrate, read};
use crate::ended::Ended;
use crate::error::StateError;
use crate::limits;
use crate::state::Migrated;

/// How long a task waits for those of this coordinator that asked before it: with a database that hangs each of them
/// takes its own time-out, and the last must not wait for all. A guess, somewhat more than one time-out.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);

const VERSION: &str = "SELECT version, next_number FROM coordinator_state WHERE id = 1";

/// An open database.
pub(crate) struct Database {
    target: Target,
    /// For errors; without a password.
    name: Arc<str>,
    writer: Mutex<Option<Link>>,
    reader: Mutex<Option<Link>>,
}

/// A connection, taken out of its place; dropped unless it is put back.
struct Held<'a> {
    place: MutexGuard<'a, Option<Link>>,
    link: Link,
}

impl Held<'_> {
    fn put_back(mut self) {
        *self.place = Some(self.link);
    }
}

/// What keeps everybody else from writing until it is committed or dropped.
pub(crate) struct SqlTransaction<'a> {
    /// None once it failed.
    held: Option<Held<'a>>,
    version: u64,
    next_number: i64,
    name: &'a str,
}

impl Database {
    /// Connects and makes the tables that are missing.
    pub(crate) async fn open(target: Target, name: &str) -> Result<(Self, Migrated), StateError> {
        if let Target::Sqlite(path) = &target {
            create(path)?;
        }
        let name = Arc::from(name);
        let mut link = Link::connect(&target, &name).await?;
        let migrated = migrate::migrate(&mut link).await?;
        let database = Self {
            target,
            name,
            writer: Mutex::new(Some(link)),
            reader: Mutex::new(None),
        };
        Ok((database, migrated))
    }

    pub(crate) async fn version(&self) -> Result<u64, StateError> {
        let (held, (version, _)) = self.hold(&self.reader, Start::Look).await?;
        held.put_back();
        Ok(version)
    }

    pub(crate) async fn load(&self) -> Result<(u64, World), StateError> {
        let (mut held, (version, _)) = self.hold(&self.reader, Start::Read).await?;
        let world = read::world(&mut held.link).await?;
        end(held, "COMMIT").await?;
        Ok((version, world))
    }

    pub(crate) async fn audit(&self, newest: usize) -> Result<Vec<AuditEntry>, StateError> {
        let (mut held, _) = self.hold(&self.reader, Start::Look).await?;
        let entries = read::audit(&mut held.link, newest).await?;
        held.put_back();
        Ok(entries)
    }

    pub(crate) async fn history(&self, newest: usize) -> Result<Vec<Ended>, StateError> {
        let (mut held, _) = self.hold(&self.reader, Start::Look).await?;
        let ended = read::history(&mut held.link, newest).await?;
        held.put_back();
        Ok(ended)
    }

    pub(crate) async fn begin(&self) -> Result<SqlTransaction<'_>, StateError> {
        let (held, (version, next_number)) = self.hold(&self.writer, Start::Write).await?;
        Ok(SqlTransaction {
            held: Some(held),
            version,
            next_number,
            name: &self.name,
        })
    }

    /// Takes a connection that works; with the version and the next number that it sees.
    async fn hold<'a>(
        &self,
        place: &'a Mutex<Option<Link>>,
        start: Start,
    ) -> Result<(Held<'a>, (u64, i64)), StateError> {
        let mut place = match timeout(TURN_TIMEOUT, place.lock()).await {
            Ok(place) => place,
            Err(_) => {
                return Err(StateError::Gone {
                    database: self.name.to_string(),
                    reason: "those who asked before still wait for an answer".to_owned(),
                });
            }
        };
        let kept = place.take();
        if let Some(mut link) = kept.filter(|link| link.is_current(&self.target)) {
            match start.run(&mut link).await {
                Ok(seen) => return Ok((Held { place, link }, seen?)),
                // Lost while nobody looked: nothing was begun, so another connection may do it.
                Err(failure) if failure.is_lost() => {
                    tracing::debug!(database = %self.name, "connecting again");
                }
                Err(failure) => return Err(link.sort(&failure)),
            }
        }
        let mut link = Link::connect(&self.target, &self.name).await?;
        match start.run(&mut link).await {
            Ok(seen) => Ok((Held { place, link }, seen?)),
            Err(failure) => Err(link.sort(&failure)),
        }
    }
}

/// How a use of a connection begins.
#[derive(Clone, Copy)]
enum Start {
    /// One query follows.
    Look,
    /// Several, of one moment.
    Read,
    /// Alone among all coordinators.
    Write,
}

impl Start {
    async fn run(self, link: &mut Link) -> Result<Result<(u64, i64), StateError>, Failure> {
        match self {
            Self::Look => read::version(link, VERSION).await,
            Self::Read => {
                link.begin(false).await?;
                read::version(link, VERSION).await
            }
            Self::Write => {
                link.begin(true).await?;
                let words = link.lock_words();
                read::version(link, words).await
            }
        }
    }
}

async fn end(mut held: Held<'_>, word: &str) -> Result<(), StateError> {
    match held.link.command(word).await {
        Ok(()) => {
            held.put_back();
            Ok(())
        }
        Err(failure) => Err(held.link.sort(&failure)),
    }
}

impl SqlTransaction<'_> {
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) async fn load(&mut self) -> Result<World, StateError> {
        let mut held = self.take()?;
        let world = read::world(&mut held.link).await?;
        self.held = Some(held);
        Ok(world)
    }

    pub(crate) async fn commit(mut self, changes: &[Change]) -> Result<u64, StateError> {
        let mut held = self.take()?;
        let refusal = changes
            .iter()
            .find_map(|change| limits::check(change).err());
        if refusal.is_some() || changes.is_empty() {
            end(held, "ROLLBACK").await?;
            return refusal.map_or(Ok(self.version), Err);
        }
        let written = write(&mut held.link, changes, self.version, self.next_number).await;
        match written {
            Ok(version) => match held.link.command("COMMIT").await {
                Ok(()) => {
                    held.put_back();
                    Ok(version)
                }
                Err(failure) => Err(unsure(held.link.sort(&failure))),
            },
            Err(Unwritten::Refused(refusal)) => {
                end(held, "ROLLBACK").await?;
                Err(refusal)
            }
            Err(Unwritten::Failed(failure)) => Err(held.link.sort(&failure)),
        }
    }
}

impl<'a> SqlTransaction<'a> {
    fn take(&mut self) -> Result<Held<'a>, StateError> {
        self.held.take().ok_or_else(|| StateError::Gone {
            database: self.name.to_owned(),
            reason: "the transaction was lost when it was read".to_owned(),
        })
    }
}

async fn write(
    link: &mut Link,
    changes: &[Change],
    version: u64,
    next_number: i64,
) -> Result<u64, Unwritten> {
    let mut writer = Writer::new(link, next_number);
    for change in changes {
        writer.change(change).await?;
    }
    writer.finish(version, next_number).await
}

/// A database that is gone when it is told to commit may have done so.
fn unsure(error: StateError) -> StateError {
    match error {
        StateError::Gone { database, reason } => StateError::Unsure { database, reason },
        other => other,
    }
}

/// Makes the file of a new SQLite database, which nobody else may read: tokens' hashes and codes are in it. Its
/// companions of the write-ahead log get the same rights from SQLite.
fn create(path: &Path) -> Result<(), StateError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let created = match options.open(path) {
        Ok(_) => crate::folder::sync(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    };
    created.map_err(|source| StateError::File {
        path: path.to_owned(),
        action: "created",
        source,
    })
}
