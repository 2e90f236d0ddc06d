//! `/account/keys`: a person's keys, and making one.

use askama::Template;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{
    Cell, Column, Command, Empty, Head, Link, SecretOnce, Summary, Table,
};
use tollgate_edge::{Caller, Form, Query, Reply, Visit};
use tollgate_kernel::{KeyId, PlainToken, Timestamp};
use tollgate_store::{KeyRecord, Page as Part, PageRequest, UserRecord};

use super::key_form::{KeyFields, KeyForm, Wrong};
use super::{TEXTS, greeting, said, style};
use crate::api::keys::state_of;
use crate::change_me::me;
use crate::create_key::{KeyWish, create_key};
use crate::list_keys::{KeyQuery, find_key, list_keys};
use crate::state::IdentityState;

/// How many keys a page shows.
const SHOWN: u32 = 50;

#[derive(Template)]
#[template(path = "keys.html")]
struct Page {
    w: Words,
    style: String,
    head: Head,
    table: Option<Table>,
    none: Option<Empty>,
    summary: Option<Summary>,
    csrf: String,
    fields: KeyFields,
    command: Command,
}

/// The page that shows a secret, once.
#[derive(Template)]
#[template(path = "secret.html")]
pub(super) struct Shown {
    style: String,
    shell_title: String,
    head: Head,
    secret: SecretOnce,
    command: Command,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    cursor: Option<String>,
    /// Fills the form in with what this key may do.
    like: Option<KeyId>,
}

impl Shown {
    /// The page of a new secret.
    pub(super) fn new(visit: &Visit, title: &str, secret: PlainToken) -> Self {
        let w = visit.words(&TEXTS);
        let origin = visit.exchange().edge().origin();
        let lines = format!("export OPENAI_BASE_URL={origin}/v1\nexport OPENAI_API_KEY=tg_user_…");
        let done = Link { href: "/account/keys".to_owned(), text: w.get("key-done") };
        Self {
            style: style(visit),
            shell_title: w.get("account-in-shell"),
            head: Head { title: title.to_owned(), lead: w.get("key-made-lead"), action: None },
            secret: SecretOnce::new(w.locale(), w.get("key-secret"), secret, done),
            command: Command::new(w.locale(), lines),
        }
    }
}

pub(crate) async fn show(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Query(asked): Query<Asked>,
    visit: Visit,
) -> Reply {
    let user = me(&state.gate, &caller).await?;
    let form = match asked.like {
        Some(id) => KeyForm::like(&find_key(&state.gate, &caller, id).await?),
        None => KeyForm::empty(state.gate.clock().now()),
    };
    let query = KeyQuery { user: Some(user.id), ..KeyQuery::default() };
    let request = PageRequest { after: asked.cursor, limit: SHOWN };
    let keys = list_keys(&state.gate, &caller, query, &request).await?;
    let page = page(&state, &visit, &user, keys, &form, &[]);
    let title = page.w.get("keys-title");
    visit.show_as(StatusCode::OK, Some(greeting(&user)), &title, &page)
}

pub(crate) async fn make(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    visit: Visit,
    Form(form): Form<KeyForm>,
) -> Reply {
    let user = me(&state.gate, &caller).await?;
    let w = visit.words(&TEXTS);
    let read = match form.read(state.gate.clock().now(), None) {
        Ok(read) => read,
        Err(wrong) => {
            let query = KeyQuery { user: Some(user.id), ..KeyQuery::default() };
            let request = PageRequest::first(SHOWN);
            let keys = list_keys(&state.gate, &caller, query, &request).await?;
            let page = page(&state, &visit, &user, keys, &form, &wrong);
            let title = w.get("keys-title");
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return visit.show_as(status, Some(greeting(&user)), &title, &page);
        }
    };
    let wish = KeyWish {
        name: read.name,
        holder: None,
        models: read.models,
        networks: read.networks,
        rates: read.rates,
        budgets: read.budgets,
        expires_at: read.expires_at,
    };
    let (key, secret) = create_key(&state.gate, &caller, wish).await?;
    let title = w.with("key-made-title", &[("name", key.name.as_str().into())]);
    let page = Shown::new(&visit, &title, secret);
    visit.show_as(StatusCode::CREATED, Some(greeting(&user)), &title, &page)
}

fn page(
    state: &IdentityState,
    visit: &Visit,
    user: &UserRecord,
    keys: Part<KeyRecord>,
    form: &KeyForm,
    wrong: &[Wrong],
) -> Page {
    let w = visit.words(&TEXTS);
    let now = state.gate.clock().now();
    let none = keys.items.is_empty().then(|| Empty {
        text: w.get("keys-none"),
        action: None,
        command: None,
    });
    let line = format!("tollgate key add laptop --user {}", user.email);
    let fields = form.fields(&w, wrong);
    Page {
        style: style(visit),
        head: Head {
            title: w.get("keys-title"),
            lead: w.get("keys-lead"),
            action: Some(Link { href: "#make".to_owned(), text: w.get("make-key") }),
        },
        table: (!keys.items.is_empty()).then(|| table(&w, now, keys)),
        none,
        summary: fields.summary(),
        csrf: visit.csrf(),
        fields,
        command: Command::same(w.locale(), line),
        w,
    }
}

fn table(w: &Words, now: Timestamp, keys: Part<KeyRecord>) -> Table {
    let columns = vec![
        Column::text(w.get("key-name")),
        Column::text(w.get("column-tail")),
        Column::text(w.get("column-last-used")),
        Column::text(w.get("column-may")),
        Column::text(w.get("key-expires")),
        Column::text(w.get("column-state")),
    ];
    let next = keys.next.map(|cursor| Link {
        href: format!("/account/keys?cursor={cursor}"),
        text: w.get("next-page"),
    });
    let rows = keys.items.iter().map(|key| row(w, now, key)).collect();
    Table { caption: w.get("keys-caption"), columns, rows, next }
}

fn row(w: &Words, now: Timestamp, key: &KeyRecord) -> Vec<Cell> {
    let never = || Cell::Text(w.get("never"));
    vec![
        Cell::Link(Link { href: format!("/account/keys/{}", key.id), text: key.name.clone() }),
        Cell::Code(format!("…{}", key.tail)),
        key.last_used_at.map_or_else(never, |at| said::ago(w, now, at)),
        Cell::Text(models_said(w, key)),
        key.expires_at.map_or_else(never, |at| said::ahead(w, now, at)),
        Cell::Text(w.get(&format!("key-state-{}", state_of(key, now)))),
    ]
}

/// The models that a key may call, in words.
pub(super) fn models_said(w: &Words, key: &KeyRecord) -> String {
    match &key.models {
        None => w.get("key-all-models"),
        Some(models) => models.iter().map(|m| m.as_str()).collect::<Vec<_>>().join(", "),
    }
}
