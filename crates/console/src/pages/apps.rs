//! `/admin/apps`: the registered apps, and a form for each. Their keys are the identity door's.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Cell, Column, Definitions, Field, Link, Tone};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::{Caller, Form, Path, Query, Visit};
use tollgate_gate::Warrant;
use tollgate_kernel::{ClientId, Error, Slug, Timestamp};
use tollgate_store::{AccountState, ClientKind, ClientRecord, Owner};

use super::app_oauth;
use super::collection::Collection;
use super::form::{About, Control, FormPage, Part, Select, Wrong, saved_to};
use super::parts::{Section, saved};
use super::settings::{plan_of, plan_options};
use super::words;
use crate::clients::{self, ClientChange};
use crate::listing::Cursors;
use crate::state::ConsoleState;

/// A new app as a form has it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAppForm {
    name: String,
    /// `public` or `confidential`.
    kind: String,
    /// The plan; empty for none.
    plan: String,
}

/// What can be changed of an app here.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppForm {
    name: String,
    /// The plan; empty for none.
    plan: String,
    state: String,
}

const FIELDS: [&str; 2] = ["name", "plan"];

/// `GET /admin/apps`.
pub(crate) async fn list(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Query(part): Query<Part>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, clients::READ)?;
    let cursors = Cursors::new(&state.gate, "apps-page");
    let request = cursors.part(part.cursor)?;
    let page = state.read(&warrant).clients(Owner::All, &request).await?;
    let columns = ["client", "type", "plan", "state", "made", "keys"];
    let now = state.now();
    let list = Collection {
        section: Section::Apps,
        make: Link { href: "/admin/new-app".to_owned(), text: w.get("app-make") },
        columns: columns.map(|key| Column::text(w.get(&format!("column-{key}")))).into(),
        rows: page.items.iter().map(|app| row(w, app, now)).collect(),
        next: page.next.map(|key| cursors.seal(&key)),
        saved: part.saved.is_some(),
        command: "tollgate client list",
    };
    list.show(visit)
}

fn row(w: Words, app: &ClientRecord, now: Timestamp) -> Vec<Cell> {
    vec![
        Cell::Link(Link { href: format!("/admin/apps/{}", app.id), text: app.name.clone() }),
        Cell::Text(w.get(&format!("type-{}", app.kind.as_str()))),
        Cell::Text(app.plan.as_ref().map_or_else(|| w.get("plan-none"), Slug::to_string)),
        Cell::Text(w.get(&format!("state-{}", app.state.as_str()))),
        Cell::ago(w.locale(), app.created_at, now),
        Cell::Link(keys(w, app)),
    ]
}

/// Where the keys of an app are made and ended.
fn keys(w: Words, app: &ClientRecord) -> Link {
    let values = [("app", app.name.as_str().into())];
    Link { href: format!("/admin/apps/{}/keys", app.id), text: w.with("app-keys", &values) }
}

/// `GET /admin/new-app`.
pub(crate) async fn blank(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
) -> Reply {
    let warrant = state.allow(&caller, clients::WRITE)?;
    let kind = ClientKind::Confidential.as_str().to_owned();
    let form = NewAppForm { name: String::new(), kind, plan: String::new() };
    let page = new_page(&state, &warrant, &visit, form, &[]).await?;
    page.show(visit)
}

/// `POST /admin/new-app`: leads to the new app, where its keys are.
pub(crate) async fn create(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Form(form): Form<NewAppForm>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, clients::WRITE)?;
    let made = match plan_of(&form.plan) {
        Ok(plan) => {
            let change = ClientChange {
                name: Some(form.name.clone()),
                kind: Some(form.kind.clone()),
                plan: Some(plan),
                ..ClientChange::default()
            };
            clients::make(&state, &caller, change).await
        }
        Err(error) => Err(error),
    };
    let wrong = match made {
        Ok(app) => return reply::see_other(&format!("/admin/apps/{}?saved=1", app.id)),
        Err(error) => Wrong::of(w, error, &FIELDS)?,
    };
    let page = new_page(&state, &warrant, &visit, form, &wrong).await?;
    page.refuse(visit)
}

/// `GET /admin/apps/{id}`.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Path(id): Path<ClientId>,
    Query(part): Query<Part>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, clients::READ)?;
    let app = clients::find(&state, &warrant, id).await?;
    let mut page = form_page(&state, &warrant, &visit, &app, None, &[]).await?;
    if part.saved.is_some() {
        page.banner = saved(w, true);
    }
    page.show(visit)
}

/// `POST /admin/apps/{id}`.
pub(crate) async fn update(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Path(id): Path<ClientId>,
    Form(form): Form<AppForm>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, clients::WRITE)?;
    let app = clients::find(&state, &warrant, id).await?;
    let done = match plan_of(&form.plan) {
        Ok(plan) => {
            let change = ClientChange {
                name: Some(form.name.clone()),
                plan: Some(plan),
                state: Some(form.state.clone()),
                ..ClientChange::default()
            };
            clients::alter(&state, &caller, id, change).await
        }
        Err(error) => Err(error),
    };
    let wrong = match done {
        Ok(_) => return saved_to(Section::Apps),
        Err(error) => Wrong::of(w, error, &FIELDS)?,
    };
    let page = form_page(&state, &warrant, &visit, &app, Some(form), &wrong).await?;
    page.refuse(visit)
}

/// The form of a new app.
async fn new_page(
    state: &ConsoleState,
    warrant: &Warrant,
    visit: &Visit,
    form: NewAppForm,
    wrong: &[Wrong],
) -> Result<FormPage, Error> {
    let w = words(visit);
    let kinds = [ClientKind::Confidential, ClientKind::Public].map(ClientKind::as_str);
    let kind = Select {
        id: "kind",
        label: w.get("column-type"),
        options: kinds.map(|kind| (kind.to_owned(), w.get(&format!("type-{kind}-long")))).into(),
        chosen: form.kind,
        hint: None,
        error: None,
    };
    let controls = vec![
        name_control(w, form.name, wrong),
        Control::Select(kind),
        plan_control(state, warrant, w, form.plan, wrong).await?,
    ];
    let line = "tollgate client add bot --plan small";
    Ok(FormPage::new(visit, Section::Apps, About::New, controls, wrong, line))
}

/// The form of an app; what was typed stands in it, or else what is stored.
async fn form_page(
    state: &ConsoleState,
    warrant: &Warrant,
    visit: &Visit,
    app: &ClientRecord,
    typed: Option<AppForm>,
    wrong: &[Wrong],
) -> Result<FormPage, Error> {
    let w = words(visit);
    let form = typed.unwrap_or_else(|| AppForm {
        name: app.name.clone(),
        plan: app.plan.as_ref().map_or_else(String::new, Slug::to_string),
        state: app.state.as_str().to_owned(),
    });
    let states = [AccountState::Active, AccountState::Disabled].map(AccountState::as_str);
    let states = states.map(|name| (name.to_owned(), w.get(&format!("state-{name}"))));
    let account = Select {
        id: "state",
        label: w.get("column-state"),
        options: states.into(),
        chosen: form.state,
        hint: Some(w.get("app-state-hint")),
        error: None,
    };
    let controls = vec![
        Control::Facts(facts(state, warrant, w, app).await?),
        name_control(w, form.name, wrong),
        plan_control(state, warrant, w, form.plan, wrong).await?,
        Control::Select(account),
    ];
    let id = app.id.to_string();
    let line = format!("tollgate client set {id} --state {}", app.state.as_str());
    let page = FormPage::new(visit, Section::Apps, About::One(&id), controls, wrong, line);
    let mut page = page.declared(w, app.declared);
    if app.state == AccountState::Disabled {
        page = page.standing(Tone::Warn, w.get("app-disabled"));
    }
    page.head.title.clone_from(&app.name);
    page.head.action = Some(keys(w, app));
    Ok(page)
}

async fn facts(
    state: &ConsoleState,
    warrant: &Warrant,
    w: Words,
    app: &ClientRecord,
) -> Result<Definitions, Error> {
    let mut items = vec![
        (w.get("column-type"), Cell::Text(w.get(&format!("type-{}-long", app.kind.as_str())))),
        (w.get("column-made"), Cell::ago(w.locale(), app.created_at, state.now())),
        (w.get("column-id"), Cell::Code(app.id.to_string())),
        (
            w.get("app-oauth"),
            Cell::Link(Link { href: app_oauth::place(app.id), text: w.get("app-oauth-link") }),
        ),
    ];
    if let Some(owner) = app.owner {
        let user = state.read(warrant).user(Owner::All, owner).await?;
        let text = user.map_or_else(|| owner.to_string(), |user| user.email);
        let link = Link { href: format!("/admin/users/{owner}"), text };
        items.push((w.get("app-owner"), Cell::Link(link)));
    }
    Ok(Definitions { items })
}

fn name_control(w: Words, name: String, wrong: &[Wrong]) -> Control {
    let name = Field::new("name", "text", w.get("column-name")).value(name);
    Control::Field(name.error(Wrong::on(wrong, "name")))
}

async fn plan_control(
    state: &ConsoleState,
    warrant: &Warrant,
    w: Words,
    chosen: String,
    wrong: &[Wrong],
) -> Result<Control, Error> {
    Ok(Control::Select(Select {
        id: "plan",
        label: w.get("column-plan"),
        options: plan_options(state, warrant, w.get("app-no-plan")).await?,
        chosen,
        hint: None,
        error: Wrong::on(wrong, "plan"),
    }))
}
