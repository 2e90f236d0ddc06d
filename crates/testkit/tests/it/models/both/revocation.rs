//! A key that is revoked ends everywhere, at once.

use std::time::Duration;

use serde_json::Value;
use tollgate_testkit::{Engine, KeySpec, RawCall, TestServer, chat_body};

use super::bites;

const CHAT: &str = "/v1/chat/completions";

pub(crate) async fn revocation_bites_within_a_second_and_ends_running_streams(engine: Engine) {
    let server = TestServer::start(engine).await.unwrap();
    let (user, _) = server.caller("alice", Vec::new()).await.unwrap();
    let (id, key) = server.add_key(user, &KeySpec::default()).await.unwrap();
    let (_, other) = server.add_key(user, &KeySpec::default()).await.unwrap();
    let mocks = [("drip", "chunks=1000,every=20ms"), ("flood", "chunks=4000,every=1ms")];
    server.mocks(&mocks).await.unwrap();
    let mut calls = Vec::new();
    for (model, key) in [("drip", &key), ("flood", &key), ("drip", &other)] {
        let mut body = chat_body(model, 4_000);
        body["stream"] = Value::Bool(true);
        let mut call = RawCall::post(&server.url, CHAT, key, &body).await.unwrap();
        assert!(call.hear_text("\"content\":\"", Duration::from_secs(2)).await.unwrap());
        calls.push(call);
    }
    let client = server.with_bearer(&key);
    assert_eq!(client.get("/v1/models").await.unwrap().status, 200);

    server.revoke_key(id).await.unwrap();
    let refused = || async { client.get("/v1/models").await.unwrap().status == 401 };
    bites("the key is refused", refused).await;
    let [drip, flood, untouched] = &mut calls[..] else { panic!("three calls") };
    // The slow one waits when it is told; the fast one mostly has pieces ready.
    for call in [drip, flood] {
        let told = call.hear_text("\"code\":\"invalid_api_key\"", Duration::from_secs(2)).await;
        assert!(told.unwrap(), "{}", call.text());
        assert!(!call.text().contains("[DONE]"));
    }
    let heard = untouched.heard.len();
    assert!(untouched.hear(heard + 3_000).await.unwrap(), "the user's other key goes on");
    assert!(!untouched.text().contains("\"error\""));
}
