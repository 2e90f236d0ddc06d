//! The entries themselves, newest first: one for each attempt of each call, and crash reserves.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::shapes::List;
use tollgate_edge::{Caller, Path, Query};
use tollgate_gate::{Principal, Warrant};
use tollgate_kernel::{CallId, EntryState, Error, Manage, Noun, Timestamp, Usage};
use tollgate_store::PageRequest;
use tollgate_store::ledger::{EntryFilter, EntryRow};

use crate::listing::Cursors;
use crate::state::ConsoleState;
use crate::usage::{READ, confine};

/// Giving back what a crash may have hidden.
pub(crate) const RELEASE: Manage = Manage::write(Noun::Reserves);

/// The most attempts that a call can have: the attempts of one call stand on one page.
const ATTEMPTS: u32 = 64;

/// Which entries are asked for.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EntriesQuery {
    /// How many: 1 to 500, 50 unless said. The attempts of a call are not torn apart.
    pub(crate) limit: Option<u32>,
    /// The `next` of the page before.
    pub(crate) cursor: Option<String>,
    /// From this moment on (RFC 3339).
    pub(crate) from: Option<String>,
    /// Before this moment (RFC 3339).
    pub(crate) to: Option<String>,
    /// At exactly this moment (RFC 3339).
    pub(crate) at: Option<String>,
    /// Of this call.
    pub(crate) call_id: Option<String>,
    /// With this attempt at an upstream.
    pub(crate) attempt: Option<i64>,
    /// Of this person.
    pub(crate) user: Option<String>,
    /// Of this app.
    pub(crate) client: Option<String>,
    /// Of this key.
    pub(crate) key: Option<String>,
    /// Of this group.
    pub(crate) group: Option<String>,
    /// For this model.
    pub(crate) model: Option<String>,
    /// For this tool.
    pub(crate) tool: Option<String>,
    /// Through this connection.
    pub(crate) connection: Option<String>,
    /// At this upstream.
    pub(crate) upstream: Option<String>,
    /// Charged to this budget, as crash reserves are.
    pub(crate) budget: Option<String>,
    /// With more reported than was held, or not.
    pub(crate) excess: Option<bool>,
    /// With exactly this cost.
    pub(crate) cost_nano: Option<i64>,
    /// With exactly this hold in money.
    pub(crate) hold_nano: Option<i64>,
    /// In this state: `open` for calls in flight.
    pub(crate) state: Option<String>,
    /// Of the answer with this `x-request-id`.
    pub(crate) request_id: Option<String>,
}

/// An entry as it is shown.
#[derive(Serialize, JsonSchema)]
pub(crate) struct EntryView {
    /// The call.
    call_id: String,
    /// Which attempt at an upstream, from 1.
    attempt: i64,
    /// When the call was reserved.
    #[schemars(with = "String")]
    at: Timestamp,
    /// The person.
    user: Option<String>,
    /// The app.
    client: Option<String>,
    /// The key's id.
    key: Option<String>,
    /// The group whose plan was in effect.
    group: Option<String>,
    /// The model that was asked for; `null` for calls of tools and through connections.
    model: Option<String>,
    /// The tool that was asked for.
    tool: Option<String>,
    /// The connection that was asked for.
    connection: Option<String>,
    /// The upstream that was called.
    upstream: Option<String>,
    /// How it ended: `open` while it has not, `settled`, `estimated`, `interrupted`,
    /// `crash_reserve`, `failed`.
    state: &'static str,
    /// Tokens.
    #[schemars(with = "UsageShape")]
    usage: Usage,
    /// What it cost; `null` without a price.
    cost_nano: Option<i64>,
    /// What was held in money.
    hold_nano: i64,
    /// What was held in tokens.
    hold_tokens: i64,
    /// What the budgets in money were charged.
    charged_nano: i64,
    /// What the budgets in tokens were charged.
    charged_tokens: i64,
    /// What the budgets in calls were charged.
    charged_calls: i64,
    /// Whether the upstream reported more than was held.
    excess: bool,
    /// The budget that a crash reserve was charged to.
    budget: Option<String>,
    /// When a crash reserve was released: its budget has it back.
    #[schemars(with = "Option<String>")]
    released_at: Option<Timestamp>,
    /// The answer's `x-request-id`.
    request_id: String,
}

/// The schema of tokens.
#[derive(JsonSchema)]
#[schemars(rename = "Usage")]
#[expect(dead_code, reason = "only its schema is used: the kernel's type is what is written")]
struct UsageShape {
    /// Input tokens, cached and cache-writing ones among them.
    input_tokens: u64,
    /// Of the input: read from the provider's cache.
    cached_tokens: u64,
    /// Of the input: written to the provider's cache.
    cache_write_tokens: u64,
    /// Output tokens, reasoning among them.
    output_tokens: u64,
    /// Of the output: reasoning.
    reasoning_tokens: u64,
}

impl From<EntryRow> for EntryView {
    fn from(row: EntryRow) -> Self {
        Self {
            call_id: row.call_id,
            attempt: row.attempt,
            at: row.at,
            user: row.user,
            client: row.client,
            key: row.key,
            group: row.group,
            model: (row.tool.is_none() && row.connection.is_none()).then_some(row.model),
            tool: row.tool,
            connection: row.connection,
            upstream: row.upstream,
            state: row.state.as_str(),
            usage: row.usage,
            cost_nano: row.cost_nano,
            hold_nano: row.hold_nano,
            hold_tokens: row.hold_tokens,
            charged_nano: row.charged_nano,
            charged_tokens: row.charged_tokens,
            charged_calls: row.charged_calls,
            excess: row.excess,
            budget: row.budget,
            released_at: row.released_at,
            request_id: row.request_id,
        }
    }
}

/// `GET /api/v1/entries`.
pub(crate) async fn list(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Query(query): Query<EntriesQuery>,
) -> Reply {
    let List { items, next } = part(&state, &caller, &query).await?;
    reply::json(&List { items: items.into_iter().map(EntryView::from).collect(), next })
}

/// The entries that are asked for and that `caller` may see.
pub(crate) async fn part(
    state: &ConsoleState,
    caller: &Arc<Principal>,
    query: &EntriesQuery,
) -> Result<List<EntryRow>, Error> {
    let warrant = state.allow(caller, READ)?;
    let limit = PageRequest::asked(query.limit)?.limit;
    let cursors = Cursors::new(&state.gate, "entries");
    let filter = filter(&warrant, cursors, query)?;
    let asked = limit + ATTEMPTS;
    let mut items = state.gate.entry_rows(&warrant, &filter, asked).await?;
    let next = cut_between_calls(&mut items, limit);
    Ok(List { items, next: next.map(|call| cursors.seal(&call)) })
}

/// `POST /api/v1/entries/{call_id}/release`.
pub(crate) async fn release(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(call): Path<CallId>,
) -> Reply {
    reply::json(&EntryView::from(give_back(&state, &caller, call).await?))
}

/// Gives a crash reserve back to its budget, once.
pub(crate) async fn give_back(
    state: &ConsoleState,
    caller: &Arc<Principal>,
    call: CallId,
) -> Result<EntryRow, Error> {
    let warrant = state.allow(caller, RELEASE)?;
    state.gate.release_reserve(&warrant, call).await
}

fn filter(
    warrant: &Warrant,
    cursors: Cursors<'_>,
    query: &EntriesQuery,
) -> Result<EntryFilter, Error> {
    let time = |text: &Option<String>, param: &'static str| {
        let read = text.as_deref().map(Timestamp::parse).transpose();
        read.map_err(|error| error.with_param(param))
    };
    let mut filter = EntryFilter {
        from: time(&query.from, "from")?,
        to: time(&query.to, "to")?,
        user: query.user.clone(),
        key: query.key.clone(),
        client: query.client.clone(),
        group: query.group.clone(),
        model: query.model.clone(),
        tool: query.tool.clone(),
        connection: query.connection.clone(),
        state: query.state.clone(),
        request: query.request_id.clone(),
        call: query.call_id.clone(),
        attempt: query.attempt,
        upstream: query.upstream.clone(),
        budget: query.budget.clone(),
        excess: query.excess,
        cost_nano: query.cost_nano,
        hold_nano: query.hold_nano,
        before: None,
    };
    if let Some(at) = time(&query.at, "at")? {
        filter.from = Some(at);
        filter.to = Some(at.plus(std::time::Duration::from_micros(1)));
    }
    if let Some(state) = &query.state {
        EntryState::parse(state).map_err(|error| error.with_param("state"))?;
    }
    if let Some(cursor) = &query.cursor {
        let call = cursors.open(cursor)?;
        filter.before = Some(call.parse::<CallId>().map_err(Error::internal)?);
    }
    confine(warrant, &mut filter)?;
    Ok(filter)
}

/// Cuts `rows` after `limit`, but not between two attempts of one call. Gives the last call that
/// stays, if more follow.
fn cut_between_calls(rows: &mut Vec<EntryRow>, limit: u32) -> Option<String> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let last = rows.get(limit.checked_sub(1)?)?.call_id.clone();
    let more = rows.iter().skip(limit).take_while(|row| row.call_id == last).count();
    if rows.len() <= limit + more {
        return None;
    }
    rows.truncate(limit + more);
    Some(last)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
#[path = "entries_tests.rs"]
mod tests;
