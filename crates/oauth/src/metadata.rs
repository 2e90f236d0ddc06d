//! What the server says of itself: its document and its keys.

use axum::extract::State;
use http::HeaderValue;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL};
use tollgate_edge::reply::{self, Reply};
use tollgate_kernel::Scope;
use tollgate_protocol::oauth::{Jwks, Metadata};

use crate::state::OAuthState;

/// For how long the documents may be kept: less than a new key is published before it signs.
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=600");

/// `GET /.well-known/openid-configuration`, and the same by its other name.
pub(crate) async fn show(State(state): State<OAuthState>) -> Reply {
    let mut scopes = Scope::IDENTITY.to_vec();
    scopes.extend([Scope::MODELS, Scope::CONNECTIONS]);
    open(reply::json(&Metadata::new(state.gate.issuer(), scopes)))
}

/// `GET /oauth/jwks.json`.
pub(crate) async fn keys(State(state): State<OAuthState>) -> Reply {
    state.gate.ensure_id_key().await?;
    open(reply::json(&Jwks { keys: state.gate.jwks() }))
}

/// Pages of anybody may read it.
fn open(reply: Reply) -> Reply {
    let mut response = reply?;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, KEPT);
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Ok(response)
}
