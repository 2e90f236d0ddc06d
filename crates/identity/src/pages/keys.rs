//! `/account/keys` and `/admin/apps/{id}/keys`: the keys of a person or an app, and making one.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{
    Cell, Column, Command, Empty, Head, Link, SecretOnce, Summary, Table,
};
use tollgate_edge::{Caller, Form, Path, Query, Reply, Visit};
use tollgate_gate::Principal;
use tollgate_kernel::{ClientId, Error, KeyId, Manage, Noun, PlainToken, Timestamp};
use tollgate_store::{
    ClientRecord, KeyHolder, KeyRecord, Owner, Page as Part, PageRequest, UserRecord,
};

use super::key_form::{KeyFields, KeyForm, Wrong};
use super::{TEXTS, greeting, said, style};
use crate::api::keys::state_of;
use crate::api::part::page_request;
use crate::change_me::me;
use crate::create_key::{KeyWish, create_key};
use crate::list_keys::{KeyQuery, find_key, list_keys};
use crate::state::IdentityState;

#[derive(Template)]
#[template(path = "keys.html")]
struct Page {
    w: Words,
    style: String,
    /// What the keys belong to, where that is not the person who looks.
    back: Option<Link>,
    place: String,
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

/// Whose keys a page is about.
enum Shelf {
    /// The person's who looks.
    Mine(UserRecord),
    /// An app's.
    App(ClientRecord),
}

impl Shelf {
    fn holder(&self) -> KeyHolder {
        match self {
            Self::Mine(user) => KeyHolder::User(user.id),
            Self::App(app) => KeyHolder::App(app.id),
        }
    }

    fn query(&self) -> KeyQuery {
        match self {
            Self::Mine(user) => KeyQuery { user: Some(user.id), ..KeyQuery::default() },
            Self::App(app) => KeyQuery { client: Some(app.id), ..KeyQuery::default() },
        }
    }

    fn title(&self, w: &Words) -> String {
        match self {
            Self::Mine(_) => w.get("keys-title"),
            Self::App(app) => w.with("app-keys-title", &[("app", app.name.as_str().into())]),
        }
    }

    fn lead(&self, w: &Words) -> String {
        w.get(match self {
            Self::Mine(_) => "keys-lead",
            Self::App(_) => "app-keys-lead",
        })
    }

    /// Where an app itself is shown.
    fn back(&self) -> Option<Link> {
        match self {
            Self::Mine(_) => None,
            Self::App(ClientRecord { id, name, .. }) => {
                Some(Link { href: format!("/admin/apps/{id}"), text: name.clone() })
            }
        }
    }

    /// The same in the terminal.
    fn line(&self) -> String {
        match self {
            Self::Mine(user) => format!("tollgate key add laptop --user {}", user.email),
            Self::App(app) => format!("tollgate key add server --client {}", app.id),
        }
    }
}

/// The page that lists the keys of `holder`.
pub(super) fn place_of(holder: KeyHolder) -> String {
    match holder {
        KeyHolder::App(app) => format!("/admin/apps/{app}/keys"),
        KeyHolder::User(_) | KeyHolder::Admin | KeyHolder::Service => "/account/keys".to_owned(),
    }
}

impl Shown {
    /// The page of a new secret of `holder`.
    pub(super) fn new(visit: &Visit, title: &str, holder: KeyHolder, secret: PlainToken) -> Self {
        let w = visit.words(&TEXTS);
        let origin = visit.exchange().edge().origin();
        let kind = holder.kind();
        let lines =
            format!("export OPENAI_BASE_URL={origin}/v1\nexport OPENAI_API_KEY=tg_{kind}_…");
        let done = match holder {
            KeyHolder::App(_) => "app-key-done",
            KeyHolder::User(_) | KeyHolder::Admin | KeyHolder::Service => "key-done",
        };
        let done = Link { href: place_of(holder), text: w.get(done) };
        Self {
            style: style(visit),
            shell_title: w.get("account-in-shell"),
            head: Head { title: title.to_owned(), lead: w.get("key-made-lead"), action: None },
            secret: SecretOnce::new(w.locale(), w.get("key-secret"), secret, done),
            command: Command::new(w.locale(), lines),
        }
    }
}

/// `GET /account/keys`.
pub(crate) async fn show(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Query(asked): Query<Asked>,
    visit: Visit,
) -> Reply {
    let user = me(&state.gate, &caller).await?;
    let name = greeting(&user).to_owned();
    shelf_page(&state, &caller, visit, (&name, Shelf::Mine(user)), asked).await
}

/// `GET /admin/apps/{id}/keys`.
pub(crate) async fn show_app(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Path(id): Path<ClientId>,
    Query(asked): Query<Asked>,
    visit: Visit,
) -> Reply {
    let user = me(&state.gate, &caller).await?;
    let app = find_app(&state, &caller, id).await?;
    shelf_page(&state, &caller, visit, (greeting(&user), Shelf::App(app)), asked).await
}

async fn find_app(
    state: &IdentityState,
    caller: &Arc<Principal>,
    id: ClientId,
) -> Result<ClientRecord, Error> {
    let warrant = state.gate.allow(caller, Manage::read(Noun::Clients))?;
    let found = state.gate.read(&warrant).client(Owner::All, id).await?;
    found.ok_or_else(Error::not_found)
}

async fn shelf_page(
    state: &IdentityState,
    caller: &Arc<Principal>,
    visit: Visit,
    (name, shelf): (&str, Shelf),
    asked: Asked,
) -> Reply {
    let form = match asked.like {
        Some(id) => KeyForm::like(&find_key(&state.gate, caller, id).await?),
        None => KeyForm::empty(state.gate.clock().now()),
    };
    let request = page_request::<KeyId>(None, asked.cursor.as_deref())?;
    let keys = list_keys(&state.gate, caller, shelf.query(), &request).await?;
    let page = page(state, &visit, &shelf, keys, &form, &[]);
    visit.show_as(StatusCode::OK, Some(name), &shelf.title(&page.w), &page)
}

/// `POST /account/keys`.
pub(crate) async fn make(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    visit: Visit,
    Form(form): Form<KeyForm>,
) -> Reply {
    let user = me(&state.gate, &caller).await?;
    let name = greeting(&user).to_owned();
    make_on(&state, &caller, visit, (&name, Shelf::Mine(user)), form).await
}

/// `POST /admin/apps/{id}/keys`.
pub(crate) async fn make_app(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Path(id): Path<ClientId>,
    visit: Visit,
    Form(form): Form<KeyForm>,
) -> Reply {
    let user = me(&state.gate, &caller).await?;
    let app = find_app(&state, &caller, id).await?;
    make_on(&state, &caller, visit, (greeting(&user), Shelf::App(app)), form).await
}

/// Makes a key for whom the shelf is about, and shows it once.
async fn make_on(
    state: &IdentityState,
    caller: &Arc<Principal>,
    visit: Visit,
    (name, shelf): (&str, Shelf),
    form: KeyForm,
) -> Reply {
    let w = visit.words(&TEXTS);
    let read = match form.read(state.gate.clock().now(), None) {
        Ok(read) => read,
        Err(wrong) => {
            let request = PageRequest::first(PageRequest::USUAL);
            let keys = list_keys(&state.gate, caller, shelf.query(), &request).await?;
            let page = page(state, &visit, &shelf, keys, &form, &wrong);
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return visit.show_as(status, Some(name), &shelf.title(&w), &page);
        }
    };
    let wish = KeyWish {
        name: read.name,
        holder: Some(shelf.holder()),
        models: read.models,
        networks: read.networks,
        rates: read.rates,
        budgets: read.budgets,
        expires_at: read.expires_at,
    };
    let (key, secret) = create_key(&state.gate, caller, wish).await?;
    let title = w.with("key-made-title", &[("name", key.name.as_str().into())]);
    let page = Shown::new(&visit, &title, key.holder, secret);
    visit.show_as(StatusCode::CREATED, Some(name), &title, &page)
}

fn page(
    state: &IdentityState,
    visit: &Visit,
    shelf: &Shelf,
    keys: Part<KeyRecord>,
    form: &KeyForm,
    wrong: &[Wrong],
) -> Page {
    let w = visit.words(&TEXTS);
    let now = state.gate.clock().now();
    let none = keys.items.is_empty().then(|| Empty {
        text: w.get(if shelf.back().is_some() { "app-keys-none" } else { "keys-none" }),
        action: None,
        command: None,
    });
    let fields = form.fields(&w, wrong);
    let place = place_of(shelf.holder());
    Page {
        style: style(visit),
        back: shelf.back(),
        head: Head {
            title: shelf.title(&w),
            lead: shelf.lead(&w),
            action: Some(Link { href: "#make".to_owned(), text: w.get("make-key") }),
        },
        table: (!keys.items.is_empty()).then(|| table(&w, now, shelf, keys)),
        none,
        summary: fields.summary(),
        csrf: visit.csrf(),
        fields,
        command: Command::same(w.locale(), shelf.line()),
        place,
        w,
    }
}

fn table(w: &Words, now: Timestamp, shelf: &Shelf, keys: Part<KeyRecord>) -> Table {
    let columns = vec![
        Column::text(w.get("key-name")),
        Column::text(w.get("column-tail")),
        Column::text(w.get("column-last-used")),
        Column::text(w.get("column-may")),
        Column::text(w.get("key-expires")),
        Column::text(w.get("column-state")),
    ];
    let next = keys.next.map(|cursor| Link {
        href: format!("{}?cursor={cursor}", place_of(shelf.holder())),
        text: w.get("next-page"),
    });
    let rows = keys.items.iter().map(|key| row(w, now, key)).collect();
    let caption = match shelf {
        Shelf::Mine(_) => w.get("keys-caption"),
        Shelf::App(_) => shelf.title(w),
    };
    Table { caption, columns, rows, next }
}

fn row(w: &Words, now: Timestamp, key: &KeyRecord) -> Vec<Cell> {
    let never = || Cell::Text(w.get("never"));
    vec![
        Cell::Link(Link { href: format!("/account/keys/{}", key.id), text: key.name.clone() }),
        Cell::Code(format!("…{}", key.tail)),
        key.last_used_at.map_or_else(never, |at| Cell::ago(w.locale(), at, now)),
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
