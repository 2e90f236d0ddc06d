//! Who signed in (OpenID Connect Core, 5.3).

use std::sync::Arc;

use axum::extract::State;
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE, ORIGIN};
use serde::Serialize;
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::{Attempt, Exchange, RawBody};
use tollgate_gate::{Gate, Presented, Principal};
use tollgate_kernel::{
    CredentialId, Error, Kind, Manage, Noun, OAuthCode, PlainToken, Scope, Scopes,
};
use tollgate_protocol::jwt::Unverified;
use tollgate_protocol::oauth::Params;
use tollgate_store::Owner;

use crate::cors;
use crate::issue::about;
use crate::state::OAuthState;

/// What an app may know of a person.
#[derive(Serialize)]
struct UserInfo {
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
}

/// `GET /oauth/userinfo`.
pub(crate) async fn show(
    State(state): State<OAuthState>,
    exchange: Exchange,
    headers: HeaderMap,
) -> Reply {
    let token = in_header(&headers)?;
    answer(&state, &exchange, &headers, token).await
}

/// `POST /oauth/userinfo`: the token may stand in the body (RFC 6750, 2.2).
pub(crate) async fn by_form(
    State(state): State<OAuthState>,
    exchange: Exchange,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Reply {
    let is_form = headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    let params = if is_form { Params::from_form(&body)? } else { Params::default() };
    let token = match (in_header(&headers)?, params.secret("access_token")) {
        (Some(_), Some(_)) => {
            let detail = "The access token is there in two places. Send it once.";
            return Err(Error::oauth(OAuthCode::InvalidRequest, detail).into());
        }
        (header, body) => header.or(body),
    };
    answer(&state, &exchange, &headers, token).await
}

/// The token of the one `Authorization` header.
fn in_header(headers: &HeaderMap) -> Result<Option<PlainToken>, Error> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let (line, more) = (lines.next(), lines.next());
    if more.is_some() {
        let detail = "The request has more than one Authorization header.";
        return Err(Error::oauth(OAuthCode::InvalidRequest, detail));
    }
    let text = line.and_then(|line| line.to_str().ok()).unwrap_or_default();
    let bearer = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    Ok(bearer.map(|(_, token)| PlainToken::new(token.trim().to_owned())))
}

async fn answer(
    state: &OAuthState,
    exchange: &Exchange,
    headers: &HeaderMap,
    token: Option<PlainToken>,
) -> Reply {
    let gate = &state.gate;
    let (told, principal) = counted(state, exchange, token).await?;
    let reply = reply::json(&told);
    let (true, Some(app)) = (headers.contains_key(ORIGIN), principal.client().app()) else {
        return reply;
    };
    let warrant = gate.allow(&principal, Manage::read(Noun::SignIn))?;
    match gate.read(&warrant).client(Owner::All, app).await? {
        Some(client) => cors::readable(reply, headers, &client),
        None => reply,
    }
}

/// What [`user_info`] says, with those counted who come without a token that is good: the router
/// looks at none here.
async fn counted(
    state: &OAuthState,
    exchange: &Exchange,
    token: Option<PlainToken>,
) -> Result<(UserInfo, Arc<Principal>), Error> {
    let known = user_info(&state.gate, exchange, token).await;
    if known.as_ref().is_err_and(|error| error.kind() == Kind::Unauthenticated) {
        let stranger = state.gate.anonymous(exchange.network());
        state.networks.count(Attempt::Anonymous, &stranger)?;
    }
    known
}

/// What the app that has this token may know of its person.
async fn user_info(
    gate: &Gate,
    exchange: &Exchange,
    token: Option<PlainToken>,
) -> Result<(UserInfo, Arc<Principal>), Error> {
    let invalid = || {
        let detail = "The access token is unknown, expired or revoked.";
        Error::oauth(OAuthCode::InvalidToken, detail)
    };
    let token = token.ok_or_else(Error::unauthenticated)?;
    // Keys are looked up, and noted as used: here they are no credential.
    Unverified::parse(token.expose()).map_err(|_| invalid())?;
    let mut presented = Presented::new();
    presented.bearer(token);
    presented.of_request(exchange.id());
    let principal = gate.authenticate(presented, exchange.network()).await;
    let principal = principal.map_err(|error| match error.kind() {
        Kind::Unauthenticated => invalid(),
        _ => error,
    })?;
    exchange.note().principal(&principal);
    let (Some(user), CredentialId::Grant(_)) = (principal.user(), principal.credential()) else {
        return Err(invalid());
    };
    let Scopes::Only(scopes) = principal.scopes() else { return Err(invalid()) };
    let scopes: Vec<&str> = scopes.iter().map(Scope::as_str).collect();
    if !scopes.contains(&Scope::OPENID) {
        let detail = "This needs the scope openid.";
        return Err(Error::oauth(OAuthCode::InsufficientScope, detail));
    }
    let warrant = gate.allow(&principal, Manage::read(Noun::SignIn))?;
    let user = gate.read(&warrant).user(Owner::User(user), user).await?.ok_or_else(invalid)?;
    let known = about(gate, &warrant, &user, &scopes.join(" ")).await?;
    let told = UserInfo {
        sub: user.id.to_string(),
        name: known.name,
        locale: known.locale,
        email: known.email,
        email_verified: known.email_verified,
    };
    Ok((told, principal))
}
