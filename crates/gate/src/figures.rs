//! What the gate counts, for `/metrics`. Nothing here names anybody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tollgate_kernel::{EntryState, Kind};

use crate::Gate;

/// Upper bounds of the classes that commits are counted by, in microseconds.
pub const COMMIT_BOUNDS_US: [u64; 9] =
    [500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 200_000, 1_000_000];

/// What the gate has done so far, and what it is at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The ledger's.
    pub ledger: LedgerFigures,
    /// Upstreams that failed, were silent, limited us, had no money left.
    pub upstream_failures: [(&'static str, u64); 4],
    /// Answers that are read on because their callers left.
    pub draining: u64,
    /// Passwords that are being hashed, and that wait for their turn.
    pub passwords: (u64, u64),
    /// Credentials that are remembered.
    pub credentials: u64,
    /// Holders whose rates are remembered.
    pub rates: u64,
}

/// What the ledger has done so far, and what it is at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerFigures {
    /// Holds that were taken from memory.
    pub from_memory: u64,
    /// Holds for which the database was asked.
    pub asked: u64,
    /// Of these, the ones that it refused.
    pub refused: u64,
    /// Attempts that are over, by the state of their entry.
    pub settled: u64,
    /// Charged a bound.
    pub estimated: u64,
    /// The upstream used nothing.
    pub failed: u64,
    /// Given back before they were sent.
    pub voided: u64,
    /// Reported above the hold.
    pub excess: u64,
    /// Commits by how long they took: up to each of [`COMMIT_BOUNDS_US`], and longer.
    pub commits: [u64; 10],
    /// How long they took together.
    pub commit_time: Duration,
    /// Records, entries and calls that wait for the next commit.
    pub queued: (u64, u64, u64),
    /// Calls whose open record is in the journal.
    pub open: u64,
    /// Accounts of which this node holds a slice, or did lately.
    pub accounts: u64,
    /// Whether the store takes records.
    pub up: bool,
}

impl LedgerFigures {
    pub(crate) fn ended(&mut self, state: EntryState, excess: bool) {
        self.excess += u64::from(excess);
        match state {
            EntryState::Settled => self.settled += 1,
            EntryState::Estimated => self.estimated += 1,
            EntryState::Failed => self.failed += 1,
            EntryState::Open | EntryState::Interrupted | EntryState::CrashReserve => {}
        }
    }

    pub(crate) fn committed(&mut self, took: Duration) {
        self.commit_time += took;
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let class = COMMIT_BOUNDS_US.iter().take_while(|bound| us > **bound).count();
        if let Some(count) = self.commits.get_mut(class) {
            *count += 1;
        }
    }
}

/// Upstreams that failed.
#[derive(Default)]
pub(crate) struct UpstreamFailures {
    failed: AtomicU64,
    timeout: AtomicU64,
    busy: AtomicU64,
    quota: AtomicU64,
}

impl UpstreamFailures {
    pub(crate) fn count(&self, kind: Kind) {
        let counter = match kind {
            Kind::UpstreamFailed | Kind::UpstreamRefused => &self.failed,
            Kind::UpstreamTimeout => &self.timeout,
            Kind::UpstreamBusy => &self.busy,
            Kind::UpstreamQuota => &self.quota,
            _ => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> [(&'static str, u64); 4] {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("failed", read(&self.failed)),
            ("timeout", read(&self.timeout)),
            ("busy", read(&self.busy)),
            ("quota", read(&self.quota)),
        ]
    }
}

impl Gate {
    /// What the gate has done so far, and what it is at.
    pub fn figures(&self) -> Figures {
        Figures {
            ledger: self.ledger.figures(),
            upstream_failures: self.upstream_failures.read(),
            draining: self.drain.running(),
            passwords: self.passwords.at_work(),
            credentials: self.authn.remembered.count(),
            rates: self.rates.remembers(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_counts_in_the_first_class_that_holds_it() {
        let mut figures = LedgerFigures::default();
        for us in [1, 500, 501, 999_999, 1_000_001] {
            figures.committed(Duration::from_micros(us));
        }
        assert_eq!(figures.commits, [2, 1, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(figures.commit_time, Duration::from_micros(2_001_002));
    }
}
