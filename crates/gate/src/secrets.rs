//! What doors may do with secrets: hash, seal and mint, never open.

use std::sync::Arc;

use tollgate_kernel::{Clock, Error, GrantId, PlainToken, Rng, Secret, Slug};
use tollgate_protocol::api_key::{self, TokenType};
use tollgate_protocol::jwt::AccessClaims;
use tollgate_store::{ToolRecord, UpstreamRecord};
use tollgate_vault::{HashedToken, ProviderKey, Purpose, Sealed, Vault, Verdict};

use crate::load;
use crate::tool::auth_place;
use crate::{Gate, Warrant};

impl Gate {
    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The randomness of ids and tokens.
    pub fn rng(&self) -> &Arc<dyn Rng> {
        &self.rng
    }

    /// A new token of `kind` with its hash for the store: the token is shown once.
    pub fn new_token(&self, kind: TokenType) -> (PlainToken, HashedToken) {
        let token = api_key::mint(kind, &*self.rng);
        let hash = self.vault.mac(purpose_of(kind), token.expose().as_bytes());
        (token, hash)
    }

    /// The hash by which a presented token is looked up; `None` for what is no token of this kind.
    pub fn hash_presented(&self, kind: TokenType, token: &PlainToken) -> Option<HashedToken> {
        let fits = api_key::parse(token.expose()) == Some(kind);
        fits.then(|| self.vault.mac(purpose_of(kind), token.expose().as_bytes()))
    }

    /// The hash of an app's secret that its owner made.
    pub fn hash_client_secret(&self, _: &Warrant, secret: &Secret) -> HashedToken {
        self.vault.mac(Purpose::ClientSecret, secret.expose().as_bytes())
    }

    /// A keyed hash for one of the doors' own purposes.
    pub fn mac(&self, purpose: Purpose, data: &[u8]) -> HashedToken {
        self.vault.mac(purpose, data)
    }

    /// The text to store for a password. Takes its turn in a small pool.
    pub async fn hash_password(&self, password: PlainToken) -> Result<String, Error> {
        self.passwords.hash(password).await
    }

    /// The text to store for a password that bcrypt hashed elsewhere; other hashes, and costs above
    /// 13, are invalid requests that name `password_hash`.
    pub fn import_password(&self, hash: &Secret) -> Result<Secret, Error> {
        self.vault.import_password(hash).map(Secret::new)
    }

    /// Whether a password is the one behind `stored`; without one the same work is done in vain.
    pub async fn check_password(
        &self,
        stored: Option<String>,
        password: PlainToken,
    ) -> Result<Verdict, Error> {
        self.passwords.check(stored, password).await
    }

    /// Seals our key for an upstream; `version` is the one that its record will have.
    pub fn seal_key(
        &self,
        _: &Warrant,
        upstream: &Slug,
        version: i64,
        key: &Secret,
    ) -> Result<Vec<u8>, Error> {
        let place = load::key_place(upstream, version);
        Ok(self.vault.seal::<ProviderKey>(&place, key, &*self.rng)?.into_bytes())
    }

    /// The sealed key of `upstream`, sealed anew for the version that its record will have next.
    /// Moved back to an older row, neither opens.
    pub fn carry_key(
        &self,
        _: &Warrant,
        upstream: &UpstreamRecord,
    ) -> Result<Option<Vec<u8>>, Error> {
        let Some(bytes) = &upstream.api_key_sealed else { return Ok(None) };
        let sealed = Sealed::<ProviderKey>::from_bytes(bytes.clone());
        let place = |version| load::key_place(&upstream.id, version);
        let key = self.opener.open(&place(upstream.version), &sealed)?;
        let sealed =
            self.vault.seal::<ProviderKey>(&place(upstream.version + 1), &key, &*self.rng)?;
        Ok(Some(sealed.into_bytes()))
    }

    /// Seals what we say who we are with to the API behind a tool: `user:password`, or the value of
    /// a header. `version` is the one that the tool's record will have.
    pub fn seal_tool_auth(
        &self,
        _: &Warrant,
        tool: &Slug,
        version: i64,
        secret: &Secret,
    ) -> Result<Vec<u8>, Error> {
        let place = auth_place(tool, version);
        Ok(self.vault.seal::<ProviderKey>(&place, secret, &*self.rng)?.into_bytes())
    }

    /// That of `tool`, sealed anew for the version that its record will have next.
    pub fn carry_tool_auth(
        &self,
        _: &Warrant,
        tool: &ToolRecord,
    ) -> Result<Option<Vec<u8>>, Error> {
        let Some(bytes) = &tool.upstream_auth_sealed else { return Ok(None) };
        let sealed = Sealed::<ProviderKey>::from_bytes(bytes.clone());
        let place = |version| auth_place(&tool.id, version);
        let secret = self.opener.open(&place(tool.version), &sealed)?;
        let sealed =
            self.vault.seal::<ProviderKey>(&place(tool.version + 1), &secret, &*self.rng)?;
        Ok(Some(sealed.into_bytes()))
    }

    /// Makes an access token. The issuer is this installation whatever `claims` say.
    pub fn mint(&self, _: &Warrant, claims: AccessClaims) -> Result<PlainToken, Error> {
        self.tokens.mint(claims, self.clock.now())
    }

    /// The refresh token that follows `predecessor` in its family, the same each time: made from
    /// it by a key that only we have, so that nobody needs to keep it (RFC 9700, 4.14.2).
    pub fn successor(
        &self,
        predecessor: &PlainToken,
        family: GrantId,
    ) -> (PlainToken, HashedToken) {
        let predecessor = predecessor.expose().as_bytes();
        // A length before the first of the two would say no more: the second is always as long.
        let data = [predecessor, &family.uuid().as_bytes()[..]].concat();
        let made = self.vault.mac(Purpose::RefreshSuccessor, &data);
        let token = api_key::mint(TokenType::Refresh, &Given(*made.as_bytes()));
        let hash = self.vault.mac(Purpose::RefreshToken, token.expose().as_bytes());
        (token, hash)
    }

    /// `text` with our seal before it, for whom it goes through and comes back by.
    pub fn stamp(&self, purpose: Purpose, text: &str) -> String {
        let seal = self.vault.mac(purpose, text.as_bytes());
        let mut stamped: String =
            seal.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        stamped.push_str(text);
        stamped
    }

    /// The text behind a seal of ours; nothing where it is not ours for exactly this.
    pub fn stamped<'a>(&self, purpose: Purpose, stamped: &'a str) -> Option<&'a str> {
        let text = stamped.get(64..)?;
        let ours = self.stamp(purpose, text);
        Vault::same(ours.as_bytes(), stamped.as_bytes()).then_some(text)
    }

    /// The plain SHA-256, for PKCE and `at_hash`.
    pub fn sha256(&self, data: &[u8]) -> [u8; 32] {
        Vault::sha256(data)
    }

    /// The audience of tokens for the models door.
    pub fn models_audience(&self) -> String {
        self.tokens.models_audience()
    }

    /// The one scope that the door with this audience knows; nothing where it is no door of ours.
    pub fn scope_of(&self, audience: &str) -> Option<&'static str> {
        self.tokens.scope_of(audience)
    }

    /// Whether tokens may be made for `audience`.
    pub fn knows_audience(&self, audience: &str) -> bool {
        self.tokens.knows(audience)
    }

    /// A value that tells whether the master key is the one that this store was made with.
    pub fn check_value(&self) -> [u8; 16] {
        self.vault.check_value()
    }
}

/// Under which key tokens of a type are hashed.
fn purpose_of(kind: TokenType) -> Purpose {
    match kind {
        TokenType::Session => Purpose::Session,
        TokenType::Setup | TokenType::Link => Purpose::Link,
        TokenType::Secret => Purpose::ClientSecret,
        TokenType::Code => Purpose::AuthorizationCode,
        TokenType::Refresh => Purpose::RefreshToken,
        TokenType::User | TokenType::App | TokenType::Admin | TokenType::Tool => Purpose::ApiKey,
    }
}

/// Bytes that were computed, in the place of random ones.
struct Given([u8; 32]);

impl Rng for Given {
    fn fill(&self, out: &mut [u8]) {
        for (to, from) in out.iter_mut().zip(self.0) {
            *to = from;
        }
    }
}
