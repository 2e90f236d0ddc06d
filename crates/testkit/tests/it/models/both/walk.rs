//! Key → call → entry.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_kernel::{EntryState, KeyId, Timestamp};
use tollgate_testkit::{Engine, KeySpec, PlanSpec, TestServer};

use super::until;

/// Uses of keys are written every five seconds; the rest is for a busy machine.
const NOTED: Duration = Duration::from_secs(20);

pub(crate) async fn a_call_with_a_key_reaches_the_model_and_leaves_one_exact_entry(engine: Engine) {
    let server = TestServer::start(engine).await.unwrap();
    server.add_plan("alice", &PlanSpec::default()).await.unwrap();
    let user = server.add_user("alice@example.com", Some("alice")).await.unwrap();
    let (id, key) = server.add_key(user, &KeySpec::default()).await.unwrap();
    let (other, _) = server.add_key(user, &KeySpec::default()).await.unwrap();
    let before = server.gate.clock().now();
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
    let body: Value = serde_json::from_slice(&call.body).unwrap();
    let identity = body["safety_identifier"].as_str().unwrap();
    assert_eq!(identity.len(), 64);
    assert_eq!(body["user"], identity);

    // The key's own row of usage, and when and from where it was last used.
    let admin = server.with_bearer(&server.add_admin_key().await.unwrap());
    let rows = admin.get("/api/v1/usage?by=key").await.unwrap().json();
    let [row] = &rows["items"].as_array().unwrap()[..] else { panic!("one row: {rows}") };
    assert_eq!((&row["key"], &row["calls"]), (&json!(id.to_string()), &json!(1)), "{row}");
    assert_eq!(row["input_tokens"], usage["prompt_tokens"], "{row}");
    assert_eq!(row["output_tokens"], usage["completion_tokens"], "{row}");
    let key = async |id: KeyId| {
        let answer = admin.get(&format!("/api/v1/keys/{id}")).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    };
    let noted = || async { !key(id).await["last_used_at"].is_null() };
    assert!(until(NOTED, noted).await, "{}", key(id).await);
    let (used, unused) = (key(id).await, key(other).await);
    let at = Timestamp::parse(used["last_used_at"].as_str().unwrap()).unwrap();
    assert!(at >= before && at <= server.gate.clock().now(), "{used}");
    assert_eq!(used["last_used_from"], "127.0.0.1", "{used}");
    assert_eq!(unused["last_used_at"], Value::Null, "{unused}");
    server.stop().await.unwrap();
}
