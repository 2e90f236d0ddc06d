//! A gate of its own, with tools, those who call them, and an API that a test can bend.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method};
use http_body_util::BodyExt;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tollgate_kernel::{
    Budget, ClientId, EntryState, Error, GrantId, Job, KeyId, Manage, ManualClock, ModelPattern,
    Network, Noun, PlainToken, Rates, RequestId, Rng, Role, Secret, SeededRng, Slug, Timestamp,
    TokenId, ToolPattern, UserId,
};
use tollgate_protocol::api_key::TokenType;
use tollgate_protocol::jwt::AccessClaims;
use tollgate_root::Root;
use tollgate_store::ledger::{EntryFilter, EntryRow};
use tollgate_store::{
    AuditEvent, ClientKind, ClientRecord, KeyHolder, KeyRecord, NewGrant, NewKey, NewSecret,
    NewUser, PlanBody, PlanRecord, Target, ToolAuth, ToolRecord, Tx, UpstreamAuth, settings,
};
use tollgate_vault::MasterKey;

use crate::{
    Call, DrainBounds, Gate, Jobs, Metered, NoPrices, Outbound, Parts, PlainRequest, Presented,
    Principal, Tool, ToolCall, Warrant, Works, plain_headers,
};

pub(super) const NOW: i64 = 1_800_000_000;
pub(super) const HERE: &str = "https://ai.example.com";

/// A gate over a store of its own.
pub(super) struct House {
    pub(super) gate: Arc<Gate>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) folder: TempDir,
    jobs: Jobs,
    _works: Works,
}

pub(super) fn slug(id: &str) -> Slug {
    Slug::parse(id).unwrap()
}

impl House {
    /// One whose people may call everything, with a key to sign with.
    pub(super) async fn new() -> Self {
        let house = Self::without_key(1_000).await;
        let warrant = house.warrant();
        house.gate.make_signing_key(&warrant).await.unwrap();
        house.plan(None, Vec::new()).await;
        house
    }

    /// One that can sign nothing, with this rate for strangers.
    pub(super) async fn without_key(strangers_per_minute: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(NOW)));
        let rng: Arc<dyn Rng> = Arc::new(SeededRng::new(7));
        let root = Root::new();
        let target = Target::Sqlite { data_dir: folder.path().to_owned() };
        let options = tollgate_store::Options {
            deadline: Duration::from_secs(60),
            ..tollgate_store::Options::new(target.clone(), clock.clone())
        };
        let (reader, writer) = tollgate_store::open(&root, options).await.unwrap();
        let ledger = tollgate_store::ledger::open(&root, target, clock.clone(), rng.clone());
        let (ledger_reader, ledger) = ledger.await.unwrap();
        let master = MasterKey::from_text(&"07".repeat(32)).unwrap();
        let (vault, opener) = tollgate_vault::unlock(&root, master).unwrap();
        let (gate, jobs, works) = Gate::new(Parts {
            reader,
            writer,
            ledger,
            ledger_reader,
            vault,
            opener,
            clock: clock.clone(),
            rng,
            prices: Arc::new(NoPrices),
            public_url: HERE.to_owned(),
            strangers_per_minute,
            drain: DrainBounds::default(),
            extra_roots: Vec::new(),
            outbound: Outbound::default(),
        })
        .await
        .unwrap();
        Self { gate, clock, folder, jobs, _works: works }
    }

    pub(super) fn warrant(&self) -> Warrant {
        let system = self.gate.system(&self.jobs.token(Job::Setup));
        self.gate.allow(&system, Manage::write(Noun::Settings)).unwrap()
    }

    pub(super) async fn begin(&self) -> Tx {
        self.gate.begin(&self.warrant()).await.unwrap()
    }

    pub(super) async fn commit(&self, tx: Tx) {
        tx.commit(AuditEvent::new("test", "test")).await.unwrap();
        self.gate.heed().await;
    }

    /// The plan of everybody.
    pub(super) async fn plan(&self, tools: Option<Vec<ToolPattern>>, budgets: Vec<Budget>) {
        let body = PlanBody {
            models: vec![ModelPattern::parse("*").unwrap()],
            tools,
            rates: Rates::default(),
            budgets,
            time_zone: "UTC".to_owned(),
            max_output_tokens: 100,
            profile: None,
        };
        let known = self.gate.read(&self.warrant()).plan(&slug("standard")).await.unwrap();
        let mut plan = known.unwrap_or_else(|| PlanRecord::new(slug("standard"), body.clone()));
        plan.body = body;
        let mut tx = self.begin().await;
        tx.put_plan(&plan).await.unwrap();
        tx.set_setting(settings::DEFAULT_PLAN, Some("standard")).await.unwrap();
        self.commit(tx).await;
    }

    /// A tool in front of `api`.
    pub(super) async fn tool(&self, id: &str, api: &Api, auth: ToolAuth) -> Arc<Tool> {
        self.tool_with(ToolRecord::new(slug(id), api.url(), auth), None).await
    }

    /// That tool, with what we say who we are with.
    pub(super) async fn tool_with(
        &self,
        mut record: ToolRecord,
        secret: Option<(UpstreamAuth, &str)>,
    ) -> Arc<Tool> {
        if let Some((how, secret)) = secret {
            let secret = Secret::new(secret.to_owned());
            let sealed = self.gate.seal_tool_auth(&self.warrant(), &record.id, 1, &secret).unwrap();
            (record.upstream_auth, record.upstream_auth_sealed) = (Some(how), Some(sealed));
        }
        let mut tx = self.begin().await;
        tx.insert_tool(&record).await.unwrap();
        self.commit(tx).await;
        self.gate.tool(&record.id).unwrap()
    }

    pub(super) async fn user(&self, email: &str) -> UserId {
        let id = UserId::new(&**self.gate.clock(), &**self.gate.rng());
        let user = NewUser {
            id,
            email: email.to_owned(),
            name: email.to_owned(),
            locale: None,
            role: Role::Member,
            plan: None,
            password: None,
            external_id: None,
        };
        let mut tx = self.begin().await;
        tx.insert_user(user).await.unwrap();
        self.commit(tx).await;
        id
    }

    /// A key of `holder` that opens `tool` alone, or everything else.
    pub(super) async fn key(
        &self,
        holder: KeyHolder,
        tool: Option<&str>,
    ) -> (KeyRecord, PlainToken) {
        let kind = match holder {
            KeyHolder::User(_) => TokenType::User,
            KeyHolder::App(_) => TokenType::App,
            KeyHolder::Admin => TokenType::Admin,
            KeyHolder::Service => TokenType::Tool,
        };
        let (token, hash) = self.gate.new_token(kind);
        let secret = NewSecret { hash: *hash.as_bytes(), tail: token.tail() };
        (self.insert_key(holder, ("key", tool), secret).await, token)
    }

    /// A token of the service `name` at `tool`: `given`, or a new one.
    pub(super) async fn service(
        &self,
        tool: &Tool,
        name: &str,
        given: Option<&str>,
    ) -> (KeyRecord, PlainToken) {
        let given = given.map(|given| PlainToken::new(given.to_owned()));
        let (token, secret) = self.gate.service_secret(tool, given).unwrap();
        let named = (name, Some(tool.id().as_str()));
        (self.insert_key(KeyHolder::Service, named, secret).await, token)
    }

    async fn insert_key(
        &self,
        holder: KeyHolder,
        (name, tool): (&str, Option<&str>),
        secret: NewSecret,
    ) -> KeyRecord {
        let new = NewKey {
            id: KeyId::new(&**self.gate.clock(), &**self.gate.rng()),
            name: name.to_owned(),
            holder,
            tool: tool.map(slug),
            models: None,
            networks: None,
            rates: Rates::default(),
            budgets: Vec::new(),
            expires_at: None,
        };
        let mut tx = self.begin().await;
        let key = tx.insert_key(new, secret).await.unwrap();
        self.commit(tx).await;
        key
    }

    pub(super) async fn app(&self) -> ClientId {
        let id = ClientId::new(&**self.gate.clock(), &**self.gate.rng());
        let mut tx = self.begin().await;
        let app = ClientRecord::new(id, "app".to_owned(), ClientKind::Confidential);
        tx.put_client(&app).await.unwrap();
        self.commit(tx).await;
        id
    }

    /// An access token that `app` got for itself, or by a grant of `user`.
    pub(super) async fn token(
        &self,
        app: ClientId,
        user: Option<UserId>,
        (aud, scope): (&str, &str),
    ) -> (PlainToken, Option<GrantId>) {
        let now = self.gate.clock().now();
        let grant = GrantId::new(&**self.gate.clock(), &**self.gate.rng());
        if let Some(user) = user {
            let mut tx = self.begin().await;
            let (client, session) = (app, None);
            let (scope, resource) = (scope.to_owned(), aud.to_owned());
            let expires_at = now.plus(Duration::from_secs(86_400));
            tx.insert_grant(&NewGrant {
                id: grant,
                client,
                user,
                session,
                scope,
                resource,
                auth_time: now,
                expires_at,
            })
            .await
            .unwrap();
            self.commit(tx).await;
        }
        let grant = user.map(|_| grant);
        let claims = AccessClaims {
            iss: String::new(),
            sub: user.map_or_else(|| app.to_string(), |user| user.to_string()),
            aud: aud.to_owned(),
            exp: now.secs() + 300,
            iat: now.secs(),
            nbf: None,
            jti: TokenId::new(&**self.gate.clock(), &**self.gate.rng()).to_string(),
            client_id: app.to_string(),
            scope: Some(scope.to_owned()),
            sid: None,
            models: None,
            key: None,
            budget: None,
            grant: grant.map(|grant| grant.to_string()),
            auth_time: None,
        };
        (self.gate.mint(&self.warrant(), claims).unwrap(), grant)
    }

    /// Who a request is of that comes to `tool` with these `Authorization` headers.
    pub(super) async fn at(
        &self,
        tool: &Arc<Tool>,
        headers: &[&str],
    ) -> Result<Arc<Principal>, Error> {
        self.from(tool, headers, "203.0.113.9").await
    }

    pub(super) async fn from(
        &self,
        tool: &Arc<Tool>,
        headers: &[&str],
        address: &str,
    ) -> Result<Arc<Principal>, Error> {
        let mut map = HeaderMap::new();
        for value in headers {
            map.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        let network = Network::of(address.parse().unwrap());
        self.gate.authenticate(Presented::at_tool(tool.clone(), &map), network).await
    }

    /// Who a bearer token is at our other doors.
    pub(super) async fn elsewhere(&self, token: &PlainToken) -> Result<Arc<Principal>, Error> {
        let mut presented = Presented::new();
        presented.bearer(token.clone());
        let network = Network::of("203.0.113.9".parse().unwrap());
        if let Some(recalled) = self.gate.recall(&presented, network) {
            return recalled;
        }
        self.gate.authenticate(presented, network).await
    }

    pub(super) fn request(&self, path: &str, headers: &[(&str, &str)]) -> PlainRequest {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        PlainRequest {
            id: RequestId::new(&**self.gate.clock(), &**self.gate.rng()),
            method: Method::GET,
            path_and_query: path.parse().unwrap(),
            headers: plain_headers(&map).unwrap(),
            body: Bytes::new(),
        }
    }

    /// The answer to a call of `tool`.
    pub(super) async fn send(
        &self,
        who: &Arc<Principal>,
        tool: &Tool,
        request: PlainRequest,
    ) -> Result<http::Response<Metered>, Error> {
        let call = Call::Tool(ToolCall { tool: tool.id().clone(), request });
        let permit = self.gate.decide(who, call)?;
        let hold = self.gate.reserve(&permit).await?;
        self.gate.forward(hold).await
    }

    /// That answer, read to its end.
    pub(super) async fn get(
        &self,
        who: &Arc<Principal>,
        tool: &Tool,
        path: &str,
    ) -> Result<(u16, String), Error> {
        let answer = self.send(who, tool, self.request(path, &[])).await?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await?.to_bytes();
        Ok((status, String::from_utf8(body.to_vec()).unwrap()))
    }

    /// The entries, newest first, once there are `count` of them and none is open.
    pub(super) async fn entries(&self, count: usize) -> Vec<EntryRow> {
        let warrant = self.warrant();
        for _ in 0..2_000 {
            let filter = EntryFilter::default();
            let rows = self.gate.entry_rows(&warrant, &filter, 100).await.unwrap();
            assert!(rows.len() <= count, "{rows:#?}");
            if rows.len() == count && rows.iter().all(|row| row.state != EntryState::Open) {
                return rows;
            }
            // Entries are written a while after their calls are over.
            self.clock.advance(Duration::from_millis(60));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("there are no {count} entries");
    }

    /// Of the one entry that there is: how it ended, and how many calls it was charged.
    pub(super) async fn outcome(&self) -> (EntryState, i64) {
        let entries = self.entries(1).await;
        assert_eq!(entries[0].tool.as_deref(), Some("todo"), "{entries:?}");
        (entries[0].state, entries[0].charged_calls)
    }
}

/// What an API does with a request.
pub(super) enum Act {
    /// Answers, and keeps the connection.
    Say(String),
    /// Answers these pieces, each flushed; then waits for nothing more.
    Pieces(Vec<String>),
    /// Says nothing and keeps the connection.
    Hang,
    /// Closes it.
    Close,
}

/// An answer with this body.
pub(super) fn ok(body: &str) -> Act {
    Act::Say(answer("200 OK", "content-type: application/json\r\n", body))
}

pub(super) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

/// An API that a test can bend.
pub(super) struct Api {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Api {
    pub(super) async fn new(act: impl Fn(&str) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let (act, heard) = (Arc::new(act), seen.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, act.clone(), heard.clone()));
            }
        });
        Self { address, seen }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests that came, as they came.
    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// The values of a header in the last request.
    pub(super) fn heard(&self, name: &str) -> Vec<String> {
        let last = self.seen().pop().unwrap();
        let lines = last.lines().filter_map(|line| line.split_once(": "));
        let named = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.to_owned()).collect()
    }
}

async fn serve(
    mut stream: TcpStream,
    act: Arc<impl Fn(&str) -> Act>,
    seen: Arc<Mutex<Vec<String>>>,
) {
    while let Some(request) = read(&mut stream).await {
        seen.lock().unwrap().push(request.clone());
        match act(&request) {
            Act::Say(text) => {
                if stream.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
            Act::Pieces(pieces) => {
                for piece in pieces {
                    if stream.write_all(piece.as_bytes()).await.is_err() {
                        return;
                    }
                    let _ = stream.flush().await;
                    tokio::task::yield_now().await;
                }
                return hang(stream).await;
            }
            Act::Hang => return hang(stream).await,
            Act::Close => return,
        }
    }
}

/// Until the other side goes.
async fn hang(mut stream: TcpStream) {
    let mut rest = [0; 64];
    while stream.read(&mut rest).await.is_ok_and(|n| n > 0) {}
}

async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    loop {
        let mut piece = [0; 4_096];
        let n = stream.read(&mut piece).await.ok().filter(|n| *n > 0)?;
        request.extend_from_slice(&piece[..n]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse().ok()).flatten()
        });
        if body.len() >= length.unwrap_or(0) {
            return Some(text);
        }
    }
}
