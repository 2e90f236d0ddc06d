//! What a server's ledger has to say, for tests to compare.

use std::time::Duration;

use anyhow::{Result, anyhow};
use tollgate_gate::BudgetStanding;
use tollgate_kernel::EntryState;
use tollgate_server::demo_model::{Line, read_meter};
use tollgate_store::ledger::{AccountRef, EntryFilter, EntryRow, Standing};

use crate::TestServer;
use crate::server::METER;

/// How long entries may take to be seen: the issue says two seconds; the rest is for a machine that
/// is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(10);

impl TestServer {
    /// The entries so far, newest first.
    pub async fn entries_now(&self) -> Result<Vec<EntryRow>> {
        let reader = self.gate.entries(&self.system);
        Ok(reader.entries(&EntryFilter::default(), 100_000).await?)
    }

    /// The entries, once there are `count` of them. An error where there are more or it takes too
    /// long.
    pub async fn entries(&self, count: usize) -> Result<Vec<EntryRow>> {
        self.entries_within(count, PATIENCE).await
    }

    /// The same with more patience.
    pub async fn entries_within(&self, count: usize, patience: Duration) -> Result<Vec<EntryRow>> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let rows = self.entries_now().await?;
            if rows.len() == count {
                return Ok(rows);
            }
            if rows.len() > count || tokio::time::Instant::now() > deadline {
                return Err(anyhow!("{} entries, not {count}: {rows:#?}", rows.len()));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The entry of the call that was answered with this `x-request-id`.
    pub async fn entry_of(&self, request_id: &str) -> Result<EntryRow> {
        let filter = EntryFilter { request: Some(request_id.to_owned()), ..EntryFilter::default() };
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let mut rows = self.gate.entries(&self.system).entries(&filter, 10).await?;
            match (rows.pop(), rows.len()) {
                (Some(row), 0) => return Ok(row),
                (None, _) if tokio::time::Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                _ => return Err(anyhow!("not one entry of request {request_id}")),
            }
        }
    }

    /// What the demo model metered call by call, once no call is under way.
    pub async fn metered(&self, patience: Duration) -> Result<Vec<Line>> {
        let deadline = tokio::time::Instant::now() + patience;
        while self.model.totals().open > 0 {
            if tokio::time::Instant::now() > deadline {
                return Err(anyhow!("{} calls are still open", self.model.totals().open));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(read_meter(&self.folder().join(METER))?)
    }

    /// What is left of each budget that counts for this key.
    pub async fn limits(&self, key: &str) -> Result<Vec<BudgetStanding>> {
        let principal = self.principal(key).await?;
        Ok(self.gate.limits(&principal).await?)
    }

    /// What the database says of a budget's account.
    pub async fn standing(&self, budget: &BudgetStanding) -> Result<Standing> {
        let row = AccountRef::from(&*budget.account);
        Ok(self.gate.entries(&self.system).standing(&row).await?)
    }

    /// The limits of this key, once nothing is held and all entries are folded.
    pub async fn settled_limits(&self, key: &str) -> Result<Vec<BudgetStanding>> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let limits = self.limits(key).await?;
            let mut folded = true;
            for budget in &limits {
                folded &= budget.held == 0 && self.standing(budget).await?.spent == budget.used;
            }
            if folded {
                return Ok(limits);
            }
            if tokio::time::Instant::now() > deadline {
                return Err(anyhow!("calls are still open: {limits:?}"));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// How many of `entries` are in this state.
pub fn count(entries: &[EntryRow], state: EntryState) -> usize {
    entries.iter().filter(|entry| entry.state == state).count()
}
