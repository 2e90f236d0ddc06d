//! The thread that writes: one transaction at a time takes whatever has gathered.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tollgate_kernel::{EntryKey, Error};
use tollgate_store::ledger::{
    AccountRef, Attempt, Batch, Committed, Decision, LeaseChange, LedgerSource, LedgerStore, Moved,
    Opened, Outcome, Record, Recovered, Refill,
};
use tracing::{error, warn};

use super::Ledger;
use super::charge::Charge;
use super::memory::{Cell, FULL_FOLD, Memory, OpenRecord, Queued};

/// How long a record waits for company when nobody waits for it.
const GATHER: Duration = Duration::from_millis(50);

/// How often cold leases are disarmed and idle ones given back.
const CHECKPOINT: Duration = Duration::from_secs(2);

/// How long an account is kept in memory after its last call.
const IDLE: Duration = Duration::from_secs(30);

/// Between two tries of a commit that failed.
const RETRY: Duration = Duration::from_millis(200);

/// After a refill came to nothing.
const DRY: Duration = Duration::from_secs(1);

/// Entries in one commit; more wait for the next one, so that none takes long.
const MAX_FOLD: usize = 512;

/// Opens in one commit that tell of load, and how long the next commit then gathers.
const BUSY: usize = 4;
const PAUSE: Duration = Duration::from_micros(200);

/// Leases given back in one commit.
const MAX_CLOSE: usize = 512;

/// The writing thread.
pub(crate) struct LedgerThread {
    ledger: Arc<Ledger>,
    thread: Option<JoinHandle<()>>,
}

impl LedgerThread {
    pub(super) fn spawn(
        ledger: Arc<Ledger>,
        source: LedgerSource,
    ) -> Result<(Self, Recovered), Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::internal)?;
        let shared = ledger.clone();
        let (opened, ready) = std::sync::mpsc::channel();
        // The connection belongs to the runtime that opened it, so it is opened here.
        let run = move || match runtime.block_on(source.open()) {
            Ok((store, recovered)) => {
                let _ = opened.send(Ok(recovered));
                Writer::new(shared, store).run(&runtime);
            }
            Err(error) => drop(opened.send(Err(error))),
        };
        let builder = std::thread::Builder::new().name("ledger".to_owned());
        let thread = Some(builder.spawn(run).map_err(Error::internal)?);
        let recovered = ready.recv().map_err(Error::internal)??;
        Ok((Self { ledger, thread }, recovered))
    }

    /// Writes what is left, gives all leases back, and ends.
    pub(crate) fn stop(&mut self) {
        self.ledger.lock().stopping = true;
        self.ledger.wake.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            error!("the ledger's thread panicked");
        }
    }
}

impl Drop for LedgerThread {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Writer {
    ledger: Arc<Ledger>,
    store: LedgerStore,
    /// The last journal row.
    last: i64,
    checkpoint: Duration,
}

/// What a batch was made of, to act on its outcome.
#[derive(Default)]
struct Pending {
    opens: Vec<OpenRecord>,
    /// Calls whose open record this commit writes, and which have no entry yet.
    opened: Vec<Arc<Opened>>,
    /// Calls that end with this commit: folded or voided.
    ended: Vec<EntryKey>,
    folded: Vec<Arc<[usize]>>,
    waiting: Vec<Queued>,
    pins: Vec<Vec<i64>>,
    attempts: Vec<Arc<Opened>>,
    refills: Vec<(usize, i64)>,
    risks: Vec<(usize, i64)>,
    closing: Vec<usize>,
}

impl Writer {
    fn new(ledger: Arc<Ledger>, store: LedgerStore) -> Self {
        let checkpoint = ledger.clock.elapsed();
        Self { ledger, store, last: 0, checkpoint }
    }

    fn run(mut self, runtime: &tokio::runtime::Runtime) {
        loop {
            let (batch, pending, last) = self.next_batch();
            if !batch.is_empty() {
                match self.commit(runtime, &batch, &pending) {
                    Some(outcome) => {
                        self.last = outcome.seq;
                        let busy = pending.opens.len() >= BUSY;
                        self.apply(pending, outcome);
                        if busy {
                            std::thread::sleep(PAUSE);
                        }
                    }
                    None => return,
                }
            }
            if last {
                return;
            }
        }
    }

    /// Waits until there is something to do. The flag says that this is the last batch.
    fn next_batch(&mut self) -> (Batch, Pending, bool) {
        let ledger = self.ledger.clone();
        let mut memory = ledger.lock();
        let mut started = ledger.clock.elapsed();
        let mut idle = memory.is_idle();
        while !(memory.urgent || memory.is_full() || memory.stopping) {
            let now = ledger.clock.elapsed();
            if idle && !memory.is_idle() {
                (idle, started) = (false, now);
            }
            let waited = now.saturating_sub(started);
            let due = if idle { CHECKPOINT } else { GATHER };
            if waited >= due {
                break;
            }
            memory.writer_idles = idle;
            memory = sleep(&ledger, memory, due - waited);
            memory.writer_idles = false;
        }
        memory.urgent = false;
        let now = ledger.clock.elapsed();
        memory.now = now;
        let mut pending = Pending::default();
        let mut batch = self.gather(&mut memory, &mut pending, now);
        let ending = memory.stopping && batch.is_empty();
        if ending {
            close_leases(&mut memory, &mut batch, &mut pending, |_| true);
        } else if now.saturating_sub(self.checkpoint) >= CHECKPOINT {
            self.checkpoint = now;
            checkpoint(&mut memory, &mut batch, &mut pending, now);
            carry_over(&memory, &mut batch, &mut pending, self.last);
        }
        // One commit may be too small for all leases: the last batch is the one that closes none.
        let done = ending && batch.leases.is_empty();
        batch.trim = memory.trim(self.last);
        (batch, pending, done)
    }

    fn gather(&self, memory: &mut Memory, pending: &mut Pending, now: Duration) -> Batch {
        let mut batch = Batch::default();
        take_folds(memory, &mut batch, pending, now);
        take_records(memory, &mut batch, pending, now);
        take_lowered(memory, &mut batch);
        take_attempts(memory, &mut batch, pending);
        take_refills(memory, &mut batch, pending);
        arm(memory, &mut batch, pending);
        batch
    }

    /// Tries until the batch is durable. `None`: this node no longer counts.
    fn commit(
        &mut self,
        runtime: &tokio::runtime::Runtime,
        batch: &Batch,
        pending: &Pending,
    ) -> Option<Outcome> {
        let mut failed = false;
        loop {
            match runtime.block_on(self.store.commit(batch)) {
                Ok(Committed::Done(outcome)) => {
                    if failed {
                        warn!("the ledger's store is back");
                        self.ledger.lock().down = false;
                    }
                    return Some(outcome);
                }
                Ok(Committed::Fenced) => {
                    error!("another process has taken this node's ledger; calls are refused");
                    self.go_down(pending);
                    return None;
                }
                Err(error) => {
                    if !failed {
                        warn!(cause = error.cause(), "the ledger cannot be written: {error}");
                    }
                    failed = true;
                    self.go_down(pending);
                    let memory = self.ledger.lock();
                    if memory.stopping {
                        return None;
                    }
                    drop(sleep(&self.ledger, memory, RETRY));
                }
            }
        }
    }

    /// New calls are refused, and those that wait are told.
    fn go_down(&self, pending: &Pending) {
        let mut memory = self.ledger.lock();
        memory.down = true;
        pending.opens.iter().chain(&memory.opens).for_each(|open| open.ticket.down());
    }

    fn apply(&self, pending: Pending, outcome: Outcome) {
        let mut answers = Vec::new();
        let now = self.ledger.clock.elapsed();
        let mut memory = self.ledger.lock();
        for (at, risk) in &pending.risks {
            memory.cell(*at).risk = *risk;
        }
        for ((at, risk), grant) in pending.refills.iter().zip(&outcome.grants) {
            let cell = memory.cell(*at);
            cell.uses -= 1;
            if grant.granted == 0 {
                cell.dry_until = now + DRY;
            } else {
                cell.granted += grant.granted;
                cell.risk = cell.risk.max(*risk);
                cell.leased = true;
            }
        }
        for open in &pending.opens {
            if open.covered {
                for (at, hold) in open.cells.iter().zip(open.holds.iter()) {
                    memory.cell(*at).unjournalled -= hold;
                }
            }
        }
        self.end_calls(&mut memory, &pending, outcome.seq);
        let attempts = pending.waiting.into_iter().zip(pending.attempts).zip(pending.pins);
        for (((queued, opened), pins), decision) in attempts.zip(outcome.decisions) {
            let answer = self.decided(&mut memory, &queued, &opened, pins, decision);
            if answer.is_ok() {
                memory.note_open(opened, outcome.seq);
            }
            answers.push((queued.waiter.answer, answer));
        }
        drop(memory);
        for open in &pending.opens {
            open.ticket.durable();
        }
        for (answer, charge) in answers {
            // Nobody there: the charge is dropped here, outside the lock, and voids itself.
            drop(answer.send(charge));
        }
    }

    fn end_calls(&self, memory: &mut Memory, pending: &Pending, seq: i64) {
        for opened in &pending.opened {
            memory.note_open(opened.clone(), seq);
        }
        for key in &pending.ended {
            memory.note_end(key);
        }
        let now = self.ledger.clock.elapsed();
        for cells in &pending.folded {
            for at in cells.iter() {
                let cell = memory.cell(*at);
                cell.uses -= 1;
                cell.touched = now;
            }
        }
        for at in &pending.closing {
            let cell = memory.cell(*at);
            cell.closing = false;
            cell.leased = false;
            if cell.uses == 0 {
                memory.remove(*at);
            }
        }
    }

    fn decided(
        &self,
        memory: &mut Memory,
        queued: &Queued,
        opened: &Arc<Opened>,
        pins: Vec<i64>,
        decision: Decision,
    ) -> Result<Charge, Decision> {
        for (at, pin) in queued.cells.iter().zip(pins) {
            memory.cell(*at).held -= pin;
        }
        let Decision::Granted { leased } = decision else {
            for at in queued.cells.iter() {
                memory.cell(*at).uses -= 1;
            }
            return Err(decision);
        };
        for ((at, leg), leased) in queued.cells.iter().zip(&opened.legs).zip(leased) {
            let cell = memory.cell(*at);
            cell.granted += leased;
            cell.held += leg.hold;
            cell.leased |= leased > 0;
        }
        let (ask, cells) = (queued.waiter.ask.clone(), queued.cells.clone());
        Ok(Charge::admitted(self.ledger.clone(), ask, cells, opened.clone()))
    }
}

fn sleep<'a>(
    ledger: &'a Ledger,
    mut memory: MutexGuard<'a, Memory>,
    at_most: Duration,
) -> MutexGuard<'a, Memory> {
    memory.writer_sleeps = true;
    let woken = ledger.wake.wait_timeout(memory, at_most);
    let (mut memory, _) = woken.unwrap_or_else(PoisonError::into_inner);
    memory.writer_sleeps = false;
    memory
}

/// Entries of calls that are over. What they move leaves memory before it is submitted.
///
/// They are no hurry: they wait until there are many, or for the gathering interval, so that a call
/// that waits for its open record does not wait for somebody's entry.
fn take_folds(memory: &mut Memory, batch: &mut Batch, pending: &mut Pending, now: Duration) {
    let oldest = *memory.folds_since.get_or_insert(now);
    // Who asks the database is judged by what was spent, not by what is on its way there.
    let asked = !memory.waiting.is_empty();
    let due = asked || memory.stopping || now.saturating_sub(oldest) >= GATHER;
    if memory.folds.len() < FULL_FOLD && !due {
        if memory.folds.is_empty() {
            memory.folds_since = None;
        }
        return;
    }
    let count = memory.folds.len().min(MAX_FOLD);
    let mut sums: BTreeMap<usize, i64> = BTreeMap::new();
    for (fold, cells) in memory.folds.drain(..count) {
        for (at, charge) in cells.iter().zip(&fold.settlement.charges) {
            *sums.entry(*at).or_default() += charge;
        }
        pending.ended.push(fold.opened.key);
        pending.folded.push(cells);
        batch.folds.push(fold);
    }
    memory.folds_since = (!memory.folds.is_empty()).then_some(now);
    for (at, amount) in sums.into_iter().filter(|(_, amount)| *amount != 0) {
        let cell = memory.cell(at);
        cell.granted -= amount;
        cell.settled -= amount;
        batch.moved.push(Moved { account: cell.row.clone(), amount });
    }
    // Rows are locked in the order of their keys, as everywhere.
    batch.moved.sort_by(|a, b| a.account.cmp(&b.account));
}

/// Opens and voids. A call that ends with this very commit needs neither.
fn take_records(memory: &mut Memory, batch: &mut Batch, pending: &mut Pending, now: Duration) {
    let records = std::mem::take(&mut memory.records);
    pending.opens = std::mem::take(&mut memory.opens);
    for open in &pending.opens {
        for at in open.cells.iter() {
            memory.cell(*at).touched = now;
        }
    }
    let voided: HashSet<EntryKey> = records
        .iter()
        .filter_map(|record| match record {
            Record::Void(key) => Some(*key),
            Record::Open(_) => None,
        })
        .collect();
    let folded: HashSet<EntryKey> = pending.ended.iter().copied().collect();
    let opened_here: HashSet<EntryKey> = records
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

/// Calls whose slices are short. What is free here is offered to all of them in turn.
fn take_attempts(memory: &mut Memory, batch: &mut Batch, pending: &mut Pending) {
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

fn take_refills(memory: &mut Memory, batch: &mut Batch, pending: &mut Pending) {
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
fn arm(memory: &mut Memory, batch: &mut Batch, pending: &mut Pending) {
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
fn take_lowered(memory: &mut Memory, batch: &mut Batch) {
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
fn checkpoint(memory: &mut Memory, batch: &mut Batch, pending: &mut Pending, now: Duration) {
    let armed: HashSet<usize> = pending.risks.iter().map(|(at, _)| *at).collect();
    let refilled: HashSet<usize> = pending.refills.iter().map(|(at, _)| *at).collect();
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
fn carry_over(memory: &Memory, batch: &mut Batch, pending: &mut Pending, last: i64) {
    let ended: HashSet<EntryKey> = pending.ended.iter().copied().collect();
    for opened in memory.carry_over(last) {
        if !ended.contains(&opened.key) {
            pending.opened.push(opened.clone());
            batch.records.push(Record::Open(opened));
        }
    }
}

/// Gives back the leases of accounts that nothing refers to and that `idle` says.
fn close_leases(
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
