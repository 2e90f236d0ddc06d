//! `/api/v1/tools/{id}/callbacks`: plugins at a host that came to a tool's sign-in. The host makes
//! up their ids and tells nobody before the first try, so that the owner can only say yes
//! afterwards.

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::shapes::List;
use tollgate_edge::{Body, Caller, Path};
use tollgate_gate::Warrant;
use tollgate_kernel::{Error, Slug, Timestamp};
use tollgate_protocol::oauth::plugin_callbacks;
use tollgate_store::{AuditEvent, ClientRecord, Owner, PageRequest, ToolCallback, ToolRecord, Tx};

use crate::state::{READ, ToolsState, WRITE};

/// Whether a callback is taken.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallbackBody {
    /// Whether it is.
    accepted: bool,
}

/// A plugin at a host.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CallbackView {
    /// What the host calls it.
    plugin_id: String,
    /// Whether the owner takes its sign-ins.
    accepted: bool,
    /// Where people are sent back to.
    redirect_uris: Vec<String>,
    /// When it came last.
    #[schemars(with = "String")]
    seen_at: Timestamp,
}

impl From<ToolCallback> for CallbackView {
    fn from(callback: ToolCallback) -> Self {
        let ToolCallback { tool: _, plugin_id, accepted, seen_at } = callback;
        let redirect_uris = plugin_callbacks(&plugin_id).map(Vec::from).unwrap_or_default();
        Self { redirect_uris, plugin_id, accepted, seen_at }
    }
}

/// `GET /api/v1/tools/{id}/callbacks`.
pub(crate) async fn list(
    State(state): State<ToolsState>,
    Caller(caller): Caller,
    Path(id): Path<Slug>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    state.find(&warrant, &id).await?;
    let all = state.gate.read(&warrant).tool_callbacks(&id).await?;
    reply::json(&List { items: all.into_iter().map(CallbackView::from).collect(), next: None })
}

/// `PUT /api/v1/tools/{id}/callbacks/{plugin_id}`.
pub(crate) async fn put(
    State(state): State<ToolsState>,
    Caller(caller): Caller,
    Path((id, plugin_id)): Path<(Slug, String)>,
    Body(body): Body<CallbackBody>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    let set = accept(&state, &warrant, &id, &plugin_id, body.accepted).await?;
    reply::json(&CallbackView::from(set))
}

/// Takes a plugin's sign-ins at a tool, or does not: its redirect URIs become those of the tool's
/// apps, or are theirs no more.
pub(crate) async fn accept(
    state: &ToolsState,
    warrant: &Warrant,
    id: &Slug,
    plugin_id: &str,
    accepted: bool,
) -> Result<ToolCallback, Error> {
    let tool = state.find(warrant, id).await?;
    let uris = plugin_callbacks(plugin_id).ok_or_else(|| {
        let what = "A plugin is called plugin- or g-, and letters, digits and hyphens after it.";
        Error::invalid(what).with_param("plugin_id")
    })?;
    let clients = apps_of(state, warrant, &tool).await?;
    let mut tx = state.gate.begin(warrant).await?;
    tx.set_tool_callback(id, plugin_id, accepted).await?;
    for client in clients {
        let others = client.oauth.redirect_uris.iter().filter(|uri| !uris.contains(uri));
        let mut redirect_uris: Vec<String> = others.cloned().collect();
        if accepted {
            redirect_uris.extend(uris.clone());
        }
        set_redirect_uris(&mut tx, client, redirect_uris).await?;
    }
    let action = if accepted { "tool.callback.accept" } else { "tool.callback.refuse" };
    state.commit(tx, AuditEvent::new(action, format!("tool:{id}/{plugin_id}"))).await?;
    let all = state.gate.read(warrant).tool_callbacks(id).await?;
    all.into_iter().find(|known| known.plugin_id == plugin_id).ok_or_else(Error::not_found)
}

/// Gives an app other redirect URIs, if they are others.
async fn set_redirect_uris(
    tx: &mut Tx,
    mut client: ClientRecord,
    redirect_uris: Vec<String>,
) -> Result<(), Error> {
    if client.oauth.redirect_uris == redirect_uris {
        return Ok(());
    }
    client.oauth.redirect_uris = redirect_uris;
    tx.put_client(&client).await
}

/// The apps by which plugin hosts sign people in to `tool`: flagged as legacy, with its address
/// among their resources.
pub(crate) async fn apps_of(
    state: &ToolsState,
    warrant: &Warrant,
    tool: &ToolRecord,
) -> Result<Vec<ClientRecord>, Error> {
    let address = state.places.address(tool);
    let mut request = PageRequest::first(PageRequest::MAX);
    let mut found = Vec::new();
    loop {
        let page = state.gate.read(warrant).clients(Owner::All, &request).await?;
        let is_its = |client: &ClientRecord| {
            client.oauth.legacy && client.oauth.resources.contains(&address)
        };
        found.extend(page.items.into_iter().filter(is_its));
        match page.next {
            Some(next) => request.after = Some(next),
            None => return Ok(found),
        }
    }
}

/// Sees to it that the tool's apps have the redirect URIs of all plugins that were accepted: apps
/// that the file declares begin with those of the file.
pub(crate) async fn restore(
    state: &ToolsState,
    warrant: &Warrant,
    tool: &ToolRecord,
) -> Result<(), Error> {
    let all = state.gate.read(warrant).tool_callbacks(&tool.id).await?;
    let accepted = all.iter().filter(|callback| callback.accepted);
    let uris: Vec<String> =
        accepted.filter_map(|callback| plugin_callbacks(&callback.plugin_id)).flatten().collect();
    for client in apps_of(state, warrant, tool).await? {
        let mut redirect_uris = client.oauth.redirect_uris.clone();
        redirect_uris
            .extend(uris.iter().filter(|uri| !client.oauth.redirect_uris.contains(uri)).cloned());
        if redirect_uris == client.oauth.redirect_uris {
            continue;
        }
        let target = format!("client:{}", client.id);
        let mut tx = state.gate.begin(warrant).await?;
        set_redirect_uris(&mut tx, client, redirect_uris).await?;
        state.commit(tx, AuditEvent::new("tool.callback.restore", target)).await?;
    }
    Ok(())
}
