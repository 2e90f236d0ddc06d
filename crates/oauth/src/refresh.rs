//! An app gets fresh tokens for its refresh token (RFC 6749, 6), which is replaced each time
//! (RFC 9700, 4.14.2).

use std::time::Duration;

use tollgate_gate::{Gate, Warrant};
use tollgate_kernel::{Error, OAuthCode, PlainToken, Timestamp};
use tollgate_protocol::api_key::TokenType;
use tollgate_store::{
    AccountState, AuditEvent, ClientRecord, GrantRecord, Owner, RefreshRecord, Tx, UserRecord,
};
use tracing::warn;

use crate::issue::{Access, SignedIn, Tokens, issue};
use crate::scopes::{narrowed, same_resource, still_granted};

/// How long the answer to a refresh can be asked for again, by whom it did not reach.
const GRACE: Duration = Duration::from_secs(30);

/// How long a refresh token waits for its use: an app that is left alone is forgotten.
const IDLE: Duration = Duration::from_secs(30 * 86_400);

/// When a refresh token ends that is made at `now`, of a grant that ends at `ends`.
pub(crate) fn refresh_ends(now: Timestamp, ends: Timestamp) -> Timestamp {
    now.plus(IDLE).min(ends)
}

/// Gives tokens for a refresh token, and the one that follows it. The token before it may come
/// again for a short while, as long as its successor was not used, and gets the same successor;
/// any other that comes again ends the whole family.
pub(crate) async fn refresh(
    gate: &Gate,
    warrant: &Warrant,
    client: &ClientRecord,
    token: &PlainToken,
    (scope, resource): (Option<&str>, Option<&str>),
) -> Result<Tokens, Error> {
    let hash = gate.hash_presented(TokenType::Refresh, token).ok_or_else(refused)?;
    let found = gate.read(warrant).refresh_token(hash.as_bytes()).await?;
    let (presented, grant) = found.ok_or_else(refused)?;
    if grant.client != client.id || grant.ended_at.is_some() {
        return Err(refused());
    }
    // First of all: a token that was used and comes again is that also at its own end, for somebody
    // who may not come in, or with another wish than before.
    if presented.used_at.is_some() {
        let mut tx = gate.begin(warrant).await?;
        if !may_come_again(&mut tx, hash.as_bytes()).await? {
            return Err(reused(gate, tx, &grant).await?);
        }
    }
    let (user, granted) = counts(gate, warrant, client, &presented, &grant).await?;
    let scope = narrowed(&granted, scope)?;
    same_resource(gate, resource, &grant.resource)?;
    let (successor, successor_hash) = gate.successor(token, grant.id);
    let mut tx = gate.begin(warrant).await?;
    let target = format!("grant:{}", grant.id);
    if tx.use_refresh(hash.as_bytes()).await? {
        let ends = refresh_ends(tx.now(), grant.expires_at);
        let next = presented.generation + 1;
        tx.insert_refresh(successor_hash.as_bytes(), grant.id, next, ends).await?;
        tx.commit(AuditEvent::new("grant.refresh", target)).await?;
    } else if may_come_again(&mut tx, hash.as_bytes()).await? {
        tx.commit(AuditEvent::new("grant.refresh_again", target)).await?;
    } else {
        return Err(reused(gate, tx, &grant).await?);
    }
    let access = Access {
        subject: grant.user.to_string(),
        grant: Some((grant.id, grant.auth_time)),
        resource: &grant.resource,
        scope,
        ends: Some(grant.expires_at),
    };
    let tokens = issue(gate, warrant, client, access)?.with_refresh(Some(successor));
    // As it was at the sign-in, without its nonce (OpenID Connect Core, 12.2).
    let (session, auth_time, nonce) = (grant.session, grant.auth_time, None);
    let signed_in = SignedIn { user: &user, session, auth_time, nonce };
    tokens.with_id(gate, warrant, client, signed_in).await
}

/// Ends the family of a token that was used and comes again, if it has not ended.
async fn reused(gate: &Gate, mut tx: Tx, grant: &GrantRecord) -> Result<Error, Error> {
    if !tx.end_grant(grant.id).await? {
        return Ok(refused());
    }
    tx.commit(AuditEvent::new("grant.reuse", format!("grant:{}", grant.id))).await?;
    gate.heed().await;
    warn!(client = %grant.client, user = %grant.user, grant = %grant.id,
        "a refresh token was used again; its family is revoked");
    Ok(refused())
}

fn refused() -> Error {
    let detail = "The refresh token is unknown, used, expired or revoked. Sign in again.";
    Error::oauth(OAuthCode::InvalidGrant, detail)
}

/// The person, and what the app may still have of the grant. Refuses a token of a family that is
/// over, of somebody who may not come in any more, and one of which nothing is left (T24). None of
/// that uses the token up.
async fn counts(
    gate: &Gate,
    warrant: &Warrant,
    client: &ClientRecord,
    token: &RefreshRecord,
    grant: &GrantRecord,
) -> Result<(UserRecord, String), Error> {
    let now = gate.clock().now();
    if grant.expires_at <= now || token.expires_at <= now {
        return Err(refused());
    }
    let user = gate.read(warrant).user(Owner::All, grant.user).await?;
    let user = user.filter(|user| user.state == AccountState::Active).ok_or_else(refused)?;
    let granted = still_granted(gate, client, &grant.resource, &grant.scope);
    Ok((user, granted.ok_or_else(refused)?))
}

/// Whether a used token is the one before the last, used a moment ago, and the last one is not.
async fn may_come_again(tx: &mut Tx, hash: &[u8; 32]) -> Result<bool, Error> {
    let Some((token, grant)) = tx.refresh_token(hash).await? else { return Ok(false) };
    let next = tx.refresh_of_generation(grant.id, token.generation + 1).await?;
    let unused = next.is_some_and(|next| next.used_at.is_none());
    let lately = token.used_at.is_some_and(|used_at| used_at.plus(GRACE) >= tx.now());
    Ok(unused && lately && grant.ended_at.is_none())
}
