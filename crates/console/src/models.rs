//! Model aliases: our names for models of upstreams, with their prices.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::shapes::BudgetShape;
use tollgate_edge::{Body, Caller, Path, Query};
use tollgate_gate::{Principal, Warrant};
use tollgate_kernel::{
    Budget, Class, Error, Kind, Manage, ModelPattern, Nano, Noun, Price, Slug, Tier, Timestamp,
};
use tollgate_store::{AuditEvent, ModelRecord};

use crate::listing::{Cursors, ListQuery};
use crate::members::checked_budgets;
use crate::state::{ConsoleState, changeable};

/// Looking at models.
pub(crate) const READ: Manage = Manage::read(Noun::Models);
/// Changing models.
pub(crate) const WRITE: Manage = Manage::write(Noun::Models);

/// What an alias is to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelBody {
    /// The upstream that is called.
    #[schemars(with = "String")]
    pub(crate) upstream: Slug,
    /// The model's name there.
    pub(crate) model: String,
    /// Budgets over all calls of this alias.
    #[serde(default)]
    #[schemars(with = "Vec<BudgetShape>")]
    pub(crate) budgets: Vec<Budget>,
}

/// An alias as it is shown.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ModelView {
    /// The name that callers use.
    #[schemars(with = "String")]
    alias: Slug,
    /// The upstream that is called.
    #[schemars(with = "String")]
    upstream: Slug,
    /// The model's name there.
    model: String,
    /// Budgets over all calls of this alias.
    #[schemars(with = "Vec<BudgetShape>")]
    budgets: Vec<Budget>,
    /// What it costs now; `null` where it has no price.
    price: Option<PriceView>,
    /// The most tokens of input and output together, where that is known.
    context_tokens: Option<u64>,
    /// The most tokens of output, where that is known.
    max_output_tokens: Option<u64>,
    /// Whether the configuration file declares it.
    declared: bool,
    /// When it was made.
    #[schemars(with = "String")]
    created_at: Timestamp,
    /// When it was changed last.
    #[schemars(with = "String")]
    updated_at: Timestamp,
}

/// Prices, each for a million tokens.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PriceView {
    /// Of input.
    input_nano: Nano,
    /// Of input read from the provider's cache; `null`: as input.
    cached_input_nano: Option<Nano>,
    /// Of input written to the provider's cache; `null`: as input.
    cache_write_nano: Option<Nano>,
    /// Of output.
    output_nano: Nano,
    /// Other prices for long inputs.
    tiers: Vec<TierView>,
}

/// From so many input tokens on, a class has another price.
#[derive(Serialize, JsonSchema)]
struct TierView {
    /// `input`, `cached_input`, `cache_write` or `output`.
    class: &'static str,
    /// From how many input tokens on.
    from_input_tokens: u64,
    /// The price of a million tokens then.
    price_nano: Nano,
}

impl From<&Price> for PriceView {
    fn from(price: &Price) -> Self {
        Self {
            input_nano: price.input,
            cached_input_nano: price.cached_input,
            cache_write_nano: price.cache_write,
            output_nano: price.output,
            tiers: price.tiers.iter().map(TierView::from).collect(),
        }
    }
}

impl From<&Tier> for TierView {
    fn from(tier: &Tier) -> Self {
        let class = match tier.class {
            Class::Input => "input",
            Class::CachedInput => "cached_input",
            Class::CacheWrite => "cache_write",
            Class::Output => "output",
        };
        let Tier { from_input_tokens, nano_per_million, .. } = *tier;
        Self { class, from_input_tokens, price_nano: nano_per_million }
    }
}

/// `GET /api/v1/models`.
pub(crate) async fn list(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Query(query): Query<ListQuery>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    let cursors = Cursors::new(&state.gate, "models");
    let request = cursors.request(&query)?;
    let all = state.read(&warrant).models().await?;
    let page = Cursors::cut(all, &request, |model| model.alias.to_string());
    reply::json(&cursors.list(page, |model| view(&state, model)))
}

/// `GET /api/v1/models/{alias}`.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(alias): Path<Slug>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    reply::json(&view(&state, find(&state, &warrant, &alias).await?))
}

/// `PUT /api/v1/models/{alias}`: 201 where there was none, else 200.
pub(crate) async fn put(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(alias): Path<String>,
    Body(body): Body<ModelBody>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    // Whoever makes something under a bad name is told what is wrong with it.
    let alias = Slug::parse(&alias).map_err(|error| error.with_param("alias"))?;
    let before = state.read(&warrant).model(&alias).await?;
    let is_new = before.is_none();
    let stored = store(&state, &warrant, alias, before, body).await?;
    let mut answer = reply::json(&view(&state, stored))?;
    if is_new {
        *answer.status_mut() = StatusCode::CREATED;
    }
    Ok(answer)
}

/// Makes an alias; one that is there already is left alone.
pub(crate) async fn make(
    state: &ConsoleState,
    caller: &Arc<Principal>,
    alias: Slug,
    body: ModelBody,
) -> Result<ModelRecord, Error> {
    let warrant = state.allow(caller, WRITE)?;
    if state.read(&warrant).model(&alias).await?.is_some() {
        let what = "There is an alias of this name. Change it, or choose another name.";
        return Err(Error::new(Kind::Conflict, what));
    }
    store(state, &warrant, alias, None, body).await
}

/// Replaces an alias that there is.
pub(crate) async fn alter(
    state: &ConsoleState,
    caller: &Arc<Principal>,
    alias: Slug,
    body: ModelBody,
) -> Result<ModelRecord, Error> {
    let warrant = state.allow(caller, WRITE)?;
    let before = find(state, &warrant, &alias).await?;
    store(state, &warrant, alias, Some(before), body).await
}

/// The alias of this name.
pub(crate) async fn find(
    state: &ConsoleState,
    warrant: &Warrant,
    alias: &Slug,
) -> Result<ModelRecord, Error> {
    state.read(warrant).model(alias).await?.ok_or_else(Error::not_found)
}

/// Checks an alias, makes it durable, and gives it as it is then.
async fn store(
    state: &ConsoleState,
    warrant: &Warrant,
    alias: Slug,
    before: Option<ModelRecord>,
    body: ModelBody,
) -> Result<ModelRecord, Error> {
    let ModelBody { upstream, model, budgets } = body;
    let mut record =
        before.unwrap_or_else(|| ModelRecord::new(alias, upstream.clone(), model.clone()));
    changeable(record.declared)?;
    known_upstream(state, warrant, &upstream).await?;
    record.upstream = upstream;
    record.model = checked_model(&model)?;
    record.budgets = checked_budgets("budgets", budgets)?;
    let mut tx = state.gate.begin(warrant).await?;
    tx.put_model(&record).await?;
    let target = format!("model:{}", record.alias);
    state.commit(tx, AuditEvent::new("model.put", target)).await?;
    find(state, warrant, &record.alias).await
}

/// `DELETE /api/v1/models/{alias}`.
pub(crate) async fn delete(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(alias): Path<Slug>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    changeable(find(&state, &warrant, &alias).await?.declared)?;
    let mut tx = state.gate.begin(&warrant).await?;
    tx.delete_model(&alias).await?;
    state.commit(tx, AuditEvent::new("model.delete", format!("model:{alias}"))).await?;
    reply::no_content()
}

fn view(state: &ConsoleState, record: ModelRecord) -> ModelView {
    let facts = state.prices.facts(&record.model, state.now());
    ModelView {
        alias: record.alias,
        upstream: record.upstream,
        model: record.model,
        budgets: record.budgets,
        price: facts.as_ref().map(|facts| PriceView::from(&*facts.price)),
        context_tokens: facts.as_ref().and_then(|facts| facts.context_tokens),
        max_output_tokens: facts.as_ref().and_then(|facts| facts.max_output_tokens),
        declared: record.declared,
        created_at: record.created_at,
        updated_at: record.updated_at,
    }
}

async fn known_upstream(state: &ConsoleState, warrant: &Warrant, id: &Slug) -> Result<(), Error> {
    if state.read(warrant).upstream(id).await?.is_some() {
        return Ok(());
    }
    let what = format!("There is no upstream called {id}. Make it first, or name another.");
    Err(Error::invalid(what).with_param("upstream"))
}

fn checked_model(model: &str) -> Result<String, Error> {
    let model = model.trim();
    let fits = (1..=ModelPattern::MAX_LEN).contains(&model.len());
    if fits && !model.chars().any(char::is_control) {
        return Ok(model.to_owned());
    }
    let what = "The model is the name that the upstream has for it, of at most 256 bytes.";
    Err(Error::invalid(what).with_param("model"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
#[path = "models_tests.rs"]
mod tests;
