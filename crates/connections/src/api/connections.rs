//! `/api/v1/connections`: a person's links to other people's tools.

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::shapes::List;
use tollgate_edge::{Body, Caller, Exchange, Path, Query, Reply, reply};
use tollgate_gate::Install;
use tollgate_kernel::{ConnectionId, ConnectionState, InstallId, Secret, Timestamp, UserId};
use tollgate_protocol::plugin_host::Auth;

use super::part::cut;
use crate::connect::{self, Pair, READ, owner};
use crate::state::ConnectionsState;

/// A connection that is to be made, or mended.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewConnection {
    /// The tool.
    #[schemars(with = "String")]
    install: InstallId,
    /// The person's own token, where the tool wants one. Never shown again.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    token: Option<Secret>,
}

/// Which connections.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    limit: Option<u32>,
    cursor: Option<String>,
    /// To this tool.
    #[schemars(with = "Option<String>")]
    install: Option<InstallId>,
}

/// A connection.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ConnectionView {
    #[schemars(with = "String")]
    id: ConnectionId,
    #[schemars(with = "String")]
    install: InstallId,
    #[schemars(with = "String")]
    user: UserId,
    /// What the tool is called.
    name: String,
    /// How the tool's calls are signed.
    auth: &'static str,
    /// `pending`, `active` or `needs_reauth`.
    state: &'static str,
    /// Where the person's browser goes to sign in at the tool, while it waits for that.
    authorize_url: Option<String>,
    /// Where calls go through.
    url: String,
    /// Since when the tool has refused the token that we have. Calls are tried with it all the
    /// same, until the person connects anew.
    #[schemars(with = "Option<String>")]
    refused_at: Option<Timestamp>,
    /// When the token that we have ends, where that is known.
    #[schemars(with = "Option<String>")]
    expires_at: Option<Timestamp>,
    #[schemars(with = "String")]
    created_at: Timestamp,
    #[schemars(with = "String")]
    updated_at: Timestamp,
}

impl ConnectionView {
    fn of(origin: &str, Pair { connection, install }: Pair) -> Self {
        let is_oauth = matches!(install.facts.manifest.auth, Auth::OAuth(_));
        let waits = connection.state != ConnectionState::Active && is_oauth;
        let id = connection.id;
        Self {
            id,
            install: connection.install,
            user: connection.user,
            auth: install.facts.manifest.auth.name(),
            name: install.record.name,
            state: connection.state.as_str(),
            authorize_url: waits.then(|| format!("{origin}/account/connections/{id}/sign-in")),
            url: format!("{origin}/connections/{id}"),
            refused_at: (connection.state == ConnectionState::NeedsReauth
                && connection.access_sealed.is_some())
            .then_some(connection.updated_at),
            expires_at: connection.expires_at,
            created_at: connection.created_at,
            updated_at: connection.updated_at,
        }
    }
}

/// `GET /api/v1/connections`.
pub(crate) async fn list(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    exchange: Exchange,
    Query(Filter { limit, cursor, install }): Query<Filter>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    let reader = state.read(&warrant);
    let tools = reader.installs().await?;
    let origin = exchange.edge().origin();
    let all = reader.connections(owner(&warrant)?, install).await?;
    let (part, next) = cut(all, limit, cursor.as_deref(), |one| one.id.to_string())?;
    let mut items = Vec::new();
    for connection in part {
        let Some(tool) = tools.iter().find(|tool| tool.id == connection.install) else { continue };
        let install = Install::of(tool.clone())?;
        items.push(ConnectionView::of(origin, Pair { connection, install }));
    }
    reply::json(&List { items, next })
}

/// `POST /api/v1/connections`.
pub(crate) async fn create(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    exchange: Exchange,
    Body(NewConnection { install, token }): Body<NewConnection>,
) -> Reply {
    let pair = connect::connect(&state, &caller, install, token).await?;
    let id = pair.connection.id;
    let origin = exchange.edge().origin();
    let mut view = ConnectionView::of(origin, pair);
    // From a session the browser is known that will come back: it can go there at once.
    if view.authorize_url.is_some() && connect::browser(&caller).is_some() {
        view.authorize_url = Some(connect::leave(&state, &caller, origin, id).await?);
    }
    reply::created(&format!("/api/v1/connections/{id}"), &view)
}

/// `GET /api/v1/connections/{id}`.
pub(crate) async fn show(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    exchange: Exchange,
    Path(id): Path<ConnectionId>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    let pair = connect::find(&state, &warrant, owner(&warrant)?, id).await?;
    reply::json(&ConnectionView::of(exchange.edge().origin(), pair))
}

/// `DELETE /api/v1/connections/{id}`.
pub(crate) async fn delete(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    Path(id): Path<ConnectionId>,
) -> Reply {
    connect::disconnect(&state, &caller, id).await?;
    reply::no_content()
}
