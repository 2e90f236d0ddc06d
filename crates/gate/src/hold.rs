//! Reserving: the worst case of a permitted call, held in every account and every rate, or in none.

use std::sync::Arc;

use tollgate_kernel::{Charged, EntryKey, Error, Kind, Unit, figures};
use tollgate_store::ledger::Decision;

use crate::Permit;
use crate::ledger::{Ask, Charge, Ledger, LegAsk, Refused};
use crate::permit::Decided;
use crate::rates::{RateBook, RateGuard, RateStanding, Refusal, whose};

/// The proof that the most a call can cost is held for it. Dropped, it is given back.
pub struct Hold {
    pub(crate) decided: Arc<Decided>,
    pub(crate) held: Held,
    /// Candidates whose own budgets are spent, by their places: nothing is held for them.
    pub(crate) left_out: Vec<usize>,
}

/// What is held. It is all that is left of a hold once an answer flows: a stream that lasts does
/// not keep its request.
pub(crate) struct Held {
    pub(crate) charge: Charge,
    pub(crate) rates: RateGuard,
}

impl Hold {
    /// What the caller's rates have left, this call included.
    pub fn rates(&self) -> RateStanding {
        self.held.rates.standing
    }

    /// The ceiling that we set because the caller named none, or a higher one.
    pub fn ceiling_set(&self) -> Option<u64> {
        self.decided.ceiling_set()
    }
}

/// Holds the worst case of `permit`.
pub(crate) async fn reserve(
    ledger: &Arc<Ledger>,
    rates: &Arc<RateBook>,
    permit: &Permit,
) -> Result<Hold, Refusal> {
    let decided = &permit.0;
    let hold = decided.worst_case();
    let guard = rates.enter(decided.resolved.rates.clone(), hold.tokens)?;
    let mut left_out = Vec::new();
    loop {
        let legs = decided.legs(&left_out)?;
        let decision = match ledger.reserve(ask(decided, hold, &legs, &left_out)).await {
            Ok(charge) => {
                let held = Held { charge, rates: guard };
                return Ok(Hold { decided: decided.clone(), held, left_out });
            }
            Err(Refused::Unavailable(error)) => return Err(error.into()),
            Err(Refused::By(decision)) => decision,
        };
        if !leave_out(decided, &legs, &decision, &mut left_out) {
            return Err(refusal(decided, &legs, &decision).into());
        }
    }
}

/// Leaves out the candidates that the account which refused belongs to. `false`: that would be all
/// that are left, or it is an account of the caller's.
fn leave_out(
    decided: &Decided,
    legs: &[LegAsk],
    decision: &Decision,
    left_out: &mut Vec<usize>,
) -> bool {
    let (Decision::Exhausted { leg, .. } | Decision::InUse { leg, .. }) = decision else {
        return false;
    };
    let (Some(leg), Some(choice)) = (legs.get(*leg), decided.choice()) else { return false };
    let charged = choice
        .candidates_but(left_out)
        .filter(|(_, candidate)| candidate.is_charged_to(&leg.account, &decided.policy));
    let charged: Vec<usize> = charged.map(|(at, _)| at).collect();
    let goes_on = !charged.is_empty() && left_out.len() + charged.len() < choice.candidates.len();
    if goes_on {
        left_out.extend(charged);
    }
    goes_on
}

fn ask(decided: &Decided, hold: Charged, legs: &Arc<[LegAsk]>, left_out: &[usize]) -> Ask {
    let known = &decided.principal.known;
    let first = decided.choice().and_then(|choice| choice.candidates_but(left_out).next());
    Ask {
        key: EntryKey { call: decided.id, attempt: 1 },
        at: decided.at,
        request: decided.request(),
        user: known.subject.user(),
        client: known.client.app(),
        api_key: known.credential.key(),
        group: decided.resolved.in_effect.as_ref().and_then(|it| it.group.clone()),
        called: decided.called(),
        upstream: first.map(|(_, candidate)| candidate.upstream.id().clone()),
        priced: decided.is_priced(),
        hold,
        legs: legs.clone(),
    }
}

/// The refusal in words: which budget, what the call holds, what is left, and what would fit.
fn refusal(decided: &Decided, legs: &[LegAsk], decision: &Decision) -> Error {
    let (at, left, spent) = match decision {
        Decision::Exhausted { leg, left } => (*leg, *left, true),
        Decision::InUse { leg, left } => (*leg, *left, false),
        Decision::Granted { .. } => return Error::internal("a granted call was refused"),
    };
    let Some(leg) = legs.get(at) else {
        return Error::internal("a refusal names no account of the call");
    };
    let account = &leg.account;
    let unit = account.unit;
    let hold = amount(decided.worst_case().of(unit), unit);
    let mut words = format!(
        "The budget of {} for this {} allows {}. This call may need up to {hold}. Left{}: {}.",
        whose(&account.holder),
        account.period.as_str(),
        amount(leg.limit, unit),
        if spent { "" } else { " at this moment" },
        amount(left, unit),
    );
    let ceiling = decided.choice().and_then(|choice| choice.ceiling_for(unit, left));
    if let Some(ceiling) = ceiling {
        words.push_str(&format!(" It would fit with max_tokens of at most {ceiling}."));
    }
    words.push_str(&format!(" The budget starts anew at {}.", account.window.end.rfc3339()));
    if spent {
        let wait = account.window.end.since(decided.at);
        Error::new(Kind::BudgetExhausted, words).with_retry_after(wait)
    } else {
        words.push_str(" Other calls in flight hold the rest, so a retry may succeed.");
        Error::new(Kind::BudgetInUse, words).with_retry_after(std::time::Duration::from_secs(1))
    }
}

/// An amount with its unit, for people.
fn amount(n: i64, unit: Unit) -> String {
    match unit {
        Unit::Tokens if n == 1 => "1 token".to_owned(),
        Unit::Tokens => format!("{n} tokens"),
        Unit::Calls if n == 1 => "1 call".to_owned(),
        Unit::Calls => format!("{n} calls"),
        Unit::Money => {
            let sign = if n < 0 { "-" } else { "" };
            format!("{sign}${}", figures::typed(unit, n.saturating_abs()))
        }
    }
}
