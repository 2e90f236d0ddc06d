//! An app redeems the code that a person's browser brought (RFC 6749, 4.1.3).

use std::time::Duration;

use tollgate_gate::{Gate, Warrant};
use tollgate_kernel::{Error, OAuthCode, PlainToken, Scope, Timestamp};
use tollgate_protocol::api_key::TokenType;
use tollgate_protocol::oauth::{Challenge, GrantType, Verifier};
use tollgate_store::{
    AccountState, AuditEvent, ClientRecord, CodeRecord, NewGrant, Owner, Tx, Used, UserRecord,
};
use tracing::warn;

use crate::issue::{Access, SignedIn, Tokens, issue};
use crate::refresh::refresh_ends;
use crate::scopes::{covers, is_legacy, may_use, same_resource};

/// What is presented.
pub(crate) struct Redemption<'a> {
    pub(crate) code: PlainToken,
    pub(crate) redirect_uri: Option<String>,
    pub(crate) verifier: Option<Verifier>,
    pub(crate) resource: Option<&'a str>,
}

/// Gives tokens for a code: once, to the app that it was made for, with all that it is bound to.
/// What does not fit leaves the code as it is (G17). Who fits and comes second ends what the first
/// one got (T3).
pub(crate) async fn redeem_code(
    gate: &Gate,
    warrant: &Warrant,
    client: &ClientRecord,
    redemption: Redemption<'_>,
) -> Result<Tokens, Error> {
    let hash = gate.hash_presented(TokenType::Code, &redemption.code).ok_or_else(refused)?;
    let (refresh, refresh_hash) = gate.new_token(TokenType::Refresh);
    let code = gate.read(warrant).code(hash.as_bytes()).await?.ok_or_else(refused)?;
    fits(gate, client, &code, &redemption)?;
    // First of all: a replay is one also when its session is over.
    if code.used_at.is_some() {
        return Err(replayed(gate, gate.begin(warrant).await?, &code).await?);
    }
    if code.expires_at <= gate.clock().now() {
        return Err(refused());
    }
    // All that is read is read before: a transaction that waited for a connection to read by would
    // wait for others that wait for it. Whoever ends the session meanwhile takes the code away.
    let user = signed_in(gate, warrant, &code).await?;
    let mut tx = gate.begin(warrant).await?;
    match tx.use_code(hash.as_bytes()).await? {
        Used::Now => {}
        Used::Before => return Err(replayed(gate, tx, &code).await?),
        Used::Gone => return Err(refused()),
    }
    let refreshes = may_use(client, GrantType::RefreshToken);
    let life_s = if refreshes { client.oauth.refresh_token_s } else { client.oauth.access_token_s };
    let ends = tx.now().plus(Duration::from_secs(u64::from(life_s)));
    // Who signs in to an app is signed in as long as here, unless the app was allowed more.
    let bound = covers(&code.scope, Scope::OPENID) && !covers(&code.scope, Scope::OFFLINE);
    let grant = NewGrant {
        id: code.grant,
        client: client.id,
        user: code.user,
        session: bound.then_some(code.session),
        scope: code.scope.clone(),
        resource: code.resource.clone(),
        auth_time: code.auth_time,
        expires_at: ends,
    };
    tx.insert_grant(&grant).await?;
    if refreshes {
        let token_ends = refresh_ends(tx.now(), ends);
        tx.insert_refresh(refresh_hash.as_bytes(), grant.id, 1, token_ends).await?;
    }
    tx.commit(AuditEvent::new("grant.create", format!("grant:{}", grant.id))).await?;
    answer(gate, warrant, client, (code, user, ends), refreshes.then_some(refresh)).await
}

/// The tokens of a grant that was just made.
async fn answer(
    gate: &Gate,
    warrant: &Warrant,
    client: &ClientRecord,
    (code, user, ends): (CodeRecord, UserRecord, Timestamp),
    refresh: Option<PlainToken>,
) -> Result<Tokens, Error> {
    let access = Access {
        subject: code.user.to_string(),
        grant: Some((code.grant, code.auth_time)),
        resource: &code.resource,
        scope: code.scope.clone(),
        ends: Some(ends),
    };
    let tokens = issue(gate, warrant, client, access)?.with_refresh(refresh);
    let (session, auth_time, nonce) = (Some(code.session), code.auth_time, code.nonce);
    let signed_in = SignedIn { user: &user, session, auth_time, nonce };
    tokens.with_id(gate, warrant, client, signed_in).await
}

fn refused() -> Error {
    let detail = "The code is unknown, used or expired, or was made for another request.";
    Error::oauth(OAuthCode::InvalidGrant, detail)
}

/// Refuses whatever is not what the code was made for.
fn fits(
    gate: &Gate,
    client: &ClientRecord,
    code: &CodeRecord,
    redemption: &Redemption<'_>,
) -> Result<(), Error> {
    let proven = match (&code.challenge, &redemption.verifier) {
        (Some(challenge), Some(verifier)) => {
            let challenge = Challenge::stored(challenge.clone());
            challenge.is(&gate.sha256(verifier.as_bytes()))
        }
        (None, None) => is_legacy(client),
        // Neither side may drop it (T4).
        (Some(_), None) | (None, Some(_)) => false,
    };
    let same = code.client == client.id && code.redirect_uri == redemption.redirect_uri;
    if !proven || !same {
        return Err(refused());
    }
    same_resource(gate, redemption.resource, &code.resource)
}

/// Ends what came of a code that is redeemed a second time, if it has not ended.
async fn replayed(gate: &Gate, mut tx: Tx, code: &CodeRecord) -> Result<Error, Error> {
    if !tx.end_grant(code.grant).await? {
        return Ok(refused());
    }
    tx.commit(AuditEvent::new("code.replay", format!("grant:{}", code.grant))).await?;
    gate.heed().await;
    warn!(client = %code.client, user = %code.user, grant = %code.grant,
        "a code was redeemed twice; what came of it is revoked");
    Ok(refused())
}

/// The person, if they may still come in and the session is still open.
async fn signed_in(gate: &Gate, warrant: &Warrant, code: &CodeRecord) -> Result<UserRecord, Error> {
    let (reader, owner) = (gate.read(warrant), Owner::User(code.user));
    reader.session(owner, code.session).await?.ok_or_else(refused)?;
    let user = reader.user(Owner::All, code.user).await?;
    user.filter(|user| user.state == AccountState::Active).ok_or_else(refused)
}
