//! Software that others wrote, unmodified, against a whole server: the official OpenAI SDKs, and
//! libraries that apps sign people in with.
//!
//! `cargo xtask test` says where the interpreters are; without that these tests fail.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod apps;
mod demo;
mod sdk;

use std::path::PathBuf;

use tollgate_kernel::{Budget, EntryState, Period, Rates, Unit};
use tollgate_testkit::{Engine, KeySpec, PlanSpec, TestServer};

use sdk::{Sdk, same_usage};

async fn everyday(sdk: Sdk) {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let (_, key) = server.caller("ada", Vec::new()).await.unwrap();
    let scenarios = [
        "chat",
        "stream",
        "stream_with_usage",
        "responses",
        "responses_stream",
        "embeddings",
        "tool_call",
        "models_list",
    ];
    let seen = sdk.run(&server, &key, &scenarios, &[]).await;
    // A tool takes two calls, the list of models none.
    let entries = server.entries(scenarios.len()).await.unwrap();

    for name in ["chat", "stream", "stream_with_usage", "responses", "responses_stream"] {
        let seen = &seen[name];
        assert!(!seen["text"].as_str().unwrap().is_empty(), "{seen}");
        assert_eq!(seen["attempts"], 1, "{seen}");
        same_usage(seen, &entries);
    }
    assert!(seen["stream"]["usage"].is_null(), "usage was not asked for: {}", seen["stream"]);
    assert!(seen["stream"]["pieces"].as_u64().unwrap() > 1);
    assert!(seen["stream_with_usage"]["usage"].is_object());
    assert_eq!(seen["responses_stream"]["status"], "completed");
    assert_eq!(seen["embeddings"]["count"], 2);
    assert_eq!(seen["tool_call"]["tool"], "weather");
    assert_eq!(seen["tool_call"]["attempts"], 2);
    let models = seen["models_list"]["models"].as_array().unwrap();
    assert!(models.iter().any(|model| model == "tollgate-demo"), "{models:?}");
    assert_eq!(seen["models_list"]["retrieved"], models[0]);
    server.stop().await.unwrap();
}

/// What a model that reasons puts out goes back in, though nothing is stored at the provider.
async fn reasoning_loop(sdk: Sdk) {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let (_, key) = server.caller("ada", Vec::new()).await.unwrap();
    let seen = sdk.run(&server, &key, &["responses_loop"], &[]).await;
    let seen = &seen["responses_loop"];
    assert_eq!(seen["types"][0], serde_json::json!(["reasoning", "function_call"]), "{seen}");
    for turn in 1..3 {
        assert_eq!(seen["types"][turn], serde_json::json!(["reasoning", "message"]), "{seen}");
        assert!(!seen["texts"][turn].as_str().unwrap().is_empty(), "{seen}");
    }
    assert_eq!(seen["attempts"], 3, "{seen}");
    // The provider got its own reasoning back, sealed.
    let calls = server.model.seen();
    let last = calls.iter().rfind(|call| call.path == "/v1/responses").unwrap();
    let last: serde_json::Value = serde_json::from_slice(&last.body).unwrap();
    let sent = last["input"].as_array().unwrap();
    let reasoning: Vec<_> = sent.iter().filter(|item| item["type"] == "reasoning").collect();
    assert_eq!(reasoning.len(), 2, "{sent:?}");
    assert!(reasoning.iter().all(|item| item["encrypted_content"].is_string()), "{sent:?}");
    assert_eq!(last["store"], false);
    server.stop().await.unwrap();
}

async fn refusals(sdk: Sdk) {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let (_, key) = server.caller("ada", Vec::new()).await.unwrap();
    let seen = sdk.run(&server, &key, &["wrong_key", "model_not_allowed"], &[]).await;

    let wrong = &seen["wrong_key"];
    assert_eq!(wrong["error"]["class"], "AuthenticationError", "{wrong}");
    assert_eq!(wrong["error"]["status"], 401);
    assert_eq!(wrong["error"]["code"], "invalid_api_key");
    assert_eq!(wrong["attempts"], 1, "a retry cannot cure it");
    assert!(!wrong.to_string().contains("sk-wrong"), "a wrong key is not echoed: {wrong}");

    let missing = &seen["model_not_allowed"];
    assert_eq!(missing["error"]["class"], "NotFoundError", "{missing}");
    assert_eq!(missing["error"]["code"], "model_not_found");
    assert_eq!(missing["attempts"], 1);
    assert!(missing["error"]["request_id"].is_string());
    server.stop().await.unwrap();
}

async fn limits(sdk: Sdk) {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let slow = Rates { requests_per_minute: Some(3), ..Rates::default() };
    let spec = PlanSpec { rates: slow, ..PlanSpec::default() };
    server.add_plan("slow", &spec).await.unwrap();
    let user = server.add_user("slow@example.com", Some("slow")).await.unwrap();
    let (_, key) = server.add_key(user, &KeySpec::default()).await.unwrap();
    let seen = sdk.run(&server, &key, &["rate_limit"], &[("TOLLGATE_CALLS", "6")]).await;
    let seen = &seen["rate_limit"];
    assert_eq!(seen["succeeded"], 3, "{seen}");
    assert_eq!(seen["error"]["class"], "RateLimitError");
    assert_eq!(seen["error"]["code"], "rate_limit_exceeded");
    let wait: u64 = seen["error"]["retry_after"].as_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{seen}");

    let small = Budget { unit: Unit::Calls, limit: 2, period: Period::Day };
    let (_, key) = server.caller("small", vec![small]).await.unwrap();
    let seen = sdk.run(&server, &key, &["empty_budget"], &[("TOLLGATE_CALLS", "6")]).await;
    let seen = &seen["empty_budget"];
    assert_eq!(seen["succeeded"], 2, "{seen}");
    assert_eq!(seen["error"]["class"], "RateLimitError");
    assert_eq!(seen["error"]["code"], "insufficient_quota");
    assert_eq!(seen["error"]["should_retry"], "false");
    assert_eq!(seen["attempts"], 1, "an empty budget stops the SDK at once: {seen}");
    server.stop().await.unwrap();
}

async fn retries(sdk: Sdk) {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let (_, key) = server.caller("ada", Vec::new()).await.unwrap();
    let mocks = [("busy", "status=429,retry-after=1"), ("dry", "quota")];
    server.mocks(&mocks).await.unwrap();
    let busy = [("TOLLGATE_MODEL", "busy")];
    let seen = sdk.run(&server, &key, &["retries"], &busy).await;
    let seen = &seen["retries"];
    assert_eq!(seen["error"]["status"], 503, "{seen}");
    assert_eq!(seen["attempts"], 3, "two retries, as the SDK is used to: {seen}");
    let dry = [("TOLLGATE_MODEL", "dry")];
    let seen = sdk.run(&server, &key, &["retries"], &dry).await;
    assert_eq!(seen["retries"]["attempts"], 1, "{}", seen["retries"]);

    // Six requests a minute, and these six are made: the seventh fits ten seconds later.
    let rates = Rates { requests_per_minute: Some(6), ..Rates::default() };
    server.add_plan("slow", &PlanSpec { rates, ..PlanSpec::default() }).await.unwrap();
    let user = server.add_user("slow@example.com", Some("slow")).await.unwrap();
    let (_, key) = server.add_key(user, &KeySpec::default()).await.unwrap();
    for _ in 0..6 {
        assert_eq!(server.with_bearer(&key).chat("tollgate-demo", 5).await.unwrap().status, 200);
    }
    let seen = sdk.run(&server, &key, &["retries"], &[]).await;
    let seen = &seen["retries"];
    assert_eq!(seen["statuses"], serde_json::json!([429, 200]), "the retry succeeds: {seen}");
    assert!(seen["text"].as_str().is_some_and(|text| !text.is_empty()), "{seen}");
    let told = seen["told_ms"].as_u64().unwrap();
    assert!((1..=10_000).contains(&told), "{seen}");
    assert!(seen["waited_ms"].as_u64().unwrap() >= told, "it waits as long as it was told: {seen}");
    server.stop().await.unwrap();
}

async fn cancel(sdk: Sdk) {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let (_, key) = server.caller("ada", Vec::new()).await.unwrap();
    server.mocks(&[("slow", "chunks=40,every=10ms")]).await.unwrap();
    let model = [("TOLLGATE_MODEL", "slow")];
    let seen = sdk.run(&server, &key, &["cancel_mid_stream"], &model).await;
    let seen = &seen["cancel_mid_stream"];
    assert!(seen["pieces"].as_u64().unwrap() >= 3, "{seen}");
    let entries = server.entries(1).await.unwrap();
    let id = seen["request_id"].as_str().unwrap();
    let entry = entries.iter().find(|entry| entry.request_id == id).expect("an entry");
    assert_eq!(entry.state, EntryState::Settled, "the rest was read, and is charged exactly");
    assert_eq!(entry.usage.output_tokens, 40);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn python_everyday_calls() {
    everyday(Sdk::Python).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_goes_on_with_a_model_that_reasons() {
    reasoning_loop(Sdk::Python).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_goes_on_with_a_model_that_reasons() {
    reasoning_loop(Sdk::Node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_refusals() {
    refusals(Sdk::Python).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_limits() {
    limits(Sdk::Python).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_retries() {
    retries(Sdk::Python).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_cancels_in_mid_stream() {
    cancel(Sdk::Python).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_everyday_calls() {
    everyday(Sdk::Node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_refusals() {
    refusals(Sdk::Node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_limits() {
    limits(Sdk::Node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_retries() {
    retries(Sdk::Node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_cancels_in_mid_stream() {
    cancel(Sdk::Node).await;
}

/// The Python of the documents, with this server's address and key in the place of the reader's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_in_the_documents_runs() {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let (_, key) = server.caller("reader", Vec::new()).await.unwrap();
    server.add_model("gpt-4o-mini", "demo", "tollgate-demo", Vec::new()).await.unwrap();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut count = 0;
    for page in ["README.md", "docs/tutorials/first-call.md"] {
        let text = std::fs::read_to_string(root.join(page)).unwrap();
        for block in text.split("```python\n").skip(1) {
            let code = block.split("```").next().unwrap();
            let code = code.replace("http://localhost:8700", &server.url);
            let code = code.replace("tg_user_…", &key);
            let python = std::env::var("TOLLGATE_TEST_PYTHON");
            let python =
                python.expect("TOLLGATE_TEST_PYTHON names an interpreter: cargo xtask test");
            let run = tokio::process::Command::new(python).args(["-c", &code]).output();
            let done = run.await.unwrap();
            assert!(done.status.success(), "{page}: {}", String::from_utf8_lossy(&done.stderr));
            assert!(!done.stdout.is_empty(), "{page}: it prints an answer");
            count += 1;
        }
    }
    assert!(count >= 2, "{count} blocks of Python");
    server.stop().await.unwrap();
}
