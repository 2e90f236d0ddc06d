//! Registered apps: software that acts for itself, with keys and a plan of its own.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::shapes::said;
use tollgate_edge::{Body, Caller, Path, Query};
use tollgate_gate::{Principal, Warrant};
use tollgate_kernel::{ClientId, Error, Kind, Manage, Noun, Slug, Timestamp, UserId};
use tollgate_protocol::api_key::TokenType;
use tollgate_store::{AccountState, AuditEvent, AuthMethod, ClientKind, ClientRecord, Owner};

use crate::client_oauth;
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
    /// How it shows that it is the one at the token endpoint; `null` is basic or post.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    #[schemars(extend("enum" = ["none", "client_secret_basic", "client_secret_post", null]))]
    pub(crate) auth_method: Option<Option<AuthMethod>>,
    /// Where people may be sent back to after a sign-in, compared byte for byte; on loopback the
    /// port is left out of it.
    pub(crate) redirect_uris: Option<Vec<String>>,
    /// Where people may be sent back to after a sign-out.
    pub(crate) post_logout_redirect_uris: Option<Vec<String>>,
    /// The grant types that it may use; `null` is all that its type can.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) grants: Option<Option<Vec<String>>>,
    /// The scopes that it may have; `null` is all but `manage`.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) scopes: Option<Option<Vec<String>>>,
    /// The addresses that its tokens may be for, the first one where it asks for none; an empty
    /// list is all that are known, and the models door.
    pub(crate) resources: Option<Vec<String>>,
    /// The origins of its pages.
    pub(crate) origins: Option<Vec<String>>,
    /// Whether it may come without PKCE and with JSON bodies; for confidential apps alone.
    pub(crate) legacy: Option<bool>,
    /// Whether it may name its people in the header `Tollgate-User`.
    pub(crate) user_header: Option<bool>,
    /// How long its access tokens last, in seconds; 300 unless said.
    #[schemars(range(min = 1, max = 3_600))]
    pub(crate) access_token_s: Option<u32>,
    /// How long what a person allowed it lasts, however often it is refreshed, in seconds; 90 days
    /// unless said.
    #[schemars(range(min = 1, max = 31_536_000))]
    pub(crate) refresh_token_s: Option<u32>,
}

/// An app as it is shown.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ClientView {
    /// What it calls itself as a client: its name in the configuration file, or its id.
    client_id: String,
    /// The id by which keys and entries name it.
    #[schemars(with = "String")]
    id: ClientId,
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
    /// How it shows that it is the one; `null` is basic or post.
    #[schemars(with = "Option<String>")]
    auth_method: Option<AuthMethod>,
    /// Where people may be sent back to after a sign-in.
    redirect_uris: Vec<String>,
    /// Where people may be sent back to after a sign-out.
    post_logout_redirect_uris: Vec<String>,
    /// The grant types that it may use.
    grants: Vec<String>,
    /// The scopes that it may have, beside those of its resources.
    scopes: Vec<String>,
    /// The addresses that its tokens may be for; an empty list is all that are known.
    resources: Vec<String>,
    /// The origins of its pages.
    origins: Vec<String>,
    /// Whether it may come without PKCE and with JSON bodies.
    legacy: bool,
    /// Whether it may name its people in a header.
    user_header: bool,
    /// How long its access tokens last, in seconds.
    access_token_s: u32,
    /// How long what a person allowed it lasts, in seconds.
    refresh_token_s: u32,
    /// Its secret, in the answer that made it and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
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
        let client_id = record.client_id();
        let ClientRecord { id, name, kind, plan, owner, state, declared, oauth, .. } = record;
        let grants = oauth.grants.unwrap_or_else(|| client_oauth::usual_grants(kind));
        Self {
            auth_method: oauth.auth_method,
            redirect_uris: oauth.redirect_uris,
            post_logout_redirect_uris: oauth.post_logout_redirect_uris,
            grants,
            scopes: oauth.scopes.unwrap_or_else(client_oauth::usual_scopes),
            resources: oauth.resources,
            origins: oauth.origins,
            legacy: oauth.legacy,
            user_header: oauth.user_header,
            access_token_s: oauth.access_token_s,
            refresh_token_s: oauth.refresh_token_s,
            client_secret: None,
            client_id,
            id,
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
    Path(client_id): Path<String>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    reply::json(&ClientView::from(called(&state, &warrant, &client_id).await?))
}

/// `POST /api/v1/clients`.
pub(crate) async fn create(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Body(change): Body<ClientChange>,
) -> Reply {
    let made = make(&state, &caller, change).await?;
    let id = made.id;
    let client_secret = match made.kind {
        ClientKind::Public => None,
        ClientKind::Confidential => Some(new_secret(&state, &caller, id).await?),
    };
    let warrant = state.allow(&caller, READ)?;
    let made = ClientView::from(find(&state, &warrant, id).await?);
    reply::created(&format!("/api/v1/clients/{id}"), &ClientView { client_secret, ..made })
}

/// `POST /api/v1/clients/{id}/secret`: the one before counts no longer.
pub(crate) async fn rotate_secret(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(client_id): Path<String>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    let id = called(&state, &warrant, &client_id).await?.id;
    let secret = new_secret(&state, &caller, id).await?;
    let client = ClientView::from(find(&state, &warrant, id).await?);
    reply::json(&ClientView { client_secret: Some(secret), ..client })
}

/// `PATCH /api/v1/clients/{id}`.
pub(crate) async fn update(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(client_id): Path<String>,
    Body(change): Body<ClientChange>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    let id = called(&state, &warrant, &client_id).await?.id;
    reply::json(&ClientView::from(alter(&state, &caller, id, change).await?))
}

/// `DELETE /api/v1/clients/{id}`: its keys go with it.
pub(crate) async fn delete(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(client_id): Path<String>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    let client = called(&state, &warrant, &client_id).await?;
    changeable(client.declared)?;
    let id = client.id;
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

/// Gives an app another secret, which is shown once.
pub(crate) async fn new_secret(
    state: &ConsoleState,
    caller: &Arc<Principal>,
    id: ClientId,
) -> Result<String, Error> {
    let warrant = state.allow(caller, WRITE)?;
    let client = find(state, &warrant, id).await?;
    if client.kind == ClientKind::Public {
        let what = "A public app has no secret: it could not keep it.";
        return Err(Error::new(Kind::Conflict, what));
    }
    let (secret, hash) = state.gate.new_token(TokenType::Secret);
    let mut tx = state.gate.begin(&warrant).await?;
    tx.set_client_secret(id, Some(hash.as_bytes())).await?;
    state.commit(tx, AuditEvent::new("client.secret", format!("client:{id}"))).await?;
    Ok(secret.expose().to_owned())
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

/// The app that is called so as a client.
async fn called(
    state: &ConsoleState,
    warrant: &Warrant,
    client_id: &str,
) -> Result<ClientRecord, Error> {
    let found = state.read(warrant).client_called(client_id).await?;
    found.ok_or_else(Error::not_found)
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
    client_oauth::apply(&state.gate, &mut client, &change)?;
    let ClientChange { name, plan, owner, state: account, .. } = change;
    if let Some(name) = name {
        client.name = checked_name(&name)?;
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
