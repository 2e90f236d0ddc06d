//! What is left of the caller's budgets, and until when.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use tollgate_edge::Caller;
use tollgate_edge::reply::{self, Reply};
use tollgate_gate::{BudgetStanding, Principal};
use tollgate_kernel::{Error, Manage, Noun, Subject, Timestamp};

use crate::listing::List;
use crate::state::ConsoleState;

/// Looking at limits.
const READ: Manage = Manage::read(Noun::Limits);

/// What is left of a budget.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LimitView {
    /// Whom it counts for.
    scope: Scope,
    /// `money`, `tokens` or `calls`.
    unit: &'static str,
    /// `day`, `week` or `month`.
    period: &'static str,
    /// The limit; money in nano-units.
    limit: i64,
    /// What is settled.
    used: i64,
    /// What calls in flight hold.
    held: i64,
    /// What is left for the next call.
    left: i64,
    /// When the budget starts anew.
    #[schemars(with = "String")]
    resets_at: Timestamp,
}

/// Whom a budget counts for.
#[derive(Serialize, JsonSchema)]
struct Scope {
    /// `user`, `client`, `key`, `group`, `model` or `installation`.
    kind: &'static str,
    /// Which one; empty for the installation.
    id: String,
}

impl From<BudgetStanding> for LimitView {
    fn from(standing: BudgetStanding) -> Self {
        let BudgetStanding { account, limit, used, held } = standing;
        Self {
            scope: Scope { kind: account.holder.kind(), id: account.holder.id() },
            unit: account.unit.as_str(),
            period: account.period.as_str(),
            limit,
            used,
            held,
            left: limit.saturating_sub(used).saturating_sub(held).max(0),
            resets_at: account.window.end,
        }
    }
}

/// `GET /api/v1/limits` and `GET /api/v1/me/limits`.
pub(crate) async fn list(State(state): State<ConsoleState>, Caller(caller): Caller) -> Reply {
    state.allow(&caller, READ)?;
    let items = of(&state, &caller).await?;
    reply::json(&List { items, next: None })
}

/// The limits of `caller`. Those who call no models have none.
async fn of(state: &ConsoleState, caller: &Arc<Principal>) -> Result<Vec<LimitView>, Error> {
    match caller.subject() {
        Subject::User(_) | Subject::App(_) => {
            let standings = state.gate.limits(caller).await?;
            Ok(standings.into_iter().map(LimitView::from).collect())
        }
        _ => Ok(Vec::new()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
#[path = "limits_tests.rs"]
mod tests;
