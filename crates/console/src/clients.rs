//! Registered apps: software that acts for itself, with keys and a plan of its own.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::shapes::said;
use tollgate_edge::{Body, Caller, Path, Query};
use tollgate_gate::{Principal, Warrant};
use tollgate_kernel::{ClientId, Error, Manage, Noun, Slug, Timestamp, UserId};
use tollgate_store::{AccountState, AuditEvent, ClientKind, ClientRecord, Owner};

use crate::listing::{Cursors, ListQuery};
use crate::members::{checked_name, needed};
use crate::state::{ConsoleState, changeable};

/// Looking at apps.
pub(crate) const READ: Manage = Manage::read(Noun::Clients);
/// Changing apps.
pub(crate) const WRITE: Manage = Manage::write(Noun::Clients);

/// A new app, or a change of one. What a change leaves out stays.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ClientChange {
    /// Its name for people; needed for a new one.
    pub(crate) name: Option<String>,
    /// `public` or `confidential` (RFC 6749, 2.1); confidential unless said.
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["public", "confidential"]))]
    pub(crate) kind: Option<String>,
    /// Its plan; without one it calls no model. `null` is none.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    pub(crate) plan: Option<Option<Slug>>,
    /// The id of the person who manages it; `null` is nobody.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    pub(crate) owner: Option<Option<UserId>>,
    /// `active`, or `disabled`: then its credentials are refused.
    #[schemars(extend("enum" = ["active", "disabled"]))]
    pub(crate) state: Option<String>,
}

/// An app as it is shown.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ClientView {
    /// Its id.
    #[schemars(with = "String")]
    client_id: ClientId,
    /// Its name for people.
    name: String,
    /// `public` or `confidential`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Its plan.
    #[schemars(with = "Option<String>")]
    plan: Option<Slug>,
    /// The person who manages it.
    #[schemars(with = "Option<String>")]
    owner: Option<UserId>,
    /// `active` or `disabled`.
    state: &'static str,
    /// Whether the configuration file declares it.
    declared: bool,
    /// When it was made.
    #[schemars(with = "String")]
    created_at: Timestamp,
    /// When it was changed last.
    #[schemars(with = "String")]
    updated_at: Timestamp,
}

impl From<ClientRecord> for ClientView {
    fn from(record: ClientRecord) -> Self {
        let ClientRecord { id, name, kind, plan, owner, state, declared, .. } = record;
        Self {
            client_id: id,
            name,
            kind: kind.as_str(),
            plan,
            owner,
            state: state.as_str(),
            declared,
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}

/// `GET /api/v1/clients`.
pub(crate) async fn list(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Query(query): Query<ListQuery>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    let cursors = Cursors::new(&state.gate, "clients");
    let request = cursors.request(&query)?;
    let page = state.read(&warrant).clients(Owner::All, &request).await?;
    reply::json(&cursors.list(page, ClientView::from))
}

/// `GET /api/v1/clients/{id}`.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(id): Path<ClientId>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    reply::json(&ClientView::from(find(&state, &warrant, id).await?))
}

/// `POST /api/v1/clients`.
pub(crate) async fn create(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Body(change): Body<ClientChange>,
) -> Reply {
    let made = make(&state, &caller, change).await?;
    reply::created(&format!("/api/v1/clients/{}", made.id), &ClientView::from(made))
}

/// `PATCH /api/v1/clients/{id}`.
pub(crate) async fn update(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(id): Path<ClientId>,
    Body(change): Body<ClientChange>,
) -> Reply {
    reply::json(&ClientView::from(alter(&state, &caller, id, change).await?))
}

/// `DELETE /api/v1/clients/{id}`: its keys go with it.
pub(crate) async fn delete(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(id): Path<ClientId>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    changeable(find(&state, &warrant, id).await?.declared)?;
    let mut tx = state.gate.begin(&warrant).await?;
    tx.delete_client(id).await?;
    state.commit(tx, AuditEvent::new("client.delete", format!("client:{id}"))).await?;
    reply::no_content()
}

/// Registers an app.
pub(crate) async fn make(
    state: &ConsoleState,
    caller: &Arc<Principal>,
    change: ClientChange,
) -> Result<ClientRecord, Error> {
    let warrant = state.allow(caller, WRITE)?;
    let name = needed(change.name.clone(), "name")?;
    let id = ClientId::new(&**state.gate.clock(), &**state.gate.rng());
    let client = ClientRecord::new(id, name, ClientKind::Confidential);
    store(state, &warrant, client, change).await
}

/// Changes an app.
pub(crate) async fn alter(
    state: &ConsoleState,
    caller: &Arc<Principal>,
    id: ClientId,
    change: ClientChange,
) -> Result<ClientRecord, Error> {
    let warrant = state.allow(caller, WRITE)?;
    let client = find(state, &warrant, id).await?;
    changeable(client.declared)?;
    store(state, &warrant, client, change).await
}

/// The app with this id.
pub(crate) async fn find(
    state: &ConsoleState,
    warrant: &Warrant,
    id: ClientId,
) -> Result<ClientRecord, Error> {
    let found = state.read(warrant).client(Owner::All, id).await?;
    found.ok_or_else(Error::not_found)
}

/// Checks a change, makes it durable, and gives the app as it is then.
async fn store(
    state: &ConsoleState,
    warrant: &Warrant,
    mut client: ClientRecord,
    change: ClientChange,
) -> Result<ClientRecord, Error> {
    let ClientChange { name, kind, plan, owner, state: account } = change;
    if let Some(name) = name {
        client.name = checked_name(&name)?;
    }
    if let Some(kind) = kind {
        client.kind = kind.parse::<ClientKind>()?;
    }
    if let Some(plan) = plan {
        state.known_plan(warrant, plan.as_ref(), "plan").await?;
        client.plan = plan;
    }
    if let Some(owner) = owner {
        if let Some(id) = owner
            && state.read(warrant).user(Owner::All, id).await?.is_none()
        {
            let what = format!("There is no person with the id {id}.");
            return Err(Error::invalid(what).with_param("owner"));
        }
        client.owner = owner;
    }
    if let Some(account) = account {
        client.state = account.parse::<AccountState>()?;
    }
    let action = if client.version == 0 { "client.create" } else { "client.update" };
    let mut tx = state.gate.begin(warrant).await?;
    tx.put_client(&client).await?;
    state.commit(tx, AuditEvent::new(action, format!("client:{}", client.id))).await?;
    find(state, warrant, client.id).await
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
#[path = "clients_tests.rs"]
mod tests;
