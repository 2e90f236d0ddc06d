//! What one commit is made of: taken from memory under the lock, in the order of memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tollgate_kernel::EntryKey;
use tollgate_store::ledger::{
    AccountRef, Attempt, Batch, LeaseChange, Moved, Opened, Record, Refill,
};

use super::memory::{Cell, FULL_FOLD, Memory, OpenRecord, Queued};
use super::writer::GATHER;
use crate::FastSet;

/// How long an account is kept in memory after its last call.
const IDLE: Duration = Duration::from_secs(30);

/// Entries in one commit; more wait for the next one, so that none takes long.
const MAX_FOLD: usize = 512;

/// Leases given back in one commit.
const MAX_CLOSE: usize = 512;

/// What a batch was made of, to act on its outcome.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) opens: Vec<OpenRecord>,
    /// Calls whose open record this commit writes, and which have no entry yet.
    pub(super) opened: Vec<Arc<Opened>>,
    /// Calls that end with this commit: folded or voided.
    pub(super) ended: Vec<EntryKey>,
    pub(super) folded: Vec<Arc<[usize]>>,
    pub(super) waiting: Vec<Queued>,
    pub(super) pins: Vec<Vec<i64>>,
    pub(super) attempts: Vec<Arc<Opened>>,
    pub(super) refills: Vec<(usize, i64)>,
    pub(super) risks: Vec<(usize, i64)>,
    pub(super) closing: Vec<usize>,
    pub(super) releases: Vec<oneshot::Sender<()>>,
}

/// Entries of calls that are over. What they move leaves memory before it is submitted.
///
/// They are no hurry: they wait until there are many, or for the gathering interval, so that a call
/// that waits for its open record does not wait for somebody's entry.
pub(super) fn take_folds(
    memory: &mut Memory,
    batch: &mut Batch,
    pending: &mut Pending,
    now: Duration,
) {
    let oldest = *memory.folds_since.get_or_insert(now);
    // Who asks the database is judged by what was spent, not by what is on its way there.
    let asked = !memory.waiting.is_empty();
    let due = asked || memory.fold_now || memory.stopping || now.saturating_sub(oldest) >= GATHER;
    if memory.folds.len() < FULL_FOLD && !due {
        if memory.folds.is_empty() {
            memory.folds_since = None;
        }
        return;
    }
    let most = if memory.fold_now { usize::MAX } else { MAX_FOLD };
    memory.fold_now = false;
    let count = memory.folds.len().min(most);
    let mut sums: BTreeMap<usize, i64> = BTreeMap::new();
    let folds: Vec<_> = memory.folds.drain(..count).collect();
    for (fold, cells) in folds {
        let legs = fold.opened.legs.iter().zip(&fold.settlement.charges);
        for (at, (leg, charge)) in cells.iter().zip(legs) {
            *sums.entry(*at).or_default() += charge;
            let cell = memory.cell(*at);
            cell.held -= leg.hold;
            cell.settled_hold -= leg.hold;
            cell.settled -= charge;
        }
        pending.ended.push(fold.opened.key);
        pending.folded.push(cells);
        batch.folds.push(fold);
    }
    memory.folds_since = (!memory.folds.is_empty()).then_some(now);
    for (at, amount) in sums.into_iter().filter(|(_, amount)| *amount != 0) {
        let cell = memory.cell(at);
        cell.granted -= amount;
        batch.moved.push(Moved { account: cell.row.clone(), amount });
    }
    // Rows are locked in the order of their keys, as everywhere.
    batch.moved.sort_by(|a, b| a.account.cmp(&b.account));
}

/// Opens and voids. A call that ends with this very commit needs neither.
pub(super) fn take_records(
    memory: &mut Memory,
    batch: &mut Batch,
    pending: &mut Pending,
    now: Duration,
) {
    let records = std::mem::take(&mut memory.records);
    pending.opens = std::mem::take(&mut memory.opens);
    for open in &pending.opens {
        for at in open.cells.iter() {
            memory.cell(*at).touched = now;
        }
    }
    let voided: FastSet<EntryKey> = records
        .iter()
        .filter_map(|record| match record {
            Record::Void(key) => Some(*key),
            Record::Open(_) => None,
        })
        .collect();
    let folded: FastSet<EntryKey> = pending.ended.iter().copied().collect();
    let opened_here: FastSet<EntryKey> = records
        .iter()
        .filter_map(|record| match record {
            Record::Open(opened) => Some(opened.key),
            Record::Void(_) => None,
        })
        .collect();
    batch.records = records
        .into_iter()
        .filter(|record| match record {
            Record::Open(opened) => !voided.contains(&opened.key) && !folded.contains(&opened.key),
            Record::Void(key) => !opened_here.contains(key),
        })
        .collect();
    for record in &batch.records {
        match record {
            Record::Open(opened) => pending.opened.push(opened.clone()),
            Record::Void(key) => pending.ended.push(*key),
        }
    }
}

/// Crash reserves that the owner gives back.
pub(super) fn take_releases(memory: &mut Memory, batch: &mut Batch, pending: &mut Pending) {
    for (call, at, done) in std::mem::take(&mut memory.releases) {
        batch.releases.push((call, at));
        pending.releases.push(done);
    }
}

/// Calls whose slices are short. What is free here is offered to all of them in turn.
pub(super) fn take_attempts(memory: &mut Memory, batch: &mut Batch, pending: &mut Pending) {
    for queued in std::mem::take(&mut memory.waiting) {
        let ask = &queued.waiter.ask;
        let opened = Arc::new(ask.opened(ask.key, ask.upstream.clone()));
        let mut pins = Vec::with_capacity(queued.cells.len());
        let mut limits = Vec::with_capacity(queued.cells.len());
        for (at, leg) in queued.cells.iter().zip(&opened.legs) {
            let cell = memory.cell(*at);
            let pin = leg.hold.min(cell.free().max(0));
            cell.held += pin;
            pins.push(pin);
            limits.push(cell.limit);
            if pin > 0 {
                *batch.offers.entry(leg.account.clone()).or_default() += pin;
            }
        }
        batch.attempts.push(Attempt { opened: opened.clone(), limits });
        pending.attempts.push(opened);
        pending.pins.push(pins);
        pending.waiting.push(queued);
    }
}

pub(super) fn take_refills(memory: &mut Memory, batch: &mut Batch, pending: &mut Pending) {
    let mut wanted: BTreeMap<AccountRef, (usize, Refill)> = BTreeMap::new();
    for at in std::mem::take(&mut memory.refills) {
        let cell = memory.cell(at);
        cell.wants_refill = false;
        if cell.closing {
            continue;
        }
        cell.uses += 1;
        let refill = Refill {
            account: cell.row.clone(),
            limit: cell.limit,
            hold: cell.hold,
            risk: cell.risk.max(cell.hold.saturating_mul(2)),
        };
        wanted.insert(cell.row.clone(), (at, refill));
    }
    for (at, refill) in wanted.into_values() {
        pending.refills.push((at, refill.risk));
        batch.refills.push(refill);
    }
}

/// Raises the risk of leases whose traffic needs more. Memory uses it after the commit.
pub(super) fn arm(memory: &mut Memory, batch: &mut Batch, pending: &mut Pending) {
    let mut touched: Vec<usize> =
        pending.opens.iter().flat_map(|open| open.cells.iter().copied()).collect();
    touched.sort_unstable();
    touched.dedup();
    for at in touched {
        let cell = memory.cell(at);
        let most = (cell.granted / 8).max(cell.hold);
        let risk = cell.risk_wanted.min(most);
        // Once in a checkpoint is no traffic: such a call waits for its commit and costs no update.
        if cell.leased && cell.opens > 1 && risk > cell.risk {
            pending.risks.push((at, risk));
            let account = cell.row.clone();
            batch.leases.push(LeaseChange { account, back: 0, risk: Some(risk), ends: false });
        }
    }
}

/// What accounts have free whose limit was lowered goes back.
pub(super) fn take_lowered(memory: &mut Memory, batch: &mut Batch) {
    for at in std::mem::take(&mut memory.lowered) {
        let cell = memory.cell(at);
        let back = cell.free().max(0);
        if cell.leased && back > 0 {
            cell.granted -= back;
            let account = cell.row.clone();
            batch.leases.push(LeaseChange { account, back, risk: None, ends: false });
        }
    }
}

/// Disarms cold leases, memory first, and gives idle ones back.
pub(super) fn checkpoint(
    memory: &mut Memory,
    batch: &mut Batch,
    pending: &mut Pending,
    now: Duration,
) {
    let armed: FastSet<usize> = pending.risks.iter().map(|(at, _)| *at).collect();
    let refilled: FastSet<usize> = pending.refills.iter().map(|(at, _)| *at).collect();
    for (at, cell) in memory.cells() {
        let cold = cell.opens == 0 && cell.risk > 0 && cell.unjournalled == 0;
        cell.opens = 0;
        cell.risk_wanted = 0;
        if cold && !armed.contains(&at) && !refilled.contains(&at) {
            cell.risk = 0;
            let account = cell.row.clone();
            batch.leases.push(LeaseChange { account, back: 0, risk: Some(0), ends: false });
        }
    }
    close_leases(memory, batch, pending, |cell| now.saturating_sub(cell.touched) >= IDLE);
}

/// Writes the open records of long calls once more, so that the journal can be trimmed.
pub(super) fn carry_over(memory: &Memory, batch: &mut Batch, pending: &mut Pending, last: i64) {
    let ended: FastSet<EntryKey> = pending.ended.iter().copied().collect();
    for opened in memory.carry_over(last) {
        if !ended.contains(&opened.key) {
            pending.opened.push(opened.clone());
            batch.records.push(Record::Open(opened));
        }
    }
}

/// Gives back the leases of accounts that nothing refers to and that `idle` says.
pub(super) fn close_leases(
    memory: &mut Memory,
    batch: &mut Batch,
    pending: &mut Pending,
    idle: impl Fn(&Cell) -> bool,
) {
    let mut gone = Vec::new();
    for (at, cell) in memory.cells() {
        if cell.uses > 0 || cell.closing || !idle(cell) || pending.closing.len() >= MAX_CLOSE {
            continue;
        }
        if !cell.leased {
            gone.push(at);
            continue;
        }
        let back = cell.free();
        cell.granted -= back;
        cell.risk = 0;
        cell.closing = true;
        pending.closing.push(at);
        let account = cell.row.clone();
        batch.leases.push(LeaseChange { account, back, risk: Some(0), ends: true });
    }
    for at in gone {
        memory.remove(at);
    }
}
