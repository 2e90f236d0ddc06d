//! The ledger of this node: slices of budgets in memory, one thread that writes.
//!
//! A call takes its hold from memory, all accounts together or none. The database is asked when a
//! slice is short, and a refusal is always the database's word. What a call may spend is in the
//! journal, durable, before its first byte reaches the caller. See `docs/explanation/ledger.md`.

mod charge;
mod gather;
mod memory;
#[cfg(test)]
mod tests;
mod ticket;
mod writer;

pub(crate) use charge::{Charge, Refused};
pub(crate) use memory::{Ask, CellView, LegAsk};
pub(crate) use writer::LedgerThread;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tollgate_kernel::{Account, CallId, Clock, Error, Kind, Timestamp};
use tollgate_store::ledger::{LedgerSource, Opened, Recovered};

use memory::{Memory, Waiter};

use crate::figures::LedgerFigures;

/// How long a call waits for the database's word.
const PATIENCE: Duration = Duration::from_secs(2);

/// A commit that has run for so long counts as one that failed, though it may come to its end yet:
/// new calls are refused, and those that wait for it are told. Also how long one of them waits.
const STALLED: Duration = Duration::from_secs(3);

/// What the calls and the writing thread share.
pub(crate) struct Ledger {
    memory: Mutex<Memory>,
    wake: Condvar,
    clock: Arc<dyn Clock>,
}

impl Ledger {
    /// Starts the writing thread, which opens the store and recovers what a crash left behind.
    pub(crate) fn start(
        source: LedgerSource,
        clock: Arc<dyn Clock>,
    ) -> Result<(Arc<Self>, LedgerThread, Recovered), Error> {
        let ledger =
            Arc::new(Self { memory: Mutex::new(Memory::default()), wake: Condvar::new(), clock });
        let (thread, recovered) = LedgerThread::spawn(ledger.clone(), source)?;
        Ok((ledger, thread, recovered))
    }

    /// Takes a hold in all accounts of `ask`, or in none.
    pub(crate) async fn reserve(self: &Arc<Self>, ask: Ask) -> Result<Charge, Refused> {
        let verdict = {
            let mut memory = self.lock();
            if self.is_down(&memory) {
                return Err(Refused::Unavailable(unavailable()));
            }
            let ask = Arc::new(ask);
            if let Some(cells) = memory.take(&ask) {
                memory.counted.from_memory += 1;
                return Ok(Charge::held(self.clone(), ask, cells));
            }
            let (answer, verdict) = oneshot::channel();
            memory.counted.asked += 1;
            memory.join_queue(Waiter { ask, answer });
            self.hurry(memory);
            verdict
        };
        match Box::pin(tokio::time::timeout(PATIENCE, verdict)).await {
            Ok(Ok(Ok(charge))) => Ok(charge),
            Ok(Ok(Err(decision))) => Err(Refused::By(decision)),
            // A charge that arrives later is dropped with the channel, and gives its hold back.
            Ok(Err(_)) | Err(_) => Err(Refused::Unavailable(unavailable())),
        }
    }

    /// Gives what a crash reserve was charged back to its budget; once, however often it is asked.
    pub(crate) async fn release(&self, call: CallId, at: Timestamp) -> Result<(), Error> {
        let released = {
            let mut memory = self.lock();
            if self.is_down(&memory) {
                return Err(unavailable());
            }
            let (done, released) = oneshot::channel();
            memory.releases.push((call, at, done));
            self.hurry(memory);
            released
        };
        match tokio::time::timeout(PATIENCE, released).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(unavailable()),
        }
    }

    /// Whether holds can be recorded.
    pub(crate) fn is_up(&self) -> Result<(), Error> {
        if self.is_down(&self.lock()) { Err(unavailable()) } else { Ok(()) }
    }

    /// What was counted so far, and what the ledger is at.
    pub(crate) fn figures(&self) -> LedgerFigures {
        let memory = self.lock();
        memory.figures(!self.is_down(&memory))
    }

    /// What memory knows of `account`; `None` where no call has used it lately.
    pub(crate) fn view(&self, account: &Account) -> Option<CellView> {
        self.lock().view(account)
    }

    /// Calls whose open records are durable and that are not over, in no order.
    pub(crate) fn in_flight(&self) -> Vec<Arc<Opened>> {
        self.lock().in_flight()
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        // A panic while the lock was held would be a fault of ours; the figures stay guarded by the
        // database, which refuses what does not add up.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the store is away: a commit has failed, or does not come to its end.
    fn is_down(&self, memory: &Memory) -> bool {
        let stalls = |since| self.clock.elapsed().saturating_sub(since) >= STALLED;
        memory.down || memory.committing.is_some_and(stalls)
    }

    /// Somebody waits for the next commit.
    fn hurry(&self, mut memory: MutexGuard<'_, Memory>) {
        let wakes = !memory.urgent && memory.writer_sleeps;
        memory.urgent = true;
        self.ring(memory, wakes);
    }

    /// Something is to be written, at the next occasion.
    fn nudge(&self, memory: MutexGuard<'_, Memory>) {
        let wakes = memory.writer_idles || (memory.writer_sleeps && memory.is_full());
        self.ring(memory, wakes);
    }

    /// An open record has joined the queue. It is to be on the disk before the upstream has
    /// answered; nobody waits for that yet.
    fn rouse(&self, memory: MutexGuard<'_, Memory>) {
        let wakes = memory.writer_dozes || (memory.writer_sleeps && memory.is_full());
        self.ring(memory, wakes);
    }

    /// Wakes the writer, after the lock is free: else it would wake only to wait for it.
    fn ring(&self, memory: MutexGuard<'_, Memory>, wakes: bool) {
        drop(memory);
        if wakes {
            self.wake.notify_one();
        }
    }
}

/// The store cannot record a hold.
pub(crate) fn unavailable() -> Error {
    Error::new(
        Kind::BudgetUnavailable,
        "The budget cannot be recorded right now, so the call was not made. Try again shortly.",
    )
    .with_retry_after(Duration::from_secs(1))
}
