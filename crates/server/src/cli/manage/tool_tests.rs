#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};

use super::recorder::{Seen, Stage};

/// Runs `line` against these answers and wants these requests, no other, and a good end.
async fn asks(line: &str, answers: &[Value], wanted: &[(&str, Value)]) -> Seen {
    let seen = Stage::answering(answers.iter().cloned()).run(line).await.unwrap();
    let wanted: Vec<_> = wanted.iter().map(|(at, body)| ((*at).to_owned(), body.clone())).collect();
    assert_eq!(seen.requests, wanted, "{line}");
    assert!(seen.end.is_ok(), "{}", seen.end.as_ref().unwrap_err());
    seen
}

fn todo() -> Value {
    json!({ "id": "todo", "address": "https://todo.example.com", "auth": { "type": "none" } })
}

#[tokio::test]
async fn tools_are_offered_changed_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "hush\n").unwrap();
    let line = format!(
        "tollgate tool add todo http://127.0.0.1:9000 --host todo.example.com --auth service_http \
         --authorization-type basic --manifest name_for_human=Todo --upstream-header X-Key \
         --upstream-secret-file {}",
        file.display()
    );
    let body = json!({
        "id": "todo", "upstream_url": "http://127.0.0.1:9000", "host": "todo.example.com",
        "auth": { "type": "service_http", "authorization_type": "basic" },
        "manifest": { "name_for_human": "Todo" },
        "upstream_auth": { "type": "header", "name": "X-Key", "value": "hush" },
    });
    let seen = asks(&line, &[todo()], &[("POST /api/v1/tools", body)]).await;
    assert!(!seen.out.contains("hush") && !seen.talk.contains("hush"));
    let line = "tollgate tool set todo --host= --state disabled --no-upstream-auth --yes";
    let body = json!({ "host": null, "state": "disabled", "upstream_auth": null });
    asks(line, &[todo()], &[("PATCH /api/v1/tools/todo", body)]).await;
    let removed = [("DELETE /api/v1/tools/todo", json!(null))];
    asks("tollgate tool rm todo --yes", &[json!(null)], &removed).await;
    for line in [
        "tollgate tool add todo http://x --scope a",
        "tollgate tool add todo http://x --upstream-header X-Key",
    ] {
        assert!(Stage::answering([]).run(line).await.unwrap().end.is_err(), "{line}");
    }
}

#[tokio::test]
async fn services_get_tokens_by_their_names() {
    let token = json!({ "id": "t1", "service": "openai", "token": "tg_tool_1", "state": "active" });
    let wanted = [("POST /api/v1/tools/todo/service-tokens", json!({ "service": "openai" }))];
    let line = "tollgate tool token add todo openai";
    let seen = asks(line, std::slice::from_ref(&token), &wanted).await;
    assert_eq!(seen.out, "tg_tool_1\n");
    let old = json!({ "id": "t0", "service": "openai", "state": "revoked" });
    let all = json!({ "items": [old, token], "next": null });
    let look = ("GET /api/v1/tools/todo/service-tokens", json!(null));
    let rotate = ("POST /api/v1/tools/todo/service-tokens/t1/rotate", json!({ "overlap_s": 60 }));
    let line = "tollgate tool token rotate todo openai --overlap-s 60";
    let seen = asks(line, &[all.clone(), token], &[look.clone(), rotate]).await;
    assert!(seen.talk.contains("60 more seconds"), "{}", seen.talk);
    let cut = ("DELETE /api/v1/tools/todo/service-tokens/t1", json!(null));
    let line = "tollgate tool token rm todo openai --yes";
    asks(line, &[all, json!(null)], &[look, cut]).await;
}

#[tokio::test]
async fn verification_tokens_and_plugins_are_set() {
    let wanted = [("PUT /api/v1/tools/todo/verification-tokens/openai", json!({ "token": "abc" }))];
    asks("tollgate tool verification set todo openai abc", &[todo()], &wanted).await;
    let wanted = [("PUT /api/v1/tools/todo/callbacks/plugin-1", json!({ "accepted": true }))];
    asks("tollgate tool callback accept todo plugin-1", &[json!({})], &wanted).await;
    let wanted = [("PUT /api/v1/tools/todo/callbacks/plugin-1", json!({ "accepted": false }))];
    asks("tollgate tool callback refuse todo plugin-1", &[json!({})], &wanted).await;
}
