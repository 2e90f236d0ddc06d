//! Rates and concurrency of this node, in memory. A restart forgets them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tollgate_kernel::{Clock, Error, Gcra, Holder, Kind, Rates, Verdict};

use crate::FastMap;

/// How many holders are remembered before those at rest are forgotten.
const SWEEP_AT: usize = 65_536;

/// The longest wait that a caller is told to sit out; above it a retry is not worth while.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The state of all rates.
pub(crate) struct RateBook {
    states: Mutex<States>,
    clock: Arc<dyn Clock>,
}

struct States {
    of: FastMap<Holder, State>,
    /// What the holders of the call that is let in come to, kept for its room.
    next: Vec<State>,
    /// How many of them call for the next sweep: twice what the last one left, so that a call's
    /// share of all sweeps stays the same however many holders there are.
    sweep_at: usize,
}

/// The state of one holder.
#[derive(Clone, Copy, Default)]
struct State {
    requests_ns: i64,
    tokens_ns: i64,
    concurrent: u32,
}

/// What is left for a caller, for the `x-ratelimit-*` headers: that of the tightest holder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateStanding {
    /// Limit, what is left, and when all of it is back.
    pub requests: Option<(u32, u32, Duration)>,
    /// The same for tokens.
    pub tokens: Option<(u32, u32, Duration)>,
}

/// No hold was given.
#[derive(Debug)]
pub struct Refusal {
    /// Why.
    pub error: Error,
    /// What the caller's rates have left, where it was one of them that refused.
    pub rates: RateStanding,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, rates: RateStanding::default() }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        refusal.error
    }
}

/// A call's place in the rates: ends its concurrency, and gives back tokens that were not used.
pub(crate) struct RateGuard {
    book: Arc<RateBook>,
    /// None once it was left.
    holders: Option<Arc<[(Holder, Rates)]>>,
    tokens: u32,
    /// What is left after this call was let in.
    pub(crate) standing: RateStanding,
}

impl RateBook {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        let states = States { of: FastMap::default(), next: Vec::new(), sweep_at: SWEEP_AT };
        Arc::new(Self { states: Mutex::new(states), clock })
    }

    /// How many holders are remembered.
    pub(crate) fn remembers(&self) -> u64 {
        self.states.lock().unwrap_or_else(PoisonError::into_inner).of.len() as u64
    }

    /// Lets a call of at most `tokens` in, by all `holders` or by none.
    pub(crate) fn enter(
        self: &Arc<Self>,
        holders: Arc<[(Holder, Rates)]>,
        tokens: i64,
    ) -> Result<RateGuard, Refusal> {
        let tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
        let mut standing = RateStanding::default();
        if !holders.is_empty() {
            let now = i64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(i64::MAX);
            let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
            states.sweep(now);
            let States { of: states, next, .. } = &mut *states;
            next.clear();
            for (holder, rates) in holders.iter() {
                let state = states.get(holder).copied().unwrap_or_default();
                match ask(holder, rates, state, now, tokens, &mut standing) {
                    Ok(state) => next.push(state),
                    Err(error) => {
                        return Err(Refusal { error, rates: standing_of(states, &holders, now) });
                    }
                }
            }
            for ((holder, _), state) in holders.iter().zip(next.iter()) {
                match states.get_mut(holder) {
                    Some(old) => *old = *state,
                    None => drop(states.insert(holder.clone(), *state)),
                }
            }
        }
        Ok(RateGuard { book: self.clone(), holders: Some(holders), tokens, standing })
    }

    fn leave(&self, holders: &[(Holder, Rates)], unused: u32) {
        if holders.is_empty() {
            return;
        }
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        for (holder, rates) in holders {
            if let Some(state) = states.of.get_mut(holder) {
                state.concurrent = state.concurrent.saturating_sub(1);
                if let Some(limit) = rates.tokens_per_minute {
                    state.tokens_ns = Gcra::per_minute(limit).give_back(state.tokens_ns, unused);
                }
            }
        }
    }
}

impl States {
    /// Forgets holders at rest, when there are many.
    fn sweep(&mut self, now: i64) {
        if self.of.len() >= self.sweep_at {
            self.of.retain(|_, state| !state.rests(now));
            self.sweep_at = SWEEP_AT.max(self.of.len().saturating_mul(2));
        }
    }
}

impl State {
    fn rests(&self, now: i64) -> bool {
        self.concurrent == 0 && self.requests_ns <= now && self.tokens_ns <= now
    }
}

impl RateGuard {
    /// The call used this many tokens of those that it held.
    pub(crate) fn used(&mut self, tokens: u64) {
        let used = u32::try_from(tokens).unwrap_or(u32::MAX);
        if let Some(holders) = self.holders.take() {
            self.book.leave(&holders, self.tokens.saturating_sub(used));
        }
    }
}

impl Drop for RateGuard {
    fn drop(&mut self) {
        // Nothing was said of its use: it used nothing, or the ledger's entry is a bound, and then
        // the tokens of this minute are the least of the caller's worries.
        self.used(0);
    }
}

fn ask(
    holder: &Holder,
    rates: &Rates,
    mut state: State,
    now: i64,
    tokens: u32,
    standing: &mut RateStanding,
) -> Result<State, Error> {
    if let Some(limit) = rates.concurrent
        && state.concurrent >= limit
    {
        let what = format!("{limit} calls at the same time");
        return Err(refused(holder, &what, Duration::from_secs(1)));
    }
    state.concurrent += 1;
    if let Some(limit) = rates.requests_per_minute {
        let rule = Gcra::per_minute(limit);
        let what = || format!("{limit} requests per minute");
        state.requests_ns = pass(rule.ask(state.requests_ns, now, 1), holder, what)?;
        let (left, reset) = rule.standing(state.requests_ns, now);
        tighten(&mut standing.requests, (limit, left, reset));
    }
    if let Some(limit) = rates.tokens_per_minute {
        let rule = Gcra::per_minute(limit);
        let what = || format!("{limit} tokens per minute (this call holds {tokens})");
        state.tokens_ns = pass(rule.ask(state.tokens_ns, now, tokens), holder, what)?;
        let (left, reset) = rule.standing(state.tokens_ns, now);
        tighten(&mut standing.tokens, (limit, left, reset));
    }
    Ok(state)
}

/// What a call that was not let in finds left.
fn standing_of(
    states: &FastMap<Holder, State>,
    holders: &[(Holder, Rates)],
    now: i64,
) -> RateStanding {
    let mut standing = RateStanding::default();
    for (holder, rates) in holders {
        let state = states.get(holder).copied().unwrap_or_default();
        if let Some(limit) = rates.requests_per_minute {
            let (left, reset) = Gcra::per_minute(limit).standing(state.requests_ns, now);
            tighten(&mut standing.requests, (limit, left, reset));
        }
        if let Some(limit) = rates.tokens_per_minute {
            let (left, reset) = Gcra::per_minute(limit).standing(state.tokens_ns, now);
            tighten(&mut standing.tokens, (limit, left, reset));
        }
    }
    standing
}

fn pass(verdict: Verdict, holder: &Holder, what: impl Fn() -> String) -> Result<i64, Error> {
    match verdict {
        Verdict::Pass { state_ns, .. } => Ok(state_ns),
        Verdict::Wait(wait) => Err(refused(holder, &what(), wait)),
        Verdict::Never => Err(refused(holder, &what(), LONGEST_WAIT * 2)),
    }
}

fn tighten(known: &mut Option<(u32, u32, Duration)>, other: (u32, u32, Duration)) {
    if known.is_none_or(|(_, left, _)| other.1 < left) {
        *known = Some(other);
    }
}

fn refused(holder: &Holder, what: &str, wait: Duration) -> Error {
    let advice = if wait > LONGEST_WAIT {
        "The call is larger than that: ask for fewer tokens.".to_owned()
    } else {
        format!("Try again in {} s.", wait.as_millis().div_ceil(1_000).max(1))
    };
    Error::new(Kind::RateLimited, format!("The limit of {} is {what}. {advice}", whose(holder)))
        .with_retry_after(wait)
}

/// Whose limit a refusal is about, in words for the caller.
pub(crate) const fn whose(holder: &Holder) -> &'static str {
    match holder {
        Holder::Key(_) => "this key",
        Holder::Token(_) => "this token",
        Holder::User(_) => "your plan",
        Holder::Client(_) => "this app",
        Holder::Model(_) => "this model",
        Holder::Network(_) => "your network",
        Holder::Group(_) => "your group",
        Holder::Installation => "this installation",
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use tollgate_kernel::{ManualClock, Timestamp};

    use super::*;

    fn book() -> (Arc<RateBook>, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1)));
        (RateBook::new(clock.clone()), clock)
    }

    fn one(rates: Rates) -> Arc<[(Holder, Rates)]> {
        Arc::from([(Holder::Installation, rates)])
    }

    #[test]
    fn requests_are_limited_and_come_back() {
        let (book, clock) = book();
        let rates = one(Rates { requests_per_minute: Some(2), ..Rates::default() });
        drop(book.enter(rates.clone(), 1).unwrap());
        drop(book.enter(rates.clone(), 1).unwrap());
        let error = book.enter(rates.clone(), 1).err().unwrap();
        assert_eq!(error.error.kind(), Kind::RateLimited);
        assert_eq!(error.error.retry_after(), Some(Duration::from_secs(30)));
        clock.advance(Duration::from_secs(30));
        assert!(book.enter(rates, 1).is_ok());
    }

    #[test]
    fn tokens_that_were_not_used_come_back_at_once() {
        let (book, _) = book();
        let rates = one(Rates { tokens_per_minute: Some(100), ..Rates::default() });
        let mut guard = book.enter(rates.clone(), 100).unwrap();
        assert!(book.enter(rates.clone(), 1).is_err());
        guard.used(40);
        assert!(book.enter(rates.clone(), 61).is_err());
        assert!(book.enter(rates, 60).is_ok());
    }

    #[test]
    fn a_call_that_never_fits_is_told_not_to_retry() {
        let (book, _) = book();
        let rates = one(Rates { tokens_per_minute: Some(100), ..Rates::default() });
        let error = book.enter(rates, 101).err().unwrap();
        assert!(error.error.retry_after().unwrap() > LONGEST_WAIT);
    }

    #[test]
    fn holders_at_rest_are_forgotten_and_the_others_are_not_looked_at_each_time() {
        let (book, clock) = book();
        let rates = Rates { requests_per_minute: Some(1), ..Rates::default() };
        let model = |n: usize| Arc::from([(Holder::Model(n.to_string()), rates)]);
        let count = || {
            let states = book.states.lock().unwrap();
            (states.of.len(), states.sweep_at)
        };
        for n in 0..=SWEEP_AT {
            drop(book.enter(model(n), 1).unwrap());
        }
        assert_eq!(count(), (SWEEP_AT + 1, 2 * SWEEP_AT));
        clock.advance(Duration::from_secs(61));
        for n in SWEEP_AT + 1..=2 * SWEEP_AT {
            drop(book.enter(model(n), 1).unwrap());
        }
        assert!(count().1 <= 2 * SWEEP_AT, "{:?}", count());
        assert!(count().0 <= SWEEP_AT + 1, "{:?}", count());
    }

    #[test]
    fn concurrency_ends_with_the_call() {
        let (book, _) = book();
        let rates = one(Rates { concurrent: Some(1), ..Rates::default() });
        let guard = book.enter(rates.clone(), 1).unwrap();
        assert!(book.enter(rates.clone(), 1).is_err());
        drop(guard);
        assert!(book.enter(rates, 1).is_ok());
    }

    #[test]
    fn all_holders_are_asked_or_none_is_charged() {
        let (book, _) = book();
        let loose = Rates { requests_per_minute: Some(10), ..Rates::default() };
        let tight = Rates { requests_per_minute: Some(1), ..Rates::default() };
        let both: Arc<[(Holder, Rates)]> =
            Arc::from([(Holder::Installation, loose), (Holder::Model("m".to_owned()), tight)]);
        drop(book.enter(both.clone(), 1).unwrap());
        for _ in 0..20 {
            assert!(book.enter(both.clone(), 1).is_err());
        }
        for _ in 0..9 {
            drop(book.enter(one(loose), 1).unwrap());
        }
        assert!(book.enter(one(loose), 1).is_err());
    }
}
