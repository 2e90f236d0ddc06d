//! The store of one test, and ways to get in its way.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tollgate_store::Target;
use url::Url;

use crate::line::Line;

/// The environment variable that names a PostgreSQL server where databases may be made.
const POSTGRES: &str = "TOLLGATE_TEST_POSTGRES";

/// Which store a server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Files in a temporary folder.
    Sqlite,
    /// A database of its own on the server that the environment names.
    Postgres,
}

/// A store that belongs to one test.
pub enum Database {
    /// In this folder.
    Sqlite(PathBuf),
    /// On this server, under this name.
    Postgres {
        /// The server's own URL.
        server: String,
        /// The database.
        name: String,
        /// The URL of the database.
        url: String,
        /// The way of our server to it, where a test asked for one that can be made silent.
        line: Option<Line>,
    },
}

impl Database {
    /// Makes one; where it has connections and `with_line` says so, they go by a [`Line`].
    pub(crate) async fn make(engine: Engine, folder: &TempDir, with_line: bool) -> Result<Self> {
        if engine == Engine::Sqlite {
            return Ok(Self::Sqlite(folder.path().to_owned()));
        }
        let server = std::env::var(POSTGRES).map_err(|_| {
            anyhow!(
                "{POSTGRES} is not set: it must hold the URL of a PostgreSQL server on which \
                 databases may be made, like postgres://postgres@127.0.0.1:5432/postgres"
            )
        })?;
        let name = folder.path().file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // Folders differ by the case of letters, names of databases do not: so the id goes along.
        let name: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
        let name = format!("tollgate_it_{name}");
        psql(&server, &format!("CREATE DATABASE {name}")).await?;
        let mut url = Url::parse(&server)?;
        url.set_path(&name);
        let line = if with_line { Some(Line::lay(&url).await?) } else { None };
        Ok(Self::Postgres { server, name, url: url.into(), line })
    }

    /// Where the server finds it.
    pub(crate) fn target(&self) -> Result<Target> {
        Ok(match self {
            Self::Sqlite(data_dir) => Target::Sqlite { data_dir: data_dir.clone() },
            Self::Postgres { url, line: Some(line), .. } => {
                Target::Postgres { url: line.url(url)? }
            }
            Self::Postgres { url, line: None, .. } => Target::Postgres { url: url.clone() },
        })
    }

    /// The line to it, if there is one.
    pub fn line(&self) -> Option<&Line> {
        match self {
            Self::Postgres { line, .. } => line.as_ref(),
            Self::Sqlite(_) => None,
        }
    }

    /// Removes what does not go with the folder.
    pub(crate) async fn remove(&self) -> Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres { server, name, .. } => {
                psql(server, &format!("DROP DATABASE {name} WITH (FORCE)")).await.map(drop)
            }
        }
    }

    /// Locks the ledger's tables from another connection, until the lock is released.
    pub async fn lock_ledger(&self) -> Result<Locked> {
        match self {
            Self::Sqlite(folder) => {
                let file = folder.join("ledger.db");
                let taken = tokio::task::spawn_blocking(move || {
                    let connection = Connection::open(file)?;
                    connection.busy_timeout(Duration::from_secs(5))?;
                    connection.execute_batch("BEGIN IMMEDIATE")?;
                    Ok::<_, rusqlite::Error>(Locked::Here(connection))
                });
                Ok(taken.await??)
            }
            Self::Postgres { .. } => self.lock_table("node").await,
        }
    }

    /// Runs a statement behind the server's back, outside the ledger.
    pub async fn run(&self, sql: &'static str) -> Result<()> {
        match self {
            Self::Sqlite(folder) => {
                let file = folder.join("tollgate.db");
                let done = tokio::task::spawn_blocking(move || {
                    let connection = Connection::open(file)?;
                    connection.busy_timeout(Duration::from_secs(5))?;
                    connection.execute_batch(sql)
                });
                Ok(done.await??)
            }
            Self::Postgres { url, .. } => psql(url, sql).await.map(drop),
        }
    }

    /// What PostgreSQL answers to a statement, as text. An error on SQLite.
    pub async fn ask(&self, sql: &str) -> Result<String> {
        match self {
            Self::Sqlite(_) => Err(anyhow!("this asks PostgreSQL")),
            Self::Postgres { url, .. } => psql(url, sql).await,
        }
    }

    /// All that is in the database, as the program says it that makes copies of PostgreSQL's. An
    /// error on SQLite, whose files can be read.
    pub async fn dump(&self) -> Result<Vec<u8>> {
        let Self::Postgres { url, .. } = self else { return Err(anyhow!("this asks PostgreSQL")) };
        let done = Command::new("pg_dump").arg(url).output().await?;
        if done.status.success() {
            return Ok(done.stdout);
        }
        Err(anyhow!("pg_dump: {}", String::from_utf8_lossy(&done.stderr)))
    }

    /// Locks a table of PostgreSQL from another connection, for readers too, until the lock is
    /// released. An error on SQLite.
    pub async fn lock_table(&self, table: &str) -> Result<Locked> {
        let Self::Postgres { url, .. } = self else { return Err(anyhow!("this asks PostgreSQL")) };
        let mut command = Command::new("psql");
        command.args([url, "-qAt"]);
        let lock =
            format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; SELECT 'locked';\n");
        Locked::take(command, &lock).await
    }

    /// Cuts every connection that the server has to the database; how many there were is the
    /// answer. An error on SQLite, which has none.
    pub async fn cut_connections(&self) -> Result<usize> {
        match self {
            Self::Sqlite(_) => Err(anyhow!("SQLite has no connections to cut")),
            Self::Postgres { server, name, .. } => {
                let sql = format!(
                    "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) \
                     FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"
                );
                let cut = psql(server, &sql).await?;
                cut.trim().parse().with_context(|| format!("{cut:?} is no number"))
            }
        }
    }

    /// The files of the store, where it has any.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        let Self::Sqlite(folder) = self else { return Ok(Vec::new()) };
        let is_ours = |path: &Path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.contains(".db")
        };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            files.push(entry?.path());
        }
        files.retain(|path| is_ours(path));
        Ok(files)
    }
}

/// A lock that somebody else holds. Dropped, it is given back.
pub enum Locked {
    /// A connection of this process to a file of SQLite's, in a transaction.
    Here(Connection),
    /// Another process, with the client that comes with PostgreSQL.
    There(Child),
}

impl Locked {
    async fn take(mut command: Command, sql: &str) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("cannot start the database's client")?;
        let stdin = child.stdin.as_mut().context("no standard input")?;
        stdin.write_all(sql.as_bytes()).await?;
        stdin.flush().await?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        while let Some(line) = lines.next_line().await? {
            if line == "locked" {
                return Ok(Self::There(child));
            }
        }
        Err(anyhow!("the lock was not given"))
    }

    /// Gives the lock back.
    pub async fn release(self) -> Result<()> {
        match self {
            Self::Here(connection) => connection.execute_batch("ROLLBACK")?,
            Self::There(mut child) => {
                drop(child.stdin.take());
                child.wait().await?;
            }
        }
        Ok(())
    }
}

/// Runs a statement with the client that comes with PostgreSQL.
async fn psql(server: &str, sql: &str) -> Result<String> {
    let done = Command::new("psql").args([server, "-qAtc", sql]).output().await?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    Err(anyhow!("psql: {}", String::from_utf8_lossy(&done.stderr)))
}
