//! The ledger's tables and transactions: accounts, leases, the journal, entries.
//!
//! Each method is one transaction; the rules are in `docs/explanation/ledger.md`. On SQLite the
//! tables are a file of their own, so that a page's write never delays a call's first byte. One
//! [`LedgerStore`] belongs to one thread, the only writer of this node's rows.

mod batch;
mod codec;
mod commit;
mod entries;
mod queries;
mod recover;
mod schema;

pub use batch::{
    AccountRef, Attempt, Batch, Decision, Fold, Grant, LeaseChange, Leg, Moved, Opened, Outcome,
    Record, Refill, Settlement,
};
pub use commit::Committed;
pub use entries::{EntryFilter, EntryRow, LedgerReader, Standing, UsageRow, UsageSplit};
pub use recover::Recovered;

use std::sync::Arc;

use tollgate_kernel::{Clock, Error, Rng};
use tollgate_root::Root;

use crate::Target;
use crate::conn::Conn;
use crate::sql::{Db, File};

/// The ledger's one writer of this node.
pub struct LedgerStore {
    conn: Conn,
    target: Target,
    node: &'static str,
    boot: i64,
    seq: i64,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
}

/// The only node so far. Several nodes will have names of their own.
const NODE: &str = "main";

/// How long a node may be silent before others recover it.
const NODE_TTL_S: u64 = 10;

/// Where the ledger is. Opened by the thread that will write it, for a connection belongs to the
/// runtime that made it.
pub struct LedgerSource {
    target: Target,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
}

impl LedgerSource {
    /// Opens the tables and recovers what a crash left behind. On `Err` nothing was changed.
    pub async fn open(self) -> Result<(LedgerStore, Recovered), Error> {
        let Self { target, clock, rng } = self;
        let conn = Conn::open(&target).await?;
        let mut store = LedgerStore { conn, target, node: NODE, boot: 0, seq: 0, clock, rng };
        let recovered = store.recover().await?;
        Ok((store, recovered))
    }
}

/// Makes the ledger's tables where they are missing, and gives what reads them and what opens them
/// for writing.
pub async fn open(
    _: &Root,
    target: Target,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
) -> Result<(LedgerReader, LedgerSource), Error> {
    let mut conn = Conn::open(&target).await?;
    schema::migrate(&mut conn).await?;
    conn.close().await?;
    let reader = LedgerReader::new(Db::open(&target, File::Ledger).await?);
    Ok((reader, LedgerSource { target, clock, rng }))
}
