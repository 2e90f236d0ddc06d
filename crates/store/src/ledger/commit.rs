//! One commit: fence, fold, leases, attempts, refills, journal. All of it, or nothing.

use std::collections::HashMap;
use std::time::Duration;

use tollgate_kernel::Error;

use super::batch::{
    AccountRef, Attempt, Batch, Decision, Grant, LeaseChange, Moved, Outcome, Record, Refill,
};
use super::{LedgerStore, NODE_TTL_S, codec, entries};
use crate::conn::Conn;
use crate::sql::args;

/// What became of a commit.
#[derive(Debug)]
pub enum Committed {
    /// It is durable.
    Done(Outcome),
    /// This node was declared dead meanwhile: nothing was written, and memory is worth nothing.
    Fenced,
}

impl LedgerStore {
    /// Commits `batch`. After an `Err` the caller hands in the same batch again: if the first try
    /// had reached the disk and only its answer was lost, that answer is returned.
    pub async fn commit(&mut self, batch: &Batch) -> Result<Committed, Error> {
        let seq = self.seq + 1;
        self.begin().await?;
        match self.write(batch, seq).await {
            Ok(Committed::Done(outcome)) => {
                self.conn.commit().await?;
                self.seq = seq;
                Ok(Committed::Done(outcome))
            }
            Ok(Committed::Fenced) => {
                self.conn.rollback().await?;
                Ok(Committed::Fenced)
            }
            Err(error) => {
                // The first error is the one that tells; a failed rollback ends with the
                // connection.
                let _ = self.conn.rollback().await;
                Err(error)
            }
        }
    }

    /// Begins a transaction, on a new connection where the old one was cut.
    async fn begin(&mut self) -> Result<(), Error> {
        match self.conn.begin().await {
            // A file has no connection that could be cut.
            Err(_) if self.conn.is_postgres() => {
                self.conn = Conn::open(&self.target).await?;
                self.conn.begin().await
            }
            begun => begun,
        }
    }

    async fn write(&mut self, batch: &Batch, seq: i64) -> Result<Committed, Error> {
        if !self.fence(seq).await? {
            return self.earlier_outcome(seq).await;
        }
        entries::insert(&mut self.conn, &batch.folds).await?;
        for moved in &batch.moved {
            self.move_to_spent(moved).await?;
        }
        for change in &batch.leases {
            self.change_lease(change).await?;
        }
        for (call, at) in &batch.releases {
            entries::release(&mut self.conn, *call, *at).await?;
        }
        let mut outcome = Outcome { seq, ..Outcome::default() };
        let mut offers = batch.offers.clone();
        for attempt in &batch.attempts {
            outcome.decisions.push(self.attempt(attempt, &mut offers).await?);
        }
        for refill in &batch.refills {
            outcome.grants.push(self.refill(refill).await?);
        }
        self.append(batch, &outcome).await?;
        if let Some(trim) = batch.trim {
            const TRIM: &str = "DELETE FROM journal WHERE node = $1 AND seq <= $2";
            self.conn.execute(TRIM, args![self.node, trim]).await?;
        }
        Ok(Committed::Done(outcome))
    }

    /// Whether this commit is the next one of a node that still counts.
    async fn fence(&mut self, seq: i64) -> Result<bool, Error> {
        const FENCE: &str = "UPDATE node SET seq = $1, expires_at = $2
            WHERE id = $3 AND boot = $4 AND seq = $5";
        let expires = self.clock.now().plus(Duration::from_secs(NODE_TTL_S));
        let args = args![seq, expires, self.node, self.boot, seq - 1];
        Ok(self.conn.execute(FENCE, args).await? == 1)
    }

    /// The outcome of this very commit, when it was made before and the answer was lost.
    async fn earlier_outcome(&mut self, seq: i64) -> Result<Committed, Error> {
        const SAME: &str = "SELECT seq FROM node WHERE id = $1 AND boot = $2 AND seq = $3";
        if self.conn.optional(SAME, args![self.node, self.boot, seq]).await?.is_none() {
            return Ok(Committed::Fenced);
        }
        const OUTCOME: &str = "SELECT outcome FROM journal WHERE node = $1 AND seq = $2";
        let outcome = match self.conn.optional(OUTCOME, args![self.node, seq]).await? {
            Some(row) => codec::decode_outcome(seq, &row.bytes("outcome")?)?,
            None => Outcome { seq, ..Outcome::default() },
        };
        Ok(Committed::Done(outcome))
    }

    /// Moves what a call cost from this node's lease of an account to what is spent of it.
    pub(super) async fn move_to_spent(&mut self, moved: &Moved) -> Result<(), Error> {
        const ACCOUNT: &str = "UPDATE account SET spent = spent + $1, leased = leased - $1
            WHERE budget = $2 AND window_start = $3";
        const LEASE: &str = "UPDATE lease SET granted = granted - $1
            WHERE node = $2 AND budget = $3 AND window_start = $4";
        let AccountRef { budget, start_us, .. } = &moved.account;
        let changed = self.conn.execute(ACCOUNT, args![moved.amount, &**budget, *start_us]).await?;
        one_row(changed, "account", budget)?;
        let args = args![moved.amount, self.node, &**budget, *start_us];
        one_row(self.conn.execute(LEASE, args).await?, "lease", budget)
    }

    async fn change_lease(&mut self, change: &LeaseChange) -> Result<(), Error> {
        const LEASE: &str = "UPDATE lease SET granted = granted - $1, risk = COALESCE($2, risk)
            WHERE node = $3 AND budget = $4 AND window_start = $5";
        const GONE: &str = "DELETE FROM lease WHERE node = $1 AND budget = $2
            AND window_start = $3 AND granted = 0 AND risk = 0";
        let AccountRef { budget, start_us, .. } = &change.account;
        let args = args![change.back, change.risk, self.node, &**budget, *start_us];
        one_row(self.conn.execute(LEASE, args).await?, "lease", budget)?;
        if change.back != 0 {
            const ACCOUNT: &str = "UPDATE account SET leased = leased - $1
                WHERE budget = $2 AND window_start = $3";
            let args = args![change.back, &**budget, *start_us];
            one_row(self.conn.execute(ACCOUNT, args).await?, "account", budget)?;
        }
        if change.ends {
            self.conn.execute(GONE, args![self.node, &**budget, *start_us]).await?;
        }
        Ok(())
    }

    /// Lets a call in with all of its accounts, or says which one stands in its way.
    async fn attempt(
        &mut self,
        attempt: &Attempt,
        offers: &mut HashMap<AccountRef, i64>,
    ) -> Result<Decision, Error> {
        let legs = &attempt.opened.legs;
        let mut leased = Vec::with_capacity(legs.len());
        let mut in_use = None;
        for (at, (leg, limit)) in legs.iter().zip(&attempt.limits).enumerate() {
            let row = lock_account(&mut self.conn, &leg.account, *limit).await?;
            if row.spent + leg.hold > *limit {
                return Ok(Decision::Exhausted { leg: at, left: (limit - row.spent).max(0) });
            }
            let own = offers.get(&leg.account).map_or(0, |offer| leg.hold.min(*offer));
            let missing = leg.hold - own;
            let left = limit - row.spent - row.leased;
            // A shortfall of zero asks nothing, also above a limit that was lowered meanwhile.
            if missing > 0 && missing > left && in_use.is_none() {
                in_use = Some(Decision::InUse { leg: at, left: (left + own).max(0) });
            }
            leased.push(missing);
        }
        if let Some(refusal) = in_use {
            return Ok(refusal);
        }
        for (leg, missing) in legs.iter().zip(&leased) {
            if *missing > 0 {
                self.lease(&leg.account, *missing, None).await?;
            }
            if let Some(offer) = offers.get_mut(&leg.account) {
                *offer -= leg.hold - missing;
            }
        }
        Ok(Decision::Granted { leased })
    }

    async fn refill(&mut self, refill: &Refill) -> Result<Grant, Error> {
        let row = lock_account(&mut self.conn, &refill.account, refill.limit).await?;
        let granted = (refill.limit - row.spent - row.leased) / 2;
        if granted < refill.hold.saturating_mul(2) {
            return Ok(Grant { granted: 0 });
        }
        self.lease(&refill.account, granted, Some(refill.risk)).await?;
        Ok(Grant { granted })
    }

    /// Moves `amount` of an account into this node's lease. The account's row is locked. The
    /// lease's
    /// risk is never lowered by it: memory may use a higher one that this very commit stores.
    async fn lease(
        &mut self,
        account: &AccountRef,
        amount: i64,
        risk: Option<i64>,
    ) -> Result<(), Error> {
        const ACCOUNT: &str = "UPDATE account SET leased = leased + $1
            WHERE budget = $2 AND window_start = $3";
        const LEASE: &str =
            "INSERT INTO lease (node, budget, window_start, granted, risk, answered)
            VALUES ($1, $2, $3, $4, COALESCE($5, 0), 0)
            ON CONFLICT (node, budget, window_start) DO UPDATE SET
                granted = lease.granted + excluded.granted,
                risk = CASE WHEN excluded.risk > lease.risk THEN excluded.risk
                    ELSE lease.risk END";
        let AccountRef { budget, start_us, .. } = account;
        let changed = self.conn.execute(ACCOUNT, args![amount, &**budget, *start_us]).await?;
        one_row(changed, "account", budget)?;
        let args = args![self.node, &**budget, *start_us, amount, risk];
        one_row(self.conn.execute(LEASE, args).await?, "lease", budget)
    }

    /// Appends the journal row: the batch's records, then the opens that were let in.
    async fn append(&mut self, batch: &Batch, outcome: &Outcome) -> Result<(), Error> {
        let admitted: Vec<Record> = batch
            .attempts
            .iter()
            .zip(&outcome.decisions)
            .filter(|(_, decision)| matches!(decision, Decision::Granted { .. }))
            .map(|(attempt, _)| Record::Open(attempt.opened.clone()))
            .collect();
        let speaks = !outcome.decisions.is_empty() || !outcome.grants.is_empty();
        if batch.records.is_empty() && !speaks {
            return Ok(());
        }
        const APPEND: &str =
            "INSERT INTO journal (node, seq, records, outcome) VALUES ($1, $2, $3, $4)";
        let records = codec::encode(batch.records.iter().chain(&admitted));
        let answer = codec::encode_outcome(outcome);
        self.conn.execute(APPEND, args![self.node, outcome.seq, records, answer]).await?;
        Ok(())
    }
}

/// What an account has given away.
struct AccountRow {
    spent: i64,
    leased: i64,
}

/// Reads an account's row and keeps it locked until the commit; makes it where it is missing, and
/// gives it the limit that the policy has.
async fn lock_account(
    conn: &mut Conn,
    account: &AccountRef,
    limit: i64,
) -> Result<AccountRow, Error> {
    const LOCK: &str = "INSERT INTO account
        (budget, window_start, window_end, limit_n, spent, leased, asked, asked_until)
        VALUES ($1, $2, $3, $4, 0, 0, 0, 0)
        ON CONFLICT (budget, window_start) DO UPDATE SET limit_n = excluded.limit_n
        RETURNING spent, leased";
    let AccountRef { budget, start_us, end_us } = account;
    let row = conn.optional(LOCK, args![&**budget, *start_us, *end_us, limit]).await?;
    let row = row.ok_or_else(|| Error::internal("an account gave no row"))?;
    Ok(AccountRow { spent: row.int("spent")?, leased: row.int("leased")? })
}

/// Checks that a statement changed exactly one row.
pub(super) fn one_row(changed: u64, table: &str, id: &str) -> Result<(), Error> {
    if changed == 1 {
        return Ok(());
    }
    Err(Error::internal(format!("{changed} rows of {table} changed for {id}, not one")))
}
