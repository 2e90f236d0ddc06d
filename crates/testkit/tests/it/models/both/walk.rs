//! Key → call → entry.

use tollgate_kernel::EntryState;
use tollgate_testkit::{Engine, TestServer};

pub(crate) async fn a_call_with_a_key_reaches_the_model_and_leaves_one_exact_entry(engine: Engine) {
    let server = TestServer::start(engine).await.unwrap();
    let (user, key) = server.caller("alice", Vec::new()).await.unwrap();
    let answer = server.with_bearer(&key).chat("tollgate-demo", 20).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    let usage = answer.json()["usage"].clone();

    let entries = server.entries(1).await.unwrap();
    let entry = &entries[0];
    assert_eq!(entry.state, EntryState::Settled);
    assert_eq!(entry.user.as_deref(), Some(user.to_string().as_str()));
    assert_eq!(entry.model, "tollgate-demo");
    assert_eq!(entry.request_id, answer.header("x-request-id"));
    assert_eq!(usage["prompt_tokens"], entry.usage.input_tokens);
    assert_eq!(usage["completion_tokens"], entry.usage.output_tokens);
    assert_eq!(entry.cost_nano, None, "the demo model has no price");

    let seen = server.model.seen();
    let call = seen.iter().find(|seen| seen.path.ends_with("/chat/completions")).unwrap();
    let body: serde_json::Value = serde_json::from_slice(&call.body).unwrap();
    let identity = body["safety_identifier"].as_str().unwrap();
    assert_eq!(identity.len(), 64);
    assert_eq!(body["user"], identity);
    server.stop().await.unwrap();
}
