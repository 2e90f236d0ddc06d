//! The management of tools.

use serde_json::{Value, json};

use super::House;

#[tokio::test]
async fn a_tool_lives() {
    let house = House::new().await;
    let made = house.tool("todo", json!({"auth": {"type": "user_http"}})).await;
    assert_eq!(made["address"], house.at("todo"));
    assert_eq!(made["auth"], json!({"type": "user_http", "authorization_type": "bearer"}));
    assert_eq!(made["state"], "active");
    let shown = house.done("GET", "/api/v1/tools/todo", Value::Null).await;
    assert_eq!(shown, made);
    let again = json!({"id": "todo", "upstream_url": "http://127.0.0.1:9"});
    let refused = house.asked("POST", "/api/v1/tools", again).await;
    assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("conflict")));
    let changed = house.done("PATCH", "/api/v1/tools/todo", json!({"state": "disabled"})).await;
    assert_eq!(changed["state"], "disabled");
    let gone = house.host.get(&format!("{}/todos", house.at("todo"))).await.unwrap();
    assert_eq!(gone.status, 404);
    house.done("DELETE", "/api/v1/tools/todo", Value::Null).await;
    assert_eq!(house.asked("GET", "/api/v1/tools/todo", Value::Null).await.status, 404);
    let audit = house.done("GET", "/api/v1/audit", Value::Null).await;
    let actions: Vec<&str> =
        audit["items"].as_array().unwrap().iter().filter_map(|e| e["action"].as_str()).collect();
    for action in ["tool.create", "tool.update", "tool.delete"] {
        assert!(actions.contains(&action), "{actions:?}");
    }
    house.stop().await;
}

#[tokio::test]
async fn tools_are_listed_in_parts() {
    let house = House::new().await;
    for id in ["c", "a", "b"] {
        house.tool(id, json!({})).await;
    }
    let first = house.done("GET", "/api/v1/tools?limit=2", Value::Null).await;
    let next = first["next"].as_str().unwrap();
    let rest =
        house.done("GET", &format!("/api/v1/tools?limit=2&cursor={next}"), Value::Null).await;
    let ids = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((ids(&first), ids(&rest)), (vec!["a".into(), "b".into()], vec!["c".into()]));
    assert!(rest["next"].is_null());
    house.stop().await;
}

/// Members that do not fit, and which one is named; `own` is the server's address.
fn misfits(own: &str) -> Vec<(Value, &'static str)> {
    vec![
        (json!({"upstream_url": null}), "upstream_url"),
        (json!({"id": "To Do"}), "id"),
        (json!({"upstream_url": "ftp://x"}), "upstream_url"),
        (json!({"upstream_url": "http://u:p@127.0.0.1:1"}), "upstream_url"),
        (json!({"upstream_url": own}), "upstream_url"),
        (json!({"host": "Todo.example.com"}), "host"),
        (json!({"host": "todo.example.com:8443"}), "host"),
        (json!({"host": "localhost"}), "host"),
        (json!({"path": "/api/todo"}), "path"),
        (json!({"path": "todo"}), "path"),
        (json!({"openapi_url": "http://api.example.com/openapi.yaml"}), "openapi_url"),
        (json!({"openapi_url": "https://x.example/a", "openapi": "x"}), "openapi_url"),
        (json!({"openapi_url": null, "openapi": "swagger: '2.0'"}), "openapi"),
        (json!({"openapi_url": null, "openapi": "a: &a [*a]"}), "openapi"),
        (json!({"auth": {"type": "magic"}}), "auth.type"),
        (json!({"auth": {"type": "none", "scope": "x"}}), "auth.scope"),
        (
            json!({"auth": {"type": "none", "authorization_type": "basic"}}),
            "auth.authorization_type",
        ),
        (
            json!({"auth": {"type": "user_http", "authorization_type": "digest"}}),
            "auth.authorization_type",
        ),
        (json!({"auth": {"type": "oauth", "scope": "manage"}}), "auth.scope"),
        (
            json!({"auth": {"type": "oauth", "authorization_content_type": "text/plain"}}),
            "auth.authorization_content_type",
        ),
        (
            json!({"upstream_auth": {"type": "header", "name": "Host", "value": "x"}}),
            "upstream_auth.name",
        ),
        (
            json!({"upstream_auth": {"type": "basic", "username": "a:b", "password": "x"}}),
            "upstream_auth.username",
        ),
        (json!({"manifest": {"name_for_human": "x".repeat(21)}}), "manifest.name_for_human"),
        (json!({"manifest": {"name_for_model": "to do"}}), "manifest.name_for_model"),
        (
            json!({"manifest": {"description_for_human": "x".repeat(101)}}),
            "manifest.description_for_human",
        ),
        (
            json!({"manifest": {"description_for_model": "x".repeat(8_001)}}),
            "manifest.description_for_model",
        ),
        (json!({"manifest": {"contact_email": "nobody"}}), "manifest.contact_email"),
        (json!({"manifest": {"legal_info_url": "a@b.example"}}), "manifest.legal_info_url"),
        (json!({"manifest": {"logo_url": "https://x.example/a.gif"}}), "manifest.logo_url"),
        (json!({"verification_tokens": {"open-ai": "x"}}), "verification_tokens.open-ai"),
        (json!({"timeouts": {"first_byte_ms": 0}}), "timeouts.first_byte_ms"),
        (json!({"unknown": 1}), "unknown"),
    ]
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_name() {
    let house = House::new().await;
    house.tool("other", json!({"host": "other.example.com", "path": "/other"})).await;
    for (members, param) in misfits(&house.server.url) {
        let mut body = json!({"id": "todo", "upstream_url": house.todo.url()});
        for (name, value) in members.as_object().unwrap() {
            body[name] = value.clone();
        }
        let refused = house.asked("POST", "/api/v1/tools", body).await;
        let said = refused.json();
        assert_eq!((refused.status, &said["param"]), (400, &json!(param)), "{members}: {said}");
    }
    for (members, param) in
        [(json!({"host": "other.example.com"}), "host"), (json!({"path": "/other"}), "path")]
    {
        let mut body = json!({"id": "todo", "upstream_url": house.todo.url()});
        body[param] = members[param].clone();
        let refused = house.asked("POST", "/api/v1/tools", body).await;
        assert_eq!((refused.status, &refused.json()["param"]), (409, &json!(param)));
    }
    // The name that a tool has without asking for it is taken too, whoever comes first.
    let body = json!({"id": "todo", "upstream_url": house.todo.url(), "host": "other.localhost"});
    let refused = house.asked("POST", "/api/v1/tools", body).await;
    assert_eq!((refused.status, &refused.json()["param"]), (409, &json!("host")));
    house.tool("todo", json!({"host": "later.localhost"})).await;
    let body = json!({"id": "later", "upstream_url": house.todo.url()});
    let refused = house.asked("POST", "/api/v1/tools", body).await;
    assert_eq!((refused.status, &refused.json()["param"]), (409, &json!("id")));
    house.done("PATCH", "/api/v1/tools/todo", json!({"host": "todo.localhost"})).await;
    house.stop().await;
}

#[tokio::test]
async fn our_secret_stays_with_the_host_that_it_was_given_for() {
    let house = House::new().await;
    let auth = json!({"type": "header", "name": "X-Api-Key", "value": "canary"});
    house.tool("todo", json!({"upstream_auth": auth})).await;
    let moved = json!({"upstream_url": "http://127.0.0.1:9"});
    let refused = house.asked("PATCH", "/api/v1/tools/todo", moved).await;
    assert_eq!((refused.status, &refused.json()["param"]), (400, &json!("upstream_auth")));
    let moved = json!({"upstream_url": "http://127.0.0.1:9", "upstream_auth": null});
    let moved = house.done("PATCH", "/api/v1/tools/todo", moved).await;
    assert!(moved["upstream_auth"].is_null());
    house.stop().await;
}

#[tokio::test]
async fn tools_are_managed_by_those_who_may() {
    let house = House::new().await;
    house.tool("todo", json!({})).await;
    for path in ["/api/v1/tools", "/api/v1/tools/todo", "/api/v1/tools/todo/service-tokens"] {
        assert_eq!(house.browser.get(path).await.unwrap().status, 403, "{path}");
    }
    let body = json!({"service": "openai"});
    let refused = house.browser.post("/api/v1/tools/todo/service-tokens", &body).await.unwrap();
    assert_eq!(refused.status, 403);
    house.stop().await;
}

#[tokio::test]
async fn service_tokens_are_refused_where_they_do_not_fit() {
    let house = House::new().await;
    house.tool("todo", json!({"auth": {"type": "service_http"}})).await;
    house.service_token("todo", json!({"service": "openai"})).await;
    let path = "/api/v1/tools/todo/service-tokens";
    for (body, status, param) in [
        (json!({"service": "openai"}), 409, "service"),
        (json!({"service": ""}), 400, "service"),
        (json!({"service": "x", "token": "short"}), 400, "token"),
        (json!({"service": "x", "token": "tg_tool_0123456789abcdefghij"}), 400, "token"),
        (json!({}), 400, "service"),
    ] {
        let refused = house.asked("POST", path, body.clone()).await;
        assert_eq!((refused.status, &refused.json()["param"]), (status, &json!(param)), "{body}");
    }
    house.stop().await;
}
