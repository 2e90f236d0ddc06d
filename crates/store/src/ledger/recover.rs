//! Boot: what a crash left in the journal becomes entries, in one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_kernel::{
    Account, CallId, Called, Charged, EntryKey, EntryState, Error, Holder, RequestId, Tally, Usage,
};

use super::batch::{AccountRef, Fold, Moved, Opened, Record, Settlement};
use super::commit::one_row;
use super::{LedgerStore, codec, entries};
use crate::sql::args;

/// What recovery found and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Calls that were in flight: charged their hold.
    pub interrupted: usize,
    /// Accounts that were charged for what the crash may have hidden.
    pub reserves: usize,
}

impl LedgerStore {
    /// Declares this node's earlier life over and settles what it left.
    pub(super) async fn recover(&mut self) -> Result<Recovered, Error> {
        self.conn.begin().await?;
        match self.replay().await {
            Ok(recovered) => {
                self.conn.commit().await?;
                Ok(recovered)
            }
            Err(error) => {
                let _ = self.conn.rollback().await;
                Err(error)
            }
        }
    }

    async fn replay(&mut self) -> Result<Recovered, Error> {
        self.boot = self.next_boot().await?;
        self.seq = 0;
        let folds = self.unfolded().await?;
        let mut recovered = Recovered { interrupted: folds.len(), reserves: 0 };
        entries::insert(&mut self.conn, &folds).await?;
        for moved in sums(&folds) {
            self.move_to_spent(&moved).await?;
        }
        self.return_leases(&mut recovered).await?;
        self.conn.execute("DELETE FROM journal WHERE node = $1", args![self.node]).await?;
        Ok(recovered)
    }

    async fn next_boot(&mut self) -> Result<i64, Error> {
        const BOOT: &str = "INSERT INTO node (id, boot, seq, expires_at) VALUES ($1, 1, 0, 0)
            ON CONFLICT (id) DO UPDATE SET boot = node.boot + 1, seq = 0
            RETURNING boot";
        let row = self.conn.optional(BOOT, args![self.node]).await?;
        row.ok_or_else(|| Error::internal("the node gave no row"))?.int("boot")
    }

    /// The calls of the journal that have no entry: they were in flight, and are charged their
    /// hold.
    async fn unfolded(&mut self) -> Result<Vec<Fold>, Error> {
        const JOURNAL: &str = "SELECT records FROM journal WHERE node = $1 ORDER BY seq";
        let mut open: BTreeMap<EntryKey, Arc<Opened>> = BTreeMap::new();
        for row in self.conn.all(JOURNAL, args![self.node]).await? {
            for record in codec::decode(&row.bytes("records")?)? {
                match record {
                    Record::Open(opened) => {
                        open.insert(opened.key, opened);
                    }
                    Record::Void(key) => {
                        open.remove(&key);
                    }
                }
            }
        }
        let mut folds = Vec::new();
        for (key, opened) in open {
            if !entries::exists(&mut self.conn, key).await? {
                let settlement = Arc::new(interrupted(&opened));
                folds.push(Fold { opened, settlement });
            }
        }
        Ok(folds)
    }

    /// Charges each armed lease its risk, at most what is left of it, and gives the rest back.
    async fn return_leases(&mut self, recovered: &mut Recovered) -> Result<(), Error> {
        const LEASES: &str = "SELECT budget, window_start, granted, risk FROM lease
            WHERE node = $1 ORDER BY budget, window_start";
        const RETURN: &str = "UPDATE account SET spent = spent + $1, leased = leased - $2
            WHERE budget = $3 AND window_start = $4";
        for row in self.conn.all(LEASES, args![self.node]).await? {
            let budget = row.text("budget")?;
            let (start, granted) = (row.int("window_start")?, row.int("granted")?);
            let reserve = row.int("risk")?.min(granted).max(0);
            let changed =
                self.conn.execute(RETURN, args![reserve, granted, budget.as_str(), start]).await?;
            one_row(changed, "account", &budget)?;
            if reserve > 0 {
                recovered.reserves += 1;
                let fold = self.crash_reserve(&budget, reserve);
                entries::insert_reserve(&mut self.conn, &fold, &budget, start).await?;
            }
        }
        self.conn.execute("DELETE FROM lease WHERE node = $1", args![self.node]).await?;
        Ok(())
    }

    fn crash_reserve(&self, budget: &str, reserve: i64) -> Fold {
        let call = CallId::new(&*self.clock, &*self.rng);
        let key = EntryKey { call, attempt: 0 };
        let (user, charged) = match Account::parse_budget(budget) {
            Some((Holder::User(id), unit, _)) => (Some(id), Charged::in_unit(unit, reserve)),
            Some((_, unit, _)) => (None, Charged::in_unit(unit, reserve)),
            None => (None, Charged::default()),
        };
        let opened = Opened {
            key,
            at: self.clock.now(),
            request: RequestId::from_uuid(call.uuid()),
            user,
            client: None,
            api_key: None,
            group: None,
            called: Called::Model("".into()),
            upstream: None,
            priced: charged.money > 0,
            hold: charged,
            legs: Vec::new(),
        };
        let tally = Tally {
            state: EntryState::CrashReserve,
            usage: Usage::default(),
            cost_nano: (charged.money > 0).then_some(charged.money),
            charged,
            excess: false,
        };
        let settlement = Settlement { key, tally, charges: Vec::new() };
        Fold { opened: Arc::new(opened), settlement: Arc::new(settlement) }
    }
}

/// A call that was in flight is charged all that it held.
fn interrupted(opened: &Opened) -> Settlement {
    let tally = Tally {
        state: EntryState::Interrupted,
        usage: Usage::default(),
        cost_nano: opened.priced.then_some(opened.hold.money),
        charged: opened.hold,
        excess: false,
    };
    let charges = opened.legs.iter().map(|leg| leg.hold).collect();
    Settlement { key: opened.key, tally, charges }
}

/// What folds move from leased to spent: one row for each account, in the order of their keys.
pub(super) fn sums(folds: &[Fold]) -> Vec<Moved> {
    let mut by_account: BTreeMap<&AccountRef, i64> = BTreeMap::new();
    for fold in folds {
        for (leg, charge) in fold.opened.legs.iter().zip(&fold.settlement.charges) {
            *by_account.entry(&leg.account).or_default() += charge;
        }
    }
    by_account
        .into_iter()
        .filter(|(_, amount)| *amount != 0)
        .map(|(account, amount)| Moved { account: account.clone(), amount })
        .collect()
}
