//! An installation in a temporary folder, with a clock that the test moves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tollgate_edge::page::Assets;
use tollgate_edge::{
    App, CsrfKeys, Edge, Hosts, NetworkBook, NetworkLimits, RequestLog, Style, TrustedProxies,
};
use tollgate_gate::{
    DrainBounds, Gate, Jobs, NoPrices, Outbound, Presented, Principal, Purpose, Works,
};
use tollgate_kernel::{
    ClientId, Job, Manage, ManualClock, Network, Noun, PlainToken, Role, SeededRng, Timestamp,
    UserId,
};
use tollgate_root::Root;
use tollgate_store::{AccountState, AuditEvent, ClientKind, ClientRecord, Target};
use tollgate_vault::MasterKey;
use url::Url;

use crate::create_user::{UserWish, create_user};
use crate::new_password::Wished;
use crate::sign_in::{SignIn, sign_in};
use crate::state::IdentityState;
use crate::{NewOwner, Owner, assets, nav, rows, setup_owner};

pub(super) const ORIGIN: &str = "https://ai.example.com";
pub(super) const OWNER: &str = "owner@example.com";
pub(super) const PASSWORD: &str = "correct horse battery";

/// An installation.
pub(super) struct House {
    pub(super) gate: Arc<Gate>,
    pub(super) state: IdentityState,
    pub(super) clock: Arc<ManualClock>,
    pub(super) app: App,
    jobs: Jobs,
    /// Those that were not started.
    _works: Option<Works>,
    _folder: TempDir,
}

struct FormKeys(Arc<Gate>);

impl CsrfKeys for FormKeys {
    fn token(&self, binding: &str) -> String {
        let mac = self.0.mac(Purpose::Csrf, binding.as_bytes());
        mac.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn matches(&self, binding: &str, token: &str) -> bool {
        self.token(binding) == token
    }
}

impl House {
    /// An installation without an owner.
    pub(super) async fn empty() -> Self {
        Self::with(NetworkLimits::LAX).await
    }

    /// An empty one with these limits by network.
    pub(super) async fn with(limits: NetworkLimits) -> Self {
        let mut house = Self::still(limits).await;
        if let Some(works) = house._works.take() {
            tokio::spawn(works.run(std::future::pending(), std::future::pending()));
        }
        house
    }

    /// The same with nothing that runs beside its requests.
    pub(super) async fn still(limits: NetworkLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_800_000_000)));
        let rng = Arc::new(SeededRng::new(7));
        let root = Root::new();
        let target = Target::Sqlite { data_dir: folder.path().to_owned() };
        let options = tollgate_store::Options {
            // A busy machine is no reason to fail.
            deadline: Duration::from_secs(60),
            ..tollgate_store::Options::new(target.clone(), clock.clone())
        };
        let (reader, writer) = tollgate_store::open(&root, options).await.unwrap();
        let ledger = tollgate_store::ledger::open(&root, target, clock.clone(), rng.clone());
        let (ledger_reader, ledger) = ledger.await.unwrap();
        let master = MasterKey::from_text(&"07".repeat(32)).unwrap();
        let (vault, opener) = tollgate_vault::unlock(&root, master).unwrap();
        let (gate, jobs, works) = Gate::new(tollgate_gate::Parts {
            reader,
            writer,
            ledger,
            ledger_reader,
            vault,
            opener,
            clock: clock.clone(),
            rng: rng.clone(),
            prices: Arc::new(NoPrices),
            public_url: ORIGIN.to_owned(),
            strangers_per_minute: 1_000,
            drain: DrainBounds::default(),
            extra_roots: Vec::new(),
            outbound: Outbound::default(),
        })
        .await
        .unwrap();
        let networks = NetworkBook::new(limits, clock.clone());
        let state = IdentityState::new(gate.clone(), networks.clone());
        let edge = Edge::new(tollgate_edge::Parts {
            public_url: Url::parse(ORIGIN).unwrap(),
            brand: "Tollgate".to_owned(),
            trusted_proxies: TrustedProxies::default(),
            hosts: Hosts::Any,
            clock: clock.clone(),
            rng,
            authenticator: gate.clone(),
            csrf: Arc::new(FormKeys(gate.clone())),
            log: RequestLog::start(std::io::sink(), Style::Json).unwrap(),
            assets: assets(Assets::shell()),
            nav: nav(),
            networks,
            replays: gate.clone(),
            guests: Arc::new(tollgate_edge::NoGuests),
        });
        let app = App::build(rows(&state), edge).unwrap();
        Self { gate, state, clock, app, jobs, _works: Some(works), _folder: folder }
    }

    /// An installation whose owner has [`OWNER`] and [`PASSWORD`].
    pub(super) async fn owned() -> (Self, Owner) {
        Self::empty().await.with_owner().await
    }

    /// With an owner who has [`OWNER`] and [`PASSWORD`].
    pub(super) async fn with_owner(self) -> (Self, Owner) {
        let owner = setup_owner(&self.gate, &self.system(), owner_wish(OWNER)).await.unwrap();
        (self, owner)
    }

    /// The server itself.
    pub(super) fn system(&self) -> Arc<Principal> {
        self.gate.system(&self.jobs.token(Job::Setup))
    }

    /// Nobody, at this address.
    pub(super) fn anonymous(&self, address: &str) -> Arc<Principal> {
        self.gate.anonymous(network(address))
    }

    /// Whoever has this key.
    pub(super) async fn with_key(&self, key: &PlainToken) -> Arc<Principal> {
        self.try_key(key).await.unwrap()
    }

    pub(super) async fn try_key(
        &self,
        key: &PlainToken,
    ) -> Result<Arc<Principal>, tollgate_kernel::Error> {
        let mut presented = Presented::new();
        presented.bearer(key.clone());
        self.gate.authenticate(presented, network("192.0.2.9")).await
    }

    /// Whoever has this session cookie.
    pub(super) async fn try_session(
        &self,
        token: &PlainToken,
    ) -> Result<Arc<Principal>, tollgate_kernel::Error> {
        let mut presented = Presented::new();
        presented.session(token.clone());
        self.gate.authenticate(presented, network("192.0.2.9")).await
    }

    /// An account with [`PASSWORD`].
    pub(super) async fn user(&self, email: &str, role: Role) -> UserId {
        let wish = UserWish {
            email: email.to_owned(),
            password: Some(Wished::Clear(PlainToken::new(PASSWORD.to_owned()))),
            name: String::new(),
            locale: None,
            role,
            plan: None,
            groups: Vec::new(),
            external_id: None,
            profile: None,
            state: AccountState::Active,
        };
        create_user(&self.gate, &self.system(), wish).await.unwrap().user.id
    }

    /// A registered app.
    pub(super) async fn client(&self, name: &str) -> ClientId {
        let id = ClientId::new(&*self.clock, &**self.gate.rng());
        let warrant = self.gate.allow(&self.system(), Manage::write(Noun::Clients)).unwrap();
        let mut tx = self.gate.begin(&warrant).await.unwrap();
        let app = ClientRecord::new(id, name.to_owned(), ClientKind::Confidential);
        tx.put_client(&app).await.unwrap();
        tx.commit(AuditEvent::new("client.create", format!("client:{id}"))).await.unwrap();
        self.gate.heed().await;
        id
    }

    /// A session of the account with this address and [`PASSWORD`]: its cookie.
    pub(super) async fn session(&self, email: &str) -> PlainToken {
        let typed = SignIn {
            email: email.to_owned(),
            password: PlainToken::new(PASSWORD.to_owned()),
            agent: None,
        };
        sign_in(&self.state, &self.anonymous("192.0.2.1"), typed).await.unwrap().token
    }

    /// Somebody signed in.
    pub(super) async fn signed_in(&self, email: &str) -> Arc<Principal> {
        let token = self.session(email).await;
        self.try_session(&token).await.unwrap()
    }

    /// Changes a setting.
    pub(super) async fn set(&self, name: &str, value: &str) {
        let warrant = self.gate.allow(&self.system(), Manage::write(Noun::Settings)).unwrap();
        let mut tx = self.gate.begin(&warrant).await.unwrap();
        tx.set_setting(name, Some(value)).await.unwrap();
        tx.commit(AuditEvent::new("setting.put", name)).await.unwrap();
        self.gate.heed().await;
    }

    /// A key to sign tokens with.
    pub(super) async fn can_sign(&self) {
        let warrant = self.gate.allow(&self.system(), Manage::write(Noun::Settings)).unwrap();
        self.gate.make_signing_key(&warrant).await.unwrap();
    }

    /// Whoever holds this secret of a key, once it is known that it was replaced.
    pub(super) async fn with_replaced(&self, key: &PlainToken) -> Arc<Principal> {
        let started = Instant::now();
        loop {
            let caller = self.with_key(key).await;
            if caller.secret_ends_at().is_some() {
                return caller;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "the rotation is not heeded");
            tokio::task::yield_now().await;
        }
    }

    /// Waits until a key is refused, as it must be within a second of its end.
    pub(super) async fn key_ends(&self, key: &PlainToken) {
        let started = Instant::now();
        while self.try_key(key).await.is_ok() {
            assert!(started.elapsed() < Duration::from_secs(20), "the key goes on");
            tokio::task::yield_now().await;
        }
    }

    /// Waits until a session is refused.
    pub(super) async fn session_ends(&self, token: &PlainToken) {
        let started = Instant::now();
        while self.try_session(token).await.is_ok() {
            assert!(started.elapsed() < Duration::from_secs(20), "the session goes on");
            tokio::task::yield_now().await;
        }
    }
}

pub(super) fn network(address: &str) -> Network {
    Network::of(address.parse().unwrap())
}

/// An owner with [`PASSWORD`] who needs no set-up link.
pub(super) fn owner_wish(email: &str) -> NewOwner {
    NewOwner {
        email: email.to_owned(),
        name: "Olga".to_owned(),
        locale: Some("en".to_owned()),
        password: Some(PlainToken::new(PASSWORD.to_owned())),
        setup_token: None,
    }
}

pub(super) fn plain(text: &str) -> PlainToken {
    PlainToken::new(text.to_owned())
}
