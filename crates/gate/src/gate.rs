//! The gate as doors see it.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use http_body_util::{BodyExt, Limited};
use tollgate_kernel::{
    CallId, Clock, Error, Job, Manage, Network, PlainToken, Rng, Secret, Slug, Subject,
};
use tollgate_protocol::api_key::{self, TokenType};
use tollgate_protocol::jwt::AccessClaims;
use tollgate_protocol::openai::parse_models;
use tollgate_store::ledger::{LedgerReader, LedgerSource, Recovered};
use tollgate_store::{Actor, Reader, Tx, UpstreamRecord, Writer};
use tollgate_vault::{
    HashedToken, Opener, ProviderKey, Purpose, Sealed, SigningKey, Vault, Verdict,
};
use tracing::{info, warn};

use crate::authn::{Authn, without_credential};
use crate::catalogue::{Catalogue, Listed};
use crate::drain::{Drain, DrainBounds, Drainer, drain};
use crate::events::Lives;
use crate::forward::{Failed, Forwarder};
use crate::hold::{self, Hold};
use crate::ledger::{Ledger, LedgerThread};
use crate::load;
use crate::metered::Metered;
use crate::passwords::Passwords;
use crate::permit::{Decider, Target};
use crate::policy::Policy;
use crate::prices::Prices;
use crate::rates::RateBook;
use crate::tokens::Tokens;
use crate::upstream::Transport;
use crate::{Call, Permit, Presented, Principal, Warrant};

/// How often the store is asked for events.
const POLL: Duration = Duration::from_millis(200);

/// How often the upstreams are asked for their models.
const REFRESH: Duration = Duration::from_secs(300);

/// The longest list of models that is read.
const LIST: usize = 4 * 1024 * 1024;

/// What the gate is made of. It consumes the writer, the vault and the opener: nobody else writes,
/// hashes, seals, opens or signs.
pub struct Parts {
    /// Reads the store.
    pub reader: Reader,
    /// Writes the store.
    pub writer: Writer,
    /// Where the ledger is.
    pub ledger: LedgerSource,
    /// Reads the ledger.
    pub ledger_reader: LedgerReader,
    /// Hashes and seals.
    pub vault: Vault,
    /// Opens what was sealed.
    pub opener: Opener,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// The price table.
    pub prices: Arc<dyn Prices>,
    /// The one public origin, without a slash at its end.
    pub public_url: String,
    /// How far a call is read on whose caller has left.
    pub drain: DrainBounds,
    /// Certificates (DER) that upstreams may have beside the public ones.
    pub extra_roots: Vec<Vec<u8>>,
}

/// Every call of every door goes through here.
pub struct Gate {
    authn: Authn,
    writer: Writer,
    ledger: Arc<Ledger>,
    ledger_reader: LedgerReader,
    vault: Arc<Vault>,
    opener: Opener,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    prices: Arc<dyn Prices>,
    policy: ArcSwap<Policy>,
    catalogue: Catalogue,
    rates: Arc<RateBook>,
    passwords: Passwords,
    tokens: Arc<Tokens>,
    lives: Arc<Lives>,
    transport: Transport,
    drain: Drain,
    hint: tokio::sync::Notify,
}

/// The right to act as the server itself. Only the wiring gets it.
pub struct Jobs(());

/// The right to act as one job.
pub struct JobToken(Job);

impl Jobs {
    /// A token for `job`.
    pub fn token(&self, job: Job) -> JobToken {
        JobToken(job)
    }
}

/// What runs beside the calls: the drainer, the reader of events, the refresher of lists.
pub struct Works {
    gate: Arc<Gate>,
    drainer: Drainer,
    thread: LedgerThread,
    seen: i64,
}

impl Gate {
    /// Opens the ledger, reads the policy, and gives the gate with what belongs to the wiring alone.
    pub async fn new(parts: Parts) -> Result<(Arc<Self>, Jobs, Works), Error> {
        let Parts { reader, writer, ledger, ledger_reader, vault, opener, clock, rng, .. } = parts;
        let (ledger, thread, recovered) = Ledger::start(ledger, clock.clone())?;
        report(recovered);
        let vault = Arc::new(vault);
        let lives = Arc::<Lives>::default();
        let tokens = Arc::new(Tokens::new(&parts.public_url));
        let authn = Authn::new(reader, vault.clone(), clock.clone(), lives.clone(), tokens.clone());
        let (drain, drainer) = drain(parts.drain);
        let gate = Arc::new(Self {
            authn,
            writer,
            ledger,
            ledger_reader,
            passwords: Passwords::new(vault.clone(), rng.clone()),
            vault,
            opener,
            rates: RateBook::new(clock.clone()),
            clock,
            rng,
            prices: parts.prices,
            policy: ArcSwap::from_pointee(Policy::empty()),
            catalogue: Catalogue::default(),
            tokens,
            lives,
            transport: Transport::new(&parts.extra_roots)?,
            drain,
            hint: tokio::sync::Notify::new(),
        });
        let seen = gate.authn.reader.latest_event().await?;
        gate.reload().await?;
        let works = Works { gate: gate.clone(), drainer, thread, seen };
        Ok((gate, Jobs(()), works))
    }

    /// Who presents this, from this network. An error where the credential is no good; nobody where
    /// nothing was presented.
    pub async fn authenticate(
        &self,
        presented: Presented,
        network: Network,
    ) -> Result<Arc<Principal>, Error> {
        self.authn.authenticate(presented, network).await
    }

    /// Nobody, at this network: for open routes.
    pub fn anonymous(&self, network: Network) -> Arc<Principal> {
        self.authn.anonymous(network)
    }

    /// The server itself, at some background work.
    pub fn system(&self, job: &JobToken) -> Arc<Principal> {
        let subject = Subject::System(job.0);
        let now = self.clock.now();
        let method = tollgate_kernel::Method::Job;
        let known = without_credential(subject, tollgate_kernel::Role::Owner, method, now);
        let network = Network::of(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
        Arc::new(Principal { known, network, request: None })
    }

    /// Whether `principal` may do an act of management.
    pub fn allow(&self, principal: &Arc<Principal>, manage: Manage) -> Result<Warrant, Error> {
        let reach = principal.reach(manage)?;
        Ok(Warrant { principal: principal.clone(), manage, reach })
    }

    /// Lends what reads the store. Queries of owned rows name the owner by [`Warrant::reach`].
    pub fn read(&self, _: &Warrant) -> &Reader {
        &self.authn.reader
    }

    /// Lends what reads entries and accounts.
    pub fn entries(&self, _: &Warrant) -> &LedgerReader {
        &self.ledger_reader
    }

    /// Opens a transaction whose actor is the warrant's. It has a deadline: compute first.
    pub async fn begin(&self, warrant: &Warrant) -> Result<Tx, Error> {
        let principal = warrant.principal();
        self.writer
            .begin(Actor {
                subject: principal.subject().to_string(),
                network: Some(principal.network().to_string()),
                request: principal.request().map(|id| id.to_string()),
            })
            .await
    }

    /// Whether the store answers and holds can be recorded.
    pub async fn is_ready(&self) -> Result<(), Error> {
        self.authn.reader.ping().await?;
        self.ledger.is_up()
    }

    /// Takes note of what was just committed, so that this node heeds it before it answers.
    pub async fn heed(&self) {
        self.hint.notify_one();
        if let Err(error) = self.reload().await {
            warn!(cause = error.cause(), "the policy cannot be read: {error}");
        }
    }

    /// Whether `principal` may make `call`, and who could answer it.
    pub fn decide(&self, principal: &Arc<Principal>, call: Call) -> Result<Permit, Error> {
        self.decider(&self.policy.load_full()).decide(principal, call)
    }

    /// Holds the worst case of a permitted call, in all of its accounts and rates or in none.
    pub async fn reserve(&self, permit: &Permit) -> Result<Hold, Error> {
        hold::reserve(&self.ledger, &self.rates, permit).await
    }

    /// Sends the call that `hold` was made for to `target`.
    pub async fn forward(&self, hold: Hold, target: &Target) -> Result<Response<Metered>, Failed> {
        let forwarder =
            Forwarder { transport: &self.transport, vault: &self.vault, drain: &self.drain };
        forwarder.forward(hold, target).await
    }

    /// The models that `principal` may call: our aliases, and the upstreams' own.
    pub fn models(&self, principal: &Arc<Principal>) -> Result<Vec<Listed>, Error> {
        let policy = self.policy.load_full();
        let decider = self.decider(&policy);
        let resolved = principal.known.standing.resolve(&policy, decider.now)?;
        let aliases = policy.aliases.iter().map(|(alias, model)| Listed {
            id: alias.clone(),
            created: 0,
            owned_by: model.upstream.to_string(),
        });
        let own = policy.upstream_order.iter().flat_map(|id| self.catalogue.of(id));
        let mut models: Vec<Listed> = aliases
            .chain(own)
            .filter(|model| decider.allows(principal, &resolved, &model.id))
            .collect();
        // An alias hides a model of its name.
        models.sort_by(|a, b| a.id.cmp(&b.id));
        models.dedup_by(|later, first| later.id == first.id);
        Ok(models)
    }

    fn decider<'a>(&'a self, policy: &'a Arc<Policy>) -> Decider<'a> {
        Decider {
            policy,
            catalogue: &self.catalogue,
            prices: &*self.prices,
            now: self.clock.now(),
            id: CallId::new(&*self.clock, &*self.rng),
        }
    }
}

/// What doors may do with secrets: hash, seal and mint, never open.
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
        let purpose = match kind {
            TokenType::Session => Purpose::Session,
            TokenType::Setup | TokenType::Link => Purpose::Link,
            TokenType::User | TokenType::App | TokenType::Admin | TokenType::Tool => {
                Purpose::ApiKey
            }
        };
        let hash = self.vault.mac(purpose, token.expose().as_bytes());
        (token, hash)
    }

    /// The hash by which a presented token is looked up; `None` for what is no token of this kind.
    pub fn hash_presented(&self, kind: TokenType, token: &PlainToken) -> Option<HashedToken> {
        let fits = api_key::parse(token.expose()) == Some(kind);
        let purpose = match kind {
            TokenType::Session => Purpose::Session,
            TokenType::Setup | TokenType::Link => Purpose::Link,
            _ => Purpose::ApiKey,
        };
        fits.then(|| self.vault.mac(purpose, token.expose().as_bytes()))
    }

    /// A keyed hash for one of the doors' own purposes.
    pub fn mac(&self, purpose: Purpose, data: &[u8]) -> HashedToken {
        self.vault.mac(purpose, data)
    }

    /// The text to store for a password. Takes its turn in a small pool.
    pub async fn hash_password(&self, password: PlainToken) -> Result<String, Error> {
        self.passwords.hash(password).await
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

    /// The sealed key of `upstream`, sealed anew for the version that its record will have next. Moved
    /// back to an older row, neither opens.
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

    /// Makes an access token. The issuer is this installation whatever `claims` say.
    pub fn mint(&self, _: &Warrant, claims: AccessClaims) -> Result<PlainToken, Error> {
        self.tokens.mint(claims)
    }

    /// The audience of tokens for the models door.
    pub fn models_audience(&self) -> String {
        self.tokens.models_audience()
    }

    /// Whether tokens may be made for `audience`.
    pub fn knows_audience(&self, audience: &str) -> bool {
        self.tokens.knows(audience)
    }

    /// A value that tells whether the master key is the one that this store was made with.
    pub fn check_value(&self) -> [u8; 16] {
        self.vault.check_value()
    }

    /// Whether there is a key to sign tokens with.
    pub fn can_sign(&self) -> bool {
        self.tokens.can_sign()
    }

    /// A new signing key, sealed, with its public point.
    pub fn new_signing_key(&self, _: &Warrant, kid: &str) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let place = crate::tokens::place(kid);
        let (sealed, public): (Sealed<SigningKey>, _) =
            self.vault.generate_signing_key(&place, kid, &*self.rng)?;
        Ok((sealed.into_bytes(), public.point().to_vec()))
    }
}

/// The limits of a principal, as pages show them.
impl Gate {
    /// What is left of each budget that counts for `principal`.
    pub async fn limits(&self, principal: &Arc<Principal>) -> Result<Vec<BudgetStanding>, Error> {
        let policy = self.policy.load_full();
        let now = self.clock.now();
        let resolved = principal.known.standing.resolve(&policy, now)?;
        let mut limits = Vec::with_capacity(resolved.legs.len());
        for leg in resolved.legs.iter() {
            let stored = self.ledger_reader.standing(&leg.row).await?;
            let memory = self.ledger.view(&leg.account).unwrap_or_default();
            limits.push(BudgetStanding {
                account: leg.account.clone(),
                limit: leg.limit,
                used: stored.spent + memory.settled,
                held: memory.held,
            });
        }
        Ok(limits)
    }

    /// The plan in effect for `principal`, and the group that it comes from.
    pub fn plan_of(&self, principal: &Arc<Principal>) -> Option<(Slug, Option<Slug>)> {
        let standing = &principal.known.standing;
        let policy = self.policy.load();
        let in_effect = policy.plan_of(standing.plan.as_ref(), &standing.groups)?;
        Some((in_effect.plan.id.clone(), in_effect.group))
    }
}

/// What is left of a budget.
#[derive(Clone, Debug)]
pub struct BudgetStanding {
    /// The account of the window that is open now.
    pub account: Arc<tollgate_kernel::Account>,
    /// The limit.
    pub limit: i64,
    /// Settled.
    pub used: i64,
    /// Held by calls in flight.
    pub held: i64,
}

impl Works {
    /// Runs until `stop` says so, then finishes what is under way: answers that are still read, and
    /// everything that is to be written.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { gate, drainer, mut thread, mut seen } = self;
        let drainer = tokio::spawn(drainer.run());
        let beside = async {
            tokio::join!(poll_events(&gate, &mut seen), refresh_lists(&gate), tidy_up(&gate));
        };
        tokio::select! {
            () = stop => {}
            () = beside => {}
        }
        write_touches(&gate).await;
        drop(gate);
        drainer.abort();
        // What the drainer still held is dropped by the abort, and charged in full.
        drop(drainer.await);
        if tokio::task::spawn_blocking(move || thread.stop()).await.is_err() {
            warn!("the ledger did not stop in good order");
        }
    }
}

async fn poll_events(gate: &Arc<Gate>, seen: &mut i64) {
    loop {
        // A hint may come earlier; the poll decides.
        drop(tokio::time::timeout(POLL, gate.hint.notified()).await);
        if let Err(error) = heed_new(gate, seen).await {
            warn!(cause = error.cause(), "events cannot be read: {error}");
        }
    }
}

async fn heed_new(gate: &Arc<Gate>, seen: &mut i64) -> Result<(), Error> {
    let reader = &gate.authn.reader;
    let mut policy_changed = false;
    loop {
        let events = reader.events_after(*seen).await?;
        let Some(last) = events.last() else { break };
        let newest = last.seq;
        for event in &events {
            policy_changed |= gate.lives.heed(event, reader).await?;
        }
        *seen = newest;
    }
    if policy_changed {
        gate.reload().await?;
    }
    Ok(())
}

async fn refresh_lists(gate: &Arc<Gate>) {
    loop {
        gate.refresh_lists().await;
        tokio::time::sleep(REFRESH).await;
    }
}

async fn tidy_up(gate: &Arc<Gate>) {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        write_touches(gate).await;
        gate.passwords.rest();
    }
}

async fn write_touches(gate: &Arc<Gate>) {
    let waiting = gate.authn.touches.take();
    let keys: Vec<_> = waiting.keys.into_iter().map(|(id, (at, from))| (id, at, from)).collect();
    let sessions: Vec<_> = waiting.sessions.into_iter().collect();
    let written = async {
        if !keys.is_empty() {
            gate.writer.touch_keys(&keys).await?;
        }
        if !sessions.is_empty() {
            gate.writer.touch_sessions(&sessions).await?;
        }
        Ok::<_, Error>(())
    };
    if let Err(error) = written.await {
        warn!(cause = error.cause(), "uses of credentials cannot be noted: {error}");
    }
}

impl Gate {
    /// Reads the policy and the signing keys anew.
    pub(crate) async fn reload(&self) -> Result<(), Error> {
        let reader = &self.authn.reader;
        let policy = load::policy(reader, &self.opener, &self.policy.load()).await?;
        self.tokens.load(&reader.signing_keys().await?, &self.opener)?;
        self.policy.store(Arc::new(policy));
        Ok(())
    }

    /// Asks every upstream for its models. One that does not answer keeps the list it had.
    pub async fn refresh_lists(&self) {
        for id in self.policy.load_full().upstream_order.clone() {
            match self.fetch_list(&id).await {
                Ok(models) => self.catalogue.put(&id, models),
                Err(error) => {
                    info!(upstream = %id, cause = error.cause(), "no list of models: {error}");
                }
            }
        }
    }

    async fn fetch_list(&self, id: &Slug) -> Result<Vec<Listed>, Error> {
        let upstream = self.policy.load().upstreams.get(id).cloned();
        let upstream = upstream.ok_or_else(Error::not_found)?;
        let request = upstream.request(Method::GET, "/models", HeaderMap::new(), Bytes::new())?;
        let answer = async {
            let answer = self.transport.clone().send(request).await;
            let answer = answer.map_err(|error| error.into_error(id))?;
            let good = answer.status().is_success();
            let body = Limited::new(answer.into_body(), LIST).collect().await;
            let body = body.map_err(Error::unavailable)?.to_bytes();
            if good { Ok(body) } else { Err(Error::unavailable("the list was refused")) }
        };
        let body = tokio::time::timeout(Duration::from_secs(10), answer).await;
        let cards = parse_models(&body.map_err(Error::unavailable)??)?;
        let listed = |card: tollgate_protocol::openai::ModelCard| Listed {
            id: card.id,
            created: card.created_s,
            owned_by: card.owned_by,
        };
        Ok(cards.into_iter().map(listed).collect())
    }
}

fn report(recovered: Recovered) {
    let Recovered { interrupted, reserves } = recovered;
    if interrupted + reserves > 0 {
        warn!(interrupted, reserves, "the server stopped in mid-call; the ledger was recovered");
    }
}
