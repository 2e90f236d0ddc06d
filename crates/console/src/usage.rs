//! What was used, as sums: by day, model, key, person, group, app, tool, connection.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::Response;
use http::HeaderValue;
use http::header::CONTENT_DISPOSITION;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::shapes::List;
use tollgate_edge::{Caller, Query};
use tollgate_gate::{Reach, Warrant};
use tollgate_kernel::{Error, Manage, Noun, Subject};
use tollgate_store::ledger::{EntryFilter, UsageRow, UsageSplit};

use crate::csv;
use crate::span::{Span, day_name};
use crate::state::ConsoleState;

/// Looking at usage.
pub(crate) const READ: Manage = Manage::read(Noun::Usage);

/// Which usage is asked for.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UsageQuery {
    /// A day (UTC) or a moment; without it the 29 days before `to`.
    pub(crate) from: Option<String>,
    /// The last day, or the first moment after; without it today.
    pub(crate) to: Option<String>,
    /// A comma list of `day`, `model`, `key`, `user`, `group`, `client`, `tool`, `connection`;
    /// `day` unless said.
    pub(crate) by: Option<String>,
    /// `json`, or `csv` for a spreadsheet.
    pub(crate) format: Option<String>,
    /// Of this person alone.
    pub(crate) user: Option<String>,
    /// Of this key alone.
    pub(crate) key: Option<String>,
    /// Of this app alone.
    pub(crate) client: Option<String>,
    /// Of members of this group alone.
    pub(crate) group: Option<String>,
    /// For this model alone.
    pub(crate) model: Option<String>,
    /// For this tool alone.
    pub(crate) tool: Option<String>,
    /// Through this connection alone.
    pub(crate) connection: Option<String>,
}

/// A sum of calls. A member by which was not split is left out.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UsageView {
    /// The day (UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<String>,
    /// The model that was asked for; `null` for calls of tools and through connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    model: Option<Option<String>>,
    /// The key's id; `null` for sessions and tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    key: Option<Option<String>>,
    /// The person's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    user: Option<Option<String>>,
    /// The group whose plan was in effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    group: Option<Option<String>>,
    /// The app's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    client: Option<Option<String>>,
    /// The tool that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    tool: Option<Option<String>>,
    /// The connection that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    connection: Option<Option<String>>,
    /// How many calls.
    calls: i64,
    /// Input tokens.
    input_tokens: i64,
    /// Of them, read from the provider's cache.
    cached_tokens: i64,
    /// Output tokens.
    output_tokens: i64,
    /// What it cost, as far as there are prices.
    cost_nano: i64,
    /// What calls in flight hold at this moment; they count nowhere else yet.
    held_nano: i64,
    /// Calls among them that have no price.
    unpriced: i64,
    /// Calls among them whose figures are a bound.
    estimated: i64,
    /// Calls among them that a crash cut off.
    interrupted: i64,
}

impl UsageView {
    fn new(row: UsageRow, split: UsageSplit) -> Self {
        Self {
            day: row.day.map(day_name),
            model: split.model.then_some(row.model.filter(|model| !model.is_empty())),
            key: split.key.then_some(row.key),
            user: split.user.then_some(row.user),
            group: split.group.then_some(row.group),
            client: split.client.then_some(row.client),
            tool: split.tool.then_some(row.tool),
            connection: split.connection.then_some(row.connection),
            calls: row.calls,
            input_tokens: row.input_tokens,
            cached_tokens: row.cached_tokens,
            output_tokens: row.output_tokens,
            cost_nano: row.cost_nano,
            held_nano: row.held_nano,
            unpriced: row.unpriced,
            estimated: row.estimated,
            interrupted: row.interrupted,
        }
    }
}

/// `GET /api/v1/usage`.
pub(crate) async fn list(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Query(query): Query<UsageQuery>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    let (rows, split) = sums(&state, &warrant, &query).await?;
    match query.format.as_deref() {
        None | Some("json") => {
            let items = rows.into_iter().map(|row| UsageView::new(row, split)).collect();
            reply::json(&List { items, next: None })
        }
        Some("csv") => Ok(as_csv(&rows, split)),
        Some(_) => {
            let what = "The format is json or csv.";
            Err(Error::invalid(what).with_param("format").into())
        }
    }
}

/// The sums that `query` asks for, of all that `warrant` reaches.
pub(crate) async fn sums(
    state: &ConsoleState,
    warrant: &Warrant,
    query: &UsageQuery,
) -> Result<(Vec<UsageRow>, UsageSplit), Error> {
    let split = read_split(query.by.as_deref())?;
    let span = Span::read(query.from.as_deref(), query.to.as_deref(), state.now())?;
    let mut filter = EntryFilter {
        from: Some(span.from),
        to: Some(span.to),
        user: query.user.clone(),
        key: query.key.clone(),
        client: query.client.clone(),
        group: query.group.clone(),
        model: query.model.clone(),
        tool: query.tool.clone(),
        connection: query.connection.clone(),
        ..EntryFilter::default()
    };
    confine(warrant, &mut filter)?;
    let rows = state.gate.usage_rows(warrant, &filter, split).await?;
    Ok((rows, split))
}

/// Makes the owner part of the query, where only the caller's own may be seen. Who asks for
/// somebody else's is told that there is no such thing.
pub(crate) fn confine(warrant: &Warrant, filter: &mut EntryFilter) -> Result<(), Error> {
    if warrant.reach() == Reach::All {
        return Ok(());
    }
    let principal = warrant.principal();
    match principal.subject() {
        Subject::User(id) => own(&mut filter.user, id.to_string())?,
        Subject::App(id) => own(&mut filter.client, id.to_string())?,
        _ => return Err(Error::not_found()),
    }
    // A key sees what it was used for, not what else its owner does.
    if let Some(key) = principal.credential().key() {
        own(&mut filter.key, key.to_string())?;
    }
    Ok(())
}

fn own(asked: &mut Option<String>, own: String) -> Result<(), Error> {
    if asked.as_ref().is_some_and(|other| *other != own) {
        return Err(Error::not_found());
    }
    *asked = Some(own);
    Ok(())
}

fn read_split(by: Option<&str>) -> Result<UsageSplit, Error> {
    let mut split = UsageSplit::default();
    let mut seen = BTreeSet::new();
    for name in by.unwrap_or("day").split(',') {
        match name {
            "day" => split.day = true,
            "model" => split.model = true,
            "key" => split.key = true,
            "user" => split.user = true,
            "group" => split.group = true,
            "client" => split.client = true,
            "tool" => split.tool = true,
            "connection" => split.connection = true,
            _ => return Err(wrong_split()),
        }
        if !seen.insert(name) {
            return Err(wrong_split());
        }
    }
    Ok(split)
}

fn wrong_split() -> Error {
    let what = "by is a comma list of day, model, key, user, group, client, tool, connection, each \
                at most once.";
    Error::invalid(what).with_param("by")
}

const FIGURES: [&str; 9] = [
    "calls",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "cost_nano",
    "held_nano",
    "unpriced",
    "estimated",
    "interrupted",
];

fn as_csv(rows: &[UsageRow], split: UsageSplit) -> Response {
    let UsageSplit { day, model, key, user, group, client, tool, connection } = split;
    let names = [
        ("day", day),
        ("model", model),
        ("key", key),
        ("user", user),
        ("group", group),
        ("client", client),
        ("tool", tool),
        ("connection", connection),
    ];
    let shown = names.iter().filter(|(_, shown)| *shown).map(|(name, _)| *name);
    let mut out = String::new();
    csv::record(&mut out, shown.chain(FIGURES));
    for row in rows {
        let cells = [
            row.day.map(day_name),
            row.model.clone(),
            row.key.clone(),
            row.user.clone(),
            row.group.clone(),
            row.client.clone(),
            row.tool.clone(),
            row.connection.clone(),
        ];
        let cells = names.iter().zip(cells).filter(|((_, shown), _)| *shown);
        let mut cells: Vec<String> = cells.map(|(_, cell)| cell.unwrap_or_default()).collect();
        let figures = [
            row.calls,
            row.input_tokens,
            row.cached_tokens,
            row.output_tokens,
            row.cost_nano,
            row.held_nano,
            row.unpriced,
            row.estimated,
            row.interrupted,
        ];
        cells.extend(figures.map(|figure| figure.to_string()));
        csv::record(&mut out, cells.iter().map(String::as_str));
    }
    let mut response = reply::typed(csv::TYPE, out);
    let name = HeaderValue::from_static("attachment; filename=\"usage.csv\"");
    response.headers_mut().insert(CONTENT_DISPOSITION, name);
    response
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
#[path = "usage_tests.rs"]
mod tests;
