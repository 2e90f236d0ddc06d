//! A real small language model behind the gateway, driven by the official OpenAI SDKs: real text,
//! real streams, real usage. A part of `cargo xtask soak`, which says where things are.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "peers/sdk.rs"]
mod sdk;

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;
use tollgate_gate::DrainBounds;
use tollgate_kernel::EntryState;
use tollgate_store::ledger::EntryRow;
use tollgate_testkit::process::Running;
use tollgate_testkit::{Client, Engine, KeySpec, PlanSpec, Setup, TestServer};

use sdk::{Sdk, same_usage};

/// The key that our server has for the model.
const MODEL_KEY: &str = "sk-small-model";

/// The plan's ceiling: a base model seldom ends by itself.
const CEILING: u32 = 48;

/// The model takes as long as it takes.
const PATIENCE: Duration = Duration::from_secs(300);

/// All but the last are read to their end by the caller.
const SCENARIOS: [&str; 6] =
    ["chat", "stream", "stream_with_usage", "responses", "responses_stream", "cancel_mid_stream"];

/// Starts the model and makes it known to the server, as `gemma`.
async fn small_model(server: &TestServer) -> Running {
    const PYTHON: &str = "TOLLGATE_TEST_SMALL_MODEL";
    let python = std::env::var(PYTHON)
        .unwrap_or_else(|_| panic!("{PYTHON} must name an interpreter: cargo xtask soak"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(python);
    command.arg(root.join("tests/peers/small-model/serve.py")).env("SMALL_MODEL_KEY", MODEL_KEY);
    let model = Running::start(command, &server.folder().join("small-model.log")).await.unwrap();
    let url = format!("http://{}/v1", model.address());
    server.add_upstream("small", &url, MODEL_KEY).await.unwrap();
    server.add_model("gemma", "small", "small", Vec::new()).await.unwrap();
    model
}

async fn real_calls(sdk: Sdk) {
    // What is cut is read to its end.
    let drain = DrainBounds { time: PATIENCE, ..DrainBounds::default() };
    let server = TestServer::start_as(Setup { drain, ..Setup::on(Engine::Sqlite) }).await.unwrap();
    let model = small_model(&server).await;
    let spec = PlanSpec { max_output_tokens: CEILING, ..PlanSpec::default() };
    server.add_plan("small", &spec).await.unwrap();
    let user = server.add_user("ada@example.com", Some("small")).await.unwrap();
    let (_, key) = server.add_key(user, &KeySpec::default()).await.unwrap();

    let seen = sdk.run(&server, &key, &SCENARIOS, &[("TOLLGATE_MODEL", "gemma")]).await;
    let entries = server.entries_within(SCENARIOS.len(), PATIENCE).await.unwrap();
    for name in SCENARIOS {
        let seen = &seen[name];
        assert!(!seen["text"].as_str().unwrap().is_empty(), "{seen}");
        assert_eq!(seen["attempts"], 1, "{seen}");
        same_usage(seen, &entries);
    }
    assert!(seen["stream"]["pieces"].as_u64().unwrap() > 1, "{}", seen["stream"]);
    assert!(seen["stream"]["usage"].is_null(), "not asked for: {}", seen["stream"]);
    for name in ["chat", "stream_with_usage", "responses", "responses_stream"] {
        assert!(seen[name]["usage"].is_object(), "{}", seen[name]);
    }
    same_sums(&model, &entries).await;
    println!("{sdk:?}: {}", seen["chat"]);
    server.stop().await.unwrap();
    model.kill().await.unwrap();
}

/// The entries come to what the model itself has counted, which nobody told through us.
async fn same_sums(model: &Running, entries: &[EntryRow]) {
    let client = Client::new(model.url(), Some(MODEL_KEY));
    let metrics = client.get("/metrics").await.unwrap().text;
    let figure = |name: &str| -> u64 {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name}: {metrics}")).parse().unwrap()
    };
    assert!(entries.iter().all(|entry| entry.state == EntryState::Settled), "{entries:#?}");
    let output: u64 = entries.iter().map(|entry| entry.usage.output_tokens).sum();
    assert_eq!(output, figure("llamacpp:tokens_predicted_total"), "{metrics}");
    let input: u64 = entries.iter().map(|entry| entry.usage.input_tokens).sum();
    let cached = figure("llamacpp:prompt_tokens_cached_total");
    assert_eq!(input, figure("llamacpp:prompt_tokens_total") + cached, "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn python_talks_to_a_real_model() {
    real_calls(Sdk::Python).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_talks_to_a_real_model() {
    real_calls(Sdk::Node).await;
}
