//! Plans: what their members may use, how fast, and how much of it.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::shapes::{BudgetShape, ProfileShape, RatesShape, patched_profile, said};
use tollgate_edge::{Body, Caller, Path, Query};
use tollgate_gate::{Principal, Warrant};
use tollgate_kernel::{
    Budget, Error, Manage, ModelPattern, Noun, Plan, Profile, Rates, Slug, Timestamp, ToolPattern,
};
use tollgate_store::{AuditEvent, PlanBody, PlanRecord};

use crate::listing::{Cursors, ListQuery};
use crate::members::{RatesChange, checked_budgets, needed, same_id};
use crate::state::{ConsoleState, changeable};

/// Looking at plans.
pub(crate) const READ: Manage = Manage::read(Noun::Plans);
/// Changing plans.
pub(crate) const WRITE: Manage = Manage::write(Noun::Plans);

/// A new plan, or a change of one. What a new plan leaves out is unlimited, but for the output
/// ceiling; what a change leaves out stays.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PlanChange {
    /// Its name; needed for a new one, fixed from then on.
    #[schemars(with = "Option<String>")]
    pub(crate) id: Option<Slug>,
    /// Models by name, or by the beginning of their names with a `*` after it.
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) models: Option<Vec<ModelPattern>>,
    /// Tools by name, `*` for all of them; `null` is all.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) tools: Option<Option<Vec<ToolPattern>>>,
    /// Rates of each member.
    pub(crate) rates: Option<RatesChange>,
    /// Budgets of each member.
    #[schemars(with = "Option<Vec<BudgetShape>>")]
    pub(crate) budgets: Option<Vec<Budget>>,
    /// The IANA name of the zone whose days, weeks and months count.
    pub(crate) time_zone: Option<String>,
    /// The output ceiling of a call that states none, and the largest one; `null` is the usual.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<u32>", range(min = 1))]
    pub(crate) max_output_tokens: Option<Option<u32>>,
    /// What goes into members' calls of models: what it leaves out stays, `null` takes away, the
    /// whole or a member.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<ProfileShape>")]
    pub(crate) profile: Option<Value>,
}

impl PlanChange {
    /// Makes the change, if all of it is good.
    pub(crate) fn apply(self, body: &mut PlanBody) -> Result<(), Error> {
        let Self { id: _, models, tools, rates, budgets, time_zone, max_output_tokens, profile } =
            self;
        if let Some(models) = models {
            body.models = models;
        }
        if let Some(tools) = tools {
            body.tools = tools;
        }
        if let Some(rates) = rates {
            rates.apply(&mut body.rates)?;
        }
        if let Some(budgets) = budgets {
            body.budgets = checked_budgets("budgets", budgets)?;
        }
        if let Some(zone) = time_zone {
            Plan::zone(&zone)?;
            body.time_zone = zone;
        }
        if let Some(tokens) = max_output_tokens {
            let tokens = tokens.unwrap_or(Plan::DEFAULT_MAX_OUTPUT_TOKENS);
            if tokens == 0 {
                let what = "The output ceiling is at least 1 token.";
                return Err(Error::invalid(what).with_param("max_output_tokens"));
            }
            body.max_output_tokens = tokens;
        }
        if let Some(patch) = profile {
            body.profile = patched_profile(body.profile.as_ref(), patch)?;
        }
        Ok(())
    }
}

/// A plan that says nothing: every model, without limits.
pub(crate) fn unlimited() -> Result<PlanBody, Error> {
    Ok(PlanBody {
        models: vec![ModelPattern::parse("*")?],
        tools: None,
        rates: Rates::default(),
        budgets: Vec::new(),
        time_zone: "UTC".to_owned(),
        max_output_tokens: Plan::DEFAULT_MAX_OUTPUT_TOKENS,
        profile: None,
    })
}

/// A plan as it is shown.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PlanView {
    /// Its name.
    #[schemars(with = "String")]
    id: Slug,
    /// The models that members may call.
    #[schemars(with = "Vec<String>")]
    models: Vec<ModelPattern>,
    /// The tools that members may call; `null` is all of them.
    #[schemars(with = "Option<Vec<String>>")]
    tools: Option<Vec<ToolPattern>>,
    /// Rates of each member.
    #[schemars(with = "RatesShape")]
    rates: Rates,
    /// Budgets of each member.
    #[schemars(with = "Vec<BudgetShape>")]
    budgets: Vec<Budget>,
    /// The zone whose days, weeks and months count.
    time_zone: String,
    /// The output ceiling.
    max_output_tokens: u32,
    /// What goes into members' calls of models.
    #[schemars(with = "Option<ProfileShape>")]
    profile: Option<Profile>,
    /// Whether the configuration file declares it.
    declared: bool,
    /// When it was made.
    #[schemars(with = "String")]
    created_at: Timestamp,
    /// When it was changed last.
    #[schemars(with = "String")]
    updated_at: Timestamp,
}

impl From<PlanRecord> for PlanView {
    fn from(record: PlanRecord) -> Self {
        let PlanRecord { id, body, declared, created_at, updated_at, version: _ } = record;
        let PlanBody { models, tools, rates, budgets, time_zone, max_output_tokens, profile } =
            body;
        Self {
            id,
            models,
            tools,
            rates,
            budgets,
            time_zone,
            max_output_tokens,
            profile,
            declared,
            created_at,
            updated_at,
        }
    }
}

/// `GET /api/v1/plans`.
pub(crate) async fn list(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Query(query): Query<ListQuery>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    let cursors = Cursors::new(&state.gate, "plans");
    let page = state.read(&warrant).plans(&cursors.request(&query)?).await?;
    reply::json(&cursors.list(page, PlanView::from))
}

/// `GET /api/v1/plans/{id}`.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(id): Path<Slug>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    reply::json(&PlanView::from(find(&state, &warrant, &id).await?))
}

/// `POST /api/v1/plans`.
pub(crate) async fn create(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Body(change): Body<PlanChange>,
) -> Reply {
    let record = make(&state, &caller, change).await?;
    reply::created(&format!("/api/v1/plans/{}", record.id), &PlanView::from(record))
}

/// `PATCH /api/v1/plans/{id}`.
pub(crate) async fn update(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(id): Path<Slug>,
    Body(change): Body<PlanChange>,
) -> Reply {
    reply::json(&PlanView::from(alter(&state, &caller, &id, change).await?))
}

/// `DELETE /api/v1/plans/{id}`.
pub(crate) async fn delete(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(id): Path<Slug>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    changeable(find(&state, &warrant, &id).await?.declared)?;
    let mut tx = state.gate.begin(&warrant).await?;
    tx.delete_plan(&id).await?;
    state.commit(tx, AuditEvent::new("plan.delete", format!("plan:{id}"))).await?;
    reply::no_content()
}

/// One plan, or 404.
pub(crate) async fn find(
    state: &ConsoleState,
    warrant: &Warrant,
    id: &Slug,
) -> Result<PlanRecord, Error> {
    state.read(warrant).plan(id).await?.ok_or_else(Error::not_found)
}

/// Makes a plan.
pub(crate) async fn make(
    state: &ConsoleState,
    caller: &Arc<Principal>,
    change: PlanChange,
) -> Result<PlanRecord, Error> {
    let warrant = state.allow(caller, WRITE)?;
    let id = needed(change.id.clone(), "id")?;
    let mut record = PlanRecord::new(id, unlimited()?);
    change.apply(&mut record.body)?;
    store(state, &warrant, &record, "plan.create").await
}

/// Changes a plan.
pub(crate) async fn alter(
    state: &ConsoleState,
    caller: &Arc<Principal>,
    id: &Slug,
    change: PlanChange,
) -> Result<PlanRecord, Error> {
    let warrant = state.allow(caller, WRITE)?;
    let mut record = find(state, &warrant, id).await?;
    changeable(record.declared)?;
    same_id(change.id.as_ref(), id)?;
    change.apply(&mut record.body)?;
    store(state, &warrant, &record, "plan.update").await
}

async fn store(
    state: &ConsoleState,
    warrant: &Warrant,
    record: &PlanRecord,
    action: &'static str,
) -> Result<PlanRecord, Error> {
    let mut tx = state.gate.begin(warrant).await?;
    tx.put_plan(record).await?;
    state.commit(tx, AuditEvent::new(action, format!("plan:{}", record.id))).await?;
    find(state, warrant, &record.id).await
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
#[path = "plans_tests.rs"]
mod tests;
