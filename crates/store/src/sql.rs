//! The two engines behind one face. `engine.rs` binds and reads for each, `dialect.rs` has the
//! words in which they differ; the files of the nouns know neither.
//!
//! A statement is static text with `$1` placeholders that both engines understand. While it runs
//! it is in a box of its own: the futures of whoever asks would have room for both drivers, each,
//! and for each statement.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection as _, PgConnection, PgPool, Postgres, SqlSafeStr,
    SqlStr, Sqlite, SqliteConnection, SqlitePool,
};
use tollgate_kernel::Error;

pub(crate) use crate::engine::failed;
use crate::engine::{Statement, postgres, sqlite};
pub(crate) use crate::value::{Record, Row, Value, args, columns};
use crate::{Target, dialect};

/// How long a statement, a lock or a free connection is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// How long an answer of PostgreSQL is waited for. The server itself gives up before, so past this
/// it is silent: a network that swallows packets would make us wait for many minutes.
const SILENCE: Duration = Duration::from_secs(3);

/// The same for a connection on which nothing is asked: so short that another one can be made
/// within [`PATIENCE`].
const SILENCE_OF_IDLE: Duration = Duration::from_millis(500);

/// When PostgreSQL rolls a transaction back in which nothing happens any more: one that we have
/// given up would keep its locks. Ours end before, see [`crate::Options::deadline`].
const ABANDONED: Duration = Duration::from_secs(5);

/// Connections that read on SQLite. Each is a thread with a page cache of its own.
const SQLITE_READERS: u32 = 2;

/// Connections to PostgreSQL, readers and writers together.
const POSTGRES_CONNECTIONS: u32 = 10;

/// Page cache of a SQLite connection in KiB; a negative number is SQLite's way to say KiB.
pub(crate) const SQLITE_CACHE: &str = "-1024";

/// The file of SQLite that is meant. PostgreSQL has both in one database.
#[derive(Clone, Copy)]
pub(crate) enum File {
    /// `tollgate.db`: everything that is managed.
    Main,
    /// `ledger.db`: what calls write, so that a page's write never delays a call.
    Ledger,
}

impl File {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Main => "tollgate.db",
            Self::Ledger => "ledger.db",
        }
    }
}

/// A database, shared.
#[derive(Clone)]
pub(crate) enum Db {
    /// One connection writes, a few read.
    Sqlite {
        /// The one that writes.
        writer: SqlitePool,
        /// Those that read.
        readers: SqlitePool,
    },
    /// All connections do both.
    Postgres(PgPool),
}

impl Db {
    /// Opens, and on SQLite makes, the database.
    pub(crate) async fn open(target: &Target, file: File) -> Result<Self, Error> {
        match target {
            Target::Sqlite { data_dir } => {
                let path = data_dir.join(file.name());
                let pool = || {
                    SqlitePoolOptions::new()
                        .acquire_timeout(PATIENCE)
                        .idle_timeout(None)
                        .max_lifetime(None)
                        .test_before_acquire(false)
                };
                let writer = pool()
                    .max_connections(1)
                    .before_acquire(|connection, _| Box::pin(has_begun_nothing(connection)))
                    .connect_with(sqlite_writer(&path)?)
                    .await
                    .map_err(failed)?;
                let readers =
                    pool().max_connections(SQLITE_READERS).connect_lazy_with(sqlite_reader(&path));
                Ok(Self::Sqlite { writer, readers })
            }
            Target::Postgres { url } => PgPoolOptions::new()
                .max_connections(POSTGRES_CONNECTIONS)
                .acquire_timeout(PATIENCE)
                .test_before_acquire(false)
                .before_acquire(|connection, _| Box::pin(still_answers(connection)))
                .after_release(|connection, _| Box::pin(still_answers(connection)))
                .connect_with(postgres_options(url)?)
                .await
                .map(Self::Postgres)
                .map_err(failed),
        }
    }

    /// All rows of the answer.
    pub(crate) async fn all(&self, sql: &'static str, args: Vec<Value>) -> Result<Vec<Row>, Error> {
        let statement = kept(sql, args);
        let rows = async {
            match self {
                Self::Sqlite { readers, .. } => {
                    sqlite::all(&mut *readers.acquire().await.map_err(failed)?, statement).await
                }
                Self::Postgres(pool) => {
                    let mut connection = pool.acquire().await.map_err(failed)?;
                    in_time(postgres::all(&mut connection, statement)).await?
                }
            }
        };
        Box::pin(rows).await
    }

    /// The one row of the answer, if there is one. More are a fault of ours.
    pub(crate) async fn optional(
        &self,
        sql: &'static str,
        args: Vec<Value>,
    ) -> Result<Option<Row>, Error> {
        at_most_one(self.all(sql, args).await?, sql)
    }

    /// The one row of the answer. None, or more, are a fault of ours.
    pub(crate) async fn one(&self, sql: &'static str, args: Vec<Value>) -> Result<Row, Error> {
        exactly_one(self.optional(sql, args).await?, sql)
    }

    /// Begins a transaction that may write: on SQLite it has the write lock from the start.
    pub(crate) async fn begin(&self) -> Result<Transaction, Error> {
        let open = match self {
            Self::Sqlite { writer, .. } => {
                let begun = Box::pin(writer.begin_with(dialect::BEGIN_SQLITE)).await;
                Open::Sqlite(begun.map_err(failed)?)
            }
            Self::Postgres(pool) => {
                let begun = in_time(Box::pin(pool.begin_with(dialect::BEGIN_POSTGRES))).await?;
                Open::Postgres(begun.map_err(failed)?)
            }
        };
        Ok(Transaction { open, health: Health::default() })
    }

    /// Closes all connections and waits for it.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// A transaction; dropped, it is rolled back.
pub(crate) struct Transaction {
    open: Open,
    health: Health,
}

enum Open {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Transaction {
    /// All rows of the answer.
    pub(crate) async fn all(
        &mut self,
        sql: &'static str,
        args: Vec<Value>,
    ) -> Result<Vec<Row>, Error> {
        self.health.start()?;
        let rows = match &mut self.open {
            Open::Sqlite(transaction) => Box::pin(sqlite::all(transaction, kept(sql, args))).await,
            Open::Postgres(transaction) => {
                in_time(Box::pin(postgres::all(transaction, kept(sql, args)))).await?
            }
        };
        self.health.ended(rows)
    }

    /// The one row of the answer, if there is one. More are a fault of ours.
    pub(crate) async fn optional(
        &mut self,
        sql: &'static str,
        args: Vec<Value>,
    ) -> Result<Option<Row>, Error> {
        at_most_one(self.all(sql, args).await?, sql)
    }

    /// The one row of the answer. None, or more, are a fault of ours.
    pub(crate) async fn one(&mut self, sql: &'static str, args: Vec<Value>) -> Result<Row, Error> {
        exactly_one(self.optional(sql, args).await?, sql)
    }

    /// Runs a statement and counts the rows that it changed.
    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        args: Vec<Value>,
    ) -> Result<u64, Error> {
        self.run(kept(sql, args)).await
    }

    /// Runs `head`, a VALUES list of `args` in rows of `width`, then `tail`.
    pub(crate) async fn execute_values(
        &mut self,
        (head, width, tail): (&'static str, usize, &'static str),
        args: Vec<Value>,
    ) -> Result<u64, Error> {
        self.run(dialect::values(head, width, tail, args)).await
    }

    /// Makes all of it durable.
    pub(crate) async fn commit(mut self) -> Result<(), Error> {
        self.health.start()?;
        match self.open {
            Open::Sqlite(transaction) => Box::pin(transaction.commit()).await,
            Open::Postgres(transaction) => in_time(Box::pin(transaction.commit())).await?,
        }
        .map_err(failed)
    }

    async fn run(&mut self, statement: Statement) -> Result<u64, Error> {
        self.health.start()?;
        let done = match &mut self.open {
            Open::Sqlite(transaction) => Box::pin(sqlite::execute(transaction, statement)).await,
            Open::Postgres(transaction) => {
                in_time(Box::pin(postgres::execute(transaction, statement))).await?
            }
        };
        self.health.ended(done)
    }
}

/// Whether a statement of a transaction has failed.
///
/// After that nothing more is done, on either engine: PostgreSQL would answer a commit with a
/// silent rollback, and SQLite may have rolled back already and would commit each further
/// statement by itself.
#[derive(Default)]
pub(crate) struct Health {
    failed: bool,
}

impl Health {
    /// Refuses a statement after one that failed. Counts this one as failed until it has ended
    /// well, so that one that was abandoned half-way counts as failed too.
    pub(crate) fn start(&mut self) -> Result<(), Error> {
        if self.failed {
            return Err(Error::internal("a statement of this transaction has failed before"));
        }
        self.failed = true;
        Ok(())
    }

    /// Notes how the statement that was started has ended.
    pub(crate) fn ended<T>(&mut self, answer: Result<T, Error>) -> Result<T, Error> {
        self.failed = answer.is_err();
        answer
    }
}

pub(crate) fn kept(sql: &'static str, args: Vec<Value>) -> Statement {
    Statement { sql: SqlStr::from_static(sql), args, keep: true }
}

pub(crate) fn rendered(sql: String) -> Statement {
    Statement { sql: AssertSqlSafe(sql).into_sql_str(), args: Vec::new(), keep: false }
}

pub(crate) fn at_most_one(rows: Vec<Row>, sql: &str) -> Result<Option<Row>, Error> {
    let mut rows = rows.into_iter();
    match (rows.next(), rows.next()) {
        (row, None) => Ok(row),
        _ => Err(Error::internal(format!("more than one row answers {sql}"))),
    }
}

fn exactly_one(row: Option<Row>, sql: &str) -> Result<Row, Error> {
    row.ok_or_else(|| Error::internal(format!("no row answers {sql}")))
}

fn sqlite_writer(path: &Path) -> Result<SqliteConnectOptions, Error> {
    create_private(path)?;
    Ok(sqlite_options(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("journal_size_limit", "16777216"))
}

fn sqlite_reader(path: &Path) -> SqliteConnectOptions {
    sqlite_options(path).read_only(true)
}

fn sqlite_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .pragma("temp_store", "MEMORY")
        .pragma("cache_size", SQLITE_CACHE)
        .disable_statement_logging()
}

/// Makes the file, readable for its owner alone; SQLite gives its side files the same mode.
///
/// A file that is there already is not even opened: to close it again would take the locks away
/// that other connections of this process have on it (POSIX, `fcntl`), and the next program that
/// looks at the database would remove the log under our feet.
pub(crate) fn create_private(path: &Path) -> Result<(), Error> {
    match private_options().create_new(true).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(cannot_open(path, &error)),
    }
}

/// Opens a file that is no database, and makes it, readable for its owner alone, where it is not
/// there.
pub(crate) fn open_private(path: &Path) -> Result<std::fs::File, Error> {
    let opened = private_options().create(true).truncate(false).open(path);
    opened.map_err(|error| cannot_open(path, &error))
}

fn private_options() -> std::fs::OpenOptions {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn cannot_open(path: &Path, error: &std::io::Error) -> Error {
    Error::unavailable(format!("cannot open {}: {error}", path.display()))
}

/// The answer, unless PostgreSQL is silent: then the connection is not to be used again.
pub(crate) async fn in_time<T>(answer: impl Future<Output = T>) -> Result<T, Error> {
    tokio::time::timeout(SILENCE, answer).await.map_err(Error::unavailable)
}

/// Whether a connection of the pool is of use. One that is silent is closed: it would keep its
/// place there for as long as the network is waited for.
async fn still_answers(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let answer = tokio::time::timeout(SILENCE_OF_IDLE, connection.ping()).await;
    Ok(matches!(answer, Ok(Ok(()))))
}

/// Whether a connection of the pool is of use. SQLite may undo a transaction by itself, as on a
/// full disk; sqlx's roll-back fails then, and it believes in that transaction for ever and begins
/// no other.
async fn has_begun_nothing(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    Ok(!connection.is_in_transaction())
}

/// Connects to PostgreSQL outside the pool.
pub(crate) async fn postgres_connection(url: &str) -> Result<PgConnection, Error> {
    let options = postgres_options(url)?;
    match tokio::time::timeout(PATIENCE, options.connect()).await {
        Ok(connection) => connection.map_err(failed),
        Err(late) => Err(Error::unavailable(late)),
    }
}

fn postgres_options(url: &str) -> Result<PgConnectOptions, Error> {
    // sqlx's own error repeats the URL, and with it the password.
    let options = PgConnectOptions::from_str(url).map_err(|_| {
        Error::invalid("store.url is not a PostgreSQL URL like postgres://user@host/database")
            .with_param("store.url")
    })?;
    let patience_ms = PATIENCE.as_millis().to_string();
    let abandoned_ms = ABANDONED.as_millis().to_string();
    Ok(options
        .application_name("tollgate")
        .options([
            ("statement_timeout", &patience_ms),
            ("lock_timeout", &patience_ms),
            ("idle_in_transaction_session_timeout", &abandoned_ms),
        ])
        .disable_statement_logging())
}

#[cfg(test)]
mod tests {
    use super::args;
    use crate::Target;
    use crate::conn::Conn;
    use tollgate_kernel::{Error, Kind};

    #[tokio::test]
    async fn a_connection_goes_on_after_a_rollback_alone() -> Result<(), Error> {
        let folder = tempfile::tempdir().map_err(Error::internal)?;
        let target = Target::Sqlite { data_dir: folder.path().to_owned() };
        let mut conn = Conn::open(&target).await?;
        conn.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)", Vec::new()).await?;
        let text = ("INSERT INTO t (a, b)", 2, "ON CONFLICT (a) DO NOTHING");

        conn.begin().await?;
        assert_eq!(
            conn.execute_values(text, args![1_i64, "x", 2_i64, None::<&str>, 1_i64, "y"]).await?,
            2
        );
        let twice = conn.execute("INSERT INTO t (a) VALUES ($1)", args![1_i64]).await;
        assert_eq!(twice.map_err(|error| error.kind()), Err(Kind::Conflict));
        assert!(conn.execute("INSERT INTO t (a) VALUES ($1)", args![3_i64]).await.is_err());
        assert!(conn.commit().await.is_err());
        conn.rollback().await?;
        assert!(conn.all("SELECT a FROM t", Vec::new()).await?.is_empty());

        conn.begin().await?;
        conn.execute_values(text, args![1_i64, "x", 2_i64, None::<&str>]).await?;
        conn.commit().await?;
        // What a begin finds open it undoes.
        conn.begin().await?;
        conn.execute("DELETE FROM t", Vec::new()).await?;
        conn.begin().await?;
        conn.rollback().await?;
        let rows = conn.all("SELECT a, b FROM t ORDER BY a", Vec::new()).await?;
        let read = |row: &super::Row| Ok((row.int("a")?, row.opt_text("b")?));
        let rows = rows.iter().map(read).collect::<Result<Vec<_>, Error>>()?;
        assert_eq!(rows, [(1, Some("x".to_owned())), (2, None)]);
        conn.close().await
    }
}
