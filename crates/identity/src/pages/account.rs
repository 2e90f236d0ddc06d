//! `/account`: what is left, the last calls, and where to paste the key.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::State;
use http::StatusCode;
use tollgate_edge::page::parts::{
    Banner, Bar, Bars, Cell, Column, Command, Empty, Head, Link, Table, Tone,
};
use tollgate_edge::page::{Value, Words, until};
use tollgate_edge::{Caller, Reply, Visit};
use tollgate_gate::{BudgetStanding, Gate, Principal};
use tollgate_kernel::figures;
use tollgate_kernel::{Error, Holder, Kind, Manage, Noun, Timestamp, UserId};
use tollgate_store::PageRequest;
use tollgate_store::ledger::{EntryFilter, EntryRow};

use super::{TEXTS, banner, greeting, said, style};
use crate::change_me::me;
use crate::list_keys::{KeyQuery, list_keys};
use crate::state::IdentityState;

/// How far back calls are shown.
const LATELY: Duration = Duration::from_secs(86_400);

/// The most calls that are shown.
const CALLS: u32 = 20;

#[derive(Template)]
#[template(path = "account.html")]
struct Page {
    w: Words,
    style: String,
    head: Head,
    banner: Option<Banner>,
    plan: Option<String>,
    bars: Option<Bars>,
    calls: Option<Table>,
    none: Option<Empty>,
    base_url: String,
    key_link: Link,
    shell: Command,
    python: Command,
}

pub(crate) async fn show(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    visit: Visit,
) -> Reply {
    let gate = &state.gate;
    let user = me(gate, &caller).await?;
    let w = visit.words(&TEXTS);
    let now = gate.clock().now();
    let (bars, warning) = match gate.limits(&caller).await {
        Ok(limits) => bars(&w, now, &limits),
        Err(error) if error.kind() == Kind::Forbidden => {
            (None, banner(Tone::Warn, w.get("account-no-plan")))
        }
        Err(error) => return Err(error.into()),
    };
    let rows = calls(gate, &caller, user.id, now).await?;
    let names = key_names(gate, &caller).await?;
    let base_url = format!("{}/v1", visit.exchange().edge().origin());
    let model = model_for(gate, &caller, rows.first());
    let none = rows.is_empty().then(|| Empty {
        text: w.get("account-no-calls"),
        action: Some(Link { href: "/account/keys#make".to_owned(), text: w.get("make-key") }),
        command: None,
    });
    let page = Page {
        style: style(&visit),
        head: Head {
            title: w.get("account-title"),
            lead: w.get("account-lead"),
            action: Some(Link { href: "/account/keys#make".to_owned(), text: w.get("make-key") }),
        },
        banner: warning,
        plan: gate.plan_of(&caller).map(|(plan, _)| plan.to_string()),
        bars,
        calls: (!rows.is_empty()).then(|| table(&w, now, rows, &names)),
        none,
        shell: Command::new(w.locale(), shell_lines(&base_url, &model)),
        python: Command::new(w.locale(), python_lines(&base_url, &model)),
        key_link: Link { href: "/account/keys".to_owned(), text: w.get("account-your-keys") },
        base_url,
        w,
    };
    let title = w.get("account-title");
    visit.show_as(StatusCode::OK, Some(greeting(&user)), &title, &page)
}

/// A bar for each budget, and a warning when one of them is nearly spent.
fn bars(w: &Words, now: Timestamp, limits: &[BudgetStanding]) -> (Option<Bars>, Option<Banner>) {
    let list: Vec<Bar> = limits.iter().map(|limit| bar(w, now, limit)).collect();
    let fullest = list.iter().max_by_key(|bar| bar.percent);
    let warning = fullest.filter(|bar| bar.percent >= 80).map(|bar| {
        let n = Value::from(u64::from(bar.percent));
        let values = [("n", n), ("budget", Value::from(bar.label.as_str()))];
        let tone = if bar.percent >= 100 { Tone::Danger } else { Tone::Warn };
        Banner { tone, text: w.with("account-nearly-spent", &values), link: None }
    });
    let bars = (!list.is_empty()).then(|| Bars::new(w.locale(), list));
    (bars, warning)
}

fn bar(w: &Words, now: Timestamp, standing: &BudgetStanding) -> Bar {
    let account = &standing.account;
    let (unit, period) = (account.unit, account.period);
    let name = w.get(&format!("budget-{}-{}", unit.as_str(), period.as_str()));
    let label = match &account.holder {
        Holder::User(_) | Holder::Client(_) => name,
        holder => {
            let id = holder.id();
            let key = format!("budget-of-{}", holder.kind());
            w.with(&key, &[("budget", name.into()), ("id", id.into())])
        }
    };
    let taken = standing.used.saturating_add(standing.held);
    let left = standing.limit.saturating_sub(taken).max(0);
    let used = [
        ("used", Value::from(figures::amount(unit, standing.used))),
        ("limit", Value::from(said::amount(w, unit, standing.limit))),
        ("held", Value::from(figures::amount(unit, standing.held))),
    ];
    let key = if standing.held > 0 { "budget-used-held" } else { "budget-used" };
    let ends = account.window.end;
    let resets = [
        ("when", Value::from(until(w.locale(), ends, now))),
        ("exact", Value::from(said::exact(ends))),
    ];
    Bar {
        label,
        used: w.with(key, &used),
        left: said::amount(w, unit, left),
        resets: Some(w.with("budget-resets", &resets)),
        percent: percent(taken, standing.limit),
    }
}

/// How much of `limit` is taken, rounded down, so that 100 means that nothing is left.
fn percent(taken: i64, limit: i64) -> u8 {
    let share = i128::from(taken.max(0)) * 100 / i128::from(limit.max(1));
    u8::try_from(share.min(100)).unwrap_or(100)
}

async fn calls(
    gate: &Gate,
    caller: &Arc<Principal>,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<EntryRow>, Error> {
    let warrant = gate.allow(caller, Manage::read(Noun::Usage))?;
    let filter = EntryFilter {
        from: Some(now.minus(LATELY)),
        user: Some(user.to_string()),
        ..EntryFilter::default()
    };
    gate.entries(&warrant).entries(&filter, CALLS).await
}

/// What the caller's own keys are called, by id.
pub(super) async fn key_names(
    gate: &Gate,
    caller: &Arc<Principal>,
) -> Result<HashMap<String, String>, Error> {
    let query = KeyQuery { user: caller.user(), ..KeyQuery::default() };
    let page = list_keys(gate, caller, query, &PageRequest::first(PageRequest::MAX)).await?;
    Ok(page.items.into_iter().map(|key| (key.id.to_string(), key.name)).collect())
}

fn table(w: &Words, now: Timestamp, rows: Vec<EntryRow>, names: &HashMap<String, String>) -> Table {
    let columns = vec![
        Column::text(w.get("column-when")),
        Column::text(w.get("column-model")),
        Column::text(w.get("column-key")),
        Column::number(w.get("column-input")),
        Column::number(w.get("column-output")),
        Column::number(w.get("column-cost")),
        Column::text(w.get("column-state")),
    ];
    let tokens = |n: u64| Cell::Number(said::number(i64::try_from(n).unwrap_or(i64::MAX)));
    let row = |row: EntryRow| {
        let key = row.key.and_then(|id| names.get(&id).cloned());
        let cost = row.cost_nano.map_or_else(|| w.get("no-price"), said::money);
        vec![
            Cell::ago(w.locale(), row.at, now),
            Cell::Text(row.model),
            Cell::Text(key.unwrap_or_else(|| w.get("by-browser"))),
            tokens(row.usage.input_tokens),
            tokens(row.usage.output_tokens),
            Cell::Number(cost),
            Cell::Text(w.get(&format!("state-{}", row.state.as_str()))),
        ]
    };
    let rows = rows.into_iter().map(row).collect();
    Table { caption: w.get("account-calls"), columns, rows, next: None }
}

/// A model to write into examples: the one that was called last, or the first that may be called.
fn model_for(gate: &Gate, caller: &Arc<Principal>, last: Option<&EntryRow>) -> String {
    let listed = || gate.models(caller).ok()?.into_iter().next().map(|model| model.id);
    last.map(|row| row.model.clone()).or_else(listed).unwrap_or_else(|| "gpt-4o-mini".to_owned())
}

fn shell_lines(base_url: &str, model: &str) -> String {
    format!(
        "curl {base_url}/chat/completions \\\n  -H \"Authorization: Bearer $OPENAI_API_KEY\" \\\n  \
         -H \"Content-Type: application/json\" \\\n  -d '{{\"model\": \"{model}\", \"messages\": \
         [{{\"role\": \"user\", \"content\": \"Hello\"}}]}}'"
    )
}

fn python_lines(base_url: &str, model: &str) -> String {
    format!(
        "from openai import OpenAI\n\nclient = OpenAI(base_url=\"{base_url}\", \
         api_key=\"tg_user_…\")\nanswer = client.chat.completions.create(\n    \
         model=\"{model}\", messages=[{{\"role\": \"user\", \"content\": \"Hello\"}}])\n\
         print(answer.choices[0].message.content)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_when_nothing_is_left() {
        assert_eq!(percent(0, 100), 0);
        assert_eq!(percent(999, 1_000), 99);
        assert_eq!(percent(1_000, 1_000), 100);
        assert_eq!(percent(i64::MAX, 1), 100);
        assert_eq!(percent(0, 0), 0);
    }
}
