//! `/api/v1/tools/{id}/verification-tokens`: what services look for in a manifest before they
//! believe that its owner gave them a secret. They are public, and change without anything else,
//! also where the tool is declared in the file.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::{Body, Caller, Path};
use tollgate_gate::Warrant;
use tollgate_kernel::{Error, Slug};
use tollgate_protocol::tool::check_service;
use tollgate_store::{AuditEvent, ToolRecord};

use super::change::checked_tokens;
use super::tools::ToolView;
use crate::state::{ToolsState, WRITE};

/// What a service looks for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerificationBody {
    /// What the service gave its owner, as it stands.
    token: String,
}

/// `PUT /api/v1/tools/{id}/verification-tokens/{service}`.
pub(crate) async fn put(
    State(state): State<ToolsState>,
    Caller(caller): Caller,
    Path((id, service)): Path<(Slug, String)>,
    Body(body): Body<VerificationBody>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    reply::json(&ToolView::of(
        &state,
        set(&state, &warrant, &id, &service, Some(&body.token)).await?,
    ))
}

/// `DELETE /api/v1/tools/{id}/verification-tokens/{service}`.
pub(crate) async fn delete(
    State(state): State<ToolsState>,
    Caller(caller): Caller,
    Path((id, service)): Path<(Slug, String)>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    set(&state, &warrant, &id, &service, None).await?;
    reply::no_content()
}

/// Publishes what `service` looks for; `None` publishes it no longer.
pub(crate) async fn set(
    state: &ToolsState,
    warrant: &Warrant,
    id: &Slug,
    service: &str,
    token: Option<&str>,
) -> Result<ToolRecord, Error> {
    let mut tool = state.find(warrant, id).await?;
    let mut tokens = std::mem::take(&mut tool.verification_tokens);
    match token {
        Some(token) => {
            check_service(service, token)?;
            tokens.insert(service.to_owned(), token.to_owned());
        }
        None => {
            tokens.remove(service).ok_or_else(Error::not_found)?;
        }
    }
    tool.verification_tokens = checked_tokens(tokens)?;
    tool.upstream_auth_sealed = state.gate.carry_tool_auth(warrant, &tool)?;
    let mut tx = state.gate.begin(warrant).await?;
    tx.update_tool(&tool).await?;
    let action = if token.is_some() { "tool.verification.set" } else { "tool.verification.delete" };
    state.commit(tx, AuditEvent::new(action, format!("tool:{id}/{service}"))).await?;
    state.find(warrant, id).await
}
