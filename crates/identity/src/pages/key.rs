//! `/account/keys/{id}`: one key, what it may do, and what can be done with it.

use askama::Template;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Banner, Cell, Command, Definitions, Head, Link, Summary, Tone};
use tollgate_edge::{Caller, Form, Path, Query, Reply, Visit, reply};
use tollgate_kernel::{KeyId, Timestamp};
use tollgate_store::{KeyRecord, KeyState};

use super::key_form::{KeyFields, KeyForm, Wrong};
use super::keys::{Shown, models_said, place_of, scheme_of};
use super::{TEXTS, banner, greeting, said, style};
use crate::api::keys::state_of;
use crate::change_me::me;
use crate::list_keys::find_key;
use crate::revoke_key::revoke_key;
use crate::rotate_key::rotate_key;
use crate::state::IdentityState;
use crate::update_key::{KeyChange, update_key};

/// The overlaps that the page offers, in seconds, with the keys of their words.
const OVERLAPS: [(u32, &str); 4] = [
    (0, "overlap-none"),
    (3_600, "overlap-hour"),
    (86_400, "overlap-day"),
    (604_800, "overlap-week"),
];

#[derive(Template)]
#[template(path = "key.html")]
struct Page {
    w: Words,
    style: String,
    head: Head,
    banner: Option<Banner>,
    facts: Definitions,
    /// Whether it can still be changed.
    active: bool,
    place: String,
    /// The page that lists this key among others.
    shelf: String,
    name: String,
    summary: Option<Summary>,
    csrf: String,
    fields: KeyFields,
    overlaps: Vec<(u32, String)>,
    commands: [Command; 2],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    saved: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Overlap {
    overlap_s: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sure {}

pub(crate) async fn show(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Path(id): Path<KeyId>,
    Query(asked): Query<Asked>,
    visit: Visit,
) -> Reply {
    let user = me(&state.gate, &caller).await?;
    let key = find_key(&state.gate, &caller, id).await?;
    let form = KeyForm::like(&key);
    let mut page = page(&visit, state.gate.clock().now(), &key, &form, &[]);
    if asked.saved.is_some() {
        page.banner = banner(Tone::Ok, page.w.get("key-saved"));
    }
    visit.show_as(StatusCode::OK, Some(greeting(&user)), &key.name, &page)
}

pub(crate) async fn change(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Path(id): Path<KeyId>,
    visit: Visit,
    Form(form): Form<KeyForm>,
) -> Reply {
    let user = me(&state.gate, &caller).await?;
    let key = find_key(&state.gate, &caller, id).await?;
    let now = state.gate.clock().now();
    let read = match form.read(now, Some(&key)) {
        Ok(read) => read,
        Err(wrong) => {
            let page = page(&visit, now, &key, &form, &wrong);
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return visit.show_as(status, Some(greeting(&user)), &key.name, &page);
        }
    };
    let change = KeyChange {
        name: Some(read.name),
        models: Some(read.models),
        networks: Some(read.networks),
        rates: Some(read.rates),
        budgets: Some(read.budgets),
        expires_at: (read.expires_at != key.expires_at).then_some(read.expires_at),
    };
    update_key(&state.gate, &caller, id, change).await?;
    reply::see_other(&format!("/account/keys/{id}?saved=1"))
}

pub(crate) async fn rotate(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Path(id): Path<KeyId>,
    visit: Visit,
    Form(Overlap { overlap_s }): Form<Overlap>,
) -> Reply {
    let user = me(&state.gate, &caller).await?;
    let (key, secret) = rotate_key(&state.gate, &caller, id, overlap_s).await?;
    let w = visit.words(&TEXTS);
    let title = w.with("key-rotated-title", &[("name", key.name.as_str().into())]);
    let page = Shown::new(&visit, &title, &key, secret).at(scheme_of(&state, &caller, &key).await?);
    visit.show_as(StatusCode::OK, Some(greeting(&user)), &title, &page)
}

pub(crate) async fn revoke(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Path(id): Path<KeyId>,
    Form(Sure {}): Form<Sure>,
) -> Reply {
    let key = find_key(&state.gate, &caller, id).await?;
    revoke_key(&state.gate, &caller, id).await?;
    reply::see_other(&place_of(key.holder))
}

fn page(visit: &Visit, now: Timestamp, key: &KeyRecord, form: &KeyForm, wrong: &[Wrong]) -> Page {
    let w = visit.words(&TEXTS);
    let id = key.id;
    let shelf = place_of(key.holder);
    let like = Link { href: format!("{shelf}?like={id}#make"), text: w.get("key-like") };
    let fields = form.fields(&w, wrong);
    let rotate = format!("tollgate key rotate {id} --overlap-s 3600");
    Page {
        style: style(visit),
        head: Head { title: key.name.clone(), lead: w.get("key-lead"), action: Some(like) },
        banner: None,
        facts: facts(&w, now, key),
        active: key.state == KeyState::Active,
        place: format!("/account/keys/{id}"),
        shelf,
        name: key.name.clone(),
        summary: fields.summary(),
        csrf: visit.csrf(),
        fields,
        overlaps: OVERLAPS.iter().map(|(s, key)| (*s, w.get(key))).collect(),
        commands: [
            Command::same(w.locale(), rotate),
            Command::same(w.locale(), format!("tollgate key revoke {id}")),
        ],
        w,
    }
}

fn facts(w: &Words, now: Timestamp, key: &KeyRecord) -> Definitions {
    let never = || Cell::Text(w.get("never"));
    let mut items = vec![
        (w.get("column-state"), Cell::Text(w.get(&format!("key-state-{}", state_of(key, now))))),
        (w.get("column-tail"), Cell::Code(format!("…{}", key.tail))),
        (w.get("key-made"), Cell::ago(w.locale(), key.created_at, now)),
        (w.get("key-expires"), key.expires_at.map_or_else(never, |at| said::ahead(w, now, at))),
        (
            w.get("column-last-used"),
            key.last_used_at.map_or_else(never, |at| Cell::ago(w.locale(), at, now)),
        ),
    ];
    if let Some(from) = &key.last_used_from {
        items.push((w.get("key-last-from"), Cell::Code(from.clone())));
    }
    items.push((w.get("key-models"), Cell::Text(models_said(w, key))));
    let networks = key.networks.as_ref().map(|list| list.join(", "));
    let networks = networks.unwrap_or_else(|| w.get("key-all-networks"));
    items.push((w.get("key-networks"), Cell::Text(networks)));
    for budget in &key.budgets {
        let name = format!("budget-{}-{}", budget.unit.as_str(), budget.period.as_str());
        items.push((w.get(&name), Cell::Text(said::amount(w, budget.unit, budget.limit))));
    }
    Definitions { items }
}
