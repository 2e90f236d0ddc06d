//! `/api/v1/tools`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::shapes::List;
use tollgate_edge::{Body, Caller, Path, Query};
use tollgate_gate::{Principal, Warrant, local_host};
use tollgate_kernel::{Error, Kind, Slug, Timestamp};
use tollgate_store::{AuditEvent, PageRequest, ToolAuth, ToolManifest, ToolRecord, UpstreamAuth};

use super::ToolChange;
use crate::publish::MANIFEST;
use crate::state::{READ, ToolsState, WRITE};

/// Which part of a list is asked for.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListQuery {
    /// How many items: 1 to 500, 50 unless said.
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// A tool as it is shown.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ToolView {
    /// Its name.
    #[schemars(with = "String")]
    id: Slug,
    /// The host name of its own.
    host: Option<String>,
    /// The path of its own.
    path: Option<String>,
    /// Its address, which is the audience of tokens for it.
    address: String,
    /// Where its manifest is; `null` where it is not published.
    manifest_url: Option<String>,
    /// Where its API is.
    upstream_url: String,
    /// What we send there to be let in, without the secret.
    #[schemars(with = "Option<UpstreamAuthShape>")]
    upstream_auth: Option<UpstreamAuth>,
    /// Where its OpenAPI document is fetched from.
    openapi_url: Option<String>,
    /// Its OpenAPI document as it was given; in lists left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    openapi: Option<String>,
    /// How callers say who they are.
    #[schemars(with = "AuthShape")]
    auth: ToolAuth,
    /// What its manifest says; an empty text is made from what is known.
    #[schemars(with = "ManifestShape")]
    manifest: ToolManifest,
    /// What services look for in its manifest.
    verification_tokens: BTreeMap<String, String>,
    /// Its own time-outs, in milliseconds.
    timeouts: BTreeMap<String, u64>,
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

/// What we send to an API to be let in.
#[derive(JsonSchema)]
#[schemars(rename = "UpstreamAuth")]
#[expect(dead_code, reason = "only its schema is used")]
struct UpstreamAuthShape {
    /// `header` or `basic`.
    #[serde(rename = "type")]
    kind: String,
    /// The header's name.
    name: Option<String>,
}

/// How callers say who they are.
#[derive(JsonSchema)]
#[schemars(rename = "ToolAuth")]
#[expect(dead_code, reason = "only its schema is used")]
struct AuthShape {
    /// `none`, `service_http`, `user_http` or `oauth`.
    #[serde(rename = "type")]
    kind: String,
    /// `bearer` or `basic`.
    authorization_type: Option<String>,
    /// The scopes that a token needs.
    scope: Option<String>,
    /// The form of token requests.
    authorization_content_type: Option<String>,
}

/// What a manifest says.
#[derive(JsonSchema)]
#[schemars(rename = "ToolManifest")]
#[expect(dead_code, reason = "only its schema is used")]
struct ManifestShape {
    name_for_human: String,
    name_for_model: String,
    description_for_human: String,
    description_for_model: String,
    contact_email: String,
    legal_info_url: String,
    logo_url: String,
}

impl ToolView {
    pub(crate) fn of(state: &ToolsState, tool: ToolRecord) -> Self {
        let places = &state.places;
        let address = places.address(&tool);
        let published = tool.state.is_active() && places.may_publish(&tool).is_ok();
        Self {
            manifest_url: published.then(|| format!("{address}{MANIFEST}")),
            address,
            id: tool.id,
            host: tool.host,
            path: tool.path.map(|path| if path.is_empty() { "/".to_owned() } else { path }),
            upstream_url: tool.upstream_url,
            upstream_auth: tool.upstream_auth,
            openapi_url: tool.openapi_url,
            openapi: tool.openapi,
            auth: tool.auth,
            manifest: tool.manifest,
            verification_tokens: tool.verification_tokens,
            timeouts: tool.timeouts,
            state: tool.state.as_str(),
            declared: tool.declared,
            created_at: tool.created_at,
            updated_at: tool.updated_at,
        }
    }
}

/// `GET /api/v1/tools`.
pub(crate) async fn list(
    State(state): State<ToolsState>,
    Caller(caller): Caller,
    Query(query): Query<ListQuery>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    let after = match query.cursor.as_deref() {
        Some(cursor) => Slug::parse(cursor).map_err(|_| PageRequest::strange_cursor())?.to_string(),
        None => String::new(),
    };
    let limit = PageRequest::asked(query.limit)?.limit;
    let all = state.gate.read(&warrant).tools().await?;
    let mut rest = all.into_iter().filter(|tool| tool.id.as_str() > after.as_str()).peekable();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let part: Vec<ToolRecord> = rest.by_ref().take(limit).collect();
    let next = rest.peek().and_then(|_| part.last().map(|tool| tool.id.to_string()));
    let items = part.into_iter().map(|mut tool| {
        tool.openapi = None;
        ToolView::of(&state, tool)
    });
    reply::json(&List { items: items.collect(), next })
}

/// `GET /api/v1/tools/{id}`.
pub(crate) async fn show(
    State(state): State<ToolsState>,
    Caller(caller): Caller,
    Path(id): Path<Slug>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    reply::json(&ToolView::of(&state, state.find(&warrant, &id).await?))
}

/// `POST /api/v1/tools`.
pub(crate) async fn create(
    State(state): State<ToolsState>,
    Caller(caller): Caller,
    Body(change): Body<ToolChange>,
) -> Reply {
    let made = make(&state, &caller, change).await?;
    reply::created(&format!("/api/v1/tools/{}", made.id), &ToolView::of(&state, made))
}

/// `PATCH /api/v1/tools/{id}`.
pub(crate) async fn update(
    State(state): State<ToolsState>,
    Caller(caller): Caller,
    Path(id): Path<Slug>,
    Body(change): Body<ToolChange>,
) -> Reply {
    reply::json(&ToolView::of(&state, alter(&state, &caller, &id, change).await?))
}

/// `DELETE /api/v1/tools/{id}`: its service tokens and the keys for it end with it.
pub(crate) async fn delete(
    State(state): State<ToolsState>,
    Caller(caller): Caller,
    Path(id): Path<Slug>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    changeable(&state.find(&warrant, &id).await?)?;
    let mut tx = state.gate.begin(&warrant).await?;
    tx.delete_tool(&id).await?;
    state.commit(tx, AuditEvent::new("tool.delete", format!("tool:{id}"))).await?;
    reply::no_content()
}

/// Makes a tool.
pub(crate) async fn make(
    state: &ToolsState,
    caller: &Arc<Principal>,
    change: ToolChange,
) -> Result<ToolRecord, Error> {
    let warrant = state.allow(caller, WRITE)?;
    let id = needed(change.id.clone(), "id")?;
    let upstream_url = needed(change.upstream_url.clone(), "upstream_url")?;
    if state.gate.read(&warrant).tool(&id).await?.is_some() {
        let what = format!("There is a tool called {id} already.");
        return Err(Error::new(Kind::Conflict, what).with_param("id"));
    }
    let tool = ToolRecord::new(id, upstream_url, ToolAuth::None);
    put(state, &warrant, tool, change).await
}

/// Changes a tool.
pub(crate) async fn alter(
    state: &ToolsState,
    caller: &Arc<Principal>,
    id: &Slug,
    change: ToolChange,
) -> Result<ToolRecord, Error> {
    let warrant = state.allow(caller, WRITE)?;
    let tool = state.find(&warrant, id).await?;
    changeable(&tool)?;
    if change.id.as_ref().is_some_and(|said| said != id) {
        let what = "An id cannot be changed. Make a new object, then delete this one.";
        return Err(Error::invalid(what).with_param("id"));
    }
    put(state, &warrant, tool, change).await
}

/// Checks a change, makes it durable, and gives the tool as it is then.
pub(crate) async fn put(
    state: &ToolsState,
    warrant: &Warrant,
    mut tool: ToolRecord,
    change: ToolChange,
) -> Result<ToolRecord, Error> {
    let kept = change.apply(&state.places, state.secrets_in_the_clear, &mut tool)?;
    tool.upstream_auth_sealed = kept.seal(&state.gate, warrant, &tool)?;
    state.gate.check_tool(warrant, &tool)?;
    require_place(state, warrant, &tool).await?;
    let is_new = tool.version == 0;
    let mut tx = state.gate.begin(warrant).await?;
    if is_new {
        tx.insert_tool(&tool).await?;
    } else {
        tx.update_tool(&tool).await?;
    }
    let action = if is_new { "tool.create" } else { "tool.update" };
    state.commit(tx, AuditEvent::new(action, format!("tool:{}", tool.id))).await?;
    state.find(warrant, &tool.id).await
}

/// Refuses a name or a path that another tool has, or will have on a machine of its owner's.
pub(super) async fn require_place(
    state: &ToolsState,
    warrant: &Warrant,
    tool: &ToolRecord,
) -> Result<(), Error> {
    let others = state.gate.read(warrant).tools().await?;
    others.iter().filter(|other| other.id != tool.id).try_for_each(|other| apart(tool, other))
}

/// Refuses `tool` where `other` answers, be it there now or not. The error names the member.
pub(super) fn apart(tool: &ToolRecord, other: &ToolRecord) -> Result<(), Error> {
    let taken = |param: &'static str| {
        let what = format!("The tool {} answers there. Name another place.", other.id);
        Err(Error::new(Kind::Conflict, what).with_param(param))
    };
    if tool.host.is_some() && (tool.host == other.host || tool.host == Some(local_host(other))) {
        return taken("host");
    }
    if other.host == Some(local_host(tool)) {
        return taken("id");
    }
    if other.path.is_some() && other.path == tool.path {
        return taken("path");
    }
    Ok(())
}

/// A member that a new object cannot be without.
pub(crate) fn needed<T>(member: Option<T>, name: &'static str) -> Result<T, Error> {
    member.ok_or_else(|| {
        Error::invalid(format!("A new object needs the member {name}.")).with_param(name)
    })
}

/// Refuses a change of what the configuration file declares.
pub(crate) fn changeable(tool: &ToolRecord) -> Result<(), Error> {
    if !tool.declared {
        return Ok(());
    }
    Err(Error::new(
        Kind::Declared,
        "The configuration file declares this object. Change it there and restart the server.",
    ))
}
