//! Authentication: from what was presented to a principal, through a cache that is keyed by the
//! hash of the whole credential and filled after the check.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use moka::sync::Cache;
use tollgate_kernel::{
    Audience, Client, Clock, CredentialId, Error, Kind, Method, ModelPattern, Network, PlainToken,
    Role, Scopes, SessionId, Slug, Subject, Timestamp, UserId,
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
use crate::standing::{KeyLimits, PlanHolder, Standing};
use crate::tokens::Tokens;
use crate::touch::Touches;
use crate::{Live, Presented, Principal};

/// The most credentials that are remembered: some 90 MiB when all of them are keys with budgets.
const REMEMBERED: u64 = 131_072;

/// How long a credential is remembered without a look at its records.
const REMEMBERED_FOR: std::time::Duration = std::time::Duration::from_secs(600);

/// Longest bearer token that is looked at.
const LONGEST: usize = 16 * 1024;

/// Everything that authentication needs.
pub(crate) struct Authn {
    pub(crate) reader: Reader,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) lives: Arc<Lives>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) touches: Arc<Touches>,
    cache: Cache<HashedToken, Arc<Known>>,
}

impl Authn {
    pub(crate) fn new(
        reader: Reader,
        vault: Arc<Vault>,
        clock: Arc<dyn Clock>,
        lives: Arc<Lives>,
        tokens: Arc<Tokens>,
    ) -> Self {
        let cache = Cache::builder().max_capacity(REMEMBERED).time_to_live(REMEMBERED_FOR).build();
        Self { reader, vault, clock, lives, tokens, touches: Arc::default(), cache }
    }

    /// Who presents this, from this network.
    pub(crate) async fn authenticate(
        &self,
        presented: Presented,
        network: Network,
    ) -> Result<Arc<Principal>, Error> {
        let request = presented.request();
        let known = match presented.into_one()? {
            One::Nothing => anonymous(network, self.clock.now()),
            One::Malformed => return Err(Error::unauthenticated()),
            One::Socket(uid) => local(uid, self.clock.now()),
            One::Session(token) => self.session(&token).await?,
            One::Bearer(token) if token.expose().starts_with("tg_") => self.key(&token).await?,
            One::Bearer(token) => self.access_token(&token).await?,
        };
        self.still_good(&known, network)?;
        self.touches.note(&known, network, self.clock.now());
        Ok(Arc::new(Principal { known, network, request }))
    }

    /// How many credentials are remembered, more or less.
    pub(crate) fn remembers(&self) -> u64 {
        self.cache.entry_count()
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
        let networks = known.standing.key.as_ref().and_then(|key| key.networks.as_ref());
        if let Some(networks) = networks
            && !networks.iter().any(|allowed| allowed.contains(&network.address()))
        {
            return Err(Error::new(Kind::Forbidden, "This key may not be used from this network."));
        }
        Ok(())
    }

    async fn key(&self, token: &PlainToken) -> Result<Arc<Known>, Error> {
        // The checksum first: garbage never reaches the store.
        let kind = api_key::parse(token.expose()).ok_or_else(Error::unauthenticated)?;
        if !matches!(kind, TokenType::User | TokenType::App | TokenType::Admin) {
            return Err(Error::unauthenticated());
        }
        let hash = self.vault.mac(Purpose::ApiKey, token.expose().as_bytes());
        if let Some(known) = self.remembered(&hash) {
            return Ok(known);
        }
        // The way to the store is boxed, so that the way without it stays small.
        Box::pin(self.look_up_key(hash)).await
    }

    async fn look_up_key(&self, hash: HashedToken) -> Result<Arc<Known>, Error> {
        let heeded = self.lives.heeded();
        let found = self.reader.credential_by_hash(hash.as_bytes()).await?;
        let known = self.known_key(found.ok_or_else(Error::unauthenticated)?).await?;
        Ok(self.remember(hash, known, heeded))
    }

    async fn session(&self, token: &PlainToken) -> Result<Arc<Known>, Error> {
        if api_key::parse(token.expose()) != Some(TokenType::Session) {
            return Err(Error::unauthenticated());
        }
        let hash = self.vault.mac(Purpose::Session, token.expose().as_bytes());
        if let Some(known) = self.remembered(&hash) {
            return Ok(known);
        }
        Box::pin(self.look_up_session(hash)).await
    }

    async fn look_up_session(&self, hash: HashedToken) -> Result<Arc<Known>, Error> {
        let heeded = self.lives.heeded();
        let found = self.reader.session_by_hash(hash.as_bytes()).await?;
        let (session, user) = found.ok_or_else(Error::unauthenticated)?;
        let known = self.known_session(session, user, Method::Session).await?;
        Ok(self.remember(hash, known, heeded))
    }

    async fn access_token(&self, token: &PlainToken) -> Result<Arc<Known>, Error> {
        if token.expose().len() > LONGEST {
            return Err(Error::unauthenticated());
        }
        let hash = self.vault.mac(Purpose::AccessToken, token.expose().as_bytes());
        if let Some(known) = self.remembered(&hash) {
            return Ok(known);
        }
        Box::pin(self.verify(token, hash)).await
    }

    async fn verify(&self, token: &PlainToken, hash: HashedToken) -> Result<Arc<Known>, Error> {
        let unverified = Unverified::parse(token.expose())?;
        let verified = unverified.verified(|token| self.tokens.is_ours(token))?;
        let claims = AccessClaims::parse(&verified)?;
        let audience = self.tokens.check(&claims, self.clock.now())?;
        let sid: SessionId = claims
            .sid
            .as_deref()
            .and_then(|sid| sid.parse().ok())
            .ok_or_else(Error::unauthenticated)?;
        let heeded = self.lives.heeded();
        let found = self.reader.session_with_user(sid).await?;
        let (session, user) = found.ok_or_else(Error::unauthenticated)?;
        if user.id.to_string() != claims.sub {
            return Err(Error::unauthenticated());
        }
        let mut known = self.known_session(session, user, Method::AccessToken).await?;
        known.scopes = Scopes::parse(claims.scope.as_deref().unwrap_or_default())?;
        known.audience = Some(Audience::new(audience));
        known.standing.models = claims.models.as_deref().map(token_models).transpose()?;
        let expires = Timestamp::from_secs(claims.exp);
        known.standing.expires_at = known.standing.expires_at.map(|end| end.min(expires));
        Ok(self.remember(hash, known, heeded))
    }

    fn remembered(&self, hash: &HashedToken) -> Option<Arc<Known>> {
        self.cache.get(hash).filter(|known| known.generation == known.live.generation())
    }

    /// Keeps what was read, unless an event came in between: it may be older than that.
    fn remember(&self, hash: HashedToken, known: Known, heeded: u64) -> Arc<Known> {
        let known = Arc::new(known);
        if self.lives.heeded() == heeded {
            self.cache.insert(hash, known.clone());
        }
        known
    }

    async fn groups_of(&self, user: UserId) -> Result<Vec<Slug>, Error> {
        let groups = self.reader.groups_of(user).await?;
        Ok(groups.into_iter().map(|group| group.id).collect())
    }

    async fn known_key(&self, found: KeyCredential) -> Result<Known, Error> {
        let KeyCredential { key, secret_expires_at, holder } = found;
        if key.state != KeyState::Active {
            return Err(Error::unauthenticated());
        }
        let descent = match holder {
            HolderRecord::Admin => Some(self.reader.descent(&key).await?),
            HolderRecord::User(_) | HolderRecord::App(_) => None,
        };
        let bound = descent.as_ref().and_then(|descent| descent.expires_at);
        let ends = [key.expires_at, secret_expires_at, bound];
        let expires_at = ends.into_iter().flatten().min();
        let networks = key.networks.map(|networks| {
            networks.iter().filter_map(|network| network.parse().ok()).collect::<Vec<_>>()
        });
        let limits = KeyLimits {
            id: key.id,
            version: key.version,
            secret_ends_at: secret_expires_at,
            models: key.models,
            networks,
            rates: key.rates,
            budgets: key.budgets,
        };
        let mut standing = Standing { expires_at, key: Some(limits), ..Standing::default() };
        let (subject, client, role, owner) = match holder {
            HolderRecord::User(user) if user.state == AccountState::Active => {
                standing.holder = Some(PlanHolder::User(user.id));
                standing.plan = user.plan;
                standing.groups = self.groups_of(user.id).await?;
                (Subject::User(user.id), Client::FirstParty, user.role, Some(user.id.uuid()))
            }
            HolderRecord::App(app) if app.state == AccountState::Active => {
                standing.holder = Some(PlanHolder::Client(app.id));
                standing.plan = app.plan;
                (Subject::App(app.id), Client::App(app.id), Role::Member, Some(app.id.uuid()))
            }
            HolderRecord::Admin => {
                let owner = descent.and_then(managed_for).ok_or_else(Error::unauthenticated)?;
                (Subject::Admin(key.id), Client::FirstParty, Role::Admin, owner)
            }
            HolderRecord::User(_) | HolderRecord::App(_) => return Err(Error::unauthenticated()),
        };
        let live = self.lives.of(key.id.uuid(), owner);
        let credential = CredentialId::Key(key.id);
        let whose = Whose { subject, client, role, method: Method::Key, credential };
        Ok(whose.known(live, standing, self.clock.now()))
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
        let standing = Standing {
            holder: Some(PlanHolder::User(user.id)),
            plan: user.plan,
            groups: self.groups_of(user.id).await?,
            expires_at: Some(session.expires_at),
            ..Standing::default()
        };
        let live = self.lives.of(session.id.uuid(), Some(user.id.uuid()));
        let credential = CredentialId::Session(session.id);
        let subject = Subject::User(user.id);
        let client = Client::FirstParty;
        let whose = Whose { subject, client, role: user.role, method, credential };
        Ok(whose.known(live, standing, self.clock.now()))
    }
}

/// What a credential's record says of who presents it.
struct Whose {
    subject: Subject,
    client: Client,
    role: Role,
    method: Method,
    credential: CredentialId,
}

impl Whose {
    fn known(self, live: Arc<Live>, standing: Standing, at: Timestamp) -> Known {
        let Self { subject, client, role, method, credential } = self;
        Known {
            subject,
            client,
            role,
            scopes: Scopes::All,
            audience: None,
            method,
            at,
            credential,
            generation: live.generation(),
            live,
            standing,
            noted_us: AtomicI64::new(0),
            safety: OnceLock::new(),
        }
    }
}

/// The models that a token names. One that names none calls none.
fn token_models(text: &str) -> Result<Vec<ModelPattern>, Error> {
    text.split(' ').filter(|name| !name.is_empty()).map(ModelPattern::parse).collect()
}

/// The person whose rights an admin key lends, by whose events it lives and ends; the inner `None`
/// where it stands by itself, the outer where its maker manages nothing any more.
fn managed_for(descent: Descent) -> Option<Option<Uuid>> {
    match descent.origin {
        Origin::Installation => Some(None),
        Origin::User(user) => (user.state == AccountState::Active && user.role >= Role::Admin)
            .then(|| Some(user.id.uuid())),
        Origin::Nobody => None,
    }
}

fn anonymous(network: Network, now: Timestamp) -> Arc<Known> {
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
