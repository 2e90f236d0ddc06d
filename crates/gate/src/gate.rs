//! The gate as doors see it.

use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use http::Response;
use tollgate_kernel::{CallId, Clock, Error, Job, Manage, Network, Rng, Slug, Subject};
use tollgate_store::ledger::{LedgerReader, LedgerSource, Recovered};
use tollgate_store::{Actor, Reader, Tx, Writer};
use tollgate_vault::{Opener, Vault};
use tracing::warn;
use url::Url;

use crate::authn::{Authn, without_credential};
use crate::catalogue::{Catalogue, Listed};
use crate::connect::Connect;
use crate::drain::{Drain, DrainBounds, drain};
use crate::events::Lives;
use crate::fetch::{Client, Fetcher, Guard, Outbound, System};
use crate::figures::UpstreamFailures;
use crate::forward::Forwarder;
use crate::hold::{self, Hold};
use crate::ledger::Ledger;
use crate::metered::Metered;
use crate::passwords::Passwords;
use crate::permit::Decider;
use crate::policy::Policy;
use crate::prices::Prices;
use crate::rates::{RateBook, Refusal};
use crate::replay::Replays;
use crate::resources::{self, Resource};
use crate::sign_in::SignIn;
use crate::tokens::Tokens;
use crate::tool_place::ToolPlaces;
use crate::transport::{self, Transport};
use crate::works::Heeded;
use crate::{Call, Permit, Presented, Principal, Trouble, Warrant, Works};

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
    /// How often those may call a tool in a minute who say nothing of who they are, for each
    /// network.
    pub strangers_per_minute: u32,
    /// How far a call is read on whose caller has left.
    pub drain: DrainBounds,
    /// Certificates (DER) that upstreams may have beside the public ones.
    pub extra_roots: Vec<Vec<u8>>,
    /// Where the server may go on its own account.
    pub outbound: Outbound,
}

/// Every call of every door goes through here.
pub struct Gate {
    /// For what goes on when its caller has left.
    pub(crate) me: Weak<Self>,
    pub(crate) authn: Authn,
    pub(crate) writer: Writer,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) ledger_reader: LedgerReader,
    pub(crate) vault: Arc<Vault>,
    pub(crate) opener: Opener,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) prices: Arc<dyn Prices>,
    pub(crate) policy: ArcSwap<Policy>,
    /// Held from reading an event until what it says is so.
    pub(crate) events: tokio::sync::Mutex<Heeded>,
    pub(crate) catalogue: Catalogue,
    pub(crate) rates: Arc<RateBook>,
    pub(crate) passwords: Passwords,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) lives: Arc<Lives>,
    pub(crate) transport: Transport,
    pub(crate) drain: Drain,
    pub(crate) upstream_failures: UpstreamFailures,
    /// Upstreams have come, changed or gone.
    pub(crate) lists_wanted: tokio::sync::Notify,
    pub(crate) replays: Replays,
    pub(crate) fetcher: Fetcher,
    pub(crate) sign_in: SignIn,
    pub(crate) connect: Connect,
    /// Our own doors, for which tokens can be made.
    pub(crate) doors: Vec<Arc<Resource>>,
    pub(crate) tool_places: ToolPlaces,
    pub(crate) strangers_per_minute: u32,
    /// Held by whoever makes the key for ID tokens.
    pub(crate) id_key: tokio::sync::Mutex<()>,
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

impl Gate {
    /// Opens the ledger, reads the policy, and gives the gate with what belongs to the wiring
    /// alone.
    pub async fn new(parts: Parts) -> Result<(Arc<Self>, Jobs, Works), Error> {
        let Parts { reader, writer, ledger, ledger_reader, vault, opener, clock, rng, .. } = parts;
        let (ledger, thread, recovered) = Ledger::start(ledger, clock.clone())?;
        report(recovered);
        let vault = Arc::new(vault);
        let lives = Arc::<Lives>::default();
        let tokens = Arc::new(Tokens::new(&parts.public_url));
        let tool_places = ToolPlaces::new(&Url::parse(&parts.public_url).map_err(Error::internal)?);
        let doors = resources::doors(&tokens);
        let seen = reader.latest_event().await?;
        let authn = Authn::new(reader, vault.clone(), clock.clone(), lives.clone(), tokens.clone());
        let (drain, drainer) = drain(parts.drain);
        let tls = transport::tls(&parts.extra_roots)?;
        let (loopback_tools, patience) = (parts.outbound.loopback_tools, parts.outbound.tools);
        let client = Client::new(Guard::new(parts.outbound), Arc::new(System), tls.clone());
        let client = Arc::new(client);
        let gate = Arc::new_cyclic(|me| Self {
            me: me.clone(),
            authn,
            writer,
            ledger,
            ledger_reader,
            passwords: Passwords::new(vault.clone(), rng.clone()),
            vault,
            opener,
            rates: RateBook::new(clock.clone()),
            fetcher: Fetcher::new(client.clone(), clock.clone()),
            sign_in: SignIn::new(client.clone()),
            connect: Connect::new(client, loopback_tools, patience),
            clock,
            rng,
            prices: parts.prices,
            policy: ArcSwap::from_pointee(Policy::empty()),
            events: tokio::sync::Mutex::new(Heeded { seen, outdated: true }),
            catalogue: Catalogue::default(),
            tokens,
            lives,
            transport: Transport::new(tls),
            drain,
            upstream_failures: UpstreamFailures::default(),
            lists_wanted: tokio::sync::Notify::new(),
            replays: Replays::default(),
            doors,
            tool_places,
            strangers_per_minute: parts.strangers_per_minute,
            id_key: tokio::sync::Mutex::default(),
        });
        gate.events.lock().await.heed_new(&gate).await?;
        let works = Works { gate: gate.clone(), drainer, thread };
        Ok((gate, Jobs(()), works))
    }

    /// Who presents this, from this network. An error where the credential is no good; nobody where
    /// nothing was presented.
    pub async fn authenticate(
        &self,
        presented: Presented,
        network: Network,
    ) -> Result<Arc<Principal>, Error> {
        if presented.names().is_empty() {
            return self.authn.authenticate(presented, network).await;
        }
        Box::pin(self.authenticate_named(presented, network)).await
    }

    /// The same at once, for a credential that is remembered; `None` where [`Self::authenticate`]
    /// has to look.
    pub fn recall(
        &self,
        presented: &Presented,
        network: Network,
    ) -> Option<Result<Arc<Principal>, Error>> {
        self.authn.recall(presented, network)
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
        self.writer.begin(warrant.principal().actor()).await
    }

    /// Opens a transaction of the server itself, for what it makes when it is needed first.
    pub(crate) async fn begin_as_setup(&self) -> Result<Tx, Error> {
        let subject = Subject::System(Job::Setup).to_string();
        self.writer.begin(Actor { subject, network: None, request: None, client: None }).await
    }

    /// What the owner should mend at `upstream`; `None` where all is well or nothing is known.
    pub fn trouble(&self, _: &Warrant, upstream: &Slug) -> Option<Trouble> {
        self.policy.load().upstreams.get(upstream)?.troubles.now()
    }

    /// Whether the store answers and holds can be recorded.
    pub async fn is_ready(&self) -> Result<(), Error> {
        self.authn.reader.ping().await?;
        self.ledger.is_up()
    }

    /// Takes note of what was just committed, so that this node heeds it before it answers.
    pub async fn heed(&self) {
        if let Err(error) = self.events.lock().await.heed_new(self).await {
            warn!(cause = error.cause(), "events cannot be read: {error}");
        }
    }

    /// Whether `principal` may make `call`, and who could answer it.
    pub fn decide(&self, principal: &Arc<Principal>, call: Call) -> Result<Permit, Error> {
        self.decider(&self.policy.load_full()).decide(principal, call)
    }

    /// Holds the worst case of a permitted call, in all of its accounts and rates or in none.
    pub async fn reserve(&self, permit: &Permit) -> Result<Hold, Refusal> {
        hold::reserve(&self.ledger, &self.rates, permit).await
    }

    /// Sends the call that `hold` was made for to one candidate after the other, until one answers
    /// or the call may have been spent.
    pub async fn forward(&self, hold: Hold) -> Result<Response<Metered>, Error> {
        let forwarder = Forwarder {
            transport: &self.transport,
            vault: &self.vault,
            drain: &self.drain,
            failures: &self.upstream_failures,
            tokens: &self.tokens,
            gate: self,
        };
        forwarder.forward(hold).await
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
            strangers_per_minute: self.strangers_per_minute,
        }
    }
}

/// The limits of a principal, as pages show them.
impl Gate {
    /// What is left of each budget that counts for `principal`.
    pub async fn limits(&self, principal: &Arc<Principal>) -> Result<Vec<BudgetStanding>, Error> {
        let policy = self.policy.load_full();
        let now = self.clock.now();
        let resolved = principal.known.standing.resolve(&policy, now)?;
        self.standings(&resolved.legs).await
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

fn report(recovered: Recovered) {
    let Recovered { interrupted, reserves } = recovered;
    if interrupted + reserves > 0 {
        warn!(interrupted, reserves, "the server stopped in mid-call; the ledger was recovered");
    }
}
