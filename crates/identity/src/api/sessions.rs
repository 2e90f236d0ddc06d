//! `/api/v1/sessions`.

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::shapes::List;
use tollgate_edge::{Caller, Path, Query, Reply, reply};
use tollgate_kernel::{SessionId, Timestamp, UserId};

use super::part::page_request;
use crate::end_session::end_session;
use crate::list_sessions::list_sessions;
use crate::state::IdentityState;

/// Which sessions.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionList {
    limit: Option<u32>,
    cursor: Option<String>,
    /// Of this person.
    #[schemars(with = "Option<String>")]
    user: Option<UserId>,
}

/// A signed-in browser.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SessionView {
    #[schemars(with = "String")]
    id: SessionId,
    #[schemars(with = "String")]
    user: UserId,
    #[schemars(with = "String")]
    created_at: Timestamp,
    #[schemars(with = "String")]
    last_seen_at: Timestamp,
    #[schemars(with = "String")]
    expires_at: Timestamp,
    /// Where the sign-in came from.
    network: Option<String>,
    /// What the browser called itself.
    agent: Option<String>,
    /// Whether it is the one that asks.
    current: bool,
}

pub(crate) async fn list(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Query(query): Query<SessionList>,
) -> Reply {
    let SessionList { limit, cursor, user } = query;
    let request = page_request::<SessionId>(limit, cursor.as_deref())?;
    let page = list_sessions(&state.gate, &caller, user, &request).await?;
    let own = caller.credential().session();
    let items = page.items.into_iter().map(|session| SessionView {
        current: own == Some(session.id),
        id: session.id,
        user: session.user,
        created_at: session.created_at,
        last_seen_at: session.last_seen_at,
        expires_at: session.expires_at,
        network: session.network,
        agent: session.agent,
    });
    reply::json(&List { items: items.collect(), next: page.next })
}

pub(crate) async fn end(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Path(id): Path<SessionId>,
) -> Reply {
    end_session(&state.gate, &caller, id).await?;
    reply::no_content()
}
