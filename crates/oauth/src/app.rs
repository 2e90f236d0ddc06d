//! Which app a request of its own comes from.

use std::sync::Arc;

use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use tollgate_edge::{Attempt, Exchange};
use tollgate_gate::{Principal, Warrant};
use tollgate_kernel::{Error, Kind, Manage, Noun, OAuthCode};
use tollgate_protocol::oauth::{ClientAuth, Params};
use tollgate_store::{ClientKind, ClientRecord};

use crate::scopes::is_legacy;
use crate::state::OAuthState;

/// A request of an app that has shown that it is the one.
pub(crate) struct Asking {
    pub(crate) warrant: Warrant,
    pub(crate) client: Arc<ClientRecord>,
    pub(crate) params: Params,
}

/// Reads a request's parameters and authenticates the app that sends it.
pub(crate) async fn asking(
    state: &OAuthState,
    exchange: &Exchange,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Asking, Error> {
    let is_json = is_json(headers)?;
    let params = if is_json { Params::from_json(body)? } else { Params::from_form(body)? };
    let mut presented = headers.get_all(AUTHORIZATION).iter();
    let header = presented.next();
    if presented.next().is_some() {
        let detail = "The request has more than one Authorization header.";
        return Err(Error::oauth(OAuthCode::InvalidRequest, detail));
    }
    let auth = ClientAuth::of(header.map(|value| value.as_bytes()), &params)?;
    let principal = match authenticated(state, exchange, &auth).await {
        Err(error) if error.kind() == Kind::Unauthenticated => {
            let stranger = state.gate.anonymous(exchange.network());
            state.networks.count(Attempt::Anonymous, &stranger)?;
            return Err(error);
        }
        principal => principal?,
    };
    let client = principal.app().cloned();
    let client = client.ok_or_else(|| Error::internal("an app without its record"))?;
    // Whoever knows its id passes for an app without a secret.
    if client.kind == ClientKind::Public {
        state.networks.count(Attempt::Management, &principal)?;
    }
    if is_json && !is_legacy(&client) {
        let detail = "Send the parameters as application/x-www-form-urlencoded.";
        return Err(Error::oauth(OAuthCode::InvalidRequest, detail));
    }
    let warrant = state.gate.allow(&principal, Manage::write(Noun::Grants))?;
    Ok(Asking { warrant, client, params })
}

async fn authenticated(
    state: &OAuthState,
    exchange: &Exchange,
    auth: &ClientAuth,
) -> Result<Arc<Principal>, Error> {
    let principal = state.gate.authenticate_app(auth, exchange.network(), exchange.id()).await?;
    exchange.note().principal(&principal);
    Ok(principal)
}

/// Whether the body is JSON; else it is a form. Anything else is refused.
fn is_json(headers: &HeaderMap) -> Result<bool, Error> {
    let said = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
    let kind = said.map(|said| said.split(';').next().unwrap_or_default().trim());
    match kind.map(str::to_ascii_lowercase).as_deref() {
        None | Some("application/x-www-form-urlencoded") => Ok(false),
        Some("application/json") => Ok(true),
        Some(_) => {
            let detail = "Send the parameters as application/x-www-form-urlencoded.";
            Err(Error::oauth(OAuthCode::InvalidRequest, detail))
        }
    }
}
