//! A gate of its own, and a provider that a test can bend.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tollgate_kernel::{Job, Manage, ManualClock, Network, Noun, Rng, SeededRng, Timestamp};
use tollgate_root::Root;
use tollgate_store::{AuditFilter, PageRequest, Target};
use tollgate_vault::MasterKey;

use super::super::*;
use crate::{DrainBounds, Jobs, NoPrices, Outbound, Parts, Works};

pub(super) const CLIENT: &str = "our client+id";
pub(super) const SECRET: &str = "canary secret:+%/7f3a";
pub(super) const NOW: i64 = 1_800_000_000;

pub(super) fn redirect_uri() -> Url {
    Url::parse("http://localhost:8080/callback/idp").unwrap()
}

/// A gate over a store of its own.
pub(super) struct House {
    pub(super) gate: Arc<Gate>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) folder: TempDir,
    jobs: Jobs,
    _works: Works,
}

impl House {
    pub(super) async fn new() -> Self {
        Self::within(Outbound::default()).await
    }

    pub(super) async fn within(outbound: Outbound) -> Self {
        // A busy machine is no reason to fail.
        Self::with(outbound, Duration::from_secs(60)).await
    }

    /// One whose store answers within `deadline` or not at all.
    pub(super) async fn with(outbound: Outbound, deadline: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(NOW)));
        let rng: Arc<dyn Rng> = Arc::new(SeededRng::new(7));
        let root = Root::new();
        let target = Target::Sqlite { data_dir: folder.path().to_owned() };
        let options = tollgate_store::Options {
            deadline,
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
            public_url: "http://localhost:8080".to_owned(),
            strangers_per_minute: 1_000,
            drain: DrainBounds::default(),
            extra_roots: Vec::new(),
            outbound,
        })
        .await
        .unwrap();
        Self { gate, clock, folder, jobs, _works: works }
    }

    pub(super) fn warrant(&self) -> Warrant {
        let system = self.gate.system(&self.jobs.token(Job::Setup));
        self.gate.allow(&system, Manage::write(Noun::Settings)).unwrap()
    }

    pub(super) fn nobody(&self) -> Arc<Principal> {
        self.gate.anonymous(Network::of("203.0.113.9".parse().unwrap()))
    }

    /// `idp` as an OpenID provider of which only the issuer is set.
    pub(super) fn provider(&self, idp: &Idp) -> Provider {
        let id = Slug::parse("idp").unwrap();
        let secret = Secret::new(SECRET.to_owned());
        let bytes = self.gate.seal_client_secret(&self.warrant(), &id, 3, &secret).unwrap();
        Provider {
            id,
            issuer: Some(idp.origin.clone()),
            client_id: CLIENT.to_owned(),
            client_secret: Some(SealedSecret { bytes, version: 3 }),
            endpoints: Endpoints::default(),
            fields: Default::default(),
            scopes: vec!["openid".to_owned(), "email".to_owned()],
            secret_in_form: false,
        }
    }

    /// Comes back as `subject`, as the provider's code for them says.
    pub(super) async fn come_back(
        &self,
        provider: &Provider,
        subject: &str,
    ) -> Result<Identity, Error> {
        self.come_back_with(provider, subject, None).await
    }

    pub(super) async fn come_back_with(
        &self,
        provider: &Provider,
        subject: &str,
        iss: Option<&str>,
    ) -> Result<Identity, Error> {
        let outset = self.gate.set_out(&self.nobody(), provider, &redirect_uri()).await?;
        let returned = Returned {
            code: PlainToken::new(format!("{subject}~{}", outset.nonce.expose())),
            iss: iss.map(str::to_owned),
            nonce: outset.nonce,
            verifier: outset.verifier,
        };
        self.gate.claims(&self.nobody(), provider, &redirect_uri(), returned).await
    }

    /// The error of coming back, which names the provider and holds nothing secret.
    pub(super) async fn refusal(&self, provider: &Provider) -> Error {
        let error = self.come_back(provider, "alice").await.unwrap_err();
        assert_is_safe(&error);
        error
    }

    /// What was audited, oldest first: actor, action and target.
    pub(super) async fn audited(&self) -> Vec<String> {
        let warrant = self.warrant();
        let page = PageRequest::first(PageRequest::MAX);
        let page = self.gate.read(&warrant).audit(&AuditFilter::default(), &page).await.unwrap();
        let line =
            |it: &tollgate_store::AuditRecord| format!("{} {} {}", it.actor, it.action, it.target);
        page.items.iter().rev().map(line).collect()
    }
}

pub(super) fn assert_is_safe(error: &Error) {
    let text = format!("{error:?} {error}");
    assert!(text.contains("sign-in provider idp"), "{text}");
    for secret in [SECRET, "canary", &STANDARD.encode(SECRET)] {
        assert!(!text.contains(secret), "{text}");
    }
}

/// A pair of keys that another library signs with.
pub(super) struct Pair {
    key: EncodingKey,
    algorithm: Algorithm,
    /// The public half, as members of a JWK.
    pub(super) public: Map<String, Value>,
}

impl Pair {
    fn rsa() -> Self {
        let pair = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        // The key itself begins after the head of its PKCS #8 envelope.
        let key = EncodingKey::from_rsa_der(&pair.serialize_der()[26..]);
        Self::of(key, Algorithm::RS256)
    }

    fn ec() -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        Self::of(EncodingKey::from_ec_der(&pair.serialize_der()), Algorithm::ES256)
    }

    fn of(key: EncodingKey, algorithm: Algorithm) -> Self {
        let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&key, algorithm).unwrap();
        let Value::Object(public) = serde_json::to_value(jwk).unwrap() else { panic!("a JWK") };
        Self { key, algorithm, public }
    }

    pub(super) fn algorithm(&self) -> &'static str {
        if self.algorithm == Algorithm::RS256 { "RS256" } else { "ES256" }
    }

    pub(super) fn sign(&self, input: &str) -> String {
        jsonwebtoken::crypto::sign(input.as_bytes(), &self.key, self.algorithm).unwrap()
    }
}

pub(super) static RSA: LazyLock<Pair> = LazyLock::new(Pair::rsa);
pub(super) static EC: LazyLock<Pair> = LazyLock::new(Pair::ec);

/// One request that came.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) path: String,
    pub(super) head: String,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn form(&self) -> HashMap<String, String> {
        url::form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }
}

/// Makes an ID token for this nonce.
type Forge = Box<dyn Fn(&str) -> String + Send>;

/// How the provider is bent.
pub(super) struct Knobs {
    /// What is answered to a path, whatever was asked.
    pub(super) canned: HashMap<String, String>,
    /// Members over those of a good ID token; `null` takes one out.
    pub(super) claims: Value,
    /// The same for its header.
    pub(super) header: Value,
    /// The same for the metadata.
    pub(super) metadata: Value,
    /// The same for the token answer.
    pub(super) tokens: Value,
    /// Who signs, and under which name.
    pub(super) pair: &'static LazyLock<Pair>,
    pub(super) kid: String,
    /// The ID token itself, instead.
    pub(super) raw: Option<Forge>,
}

/// A provider on loopback.
pub(super) struct Idp {
    pub(super) origin: String,
    pub(super) knobs: Arc<Mutex<Knobs>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Idp {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let knobs = Knobs {
            canned: HashMap::new(),
            claims: json!({}),
            header: json!({}),
            metadata: json!({}),
            tokens: json!({}),
            pair: &RSA,
            kid: "k1".to_owned(),
            raw: None,
        };
        let idp = Self { origin, knobs: Arc::new(Mutex::new(knobs)), seen: Arc::default() };
        let (origin, knobs, seen) = (idp.origin.clone(), idp.knobs.clone(), idp.seen.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (origin, knobs, seen) = (origin.clone(), knobs.clone(), seen.clone());
                tokio::spawn(async move {
                    let answer = |request: &Seen| reply(&origin, &knobs.lock().unwrap(), request);
                    drop(serve(stream, &seen, answer).await);
                });
            }
        });
        idp
    }

    pub(super) fn bend(&self, bend: impl FnOnce(&mut Knobs)) {
        bend(&mut self.knobs.lock().unwrap());
    }

    /// Answers `path` with this from now on.
    pub(super) fn can(&self, path: &str, answer: String) {
        self.bend(|knobs| {
            knobs.canned.insert(path.to_owned(), answer);
        });
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn count(&self, path: &str) -> usize {
        self.seen().iter().filter(|seen| seen.path == path).count()
    }

    pub(super) fn at(&self, path: &str) -> Option<Url> {
        Some(Url::parse(&format!("{}{path}", self.origin)).unwrap())
    }
}

/// An address where nobody answers, as long as the socket that holds it is there.
pub(super) fn nowhere() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

async fn serve(
    mut stream: TcpStream,
    seen: &Mutex<Vec<Seen>>,
    answer: impl Fn(&Seen) -> String,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await?;
    let path = head.split([' ', '?']).nth(1).unwrap().to_owned();
    let request = Seen { path, head, body: String::from_utf8(body).unwrap() };
    let answer = answer(&request);
    seen.lock().unwrap().push(request);
    if answer == SILENCE {
        std::future::pending::<()>().await;
    }
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// The answer that never comes.
pub(super) const SILENCE: &str = "silence";

pub(super) fn answer(status: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{kind}\r\ncontent-length: {length}\r\n\r\n{body}")
}

pub(super) fn json(status: &str, body: &Value) -> String {
    answer(status, "content-type: application/json", &body.to_string())
}

/// `over` put over `members`; `null` takes one out.
fn put_over(members: Value, over: &Value) -> Value {
    let Value::Object(mut members) = members else { panic!("an object") };
    for (name, value) in over.as_object().unwrap() {
        members.remove(name);
        if !value.is_null() {
            members.insert(name.clone(), value.clone());
        }
    }
    Value::Object(members)
}

fn reply(origin: &str, knobs: &Knobs, request: &Seen) -> String {
    if let Some(answer) = knobs.canned.get(&request.path) {
        return answer.clone();
    }
    let body = match request.path.as_str() {
        "/.well-known/openid-configuration" => put_over(
            json!({
                "issuer": origin,
                "authorization_endpoint": format!("{origin}/authorize"),
                "token_endpoint": format!("{origin}/token"),
                "userinfo_endpoint": format!("{origin}/userinfo"),
                "jwks_uri": format!("{origin}/jwks"),
            }),
            &knobs.metadata,
        ),
        "/jwks" => {
            let mut key = knobs.pair.public.clone();
            key.insert("kid".to_owned(), json!(knobs.kid));
            json!({ "keys": [key] })
        }
        "/token" => return token_reply(origin, knobs, request),
        "/authorize" => return answer("400 Bad Request", "content-type: text/html", "<p>"),
        "/userinfo" if !request.head.contains("authorization: Bearer ") => {
            return answer("401 Unauthorized", "content-type: text/plain", "no");
        }
        "/userinfo" => {
            json!({ "sub": "alice", "email": "alice@example.com", "email_verified": true })
        }
        _ => return answer("404 Not Found", "content-type: text/plain", "no"),
    };
    json("200 OK", &body)
}

/// Whoever asks with the right id and secret is whom the code names.
fn token_reply(origin: &str, knobs: &Knobs, request: &Seen) -> String {
    let form = request.form();
    let encoded =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let basic = STANDARD.encode(format!("{}:{}", encoded(CLIENT), encoded(SECRET)));
    let is_known = request.head.contains(&format!("authorization: Basic {basic}\r\n"))
        || form.get("client_secret").is_some_and(|secret| secret == SECRET);
    if !is_known {
        return json("401 Unauthorized", &json!({ "error": "invalid_client" }));
    }
    let Some((subject, nonce)) = form["code"].split_once('~') else {
        return json("400 Bad Request", &json!({ "error": "invalid_grant" }));
    };
    let claims = json!({
        "iss": origin,
        "sub": subject,
        "aud": CLIENT,
        "exp": NOW + 300,
        "iat": NOW,
        "nonce": nonce,
        "email": format!("{subject}@example.com"),
        "email_verified": true,
        "name": subject,
    });
    let header = json!({ "alg": knobs.pair.algorithm(), "typ": "JWT", "kid": knobs.kid });
    let header = put_over(header, &knobs.header).to_string();
    let claims = put_over(claims, &knobs.claims).to_string();
    let id_token = match &knobs.raw {
        Some(raw) => raw(nonce),
        None => signed(knobs.pair, &header, &claims),
    };
    let tokens = json!({
        "access_token": format!("access-{subject}"),
        "token_type": "Bearer",
        "id_token": id_token,
    });
    json("200 OK", &put_over(tokens, &knobs.tokens))
}

pub(super) fn signed(pair: &Pair, header: &str, claims: &str) -> String {
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = pair.sign(&input);
    format!("{input}.{signature}")
}
