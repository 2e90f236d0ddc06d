//! One call's hold, from the moment it is taken to the moment it is settled.
//!
//! Every way to lose it is safe by itself: dropped unopened it is given back, dropped unsent it is
//! voided, dropped after it was sent it is charged in full. Whoever knows more says so with
//! [`Charge::settle`].

use std::sync::Arc;

use tollgate_kernel::{Account, Charged, EntryKey, EntryState, Slug, Tally, Usage};
use tollgate_store::ledger::{Decision, Fold, Opened, Record, Settlement};

use super::memory::Ask;
use super::ticket::Ticket;
use super::{Ledger, STALLED, unavailable};

/// Why a hold was not given.
pub(crate) enum Refused {
    /// The database said no.
    By(Decision),
    /// The database said nothing.
    Unavailable(tollgate_kernel::Error),
}

/// The stages of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Taken in memory; nothing is written.
    Held,
    /// Its open record is written or on its way; nothing was sent.
    Opened,
    /// The request is on its way to the upstream.
    Sent,
    /// Over.
    Closed,
}

/// A hold in all accounts of a call.
pub(crate) struct Charge {
    ledger: Arc<Ledger>,
    ask: Arc<Ask>,
    cells: Arc<[usize]>,
    key: EntryKey,
    stage: Stage,
    opened: Option<Arc<Opened>>,
    ticket: Option<Arc<Ticket>>,
    /// Accounts that the target is not charged to, by their places.
    spared: Vec<usize>,
}

impl Charge {
    /// A hold that was taken from memory.
    pub(super) fn held(ledger: Arc<Ledger>, ask: Arc<Ask>, cells: Arc<[usize]>) -> Self {
        let key = ask.key;
        Self {
            ledger,
            ask,
            cells,
            key,
            stage: Stage::Held,
            opened: None,
            ticket: None,
            spared: Vec::new(),
        }
    }

    /// A hold that the database gave, with its open record in the same commit.
    pub(super) fn admitted(
        ledger: Arc<Ledger>,
        ask: Arc<Ask>,
        cells: Arc<[usize]>,
        opened: Arc<Opened>,
    ) -> Self {
        let ticket = Arc::new(Ticket::of_durable());
        let mut charge = Self::held(ledger, ask, cells);
        charge.stage = Stage::Opened;
        charge.opened = Some(opened);
        charge.ticket = Some(ticket);
        charge
    }

    /// What is held.
    pub(crate) fn hold(&self) -> Charged {
        self.ask.hold
    }

    /// From now on the call is for a target that is charged to these accounts alone. The others are
    /// held on, for another target may follow.
    pub(crate) fn aim(&mut self, is_charged: impl Fn(&Account) -> bool) {
        let legs = self.ask.legs.iter().enumerate();
        let spared = legs.filter(|(_, leg)| !is_charged(&leg.account)).map(|(at, _)| at);
        self.spared = spared.collect();
    }

    /// Sends the open record on its way, for this upstream where it is one. `true`: it may be
    /// called at once. `false`: only when the record is durable, for a crash could hide too much.
    pub(crate) fn open(&mut self, upstream: Option<&Slug>) -> bool {
        if self.stage != Stage::Held {
            return true;
        }
        let opened = Arc::new(self.ask.opened(self.key, upstream.cloned()));
        let ticket = Arc::new(Ticket::new());
        self.stage = Stage::Opened;
        self.opened = Some(opened.clone());
        self.ticket = Some(ticket.clone());
        let mut memory = self.ledger.lock();
        let down = self.ledger.is_down(&memory);
        if down {
            ticket.down();
        }
        let covered = memory.open(opened, &self.cells, ticket);
        self.ledger.rouse(memory);
        covered && !down
    }

    /// The request goes out now.
    pub(crate) fn sent(&mut self) {
        self.stage = Stage::Sent;
    }

    /// Waits until the open record is durable, or the store is known to be away.
    pub(crate) async fn durable(&self) -> Result<(), tollgate_kernel::Error> {
        let Some(ticket) = &self.ticket else {
            return Ok(());
        };
        if ticket.is_durable() {
            return Ok(());
        }
        self.ledger.hurry(self.ledger.lock());
        let told = std::future::poll_fn(|context| ticket.poll(context));
        match tokio::time::timeout(STALLED, told).await {
            Ok(true) => Ok(()),
            // A commit that stalls may come to its end later: the call is in the journal then, and
            // ends there as one that was refused.
            Ok(false) | Err(_) => Err(unavailable()),
        }
    }

    /// Whether the open record is durable by now.
    pub(crate) fn is_durable(&self) -> bool {
        self.ticket.as_ref().is_none_or(|ticket| ticket.is_durable())
    }

    /// The attempt failed without using anything: it gets an entry that charges nothing, and the
    /// hold stays for another attempt.
    pub(crate) fn fail_attempt(&mut self) {
        if let Some(opened) = self.opened.take() {
            let tally = Tally {
                state: EntryState::Failed,
                usage: Usage::default(),
                cost_nano: self.ask.priced.then_some(0),
                charged: Charged::default(),
                excess: false,
            };
            let settlement =
                Settlement { key: self.key, tally, charges: vec![0; opened.legs.len()] };
            let mut memory = self.ledger.lock();
            // The entry's fold ends one use of each account; the hold goes on with another.
            for (at, leg) in self.cells.iter().zip(opened.legs.iter()) {
                let cell = memory.cell(*at);
                cell.uses += 1;
                cell.held += leg.hold;
            }
            memory.settle(Fold { opened, settlement: Arc::new(settlement) }, self.cells.clone());
            memory.fold_now = true;
        }
        self.ticket = None;
        self.key.attempt += 1;
        self.stage = Stage::Held;
    }

    /// The call is over and came to this.
    pub(crate) fn settle(mut self, tally: Tally) {
        self.close(tally);
    }

    fn close(&mut self, tally: Tally) {
        self.stage = Stage::Closed;
        let Some(opened) = self.opened.take() else {
            return;
        };
        let legs = self.ask.legs.iter().zip(&opened.legs).enumerate();
        let charges = legs.map(|(at, (ask, leg))| match self.spared.contains(&at) {
            true => 0,
            false => tally.charged.of(ask.account.unit).clamp(0, leg.hold),
        });
        let settlement = Arc::new(Settlement { key: self.key, tally, charges: charges.collect() });
        let mut memory = self.ledger.lock();
        memory.settle(Fold { opened, settlement }, self.cells.clone());
        self.ledger.nudge(memory);
    }

    fn void(&mut self) {
        let mut memory = self.ledger.lock();
        memory.counted.voided += 1;
        memory.records.push(Record::Void(self.key));
        self.give_back(&mut memory);
    }

    fn give_back(&self, memory: &mut super::memory::Memory) {
        let holds = self.ask.legs.iter().map(|leg| self.ask.hold.of(leg.account.unit));
        memory.release(&self.cells, holds);
    }

    /// The whole hold, for a call that was sent and of which nothing more is known.
    pub(crate) fn whole_hold(&self) -> Tally {
        Tally {
            state: EntryState::Estimated,
            usage: Usage::default(),
            cost_nano: self.ask.priced.then_some(self.ask.hold.money),
            charged: self.ask.hold,
            excess: false,
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        match self.stage {
            Stage::Held => {
                let mut memory = self.ledger.lock();
                self.give_back(&mut memory);
            }
            Stage::Opened => self.void(),
            Stage::Sent => {
                let tally = self.whole_hold();
                self.close(tally);
            }
            Stage::Closed => {}
        }
    }
}
