//! `/api/v1/tokens`.

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::shapes::BudgetShape;
use tollgate_edge::{Body, Caller, Reply, reply};
use tollgate_kernel::{Budget, ModelPattern, UserId};

use crate::issue_token::{TokenWish, issue_token};
use crate::state::IdentityState;

/// What the token is for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenBody {
    /// One of our doors, by address; the models door unless said.
    audience: Option<String>,
    /// What it allows; all that the audience knows unless said.
    scope: Option<String>,
    /// The models that it may call, by name or by the beginning of names with a `*` after it; all
    /// of the plan unless said.
    #[schemars(with = "Option<Vec<String>>")]
    models: Option<Vec<ModelPattern>>,
    /// The person it is for, as owners, admins and admin keys may say; the caller unless said. It
    /// ends with what made it, calls models alone, and counts for that key's limits too.
    #[schemars(with = "Option<String>")]
    user: Option<UserId>,
    /// A budget of its own, beside those of its person.
    #[schemars(with = "Option<BudgetShape>")]
    budget: Option<Budget>,
    /// Seconds, at most 3,600; 300 unless said.
    expires_in: Option<u32>,
}

/// An access token.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TokenView {
    access_token: String,
    /// `Bearer` (RFC 6750).
    token_type: &'static str,
    /// Seconds.
    expires_in: i64,
    scope: String,
}

pub(crate) async fn create(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Body(body): Body<TokenBody>,
) -> Reply {
    let TokenBody { audience, scope, models, user, budget, expires_in } = body;
    let wish = TokenWish { audience, scope, models, user, budget, expires_in };
    let issued = issue_token(&state.gate, &caller, wish).await?;
    reply::json(&TokenView {
        access_token: issued.token.expose().to_owned(),
        token_type: "Bearer",
        expires_in: issued.expires_in,
        scope: issued.scope,
    })
}
