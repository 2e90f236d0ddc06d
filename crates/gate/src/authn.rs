//! Authentication: from what was presented to a principal, through a cache that is keyed by the
//! hash of the whole credential and filled after the check.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use tollgate_kernel::{
    Audience, Budget, Client, Clock, CredentialId, Error, Kind, Method, ModelPattern, Network,
    PlainToken, RequestId, Role, Scopes, Slug, Subject, Timestamp, TokenId, UserId,
};
use tollgate_protocol::api_key::{self, TokenType};
use tollgate_protocol::jwt::{AccessClaims, Unverified};
use tollgate_store::{
    AccountState, Descent, HolderRecord, KeyCredential, KeyState, Origin, Reader, SessionRecord,
    UserRecord,
};
use tollgate_vault::{HashedToken, Purpose, Vault};
use uuid::Uuid;

use crate::events::Lives;
use crate::presented::One;
use crate::principal::Known;
use crate::profile::SharedProfiles;
use crate::remembered::Remembered;
use crate::standing::{KeyLimits, Standing};
use crate::tokens::Tokens;
use crate::touch::Touches;
use crate::{Live, Presented, Principal};

/// How keys begin; other bearer tokens are access tokens.
pub(crate) const KEYS_BEGIN: &str = "tg_";

/// Longest bearer token that is looked at.
pub(crate) const LONGEST: usize = 16 * 1024;

/// What a token is.
#[derive(Clone, Copy)]
pub(crate) enum Sort {
    Key,
    Session,
    AccessToken,
}

/// Everything that authentication needs.
pub(crate) struct Authn {
    pub(crate) reader: Reader,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) lives: Arc<Lives>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) touches: Arc<Touches>,
    pub(crate) remembered: Remembered,
    pub(crate) profiles: SharedProfiles,
}

impl Authn {
    pub(crate) fn new(
        reader: Reader,
        vault: Arc<Vault>,
        clock: Arc<dyn Clock>,
        lives: Arc<Lives>,
        tokens: Arc<Tokens>,
    ) -> Self {
        let remembered = Remembered::new(clock.clone());
        let (touches, profiles) = (Arc::default(), SharedProfiles::default());
        Self { reader, vault, clock, lives, tokens, touches, remembered, profiles }
    }

    /// Who presents this, from this network.
    pub(crate) async fn authenticate(
        &self,
        mut presented: Presented,
        network: Network,
    ) -> Result<Arc<Principal>, Error> {
        let request = presented.request();
        if let Some(at) = presented.take_tool() {
            return self.at_tool(at, request, network).await;
        }
        let known = match presented.into_one()? {
            One::Nothing => anonymous(network, self.clock.now()),
            One::Malformed => return Err(Error::unauthenticated()),
            One::Socket(uid) => local(uid, self.clock.now()),
            One::Session(token) => self.token(&token, true).await?,
            One::Bearer(token) => self.token(&token, false).await?,
        };
        self.welcome(known, network, request)
    }

    /// The same at once, for a credential that is remembered; `None` where that takes a look at its
    /// records, or at more than one credential.
    pub(crate) fn recall(
        &self,
        presented: &Presented,
        network: Network,
    ) -> Option<Result<Arc<Principal>, Error>> {
        let (token, is_session) = presented.only_token()?;
        let (_, hash) = self.keyed(token, is_session)?;
        let mut known = self.remembered(&hash)?;
        if let Some(name) = known.names(presented.names()) {
            match name {
                Ok(name) => known = self.remembered(&self.hash_of_named(&hash, &name))?,
                Err(error) => return Some(Err(error)),
            }
        }
        Some(self.welcome(known, network, presented.request()))
    }

    pub(crate) fn welcome(
        &self,
        known: Arc<Known>,
        network: Network,
        request: Option<RequestId>,
    ) -> Result<Arc<Principal>, Error> {
        // What opens one tool opens nothing else.
        if known.tool.is_some() {
            return Err(Error::unauthenticated());
        }
        self.welcome_in(known, network, request)
    }

    /// Lets in whom the place of the request knows.
    pub(crate) fn welcome_in(
        &self,
        known: Arc<Known>,
        network: Network,
        request: Option<RequestId>,
    ) -> Result<Arc<Principal>, Error> {
        self.still_good(&known, network)?;
        self.touches.note(&known, network, self.clock.now());
        Ok(Arc::new(Principal { known, network, request }))
    }

    /// Nobody, at this network.
    pub(crate) fn anonymous(&self, network: Network) -> Arc<Principal> {
        let known = anonymous(network, self.clock.now());
        Arc::new(Principal { known, network, request: None })
    }

    /// What may change from one request to the next without an event: time and place.
    fn still_good(&self, known: &Known, network: Network) -> Result<(), Error> {
        let now = self.clock.now();
        if known.live.has_ended() || known.standing.expires_at.is_some_and(|end| end <= now) {
            return Err(Error::unauthenticated());
        }
        let key = known.standing.key.as_ref();
        if key.is_some_and(|key| !key.allow_from(network.address())) {
            return Err(Error::new(Kind::Forbidden, "This key may not be used from this network."));
        }
        Ok(())
    }

    async fn token(&self, token: &PlainToken, is_session: bool) -> Result<Arc<Known>, Error> {
        let keyed = self.keyed(token, is_session);
        let (sort, hash) = keyed.ok_or_else(Error::unauthenticated)?;
        if let Some(known) = self.remembered(&hash) {
            return Ok(known);
        }
        // The way to the store is boxed, so that the way without it stays small.
        Box::pin(self.look_up(sort, token, hash)).await
    }

    /// Whom the records name. Where an event was heeded while they were read they are read once
    /// more, as it may have been about this credential, whose life nobody knew of by then: else
    /// what was revoked meanwhile would be let in, with a life that no event ends any more.
    pub(crate) async fn look_up(
        &self,
        sort: Sort,
        token: &PlainToken,
        hash: HashedToken,
    ) -> Result<Arc<Known>, Error> {
        let mut heeded = self.lives.heeded();
        let mut known = self.read(sort, token, &hash).await?;
        if self.lives.heeded() != heeded {
            heeded = self.lives.heeded();
            // The first is kept until then: as long as it is, events find its life.
            known = self.read(sort, token, &hash).await?;
        }
        Ok(self.remember(hash, known, heeded))
    }

    async fn read(
        &self,
        sort: Sort,
        token: &PlainToken,
        hash: &HashedToken,
    ) -> Result<Known, Error> {
        let refused = Error::unauthenticated;
        match sort {
            Sort::Key => {
                let found = self.reader.credential_by_hash(hash.as_bytes()).await?;
                self.known_key(found.ok_or_else(refused)?).await
            }
            Sort::Session => {
                let found = self.reader.session_by_hash(hash.as_bytes()).await?;
                let (session, user) = found.ok_or_else(refused)?;
                self.known_session(session, user, Method::Session).await
            }
            Sort::AccessToken => self.verify(token).await,
        }
    }

    /// What a token is and the hash that it is known by; none for what is no token of ours. Form,
    /// checksum and length come first: garbage is not hashed and never reaches the store.
    pub(crate) fn keyed(
        &self,
        token: &PlainToken,
        is_session: bool,
    ) -> Option<(Sort, HashedToken)> {
        let text = token.expose();
        let (sort, purpose) = if is_session || text.starts_with(KEYS_BEGIN) {
            match (api_key::parse(text)?, is_session) {
                (TokenType::Session, true) => (Sort::Session, Purpose::Session),
                (TokenType::User | TokenType::App | TokenType::Admin, false) => {
                    (Sort::Key, Purpose::ApiKey)
                }
                _ => return None,
            }
        } else if text.len() <= LONGEST {
            (Sort::AccessToken, Purpose::AccessToken)
        } else {
            return None;
        };
        Some((sort, self.vault.mac(purpose, text.as_bytes())))
    }

    async fn verify(&self, token: &PlainToken) -> Result<Known, Error> {
        let unverified = Unverified::parse(token.expose())?;
        let now = self.clock.now();
        let verified = unverified.verified(|token| self.tokens.is_ours(token, now))?;
        let claims = AccessClaims::parse(&verified)?;
        let audience = self.tokens.check(&claims, now)?;
        let mut known = self.known_token(&claims).await?;
        let scopes = Scopes::parse(claims.scope.as_deref().unwrap_or_default())?;
        known.scopes = self.tokens.scopes_at(&claims.aud, scopes.within(&known.scopes));
        known.foreign = !self.tokens.knows(&claims.aud);
        known.audience = Some(Audience::new(audience));
        known.standing.models = claims.models.as_deref().map(token_models).transpose()?;
        let expires = Timestamp::from_secs(claims.exp);
        let ends = [known.standing.expires_at, Some(expires)];
        known.standing.expires_at = ends.into_iter().flatten().min();
        Ok(known)
    }

    pub(crate) fn remembered(&self, hash: &HashedToken) -> Option<Arc<Known>> {
        self.remembered.get(hash).filter(|known| known.generation == known.live.generation())
    }

    /// Keeps what was read, unless an event came in between: it may be older than that.
    pub(crate) fn remember(&self, hash: HashedToken, known: Known, heeded: u64) -> Arc<Known> {
        let known = Arc::new(known);
        if self.lives.heeded() == heeded {
            self.remembered.put(hash, known.clone());
        }
        known
    }

    /// Whom a token of ours is for: the person whose session it came from, or somebody else for
    /// whom it was made.
    pub(crate) async fn known_token(&self, claims: &AccessClaims) -> Result<Known, Error> {
        let refused = Error::unauthenticated;
        let id: TokenId = claims.jti.parse().map_err(|_| refused())?;
        let (sid, key, grant) =
            (claims.sid.as_deref(), claims.key.as_deref(), claims.grant.as_deref());
        let mut known = match (sid, key, grant) {
            (Some(sid), None, None) => {
                let found = self.reader.session_with_user(sid.parse().map_err(|_| refused())?);
                let (session, user) = found.await?.ok_or_else(refused)?;
                if user.id.to_string() == claims.sub {
                    self.known_session(session, user, Method::AccessToken).await?
                } else {
                    let lender = self.lending_session(session, user)?;
                    self.known_lent(id, &claims.sub, lender).await?
                }
            }
            (None, Some(key), None) => {
                let key = key.parse().map_err(|_| refused())?;
                let lender = self.lending_key(key, claims.iat).await?;
                self.known_lent(id, &claims.sub, lender).await?
            }
            (None, None, Some(grant)) => {
                let grant = grant.parse().map_err(|_| refused())?;
                self.known_granted(id, grant, claims).await?
            }
            (None, None, None) => self.known_app_token(id, claims).await?,
            _ => return Err(refused()),
        };
        known.standing.token = match claims.budget.as_deref() {
            Some(budget) => Some((id, Budget::from_claim(budget).ok_or_else(refused)?)),
            None => None,
        };
        Ok(known)
    }

    pub(crate) async fn groups_of(&self, user: UserId) -> Result<Vec<Slug>, Error> {
        let groups = self.reader.groups_of(user).await?;
        Ok(groups.into_iter().map(|group| group.id).collect())
    }

    async fn known_key(&self, found: KeyCredential) -> Result<Known, Error> {
        let KeyCredential { key, secret_expires_at, holder } = found;
        if key.state != KeyState::Active {
            return Err(Error::unauthenticated());
        }
        let (origin, makers) = match holder {
            HolderRecord::Admin => {
                let Descent { origin, makers } = self.reader.descent(&key).await?;
                (Some(origin), makers)
            }
            HolderRecord::User(_) | HolderRecord::App(_) => {
                let makers = self.reader.makers(&key).await?;
                (None, makers.ok_or_else(Error::unauthenticated)?)
            }
            // The owner's, whoever made it for them.
            HolderRecord::Service => (None, Vec::new()),
        };
        let (id, name, tool) = (key.id, key.name.clone(), key.tool.clone());
        let line: Vec<Uuid> = makers.iter().map(|maker| maker.id.uuid()).collect();
        let limits = KeyLimits::of(key, makers, secret_expires_at);
        let expires_at = [limits.expires_at, secret_expires_at].into_iter().flatten().min();
        let key = Some(limits);
        let standing;
        let mut names_people = false;
        let (subject, client, role, owner) = match holder {
            HolderRecord::User(user) if user.state == AccountState::Active => {
                let (id, role) = (user.id, user.role);
                let groups = self.groups_of(id).await?;
                standing = Standing { expires_at, key, ..self.standing_of(user, groups) };
                (Subject::User(id), Client::FirstParty, role, Some(id.uuid()))
            }
            HolderRecord::App(app) if app.state == AccountState::Active => {
                standing = Standing { expires_at, key, ..Standing::of_app(&app) };
                names_people = app.oauth.user_header;
                (Subject::App(app.id), Client::App(app.id), Role::Member, Some(app.id.uuid()))
            }
            HolderRecord::Admin => {
                let owner = origin.and_then(managed_for).ok_or_else(Error::unauthenticated)?;
                standing = Standing { expires_at, key, ..Standing::default() };
                (Subject::Admin(id), Client::FirstParty, Role::Admin, owner)
            }
            HolderRecord::User(_) | HolderRecord::App(_) => return Err(Error::unauthenticated()),
            HolderRecord::Service => {
                let tool = tool.clone().ok_or_else(Error::unauthenticated)?;
                standing = Standing { expires_at, key, ..Standing::default() };
                let subject = Subject::Service { tool, name: name.into() };
                (subject, Client::FirstParty, Role::Member, None)
            }
        };
        let mut rests_on = Vec::new();
        if names_people {
            rests_on = line.clone();
            rests_on.push(id.uuid());
        }
        let live = self.lives.resting(id.uuid(), owner, line);
        let credential = CredentialId::Key(id);
        let whose = Whose { subject, client, role, method: Method::Key, credential };
        let known = whose.known(live, standing, self.clock.now());
        Ok(Known { tool, names_people, rests_on, ..known })
    }

    async fn known_session(
        &self,
        session: SessionRecord,
        user: UserRecord,
        method: Method,
    ) -> Result<Known, Error> {
        if user.state != AccountState::Active || session.expires_at <= self.clock.now() {
            return Err(Error::unauthenticated());
        }
        let live = self.lives.of(session.id.uuid(), Some(user.id.uuid()));
        let credential = CredentialId::Session(session.id);
        let subject = Subject::User(user.id);
        let client = Client::FirstParty;
        let whose = Whose { subject, client, role: user.role, method, credential };
        let groups = self.groups_of(user.id).await?;
        let expires_at = Some(session.expires_at);
        let standing = Standing { expires_at, ..self.standing_of(user, groups) };
        Ok(whose.known(live, standing, self.clock.now()))
    }
}

impl Authn {
    /// The standing of a person that a credential of theirs is remembered with.
    pub(crate) fn standing_of(&self, user: UserRecord, groups: Vec<Slug>) -> Standing {
        let id = user.id;
        let mut standing = Standing::of_user(user, groups);
        if let Some(caller) = &mut standing.caller {
            caller.profile = caller.profile.take().map(|own| self.profiles.shared(id, own));
        }
        standing
    }
}

/// What a credential's record says of who presents it.
pub(crate) struct Whose {
    pub(crate) subject: Subject,
    pub(crate) client: Client,
    pub(crate) role: Role,
    pub(crate) method: Method,
    pub(crate) credential: CredentialId,
}

impl Whose {
    pub(crate) fn known(self, live: Arc<Live>, standing: Standing, at: Timestamp) -> Known {
        let Self { subject, client, role, method, credential } = self;
        Known {
            subject,
            client,
            role,
            scopes: Scopes::All,
            audience: None,
            foreign: false,
            names_people: false,
            rests_on: Vec::new(),
            tool: None,
            app: None,
            method,
            at,
            credential,
            generation: live.generation(),
            live,
            standing,
            noted_us: AtomicI64::new(0),
            safety: OnceLock::new(),
            introduced: ArcSwapOption::empty(),
        }
    }
}

/// The models that a token names. One that names none calls none.
fn token_models(text: &str) -> Result<Vec<ModelPattern>, Error> {
    text.split(' ').filter(|name| !name.is_empty()).map(ModelPattern::parse).collect()
}

/// The person whose rights an admin key lends, by whose events it lives and ends; the inner `None`
/// where it stands by itself, the outer where its maker manages nothing any more.
pub(crate) fn managed_for(origin: Origin) -> Option<Option<Uuid>> {
    match origin {
        Origin::Installation => Some(None),
        Origin::User(user) => (user.state == AccountState::Active && user.role >= Role::Admin)
            .then(|| Some(user.id.uuid())),
        Origin::Nobody => None,
    }
}

pub(crate) fn anonymous(network: Network, now: Timestamp) -> Arc<Known> {
    without_credential(Subject::Anonymous(network), Role::Member, Method::None, now)
}

fn local(uid: u32, now: Timestamp) -> Arc<Known> {
    without_credential(Subject::Local(uid), Role::Owner, Method::Socket, now)
}

/// A principal without a credential record.
pub(crate) fn without_credential(
    subject: Subject,
    role: Role,
    method: Method,
    now: Timestamp,
) -> Arc<Known> {
    let (client, credential) = (Client::FirstParty, CredentialId::None);
    let whose = Whose { subject, client, role, method, credential };
    Arc::new(whose.known(Arc::default(), Standing::default(), now))
}

/// Whether a minute has passed since the use of a credential was noted; if so it counts as noted.
pub(crate) fn note_due(known: &Known, now: Timestamp) -> bool {
    const EVERY_US: i64 = 60_000_000;
    let last = known.noted_us.load(Ordering::Relaxed);
    now.micros() - last >= EVERY_US
        && known
            .noted_us
            .compare_exchange(last, now.micros(), Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
}
