//! `/api/v1/tokens`.

use axum::extract::State;
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use tollgate_edge::shapes::BudgetShape;
use tollgate_edge::{Body, Caller, Reply, reply};
use tollgate_kernel::{Error, ModelPattern};

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
    /// Whom it is for. Not yet: it is for the person who asks, and anything here is refused.
    user: Option<String>,
    /// Its own budget. Not yet: anything here is refused.
    #[schemars(with = "Option<BudgetShape>")]
    budget: Option<IgnoredAny>,
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
    if user.is_some() {
        let detail = "Tokens for other people are not made yet. Make a key for the person instead.";
        return Err(Error::invalid(detail).with_param("user").into());
    }
    if budget.is_some() {
        let detail = "Tokens with a budget of their own are not made yet. Make a key with one.";
        return Err(Error::invalid(detail).with_param("budget").into());
    }
    let wish = TokenWish { audience, scope, models, expires_in };
    let issued = issue_token(&state.gate, &caller, wish).await?;
    reply::json(&TokenView {
        access_token: issued.token.expose().to_owned(),
        token_type: "Bearer",
        expires_in: issued.expires_in,
        scope: issued.scope,
    })
}
