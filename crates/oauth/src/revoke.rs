//! An app gives a token back (RFC 7009).

use std::sync::Arc;

use axum::extract::State;
use http::HeaderMap;
use serde::Serialize;
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::{Exchange, RawBody};
use tollgate_gate::{Gate, Warrant};
use tollgate_kernel::{Error, PlainToken, Timestamp, TokenId};
use tollgate_protocol::api_key::TokenType;
use tollgate_store::{AuditEvent, ClientRecord, GrantRecord};

use crate::app::{Asking, asking};
use crate::cors;
use crate::state::OAuthState;

/// Nothing is said, whatever the token was.
#[derive(Serialize)]
struct Nothing {}

/// `POST /oauth/revoke`.
pub(crate) async fn answer(
    State(state): State<OAuthState>,
    exchange: Exchange,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Reply {
    let asking = asking(&state, &exchange, &headers, &body).await?;
    let client = Arc::clone(&asking.client);
    cors::readable(revoked(&state.gate, asking).await, &headers, &client)
}

async fn revoked(gate: &Gate, asking: Asking) -> Reply {
    let token = PlainToken::new(asking.params.needed("token")?.to_owned());
    revoke(gate, &asking.warrant, &asking.client, &token).await?;
    reply::json(&Nothing {})
}

/// How much longer than a token its revocation is remembered, in seconds, as clocks differ.
const LONGER_S: i64 = 120;

/// Ends the family of a refresh token, or one access token. An app ends its own alone; what is
/// somebody else's, or nothing of ours, stays as it is (G18). What is over is left alone: whoever
/// sends it again and again writes nothing.
async fn revoke(
    gate: &Gate,
    warrant: &Warrant,
    client: &ClientRecord,
    token: &PlainToken,
) -> Result<(), Error> {
    if let Some(hash) = gate.hash_presented(TokenType::Refresh, token) {
        let found = gate.read(warrant).refresh_token(hash.as_bytes()).await?;
        let now = gate.clock().now();
        let ends = |grant: &GrantRecord| {
            grant.client == client.id && grant.ended_at.is_none() && grant.expires_at > now
        };
        let Some((_, grant)) = found.filter(|(_, grant)| ends(grant)) else { return Ok(()) };
        let mut tx = gate.begin(warrant).await?;
        if !tx.end_grant(grant.id).await? {
            return Ok(());
        }
        tx.commit(AuditEvent::new("grant.revoke", format!("grant:{}", grant.id))).await?;
        gate.heed().await;
        return Ok(());
    }
    let claims = gate.read_access_token(warrant, token);
    let Some(claims) = claims.filter(|claims| claims.client_id == client.id.to_string()) else {
        return Ok(());
    };
    let Ok(id) = claims.jti.parse::<TokenId>() else { return Ok(()) };
    let ends = Timestamp::from_secs(claims.exp + LONGER_S);
    if ends <= gate.clock().now() || gate.read(warrant).is_revoked(id).await? {
        return Ok(());
    }
    let mut tx = gate.begin(warrant).await?;
    if !tx.revoke_token(id, ends).await? {
        return Ok(());
    }
    tx.commit(AuditEvent::new("token.revoke", format!("token:{id}"))).await?;
    gate.heed().await;
    Ok(())
}
