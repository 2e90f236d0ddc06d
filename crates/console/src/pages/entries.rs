//! `/admin/entries`: the calls themselves, newest first, and crash reserves among them.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{
    Banner, Cell, Column, Command, Definitions, Empty, Field, Head, Link, Table, Tone,
};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::shapes::List;
use tollgate_edge::{Caller, Form, Path, Query, Visit};
use tollgate_gate::Warrant;
use tollgate_kernel::{
    Access, Account, CallId, ClientId, EntryState, Error, Holder, KeyId, Period, Unit,
};
use tollgate_store::Owner;
use tollgate_store::ledger::EntryRow;
use url::form_urlencoded;

use super::form::{Control, Select, Wrong};
use super::parts::{Filter, ListPage, Rows, Section, Tabs, saved};
use super::usage::people;
use super::{say, words};
use crate::entries::{self, EntriesQuery, RELEASE};
use crate::state::ConsoleState;
use crate::usage::READ;

/// Which entries a page shows.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EntriesPage {
    /// Where the part before ended.
    cursor: Option<String>,
    /// Whether a reserve was just released.
    saved: Option<u8>,
    /// Of this person, by e-mail address or id.
    user: Option<String>,
    /// Of this key, by id.
    key: Option<String>,
    /// For this model.
    model: Option<String>,
    /// In this state.
    state: Option<String>,
}

/// A button was pressed; it says nothing more.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sure {}

/// What was typed into the filter; nothing where it is empty.
struct Asked {
    user: Option<String>,
    key: Option<String>,
    model: Option<String>,
    state: Option<String>,
}

impl Asked {
    fn of(part: &EntriesPage) -> Self {
        let typed = |text: &Option<String>| {
            text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        Self {
            user: typed(&part.user),
            key: typed(&part.key),
            model: typed(&part.model),
            state: typed(&part.state),
        }
    }

    /// The same as members of a query, those that say something.
    fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("user", &self.user),
            ("key", &self.key),
            ("model", &self.model),
            ("state", &self.state),
        ];
        all.into_iter().filter_map(|(name, text)| Some((name, text.as_deref()?)))
    }

    fn older(&self, w: Words, cursor: &str) -> Link {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.pairs()).append_pair("cursor", cursor);
        Link { href: format!("/admin/entries?{}", query.finish()), text: w.get("older") }
    }
}

/// `GET /admin/entries`.
pub(crate) async fn list(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Query(part): Query<EntriesPage>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, READ)?;
    warrant.require_all()?;
    let asked = Asked::of(&part);
    let (user, wrong) = match &asked.user {
        Some(text) if text.contains('@') => match state.read(&warrant).user_by_email(text).await? {
            Some(user) => (Some(user.id.to_string()), Vec::new()),
            None => (Some(text.clone()), vec![Wrong::at(w, "user", "wrong-user")]),
        },
        user => (user.clone(), Vec::new()),
    };
    let query = EntriesQuery {
        cursor: part.cursor,
        user,
        key: asked.key.clone(),
        model: asked.model.clone(),
        state: asked.state.clone(),
        ..EntriesQuery::default()
    };
    let List { items, next } = entries::part(&state, &caller, &query).await?;
    let rows = if items.is_empty() {
        let origin = visit.exchange().edge().origin();
        let curl = format!("curl {origin}/v1/models -H \"Authorization: Bearer $TOLLGATE_KEY\"");
        let all = asked.pairs().next().is_none();
        Rows::Empty(Empty {
            text: w.get(if all { "entries-none" } else { "entries-empty" }),
            action: None,
            command: all.then(|| Command::new(visit.locale(), curl)),
        })
    } else {
        let next = next.map(|cursor| asked.older(w, &cursor));
        Rows::Table(table(&state, &warrant, w, &items, next).await?)
    };
    let title = w.get("tab-entries");
    let line = match &asked.state {
        Some(state) => format!("tollgate entry list --state {state}"),
        None => "tollgate entry list --limit 50".to_owned(),
    };
    let page = ListPage {
        tabs: Tabs::new(&visit, Section::Entries),
        head: Head { title: title.clone(), lead: w.get("entries-lead"), action: None },
        banner: saved(w, part.saved.is_some()),
        filter: Some(filter(w, asked, &wrong)),
        rows,
        links: Vec::new(),
        command: Command::same(visit.locale(), line),
    };
    visit.show(&title, &page)
}

fn filter(w: Words, asked: Asked, wrong: &[Wrong]) -> Filter {
    let field = |id, key: &str, text: Option<String>| {
        let field = Field::new(id, "text", w.get(key)).value(text.unwrap_or_default()).optional();
        Control::Field(field.error(Wrong::on(wrong, id)))
    };
    let named = |state: EntryState| {
        let name = state.as_str();
        (name.to_owned(), w.get(&format!("entry-{name}")))
    };
    let mut options = vec![(String::new(), w.get("entry-all"))];
    options.extend(EntryState::ALL.map(named));
    Filter {
        action: "/admin/entries",
        controls: vec![
            field("user", "entries-user", asked.user),
            field("key", "entries-key", asked.key),
            field("model", "column-model", asked.model),
            Control::Select(Select {
                id: "state",
                label: w.get("column-state"),
                options,
                chosen: asked.state.unwrap_or_default(),
                hint: None,
                error: None,
            }),
        ],
        submit: w.get("show"),
    }
}

async fn table(
    state: &ConsoleState,
    warrant: &Warrant,
    w: Words,
    items: &[EntryRow],
    next: Option<Link>,
) -> Result<Table, Error> {
    let names = Names::of(state, warrant, items).await?;
    let texts = ["time", "who", "key", "model", "upstream", "state"];
    let texts = texts.map(|key| Column::text(w.get(&format!("column-{key}"))));
    let figures = ["input-tokens", "output-tokens", "cost"];
    let figures = figures.map(|key| Column::number(w.get(&format!("column-{key}"))));
    let row = |entry: &EntryRow| {
        let when =
            Link { href: format!("/admin/entries/{}", entry.call_id), text: say::clock(entry.at) };
        vec![
            Cell::Link(when),
            names.who(w, entry),
            names.key(entry),
            Cell::Text(or_none(Some(entry.model.clone()))),
            Cell::Text(or_none(entry.upstream.clone())),
            Cell::Text(said_state(w, entry)),
            Cell::Number(tokens(entry.usage.input_tokens)),
            Cell::Number(tokens(entry.usage.output_tokens)),
            Cell::Number(cost(w, entry)),
        ]
    };
    Ok(Table {
        caption: w.get("entries-caption"),
        columns: texts.into_iter().chain(figures).collect(),
        rows: items.iter().map(row).collect(),
        next,
    })
}

/// How a call ended, and what became of a reserve.
fn said_state(w: Words, entry: &EntryRow) -> String {
    let key = match entry.released_at {
        Some(_) => "entry-released".to_owned(),
        None => format!("entry-{}", entry.state.as_str()),
    };
    w.get(&key)
}

/// What a call cost; of a call in flight what is held, of a reserve what its budget was charged.
fn cost(w: Words, entry: &EntryRow) -> String {
    match entry.state {
        EntryState::Open => w.with("cost-held", &[("money", say::money(entry.hold_nano).into())]),
        EntryState::CrashReserve => charged(w, entry),
        _ => entry.cost_nano.map_or_else(|| w.get("no-price"), say::money),
    }
}

/// What budgets were charged, in the units that there are.
fn charged(w: Words, entry: &EntryRow) -> String {
    let EntryRow { charged_nano, charged_tokens, charged_calls, .. } = *entry;
    amounts(w, charged_nano, charged_tokens, charged_calls)
}

/// What there is of money, tokens and calls, in words.
fn amounts(w: Words, nano: i64, tokens: i64, calls: i64) -> String {
    let counted = |key, n: i64| w.with(key, &[("n", n.into()), ("said", say::number(n).into())]);
    let parts = [
        (nano > 0).then(|| say::money(nano)),
        (tokens > 0).then(|| counted("in-tokens", tokens)),
        (calls > 0).then(|| counted("in-calls", calls)),
    ];
    or_none(Some(parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")))
}

fn tokens(n: u64) -> String {
    say::number(i64::try_from(n).unwrap_or(i64::MAX))
}

fn or_none(text: Option<String>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| "–".to_owned())
}

/// The names of those who made calls, by id.
struct Names {
    people: BTreeMap<String, String>,
    apps: BTreeMap<String, String>,
    keys: BTreeMap<String, String>,
}

impl Names {
    async fn of(
        state: &ConsoleState,
        warrant: &Warrant,
        items: &[EntryRow],
    ) -> Result<Self, Error> {
        let (mut users, mut clients, mut ids) =
            <(BTreeSet<_>, BTreeSet<_>, BTreeSet<_>)>::default();
        for entry in items {
            users.extend(entry.user.clone());
            clients.extend(entry.client.clone());
            ids.extend(entry.key.clone());
            match reserved(entry) {
                Some((Holder::User(id), ..)) => drop(users.insert(id.to_string())),
                Some((Holder::Client(id), ..)) => drop(clients.insert(id.to_string())),
                Some((Holder::Key(id), ..)) => drop(ids.insert(id.to_string())),
                _ => {}
            }
        }
        let people = people(state, warrant, users).await?;
        let (mut apps, mut keys) = (BTreeMap::new(), BTreeMap::new());
        let reader = state.read(warrant);
        for id in clients {
            if let Ok(app) = id.parse::<ClientId>()
                && let Some(app) = reader.client(Owner::All, app).await?
            {
                apps.insert(id, app.name);
            }
        }
        for id in ids {
            if let Ok(key) = id.parse::<KeyId>()
                && let Some(key) = reader.key(Owner::All, key).await?
            {
                keys.insert(id, key.name);
            }
        }
        Ok(Self { people, apps, keys })
    }

    /// Who made a call: a person, or an app for itself. A reserve is of a budget, and of no call.
    fn who(&self, w: Words, entry: &EntryRow) -> Cell {
        if entry.state == EntryState::CrashReserve {
            return Cell::Text(self.budget(w, entry));
        }
        match (&entry.user, &entry.client) {
            (Some(id), _) => named(&self.people, id, "/admin/users"),
            (None, Some(id)) => named(&self.apps, id, "/admin/apps"),
            (None, None) => Cell::Text(or_none(None)),
        }
    }

    /// The budget that a reserve was charged to: what it counts, and whose it is.
    fn budget(&self, w: Words, entry: &EntryRow) -> String {
        let Some((holder, unit, period)) = reserved(entry) else {
            return or_none(entry.budget.clone());
        };
        let id = holder.id();
        let known = match holder {
            Holder::User(_) => self.people.get(&id),
            Holder::Client(_) => self.apps.get(&id),
            Holder::Key(_) => self.keys.get(&id),
            Holder::Installation
            | Holder::Group(_)
            | Holder::Token(_)
            | Holder::Model(_)
            | Holder::Network(_) => None,
        };
        let name = say::budget_name(w, unit, period);
        let holder = match holder {
            Holder::Installation => w.get("whole-installation"),
            _ => {
                let kind = w.get(&format!("column-{}", holder.kind()));
                format!("{kind} {}", known.unwrap_or(&id))
            }
        };
        w.with("budget-of", &[("name", name.into()), ("holder", holder.into())])
    }

    fn key(&self, entry: &EntryRow) -> Cell {
        match &entry.key {
            Some(id) => named(&self.keys, id, "/account/keys"),
            None => Cell::Text(or_none(None)),
        }
    }
}

/// The budget that a reserve was charged to.
fn reserved(entry: &EntryRow) -> Option<(Holder, Unit, Period)> {
    entry.budget.as_deref().and_then(Account::parse_budget)
}

/// A link to what is called `id`, by its name; what was deleted has neither.
fn named(names: &BTreeMap<String, String>, id: &str, folder: &str) -> Cell {
    match names.get(id) {
        Some(name) => Cell::Link(Link { href: format!("{folder}/{id}"), text: name.clone() }),
        None => Cell::Code(id.to_owned()),
    }
}

/// One call.
#[derive(Template)]
#[template(path = "entry.html")]
struct EntryPage {
    w: Words,
    tabs: Tabs,
    head: Head,
    banner: Option<Banner>,
    /// Each attempt with its heading.
    attempts: Vec<(String, Definitions)>,
    /// What releasing does, where it can be done.
    release: Option<String>,
    place: String,
    csrf: String,
    command: Command,
}

/// `GET /admin/entries/{call_id}`.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Path(call): Path<CallId>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, READ)?;
    warrant.require_all()?;
    let query = EntriesQuery { call_id: Some(call.to_string()), ..EntriesQuery::default() };
    let List { mut items, .. } = entries::part(&state, &caller, &query).await?;
    items.reverse();
    let names = Names::of(&state, &warrant, &items).await?;
    let Some(first) = items.first() else { return Err(Error::not_found().into()) };
    let is_reserve = first.state == EntryState::CrashReserve;
    let title = w.get(if is_reserve { "entry-crash_reserve" } else { "entry-title" });
    let can_release = first.released_at.is_none() && caller.admits(Access::Page(RELEASE)).is_ok();
    let release = (is_reserve && can_release).then(|| {
        let budget = names.budget(w, first);
        let values = [("amount", charged(w, first).into()), ("budget", budget.into())];
        w.with("release-lead", &values)
    });
    let banner = is_reserve.then(|| Banner {
        tone: if first.released_at.is_some() { Tone::Ok } else { Tone::Info },
        text: w.get(if first.released_at.is_some() { "reserve-released" } else { "reserve-what" }),
        link: None,
    });
    let line = if release.is_some() {
        format!("tollgate entry release {call}")
    } else {
        format!("tollgate entry list --call {call}")
    };
    let attempt = |entry: &EntryRow| {
        let heading = w.with("entry-attempt", &[("n", entry.attempt.into())]);
        (heading, facts(w, &names, entry))
    };
    let page = EntryPage {
        w,
        tabs: Tabs::new(&visit, Section::Entries),
        head: Head { title: title.clone(), lead: say::second(first.at), action: None },
        banner,
        attempts: items.iter().map(attempt).collect(),
        release,
        place: format!("/admin/entries/{call}/release"),
        csrf: visit.csrf(),
        command: Command::same(visit.locale(), line),
    };
    visit.show(&title, &page)
}

fn facts(w: Words, names: &Names, entry: &EntryRow) -> Definitions {
    let mut items = vec![(w.get("column-state"), Cell::Text(said_state(w, entry)))];
    let mut add = |key: &str, cell: Cell| items.push((w.get(key), cell));
    if entry.state == EntryState::CrashReserve {
        add("entry-budget", Cell::Text(names.budget(w, entry)));
    } else {
        add("column-who", names.who(w, entry));
        add("column-key", names.key(entry));
        add("column-model", Cell::Text(entry.model.clone()));
        add("column-upstream", Cell::Text(or_none(entry.upstream.clone())));
        add("column-group", Cell::Text(or_none(entry.group.clone())));
        add("column-input-tokens", Cell::Text(tokens(entry.usage.input_tokens)));
        add("column-cached-tokens", Cell::Text(tokens(entry.usage.cached_tokens)));
        add("column-output-tokens", Cell::Text(tokens(entry.usage.output_tokens)));
        add("column-cost", Cell::Text(cost(w, entry)));
        add("entry-held", Cell::Text(amounts(w, entry.hold_nano, entry.hold_tokens, 0)));
    }
    add("entry-charged", Cell::Text(charged(w, entry)));
    if entry.excess {
        add("entry-excess", Cell::Text(w.get("entry-excess-means")));
    }
    if let Some(at) = entry.released_at {
        add("entry-released", Cell::Text(say::second(at)));
    }
    add("column-request", Cell::Code(entry.request_id.clone()));
    add("entry-call", Cell::Code(entry.call_id.clone()));
    Definitions { items }
}

/// `POST /admin/entries/{call_id}/release`.
pub(crate) async fn release(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(call): Path<CallId>,
    Form(Sure {}): Form<Sure>,
) -> Reply {
    entries::give_back(&state, &caller, call).await?;
    reply::see_other("/admin/entries?state=crash_reserve&saved=1")
}
