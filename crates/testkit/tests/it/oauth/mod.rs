//! The authorization server, on each engine.

mod bounds;
mod codes;
mod named;
mod people;
mod refresh;
mod requests;
mod tokens;

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tollgate_edge::NetworkLimits;
use tollgate_kernel::{LeapingClock, UserId};
use tollgate_testkit::{Answer, Browser, Client, Setup, TestServer};
use url::form_urlencoded;

/// Where the apps of these tests are sent back to.
const CALLBACK: &str = "https://app.example/cb";
/// The secret behind their challenges.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A server, a person with a plan who is signed in, and an owner's key.
struct House {
    server: TestServer,
    clock: Arc<LeapingClock>,
    alice: UserId,
    browser: Browser,
    root: Client,
}

/// An app, as it knows itself.
#[derive(Clone)]
struct App {
    id: String,
    secret: Option<String>,
}

/// Pairs of names and values.
type Pairs<'a> = Vec<(&'a str, String)>;

impl House {
    async fn new() -> Self {
        Self::limited(NetworkLimits::LAX).await
    }

    async fn limited(network_limits: NetworkLimits) -> Self {
        let clock = Arc::new(LeapingClock::at_noon());
        let setup = Setup { clock: clock.clone(), network_limits, ..Setup::on(crate::ENGINE) };
        let server = TestServer::start_as(setup).await.unwrap();
        let (alice, _) = server.caller("alice", Vec::new()).await.unwrap();
        let browser = server.signed_in(alice).await.unwrap();
        let root = server.with_bearer(&server.add_admin_key().await.unwrap());
        Self { server, clock, alice, browser, root }
    }

    /// Registers an app with the usual callback and these members.
    async fn app(&self, members: Value) -> App {
        let mut body = json!({"name": "App", "redirect_uris": [CALLBACK]});
        for (name, value) in members.as_object().unwrap() {
            body[name] = value.clone();
        }
        let made = self.root.post("/api/v1/clients", &body).await.unwrap();
        assert_eq!(made.status, 201, "{}", made.text);
        let made = made.json();
        let text = |name: &str| made[name].as_str().map(str::to_owned);
        App { id: text("client_id").unwrap(), secret: text("client_secret") }
    }

    /// A wish for tokens for an address of others: it is what it was when the server has another.
    async fn elsewhere(&self) -> [(&'static str, &'static str); 2] {
        let uri = "https://todo.example";
        let resource = json!({"uri": uri, "scopes": ["todo.read"]});
        let made = self.root.post("/api/v1/resources", &resource).await.unwrap();
        assert_eq!(made.status, 201, "{}", made.text);
        [("resource", uri), ("scope", "openid todo.read")]
    }

    async fn public(&self) -> App {
        self.app(json!({"type": "public"})).await
    }

    /// An authorization request of `app`, with these parameters changed or, when empty, left out.
    fn request(&self, app: &App, changes: &[(&str, &str)]) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(self.server.gate.sha256(VERIFIER.as_bytes()));
        let mut params: BTreeMap<&str, String> = BTreeMap::new();
        let usual = [
            ("response_type", "code"),
            ("client_id", &app.id),
            ("redirect_uri", CALLBACK),
            ("scope", "openid models"),
            ("state", "s p&a=c/e"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in usual.into_iter().chain(changes.iter().copied()) {
            params.insert(name, value.to_owned());
        }
        params.retain(|_, value| !value.is_empty());
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
        format!("/oauth/authorize?{query}")
    }

    /// What the app is told in the end, when the person says yes to all that they are asked.
    async fn allowed(&self, request: &str) -> BTreeMap<String, String> {
        let asked = self.browser.get(request).await.unwrap();
        told(&self.said("allow", asked).await)
    }

    /// The answer to a consent page, if it is one.
    async fn said(&self, decision: &str, asked: Answer) -> Answer {
        if !asked.text.contains("id=\"consent-form\"") {
            return asked;
        }
        let form = [
            ("csrf", self.browser.csrf.as_str()),
            ("ticket", between(&asked.text, "name=\"ticket\" value=\"", "\"")),
            ("decision", decision),
        ];
        self.browser.send(self.browser.request("POST", "/oauth/consent").form(&form)).await.unwrap()
    }

    /// A code for `app`.
    async fn code(&self, app: &App, changes: &[(&str, &str)]) -> String {
        let told = self.allowed(&self.request(app, changes)).await;
        told.get("code").unwrap_or_else(|| panic!("no code: {told:?}")).clone()
    }

    /// What is sent for a code.
    fn redemption<'a>(&self, app: &App, code: &str) -> Pairs<'a> {
        let mut form = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", CALLBACK.to_owned()),
            ("code_verifier", VERIFIER.to_owned()),
        ];
        form.extend(posted(app));
        form
    }

    /// The tokens of a code for `app`.
    async fn tokens(&self, app: &App, changes: &[(&str, &str)]) -> Value {
        let code = self.code(app, changes).await;
        let answer = self.token(&self.redemption(app, &code)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    async fn token(&self, form: &Pairs<'_>) -> Answer {
        self.posted("/oauth/token", form).await
    }

    async fn posted(&self, path: &str, form: &Pairs<'_>) -> Answer {
        let nobody = self.server.anonymous();
        nobody.send(nobody.request("POST", path).form(form)).await.unwrap()
    }

    async fn refreshed(&self, app: &App, token: &Value) -> Answer {
        let mut form = vec![
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", text(token, "refresh_token")),
        ];
        form.extend(posted(app));
        self.token(&form).await
    }

    /// Whether an access token calls models.
    async fn calls(&self, tokens: &Value) -> u16 {
        let client = self.server.with_bearer(&text(tokens, "access_token"));
        client.chat("tollgate-demo", 5).await.unwrap().status
    }

    async fn introspected(&self, app: &App, token: &str) -> Value {
        let mut form = vec![("token", token.to_owned())];
        form.extend(posted(app));
        let answer = self.posted("/oauth/introspect", &form).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// How often something was done, by the audit chain.
    async fn acts(&self, action: &str) -> usize {
        let audit = self.root.get("/api/v1/audit?limit=500").await.unwrap().json();
        let items = audit["items"].as_array().unwrap();
        items.iter().filter(|item| item["action"] == action).count()
    }

    async fn stop(self) {
        self.server.stop().await.unwrap();
    }
}

/// What an app sends to say who it is.
fn posted<'a>(app: &App) -> Pairs<'a> {
    let secret = app.secret.clone().map(|secret| ("client_secret", secret));
    [("client_id", app.id.clone())].into_iter().chain(secret).collect()
}

/// A member that is text.
fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name}: {value}")).to_owned()
}

/// The parameters that a browser is sent back with.
fn told(answer: &Answer) -> BTreeMap<String, String> {
    assert_eq!(answer.status, 303, "{}", answer.text);
    let location = answer.header("location");
    let query = location.split_once('?').map_or("", |(_, query)| query);
    let pairs: Vec<(String, String)> =
        form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let map: BTreeMap<String, String> = pairs.iter().cloned().collect();
    assert_eq!(map.len(), pairs.len(), "a parameter comes twice: {location}");
    map
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split(after).next().unwrap_or_default()
}

/// The code of an error, with its status.
fn refused(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["error"].as_str().unwrap_or_default().to_owned())
}

fn invalid_grant() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}
