//! `/api/v1/grants`: what a person allowed apps, and taking it back.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::shapes::List;
use tollgate_edge::{Caller, Path};
use tollgate_gate::Principal;
use tollgate_kernel::{ClientId, Error, Manage, Noun, Timestamp};
use tollgate_store::{AuditEvent, ConsentRecord};

use crate::state::OAuthState;

/// What a person allowed an app.
#[derive(Serialize, JsonSchema)]
pub(crate) struct GrantView {
    /// The app.
    #[schemars(with = "String")]
    client_id: ClientId,
    /// Its name.
    name: String,
    /// For which address.
    resource: String,
    /// What it may do there.
    scopes: Vec<String>,
    /// When the person said so last.
    #[schemars(with = "String")]
    updated_at: Timestamp,
}

impl From<ConsentRecord> for GrantView {
    fn from(consent: ConsentRecord) -> Self {
        let ConsentRecord { client, name, resource, scope, updated_at } = consent;
        let scopes = scope.split(' ').map(str::to_owned).collect();
        Self { client_id: client, name, resource, scopes, updated_at }
    }
}

/// `GET /api/v1/grants`: one's own.
pub(crate) async fn list(State(state): State<OAuthState>, Caller(caller): Caller) -> Reply {
    let warrant = state.gate.allow(&caller, Manage::read(Noun::Grants))?;
    let items = match caller.user() {
        Some(user) => state.gate.read(&warrant).consents(user).await?,
        None => Vec::new(),
    };
    let items = items.into_iter().map(GrantView::from).collect();
    reply::json(&List::<GrantView> { items, next: None })
}

/// `DELETE /api/v1/grants/{client_id}`: takes back what one allowed an app, and ends its tokens.
pub(crate) async fn withdraw(
    State(state): State<OAuthState>,
    Caller(caller): Caller,
    Path(client): Path<ClientId>,
) -> Reply {
    take_back(&state, &caller, client).await?;
    reply::no_content()
}

/// Takes back what the caller allowed an app; not found where that is nothing.
pub(crate) async fn take_back(
    state: &OAuthState,
    caller: &Arc<Principal>,
    client: ClientId,
) -> Result<(), Error> {
    let warrant = state.gate.allow(caller, Manage::write(Noun::Grants))?;
    let user = caller.user().ok_or_else(Error::not_found)?;
    let mut tx = state.gate.begin(&warrant).await?;
    if !tx.withdraw_consent(user, client).await? {
        return Err(Error::not_found());
    }
    tx.commit(AuditEvent::new("consent.withdraw", format!("client:{client}"))).await?;
    state.gate.heed().await;
    Ok(())
}
