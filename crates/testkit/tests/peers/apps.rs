//! Apps that others' libraries sign people in for, unmodified, against our authorization server:
//! requests-oauthlib, Authlib and openid-client. The test is the person and their browser.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tollgate_kernel::UserId;
use tollgate_testkit::{Answer, Browser, Engine, TestServer};

/// Where the apps are sent back to. Nobody listens there: the browser of these tests stops before.
const CALLBACK: &str = "https://app.example/cb";

/// A server, and somebody who is signed in there.
struct House {
    server: TestServer,
    alice: UserId,
    browser: Browser,
}

impl House {
    async fn new() -> Self {
        let server = TestServer::start(Engine::Sqlite).await.unwrap();
        let (alice, _) = server.caller("alice", Vec::new()).await.unwrap();
        let browser = server.signed_in(alice).await.unwrap();
        Self { server, alice, browser }
    }

    /// Runs a script as an app with these members; what it saw.
    async fn run(&self, (variable, script): (&str, &str), name: &str, members: Value) -> Value {
        let mut body = json!({
            "name": name, "plan": "alice", "redirect_uris": [CALLBACK],
            "post_logout_redirect_uris": [CALLBACK],
        });
        for (name, value) in members.as_object().unwrap() {
            body[name] = value.clone();
        }
        let root = self.server.with_bearer(&self.server.add_admin_key().await.unwrap());
        let made = root.post("/api/v1/clients", &body).await.unwrap();
        assert_eq!(made.status, 201, "{}", made.text);
        let made = made.json();
        let interpreter = std::env::var(variable)
            .unwrap_or_else(|_| panic!("{variable} must name an interpreter: cargo xtask test"));
        let mut command = Command::new(interpreter);
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        command.arg(root.join("tests/peers").join(script)).arg(name);
        command.env("TOLLGATE_URL", &self.server.url).env("APP_CALLBACK", CALLBACK);
        command.env("APP_ID", made["client_id"].as_str().unwrap());
        command.env("APP_SECRET", made["client_secret"].as_str().unwrap());
        self.go_where_it_says(&mut command).await
    }

    /// Follows every address that the script prints, until it says what it saw.
    async fn go_where_it_says(&self, command: &mut Command) -> Value {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            let said: Value = serde_json::from_str(&line).unwrap();
            let Some(address) = said["go"].as_str() else { return said };
            let place = self.walked(address).await;
            stdin.write_all(format!("{place}\n").as_bytes()).await.unwrap();
        }
        let done = child.wait_with_output().await.unwrap();
        panic!("the app ended: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Where the browser is sent in the end, after the person said yes to what they were asked.
    async fn walked(&self, address: &str) -> String {
        let mut path = self.path(address);
        for _ in 0..5 {
            let mut answer = self.browser.get(&path).await.unwrap();
            if answer.text.contains("id=\"consent-form\"") {
                answer = self.allow(&answer).await;
            }
            assert_eq!(answer.status, 303, "{address}: {}", answer.text);
            let location = answer.header("location");
            if location.starts_with(CALLBACK) {
                return location.to_owned();
            }
            path = self.path(location);
        }
        panic!("{address} leads nowhere");
    }

    fn path(&self, address: &str) -> String {
        address.strip_prefix(&self.server.url).unwrap_or(address).to_owned()
    }

    async fn allow(&self, page: &Answer) -> Answer {
        let (_, rest) = page.text.split_once("name=\"ticket\" value=\"").unwrap();
        let ticket = rest.split('"').next().unwrap();
        let csrf = self.browser.csrf.as_str();
        let form = [("csrf", csrf), ("ticket", ticket), ("decision", "allow")];
        let request = self.browser.request("POST", "/oauth/consent").form(&form);
        self.browser.send(request).await.unwrap()
    }

    fn is_alice(&self, who: &Value) {
        assert_eq!(who["sub"], json!(self.alice.to_string()), "{who}");
        assert_eq!(who["email"], "alice@example.com", "{who}");
    }
}

const PYTHON: (&str, &str) = ("TOLLGATE_TEST_PYTHON", "python/apps.py");
const NODE: (&str, &str) = ("TOLLGATE_TEST_NODE", "node/apps.mjs");

#[tokio::test(flavor = "multi_thread")]
async fn requests_oauthlib_signs_people_in() {
    let house = House::new().await;
    // As it comes, it sends no challenge: its app has to be flagged for that.
    let legacy = json!({"legacy": true});
    let runs = [("requests_oauthlib", legacy, false), ("requests_oauthlib_pkce", json!({}), true)];
    for (name, members, challenge) in runs {
        let seen = house.run(PYTHON, name, members).await;
        assert_eq!(seen["challenge"], challenge, "{seen}");
        assert_eq!(seen["same_state"], true, "{seen}");
        house.is_alice(&seen["who"]);
        assert_eq!(seen["who_again"], seen["who"], "{seen}");
        assert_eq!(seen["fresh"], json!([true, true]), "it refreshes when a token is over");
        assert_eq!(seen["calls"], 200, "{seen}");
    }
    house.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn authlib_signs_people_in() {
    let house = House::new().await;
    let seen = house.run(PYTHON, "authlib", json!({})).await;
    house.is_alice(&seen["claims"]);
    assert!(seen["claims"]["nonce"].is_string() && seen["claims"]["at_hash"].is_string());
    house.is_alice(&seen["who"]);
    assert_eq!(seen["fresh"], json!([true, true]), "{seen}");
    assert_eq!(seen["active"], json!([true, false]), "{seen}");
    assert_eq!((&seen["calls"], &seen["revoked"]), (&json!(200), &json!(200)), "{seen}");
    assert_eq!(seen["calls_after"], 401, "the access token ended with its family");
    assert_eq!(seen["own_calls"], 200, "{seen}");
    house.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn openid_client_signs_people_in_and_out() {
    let mut house = House::new().await;
    for name in ["openid_client_post", "openid_client_basic"] {
        let seen = house.run(NODE, name, json!({})).await;
        assert_eq!(seen["sub"], json!(house.alice.to_string()), "{seen}");
        house.is_alice(&seen["who"]);
        assert_eq!((&seen["fresh"], &seen["calls"]), (&json!(true), &json!(200)), "{seen}");
        assert_eq!(seen["refreshed_sub"], seen["sub"], "a refresh renews the ID token: {seen}");
        assert_eq!(seen["active"], json!([true, true, false, false]), "{seen}");
        assert_eq!(seen["refused"]["error"], "invalid_grant", "{seen}");
        assert_eq!(seen["own_calls"], 200, "{seen}");
        // It tells a challenge apart from a body (RFC 6749, 5.2).
        assert_eq!(seen["wrong"]["status"], 401, "{seen}");
        let after = seen["after"].as_str().unwrap();
        assert_eq!(after, format!("{CALLBACK}?state=bye"), "signed out");
        let account = house.browser.get("/account").await.unwrap();
        assert_eq!(account.status, 303, "the session is over");
        house.browser = house.server.signed_in(house.alice).await.unwrap();
    }
    house.server.stop().await.unwrap();
}
