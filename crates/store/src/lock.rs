//! One server on one store: the lock that a second one is refused by.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use tokio::task::AbortHandle;
use tollgate_kernel::{Error, Kind};

use crate::engine::{Statement, postgres};
use crate::sql::{Row, Value, args, in_time, open_private, postgres_connection};
use crate::{Target, dialect};

/// The name of the lock file in the data folder.
const LOCK_FILE: &str = "tollgate.lock";

/// How long a server that starts waits for PostgreSQL to notice that the one before it is gone.
const HANDOVER: Duration = Duration::from_secs(1);

/// How often the session that holds PostgreSQL's lock is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Why a store was not opened, as the source of the error. The command line has an exit code for
/// each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another process uses it.
    InUse,
    /// Its tables were made by a newer version of this program.
    NewerTables,
}

impl Refusal {
    /// The refusal behind `error`, if it is one.
    pub fn behind(error: &Error) -> Option<Self> {
        std::error::Error::source(error)?.downcast_ref().copied()
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::InUse => "another process uses this store",
            Self::NewerTables => "the tables are newer than this program",
        })
    }
}

impl std::error::Error for Refusal {}

/// The lock; it is free again when this is dropped or the process ends, however it ends.
pub(crate) enum Lock {
    /// An exclusive lock on a file.
    File {
        /// Kept open for the lock's sake.
        _file: std::fs::File,
    },
    /// An advisory lock of a PostgreSQL session.
    Session {
        /// Whether another server took the lock while the session was cut.
        lost: Arc<AtomicBool>,
        /// The task that owns the session.
        keeper: AbortHandle,
    },
}

impl Lock {
    /// Takes the lock, or says who has it.
    pub(crate) async fn take(target: &Target) -> Result<Self, Error> {
        match target {
            Target::Sqlite { data_dir } => {
                let file = open_private(&data_dir.join(LOCK_FILE))?;
                match file.try_lock() {
                    Ok(()) => Ok(Self::File { _file: file }),
                    Err(std::fs::TryLockError::WouldBlock) => {
                        Err(in_use(&format!("The data folder {}", data_dir.display())))
                    }
                    Err(std::fs::TryLockError::Error(error)) => Err(Error::unavailable(error)),
                }
            }
            Target::Postgres { url } => {
                let session = win(postgres_connection(url).await?).await?;
                let lost = Arc::new(AtomicBool::new(false));
                let keeping = keep(url.clone(), session, Arc::clone(&lost));
                Ok(Self::Session { lost, keeper: tokio::spawn(keeping).abort_handle() })
            }
        }
    }

    /// Whether the lock is still ours, as far as we know.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self {
            Self::Session { lost, .. } if lost.load(Ordering::Acquire) => {
                Err(in_use("The database"))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Self::Session { keeper, .. } = self {
            keeper.abort();
        }
    }
}

fn in_use(what: &str) -> Error {
    Error::new(
        Kind::Unavailable,
        format!(
            "{what} is in use by another Tollgate server. Stop that one first; one store serves \
             one server."
        ),
    )
    .with_source(Refusal::InUse)
}

/// A session that holds the lock.
struct Session {
    connection: PgConnection,
    /// What the database calls it.
    number: i64,
}

/// Takes the lock in the session of this connection.
async fn win(mut connection: PgConnection) -> Result<Session, Error> {
    let deadline = tokio::time::Instant::now() + HANDOVER;
    loop {
        let rows = ask(&mut connection, dialect::SERVER_LOCK_POSTGRES, Vec::new()).await?;
        let row = rows.first().ok_or_else(|| Error::internal("no row about the lock"))?;
        if row.flag("won")? {
            return Ok(Session { connection, number: row.int("session")? });
        }
        if tokio::time::Instant::now() >= deadline {
            return Err(in_use("The database"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The same after our session of this number was lost. Of one that fell silent the database may not
/// know, and keep the lock for it: then it is our own that is in use, and is ended.
async fn win_again(url: &str, lost: i64) -> Result<Session, Error> {
    let mut connection = postgres_connection(url).await?;
    ask(&mut connection, dialect::END_SESSION_POSTGRES, args![lost]).await?;
    win(connection).await
}

async fn ask(
    connection: &mut PgConnection,
    sql: &'static str,
    args: Vec<Value>,
) -> Result<Vec<Row>, Error> {
    let sql = sqlx::SqlStr::from_static(sql);
    in_time(postgres::all(connection, Statement { sql, args, keep: false })).await?
}

/// Owns the session. If it is cut or silent, the lock went with it: it is taken again, and when
/// somebody else has it by then, this server writes no more.
async fn keep(url: String, session: Session, lost: Arc<AtomicBool>) {
    let Session { connection, mut number } = session;
    let mut held = Some(connection);
    loop {
        tokio::time::sleep(LOOK).await;
        if let Some(connection) = &mut held
            && matches!(in_time(connection.ping()).await, Ok(Ok(())))
        {
            continue;
        }
        // What is silent now and speaks again later is not to be used.
        held = None;
        match win_again(&url, number).await {
            Ok(again) => {
                number = again.number;
                held = Some(again.connection);
            }
            Err(error) if Refusal::behind(&error).is_some() => {
                tracing::error!("another server has taken the database; this one writes no more");
                lost.store(true, Ordering::Release);
                return;
            }
            // The database is still away; look again.
            Err(_) => {}
        }
    }
}
