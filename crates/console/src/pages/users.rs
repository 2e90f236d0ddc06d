//! `/admin/users`: the people, with state, role and plan, and a form for each.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{
    Cell, Column, Command, Definitions, Empty, Field, Head, Link, Table, Tone,
};
use tollgate_edge::reply::Reply;
use tollgate_edge::shapes::patched_profile;
use tollgate_edge::{Caller, Form, Path, Query, Visit};
use tollgate_gate::{AccountChange, Warrant};
use tollgate_kernel::{Error, Kind, Manage, Noun, Role, Slug, UserId};
use tollgate_store::{AccountState, AuditEvent, Owner, UserFilter, UserRecord};
use url::form_urlencoded;

use super::form::{About, Control, FormPage, Select, Wrong, saved_to};
use super::parts::{Filter, ListPage, Rows, Section, Tabs, saved};
use super::profile::ProfileFields;
use super::settings::{plan_of, plan_options};
use super::words;
use crate::listing::Cursors;
use crate::state::ConsoleState;

const READ: Manage = Manage::read(Noun::Users);
const WRITE: Manage = Manage::write(Noun::Users);

/// Which people a page shows.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UsersPage {
    /// Where the part before ended.
    cursor: Option<String>,
    /// Whether a change was just made.
    saved: Option<u8>,
    /// How their addresses begin.
    email: Option<String>,
}

/// What can be changed of a person here.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserForm {
    role: String,
    /// The plan; empty for none of their own.
    plan: String,
    state: String,
    #[serde(flatten)]
    profile: ProfileFields,
}

/// `GET /admin/users`.
pub(crate) async fn list(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Query(part): Query<UsersPage>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, READ)?;
    let cursors = Cursors::new(&state.gate, "users-page");
    let request = cursors.part(part.cursor)?;
    let email = part.email.unwrap_or_default();
    let email_prefix = Some(email.clone()).filter(|prefix| !prefix.trim().is_empty());
    let filter = UserFilter { email_prefix, ..UserFilter::default() };
    let page = state.read(&warrant).users(&filter, &request).await?;
    let next = page.next.map(|key| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("email", &email).append_pair("cursor", &cursors.seal(&key));
        Link { href: format!("/admin/users?{}", query.finish()), text: w.get("next") }
    });
    let rows = if page.items.is_empty() {
        let command = Command::same(visit.locale(), "tollgate user add ada@example.com");
        Rows::Empty(Empty { text: w.get("users-empty"), action: None, command: Some(command) })
    } else {
        let columns = ["email", "name", "role", "plan", "state", "since"];
        let now = state.now();
        Rows::Table(Table {
            caption: w.get("users-caption"),
            columns: columns.map(|key| Column::text(w.get(&format!("column-{key}")))).into(),
            rows: page.items.iter().map(|user| row(w, user, now)).collect(),
            next,
        })
    };
    let search = Field::new("email", "text", w.get("users-search")).value(email).optional();
    let title = w.get("tab-users");
    let page = ListPage {
        tabs: Tabs::new(&visit, Section::Users),
        head: Head { title: title.clone(), lead: w.get("users-lead"), action: None },
        banner: saved(w, part.saved.is_some()),
        filter: Some(Filter {
            action: "/admin/users",
            controls: vec![Control::Field(search)],
            submit: w.get("search"),
        }),
        rows,
        links: Vec::new(),
        command: Command::same(visit.locale(), "tollgate user list"),
    };
    visit.show(&title, &page)
}

fn row(w: Words, user: &UserRecord, now: tollgate_kernel::Timestamp) -> Vec<Cell> {
    let href = format!("/admin/users/{}", user.id);
    vec![
        Cell::Link(Link { href, text: user.email.clone() }),
        Cell::Text(user.name.clone()),
        Cell::Text(w.get(&format!("role-{}", user.role.as_str()))),
        Cell::Text(user.plan.as_ref().map_or_else(|| w.get("no-own-plan"), Slug::to_string)),
        Cell::Text(w.get(&format!("state-{}", user.state.as_str()))),
        Cell::ago(w.locale(), user.created_at, now),
    ]
}

/// `GET /admin/users/{id}`.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Path(id): Path<UserId>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    let user = find(&state, &warrant, id).await?;
    let profile = ProfileFields::of(user.profile.as_deref());
    let page = form_page(&state, &warrant, &visit, (&user, &profile), &[]).await?;
    page.show(visit)
}

/// `POST /admin/users/{id}`.
pub(crate) async fn update(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Path(id): Path<UserId>,
    Form(form): Form<UserForm>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, WRITE)?;
    let before = find(&state, &warrant, id).await?;
    let mut after = before.clone();
    after.role = form.role.parse::<Role>()?;
    after.state = form.state.parse::<AccountState>()?;
    after.plan = plan_of(&form.plan)?;
    let mut wrong = Vec::new();
    let profile = form.profile.read(w, &mut wrong);
    if wrong.is_empty() {
        after.profile = patched_profile(None, profile)?.map(Box::new);
        wrong = match alter(&state, &warrant, &before, &after).await {
            Ok(()) => return saved_to(Section::Users),
            Err(error) if error.kind() == Kind::Forbidden => {
                vec![Wrong { field: None, text: w.get("wrong-right") }]
            }
            Err(error) if error.kind() == Kind::Conflict && before.role == Role::Owner => {
                vec![Wrong::at(w, "role", "wrong-last-owner")]
            }
            Err(error) => Wrong::of(w, error, &["plan"])?,
        };
    }
    let page = form_page(&state, &warrant, &visit, (&after, &form.profile), &wrong).await?;
    page.refuse(visit)
}

async fn find(state: &ConsoleState, warrant: &Warrant, id: UserId) -> Result<UserRecord, Error> {
    state.read(warrant).user(Owner::All, id).await?.ok_or_else(Error::not_found)
}

/// Changes role, plan, state and profile. The last owner stays. Whoever is disabled is signed out
/// everywhere.
async fn alter(
    state: &ConsoleState,
    warrant: &Warrant,
    before: &UserRecord,
    after: &UserRecord,
) -> Result<(), Error> {
    let change = AccountChange {
        role: Some(after.role).filter(|role| *role != before.role),
        state: Some(after.state).filter(|state| *state != before.state),
        way_in: false,
    };
    state.gate.require_right_over(warrant, before, change).await?;
    state.known_plan(warrant, after.plan.as_ref(), "plan").await?;
    let mut tx = state.gate.begin(warrant).await?;
    tx.update_user(after).await?;
    if after.state == AccountState::Disabled {
        tx.end_sessions_of(after.id, None).await?;
        tx.end_links_of(after.id).await?;
    }
    tx.require_owner_left(before).await?;
    state.commit(tx, AuditEvent::new("user.update", format!("user:{}", after.id))).await
}

async fn form_page(
    state: &ConsoleState,
    warrant: &Warrant,
    visit: &Visit,
    (user, profile): (&UserRecord, &ProfileFields),
    wrong: &[Wrong],
) -> Result<FormPage, Error> {
    let w = words(visit);
    let plans = plan_options(state, warrant, w.get("no-own-plan")).await?;
    let named = |kind: &str, name: &str| (name.to_owned(), w.get(&format!("{kind}-{name}")));
    let roles = [Role::Member, Role::Admin, Role::Owner].map(|role| named("role", role.as_str()));
    let states = [AccountState::Active, AccountState::Disabled];
    let states = states.map(|state| named("state", state.as_str()));
    let select = |id, label: &str, options, chosen: &str, hint: Option<&str>| {
        Control::Select(Select {
            id,
            label: w.get(label),
            options,
            chosen: chosen.to_owned(),
            hint: hint.map(|key| w.get(key)),
            error: Wrong::on(wrong, id),
        })
    };
    let groups = state.read(warrant).groups_of(user.id).await?;
    let groups: Vec<String> = groups.into_iter().map(|group| group.name).collect();
    let groups = if groups.is_empty() { w.get("no-groups") } else { groups.join(", ") };
    let facts = vec![
        (w.get("column-name"), Cell::Text(user.name.clone())),
        (w.get("column-groups"), Cell::Text(groups)),
        (w.get("column-since"), Cell::ago(w.locale(), user.created_at, state.now())),
        (w.get("column-id"), Cell::Code(user.id.to_string())),
    ];
    let plan = user.plan.as_ref().map_or("", Slug::as_str);
    let mut controls = vec![
        Control::Facts(Definitions { items: facts }),
        select("role", "column-role", roles.into(), user.role.as_str(), Some("role-hint")),
        select("plan", "column-plan", plans, plan, Some("plan-hint")),
        select("state", "column-state", states.into(), user.state.as_str(), Some("state-hint")),
    ];
    controls.extend(profile.controls(w, wrong));
    // By id: an address may hold what a shell would run.
    let id = user.id.to_string();
    let line = format!("tollgate user set {id} --role {}", user.role.as_str());
    let mut page = FormPage::new(visit, Section::Users, About::One(&id), controls, wrong, line);
    if user.state == AccountState::Disabled && wrong.is_empty() {
        page = page.standing(Tone::Warn, w.get("user-disabled"));
    }
    page.head.title.clone_from(&user.email);
    // The links by which people come in are the identity door's.
    let link = Link { href: format!("/admin/users/{id}/link"), text: w.get("user-link") };
    page.head.action = Some(link);
    Ok(page)
}
