//! What the token endpoint answers, and how access and ID tokens are made.

use serde::Serialize;
use tollgate_gate::{Gate, Warrant};
use tollgate_kernel::{Error, GrantId, PlainToken, Scope, SessionId, Timestamp, TokenId};
use tollgate_protocol::jwt::AccessClaims;
use tollgate_protocol::oauth::IdClaims;
use tollgate_store::{ClientRecord, UserRecord};

use crate::scopes::{covers, is_legacy};

/// How long an ID token lasts, in seconds: it is read once, when it comes.
const ID_TOKEN_S: i64 = 300;

/// The answer to a token request (RFC 6749, 5.1). No `Debug`.
#[derive(Serialize)]
pub(crate) struct Tokens {
    access_token: Shown,
    token_type: &'static str,
    expires_in: i64,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<Shown>,
}

/// A token on its way out.
struct Shown(PlainToken);

impl Serialize for Shown {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

/// What an access token is to say.
pub(crate) struct Access<'a> {
    /// The person, or the app itself.
    pub(crate) subject: String,
    /// The grant that it comes of, and when its person signed in.
    pub(crate) grant: Option<(GrantId, Timestamp)>,
    /// For whom it is.
    pub(crate) resource: &'a str,
    /// The scopes, separated by spaces.
    pub(crate) scope: String,
    /// When it ends at the latest.
    pub(crate) ends: Option<Timestamp>,
}

/// Makes an access token for an app.
pub(crate) fn issue(
    gate: &Gate,
    warrant: &Warrant,
    client: &ClientRecord,
    access: Access<'_>,
) -> Result<Tokens, Error> {
    let Access { subject, grant, resource, scope, ends } = access;
    let now = gate.clock().now().secs();
    let exp = now + i64::from(client.oauth.access_token_s);
    let exp = exp.min(ends.map_or(i64::MAX, Timestamp::secs));
    let claims = AccessClaims {
        iss: String::new(),
        sub: subject,
        aud: resource.to_owned(),
        exp,
        iat: now,
        nbf: None,
        jti: TokenId::new(&**gate.clock(), &**gate.rng()).to_string(),
        client_id: client.id.to_string(),
        scope: Some(scope.clone()),
        sid: None,
        models: None,
        key: None,
        budget: None,
        grant: grant.map(|(grant, _)| grant.to_string()),
        auth_time: grant.map(|(_, at)| at.secs()),
    };
    Ok(Tokens {
        access_token: Shown(gate.mint(warrant, claims)?),
        // The first plugin hosts compare the word as it stands.
        token_type: if is_legacy(client) { "bearer" } else { "Bearer" },
        expires_in: exp - now,
        scope,
        refresh_token: None,
        id_token: None,
    })
}

/// Who signed in, for an ID token.
pub(crate) struct SignedIn<'a> {
    pub(crate) user: &'a UserRecord,
    pub(crate) session: Option<SessionId>,
    pub(crate) auth_time: Timestamp,
    pub(crate) nonce: Option<String>,
}

impl Tokens {
    /// With a refresh token.
    pub(crate) fn with_refresh(mut self, token: Option<PlainToken>) -> Self {
        self.refresh_token = token.map(Shown);
        self
    }

    /// With an ID token, where the scopes ask for one (OpenID Connect Core, 3.1.3.3).
    pub(crate) async fn with_id(
        mut self,
        gate: &Gate,
        warrant: &Warrant,
        client: &ClientRecord,
        signed_in: SignedIn<'_>,
    ) -> Result<Self, Error> {
        if !covers(&self.scope, Scope::OPENID) {
            return Ok(self);
        }
        gate.ensure_id_key().await?;
        let SignedIn { user, session, auth_time, nonce } = signed_in;
        let now = gate.clock().now().secs();
        let hash = gate.sha256(self.access_token.0.expose().as_bytes());
        let claims = IdClaims {
            iss: String::new(),
            sub: user.id.to_string(),
            aud: client.client_id(),
            exp: now + ID_TOKEN_S,
            iat: now,
            auth_time: Some(auth_time.secs()),
            nonce,
            at_hash: Some(IdClaims::at_hash(&hash)),
            sid: session.map(|session| session.to_string()),
            ..about(gate, warrant, user, &self.scope).await?
        };
        self.id_token = Some(Shown(gate.mint_id(warrant, claims)?));
        Ok(self)
    }
}

/// What the scopes let an app know of a person (OpenID Connect Core, 5.4).
pub(crate) async fn about(
    gate: &Gate,
    warrant: &Warrant,
    user: &UserRecord,
    scope: &str,
) -> Result<IdClaims, Error> {
    let mut claims = IdClaims::default();
    if covers(scope, Scope::PROFILE) {
        claims.name = Some(user.name.clone()).filter(|name| !name.is_empty());
        claims.locale.clone_from(&user.locale);
    }
    if covers(scope, Scope::EMAIL) {
        claims.email = Some(user.email.clone());
        claims.email_verified = Some(gate.read(warrant).is_email_vouched(user).await?);
    }
    Ok(claims)
}
