//! The one interface to the state, whatever it is kept in.
//!
//! It must never know what a world means: a caller decides upon one that it loaded, and hands the changes back while
//! nobody else can decide.

use std::sync::Arc;

use server_booking::model::{AuditEntry, Change, World};

use crate::ended::Ended;
use crate::error::StateError;
use crate::files::{Files, FilesTransaction};
use crate::sql::{Database, SqlTransaction, Target};
use crate::url::{StateUrl, mysql_options};

/// An open state; clones share it.
#[derive(Clone)]
pub struct State {
    store: Arc<Store>,
}

enum Store {
    Sql(Box<Database>),
    Files(Files),
}

/// What a start, or `migrate`, did to the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// Version of the tables before; 0: there were none.
    pub from: i64,
    /// Version of the tables now.
    pub to: i64,
}

/// The right to change the world, exclusive among all coordinators on this state until it is committed or dropped.
///
/// Dropped without a commit it changes nothing, and costs the next one a new connection; so one that turned out to have
/// nothing to do is better committed with no changes. One that is held for more than half a minute may be ended by the
/// database.
pub struct Transaction<'a> {
    kind: Kind<'a>,
}

enum Kind<'a> {
    Sql(SqlTransaction<'a>),
    Files(FilesTransaction),
}

impl State {
    /// Opens the state and makes the tables that are missing; an SQLite file that is not there is created, readable for
    /// its owner alone.
    ///
    /// # Errors
    ///
    /// A temporary one if the database does not answer within some seconds; [`StateError::Newer`] if a newer program
    /// was here; [`StateError::InUse`] for files that another coordinator has open.
    pub async fn open(url: &StateUrl) -> Result<Self, StateError> {
        Ok(Self::open_migrated(url).await?.0)
    }

    /// Makes the tables that are missing, and says what was there; the same as happens in [`State::open`].
    ///
    /// # Errors
    ///
    /// Those of [`State::open`].
    pub async fn migrate(url: &StateUrl) -> Result<Migrated, StateError> {
        Ok(Self::open_migrated(url).await?.1)
    }

    async fn open_migrated(url: &StateUrl) -> Result<(Self, Migrated), StateError> {
        let name = url.to_string();
        let (store, migrated) = match url {
            StateUrl::Sqlite(path) => {
                let target = Target::Sqlite(path.clone());
                let (database, migrated) = Database::open(target, &name).await?;
                (Store::Sql(Box::new(database)), migrated)
            }
            StateUrl::MySql(url) => {
                let target = Target::MySql(Box::new(mysql_options(url)?));
                let (database, migrated) = Database::open(target, &name).await?;
                (Store::Sql(Box::new(database)), migrated)
            }
            StateUrl::Files { planned, servers } => {
                let files = Files::open(planned, servers).await?;
                // Files have no tables; the form of today is read and written.
                (Store::Files(files), Migrated { from: 1, to: 1 })
            }
        };
        let store = Arc::new(store);
        Ok((Self { store }, migrated))
    }

    /// The version of the world: another number after each commit that changed the world, whoever made it. One short
    /// query. Cancel safe.
    ///
    /// # Errors
    ///
    /// Temporary ones, within some seconds, while the database is gone.
    pub async fn version(&self) -> Result<u64, StateError> {
        match &*self.store {
            Store::Sql(database) => database.version().await,
            Store::Files(files) => Ok(files.version()),
        }
    }

    /// The world with its version, both of the same moment. Cancel safe.
    ///
    /// # Errors
    ///
    /// Temporary ones, within some seconds, while the database is gone; [`StateError::Broken`] when something is stored
    /// that none of us wrote.
    pub async fn load(&self) -> Result<(u64, World), StateError> {
        match &*self.store {
            Store::Sql(database) => database.load().await,
            Store::Files(files) => Ok(files.load()),
        }
    }

    /// Waits, some seconds at most, until nobody else may change the world, of this coordinator (in order) or another.
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// Temporary ones, within some seconds, while the database is gone or somebody else holds it. Files are waited for.
    pub async fn begin(&self) -> Result<Transaction<'_>, StateError> {
        let kind = match &*self.store {
            Store::Sql(database) => Kind::Sql(database.begin().await?),
            Store::Files(files) => Kind::Files(files.begin().await),
        };
        Ok(Transaction { kind })
    }

    /// The newest audit entries, newest first, `newest` at most; [`HISTORY_MAX`](crate::HISTORY_MAX) are kept. Cancel
    /// safe.
    ///
    /// # Errors
    ///
    /// Those of [`State::load`].
    pub async fn audit(&self, newest: usize) -> Result<Vec<AuditEntry>, StateError> {
        match &*self.store {
            Store::Sql(database) => database.audit(newest).await,
            Store::Files(files) => Ok(files.audit(newest)),
        }
    }

    /// The sessions that are over and the bookings that ended without one, newest first, `newest` at most;
    /// [`HISTORY_MAX`](crate::HISTORY_MAX) are kept. Cancel safe.
    ///
    /// # Errors
    ///
    /// Those of [`State::load`].
    pub async fn history(&self, newest: usize) -> Result<Vec<Ended>, StateError> {
        match &*self.store {
            Store::Sql(database) => database.history(newest).await,
            Store::Files(files) => Ok(files.history(newest)),
        }
    }
}

impl Transaction<'_> {
    /// The version of the world: if it is that of a world that the caller has, this world need not be loaded.
    #[must_use]
    pub fn version(&self) -> u64 {
        match &self.kind {
            Kind::Sql(transaction) => transaction.version(),
            Kind::Files(transaction) => transaction.version(),
        }
    }

    /// The world as it is until this is committed. Not cancel safe: after a cancelled or failed call the transaction is
    /// lost, and its commit fails.
    ///
    /// # Errors
    ///
    /// Those of [`State::load`].
    pub async fn load(&mut self) -> Result<World, StateError> {
        match &mut self.kind {
            Kind::Sql(transaction) => transaction.load().await,
            Kind::Files(transaction) => Ok(transaction.load()),
        }
    }

    /// Makes all changes, in their order, or none; the version after it. When it returns without an error they are on
    /// the disk, as far as the database's settings go. The version stays if nothing but audit entries is added.
    ///
    /// Not cancel safe: a cancelled call made all changes, or none.
    ///
    /// # Errors
    ///
    /// [`StateError::CodeTaken`] if a booking or session is put under a code that is another's: one of the other kind,
    /// or a booking that differs in application or `made_at`, or a session that differs in application or `token_hash`.
    /// [`StateError::TooLong`] if a text does not fit. [`StateError::Unsure`] if the database was lost so late that the
    /// changes may have been made. After every other error they were not.
    pub async fn commit(self, changes: &[Change]) -> Result<u64, StateError> {
        match self.kind {
            Kind::Sql(transaction) => transaction.commit(changes).await,
            Kind::Files(transaction) => transaction.commit(changes).await,
        }
    }
}
