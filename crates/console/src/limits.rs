//! What is left of budgets, and until when: the caller's own, and for admins everybody's.

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::shapes::List;
use tollgate_edge::{Caller, Query};
use tollgate_gate::{BudgetStanding, BudgetsOf, Principal, Reach, Warrant};
use tollgate_kernel::{ClientId, Error, KeyId, Manage, Noun, Slug, Subject, Timestamp, UserId};
use tollgate_store::Owner;

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
    /// `user`, `client`, `key`, `token`, `group`, `model` or `installation`.
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

/// Whose limits are asked for. Those of others, and shared ones, are for owner and admins.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LimitsQuery {
    /// All that count for this person.
    #[schemars(with = "Option<String>")]
    user: Option<UserId>,
    /// All that count for this app.
    #[schemars(with = "Option<String>")]
    client: Option<ClientId>,
    /// All that count for calls with this key.
    #[schemars(with = "Option<String>")]
    key: Option<KeyId>,
    /// Those that the members of this group share.
    #[schemars(with = "Option<String>")]
    group: Option<Slug>,
    /// Those of this model alias.
    model: Option<String>,
}

impl LimitsQuery {
    fn whose(self) -> Result<Option<BudgetsOf>, Error> {
        let Self { user, client, key, group, model } = self;
        let all = [
            user.map(BudgetsOf::User),
            client.map(BudgetsOf::Client),
            key.map(BudgetsOf::Key),
            group.map(BudgetsOf::Group),
            model.map(BudgetsOf::Model),
        ];
        let mut named = all.into_iter().flatten();
        let first = named.next();
        if named.next().is_some() {
            let what = "Ask for one of user, client, key, group and model at a time.";
            return Err(Error::invalid(what));
        }
        Ok(first)
    }
}

/// `GET /api/v1/limits`: of the one that the query names, else of the caller; for those who call no
/// models themselves, of all that is shared.
pub(crate) async fn list(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Query(query): Query<LimitsQuery>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    let calls = matches!(caller.subject(), Subject::User(_) | Subject::App(_));
    let asked = query.whose()?;
    let has_key = holds(&state, &warrant, asked.as_ref()).await?;
    let whose = match asked {
        Some(whose) if is_own(&caller, &whose) => None,
        Some(whose) if has_key => Some(whose),
        Some(_) if warrant.reach() != Reach::All => return Err(Error::not_found().into()),
        None if !calls => Some(BudgetsOf::Shared),
        named => named,
    };
    let standings = match whose {
        Some(whose) => state.gate.budgets_of(&warrant, &whose).await?,
        None => state.gate.limits(&caller).await?,
    };
    let items = standings.into_iter().map(LimitView::from).collect();
    reply::json(&List { items, next: None })
}

/// `GET /api/v1/me/limits`.
pub(crate) async fn mine(State(state): State<ConsoleState>, Caller(caller): Caller) -> Reply {
    state.allow(&caller, READ)?;
    let items = match caller.subject() {
        Subject::User(_) | Subject::App(_) => {
            state.gate.limits(&caller).await?.into_iter().map(LimitView::from).collect()
        }
        // Those who call no models have none.
        _ => Vec::new(),
    };
    reply::json(&List { items, next: None })
}

/// Whether `whose` are those of a key that speaks for the person who asks. A key sees its own
/// alone: it was made to know no more than it needs.
async fn holds(
    state: &ConsoleState,
    warrant: &Warrant,
    whose: Option<&BudgetsOf>,
) -> Result<bool, Error> {
    let (Some(BudgetsOf::Key(key)), Some(user)) = (whose, warrant.principal().user()) else {
        return Ok(false);
    };
    if warrant.principal().credential().key().is_some() {
        return Ok(false);
    }
    Ok(state.gate.read(warrant).key(Owner::User(user), *key).await?.is_some())
}

/// Whether `whose` are the budgets that count for the caller's own calls.
fn is_own(caller: &Principal, whose: &BudgetsOf) -> bool {
    match whose {
        BudgetsOf::User(id) => caller.user() == Some(*id),
        BudgetsOf::Client(id) => caller.client().app() == Some(*id),
        BudgetsOf::Key(id) => caller.credential().key() == Some(*id),
        BudgetsOf::Group(_) | BudgetsOf::Model(_) | BudgetsOf::Shared => false,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
#[path = "limits_tests.rs"]
mod tests;
