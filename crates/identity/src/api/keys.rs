//! `/api/v1/keys`.

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::shapes::{BudgetShape, List, RatesShape, said};
use tollgate_edge::{Body, Caller, Path, Query, Reply, reply};
use tollgate_kernel::{
    Budget, ClientId, Error, KeyId, ModelPattern, PlainToken, Rates, Slug, Timestamp, UserId,
};
use tollgate_store::{KeyHolder, KeyRecord, KeyState};

use super::part::page_request;
use crate::create_key::{KeyWish, create_key};
use crate::list_keys::{KeyQuery, find_key, list_keys};
use crate::revoke_key::revoke_key;
use crate::rotate_key::rotate_key;
use crate::state::IdentityState;
use crate::update_key::{KeyChange, update_key};

/// A new key. It is for `user`, for `client`, or with `"admin": true` for a service with an admin's
/// rights; where none of them is given, for the person who asks.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKeyBody {
    /// What it is called.
    name: String,
    /// The person it is for.
    #[schemars(with = "Option<String>")]
    user: Option<UserId>,
    /// The app it is for.
    #[schemars(with = "Option<String>")]
    client: Option<ClientId>,
    /// Whether it is an admin key; owners and admins make them.
    #[serde(default)]
    admin: bool,
    /// The one tool that it opens, and nothing else; for a person, and a tool with the mode
    /// `user_http`.
    #[schemars(with = "Option<String>")]
    tool: Option<Slug>,
    /// The models it may call, by name or by the beginning of names with a `*` after it; without
    /// any, those of the plan.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    models: Option<Vec<ModelPattern>>,
    /// The networks it may come from, such as `203.0.113.0/24`; without any, everywhere.
    #[serde(default)]
    networks: Option<Vec<String>>,
    /// Its own rates.
    #[serde(default)]
    #[schemars(with = "Option<RatesShape>")]
    rates: Option<Rates>,
    /// Its own budgets.
    #[serde(default)]
    #[schemars(with = "Option<Vec<BudgetShape>>")]
    budgets: Option<Vec<Budget>>,
    /// When it ends; without, it does not end by itself.
    #[schemars(with = "Option<String>")]
    expires_at: Option<Timestamp>,
}

/// Changes to a key; what is left out stays, and null takes a restriction away.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyPatch {
    /// What it is called.
    name: Option<String>,
    /// The models it may call; null or an empty list is no restriction.
    #[serde(default, deserialize_with = "said")]
    #[schemars(with = "Option<Vec<String>>")]
    models: Option<Option<Vec<ModelPattern>>>,
    /// The networks it may come from; null or an empty list is no restriction.
    #[serde(default, deserialize_with = "said")]
    #[schemars(with = "Option<Vec<String>>")]
    networks: Option<Option<Vec<String>>>,
    /// Its own rates, all of them; null for none.
    #[serde(default, deserialize_with = "said")]
    #[schemars(with = "Option<RatesShape>")]
    rates: Option<Option<Rates>>,
    /// Its own budgets, all of them; null for none.
    #[serde(default, deserialize_with = "said")]
    #[schemars(with = "Option<Vec<BudgetShape>>")]
    budgets: Option<Option<Vec<Budget>>>,
    /// When it ends; null for not by itself.
    #[serde(default, deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    expires_at: Option<Option<Timestamp>>,
}

/// How long the old secret works on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    /// Seconds, at most a week.
    #[serde(default)]
    overlap_s: u32,
}

/// Which keys.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyList {
    limit: Option<u32>,
    cursor: Option<String>,
    /// Of this person.
    #[schemars(with = "Option<String>")]
    user: Option<UserId>,
    /// Of this app.
    #[schemars(with = "Option<String>")]
    client: Option<ClientId>,
    /// Only those that were not revoked.
    active: Option<bool>,
}

/// A key, without its secret.
#[derive(Serialize, JsonSchema)]
pub(crate) struct KeyView {
    #[schemars(with = "String")]
    id: KeyId,
    name: String,
    /// `user`, `app` or `admin`.
    kind: &'static str,
    #[schemars(with = "Option<String>")]
    user: Option<UserId>,
    #[schemars(with = "Option<String>")]
    client: Option<ClientId>,
    /// The one tool that it opens.
    #[schemars(with = "Option<String>")]
    tool: Option<Slug>,
    #[schemars(with = "Option<Vec<String>>")]
    models: Option<Vec<ModelPattern>>,
    networks: Option<Vec<String>>,
    #[schemars(with = "RatesShape")]
    rates: Rates,
    #[schemars(with = "Vec<BudgetShape>")]
    budgets: Vec<Budget>,
    #[schemars(with = "Option<String>")]
    expires_at: Option<Timestamp>,
    /// `active`, `expired` or `revoked`.
    state: &'static str,
    /// The last characters of the newest secret.
    tail: String,
    #[schemars(with = "Option<String>")]
    last_used_at: Option<Timestamp>,
    last_used_from: Option<String>,
    #[schemars(with = "String")]
    created_at: Timestamp,
    /// The subject that made it.
    created_by: String,
    /// The secret, in the answer that made it and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

/// Whether a key counts at `now`: the name in the API and the key of the words on pages.
pub(crate) fn state_of(key: &KeyRecord, now: Timestamp) -> &'static str {
    match key.state {
        KeyState::Revoked(_) => "revoked",
        KeyState::Active if key.expires_at.is_some_and(|end| end <= now) => "expired",
        KeyState::Active => "active",
    }
}

impl KeyView {
    fn new(key: KeyRecord, secret: Option<&PlainToken>, now: Timestamp) -> Self {
        Self {
            state: state_of(&key, now),
            id: key.id,
            name: key.name,
            kind: key.holder.kind(),
            user: key.holder.user(),
            client: key.holder.app(),
            tool: key.tool,
            models: key.models,
            networks: key.networks,
            rates: key.rates,
            budgets: key.budgets,
            expires_at: key.expires_at,
            tail: key.tail,
            last_used_at: key.last_used_at,
            last_used_from: key.last_used_from,
            created_at: key.created_at,
            created_by: key.created_by,
            key: secret.map(|secret| secret.expose().to_owned()),
        }
    }
}

impl NewKeyBody {
    fn holder(&self) -> Result<Option<KeyHolder>, Error> {
        match (self.user, self.client, self.admin) {
            (None, None, false) => Ok(None),
            (Some(user), None, false) => Ok(Some(KeyHolder::User(user))),
            (None, Some(client), false) => Ok(Some(KeyHolder::App(client))),
            (None, None, true) => Ok(Some(KeyHolder::Admin)),
            _ => {
                let detail = "A key is for one: user, client, or \"admin\": true.";
                Err(Error::invalid(detail).with_param("user"))
            }
        }
    }
}

/// The items of a restriction; an empty one is refused. It would allow nothing, and must not come
/// to mean everything.
fn some_or_none<T>(list: Option<Vec<T>>, param: &'static str) -> Result<Vec<T>, Error> {
    if list.as_ref().is_some_and(Vec::is_empty) {
        let detail =
            format!("An empty list allows nothing. Name {param}, or leave the member out.");
        return Err(Error::invalid(detail).with_param(param));
    }
    Ok(list.unwrap_or_default())
}

pub(crate) async fn create(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Body(body): Body<NewKeyBody>,
) -> Reply {
    let wish = KeyWish {
        holder: body.holder()?,
        tool: body.tool,
        name: body.name,
        models: some_or_none(body.models, "models")?,
        networks: some_or_none(body.networks, "networks")?,
        rates: body.rates.unwrap_or_default(),
        budgets: body.budgets.unwrap_or_default(),
        expires_at: body.expires_at,
    };
    let (key, secret) = create_key(&state.gate, &caller, wish).await?;
    let place = format!("/api/v1/keys/{}", key.id);
    reply::created(&place, &KeyView::new(key, Some(&secret), state.gate.clock().now()))
}

pub(crate) async fn list(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Query(query): Query<KeyList>,
) -> Reply {
    let KeyList { limit, cursor, user, client, active } = query;
    let query = KeyQuery { user, client, active: active.unwrap_or(false) };
    let request = page_request::<KeyId>(limit, cursor.as_deref())?;
    let page = list_keys(&state.gate, &caller, query, &request).await?;
    let now = state.gate.clock().now();
    let items = page.items.into_iter().map(|key| KeyView::new(key, None, now)).collect();
    reply::json(&List { items, next: page.next })
}

pub(crate) async fn show(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Path(id): Path<KeyId>,
) -> Reply {
    let key = find_key(&state.gate, &caller, id).await?;
    reply::json(&KeyView::new(key, None, state.gate.clock().now()))
}

pub(crate) async fn change(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Path(id): Path<KeyId>,
    Body(body): Body<KeyPatch>,
) -> Reply {
    let KeyPatch { name, models, networks, rates, budgets, expires_at } = body;
    let change = KeyChange {
        name,
        models: models.map(Option::unwrap_or_default),
        networks: networks.map(Option::unwrap_or_default),
        rates: rates.map(Option::unwrap_or_default),
        budgets: budgets.map(Option::unwrap_or_default),
        expires_at,
    };
    let key = update_key(&state.gate, &caller, id, change).await?;
    reply::json(&KeyView::new(key, None, state.gate.clock().now()))
}

pub(crate) async fn rotate(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Path(id): Path<KeyId>,
    Body(body): Body<Rotation>,
) -> Reply {
    let (key, secret) = rotate_key(&state.gate, &caller, id, body.overlap_s).await?;
    reply::json(&KeyView::new(key, Some(&secret), state.gate.clock().now()))
}

pub(crate) async fn revoke(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Path(id): Path<KeyId>,
) -> Reply {
    revoke_key(&state.gate, &caller, id).await?;
    reply::no_content()
}
