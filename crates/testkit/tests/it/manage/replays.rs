//! `Idempotency-Key`: what is not kept, and how much is.

use serde_json::json;
use tollgate_gate::{Claim, OnceAsked, Presented};
use tollgate_kernel::{Network, PlainToken};
use tollgate_testkit::{Answer, Browser, Client, Engine, TestServer};

async fn post(browser: &Browser, path: &str, body: &serde_json::Value) -> Answer {
    let request = browser.request("POST", path).header("Idempotency-Key", "k-1");
    browser.send(request.json(body)).await.unwrap()
}

#[tokio::test]
async fn t97_what_may_be_done_again_is_done_again() {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let (member, _) = server.caller("alice", Vec::new()).await.unwrap();
    let browser = server.signed_in(member).await.unwrap();
    let wish = json!({ "audience": format!("{}/v1", server.url), "expires_in": 1 });
    let (first, again) = (
        post(&browser, "/api/v1/tokens", &wish).await,
        post(&browser, "/api/v1/tokens", &wish).await,
    );
    assert_eq!((first.status, again.status), (200, 200), "{}", first.text);
    assert_ne!(first.json()["access_token"], again.json()["access_token"], "a dead one is no use");
    assert_eq!(again.header("idempotent-replayed"), "");
    let admin = server.with_bearer(&server.add_admin_key().await.unwrap());
    for _ in 0..2 {
        let request = admin.request("POST", "/api/v1/upstreams/demo/test");
        let seen = admin.send(request.header("Idempotency-Key", "k-1")).await.unwrap();
        assert_eq!((seen.status, seen.header("idempotent-replayed")), (200, ""), "{}", seen.text);
    }
    let described = server.anonymous().get("/openapi.json").await.unwrap().json();
    let heeds = |path: &str| {
        let parameters = described["paths"][path]["post"]["parameters"].as_array();
        parameters.is_some_and(|list| list.iter().any(|one| one["name"] == "Idempotency-Key"))
    };
    assert!(heeds("/api/v1/keys"));
    assert!(!heeds("/api/v1/tokens") && !heeds("/api/v1/upstreams/{id}/test"));
    server.stop().await.unwrap();
}

/// Claims a place for an answer, as the router does, with this key.
async fn claim(server: &TestServer, admin: &Client, key: &str) -> Claim {
    let mut presented = Presented::new();
    presented.bearer(PlainToken::new(admin.bearer().to_owned()));
    let network = Network::of(std::net::Ipv4Addr::LOCALHOST.into());
    let principal = server.gate.authenticate(presented, network).await.unwrap();
    let (place, body) = ("POST /api/v1/x", &b"{}"[..]);
    let asked = OnceAsked { principal: &principal, key, place, query: "", body };
    server.gate.claim(asked).await.unwrap()
}

#[tokio::test]
async fn t97_nobody_fills_the_store_with_answers() {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let user = server.add_user("alice@example.com", None).await.unwrap();
    let body = json!({ "name": "laptop", "user": user });
    let admin = server.with_bearer(&server.add_admin_key().await.unwrap());
    let make = async |client: &Client, key: &str| {
        let request = client.request("POST", "/api/v1/keys").header("Idempotency-Key", key);
        client.send(request.json(&body)).await.unwrap()
    };
    let first = make(&admin, "first").await;
    assert_eq!(first.status, 201, "{}", first.text);
    for number in 1..1_000 {
        assert!(matches!(claim(&server, &admin, &number.to_string()).await, Claim::Do(_)));
    }
    let refused = make(&admin, "one-more").await;
    assert_eq!(refused.status, 429, "{}", refused.text);
    let told = refused.json();
    assert_eq!(
        (&told["code"], &told["param"]),
        (&json!("rate_limited"), &json!("Idempotency-Key"))
    );
    let wait_s: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((86_000..=86_400).contains(&wait_s), "{wait_s}");
    // What is kept is answered, without a key it is done, and others are not held up.
    assert_eq!(make(&admin, "first").await.text, first.text);
    assert_eq!(admin.post("/api/v1/keys", &body).await.unwrap().status, 201);
    let other = server.with_bearer(&server.add_admin_key().await.unwrap());
    assert_eq!(make(&other, "one-more").await.status, 201);
    server.stop().await.unwrap();
}
