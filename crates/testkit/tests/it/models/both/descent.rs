//! Keys that keys made: what is taken from one is taken from the others.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_kernel::Role;
use tollgate_testkit::{Client, Engine, TestServer};

use super::{bites, until};

/// Makes a key with another: its id, and a client that has it.
async fn made(by: &Client, wish: Value) -> (String, Client) {
    let answer = by.post("/api/v1/keys", &wish).await.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text);
    let key = answer.json();
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    (text("id"), by.with(&text("key")))
}

/// What becomes of a call: `200`, or the code of its refusal.
async fn call(client: &Client, model: &str) -> String {
    let answer = client.chat(model, 5).await.unwrap();
    if answer.status == 200 { "200".to_owned() } else { answer.code() }
}

/// Calls until this becomes of it.
async fn becomes(client: &Client, model: &str, outcome: &str) {
    let is_so = async || call(client, model).await == outcome;
    bites(&format!("{model}: {outcome}"), is_so).await;
}

/// Asks for what a key manages until it has this status.
async fn manages(client: &Client, status: u16) {
    let is_so = async || client.get("/api/v1/keys").await.unwrap().status == status;
    bites(&format!("keys: {status}"), is_so).await;
}

pub(crate) async fn t86_what_a_key_made_narrows_with_it(engine: Engine) {
    let server = TestServer::start(engine).await.unwrap();
    server.mocks(&[("x", "chunks=1"), ("y", "chunks=1")]).await.unwrap();
    let (alice, _) = server.caller("alice", Vec::new()).await.unwrap();
    let root = server.with_bearer(&server.add_admin_key().await.unwrap());
    let (first, a) = made(&root, json!({"name": "a", "admin": true, "models": ["x", "y"]})).await;
    let (_, between) = made(&a, json!({"name": "m", "admin": true})).await;
    let (_, b) = made(&between, json!({"name": "b", "user": alice, "models": ["y"]})).await;
    let (last, c) = made(&between, json!({"name": "c", "user": alice})).await;
    let change = async |wish: Value| {
        let answer = root.patch(&format!("/api/v1/keys/{first}"), &wish).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
    };

    assert_eq!(call(&b, "x").await, "model_not_found");
    assert_eq!([call(&b, "y").await, call(&c, "y").await], ["200", "200"]);
    change(json!({"models": ["x"]})).await;
    becomes(&b, "y", "model_not_found").await;
    becomes(&c, "y", "model_not_found").await;
    assert_eq!([call(&b, "x").await, call(&c, "x").await], ["model_not_found", "200"]);
    // What the key in between makes now is bounded by the first one too.
    let wish = json!({"name": "d", "user": alice, "models": ["y"]});
    assert_eq!(between.post("/api/v1/keys", &wish).await.unwrap().status, 403);
    change(json!({"models": null})).await;
    becomes(&b, "y", "200").await;
    assert_eq!(call(&b, "x").await, "model_not_found");

    change(json!({"budgets": [{"unit": "calls", "limit": 1, "period": "month"}]})).await;
    becomes(&c, "x", "insufficient_quota").await;
    let limits = root.get(&format!("/api/v1/limits?key={last}")).await.unwrap().json();
    assert_eq!(limits["items"][0]["limit"], 1, "{limits}");
    change(json!({"budgets": null})).await;
    becomes(&c, "x", "200").await;

    change(json!({"rates": {"requests_per_minute": 1}})).await;
    becomes(&c, "x", "rate_limit_exceeded").await;
    change(json!({"rates": null, "networks": ["203.0.113.0/24"]})).await;
    bites("networks", async || c.chat("x", 5).await.unwrap().status == 403).await;
    manages(&between, 403).await;
    change(json!({"networks": null})).await;
    becomes(&c, "x", "200").await;

    let begun = Instant::now();
    let soon = server.gate.clock().now().plus(Duration::from_secs(1)).rfc3339();
    change(json!({ "expires_at": soon })).await;
    let ended = async || c.chat("x", 5).await.unwrap().status == 401;
    assert!(until(Duration::from_secs(10), ended).await);
    assert!(begun.elapsed() <= Duration::from_secs(2), "a second after its end at the most");
    manages(&between, 401).await;
    server.stop().await.unwrap();
}

pub(crate) async fn an_admin_key_ends_with_its_makers_rights(engine: Engine) {
    let server = TestServer::start(engine).await.unwrap();
    let ann = server.add_user("ann@example.com", None).await.unwrap();
    server.set_role(ann, Role::Admin).await.unwrap();
    let by_ann = server.signed_in(ann).await.unwrap();
    let wish = json!({"name": "a", "admin": true});
    let made_by_ann = by_ann.post("/api/v1/keys", &wish).await.unwrap();
    assert_eq!(made_by_ann.status, 201, "{}", made_by_ann.text);
    let key = server.with_bearer(made_by_ann.json()["key"].as_str().unwrap());
    let (_, child) = made(&key, json!({"name": "b", "admin": true})).await;
    manages(&key, 200).await;
    manages(&child, 200).await;
    server.set_role(ann, Role::Member).await.unwrap();
    manages(&key, 401).await;
    assert_eq!(child.get("/api/v1/keys").await.unwrap().status, 401);
    // With the rights its keys come back, and end with the account.
    server.set_role(ann, Role::Admin).await.unwrap();
    manages(&child, 200).await;
    server.set_active(ann, false).await.unwrap();
    manages(&child, 401).await;
    assert_eq!(key.get("/api/v1/keys").await.unwrap().status, 401);
    server.stop().await.unwrap();
}
