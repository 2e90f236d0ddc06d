//! `/admin/usage`: what everybody used, as a table and as CSV.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Cell, Column, Command, Empty, Field, Head, Link, Table};
use tollgate_edge::reply::Reply;
use tollgate_edge::{Caller, Query, Visit};
use tollgate_gate::Warrant;
use tollgate_kernel::{Error, UserId};
use tollgate_store::Owner;
use tollgate_store::ledger::{UsageRow, UsageSplit};
use url::form_urlencoded;

use super::form::{Control, Select};
use super::parts::{Filter, ListPage, Rows, Section, Tabs};
use super::{say, words};
use crate::span::day_name;
use crate::state::ConsoleState;
use crate::usage::{READ, UsageQuery, sums};

/// The most rows of the table; CSV has all of them.
const MOST: usize = 500;

/// By what the page can split.
const SPLITS: [&str; 7] =
    ["day", "day,model", "day,user", "model", "user", "key", "day,model,user"];

/// Which usage a page shows.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UsagePage {
    /// The first day.
    from: Option<String>,
    /// The last day.
    to: Option<String>,
    /// By what it is split.
    by: Option<String>,
}

/// `GET /admin/usage`.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Query(part): Query<UsagePage>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, READ)?;
    warrant.require_all()?;
    let UsagePage { from, to, by } = part;
    let by = by.filter(|by| !by.is_empty()).unwrap_or_else(|| "day,model".to_owned());
    let query = UsageQuery {
        from: from.clone(),
        to: to.clone(),
        by: Some(by.clone()),
        ..UsageQuery::default()
    };
    let (mut rows, split) = sums(&state, &warrant, &query).await?;
    let cut = rows.len() > MOST;
    rows.truncate(MOST);
    let names = names(&state, &warrant, &rows).await?;
    let (from, to) = (from.unwrap_or_default(), to.unwrap_or_default());
    let csv = csv_link(w, &from, &to, &by);
    let rows = if rows.is_empty() {
        Rows::Empty(Empty { text: w.get("usage-empty"), action: None, command: None })
    } else {
        Rows::Table(table(w, &rows, split, &names, cut))
    };
    let title = w.get("tab-usage");
    let page = ListPage {
        tabs: Tabs::new(&visit, Section::Usage),
        head: Head { title: title.clone(), lead: w.get("usage-lead"), action: None },
        banner: None,
        filter: Some(filter(w, from, to, &by)),
        rows,
        links: vec![csv],
        command: Command::same(visit.locale(), format!("tollgate usage --by {by}")),
    };
    visit.show(&title, &page)
}

fn filter(w: Words, from: String, to: String, by: &str) -> Filter {
    let day = |id, key: &str, value| Field::new(id, "date", w.get(key)).value(value).optional();
    let option = |split: &str| {
        let key = format!("usage-by-{}", split.replace(',', "-"));
        (split.to_owned(), w.get(&key))
    };
    let mut options: Vec<_> = SPLITS.iter().map(|split| option(split)).collect();
    if !SPLITS.contains(&by) {
        options.push((by.to_owned(), by.to_owned()));
    }
    Filter {
        action: "/admin/usage",
        controls: vec![
            Control::Field(day("from", "usage-from", from)),
            Control::Field(day("to", "usage-to", to)),
            Control::Select(Select {
                id: "by",
                label: w.get("usage-by"),
                options,
                chosen: by.to_owned(),
                hint: None,
                error: None,
            }),
        ],
        submit: w.get("show"),
    }
}

fn csv_link(w: Words, from: &str, to: &str, by: &str) -> Link {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in [("from", from), ("to", to), ("by", by), ("format", "csv")] {
        if !value.is_empty() {
            query.append_pair(name, value);
        }
    }
    Link { href: format!("/api/v1/usage?{}", query.finish()), text: w.get("usage-csv") }
}

/// The addresses of the people among `rows`, by id. Who was deleted has none.
pub(crate) async fn names(
    state: &ConsoleState,
    warrant: &Warrant,
    rows: &[UsageRow],
) -> Result<BTreeMap<String, String>, Error> {
    people(state, warrant, rows.iter().filter_map(|row| row.user.clone()).collect()).await
}

/// The addresses of the people with these ids. Who was deleted has none.
pub(crate) async fn people(
    state: &ConsoleState,
    warrant: &Warrant,
    ids: BTreeSet<String>,
) -> Result<BTreeMap<String, String>, Error> {
    let mut names = BTreeMap::new();
    for id in ids {
        if let Ok(user) = id.parse::<UserId>()
            && let Some(user) = state.read(warrant).user(Owner::All, user).await?
        {
            names.insert(id, user.email);
        }
    }
    Ok(names)
}

fn table(
    w: Words,
    rows: &[UsageRow],
    split: UsageSplit,
    names: &BTreeMap<String, String>,
    cut: bool,
) -> Table {
    let texts = [
        ("column-day", split.day),
        ("column-model", split.model),
        ("column-user", split.user),
        ("column-key", split.key),
        ("column-group", split.group),
        ("column-client", split.client),
    ];
    let texts = texts.into_iter().filter(|(_, shown)| *shown);
    let figures = ["calls", "input-tokens", "cached-tokens", "output-tokens", "cost", "estimated"];
    let figures = figures.map(|key| Column::number(w.get(&format!("column-{key}"))));
    let columns = texts.map(|(key, _)| Column::text(w.get(key))).chain(figures).collect();
    Table {
        caption: w.get(if cut { "usage-cut" } else { "usage-caption" }),
        columns,
        rows: rows.iter().map(|row| cells(w, row, split, names)).collect(),
        next: None,
    }
}

fn cells(
    w: Words,
    row: &UsageRow,
    split: UsageSplit,
    names: &BTreeMap<String, String>,
) -> Vec<Cell> {
    let none = || "–".to_owned();
    let user = row.user.as_ref().map(|id| names.get(id).unwrap_or(id).clone());
    let texts = [
        (split.model, row.model.clone()),
        (split.user, user),
        (split.key, row.key.clone()),
        (split.group, row.group.clone()),
        (split.client, row.client.clone()),
    ];
    let texts = texts.into_iter().filter(|(shown, _)| *shown);
    let texts = texts.map(|(_, text)| Cell::Text(text.unwrap_or_else(none)));
    let day = row.day.map(day_name).map(|day| Cell::Time { exact: day.clone(), said: day });
    let cost =
        if row.unpriced == row.calls { w.get("no-price") } else { say::money(row.cost_nano) };
    let figures = [
        say::number(row.calls),
        say::number(row.input_tokens),
        say::number(row.cached_tokens),
        say::number(row.output_tokens),
        cost,
        say::number(row.estimated + row.interrupted),
    ];
    day.into_iter().chain(texts).chain(figures.map(Cell::Number)).collect()
}
