//! The token endpoint (RFC 6749, 3.2).

use std::sync::Arc;

use axum::extract::State;
use http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::{Exchange, RawBody};
use tollgate_kernel::{Error, OAuthCode};
use tollgate_protocol::oauth::{GrantRequest, TokenRequest};

use crate::app::{Asking, asking};
use crate::client_credentials::client_credentials;
use crate::cors;
use crate::redeem_code::{Redemption, redeem_code};
use crate::refresh::refresh;
use crate::scopes::may_use;
use crate::state::OAuthState;

/// What old caches heed (RFC 6749, 5.1).
const PRAGMA: HeaderName = http::header::PRAGMA;

/// `POST /oauth/token`.
pub(crate) async fn answer(
    State(state): State<OAuthState>,
    exchange: Exchange,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Reply {
    let asking = asking(&state, &exchange, &headers, &body).await?;
    let client = Arc::clone(&asking.client);
    cors::readable(tokens(&state, asking).await, &headers, &client)
}

/// The tokens that an app gets for what it presents.
async fn tokens(state: &OAuthState, asking: Asking) -> Reply {
    let TokenRequest { grant, scope, resource } = TokenRequest::parse(&asking.params)?;
    let Asking { warrant, client, .. } = asking;
    if !may_use(&client, grant.kind()) {
        let detail = format!("This app may not use the grant type {}.", grant.kind().as_str());
        return Err(Error::oauth(OAuthCode::UnauthorizedClient, detail).into());
    }
    let (scope, resource) = (scope.as_deref(), resource.as_deref());
    let gate = &state.gate;
    let tokens = match grant {
        GrantRequest::Code { code, redirect_uri, verifier } => {
            let redemption = Redemption { code, redirect_uri, verifier, resource };
            redeem_code(gate, &warrant, &client, redemption).await?
        }
        GrantRequest::Refresh(token) => {
            refresh(gate, &warrant, &client, &token, (scope, resource)).await?
        }
        GrantRequest::ClientCredentials => {
            client_credentials(gate, &warrant, &client, scope, resource)?
        }
    };
    let mut response = reply::json(&tokens)?;
    response.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    Ok(response)
}
