//! `/admin`: what happened today, and what needs somebody.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use jiff::tz::TimeZone;
use tollgate_edge::page::parts::{
    Bar, Bars, Cell, Column, Command, Definitions, Empty, Head, Link, Table,
};
use tollgate_edge::page::{Value, Words};
use tollgate_edge::reply::Reply;
use tollgate_edge::{Caller, Visit};
use tollgate_gate::Warrant;
use tollgate_kernel::{Account, Budget, EntryState, Error, Holder, Noun, Timestamp, Window};
use tollgate_store::PageRequest;
use tollgate_store::ledger::{EntryFilter, EntryRow, UsageRow, UsageSplit};

use super::parts::{Section, Tabs};
use super::usage::names;
use super::{say, words};
use crate::settings::{self, Registration, SettingsView};
use crate::span::Span;
use crate::state::ConsoleState;

/// How many of the newest calls are looked at to see which upstreams fail.
const LOOKED_AT: u32 = 500;

/// How many calls of an upstream must have failed before it is said that it fails.
const FAILURES: u32 = 3;

/// How many people are named.
const TOP: usize = 5;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    w: Words,
    tabs: Tabs,
    head: Head,
    /// What needs somebody: each a link to where it is mended.
    needs: Vec<Link>,
    today: Definitions,
    bars: Option<Bars>,
    people: Option<Table>,
    empty: Option<Empty>,
    command: Command,
}

/// `GET /admin`.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, tollgate_kernel::Manage::read(Noun::Settings))?;
    let now = state.now();
    let settings = settings::read(&state, &warrant).await?;
    let split = UsageSplit { user: true, ..UsageSplit::default() };
    let today = Span::today(now);
    let filter =
        EntryFilter { from: Some(today.from), to: Some(today.to), ..EntryFilter::default() };
    let rows = state.gate.entries(&warrant).usage(&filter, split).await?;
    let needs = needs(&state, &warrant, w, &settings).await?;
    let bars = bars(&state, &warrant, w, &settings.budgets).await?;
    let people = people(&state, &warrant, w, rows.clone()).await?;
    let origin = visit.exchange().edge().origin();
    let curl = format!("curl {origin}/v1/models -H \"Authorization: Bearer $TOLLGATE_KEY\"");
    let empty = rows.is_empty().then(|| Empty {
        text: w.get("overview-empty"),
        action: None,
        command: Some(Command::new(visit.locale(), curl)),
    });
    let title = w.get("tab-overview");
    let page = Overview {
        w,
        tabs: Tabs::new(&visit, Section::Overview),
        head: Head { title: title.clone(), lead: w.get("overview-lead"), action: None },
        needs,
        today: totals(w, &rows),
        bars: (!bars.is_empty()).then(|| Bars::new(visit.locale(), bars)),
        people,
        empty,
        command: Command::same(visit.locale(), "tollgate usage --by user"),
    };
    visit.show(&title, &page)
}

fn totals(w: Words, rows: &[UsageRow]) -> Definitions {
    let sum = |figure: fn(&UsageRow) -> i64| rows.iter().map(figure).sum::<i64>();
    let money = say::money(sum(|row| row.cost_nano));
    let unpriced = sum(|row| row.unpriced);
    let money = match unpriced {
        0 => money,
        _ => w.with("money-unpriced", &[("money", money.into()), ("count", unpriced.into())]),
    };
    let tokens = sum(|row| row.input_tokens + row.output_tokens);
    Definitions {
        items: vec![
            (w.get("column-calls"), Cell::Text(say::number(sum(|row| row.calls)))),
            (w.get("tokens"), Cell::Text(say::number(tokens))),
            (w.get("money"), Cell::Text(money)),
        ],
    }
}

/// The budgets of the installation, how full they are.
async fn bars(
    state: &ConsoleState,
    warrant: &Warrant,
    w: Words,
    budgets: &[Budget],
) -> Result<Vec<Bar>, Error> {
    let mut bars = Vec::with_capacity(budgets.len());
    for Budget { unit, limit, period } in budgets.iter().copied() {
        let window = Window::containing(state.now(), period, &TimeZone::UTC)?;
        let account = Account { holder: Holder::Installation, unit, period, window };
        let standing = state.gate.entries(warrant).standing(&(&account).into()).await?;
        let used = standing.spent;
        let values: [(&'static str, Value<'_>); 2] =
            [("used", say::amount(unit, used).into()), ("limit", say::amount(unit, limit).into())];
        let resets = [("at", say::minute(window.end).into())];
        let percent = match limit {
            0 => 100,
            _ => i128::from(used) * 100 / i128::from(limit),
        };
        bars.push(Bar {
            label: say::budget_name(w, unit, period),
            used: w.with("bar-used", &values),
            left: say::amount(unit, (limit - used).max(0)),
            resets: Some(w.with("bar-resets", &resets)),
            percent: u8::try_from(percent.clamp(0, 100)).unwrap_or(100),
        });
    }
    Ok(bars)
}

async fn people(
    state: &ConsoleState,
    warrant: &Warrant,
    w: Words,
    mut rows: Vec<UsageRow>,
) -> Result<Option<Table>, Error> {
    rows.retain(|row| row.user.is_some());
    rows.sort_by_key(|row| {
        std::cmp::Reverse((row.cost_nano, row.input_tokens + row.output_tokens))
    });
    rows.truncate(TOP);
    let names = names(state, warrant, &rows).await?;
    let row = |row: UsageRow| {
        let id = row.user.unwrap_or_default();
        let text = names.get(&id).unwrap_or(&id).clone();
        vec![
            Cell::Link(Link { href: format!("/admin/users/{id}"), text }),
            Cell::Number(say::number(row.calls)),
            Cell::Number(say::number(row.input_tokens + row.output_tokens)),
            Cell::Number(say::money(row.cost_nano)),
        ]
    };
    let columns = vec![
        Column::text(w.get("column-user")),
        Column::number(w.get("column-calls")),
        Column::number(w.get("tokens")),
        Column::number(w.get("column-cost")),
    ];
    let rows: Vec<_> = rows.into_iter().map(row).collect();
    let caption = w.get("top-people");
    Ok((!rows.is_empty()).then_some(Table { caption, columns, rows, next: None }))
}

/// What somebody has to do something about.
async fn needs(
    state: &ConsoleState,
    warrant: &Warrant,
    w: Words,
    settings: &SettingsView,
) -> Result<Vec<Link>, Error> {
    let reader = state.read(warrant);
    let mut needs = Vec::new();
    let mut need = |href: &str, text: String| needs.push(Link { href: href.to_owned(), text });
    let upstreams = reader.upstreams().await?;
    if upstreams.is_empty() {
        need("/admin/new-upstream", w.get("need-upstream"));
    }
    for upstream in &upstreams {
        if let Some(trouble) = state.gate.trouble(warrant, &upstream.id) {
            let values = [("upstream", upstream.id.as_str().into())];
            let text = w.with(say::trouble(trouble.kind), &values);
            need(&format!("/admin/upstreams/{}", upstream.id), text);
        }
    }
    if reader.plans(&PageRequest::first(1)).await?.items.is_empty() {
        need("/admin/new-plan", w.get("need-plan"));
    }
    if settings.registration == Registration::Open && settings.default_plan.is_none() {
        need("/admin/settings", w.get("need-default-plan"));
    }
    let now = state.now();
    let hour = EntryFilter {
        from: Some(now.minus(std::time::Duration::from_secs(3_600))),
        ..EntryFilter::default()
    };
    let recent = state.gate.entries(warrant).entries(&hour, LOOKED_AT).await?;
    for (upstream, (failed, all)) in failing(&recent) {
        let values =
            [("upstream", upstream.into()), ("failed", failed.into()), ("all", all.into())];
        need("/admin/upstreams", w.with("need-failing", &values));
    }
    let reserves = reserves(state, warrant, now).await?;
    if reserves > 0 {
        need(
            "/admin/entries?state=crash_reserve",
            w.with("need-reserves", &[("count", reserves.into())]),
        );
    }
    Ok(needs)
}

/// The upstreams of which at least half of the newest calls failed: how many, of how many.
fn failing(recent: &[EntryRow]) -> BTreeMap<&str, (u32, u32)> {
    let mut counts: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for row in recent {
        let Some(upstream) = &row.upstream else { continue };
        let (failed, all) = counts.entry(upstream).or_default();
        *failed += u32::from(row.state == EntryState::Failed);
        *all += 1;
    }
    counts.retain(|_, (failed, all)| *failed >= FAILURES && *failed * 2 >= *all);
    counts
}

/// How many crash reserves of the last week were not released.
async fn reserves(state: &ConsoleState, warrant: &Warrant, now: Timestamp) -> Result<usize, Error> {
    let filter = EntryFilter {
        from: Some(now.minus(std::time::Duration::from_secs(7 * 86_400))),
        state: Some(EntryState::CrashReserve.as_str().to_owned()),
        ..EntryFilter::default()
    };
    let rows = state.gate.entries(warrant).entries(&filter, LOOKED_AT).await?;
    Ok(rows.iter().filter(|row| row.released_at.is_none()).count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Call, row, settled};

    #[test]
    fn an_upstream_fails_when_half_of_its_calls_do() {
        let at = Timestamp::from_secs(0);
        let rows = |failed: u8, good: u8| -> Vec<EntryRow> {
            let of = |state| move |n| row(Call { state, ..settled(n, at) });
            let failed = (0..failed).map(of(EntryState::Failed));
            failed.chain((0..good).map(of(EntryState::Settled))).collect()
        };
        assert_eq!(failing(&rows(3, 3)).get("openai"), Some(&(3, 6)));
        assert!(failing(&rows(2, 0)).is_empty());
        assert!(failing(&rows(3, 4)).is_empty());
    }
}
