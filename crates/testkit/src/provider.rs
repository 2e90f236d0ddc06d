//! A sign-in provider that a test can bend: OpenID Connect, and OAuth 2.0 in the form of GitHub's.
//!
//! It signs with real keys and checks what an honest provider checks: our id and secret, the
//! redirect URI, PKCE, and that a code comes once. Whoever comes to its authorization endpoint is
//! the person whom the test put there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode, header};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tollgate_kernel::{Clock, SystemClock};
use url::Url;

/// What we are called at every such provider.
pub const CLIENT_ID: &str = "tollgate-at-the-provider";

/// Our secret at every such provider.
pub const CLIENT_SECRET: &str = "canary-client-secret-0123456789abcdef";

/// The name of the key that signs.
const KID: &str = "key-1";

/// How a provider misbehaves when a code is exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderFault {
    /// The ID token has another nonce.
    WrongNonce,
    /// The ID token is another issuer's.
    WrongIssuer,
    /// The ID token is for somebody else.
    WrongAudience,
    /// The ID token is signed with another key of the same name.
    WrongKey,
    /// An error of its own.
    Status(u16),
    /// No answer at all, until the caller leaves.
    Silence,
    /// Bytes that are nothing.
    Garbage,
    /// Codes are exchanged when it is bent again, or no more.
    Pause,
}

/// A provider on loopback.
pub struct FakeProvider {
    /// Its origin, which is its issuer.
    pub origin: String,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    origin: String,
    key: Pair,
    other: Pair,
    state: Mutex<State>,
    bent: Notify,
}

#[derive(Default)]
struct State {
    person: Value,
    fault: Option<ProviderFault>,
    codes: HashMap<String, Asked>,
    people: HashMap<String, Value>,
    seen: Vec<String>,
    count: u64,
}

/// What a browser came with, and as whom it goes back.
struct Asked {
    person: Value,
    nonce: Option<String>,
    challenge: String,
    redirect_uri: String,
}

/// A key, and its public half.
struct Pair {
    key: EncodingKey,
    algorithm: Algorithm,
    public: Map<String, Value>,
}

impl Pair {
    fn rsa() -> Result<Self> {
        let pair = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
        let der = pair.serialize_der();
        // The key itself begins after the head of its PKCS #8 envelope.
        let key = der.get(26..).context("an RSA key")?;
        Self::of(EncodingKey::from_rsa_der(key), Algorithm::RS256)
    }

    fn ec() -> Result<Self> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        Self::of(EncodingKey::from_ec_der(&pair.serialize_der()), Algorithm::ES256)
    }

    fn of(key: EncodingKey, algorithm: Algorithm) -> Result<Self> {
        let jwk = serde_json::to_value(Jwk::from_encoding_key(&key, algorithm)?)?;
        let mut public = jwk.as_object().cloned().context("a JWK")?;
        public.insert("kid".to_owned(), json!(KID));
        Ok(Self { key, algorithm, public })
    }
}

impl FakeProvider {
    /// One that signs with RS256.
    pub async fn start() -> Result<Self> {
        Self::with(Pair::rsa()?).await
    }

    /// One that signs with ES256.
    pub async fn start_es256() -> Result<Self> {
        Self::with(Pair::ec()?).await
    }

    async fn with(key: Pair) -> Result<Self> {
        let other = match key.algorithm {
            Algorithm::ES256 => Pair::ec()?,
            _ => Pair::rsa()?,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let (state, bent) = (Mutex::default(), Notify::new());
        let shared = Arc::new(Shared { origin: origin.clone(), key, other, state, bent });
        let answering = shared.clone();
        let app = axum::Router::new().fallback(move |request: Request| {
            let shared = answering.clone();
            async move { shared.answer(request).await }
        });
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { origin, shared, serving })
    }

    /// Its description for the management API: any provider of OpenID Connect.
    pub fn described(&self, id: &str) -> Value {
        json!({
            "id": id,
            "kind": "oidc",
            "issuer": self.origin,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        })
    }

    /// The same as a provider of this kind whose endpoints are here: of OAuth 2.0 alone, where the
    /// kind has no issuer.
    pub fn described_as(&self, id: &str, kind: &str) -> Value {
        let at = |path: &str| format!("{}{path}", self.origin);
        let mut endpoints = json!({
            "authorize": at("/authorize"), "token": at("/token"), "userinfo": at("/userinfo"),
        });
        if kind == "github" {
            endpoints["emails"] = json!(at("/emails"));
        }
        json!({
            "id": id,
            "kind": kind,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "endpoints": endpoints,
        })
    }

    /// Who is at its authorization endpoint from now on: the members of their profile.
    pub fn seat(&self, person: Value) {
        self.shared.state().person = person;
    }

    /// How it misbehaves from now on, if it does.
    pub fn bend(&self, fault: Option<ProviderFault>) {
        self.shared.state().fault = fault;
        self.shared.bent.notify_waiters();
    }

    /// Waits until somebody wants to exchange a code, for five seconds at most.
    pub async fn exchanging(&self) -> Result<()> {
        let asked = async {
            loop {
                let mut came = std::pin::pin!(self.shared.bent.notified());
                came.as_mut().enable();
                if self.seen().iter().any(|request| request.starts_with("POST /token")) {
                    break;
                }
                came.await;
            }
        };
        Ok(tokio::time::timeout(std::time::Duration::from_secs(5), asked).await?)
    }

    /// Every request that came, as method, path and query; bodies are left out.
    pub fn seen(&self) -> Vec<String> {
        self.shared.state().seen.clone()
    }

    /// What a browser that was sent to `address` is sent back with, once `person` signed in there:
    /// path and query of our own site.
    pub fn approve(&self, address: &str, person: &Value) -> Result<String> {
        let place = self.shared.approve(&Url::parse(address)?, person)?;
        let query = place.query().unwrap_or_default();
        Ok(format!("{}?{query}", place.path()))
    }
}

impl Drop for FakeProvider {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn approve(&self, address: &Url, person: &Value) -> Result<Url> {
        let query: HashMap<String, String> = address.query_pairs().into_owned().collect();
        let asked = |name: &str| query.get(name).cloned().with_context(|| format!("no {name}"));
        anyhow::ensure!(asked("client_id")? == CLIENT_ID, "another client");
        anyhow::ensure!(asked("code_challenge_method")? == "S256", "PKCE is by S256");
        let redirect_uri = asked("redirect_uri")?;
        let mut place = Url::parse(&redirect_uri)?;
        let mut state = self.state();
        state.count += 1;
        let code = format!("code-{}", state.count);
        state.codes.insert(
            code.clone(),
            Asked {
                person: person.clone(),
                nonce: query.get("nonce").cloned(),
                challenge: asked("code_challenge")?,
                redirect_uri,
            },
        );
        drop(state);
        place
            .query_pairs_mut()
            .append_pair("code", &code)
            .append_pair("state", &asked("state")?)
            .append_pair("iss", &self.origin);
        Ok(place)
    }

    async fn answer(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let place = parts.uri.path_and_query().map_or("/", |place| place.as_str()).to_owned();
        self.state().seen.push(format!("{} {place}", parts.method));
        let path = parts.uri.path();
        match path {
            "/.well-known/openid-configuration" => json_answer(&self.metadata()),
            "/jwks" => json_answer(&json!({ "keys": [self.key.public] })),
            "/authorize" => self.authorize(&place),
            "/token" => {
                let body = axum::body::to_bytes(body, 65_536).await.unwrap_or_default();
                self.token(&parts.headers, &body).await
            }
            "/userinfo" | "/emails" => self.profile(path, &parts.headers),
            _ => plain(StatusCode::NOT_FOUND, "nothing here"),
        }
    }

    fn metadata(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.origin);
        let algorithm = format!("{:?}", self.key.algorithm);
        json!({
            "issuer": self.origin,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "userinfo_endpoint": at("/userinfo"),
            "jwks_uri": at("/jwks"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [algorithm],
            "authorization_response_iss_parameter_supported": true,
        })
    }

    fn authorize(&self, place: &str) -> Response {
        let person = self.state().person.clone();
        let address = Url::parse(&format!("{}{place}", self.origin));
        match address.map_err(Into::into).and_then(|address| self.approve(&address, &person)) {
            Ok(back) => {
                let mut response = plain(StatusCode::FOUND, "");
                if let Ok(value) = back.as_str().parse() {
                    response.headers_mut().insert(header::LOCATION, value);
                }
                response
            }
            Err(error) => plain(StatusCode::BAD_REQUEST, &error.to_string()),
        }
    }

    /// How it misbehaves, once it does not pause.
    async fn fault(&self) -> Option<ProviderFault> {
        self.bent.notify_waiters();
        loop {
            let mut bent = std::pin::pin!(self.bent.notified());
            bent.as_mut().enable();
            let fault = self.state().fault;
            if fault != Some(ProviderFault::Pause) {
                return fault;
            }
            bent.await;
        }
    }

    async fn token(&self, headers: &HeaderMap, body: &[u8]) -> Response {
        let fault = self.fault().await;
        match fault {
            Some(ProviderFault::Status(status)) => {
                let status = StatusCode::from_u16(status).unwrap_or_default();
                return plain(status, "an error with a secret-looking-text in it");
            }
            Some(ProviderFault::Silence) => return std::future::pending().await,
            Some(ProviderFault::Garbage) => return plain(StatusCode::OK, "\u{1}{]nonsense"),
            _ => {}
        }
        let form: HashMap<String, String> =
            url::form_urlencoded::parse(body).into_owned().collect();
        let asked = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let by_form = asked("client_id") == CLIENT_ID && asked("client_secret") == CLIENT_SECRET;
        if !by_form && !is_basic(headers) {
            return refusal(StatusCode::UNAUTHORIZED, "invalid_client");
        }
        let found = self.state().codes.remove(asked("code"));
        let challenge = digest(&SHA256, asked("code_verifier").as_bytes());
        let challenge = URL_SAFE_NO_PAD.encode(challenge);
        let fits =
            |it: &Asked| it.challenge == challenge && it.redirect_uri == asked("redirect_uri");
        match found.filter(fits) {
            Some(asked) => self.tokens(asked, fault),
            None => refusal(StatusCode::BAD_REQUEST, "invalid_grant"),
        }
    }

    fn tokens(&self, asked: Asked, fault: Option<ProviderFault>) -> Response {
        let Asked { person, nonce, .. } = asked;
        let now = SystemClock::new().now().micros() / 1_000_000;
        let mut claims = person.clone();
        claims["iss"] = json!(self.origin);
        claims["aud"] = json!(CLIENT_ID);
        claims["iat"] = json!(now);
        claims["exp"] = json!(now + 300);
        claims["nonce"] = json!(nonce);
        match fault {
            Some(ProviderFault::WrongNonce) => claims["nonce"] = json!("another"),
            Some(ProviderFault::WrongIssuer) => claims["iss"] = json!("https://evil.example"),
            Some(ProviderFault::WrongAudience) => claims["aud"] = json!("another"),
            _ => {}
        }
        let pair = if fault == Some(ProviderFault::WrongKey) { &self.other } else { &self.key };
        let header = Header { kid: Some(KID.to_owned()), ..Header::new(pair.algorithm) };
        let Ok(id_token) = jsonwebtoken::encode(&header, &claims, &pair.key) else {
            return plain(StatusCode::INTERNAL_SERVER_ERROR, "cannot sign");
        };
        let mut state = self.state();
        state.count += 1;
        let access_token = format!("access-{}", state.count);
        state.people.insert(access_token.clone(), person);
        drop(state);
        json_answer(&json!({
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": 300,
            "id_token": id_token,
        }))
    }

    fn profile(&self, path: &str, headers: &HeaderMap) -> Response {
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = bearer.and_then(|text| text.split_once(' ')).map(|(_, token)| token);
        let person = token.and_then(|token| self.state().people.get(token).cloned());
        let Some(person) = person else { return plain(StatusCode::UNAUTHORIZED, "who?") };
        if path == "/userinfo" {
            return json_answer(&person);
        }
        json_answer(&json!([
            { "email": "other@example.com", "primary": false, "verified": true },
            { "email": person["email"], "primary": true, "verified": person["email_verified"] },
        ]))
    }
}

fn is_basic(headers: &HeaderMap) -> bool {
    let line = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let expected = STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
    line == Some(&format!("Basic {expected}"))
}

fn refusal(status: StatusCode, code: &str) -> Response {
    let mut response = json_answer(&json!({ "error": code }));
    *response.status_mut() = status;
    response
}

fn json_answer(value: &Value) -> Response {
    let mut response = plain(StatusCode::OK, &value.to_string());
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn plain(status: StatusCode, text: &str) -> Response {
    let mut response = Response::new(Body::from(text.to_owned()));
    *response.status_mut() = status;
    response
}
