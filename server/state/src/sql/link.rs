//! One connection to an SQL database: statements in, rows out, each within a bounded time.
//!
//! It hides which database it is, apart from the few words that differ. A link whose call was cancelled, timed out or
//! lost its database is to be dropped: the database then takes back what was begun.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Executor, MySqlConnection, Row as _,
    SqliteConnection,
};

use super::fault;
use crate::error::StateError;

/// Time to connect. A guess: a server of the same site answers in milliseconds, one that restarts refuses at once.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time that a transaction waits for another coordinator's. A guess: thousands of commits take so long.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for one statement; longer than [`LOCK_TIMEOUT`], so that the database can tell what it waited for.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(8);
/// Seconds after which a MySQL server gives up a connection of which it hears nothing, and with it the lock that a
/// coordinator held whose machine vanished. A guess; more than any transaction of ours takes.
const SILENCE_SECONDS: u32 = 30;

/// Adds the values to a query.
macro_rules! bind_all {
    ($query:expr, $values:expr) => {{
        let mut query = $query;
        for value in $values {
            query = match value {
                Value::Int(value) => query.bind(value),
                Value::Text(value) => query.bind(value),
                Value::MaybeInt(value) => query.bind(value),
                Value::MaybeText(value) => query.bind(value),
            };
        }
        query
    }};
}
/// Between two attempts to open an SQLite file that another one opens; ended by [`CONNECT_TIMEOUT`].
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// How to reach a database.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Sqlite(PathBuf),
    MySql(Box<MySqlConnectOptions>),
}

/// A value of a statement.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Int(i64),
    Text(String),
    MaybeInt(Option<i64>),
    MaybeText(Option<String>),
}

/// A row of an answer; columns are counted from 0.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    MySql(MySqlRow),
}

/// One connection.
pub(crate) struct Link {
    connection: Wire,
    /// For errors.
    database: Arc<str>,
}

enum Wire {
    Sqlite(SqliteConnection, FileMark),
    MySql(MySqlConnection, Vendor),
}

/// Which file a connection writes to: a path may lead to another one by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileMark(u64, u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vendor {
    MySql,
    MariaDb,
}

/// A failed statement, before it is sorted.
pub(crate) enum Failure {
    /// The library's error.
    Sql(sqlx::Error),
    /// No answer in time.
    Late(Duration),
}

impl Link {
    /// Connects.
    pub(crate) async fn connect(target: &Target, database: &Arc<str>) -> Result<Self, StateError> {
        let database = Arc::clone(database);
        let connected = async {
            match target {
                Target::Sqlite(path) => connect_sqlite(path).await,
                Target::MySql(options) => connect_mysql(options).await,
            }
        };
        match within(CONNECT_TIMEOUT, connected).await {
            Ok(connection) => Ok(Self {
                connection,
                database,
            }),
            Err(failure) => Err(failure.sort(&database)),
        }
    }

    /// Whether the file that this link writes to is still the one at its path.
    pub(crate) fn is_current(&self, target: &Target) -> bool {
        match (&self.connection, target) {
            (Wire::Sqlite(_, mark), Target::Sqlite(path)) => {
                FileMark::of(path).is_ok_and(|now| now == *mark)
            }
            _ => true,
        }
    }

    /// Runs a statement; how many rows it found or made.
    pub(crate) async fn run(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<u64, Failure> {
        let running = async {
            match &mut self.connection {
                Wire::Sqlite(connection, _) => {
                    let query = bind_all!(sqlx::query::<sqlx::Sqlite>(sql), values);
                    Ok(query.execute(connection).await?.rows_affected())
                }
                Wire::MySql(connection, _) => {
                    let query = bind_all!(sqlx::query::<sqlx::MySql>(sql), values);
                    Ok(query.execute(connection).await?.rows_affected())
                }
            }
        };
        within(STATEMENT_TIMEOUT, running).await
    }

    /// Runs a query; all of its rows. Every query is bounded by its own words or by the bounds of what is written.
    pub(crate) async fn rows(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, Failure> {
        let running = async {
            match &mut self.connection {
                Wire::Sqlite(connection, _) => {
                    let query = bind_all!(sqlx::query::<sqlx::Sqlite>(sql), values);
                    let rows = query.fetch_all(connection).await?;
                    Ok(rows.into_iter().map(Row::Sqlite).collect())
                }
                Wire::MySql(connection, _) => {
                    let query = bind_all!(sqlx::query::<sqlx::MySql>(sql), values);
                    let rows = query.fetch_all(connection).await?;
                    Ok(rows.into_iter().map(Row::MySql).collect())
                }
            }
        };
        within(STATEMENT_TIMEOUT, running).await
    }

    /// Runs words of our own as they are, unprepared: `BEGIN`, `COMMIT`, the making of tables.
    pub(crate) async fn command(&mut self, sql: &str) -> Result<(), Failure> {
        let sql = AssertSqlSafe(sql.to_owned());
        let running = async {
            match &mut self.connection {
                Wire::Sqlite(connection, _) => connection.execute(sql).await.map(drop),
                Wire::MySql(connection, _) => connection.execute(sql).await.map(drop),
            }
        };
        within(STATEMENT_TIMEOUT, running).await
    }

    /// Begins a transaction that sees one moment of the database; of SQLite, if it is to write: the only one that does.
    pub(crate) async fn begin(&mut self, writes: bool) -> Result<(), Failure> {
        match (&self.connection, writes) {
            (Wire::Sqlite(..), true) => self.command("BEGIN IMMEDIATE").await,
            (Wire::Sqlite(..), false) => self.command("BEGIN").await,
            (Wire::MySql(..), _) => self.command("START TRANSACTION").await,
        }
    }

    /// The query that reads the row of the version and keeps everybody else who does so waiting.
    pub(crate) fn lock_words(&self) -> &'static str {
        match self.connection {
            // BEGIN IMMEDIATE did it.
            Wire::Sqlite(..) => "SELECT version, next_number FROM coordinator_state WHERE id = 1",
            Wire::MySql(..) => {
                "SELECT version, next_number FROM coordinator_state WHERE id = 1 FOR UPDATE"
            }
        }
    }

    /// What follows the columns of a new table. Names are compared byte by byte, blanks at their ends too, as SQLite
    /// does.
    pub(crate) fn table_options(&self) -> &'static str {
        match self.connection {
            Wire::Sqlite(..) => "",
            Wire::MySql(_, Vendor::MariaDb) => {
                "ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"
            }
            Wire::MySql(_, Vendor::MySql) => {
                "ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin"
            }
        }
    }

    /// Whether tables are made in a transaction; if not, a lock of another kind keeps others away meanwhile.
    pub(crate) fn makes_tables_in_transactions(&self) -> bool {
        matches!(self.connection, Wire::Sqlite(..))
    }

    /// Sorts a failure.
    pub(crate) fn sort(&self, failure: &Failure) -> StateError {
        failure.sort(&self.database)
    }

    /// Which database, for errors.
    pub(crate) fn database(&self) -> &str {
        &self.database
    }
}

impl Failure {
    fn sort(&self, database: &str) -> StateError {
        match self {
            Self::Sql(error) => fault::sort(database, error),
            Self::Late(limit) => StateError::Gone {
                database: database.to_owned(),
                reason: format!("no answer for {} s", limit.as_secs()),
            },
        }
    }

    /// Whether the connection was found dead, at once.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self, Self::Sql(error) if fault::is_lost(error))
    }

    /// Whether a row of this key is there already.
    pub(crate) fn is_duplicate(&self) -> bool {
        matches!(self, Self::Sql(error) if fault::is_duplicate(error))
    }

    /// Whether a table is not there.
    pub(crate) fn is_missing_table(&self) -> bool {
        matches!(self, Self::Sql(error) if fault::is_missing_table(error))
    }
}

impl Row {
    pub(crate) fn int(&self, column: usize) -> Result<i64, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::MySql(row) => row.try_get(column),
        }
    }

    pub(crate) fn text(&self, column: usize) -> Result<String, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::MySql(row) => row.try_get(column),
        }
    }

    pub(crate) fn maybe_int(&self, column: usize) -> Result<Option<i64>, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::MySql(row) => row.try_get(column),
        }
    }

    pub(crate) fn maybe_text(&self, column: usize) -> Result<Option<String>, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::MySql(row) => row.try_get(column),
        }
    }
}

impl FileMark {
    #[cfg(unix)]
    fn of(path: &Path) -> std::io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let data = std::fs::metadata(path)?;
        Ok(Self(data.dev(), data.ino()))
    }

    /// An open file cannot be moved away where this is built.
    #[cfg(not(unix))]
    fn of(path: &Path) -> std::io::Result<Self> {
        std::fs::metadata(path).map(|_| Self(0, 0))
    }
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result.map_err(Failure::Sql),
        Err(_) => Err(Failure::Late(limit)),
    }
}

async fn connect_sqlite(path: &Path) -> Result<Wire, sqlx::Error> {
    let mark = FileMark::of(path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        // Each commit is on the disk when it returns; WAL alone would keep the database whole, not the last commits.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(LOCK_TIMEOUT)
        .disable_statement_logging();
    loop {
        match options.connect().await {
            Ok(connection) => return Ok(Wire::Sqlite(connection, mark)),
            // Only one may turn a new file to its write-ahead log, and SQLite lets nobody wait for that.
            Err(error) if fault::is_busy(&error) => tokio::time::sleep(BUSY_PAUSE).await,
            Err(error) => return Err(error),
        }
    }
}

async fn connect_mysql(options: &MySqlConnectOptions) -> Result<Wire, sqlx::Error> {
    let mut connection = options
        .clone()
        .disable_statement_logging()
        .connect()
        .await?;
    let version: String = sqlx::query_scalar("SELECT VERSION()")
        .fetch_one(&mut connection)
        .await?;
    let vendor = if version.contains("MariaDB") {
        Vendor::MariaDb
    } else {
        Vendor::MySql
    };
    let lock = LOCK_TIMEOUT.as_secs();
    let statement = STATEMENT_TIMEOUT.as_secs();
    let limit = match vendor {
        Vendor::MariaDb => {
            format!(
                "max_statement_time = {statement}, idle_transaction_timeout = {SILENCE_SECONDS}"
            )
        }
        Vendor::MySql => format!("max_execution_time = {}", statement * 1000),
    };
    let settings = format!(
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', autocommit = 1, \
         innodb_lock_wait_timeout = {lock}, wait_timeout = {SILENCE_SECONDS}, {limit}"
    );
    connection.execute(AssertSqlSafe(settings)).await?;
    // Both vendors know this form; the variable behind it has two names.
    connection
        .execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        .await?;
    let durable: i64 =
        sqlx::query_scalar("SELECT CAST(@@innodb_flush_log_at_trx_commit AS SIGNED)")
            .fetch_one(&mut connection)
            .await?;
    if durable != 1 {
        tracing::warn!(
            innodb_flush_log_at_trx_commit = durable,
            "the database server may lose the last commits when its machine loses power: set it to 1"
        );
    }
    connection.ping().await?;
    Ok(Wire::MySql(connection, vendor))
}
