//! Groups of people: a plan for each member, and a pool that they share.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::shapes::{BudgetShape, List, said};
use tollgate_edge::{Body, Caller, Path, Query};
use tollgate_gate::{Principal, Warrant};
use tollgate_kernel::{Budget, Error, Manage, Noun, Slug, Timestamp, UserId};
use tollgate_store::{AuditEvent, GroupRecord, Owner};

use crate::listing::{Cursors, ListQuery};
use crate::members::{checked_budgets, checked_name, needed, same_id};
use crate::state::ConsoleState;

/// Looking at groups.
pub(crate) const READ: Manage = Manage::read(Noun::Groups);
/// Changing groups.
pub(crate) const WRITE: Manage = Manage::write(Noun::Groups);

/// A new group, or a change of one. What a change leaves out stays.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GroupChange {
    /// Its name in the API; needed for a new one, fixed from then on.
    #[schemars(with = "Option<String>")]
    pub(crate) id: Option<Slug>,
    /// Its name for people; the id unless said.
    pub(crate) name: Option<String>,
    /// The plan of members that have none of their own; `null` is none.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    pub(crate) plan: Option<Option<Slug>>,
    /// Of several groups of a member, the one with the highest counts; 0 unless said.
    pub(crate) priority: Option<i64>,
    /// Budgets that all members share.
    #[schemars(with = "Option<Vec<BudgetShape>>")]
    pub(crate) pool: Option<Vec<Budget>>,
    /// The ids of these people, and no others, are the members.
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) members: Option<Vec<UserId>>,
}

/// A group as it is shown.
#[derive(Serialize, JsonSchema)]
pub(crate) struct GroupView {
    /// Its name in the API.
    #[schemars(with = "String")]
    id: Slug,
    /// Its name for people.
    name: String,
    /// The plan of members that have none of their own.
    #[schemars(with = "Option<String>")]
    plan: Option<Slug>,
    /// Of several groups of a member, the one with the highest counts.
    priority: i64,
    /// Budgets that all members share.
    #[schemars(with = "Vec<BudgetShape>")]
    pool: Vec<Budget>,
    /// The ids of its members.
    #[schemars(with = "Vec<String>")]
    members: Vec<UserId>,
    /// When it was made.
    #[schemars(with = "String")]
    created_at: Timestamp,
    /// When it was changed last.
    #[schemars(with = "String")]
    updated_at: Timestamp,
}

/// `GET /api/v1/groups`.
pub(crate) async fn list(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Query(query): Query<ListQuery>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    let cursors = Cursors::new(&state.gate, "groups");
    let page = state.read(&warrant).groups(&cursors.request(&query)?).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for group in page.items {
        items.push(view(&state, &warrant, group).await?);
    }
    reply::json(&List { items, next: page.next.map(|key| cursors.seal(&key)) })
}

/// `GET /api/v1/groups/{id}`.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(id): Path<Slug>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    let group = find(&state, &warrant, &id).await?;
    reply::json(&view(&state, &warrant, group).await?)
}

/// `POST /api/v1/groups`.
pub(crate) async fn create(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Body(change): Body<GroupChange>,
) -> Reply {
    let made = make(&state, &caller, change).await?;
    reply::created(&format!("/api/v1/groups/{}", made.id), &made)
}

/// `PATCH /api/v1/groups/{id}`.
pub(crate) async fn update(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(id): Path<Slug>,
    Body(change): Body<GroupChange>,
) -> Reply {
    reply::json(&alter(&state, &caller, &id, change).await?)
}

/// `DELETE /api/v1/groups/{id}`.
pub(crate) async fn delete(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(id): Path<Slug>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    let mut tx = state.gate.begin(&warrant).await?;
    tx.delete_group(&id).await?;
    state.commit(tx, AuditEvent::new("group.delete", format!("group:{id}"))).await?;
    reply::no_content()
}

/// Makes a group.
pub(crate) async fn make(
    state: &ConsoleState,
    caller: &Arc<Principal>,
    change: GroupChange,
) -> Result<GroupView, Error> {
    let warrant = state.allow(caller, WRITE)?;
    let id = needed(change.id.clone(), "id")?;
    let name = id.to_string();
    store(state, &warrant, GroupRecord::new(id, name), change).await
}

/// Changes a group.
pub(crate) async fn alter(
    state: &ConsoleState,
    caller: &Arc<Principal>,
    id: &Slug,
    change: GroupChange,
) -> Result<GroupView, Error> {
    let warrant = state.allow(caller, WRITE)?;
    let group = find(state, &warrant, id).await?;
    same_id(change.id.as_ref(), id)?;
    store(state, &warrant, group, change).await
}

/// The group called `id`.
pub(crate) async fn find(
    state: &ConsoleState,
    warrant: &Warrant,
    id: &Slug,
) -> Result<GroupRecord, Error> {
    state.read(warrant).group(id).await?.ok_or_else(Error::not_found)
}

async fn view(
    state: &ConsoleState,
    warrant: &Warrant,
    group: GroupRecord,
) -> Result<GroupView, Error> {
    let members = state.read(warrant).members_of(&group.id).await?;
    let GroupRecord { id, name, plan, priority, pool, created_at, updated_at, version: _ } = group;
    Ok(GroupView { id, name, plan, priority, pool, members, created_at, updated_at })
}

/// Checks a change, makes it and its members durable, and gives the group as it is then.
async fn store(
    state: &ConsoleState,
    warrant: &Warrant,
    mut group: GroupRecord,
    change: GroupChange,
) -> Result<GroupView, Error> {
    let GroupChange { id: _, name, plan, priority, pool, members } = change;
    if let Some(name) = name {
        group.name = checked_name(&name)?;
    }
    if let Some(plan) = plan {
        state.known_plan(warrant, plan.as_ref(), "plan").await?;
        group.plan = plan;
    }
    if let Some(priority) = priority {
        group.priority = priority;
    }
    if let Some(pool) = pool {
        group.pool = checked_budgets("pool", pool)?;
    }
    if let Some(members) = &members {
        known_members(state, warrant, members).await?;
    }
    let action = if group.version == 0 { "group.create" } else { "group.update" };
    let mut tx = state.gate.begin(warrant).await?;
    tx.put_group(&group).await?;
    if let Some(members) = members {
        tx.set_members(&group.id, &members).await?;
    }
    state.commit(tx, AuditEvent::new(action, format!("group:{}", group.id))).await?;
    let group = find(state, warrant, &group.id).await?;
    view(state, warrant, group).await
}

async fn known_members(
    state: &ConsoleState,
    warrant: &Warrant,
    members: &[UserId],
) -> Result<(), Error> {
    for (at, member) in members.iter().enumerate() {
        if state.read(warrant).user(Owner::All, *member).await?.is_none() {
            let what = format!("There is no person with the id {member}.");
            return Err(Error::invalid(what).with_param(format!("members[{at}]")));
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
#[path = "groups_tests.rs"]
mod tests;
