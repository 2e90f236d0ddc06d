//! What the tests of this crate share: a store in a folder of its own, a real gate before it, the
//! console's rows behind the real router, and people with credentials.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::Request;
use http_body_util::BodyExt;
use serde_json::Value;
use tempfile::TempDir;
use tollgate_edge::page::Assets;
use tollgate_edge::{
    App, Authenticator, CsrfKeys, Edge, Hosts, NetworkBook, NetworkLimits, Parts as EdgeParts,
    Peer, RequestLog, Style, TrustedProxies,
};
use tollgate_gate::{
    DrainBounds, Gate, JobToken, ModelFacts, Outbound, Parts, Presented, Prices, Principal,
    Purpose, Warrant, Works,
};
use tollgate_kernel::{
    Called, Charged, ClientId, Clock, EntryKey, EntryState, Error, Job, KeyId, Manage, ManualClock,
    Network, Noun, Price, Rates, RequestId, Rng, Role, SeededRng, SessionId, Slug, Tally,
    Timestamp, Usage, UserId,
};
use tollgate_protocol::api_key::TokenType;
use tollgate_root::Root;
use tollgate_store::ledger::{Batch, EntryRow, Fold, LedgerStore, Opened, Settlement};
use tollgate_store::{
    AuditEvent, KeyHolder, NewKey, NewSecret, NewSession, NewUser, Options, Target,
};
use tollgate_vault::MasterKey;
use url::Url;

use crate::{ConsoleState, assets, nav, rows};

/// When all tests happen.
pub(crate) const NOW: &str = "2026-11-21T07:30:00Z";

const ORIGIN: &str = "http://localhost:4242";

/// An installation with an owner, an admin key, and people as tests need them.
pub(crate) struct House {
    pub(crate) gate: Arc<Gate>,
    pub(crate) app: App,
    /// An admin key, as a header.
    pub(crate) admin: String,
    token: JobToken,
    _works: Works,
    _folder: TempDir,
}

/// A person with what they can present.
pub(crate) struct Person {
    pub(crate) id: UserId,
    /// A session cookie.
    pub(crate) session: String,
    pub(crate) session_id: SessionId,
    /// An API key, as a header.
    pub(crate) key: String,
}

/// A price for the model `priced` alone.
struct OnePrice;

impl Prices for OnePrice {
    fn facts(&self, model: &str, _: Timestamp) -> Option<ModelFacts> {
        let price = Price {
            input: 2_500_000_000,
            cached_input: Some(1_250_000_000),
            cache_write: None,
            output: 10_000_000_000,
            tiers: Vec::new(),
        };
        (model == "priced").then(|| ModelFacts {
            price: Arc::new(price),
            context_tokens: Some(128_000),
            max_output_tokens: None,
        })
    }
}

/// The gate, as the server wires it.
struct Door(Arc<Gate>);

impl Authenticator for Door {
    fn authenticate(
        &self,
        presented: Presented,
        network: Network,
    ) -> BoxFuture<'_, Result<Arc<Principal>, Error>> {
        async move { self.0.authenticate(presented, network).await }.boxed()
    }

    fn anonymous(&self, network: Network) -> Arc<Principal> {
        self.0.anonymous(network)
    }
}

impl CsrfKeys for Door {
    fn token(&self, binding: &str) -> String {
        let mac = self.0.mac(Purpose::Csrf, binding.as_bytes());
        mac.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn matches(&self, binding: &str, token: &str) -> bool {
        self.token(binding) == token
    }
}

/// What is to stand in the ledger before the gate opens it.
pub(crate) type Before =
    Box<dyn for<'a> FnOnce(&'a mut LedgerStore, Timestamp) -> BoxFuture<'a, ()>>;

impl House {
    /// An installation where nothing has happened.
    pub(crate) async fn new() -> Self {
        Self::after(Box::new(|_, _| async {}.boxed())).await
    }

    /// An installation whose ledger has seen something. What `before` leaves open was cut off by a
    /// crash.
    pub(crate) async fn after(before: Before) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::parse(NOW).unwrap()));
        let rng: Arc<dyn Rng> = Arc::new(SeededRng::new(7));
        let root = Root::new();
        let target = Target::Sqlite { data_dir: folder.path().to_owned() };
        let options = Options::new(target.clone(), clock.clone());
        let (reader, writer) = tollgate_store::open(&root, options).await.unwrap();
        let ledger =
            || tollgate_store::ledger::open(&root, target.clone(), clock.clone(), rng.clone());
        let (mut store, _) = ledger().await.unwrap().1.open().await.unwrap();
        before(&mut store, clock.now()).await;
        drop(store);
        let (ledger_reader, ledger) = ledger().await.unwrap();
        let master = MasterKey::generate(&SeededRng::new(9));
        let (vault, opener) = tollgate_vault::unlock(&root, master).unwrap();
        let prices: Arc<dyn Prices> = Arc::new(OnePrice);
        let parts = Parts {
            reader,
            writer,
            ledger,
            ledger_reader,
            vault,
            opener,
            clock: clock.clone(),
            rng: rng.clone(),
            prices: prices.clone(),
            public_url: ORIGIN.to_owned(),
            strangers_per_minute: 1_000,
            drain: DrainBounds::default(),
            extra_roots: Vec::new(),
            outbound: Outbound::default(),
        };
        let (gate, jobs, works) = Gate::new(parts).await.unwrap();
        let app = app(&gate, &clock, rng, prices);
        let token = jobs.token(Job::Setup);
        let mut house =
            Self { gate, app, admin: String::new(), token, _works: works, _folder: folder };
        house.admin = house.new_key(TokenType::Admin, KeyHolder::Admin).await;
        house
    }

    /// The right of the wiring to do this.
    pub(crate) fn warrant(&self, noun: Noun) -> Warrant {
        self.gate.allow(&self.gate.system(&self.token), Manage::write(noun)).unwrap()
    }

    /// A person with this role and plan, a session and a key.
    pub(crate) async fn person(&self, name: &str, role: Role, plan: Option<&str>) -> Person {
        let (clock, rng) = (&**self.gate.clock(), &**self.gate.rng());
        self.known_person(name, role, plan, (UserId::new(clock, rng), KeyId::new(clock, rng))).await
    }

    /// A person whose id and whose key's id are known before.
    pub(crate) async fn known_person(
        &self,
        name: &str,
        role: Role,
        plan: Option<&str>,
        (id, key_id): (UserId, KeyId),
    ) -> Person {
        let (clock, rng) = (&**self.gate.clock(), &**self.gate.rng());
        let user = NewUser {
            id,
            email: format!("{name}@example.com"),
            name: name.to_owned(),
            locale: None,
            role,
            plan: plan.map(|plan| Slug::parse(plan).unwrap()),
            password: None,
            external_id: None,
        };
        let (cookie, hash) = self.gate.new_token(TokenType::Session);
        let session_id = SessionId::new(clock, rng);
        let session = NewSession {
            id: session_id,
            hash: *hash.as_bytes(),
            user: id,
            expires_at: clock.now().plus(std::time::Duration::from_secs(86_400)),
            network: None,
            agent: None,
        };
        let mut tx = self.gate.begin(&self.warrant(Noun::Users)).await.unwrap();
        tx.insert_user(user).await.unwrap();
        tx.insert_session(session).await.unwrap();
        tx.commit(AuditEvent::new("user.create", format!("user:{id}"))).await.unwrap();
        let key = self.key(key_id, TokenType::User, KeyHolder::User(id), None).await;
        let session = format!("tollgate={}", cookie.expose());
        Person { id, session, session_id, key }
    }

    /// A new key, as a header.
    pub(crate) async fn new_key(&self, kind: TokenType, holder: KeyHolder) -> String {
        self.named_key(kind, holder).await.0
    }

    /// A new key, as a header, and its id.
    pub(crate) async fn named_key(&self, kind: TokenType, holder: KeyHolder) -> (String, KeyId) {
        let id = KeyId::new(&**self.gate.clock(), &**self.gate.rng());
        (self.key(id, kind, holder, None).await, id)
    }

    /// An admin key, as a header, that works on this machine alone.
    pub(crate) async fn limited_admin_key(&self) -> String {
        let id = KeyId::new(&**self.gate.clock(), &**self.gate.rng());
        let networks = vec!["127.0.0.0/8".to_owned()];
        self.key(id, TokenType::Admin, KeyHolder::Admin, Some(networks)).await
    }

    async fn key(
        &self,
        id: KeyId,
        kind: TokenType,
        holder: KeyHolder,
        networks: Option<Vec<String>>,
    ) -> String {
        let (token, hash) = self.gate.new_token(kind);
        let key = NewKey {
            id,
            name: "a key".to_owned(),
            holder,
            tool: None,
            models: None,
            networks,
            rates: Rates::default(),
            budgets: Vec::new(),
            expires_at: None,
        };
        let secret = NewSecret { hash: *hash.as_bytes(), tail: token.tail() };
        let mut tx = self.gate.begin(&self.warrant(Noun::Keys)).await.unwrap();
        tx.insert_key(key, secret).await.unwrap();
        tx.commit(AuditEvent::new("key.create", format!("key:{id}"))).await.unwrap();
        format!("Bearer {}", token.expose())
    }

    /// Sends a request with these headers; the body is JSON unless it is a form.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body.into()).unwrap();
        request.extensions_mut().insert(Peer::ip([127, 0, 0, 1].into()));
        self.app.handle(request).await
    }

    /// A call of the API with this `Authorization`.
    pub(crate) async fn call(
        &self,
        with: &str,
        method: &str,
        path: &str,
        body: Value,
    ) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.send(method, path, &[("authorization", with)], body).await;
        let status = answer.status().as_u16();
        let text = text(answer).await;
        let value =
            if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
        (status, value)
    }

    /// A call of the API with the admin key.
    pub(crate) async fn admin(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.call(&self.admin, method, path, body).await
    }

    /// The same, when it must succeed.
    pub(crate) async fn done(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, value) = self.admin(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {value}");
        value
    }

    /// The status, code and member at fault of a call that must fail.
    pub(crate) async fn refused(&self, method: &str, path: &str, body: Value) -> Refusal {
        let (status, value) = self.admin(method, path, body).await;
        assert!(status >= 400, "{method} {path}: {status} {value}");
        Refusal {
            status,
            code: value["code"].as_str().unwrap_or_default().to_owned(),
            param: value["param"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// A page as this person sees it: status and HTML.
    pub(crate) async fn page(&self, person: &Person, path: &str) -> (u16, String) {
        let answer = self.send("GET", path, &[("cookie", &person.session)], "").await;
        (answer.status().as_u16(), text(answer).await)
    }

    /// Sends a form of ours: status, the place that it leads to, HTML.
    pub(crate) async fn submit(
        &self,
        person: &Person,
        path: &str,
        fields: &[(&str, &str)],
    ) -> (u16, String, String) {
        let csrf = Door(self.gate.clone()).token(&format!("session:{}", person.session_id));
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("csrf", &csrf);
        for (name, value) in fields {
            form.append_pair(name, value);
        }
        let headers = [
            ("cookie", person.session.as_str()),
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let answer = self.send("POST", path, &headers, form.finish()).await;
        let place = answer.headers().get("location").map_or("", |v| v.to_str().unwrap());
        (answer.status().as_u16(), place.to_owned(), text(answer).await)
    }

    /// The same with the admin key, as a browser without a session: the status.
    pub(crate) async fn submit_with_key(
        &self,
        key: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> u16 {
        let csrf = Door(self.gate.clone()).token("presession:abc");
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("csrf", &csrf).extend_pairs(fields);
        let headers = [
            ("authorization", key),
            ("cookie", "tollgate-pre=abc"),
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let answer = self.send("POST", path, &headers, form.finish()).await;
        answer.status().as_u16()
    }

    /// What the audit chain says was done last: action and target.
    pub(crate) async fn last_act(&self) -> (String, String) {
        let list = self.done("GET", "/api/v1/audit?limit=1", Value::Null).await;
        let said = |name: &str| list["items"][0][name].as_str().unwrap().to_owned();
        (said("action"), said("target"))
    }
}

/// What a refused call was told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) param: String,
}

/// A refusal, to compare with.
pub(crate) fn refusal(status: u16, code: &str, param: &str) -> Refusal {
    Refusal { status, code: code.to_owned(), param: param.to_owned() }
}

/// The body as text.
pub(crate) async fn text(response: Response) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn app(
    gate: &Arc<Gate>,
    clock: &Arc<ManualClock>,
    rng: Arc<dyn Rng>,
    prices: Arc<dyn Prices>,
) -> App {
    let edge = Edge::new(EdgeParts {
        public_url: Url::parse(ORIGIN).unwrap(),
        brand: "Tollgate".to_owned(),
        trusted_proxies: TrustedProxies::default(),
        hosts: Hosts::Any,
        clock: clock.clone(),
        rng,
        authenticator: Arc::new(Door(gate.clone())),
        csrf: Arc::new(Door(gate.clone())),
        log: RequestLog::start(std::io::sink(), Style::Json).unwrap(),
        assets: assets(Assets::shell()),
        nav: nav(),
        networks: NetworkBook::new(NetworkLimits::LAX, gate.clock().clone()),
        replays: gate.clone(),
    });
    App::build(rows(ConsoleState::new(gate.clone(), prices)), edge).unwrap()
}

/// An entry that is to stand in the ledger.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) number: u8,
    pub(crate) attempt: u16,
    pub(crate) at: Timestamp,
    pub(crate) user: Option<UserId>,
    pub(crate) client: Option<ClientId>,
    pub(crate) key: Option<KeyId>,
    pub(crate) model: &'static str,
    pub(crate) state: EntryState,
}

/// A call of nobody's, settled, at this moment; calls with higher numbers are newer.
pub(crate) fn settled(number: u8, at: Timestamp) -> Call {
    Call {
        number,
        attempt: 1,
        at,
        user: None,
        client: None,
        key: None,
        model: "small",
        state: EntryState::Settled,
    }
}

impl Call {
    /// The id of a call of [`NOW`] by its number.
    pub(crate) fn id(number: u8) -> String {
        Self::id_at(number, Timestamp::parse(NOW).unwrap())
    }

    /// The same at another moment, to the minute: ids of calls begin with their time.
    fn id_at(number: u8, at: Timestamp) -> String {
        let ms = at.secs().div_euclid(60) * 60_000;
        format!("{:08x}-{:04x}-7000-8000-0000000000{number:02x}", ms >> 16, ms & 0xffff)
    }

    /// The same call as the ledger takes it: 100 tokens in, 20 out, 1,000 nano-units.
    pub(crate) fn fold(self) -> Fold {
        let id = Self::id_at(self.number, self.at);
        let key = EntryKey { call: id.parse().unwrap(), attempt: self.attempt };
        let request: RequestId = id.parse().unwrap();
        let usage = Usage { input_tokens: 100, output_tokens: 20, ..Usage::default() };
        let charged = Charged { money: 1_000, tokens: 120, calls: 1 };
        let opened = Opened {
            key,
            at: self.at,
            request,
            user: self.user,
            client: self.client,
            api_key: self.key,
            group: None,
            called: Called::Model(self.model.into()),
            upstream: Some(Slug::parse("openai").unwrap()),
            priced: true,
            hold: Charged { money: 5_000, tokens: 600, calls: 1 },
            legs: Vec::new(),
        };
        let tally =
            Tally { state: self.state, usage, cost_nano: Some(1_000), charged, excess: false };
        let settlement = Settlement { key, tally, charges: Vec::new() };
        Fold { opened: Arc::new(opened), settlement: Arc::new(settlement) }
    }
}

/// The same call as the ledger shows it.
pub(crate) fn row(call: Call) -> EntryRow {
    EntryRow {
        call_id: Call::id_at(call.number, call.at),
        attempt: call.attempt.into(),
        at: call.at,
        request_id: Call::id_at(call.number, call.at),
        user: None,
        client: None,
        key: None,
        group: None,
        model: call.model.to_owned(),
        tool: None,
        connection: None,
        upstream: Some("openai".to_owned()),
        state: call.state,
        usage: Usage::default(),
        cost_nano: None,
        charged_nano: 0,
        charged_tokens: 0,
        charged_calls: 0,
        hold_nano: 0,
        hold_tokens: 0,
        excess: false,
        budget: None,
        released_at: None,
    }
}

/// An installation whose ledger has these entries.
pub(crate) async fn with_entries(
    entries: impl FnOnce(Timestamp) -> Vec<Call> + Send + 'static,
) -> House {
    House::after(Box::new(move |store, now| {
        async move {
            let folds = entries(now).into_iter().map(Call::fold).collect();
            store.commit(&Batch { folds, ..Batch::default() }).await.unwrap();
        }
        .boxed()
    }))
    .await
}
