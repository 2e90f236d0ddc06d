//! A tool whose API is down, silent or talks nonsense, and apps that call for their people.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tollgate_gate::{Patience, ToolPatience};
use tollgate_testkit::{PluginWays, Setup};

use super::{House, asked};

impl House {
    /// The entry that is left of a call, once its state is known.
    async fn entry_of(&self, answer: &tollgate_testkit::Answer) -> Value {
        let there = async {
            loop {
                let list = self.done("GET", "/api/v1/entries", Value::Null).await;
                let items = list["items"].as_array().unwrap().iter();
                let id = answer.header("x-request-id");
                let mut ours = items.filter(|it| it["request_id"] == id && it["state"] != "open");
                if let Some(entry) = ours.next() {
                    return entry.clone();
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), there).await.unwrap()
    }

    /// A call that gets no answer: its error names the tool and holds no secret; the state of its
    /// entry.
    async fn fails(&self, path: &str, status: u16) -> String {
        let answer = self.server.with_bearer(&self.key).get(path).await.unwrap();
        assert_eq!(answer.status, status, "{}", answer.text);
        assert!(answer.text.contains("The tool Todo list"), "{}", answer.text);
        assert!(!answer.text.contains("canary"), "{}", answer.text);
        assert!(!self.server.log.text().contains("canary"));
        let entry = self.entry_of(&answer).await;
        entry["state"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_tool_whose_api_is_silent_is_named_in_time() {
    let answer = Patience { first_byte: Duration::from_millis(300), ..Patience::default() };
    let tool_patience = ToolPatience { answer, ..ToolPatience::default() };
    let setup = Setup { tool_patience, ..Setup::on(crate::ENGINE) };
    let house = House::on(setup, PluginWays { mode: "oauth", ..PluginWays::default() }).await;
    let install = house.active().await;
    let connection = house.connect(&install).await;
    let path = format!("/connections/{}/never", connection["id"].as_str().unwrap());
    // It may have done what was asked: that is one call.
    assert_eq!(house.fails(&path, 504).await, "estimated");
    assert_eq!(house.plugin.calls().len(), 1, "it is not sent twice");
}

#[tokio::test]
async fn a_tool_whose_api_is_down_or_talks_nonsense_is_named() {
    let mut house = House::oauth().await;
    let install = house.active().await;
    let connection = house.connect(&install).await;
    let path = format!("/connections/{}/todos", connection["id"].as_str().unwrap());
    let place = format!("127.0.0.1:{}", house.plugin.domain.rsplit(':').next().unwrap());
    // Another takes its place, so that the port is free.
    house.plugin = tollgate_testkit::HostedPlugin::start(PluginWays::default()).await.unwrap();
    let bound = async {
        loop {
            match TcpListener::bind(&place).await {
                Ok(listener) => return listener,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    let listener = tokio::time::timeout(Duration::from_secs(20), bound).await.unwrap();
    drop(listener);
    assert_eq!(house.fails(&path, 502).await, "failed", "nobody heard it");

    let listener = TcpListener::bind(&place).await.unwrap();
    let nonsense = tokio::spawn(async move {
        for answer in ["SSH-2.0-hello\r\n\r\n", "HTTP/1.1 999999 what\r\n\r\n", ""] {
            let (mut line, _) = listener.accept().await.unwrap();
            let mut heard = [0; 1_024];
            assert!(line.read(&mut heard).await.unwrap() > 0);
            line.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    for _ in 0..3 {
        assert_eq!(house.fails(&path, 502).await, "estimated", "it may have been done");
    }
    nonsense.await.unwrap();
    assert_eq!(house.connection(&connection).await["state"], "active");
}

const CALLBACK: &str = "https://app.example/cb";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

impl House {
    /// A token for an app, which the person lets do this.
    async fn granted(&self, client_id: &str, scope: &str, resource: Option<&str>) -> String {
        let hash = self.server.gate.sha256(VERIFIER.as_bytes());
        let challenge = URL_SAFE_NO_PAD.encode(hash);
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs([
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", CALLBACK),
            ("scope", scope),
            ("state", "s"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ]);
        query.extend_pairs(resource.map(|resource| ("resource", resource)));
        let path = format!("/oauth/authorize?{}", query.finish());
        let page = self.person.get(&path).await.unwrap();
        let ticket = page.text.split("name=\"ticket\" value=\"").nth(1).expect("consent");
        let form = [
            ("csrf", self.person.csrf.as_str()),
            ("ticket", ticket.split('"').next().unwrap()),
            ("decision", "allow"),
        ];
        let request = self.person.request("POST", "/oauth/consent").form(&form);
        let told = self.person.send(request).await.unwrap();
        let place = url::Url::parse(told.header("location")).unwrap();
        let code = place.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
            ("client_id", client_id),
        ];
        let nobody = self.server.anonymous();
        let tokens = nobody.send(nobody.request("POST", "/oauth/token").form(&form)).await.unwrap();
        assert_eq!(tokens.status, 200, "{}", tokens.text);
        tokens.json()["access_token"].as_str().unwrap().to_owned()
    }
}

/// An app that a person lets use their connections calls with its own token, and no further than
/// it was let.
#[tokio::test]
async fn g3_an_app_calls_through_a_connection_by_its_grant_alone() {
    let house = House::oauth().await;
    let install = house.active().await;
    let connection = house.connect(&install).await;
    let path = format!("/connections/{}/todos", connection["id"].as_str().unwrap());
    let app = json!({ "name": "App", "redirect_uris": [CALLBACK], "type": "public" });
    let app = house.done("POST", "/api/v1/clients", app).await;
    let client_id = app["client_id"].as_str().unwrap();
    let models = house.granted(client_id, "models", None).await;
    let refused = house.server.with_bearer(&models).get(&path).await.unwrap();
    assert_eq!(refused.status, 403, "models are not connections: {}", refused.text);
    let door = format!("{}/connections", house.server.url);
    let token = house.granted(client_id, "connections", Some(&door)).await;
    let app = house.server.with_bearer(&token);
    let called = app.get(&path).await.unwrap();
    assert_eq!(called.status, 200, "{}", called.text);
    let entry = house.entry_of(&called).await;
    assert_eq!(entry["connection"], connection["id"], "{entry}");
    assert_eq!(entry["client"], json!(client_id), "{entry}");

    // Nobody else's, by the same token; and nothing once the app is gone.
    let (bob, _) = house.server.caller("bob", Vec::new()).await.unwrap();
    let bob = house.server.signed_in(bob).await.unwrap();
    let body = json!({ "install": install["id"] });
    let bobs = asked(&bob, "POST", "/api/v1/connections", body).await.json();
    let foreign = format!("/connections/{}/todos", bobs["id"].as_str().unwrap());
    assert_eq!(app.get(&foreign).await.unwrap().status, 404);
    let client = format!("/api/v1/clients/{client_id}");
    let gone = asked(&house.owner, "DELETE", &client, Value::Null).await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    assert_eq!(app.get(&path).await.unwrap().status, 401);
}
