//! The figures in memory: what is granted to this node, held by calls, settled but not yet folded.
//!
//! For each account, in its own unit: `free = granted - held`. A crash may hide at most
//! `risk`, so a call overlaps with its upstream only while `unjournalled + hold <= risk` in every
//! account.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tollgate_kernel::{
    Account, CallId, Called, Charged, ClientId, EntryKey, KeyId, RequestId, Slug, Timestamp, UserId,
};
use tollgate_store::ledger::{AccountRef, Decision, Fold, Leg, Opened, Record};

use super::charge::Charge;
use super::ticket::Ticket;
use crate::figures::LedgerFigures;
use crate::{FastMap, FastSet};

/// Records that make a commit worth while though nobody waits.
const FULL_QUEUE: usize = 64;

/// Settled calls that make a fold worth while.
pub(super) const FULL_FOLD: usize = 256;

/// What a call asks of the ledger.
#[derive(Clone)]
pub(crate) struct Ask {
    /// The call and its first attempt.
    pub(crate) key: EntryKey,
    /// When it is reserved.
    pub(crate) at: Timestamp,
    /// The answer's `x-request-id`.
    pub(crate) request: RequestId,
    /// The person.
    pub(crate) user: Option<UserId>,
    /// The app.
    pub(crate) client: Option<ClientId>,
    /// The key.
    pub(crate) api_key: Option<KeyId>,
    /// The group whose plan is in effect.
    pub(crate) group: Option<Slug>,
    /// What was asked for.
    pub(crate) called: Called,
    /// The upstream that would be called first.
    pub(crate) upstream: Option<Slug>,
    /// Whether the model has a price.
    pub(crate) priced: bool,
    /// The most that the call can come to.
    pub(crate) hold: Charged,
    /// Its accounts, in the order of their keys.
    pub(crate) legs: Arc<[LegAsk]>,
}

/// One account of a call.
#[derive(Clone)]
pub(crate) struct LegAsk {
    /// The account.
    pub(crate) account: Arc<Account>,
    /// Its key in the store.
    pub(crate) row: AccountRef,
    /// The budget's limit in the policy of the moment.
    pub(crate) limit: i64,
    /// Which policy that is; limits of older ones no longer count.
    pub(crate) policy: u64,
}

impl Ask {
    /// The record that the journal gets, for this attempt.
    pub(super) fn opened(&self, key: EntryKey, upstream: Option<Slug>) -> Opened {
        let legs = self
            .legs
            .iter()
            .map(|leg| Leg { account: leg.row.clone(), hold: self.hold.of(leg.account.unit) });
        Opened {
            key,
            at: self.at,
            request: self.request,
            user: self.user,
            client: self.client,
            api_key: self.api_key,
            group: self.group.clone(),
            called: self.called.clone(),
            upstream,
            priced: self.priced,
            hold: self.hold,
            legs: legs.collect(),
        }
    }
}

/// An account in memory.
pub(super) struct Cell {
    pub(super) account: Arc<Account>,
    pub(super) row: AccountRef,
    /// The limit in effect, and of which policy it is.
    pub(super) limit: i64,
    pub(super) policy: u64,
    pub(super) granted: i64,
    pub(super) held: i64,
    /// What calls came to that are over, and what they hold until they are folded.
    pub(super) settled: i64,
    pub(super) settled_hold: i64,
    pub(super) unjournalled: i64,
    pub(super) risk: i64,
    /// The risk that this account's traffic would need.
    pub(super) risk_wanted: i64,
    /// Calls that refer to this cell; it stays while there are any.
    pub(super) uses: u32,
    /// Opens since the last checkpoint.
    pub(super) opens: u32,
    /// A typical hold, for refills.
    pub(super) hold: i64,
    /// A lease row exists.
    pub(super) leased: bool,
    pub(super) wants_refill: bool,
    /// The last refill came to nothing: not asked again before this moment.
    pub(super) dry_until: Duration,
    /// Its lease is being given back: nothing may be taken.
    pub(super) closing: bool,
    pub(super) touched: Duration,
}

impl Cell {
    fn new(leg: &LegAsk) -> Self {
        Self {
            account: leg.account.clone(),
            row: leg.row.clone(),
            limit: leg.limit,
            policy: leg.policy,
            granted: 0,
            held: 0,
            settled: 0,
            settled_hold: 0,
            unjournalled: 0,
            risk: 0,
            risk_wanted: 0,
            uses: 0,
            opens: 0,
            hold: 0,
            leased: false,
            wants_refill: false,
            dry_until: Duration::ZERO,
            closing: false,
            touched: Duration::ZERO,
        }
    }

    pub(super) fn free(&self) -> i64 {
        self.granted - self.held
    }

    /// Whether the slice runs low for holds of this size.
    fn runs_low(&self, hold: i64) -> bool {
        self.free() < hold.saturating_mul(8)
    }
}

/// What memory knows of an account, for `GET limits`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CellView {
    /// Leased to this node.
    pub(crate) granted: i64,
    /// Held by calls in flight.
    pub(crate) held: i64,
    /// Settled, not yet folded into the account.
    pub(crate) settled: i64,
}

/// A call that waits for the database's word.
pub(super) struct Waiter {
    pub(super) ask: Arc<Ask>,
    pub(super) answer: oneshot::Sender<Result<Charge, Decision>>,
}

/// A waiter with its place in memory.
pub(super) struct Queued {
    pub(super) waiter: Waiter,
    pub(super) cells: Arc<[usize]>,
}

/// An open record on its way to the disk.
pub(super) struct OpenRecord {
    pub(super) ticket: Arc<Ticket>,
    pub(super) cells: Arc<[usize]>,
    pub(super) holds: Arc<[i64]>,
    pub(super) covered: bool,
}

/// All of it, behind one lock.
#[derive(Default)]
pub(super) struct Memory {
    cells: Vec<Option<Cell>>,
    vacant: Vec<usize>,
    index: FastMap<Arc<Account>, usize>,
    /// Records for the next commit, in the order of memory; opens with their tickets beside them.
    pub(super) records: Vec<Record>,
    pub(super) opens: Vec<OpenRecord>,
    /// Settled calls whose entries are to be written.
    pub(super) folds: Vec<(Fold, Arc<[usize]>)>,
    /// One of them is a failed attempt: it has to be written before the next attempt is opened, or
    /// a crash would charge both.
    pub(super) fold_now: bool,
    /// When the oldest of them came.
    pub(super) folds_since: Option<Duration>,
    pub(super) waiting: Vec<Queued>,
    /// Calls that have no entry yet, with the journal row that holds their open record.
    live: FastMap<EntryKey, (i64, Arc<Opened>)>,
    /// How many such calls each journal row holds.
    rows: BTreeMap<i64, u32>,
    /// Journal rows up to this one are gone.
    trimmed: i64,
    pub(super) refills: Vec<usize>,
    /// Crash reserves to release, and who waits for that.
    pub(super) releases: Vec<(CallId, Timestamp, oneshot::Sender<()>)>,
    /// Cells whose limit was lowered: what they have free goes back.
    pub(super) lowered: Vec<usize>,
    /// The clock as the writer last saw it.
    pub(super) now: Duration,
    pub(super) urgent: bool,
    pub(super) writer_sleeps: bool,
    /// The writer sleeps with nothing to write, and does not look up soon by itself.
    pub(super) writer_idles: bool,
    /// The writer sleeps, and longer than an open record may wait.
    pub(super) writer_dozes: bool,
    pub(super) down: bool,
    /// Since when the writer commits, if it does.
    pub(super) committing: Option<Duration>,
    pub(super) stopping: bool,
    /// What was counted so far.
    pub(super) counted: LedgerFigures,
}

impl Memory {
    /// Takes a hold in all accounts, or in none. `None` sends the call to the database.
    pub(super) fn take(&mut self, ask: &Ask) -> Option<Arc<[usize]>> {
        let mut found = Vec::with_capacity(ask.legs.len());
        for leg in ask.legs.iter() {
            let at = *self.index.get(&leg.account)?;
            let hold = ask.hold.of(leg.account.unit);
            let cell = self.cell(at);
            let newer = leg.policy > cell.policy;
            if cell.closing || cell.free() < hold || (newer && leg.limit != cell.limit) {
                return None;
            }
            if newer {
                cell.policy = leg.policy;
            }
            found.push(at);
        }
        for (at, leg) in found.iter().zip(ask.legs.iter()) {
            self.hold(*at, ask.hold.of(leg.account.unit));
        }
        Some(found.into())
    }

    fn hold(&mut self, at: usize, hold: i64) {
        let cell = self.cell(at);
        cell.held += hold;
        cell.uses += 1;
        cell.hold = hold.max(1);
        if cell.runs_low(hold) {
            self.want_refill(at);
        }
    }

    fn want_refill(&mut self, at: usize) {
        let now = self.now;
        let cell = self.cell(at);
        if !cell.wants_refill && cell.dry_until <= now {
            cell.wants_refill = true;
            self.refills.push(at);
        }
    }

    /// Puts a call in the queue for the database; its cells are kept from now on.
    pub(super) fn join_queue(&mut self, waiter: Waiter) {
        let legs = waiter.ask.legs.clone();
        let cells: Arc<[usize]> = legs.iter().map(|leg| self.cell_of(leg)).collect();
        for (at, leg) in cells.iter().zip(legs.iter()) {
            let hold = waiter.ask.hold.of(leg.account.unit);
            let cell = self.cell(*at);
            cell.uses += 1;
            cell.hold = hold.max(1);
            self.want_refill(*at);
        }
        self.waiting.push(Queued { waiter, cells });
    }

    fn cell_of(&mut self, leg: &LegAsk) -> usize {
        if let Some(at) = self.index.get(&leg.account) {
            let at = *at;
            let cell = self.cell(at);
            if cell.policy <= leg.policy {
                let lowered = leg.limit < cell.limit;
                cell.policy = leg.policy;
                cell.limit = leg.limit;
                cell.dry_until = Duration::ZERO;
                if lowered {
                    self.lowered.push(at);
                }
            }
            return at;
        }
        let cell = Some(Cell::new(leg));
        let at = match self.vacant.pop() {
            Some(at) => {
                if let Some(slot) = self.cells.get_mut(at) {
                    *slot = cell;
                }
                at
            }
            None => {
                self.cells.push(cell);
                self.cells.len() - 1
            }
        };
        self.index.insert(leg.account.clone(), at);
        at
    }

    /// The cell at `at`, which a call or the writer refers to.
    #[expect(clippy::expect_used, reason = "a cell stays while something refers to it")]
    pub(super) fn cell(&mut self, at: usize) -> &mut Cell {
        self.cells.get_mut(at).and_then(Option::as_mut).expect("a cell that is referred to")
    }

    /// All cells with their places.
    pub(super) fn cells(&mut self) -> impl Iterator<Item = (usize, &mut Cell)> {
        self.cells.iter_mut().enumerate().filter_map(|(at, cell)| Some((at, cell.as_mut()?)))
    }

    /// Forgets a cell that nothing refers to.
    pub(super) fn remove(&mut self, at: usize) {
        if let Some(cell) = self.cells.get_mut(at).and_then(Option::take) {
            self.index.remove(&cell.account);
            self.vacant.push(at);
        }
    }

    /// Queues the open record of a call. Whether it may overlap with its upstream is the answer.
    pub(super) fn open(
        &mut self,
        opened: Arc<Opened>,
        cells: &Arc<[usize]>,
        ticket: Arc<Ticket>,
    ) -> bool {
        let holds: Arc<[i64]> = opened.legs.iter().map(|leg| leg.hold).collect();
        let mut covered = true;
        for (at, hold) in cells.iter().zip(holds.iter()) {
            let cell = self.cell(*at);
            cell.opens += 1;
            let wanted = cell.unjournalled + hold;
            covered &= wanted <= cell.risk;
            cell.risk_wanted = cell.risk_wanted.max(wanted.saturating_mul(2));
        }
        if covered {
            for (at, hold) in cells.iter().zip(holds.iter()) {
                self.cell(*at).unjournalled += hold;
            }
        }
        self.records.push(Record::Open(opened));
        self.opens.push(OpenRecord { ticket, cells: cells.clone(), holds, covered });
        covered
    }

    /// Gives a hold back that was never opened, or was voided.
    pub(super) fn release(&mut self, cells: &[usize], holds: impl Iterator<Item = i64>) {
        for (at, hold) in cells.iter().zip(holds) {
            let cell = self.cell(*at);
            cell.held -= hold;
            cell.uses -= 1;
        }
    }

    /// Takes note that a call is over; its entry is written by a later commit. Until that commit
    /// is made up its hold stays: what it gives back must not be in the journal before it, or a
    /// crash would charge both.
    pub(super) fn settle(&mut self, fold: Fold, cells: Arc<[usize]>) {
        let charges = fold.opened.legs.iter().zip(&fold.settlement.charges);
        for (at, (leg, charge)) in cells.iter().zip(charges) {
            let cell = self.cell(*at);
            cell.settled += charge;
            cell.settled_hold += leg.hold;
        }
        self.counted.ended(fold.settlement.tally.state, fold.settlement.tally.excess);
        self.folds.push((fold, cells));
    }

    /// Whether enough has gathered for a commit.
    pub(super) fn is_full(&self) -> bool {
        self.records.len() >= FULL_QUEUE || self.folds.len() >= FULL_FOLD
    }

    /// Whether nothing is to be written.
    pub(super) fn is_idle(&self) -> bool {
        self.records.is_empty()
            && self.folds.is_empty()
            && self.waiting.is_empty()
            && self.refills.is_empty()
            && self.lowered.is_empty()
            && self.releases.is_empty()
    }

    /// Takes note that the open record of a call is in journal row `seq`.
    pub(super) fn note_open(&mut self, opened: Arc<Opened>, seq: i64) {
        let key = opened.key;
        if let Some((earlier, _)) = self.live.insert(key, (seq, opened)) {
            self.leave_row(earlier);
        }
        *self.rows.entry(seq).or_default() += 1;
    }

    /// Takes note that a call has its entry, or needs none.
    pub(super) fn note_end(&mut self, key: &EntryKey) {
        if let Some((row, _)) = self.live.remove(key) {
            self.leave_row(row);
        }
    }

    fn leave_row(&mut self, row: i64) {
        if let Some(count) = self.rows.get_mut(&row) {
            *count -= 1;
            if *count == 0 {
                self.rows.remove(&row);
            }
        }
    }

    /// The last journal row, up to `last`, that recovery does not need; `None` while it is not
    /// worth a statement.
    pub(super) fn trim(&mut self, last: i64) -> Option<i64> {
        const WORTH: i64 = 32;
        let keep = self.rows.keys().next().map_or(last, |first| first - 1);
        (keep - self.trimmed >= WORTH).then(|| {
            self.trimmed = keep;
            keep
        })
    }

    /// Calls whose open records stand far behind `last`: they are written once more, so that one
    /// long stream does not keep the whole journal.
    pub(super) fn carry_over(&self, last: i64) -> Vec<Arc<Opened>> {
        const FAR: i64 = 256;
        const MOST: usize = 256;
        let old = self.live.values().filter(|(row, _)| last - row > FAR);
        old.take(MOST).map(|(_, opened)| opened.clone()).collect()
    }

    /// What was counted so far, and what memory is at; `up` says whether the store can be written.
    pub(super) fn figures(&self, up: bool) -> LedgerFigures {
        let count = |n: usize| n as u64;
        LedgerFigures {
            queued: (count(self.records.len()), count(self.folds.len()), count(self.waiting.len())),
            open: count(self.live.len()),
            accounts: count(self.index.len()),
            up,
            ..self.counted.clone()
        }
    }

    /// Calls that are in the journal and not over.
    pub(super) fn in_flight(&self) -> Vec<Arc<Opened>> {
        let over: FastSet<EntryKey> = self.folds.iter().map(|(fold, _)| fold.opened.key).collect();
        let live = self.live.values().map(|(_, opened)| opened);
        live.filter(|opened| !over.contains(&opened.key)).cloned().collect()
    }

    pub(super) fn view(&self, account: &Account) -> Option<CellView> {
        let at = *self.index.get(account)?;
        let cell = self.cells.get(at)?.as_ref()?;
        let held = cell.held - cell.settled_hold;
        Some(CellView { granted: cell.granted, held, settled: cell.settled })
    }
}
