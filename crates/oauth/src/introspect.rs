//! An app asks whether a token counts (RFC 7662).

use axum::extract::State;
use http::HeaderMap;
use serde::Serialize;
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::{Exchange, RawBody};
use tollgate_gate::{Gate, Warrant};
use tollgate_kernel::{Error, OAuthCode, PlainToken};
use tollgate_protocol::api_key::TokenType;
use tollgate_store::{AccountState, ClientKind, ClientRecord, Owner};

use crate::app::asking;
use crate::state::OAuthState;

/// What is told of a token (RFC 7662, 2.2). Of one that does not count, nothing.
#[derive(Default, Serialize)]
struct Told {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
}

/// `POST /oauth/introspect`.
pub(crate) async fn answer(
    State(state): State<OAuthState>,
    exchange: Exchange,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Reply {
    let asking = asking(&state, &exchange, &headers, &body).await?;
    if asking.client.kind != ClientKind::Confidential {
        let detail = "An app without a secret is told nothing about tokens.";
        return Err(Error::oauth(OAuthCode::InvalidClient, detail).into());
    }
    let token = PlainToken::new(asking.params.needed("token")?.to_owned());
    let (gate, warrant, client) = (&state.gate, &asking.warrant, &asking.client);
    let told = match gate.hash_presented(TokenType::Refresh, &token) {
        Some(hash) => refresh_token(gate, warrant, client, hash.as_bytes()).await?,
        None => access_token(gate, warrant, client, &token).await?,
    };
    reply::json(&told.unwrap_or_default())
}

/// What is told of an access token: to the app that has it, and to whom it is for.
async fn access_token(
    gate: &Gate,
    warrant: &Warrant,
    client: &ClientRecord,
    token: &PlainToken,
) -> Result<Option<Told>, Error> {
    let Some(claims) = gate.read_access_token(warrant, token) else { return Ok(None) };
    let mut own = client.oauth.resources.iter().filter_map(|uri| gate.resource(uri));
    let for_them = own.any(|resource| resource.uri == claims.aud);
    let theirs = claims.client_id == client.id.to_string();
    if !(theirs || for_them) || !gate.counts(warrant, &claims).await? {
        return Ok(None);
    }
    Ok(Some(Told {
        active: true,
        scope: claims.scope,
        client_id: Some(claims.client_id),
        token_type: Some("Bearer"),
        exp: Some(claims.exp),
        iat: Some(claims.iat),
        sub: Some(claims.sub),
        aud: Some(claims.aud),
        iss: Some(claims.iss),
        jti: Some(claims.jti),
    }))
}

/// What is told of a refresh token, to its app alone.
async fn refresh_token(
    gate: &Gate,
    warrant: &Warrant,
    client: &ClientRecord,
    hash: &[u8; 32],
) -> Result<Option<Told>, Error> {
    let reader = gate.read(warrant);
    let Some((token, grant)) = reader.refresh_token(hash).await? else { return Ok(None) };
    let now = gate.clock().now();
    let over = grant.ended_at.is_some() || token.used_at.is_some() || token.expires_at <= now;
    let user = reader.user(Owner::All, grant.user).await?;
    let active = user.is_some_and(|user| user.state == AccountState::Active);
    if grant.client != client.id || over || !active {
        return Ok(None);
    }
    Ok(Some(Told {
        active: true,
        scope: Some(grant.scope),
        client_id: Some(client.id.to_string()),
        exp: Some(token.expires_at.secs()),
        iat: Some(grant.created_at.secs()),
        sub: Some(grant.user.to_string()),
        iss: Some(gate.issuer().to_owned()),
        ..Told::default()
    }))
}
