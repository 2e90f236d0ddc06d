//! `/account/usage`: by day and model, as a chart, a table and CSV with the same numbers.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::State;
use http::header::CONTENT_DISPOSITION;
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Cell, Column, Command, Empty, Field, Head, Link, Summary, Table};
use tollgate_edge::{Caller, Query, Reply, Visit, reply};
use tollgate_gate::{Gate, Principal};
use tollgate_kernel::{Error, Manage, Noun, Timestamp, UserId};
use tollgate_store::ledger::{EntryFilter, UsageRow, UsageSplit};

use super::account::key_names;
use super::chart::Chart;
use super::{TEXTS, greeting, said, style};
use crate::change_me::me;
use crate::state::IdentityState;

const DAY: Duration = Duration::from_secs(86_400);
const DAY_US: i64 = 86_400_000_000;

/// How many days are shown when nothing is said, today included.
const DAYS: u32 = 30;

/// The most days that are shown at once.
const DAYS_MAX: i64 = 400;

#[derive(Template)]
#[template(path = "usage.html")]
struct Page {
    w: Words,
    own_style: String,
    head: Head,
    summary: Option<Summary>,
    from: Field,
    to: Field,
    model: Field,
    /// Id, name, and whether it is chosen.
    keys: Vec<(String, String, bool)>,
    chart: Option<String>,
    style: String,
    library: String,
    script: String,
    table: Option<Table>,
    none: Option<Empty>,
    csv: Link,
    command: Command,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Asked {
    from: String,
    to: String,
    model: String,
    key: String,
    format: String,
}

/// The days that are asked for, from the first to the last, since 1970-01-01 in UTC.
#[derive(Clone, Copy)]
struct Span {
    first: i64,
    last: i64,
}

impl Asked {
    fn span(&self, now: Timestamp) -> Result<Span, &'static str> {
        let day = |text: &str, otherwise: Timestamp| match text.trim() {
            "" => Ok(otherwise),
            text => Timestamp::parse(&format!("{text}T00:00:00Z")),
        };
        let last = day(&self.to, now).map_err(|_| "to")?;
        let first = day(&self.from, last.minus(DAY * (DAYS - 1))).map_err(|_| "from")?;
        let days = |at: Timestamp| at.micros().div_euclid(DAY_US);
        let span = Span { first: days(first), last: days(last) };
        let sound = span.first <= span.last && span.last - span.first < DAYS_MAX;
        if sound { Ok(span) } else { Err("from") }
    }

    fn filter(&self, user: UserId, span: Span) -> EntryFilter {
        let some = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        EntryFilter {
            from: Some(Timestamp::from_micros(span.first * DAY_US)),
            to: Some(Timestamp::from_micros((span.last + 1) * DAY_US)),
            user: Some(user.to_string()),
            key: some(&self.key),
            model: some(&self.model),
            ..EntryFilter::default()
        }
    }

    /// The same question, asked for CSV.
    fn csv_href(&self, span: Span) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("from", &day_said(span.first)).append_pair("to", &day_said(span.last));
        for (name, value) in [("model", &self.model), ("key", &self.key)] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        format!("/account/usage?{}", query.append_pair("format", "csv").finish())
    }
}

fn day_said(day: i64) -> String {
    said::day(Timestamp::from_micros(day * DAY_US))
}

async fn usage(
    gate: &Gate,
    caller: &Arc<Principal>,
    filter: &EntryFilter,
) -> Result<Vec<UsageRow>, Error> {
    let warrant = gate.allow(caller, Manage::read(Noun::Usage))?;
    let split = UsageSplit { day: true, model: true, ..UsageSplit::default() };
    gate.entries(&warrant).usage(filter, split).await
}

pub(crate) async fn show(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Query(asked): Query<Asked>,
    visit: Visit,
) -> Reply {
    let gate = &state.gate;
    let user = me(gate, &caller).await?;
    let now = gate.clock().now();
    let (span, wrong) = match asked.span(now) {
        Ok(span) => (span, None),
        Err(field) => {
            (Asked::default().span(now).unwrap_or(Span { first: 0, last: 0 }), Some(field))
        }
    };
    let rows = usage(gate, &caller, &asked.filter(user.id, span)).await?;
    if asked.format == "csv" && wrong.is_none() {
        return csv(&rows);
    }
    let names = key_names(gate, &caller).await?;
    let mut keys: Vec<(String, String, bool)> = names
        .into_iter()
        .map(|(id, name)| {
            let chosen = id == asked.key;
            (id, name, chosen)
        })
        .collect();
    keys.sort_by(|a, b| (&a.1, &a.0).cmp(&(&b.1, &b.0)));
    let page = page(&visit, &asked, span, wrong, &rows, keys);
    let title = page.w.get("usage-title");
    let status = if wrong.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    visit.show_as(status, Some(greeting(&user)), &title, &page)
}

fn page(
    visit: &Visit,
    asked: &Asked,
    span: Span,
    wrong: Option<&'static str>,
    rows: &[UsageRow],
    keys: Vec<(String, String, bool)>,
) -> Page {
    let w = visit.words(&TEXTS);
    let date = |id: &'static str, day: i64, typed: &str| {
        let error = wrong.filter(|at| *at == id).map(|_| w.get("wrong-span"));
        let shown = if error.is_some() { typed.to_owned() } else { day_said(day) };
        Field::new(id, "date", w.get(&format!("usage-{id}"))).value(shown).error(error).optional()
    };
    let from = date("from", span.first, &asked.from);
    let to = date("to", span.last, &asked.to);
    let edge = visit.exchange().edge();
    let chart = Chart::of(rows, span.first, span.last, &w.get("usage-other-models"));
    let line = "tollgate usage --by day,model".to_owned();
    Page {
        own_style: style(visit),
        head: Head { title: w.get("usage-title"), lead: w.get("usage-lead"), action: None },
        summary: Summary::of(w.locale(), &[&from, &to]),
        from,
        to,
        model: Field::new("model", "text", w.get("column-model")).value(&asked.model).optional(),
        keys,
        chart: (!rows.is_empty()).then(|| chart.json()),
        style: edge.asset("uPlot.min.css"),
        library: edge.asset("uPlot.iife.min.js"),
        script: edge.asset("chart.js"),
        table: (!rows.is_empty()).then(|| table(&w, rows)),
        none: rows.is_empty().then(|| Empty {
            text: w.get("usage-none"),
            action: None,
            command: None,
        }),
        csv: Link { href: asked.csv_href(span), text: w.get("usage-csv") },
        command: Command::same(w.locale(), line),
        w,
    }
}

fn table(w: &Words, rows: &[UsageRow]) -> Table {
    let columns = vec![
        Column::text(w.get("column-day")),
        Column::text(w.get("column-model")),
        Column::number(w.get("column-calls")),
        Column::number(w.get("column-input")),
        Column::number(w.get("column-cached")),
        Column::number(w.get("column-output")),
        Column::number(w.get("column-cost")),
        Column::number(w.get("column-estimated")),
        Column::number(w.get("column-interrupted")),
    ];
    let number = |n: i64| Cell::Number(said::number(n));
    let row = |row: &UsageRow| {
        // Where no call has a price, nothing is not what it cost.
        let unknown = row.unpriced == row.calls;
        let cost = if unknown { w.get("no-price") } else { said::money(row.cost_nano) };
        vec![
            Cell::Text(row.day.map(day_said).unwrap_or_default()),
            Cell::Text(row.model.clone().unwrap_or_default()),
            number(row.calls),
            number(row.input_tokens),
            number(row.cached_tokens),
            number(row.output_tokens),
            Cell::Number(cost),
            number(row.estimated),
            number(row.interrupted),
        ]
    };
    let rows = rows.iter().map(row).collect();
    Table { caption: w.get("usage-caption"), columns, rows, next: None }
}

/// The table as CSV (RFC 4180), with the names of the API.
fn csv(rows: &[UsageRow]) -> Reply {
    let mut text = "day,model,calls,input_tokens,cached_tokens,output_tokens,cost_nano,estimated,\
                    interrupted\r\n"
        .to_owned();
    for row in rows {
        let day = row.day.map(day_said).unwrap_or_default();
        let model = quoted(row.model.as_deref().unwrap_or_default());
        let numbers = [
            row.calls,
            row.input_tokens,
            row.cached_tokens,
            row.output_tokens,
            row.cost_nano,
            row.estimated,
            row.interrupted,
        ];
        let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
        text.push_str(&format!("{day},{model},{}\r\n", numbers.join(",")));
    }
    let mut response = reply::typed("text/csv; charset=utf-8", text);
    let name = HeaderValue::from_static("attachment; filename=\"usage.csv\"");
    response.headers_mut().insert(CONTENT_DISPOSITION, name);
    Ok(response)
}

/// A field in quotes. What a spreadsheet would take for a formula gets an apostrophe before it.
fn quoted(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    format!("\"{}{}\"", if formula { "'" } else { "" }, text.replace('"', "\"\""))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_last_30_days_are_shown_unless_said() {
        let now = Timestamp::parse("2026-11-21T07:30:00Z").unwrap();
        let span = Asked::default().span(now).unwrap();
        assert_eq!(
            (day_said(span.first), day_said(span.last)),
            ("2026-10-23".into(), "2026-11-21".into())
        );
        let asked = |from: &str, to: &str| {
            Asked { from: from.into(), to: to.into(), ..Asked::default() }.span(now).map(drop)
        };
        assert_eq!(asked("2026-11-01", "2026-11-01"), Ok(()));
        assert_eq!(asked("2026-11-02", "2026-11-01"), Err("from"));
        assert_eq!(asked("2020-01-01", ""), Err("from"));
        assert_eq!(asked("", "yesterday"), Err("to"));
    }

    #[test]
    fn a_spreadsheet_gets_no_formulas() {
        assert_eq!(quoted("gpt-4o"), "\"gpt-4o\"");
        assert_eq!(quoted("=1+\"1\""), "\"'=1+\"\"1\"\"\"");
    }
}
