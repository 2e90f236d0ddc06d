//! `/api/v1/identities`.

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::shapes::List;
use tollgate_edge::{Caller, Path, Query, Reply, reply};
use tollgate_kernel::{IdentityId, Slug, Timestamp, UserId};

use super::part::page_request;
use crate::state::IdentityState;
use crate::unlink_identity::{list_identities, unlink_identity};

/// Which linked accounts.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdentityList {
    limit: Option<u32>,
    cursor: Option<String>,
    /// Of this person.
    #[schemars(with = "Option<String>")]
    user: Option<UserId>,
}

/// An account at a sign-in provider that is linked to a person's account here.
#[derive(Serialize, JsonSchema)]
pub(crate) struct IdentityView {
    #[schemars(with = "String")]
    id: IdentityId,
    #[schemars(with = "String")]
    user: UserId,
    /// The provider it was last used with.
    #[schemars(with = "String")]
    provider: Slug,
    /// Who vouches for the subject.
    issuer: String,
    /// What the issuer calls the person.
    subject: String,
    /// The e-mail address that the provider told last; it decides nothing.
    email: Option<String>,
    #[schemars(with = "String")]
    created_at: Timestamp,
    #[schemars(with = "String")]
    last_used_at: Timestamp,
}

pub(crate) async fn list(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Query(query): Query<IdentityList>,
) -> Reply {
    let IdentityList { limit, cursor, user } = query;
    let request = page_request::<IdentityId>(limit, cursor.as_deref())?;
    let page = list_identities(&state.gate, &caller, user, &request).await?;
    let items = page.items.into_iter().map(|identity| IdentityView {
        id: identity.id,
        user: identity.user,
        provider: identity.provider,
        issuer: identity.issuer,
        subject: identity.subject,
        email: identity.email,
        created_at: identity.created_at,
        last_used_at: identity.last_used_at,
    });
    reply::json(&List { items: items.collect(), next: page.next })
}

pub(crate) async fn unlink(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Path(id): Path<IdentityId>,
) -> Reply {
    unlink_identity(&state.gate, &caller, id).await?;
    reply::no_content()
}
