//! Opening the store: lock, tables, connections.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tollgate_kernel::{Clock, Error};
use tollgate_root::Root;

use crate::lock::Lock;
use crate::sql::{Db, File};
use crate::{Actor, Target, Tx, migrate};

/// What the store needs to be opened.
pub struct Options {
    /// Where the state lives.
    pub target: Target,
    /// What tells the time of records.
    pub clock: Arc<dyn Clock>,
    /// How long a [`Tx`] may stay open; then it is rolled back, so that nobody holds the only
    /// writer for long.
    pub deadline: Duration,
}

impl Options {
    /// The usual deadline: two seconds.
    pub fn new(target: Target, clock: Arc<dyn Clock>) -> Self {
        Self { target, clock, deadline: crate::sql::PATIENCE }
    }
}

/// Reads. It hands out no lock and changes nothing, so that it may be cloned and lent.
#[derive(Clone)]
pub struct Reader {
    pub(crate) db: Db,
    // The store stays locked as long as anybody can read it.
    lock: Arc<Lock>,
}

/// Writes. There is one, and the gate owns it.
pub struct Writer {
    pub(crate) db: Db,
    pub(crate) clock: Arc<dyn Clock>,
    lock: Arc<Lock>,
    deadline: Duration,
}

/// Opens the store and brings its tables to the newest version; a data folder that is not there is
/// made, readable for its owner alone.
///
/// Fails as unavailable, with a [`crate::Refusal`] as source, when another process uses the store
/// or a newer program made its tables; without one, when it cannot be reached.
pub async fn open(_: &Root, options: Options) -> Result<(Reader, Writer), Error> {
    let Options { target, clock, deadline } = options;
    if let Target::Sqlite { data_dir } = &target {
        create_folder(data_dir)?;
    }
    let lock = Arc::new(Lock::take(&target).await?);
    migrate::run_main(&target).await?;
    let db = Db::open(&target, File::Main).await?;
    let reader = Reader { db: db.clone(), lock: Arc::clone(&lock) };
    Ok((reader, Writer { db, clock, lock, deadline }))
}

impl Reader {
    /// Whether the store answers.
    pub async fn ping(&self) -> Result<(), Error> {
        self.lock.check()?;
        self.db.one("SELECT COUNT(*) AS n FROM counters", Vec::new()).await.map(drop)
    }

    /// Closes all connections, in good order, when the server stops. Whoever reads or writes
    /// afterwards is told that the store is away.
    pub async fn close(&self) {
        self.db.close().await;
    }
}

impl Writer {
    /// Begins a transaction in the name of `actor`. Compute first, then begin: it has a deadline.
    pub async fn begin(&self, actor: Actor) -> Result<Tx, Error> {
        self.lock.check()?;
        Tx::begin(&self.db, actor, self.clock.now(), self.deadline).await
    }

    /// Begins a transaction that is no act of management.
    pub(crate) async fn begin_upkeep(&self) -> Result<crate::sql::Transaction, Error> {
        self.lock.check()?;
        self.db.begin().await
    }
}

fn create_folder(folder: &Path) -> Result<(), Error> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| {
        Error::unavailable(format!("cannot make the data folder {}: {error}", folder.display()))
    })
}
