//! In which phases of their calls the callers were when the server was killed. Told by what had
//! reached them and what the ledger had of it afterwards; so each phase is seen, not guessed.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result, bail, ensure};
use tollgate_kernel::EntryState;
use tollgate_server::demo_model::Line;
use tollgate_store::ledger::EntryRow;

use crate::load::{CALLERS, Call, Seen, caller_of};

/// The phases of a call, in the order of its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// The model was asked, the open record was on its way to the disk.
    Pending,
    /// The open record was durable, no byte of an answer had come.
    Durable,
    /// A part of the answer had come.
    Streaming,
    /// The answer had come whole, its entry was not written.
    Folding,
}

/// How many calls a kill has hit in each phase.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hits {
    /// The model had been asked, and the open record was not durable: it has no entry, and only the
    /// crash reserve covers it.
    pub(crate) pending: u32,
    /// Sent, and without an entry: pending, or the server had not come so far with it.
    pub(crate) unrecorded: u32,
    /// Its open record was durable, and no byte of an answer had come.
    pub(crate) durable: u32,
    /// A part of its answer had come.
    pub(crate) streaming: u32,
    /// Its answer had come whole and was settled; its entry was not written yet.
    pub(crate) folding: u32,
    /// Calls of the round that were answered.
    pub(crate) answered: u32,
    /// Calls of the round that were refused because a budget had no room.
    pub(crate) refused: u32,
}

/// A round, for comparison: what the callers saw, which entries there are afterwards, and what the
/// demo model metered.
pub(crate) struct Round<'a> {
    pub(crate) calls: &'a [Vec<Call>],
    pub(crate) entries: &'a [EntryRow],
    pub(crate) metered: &'a [Line],
}

impl Round<'_> {
    /// Compares, call by call: who has heard a byte of an answer has exactly one entry, nobody has
    /// two, and no entry is of a call that nobody made.
    pub(crate) fn compare(&self) -> Result<Hits> {
        let mut by_request = BTreeMap::new();
        for entry in self.entries.iter().filter(|e| e.state != EntryState::CrashReserve) {
            let twice = by_request.insert(entry.request_id.as_str(), entry);
            ensure!(twice.is_none(), "two entries of one request: {twice:?} and {entry:?}");
        }
        let mut hits = Hits::default();
        let mut unnamed = HashMap::new();
        for (caller, call) in self
            .calls
            .iter()
            .enumerate()
            .flat_map(|(caller, calls)| calls.iter().map(move |call| (caller, call)))
        {
            match &call.request {
                Some(request) => {
                    let entry = by_request.remove(request.as_str());
                    hits.answered(call, entry).with_context(|| format!("caller {caller}"))?;
                }
                None => {
                    ensure!(unnamed.insert(caller, call).is_none(), "two calls at once: {call:?}");
                }
            }
        }
        let mut left: HashMap<usize, &EntryRow> = HashMap::new();
        for entry in by_request.into_values() {
            let caller = caller_of(&entry.model).context("an entry of no caller")?;
            let twice = left.insert(caller, entry);
            ensure!(twice.is_none(), "two entries that nobody asked for: {twice:?} and {entry:?}");
        }
        for caller in 0..CALLERS {
            match (unnamed.get(&caller), left.get(&caller)) {
                (Some(call), entry) => hits.unanswered(call, entry.copied())?,
                (None, Some(entry)) => bail!("an entry that nobody asked for: {entry:?}"),
                (None, None) => {}
            }
        }
        hits.pending = self.without_entry()?;
        Ok(hits)
    }

    /// Calls that the kill met: they were sent, and had no whole answer.
    pub(crate) fn in_flight(&self) -> usize {
        let unfinished = |calls: &&Vec<Call>| calls.last().is_some_and(|c| c.seen != Seen::Ended);
        self.calls.iter().filter(unfinished).count()
    }

    /// Calls that the model metered and that have no entry: of each caller the last one at most.
    fn without_entry(&self) -> Result<u32> {
        let mut hidden = [0_i32; CALLERS];
        let of = |model: &str| caller_of(model).filter(|caller| *caller < CALLERS);
        for line in self.metered {
            hidden[of(&line.model).context("metered for no caller")?] += 1;
        }
        for entry in self.entries.iter().filter(|e| e.state != EntryState::CrashReserve) {
            hidden[of(&entry.model).context("an entry of no caller")?] -= 1;
        }
        let most = hidden.iter().max().copied().unwrap_or_default();
        ensure!(most <= 1, "the model metered {most} calls of one caller that have no entry");
        Ok(u32::try_from(hidden.iter().filter(|calls| **calls == 1).count())?)
    }
}

impl Hits {
    /// A call whose caller has heard the head of an answer.
    fn answered(&mut self, call: &Call, entry: Option<&EntryRow>) -> Result<()> {
        match (call.status, entry) {
            (Some(200), Some(entry)) => {
                self.answered += 1;
                match (entry.state, call.seen) {
                    (EntryState::Settled, _) => {
                        let total = i64::try_from(entry.usage.total())?;
                        let same = call.tokens.is_none_or(|tokens| tokens == total);
                        ensure!(same, "told {:?} tokens, {entry:?}", call.tokens);
                        ensure!(entry.charged_tokens == total, "not charged as used: {entry:?}");
                    }
                    (EntryState::Interrupted, Seen::Ended) => self.folding += 1,
                    (EntryState::Interrupted, _) => self.streaming += 1,
                    (state, _) => bail!("an answered call is {state:?}: {entry:?}"),
                }
            }
            (Some(200), None) => bail!("an answer reached its caller, and no entry: {call:?}"),
            (Some(429), None) => self.refused += 1,
            _ => bail!("an answer that was not to be expected: {call:?}, entry {entry:?}"),
        }
        Ok(())
    }

    /// A call whose caller has not heard which request it was.
    fn unanswered(&mut self, call: &Call, entry: Option<&EntryRow>) -> Result<()> {
        match (call.seen, entry.map(|entry| entry.state)) {
            (Seen::Sent, None) => self.unrecorded += 1,
            (Seen::Sent, Some(EntryState::Interrupted)) => self.durable += 1,
            (Seen::Begun, Some(EntryState::Interrupted)) => self.streaming += 1,
            // Its answer was on its way.
            (Seen::Sent | Seen::Begun, Some(EntryState::Settled)) => {}
            (seen, state) => bail!("{seen:?} and the entry {state:?}: {call:?}"),
        }
        Ok(())
    }

    /// Whether each of the phases was hit.
    pub(crate) fn phases(&self) -> [(Phase, bool); 4] {
        [
            (Phase::Pending, self.pending > 0),
            (Phase::Durable, self.durable > 0),
            (Phase::Streaming, self.streaming > 0),
            (Phase::Folding, self.folding > 0),
        ]
    }
}
