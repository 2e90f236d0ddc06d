//! `/admin/groups`: the groups, and a form for each.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Cell, Column, Definitions, Field, Link};
use tollgate_edge::reply::Reply;
use tollgate_edge::{Caller, Form, Path, Query, Visit};
use tollgate_gate::Warrant;
use tollgate_kernel::{Error, Slug, UserId};
use tollgate_store::{GroupRecord, Owner};

use super::budgets::BudgetFields;
use super::collection::Collection;
use super::form::{About, Area, Control, FormPage, Part, Select, Wrong, saved_to};
use super::parts::Section;
use super::settings::{plan_of, plan_options};
use super::{say, words};
use crate::groups::{self, GroupChange};
use crate::listing::Cursors;
use crate::state::ConsoleState;

/// The most members that a form names one by one; of a larger group they are left alone here.
const MOST_NAMED: usize = 200;

/// A group as a form has it.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GroupForm {
    /// Its name in the API, in the form of a new one.
    id: String,
    name: String,
    /// The plan; empty for none.
    plan: String,
    priority: String,
    /// An e-mail address on each line; left out, the members stay.
    members: Option<String>,
    #[serde(flatten)]
    pool: BudgetFields,
}

const FIELDS: [&str; 5] = ["id", "name", "plan", "priority", "members"];

impl GroupForm {
    fn of(group: &GroupRecord, members: Option<String>) -> Self {
        Self {
            id: group.id.to_string(),
            name: group.name.clone(),
            plan: group.plan.as_ref().map_or_else(String::new, Slug::to_string),
            priority: group.priority.to_string(),
            members,
            pool: BudgetFields::of(&group.pool),
        }
    }

    /// The change that is meant, or all that is wrong; `known` is the name of a group that exists.
    async fn change(
        &mut self,
        (state, warrant): (&ConsoleState, &Warrant),
        w: Words,
        known: Option<Slug>,
    ) -> Result<Result<GroupChange, Vec<Wrong>>, Error> {
        let mut wrong = Vec::new();
        let id = known.or_else(|| Wrong::id(w, &self.id, &mut wrong));
        let plan = plan_of(&self.plan);
        let plan = plan.map_err(|_| wrong.push(Wrong::at(w, "plan", "wrong-plan"))).ok();
        let priority = match self.priority.trim() {
            "" => Some(0),
            text => text.parse().ok(),
        };
        if priority.is_none() {
            wrong.push(Wrong::at(w, "priority", "wrong-priority"));
        }
        let members = match &self.members {
            Some(text) => Some(people(state, warrant, w, text, &mut wrong).await?),
            None => None,
        };
        let pool = Some(self.pool.read(w, &mut wrong));
        let name = Some(self.name.clone()).filter(|name| !name.trim().is_empty());
        let change = GroupChange { id, name, plan, priority, pool, members };
        Ok(if wrong.is_empty() { Ok(change) } else { Err(wrong) })
    }
}

/// The people with these addresses; who is not there is noted.
async fn people(
    state: &ConsoleState,
    warrant: &Warrant,
    w: Words,
    text: &str,
    wrong: &mut Vec<Wrong>,
) -> Result<Vec<UserId>, Error> {
    let mut members = Vec::new();
    for email in text.split([',', ';', '\n', '\r', ' ']).filter(|email| !email.is_empty()) {
        match state.read(warrant).user_by_email(email).await? {
            Some(user) if members.contains(&user.id) => {}
            Some(user) => members.push(user.id),
            None => {
                let text = w.with("wrong-member", &[("email", email.into())]);
                wrong.push(Wrong { field: Some("members"), text });
                break;
            }
        }
    }
    Ok(members)
}

/// `GET /admin/groups`.
pub(crate) async fn list(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Query(part): Query<Part>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, groups::READ)?;
    let cursors = Cursors::new(&state.gate, "groups");
    let page = state.read(&warrant).groups(&cursors.part(part.cursor)?).await?;
    let mut rows = Vec::with_capacity(page.items.len());
    for group in &page.items {
        let members = state.read(&warrant).members_of(&group.id).await?.len();
        rows.push(row(w, group, members));
    }
    let text = |key: &str| Column::text(w.get(key));
    let number = |key: &str| Column::number(w.get(key));
    let list = Collection {
        section: Section::Groups,
        make: Link { href: "/admin/new-group".to_owned(), text: w.get("group-make") },
        columns: vec![
            text("column-group"),
            text("column-name"),
            text("column-plan"),
            number("column-priority"),
            text("column-pool"),
            number("column-members"),
        ],
        rows,
        next: page.next.map(|key| cursors.seal(&key)),
        saved: part.saved.is_some(),
        command: "tollgate group list",
    };
    list.show(visit)
}

fn row(w: Words, group: &GroupRecord, members: usize) -> Vec<Cell> {
    let href = format!("/admin/groups/{}", group.id);
    let members = i64::try_from(members).unwrap_or(i64::MAX);
    vec![
        Cell::Link(Link { href, text: group.id.to_string() }),
        Cell::Text(group.name.clone()),
        Cell::Text(group.plan.as_ref().map_or_else(|| w.get("plan-none"), Slug::to_string)),
        Cell::Number(say::number(group.priority)),
        Cell::Text(say::budgets(w, &group.pool)),
        Cell::Number(say::number(members)),
    ]
}

/// `GET /admin/new-group`.
pub(crate) async fn blank(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
) -> Reply {
    let warrant = state.allow(&caller, groups::WRITE)?;
    let form = GroupForm {
        priority: "0".to_owned(),
        members: Some(String::new()),
        ..GroupForm::default()
    };
    let page = form_page(&state, &warrant, &visit, form, &Shown::New, &[]).await?;
    page.show(visit)
}

/// `GET /admin/groups/{id}`.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Path(id): Path<Slug>,
) -> Reply {
    let warrant = state.allow(&caller, groups::READ)?;
    let group = groups::find(&state, &warrant, &id).await?;
    let (count, members) = members(&state, &warrant, &id).await?;
    let form = GroupForm::of(&group, members);
    let shown = Shown::Known { id, count };
    let page = form_page(&state, &warrant, &visit, form, &shown, &[]).await?;
    visit.show(&group.name, &page)
}

/// `POST /admin/new-group`.
pub(crate) async fn create(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Form(mut form): Form<GroupForm>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, groups::WRITE)?;
    let wrong = match form.change((&state, &warrant), w, None).await? {
        Ok(change) => match groups::make(&state, &caller, change).await {
            Ok(_) => return saved_to(Section::Groups),
            Err(error) => Wrong::of(w, error, &FIELDS)?,
        },
        Err(wrong) => wrong,
    };
    let page = form_page(&state, &warrant, &visit, form, &Shown::New, &wrong).await?;
    page.refuse(visit)
}

/// `POST /admin/groups/{id}`.
pub(crate) async fn update(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    visit: Visit,
    Path(id): Path<Slug>,
    Form(mut form): Form<GroupForm>,
) -> Reply {
    let w = words(&visit);
    let warrant = state.allow(&caller, groups::WRITE)?;
    let wrong = match form.change((&state, &warrant), w, Some(id.clone())).await? {
        Ok(change) => match groups::alter(&state, &caller, &id, change).await {
            Ok(_) => return saved_to(Section::Groups),
            Err(error) => Wrong::of_known(w, error, &FIELDS)?,
        },
        Err(wrong) => wrong,
    };
    let (count, _) = members(&state, &warrant, &id).await?;
    let shown = Shown::Known { id, count };
    let page = form_page(&state, &warrant, &visit, form, &shown, &wrong).await?;
    page.refuse(visit)
}

/// How many members a group has, and their addresses where they are few enough to be named.
async fn members(
    state: &ConsoleState,
    warrant: &Warrant,
    id: &Slug,
) -> Result<(usize, Option<String>), Error> {
    let members = state.read(warrant).members_of(id).await?;
    if members.len() > MOST_NAMED {
        return Ok((members.len(), None));
    }
    let mut emails = Vec::with_capacity(members.len());
    for member in &members {
        if let Some(user) = state.read(warrant).user(Owner::All, *member).await? {
            emails.push(user.email);
        }
    }
    emails.sort_unstable();
    Ok((members.len(), Some(emails.join("\n"))))
}

/// Which group a form is about.
enum Shown {
    New,
    Known { id: Slug, count: usize },
}

async fn form_page(
    state: &ConsoleState,
    warrant: &Warrant,
    visit: &Visit,
    form: GroupForm,
    shown: &Shown,
    wrong: &[Wrong],
) -> Result<FormPage, Error> {
    let w = words(visit);
    let (about, line) = match shown {
        Shown::New => (About::New, "tollgate group add research --pool money:5e9:month".to_owned()),
        Shown::Known { id, .. } => {
            (About::One(id.as_str()), format!("tollgate group set {id} --priority 10"))
        }
    };
    let plans = plan_options(state, warrant, w.get("group-no-plan")).await?;
    let controls = controls(w, form, shown, plans, wrong);
    Ok(FormPage::new(visit, Section::Groups, about, controls, wrong, line))
}

fn controls(
    w: Words,
    mut form: GroupForm,
    shown: &Shown,
    plans: Vec<(String, String)>,
    wrong: &[Wrong],
) -> Vec<Control> {
    let mut controls = Vec::new();
    if matches!(shown, Shown::New) {
        controls.push(Control::id(w, ("group-id", "id-hint"), form.id, wrong));
    }
    let name = Field::new("name", "text", w.get("column-name")).value(form.name).optional();
    let name = name.hint(w.get("group-name-hint")).error(Wrong::on(wrong, "name"));
    controls.push(Control::Field(name));
    controls.push(Control::Select(Select {
        id: "plan",
        label: w.get("column-plan"),
        options: plans,
        chosen: form.plan,
        hint: Some(w.get("group-plan-hint")),
        error: Wrong::on(wrong, "plan"),
    }));
    let priority = Field::new("priority", "text", w.get("column-priority")).value(form.priority);
    let priority = priority.hint(w.get("priority-hint")).error(Wrong::on(wrong, "priority"));
    controls.push(Control::Field(priority.optional()));
    let count = match shown {
        Shown::New => 0,
        Shown::Known { count, .. } => *count,
    };
    controls.push(match form.members {
        Some(members) => Control::Area(Area {
            id: "members",
            label: w.get("column-members"),
            value: members,
            hint: Some(w.get("members-hint")),
            error: Wrong::on(wrong, "members"),
        }),
        None => {
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            let many = w.with("members-many", &[("count", count.into())]);
            Control::Facts(Definitions { items: vec![(w.get("column-members"), Cell::Text(many))] })
        }
    });
    controls.push(form.pool.control(w, "pool-heading", wrong));
    controls
}
