//! `tollgate usage`.

use std::collections::BTreeMap;

use http::Method;
use serde_json::Value;

use super::api::{Manager, Query, object, with_query};
use super::body::name_of;
use super::figures::{NONE, bar, money, number};
use super::screen::Sheet;
use crate::cli::args::{UsageArgs, UsageBy};
use crate::exit::Exit;

/// The sums that a table shows.
#[derive(Clone, Copy, Default)]
struct Sums {
    calls: i64,
    input: i64,
    cached: i64,
    output: i64,
    cost: i64,
    unpriced: i64,
    estimated: i64,
    interrupted: i64,
}

pub(super) async fn run(manager: &mut Manager, args: &UsageArgs) -> Result<(), Exit> {
    let query = query(manager, args).await?;
    let path = with_query("/api/v1/usage", &query);
    let answer = manager.ask(Method::GET, &path, None).await?;
    if args.csv || manager.screen.json {
        return manager.screen.raw(&answer.body);
    }
    let list = object(&answer)?;
    let items = list.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    if items.is_empty() {
        manager.screen.say("Nothing was used in this time.");
        return Ok(());
    }
    let sheet = sheet(&items, &args.by, manager.screen.width.is_some());
    manager.screen.sheet(sheet)
}

async fn query(manager: &Manager, args: &UsageArgs) -> Result<Query, Exit> {
    let by: Vec<String> = args.by.iter().copied().map(name_of).collect();
    let mut query = vec![("by", by.join(","))];
    let named = [
        ("from", &args.from),
        ("to", &args.to),
        ("key", &args.key),
        ("client", &args.client),
        ("group", &args.group),
        ("model", &args.model),
    ];
    query.extend(named.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    if let Some(user) = &args.user {
        query.push(("user", manager.user_id(user).await?));
    }
    if args.csv {
        query.push(("format", "csv".to_owned()));
    }
    Ok(query)
}

/// The table, with totals; `bars` adds a bar to the first row of each day.
fn sheet(items: &[Value], by: &[UsageBy], bars: bool) -> Sheet {
    let days = if bars && by.contains(&UsageBy::Day) { per_day(items) } else { BTreeMap::new() };
    let most = days.values().copied().max().unwrap_or_default();
    let total = items.iter().map(Sums::of).fold(Sums::default(), Sums::plus);
    let noted = total.unpriced + total.estimated + total.interrupted > 0;
    let names: Vec<String> = by.iter().copied().map(name_of).collect();
    let mut titles: Vec<_> = names.iter().map(|name| (name.as_str(), false)).collect();
    titles.extend(["calls", "input", "cached", "output", "cost"].map(|title| (title, true)));
    titles.extend(noted.then_some(("note", false)));
    titles.extend((!days.is_empty()).then_some(("tokens of the day", false)));
    let mut sheet = Sheet::new(&titles);
    let mut day = None;
    for item in items {
        let mut cells: Vec<String> = names.iter().map(|name| text(item, name)).collect();
        let sums = Sums::of(item);
        cells.extend(sums.cells());
        cells.extend(noted.then(|| sums.note()));
        let this = item.get("day").and_then(Value::as_str);
        if let Some(tokens) = this.and_then(|this| days.get(this)) {
            let first = day != this;
            cells.push(if first { bar(*tokens, most) } else { String::new() });
        }
        day = this;
        sheet.row(cells);
    }
    let mut cells: Vec<String> = by.iter().map(|_| String::new()).collect();
    if let Some(first) = cells.first_mut() {
        "total".clone_into(first);
    }
    cells.extend(total.cells());
    cells.extend(noted.then(|| total.note()));
    sheet.row(cells);
    sheet
}

/// Tokens of each day, over all other splits.
fn per_day(items: &[Value]) -> BTreeMap<&str, i64> {
    let mut days = BTreeMap::new();
    for item in items {
        let Some(day) = item.get("day").and_then(Value::as_str) else { continue };
        let sums = Sums::of(item);
        let tokens: &mut i64 = days.entry(day).or_default();
        *tokens = tokens.saturating_add(sums.input).saturating_add(sums.output);
    }
    days
}

fn text(item: &Value, name: &str) -> String {
    item.get(name).and_then(Value::as_str).unwrap_or(NONE).to_owned()
}

impl Sums {
    fn of(item: &Value) -> Self {
        let of = |name: &str| item.get(name).and_then(Value::as_i64).unwrap_or_default();
        Self {
            calls: of("calls"),
            input: of("input_tokens"),
            cached: of("cached_tokens"),
            output: of("output_tokens"),
            cost: of("cost_nano"),
            unpriced: of("unpriced"),
            estimated: of("estimated"),
            interrupted: of("interrupted"),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            calls: self.calls.saturating_add(other.calls),
            input: self.input.saturating_add(other.input),
            cached: self.cached.saturating_add(other.cached),
            output: self.output.saturating_add(other.output),
            cost: self.cost.saturating_add(other.cost),
            unpriced: self.unpriced.saturating_add(other.unpriced),
            estimated: self.estimated.saturating_add(other.estimated),
            interrupted: self.interrupted.saturating_add(other.interrupted),
        }
    }

    fn cells(self) -> [String; 5] {
        let unpriced = self.calls > 0 && self.unpriced == self.calls;
        let cost = if unpriced { "no price".to_owned() } else { money(self.cost) };
        [number(self.calls), number(self.input), number(self.cached), number(self.output), cost]
    }

    /// What is not exact about these sums.
    fn note(self) -> String {
        let parts = [
            (self.unpriced, "without a price"),
            (self.estimated, "estimated"),
            (self.interrupted, "interrupted"),
        ];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts = parts.map(|(count, words)| format!("{} {words}", number(*count)));
        parts.collect::<Vec<_>>().join(", ")
    }
}
