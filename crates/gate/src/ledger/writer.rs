//! The thread that writes: one transaction at a time takes whatever has gathered.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tollgate_kernel::Error;
use tollgate_store::ledger::{
    Batch, Committed, Decision, LedgerSource, LedgerStore, Opened, Outcome, Recovered,
};
use tracing::{error, warn};

use super::charge::Charge;
use super::gather::{
    Pending, arm, carry_over, checkpoint, close_leases, take_attempts, take_folds, take_lowered,
    take_records, take_refills, take_releases,
};
use super::memory::{Memory, Queued};
use super::ticket::Wakes;
use super::{Ledger, STALLED};

/// How long settlements wait for company, where nobody waits for them and no call is opened.
pub(super) const GATHER: Duration = Duration::from_millis(50);

/// How long an open record waits for company while its upstream thinks. Whoever has an answer
/// before that says so. In times of calls the writer looks up as often, so that nobody wakes it.
const SOON: Duration = Duration::from_millis(3);

/// So long after the last call that was opened times are no times of calls.
const QUIET: Duration = Duration::from_millis(100);

/// How often cold leases are disarmed and idle ones given back.
const CHECKPOINT: Duration = Duration::from_secs(2);

/// Between two tries of a commit that failed.
const RETRY: Duration = Duration::from_millis(200);

/// After a refill came to nothing.
const DRY: Duration = Duration::from_secs(1);

/// How long the next commit gathers under load, and what tells of load: so many calls opened in
/// such a time. A commit costs the same with one record as with twenty.
const PAUSE: Duration = Duration::from_millis(2);
const BUSY: u32 = 4;

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
    /// When the last commit was made up.
    gathered: Duration,
    /// When the last call was opened, as far as commits tell.
    opened: Duration,
}

impl Writer {
    fn new(ledger: Arc<Ledger>, store: LedgerStore) -> Self {
        let checkpoint = ledger.clock.elapsed();
        let (gathered, opened) = (checkpoint, checkpoint);
        Self { ledger, store, last: 0, checkpoint, gathered, opened }
    }

    fn run(mut self, runtime: &tokio::runtime::Runtime) {
        loop {
            let since = self.gathered;
            let (batch, pending, last) = self.next_batch();
            if !batch.is_empty() {
                let busy = is_busy(pending.opens.len(), self.gathered.saturating_sub(since));
                match self.commit(runtime, &batch, &pending) {
                    Some(outcome) => {
                        self.last = outcome.seq;
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
        let (mut slept, mut idle) = (started, memory.is_idle());
        while !(memory.urgent || memory.is_full() || memory.stopping) {
            let now = ledger.clock.elapsed();
            if idle && !memory.is_idle() {
                // It came at some time since the writer looked last.
                (idle, started) = (false, slept);
            }
            let waited = now.saturating_sub(started);
            let due = match (idle, memory.opens.is_empty()) {
                (true, _) => CHECKPOINT,
                (false, true) => GATHER,
                (false, false) => SOON,
            };
            if waited >= due {
                break;
            }
            let looks_up = now.saturating_sub(self.opened) < QUIET;
            let most = if looks_up { SOON } else { CHECKPOINT };
            (memory.writer_idles, memory.writer_dozes) = (idle && !looks_up, !looks_up);
            slept = now;
            memory = sleep(&ledger, memory, most.min(due - waited));
            (memory.writer_idles, memory.writer_dozes) = (false, false);
        }
        memory.urgent = false;
        let now = ledger.clock.elapsed();
        if !memory.opens.is_empty() {
            self.opened = now;
        }
        memory.now = now;
        self.gathered = now;
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
        memory.committing = (!batch.is_empty()).then_some(now);
        (batch, pending, done)
    }

    fn gather(&self, memory: &mut Memory, pending: &mut Pending, now: Duration) -> Batch {
        let mut batch = Batch::default();
        take_folds(memory, &mut batch, pending, now);
        take_records(memory, &mut batch, pending, now);
        take_lowered(memory, &mut batch);
        take_releases(memory, &mut batch, pending);
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
            let begun = self.ledger.clock.elapsed();
            match runtime.block_on(self.store.commit(batch)) {
                Ok(Committed::Done(outcome)) => {
                    let took = self.ledger.clock.elapsed().saturating_sub(begun);
                    if failed {
                        warn!("the ledger's store is back");
                    } else if took >= STALLED {
                        warn!(?took, "a commit stalled, and calls were refused meanwhile");
                    }
                    let mut memory = self.ledger.lock();
                    (memory.down, memory.committing) = (false, None);
                    memory.counted.committed(took);
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
        let mut wakes = Wakes::default();
        for open in &pending.opens {
            open.ticket.durable(&mut wakes);
        }
        wakes.wake();
        for done in pending.releases {
            // Whoever does not wait any more finds the entry released.
            let _ = done.send(());
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
            memory.counted.refused += 1;
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

/// Whether `opens` calls within `time` are so many that the next ones are worth waiting for.
fn is_busy(opens: usize, time: Duration) -> bool {
    let opens = u32::try_from(opens).unwrap_or(u32::MAX);
    PAUSE.saturating_mul(opens) >= time.saturating_mul(BUSY) && opens >= BUSY / 2
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
