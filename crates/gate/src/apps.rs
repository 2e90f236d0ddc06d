//! Apps: who they are at the token endpoint, and what their tokens stand for elsewhere.

use std::sync::Arc;

use tollgate_kernel::{
    Client, ClientId, CredentialId, Error, GrantId, Method, Network, OAuthCode, PlainToken,
    RequestId, Role, Scopes, Subject, TokenId,
};
use tollgate_protocol::jwt::{AccessClaims, Unverified};
use tollgate_protocol::oauth::{ClientAuth, Proof};
use tollgate_store::{AccountState, AuthMethod, ClientKind, ClientRecord, Owner};
use tollgate_vault::{HashedToken, Purpose};
use uuid::Uuid;

use crate::authn::{Authn, Whose};
use crate::principal::Known;
use crate::standing::Standing;
use crate::{Gate, Principal, Warrant};

impl Gate {
    /// The app that presents itself at the token endpoint; `invalid_client` where it is unknown,
    /// disabled, or does not show that it is the one. Without a look at the store, where it was
    /// here before.
    pub async fn authenticate_app(
        &self,
        auth: &ClientAuth,
        network: Network,
        request: RequestId,
    ) -> Result<Arc<Principal>, Error> {
        let known = self.authn.app(auth).await?;
        Ok(Arc::new(Principal { known, network, request: Some(request) }))
    }

    /// What an access token of ours says, be it revoked or at its end; nothing of any other.
    pub fn read_access_token(&self, _: &Warrant, token: &PlainToken) -> Option<AccessClaims> {
        self.authn.read_access_token(token)
    }

    /// Whether an access token of ours counts now.
    pub async fn counts(&self, _: &Warrant, claims: &AccessClaims) -> Result<bool, Error> {
        let now = self.clock.now();
        if claims.exp <= now.secs() || self.tokens.check(claims, now).is_err() {
            return Ok(false);
        }
        match self.authn.known_token(claims).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == tollgate_kernel::Kind::Unauthenticated => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Authn {
    async fn app(&self, auth: &ClientAuth) -> Result<Arc<Known>, Error> {
        let hash = self.hash_of(auth);
        if let Some(known) = self.remembered(&hash) {
            return Ok(known);
        }
        // As for other credentials: what an event was heeded for meanwhile is read once more.
        let mut heeded = self.lives.heeded();
        let mut known = self.read_app(auth).await?;
        if self.lives.heeded() != heeded {
            heeded = self.lives.heeded();
            known = self.read_app(auth).await?;
        }
        Ok(self.remember(hash, known, heeded))
    }

    /// By what an app is remembered: its id, the way it came, and its secret.
    fn hash_of(&self, auth: &ClientAuth) -> HashedToken {
        let (way, secret) = match &auth.proof {
            Proof::None => (0, ""),
            Proof::Basic { raw, .. } => (1, raw.expose()),
            Proof::Post(secret) => (2, secret.expose()),
        };
        let secret = self.vault.mac(Purpose::ClientSecret, secret.as_bytes());
        // No secret begins so: it would be no text.
        let data = [&[0xff, way], &secret.as_bytes()[..], auth.client_id.as_bytes()].concat();
        self.vault.mac(Purpose::ClientSecret, &data)
    }

    async fn read_app(&self, auth: &ClientAuth) -> Result<Known, Error> {
        let refused = || {
            let detail = "The client is unknown, or did not show that it is the one.";
            Error::oauth(OAuthCode::InvalidClient, detail)
        };
        let client = self.reader.client_called(&auth.client_id).await?.ok_or_else(refused)?;
        let id = client.id;
        if client.state != AccountState::Active || !takes(&client, &auth.proof) {
            return Err(refused());
        }
        if client.kind == ClientKind::Confidential {
            let stored = self.reader.client_secret(id).await?.ok_or_else(refused)?;
            let stored = HashedToken::from_bytes(&stored)?;
            let is = |secret: &PlainToken| {
                self.vault.mac(Purpose::ClientSecret, secret.expose().as_bytes()) == stored
            };
            let shown = match &auth.proof {
                Proof::None => false,
                Proof::Basic { raw, decoded } => is(raw) || is(decoded),
                Proof::Post(secret) => is(secret),
            };
            if !shown {
                return Err(refused());
            }
        }
        let mut known = self.known_app(id.uuid(), &client, Method::Client);
        known.app = Some(Arc::new(client));
        Ok(known)
    }

    /// The app itself, by a credential of which this is the id.
    fn known_app(&self, id: Uuid, client: &ClientRecord, method: Method) -> Known {
        let standing = Standing::of_app(client);
        let live = self.lives.of(id, Some(client.id.uuid()));
        let names_people = client.oauth.user_header;
        let (subject, credential) = (Subject::App(client.id), CredentialId::None);
        let (client, role) = (Client::App(client.id), Role::Member);
        let whose = Whose { subject, client, role, method, credential };
        let known = whose.known(live, standing, self.clock.now());
        Known { names_people, rests_on: vec![id], ..known }
    }

    /// What a token stands for that a person allowed an app.
    pub(crate) async fn known_granted(
        &self,
        id: TokenId,
        grant: GrantId,
        claims: &AccessClaims,
    ) -> Result<Known, Error> {
        let refused = Error::unauthenticated;
        let found = self.reader.grant_standing(grant, id).await?.ok_or_else(refused)?;
        let tollgate_store::GrantStanding { grant, user, client, revoked } = found;
        let active = user.state == AccountState::Active && client.state == AccountState::Active;
        let same = user.id.to_string() == claims.sub && client.id.to_string() == claims.client_id;
        let over = grant.ended_at.is_some() || grant.expires_at <= self.clock.now();
        if !active || !same || over || revoked || grant.resource != claims.aud {
            return Err(refused());
        }
        let on = vec![grant.id.uuid(), client.id.uuid()];
        let live = self.lives.resting(id.uuid(), Some(user.id.uuid()), on);
        let whose = Whose {
            subject: Subject::User(user.id),
            client: Client::App(client.id),
            role: user.role,
            method: Method::AccessToken,
            credential: CredentialId::Grant(grant.id),
        };
        let groups = self.groups_of(user.id).await?;
        let expires_at = Some(grant.expires_at);
        let standing = Standing { expires_at, ..self.standing_of(user, groups) };
        let mut known = whose.known(live, standing, self.clock.now());
        // What the app may have no more, its tokens have no more (T24).
        known.scopes = allowed(&grant.scope, &client)?;
        Ok(known)
    }

    /// What a token stands for that an app got for itself.
    pub(crate) async fn known_app_token(
        &self,
        id: TokenId,
        claims: &AccessClaims,
    ) -> Result<Known, Error> {
        let refused = Error::unauthenticated;
        if claims.sub != claims.client_id {
            return Err(refused());
        }
        let client: ClientId = claims.sub.parse().map_err(|_| refused())?;
        let client = self.reader.client(Owner::All, client).await?;
        let client = client.filter(|client| client.state == AccountState::Active);
        let client = client.ok_or_else(refused)?;
        if self.reader.is_revoked(id).await? {
            return Err(refused());
        }
        let mut known = self.known_app(id.uuid(), &client, Method::AccessToken);
        known.scopes = allowed(claims.scope.as_deref().unwrap_or_default(), &client)?;
        Ok(known)
    }

    fn read_access_token(&self, token: &PlainToken) -> Option<AccessClaims> {
        let unverified = Unverified::parse(token.expose()).ok()?;
        let verified =
            unverified.verified(|token| self.tokens.is_ours(token, self.clock.now())).ok()?;
        let claims = AccessClaims::parse(&verified).ok()?;
        (claims.iss == self.tokens.issuer()).then_some(claims)
    }
}

/// What of `scope` the app may have today.
fn allowed(scope: &str, client: &ClientRecord) -> Result<Scopes, Error> {
    let Scopes::Only(mut scopes) = Scopes::parse(scope)? else { return Ok(Scopes::All) };
    scopes.retain(|scope| client.oauth.may_have(scope.as_str()));
    Ok(Scopes::Only(scopes))
}

/// Whether an app may show in this way that it is the one.
fn takes(client: &ClientRecord, proof: &Proof) -> bool {
    let way = match proof {
        Proof::None => AuthMethod::None,
        Proof::Basic { .. } => AuthMethod::Basic,
        Proof::Post(_) => AuthMethod::Post,
    };
    match (client.kind, client.oauth.auth_method) {
        (ClientKind::Public, _) => way == AuthMethod::None,
        (ClientKind::Confidential, None | Some(AuthMethod::None)) => way != AuthMethod::None,
        (ClientKind::Confidential, Some(method)) => way == method,
    }
}
