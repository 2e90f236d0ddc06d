//! `/api/v1/tools/{id}/service-tokens`: a token of its own for each service, so that one can be cut
//! off and the others go on.

use std::time::Duration;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::shapes::List;
use tollgate_edge::{Body, Caller, Path};
use tollgate_gate::Warrant;
use tollgate_kernel::{Error, KeyId, Kind, PlainToken, Rates, Slug, Timestamp};
use tollgate_store::{AuditEvent, KeyHolder, KeyRecord, KeyState, NewKey};

use crate::state::{READ, ToolsState, WRITE};

/// The longest overlap, in seconds: a week.
const OVERLAP_MAX_S: u32 = 7 * 86_400;
/// The longest name of a service, in characters.
const LONGEST_SERVICE: usize = 64;
/// How many tokens of a tool may work at a time.
const MOST: usize = 1_000;

/// A token for a service.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceTokenBody {
    /// The service's name.
    service: String,
    /// A token that is in use already: 16 to 512 visible characters, for `basic` also
    /// `user:password`. One is made where none is given.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    token: Option<PlainTokenBody>,
}

/// Another token for a service.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    /// How long the token before works on, in seconds, at most a week.
    #[serde(default)]
    overlap_s: u32,
    /// A token that is in use already; one is made where none is given.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    token: Option<PlainTokenBody>,
}

/// A token as it is sent to us.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct PlainTokenBody(tollgate_kernel::Secret);

/// A service token, without its secret.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ServiceTokenView {
    /// Its id.
    #[schemars(with = "String")]
    id: KeyId,
    /// The service's name.
    service: String,
    /// `active` or `revoked`.
    state: &'static str,
    /// The last characters of the newest token.
    tail: String,
    /// When it was used last.
    #[schemars(with = "Option<String>")]
    last_used_at: Option<Timestamp>,
    /// From where.
    last_used_from: Option<String>,
    /// When it was made.
    #[schemars(with = "String")]
    created_at: Timestamp,
    /// The token, in the answer that made it and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl ServiceTokenView {
    fn of(key: KeyRecord, token: Option<&PlainToken>) -> Self {
        Self {
            state: if is_active(&key) { "active" } else { "revoked" },
            id: key.id,
            service: key.name,
            tail: key.tail,
            last_used_at: key.last_used_at,
            last_used_from: key.last_used_from,
            created_at: key.created_at,
            token: token.map(|token| token.expose().to_owned()),
        }
    }
}

pub(crate) fn is_active(key: &KeyRecord) -> bool {
    matches!(key.state, KeyState::Active)
}

/// `GET /api/v1/tools/{id}/service-tokens`.
pub(crate) async fn list(
    State(state): State<ToolsState>,
    Caller(caller): Caller,
    Path(id): Path<Slug>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    state.find(&warrant, &id).await?;
    let keys = state.gate.read(&warrant).service_keys(&id).await?;
    let items = keys.into_iter().map(|key| ServiceTokenView::of(key, None)).collect();
    reply::json(&List { items, next: None })
}

/// `GET /api/v1/tools/{id}/service-tokens/{token}`.
pub(crate) async fn show(
    State(state): State<ToolsState>,
    Caller(caller): Caller,
    Path((id, key)): Path<(Slug, KeyId)>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    reply::json(&ServiceTokenView::of(find(&state, &warrant, &id, key).await?, None))
}

/// `POST /api/v1/tools/{id}/service-tokens`.
pub(crate) async fn create(
    State(state): State<ToolsState>,
    Caller(caller): Caller,
    Path(id): Path<Slug>,
    Body(body): Body<ServiceTokenBody>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    let given = body.token.map(PlainTokenBody::plain);
    let (key, token) = make(&state, &warrant, &id, &body.service, given).await?;
    let place = format!("/api/v1/tools/{id}/service-tokens/{}", key.id);
    reply::created(&place, &ServiceTokenView::of(key, Some(&token)))
}

/// `POST /api/v1/tools/{id}/service-tokens/{token}/rotate`.
pub(crate) async fn rotate(
    State(state): State<ToolsState>,
    Caller(caller): Caller,
    Path((id, key)): Path<(Slug, KeyId)>,
    Body(body): Body<Rotation>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    if body.overlap_s > OVERLAP_MAX_S {
        let what = format!("overlap_s is at most {OVERLAP_MAX_S}, a week.");
        return Err(Error::invalid(what).with_param("overlap_s").into());
    }
    let given = body.token.map(PlainTokenBody::plain);
    let (key, token) = replace(&state, &warrant, &id, key, (body.overlap_s, given)).await?;
    reply::json(&ServiceTokenView::of(key, Some(&token)))
}

/// `DELETE /api/v1/tools/{id}/service-tokens/{token}`.
pub(crate) async fn revoke(
    State(state): State<ToolsState>,
    Caller(caller): Caller,
    Path((id, key)): Path<(Slug, KeyId)>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    cut_off(&state, &warrant, &id, key).await?;
    reply::no_content()
}

impl PlainTokenBody {
    fn plain(self) -> PlainToken {
        PlainToken::new(self.0.expose().trim().to_owned())
    }
}

async fn find(
    state: &ToolsState,
    warrant: &Warrant,
    tool: &Slug,
    id: KeyId,
) -> Result<KeyRecord, Error> {
    let keys = state.gate.read(warrant).service_keys(tool).await?;
    keys.into_iter().find(|key| key.id == id).ok_or_else(Error::not_found)
}

/// Makes a token of `service` for `tool`.
pub(crate) async fn make(
    state: &ToolsState,
    warrant: &Warrant,
    tool: &Slug,
    service: &str,
    given: Option<PlainToken>,
) -> Result<(KeyRecord, PlainToken), Error> {
    let gate = &state.gate;
    state.find(warrant, tool).await?;
    let service = checked_service(service)?;
    let known = gate.read(warrant).service_keys(tool).await?;
    let mut active = known.iter().filter(|key| is_active(key));
    if active.clone().count() >= MOST {
        let what = format!("There are {MOST} service tokens that work. Cut services off first.");
        return Err(Error::new(Kind::Conflict, what));
    }
    if active.any(|key| key.name == service) {
        let what = format!("The service {service} has a token. Rotate it, or cut it off first.");
        return Err(Error::new(Kind::Conflict, what).with_param("service"));
    }
    let loaded = state.tool(tool)?;
    let (token, secret) = gate.service_secret(&loaded, given)?;
    let key = NewKey {
        id: KeyId::new(&**gate.clock(), &**gate.rng()),
        name: service.clone(),
        holder: KeyHolder::Service,
        tool: Some(tool.clone()),
        models: None,
        networks: None,
        rates: Rates::default(),
        budgets: Vec::new(),
        expires_at: None,
    };
    let mut tx = gate.begin(warrant).await?;
    let record = tx.insert_key(key, secret).await?;
    let target = format!("tool:{tool}/{service}");
    state.commit(tx, AuditEvent::new("tool.token.create", target)).await?;
    Ok((record, token))
}

/// Gives a service another token; the ones before end after the overlap.
pub(crate) async fn replace(
    state: &ToolsState,
    warrant: &Warrant,
    tool: &Slug,
    id: KeyId,
    (overlap_s, given): (u32, Option<PlainToken>),
) -> Result<(KeyRecord, PlainToken), Error> {
    let gate = &state.gate;
    let mut key = find(state, warrant, tool, id).await?;
    if !is_active(&key) {
        return Err(Error::not_found());
    }
    let loaded = state.tool(tool)?;
    let (token, secret) = gate.service_secret(&loaded, given)?;
    key.tail.clone_from(&secret.tail);
    let mut tx = gate.begin(warrant).await?;
    let ends = tx.now().plus(Duration::from_secs(u64::from(overlap_s)));
    tx.expire_key_secrets(id, ends).await?;
    tx.add_key_secret(id, key.version, secret).await?;
    let target = format!("tool:{tool}/{}", key.name);
    state.commit(tx, AuditEvent::new("tool.token.rotate", target)).await?;
    key.version += 1;
    Ok((key, token))
}

/// Ends a service's token, on every node within a second.
pub(crate) async fn cut_off(
    state: &ToolsState,
    warrant: &Warrant,
    tool: &Slug,
    id: KeyId,
) -> Result<(), Error> {
    let key = find(state, warrant, tool, id).await?;
    let mut tx = state.gate.begin(warrant).await?;
    tx.revoke_key(tollgate_store::Owner::All, id).await?;
    let target = format!("tool:{tool}/{}", key.name);
    state.commit(tx, AuditEvent::new("tool.token.revoke", target)).await
}

fn checked_service(service: &str) -> Result<String, Error> {
    let service = service.trim();
    let fits = (1..=LONGEST_SERVICE).contains(&service.chars().count());
    if fits && !service.contains(char::is_control) {
        return Ok(service.to_owned());
    }
    let what = format!("A service's name has 1 to {LONGEST_SERVICE} characters, no line breaks.");
    Err(Error::invalid(what).with_param("service"))
}
