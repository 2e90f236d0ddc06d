//! `docs/reference/log.md` names every field of a line, and no other.

use std::collections::BTreeSet;

use serde_json::Value;
use tollgate_testkit::{Engine, TestServer, chat_body};

use super::root;

#[tokio::test]
async fn the_log_reference_names_every_field_of_a_line() {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let (user, key) = server.caller("alice", Vec::new()).await.unwrap();
    server.mocks(&[("broken", "reset"), ("refused", "status=500")]).await.unwrap();
    let app = server.add_app("bot", "alice").await.unwrap();
    let browser = server.signed_in(user).await.unwrap();
    let client = server.with_bearer(&key);
    let mut streamed = chat_body("tollgate-demo", 5);
    streamed["stream"] = Value::Bool(true);
    client.post("/v1/chat/completions", &streamed).await.unwrap();
    for model in ["tollgate-demo", "broken", "refused", "none"] {
        drop(client.chat(model, 5).await);
    }
    server.with_bearer(&app).chat("tollgate-demo", 5).await.unwrap();
    browser.get("/api/v1/me").await.unwrap();
    server.with_bearer("x").get("/v1/models").await.unwrap();
    server.anonymous().get("/nowhere").await.unwrap();
    let log = server.log.clone();
    server.stop().await.unwrap();

    let mut seen = BTreeSet::new();
    for line in log.text().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        seen.extend(line.as_object().unwrap().keys().cloned());
    }
    let page = std::fs::read_to_string(root().join("docs/reference/log.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let first = rows.filter_map(|row| row.split(" | ").next());
    let named: BTreeSet<String> =
        first.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect();
    assert_eq!(named, seen, "docs/reference/log.md (left) and the lines (right)");
}
