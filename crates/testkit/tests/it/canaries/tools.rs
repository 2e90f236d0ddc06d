//! What tools are called with, and what we send to the APIs behind them.

use serde_json::{Value, json};
use tollgate_server::demo_todo::DemoTodo;
use tollgate_testkit::TestServer;

use super::hunt::Hunt;
use super::people::Person;

const UPSTREAM: &str = "canary-tool-upstream-secret-71f3";
const GIVEN: &str = "canary-service-token-given-by-the-owner-5b2e";

/// Tools with all that is secret about them, rightly and wrongly.
pub(super) async fn tools(server: &TestServer, owner: &Person, hunt: &mut Hunt) {
    let todo = DemoTodo::start(([127, 0, 0, 1], 0).into()).await.unwrap();
    hunt.secret("our secret at an API", UPSTREAM, &[]);
    hunt.secret("a service token that was given", GIVEN, &["a token that was given"]);
    let body = json!({
        "id": "todo", "upstream_url": todo.url(), "auth": {"type": "service_http"},
        "upstream_auth": {"type": "header", "name": "X-Api-Key", "value": UPSTREAM},
        "openapi_url": format!("{}/openapi.yaml", todo.url()),
    });
    hunt.answer("a tool", &owner.api("POST", "/api/v1/tools", &body).await);
    hunt.answer("a tool once more", &owner.get("/api/v1/tools/todo").await);
    let path = "/api/v1/tools/todo/service-tokens";
    let made = owner.api("POST", path, &json!({"service": "openai"})).await;
    let token = made.json()["token"].as_str().expect("a token").to_owned();
    hunt.secret("a service token", &token, &["a service token"]);
    hunt.answer("a service token", &made);
    let given = owner.api("POST", path, &json!({"service": "x", "token": GIVEN})).await;
    hunt.answer("a token that was given", &given);
    hunt.answer("all service tokens", &owner.get(path).await);
    hunt.answer("the page of a tool", &owner.get("/admin/tools/todo").await);

    for token in [token.as_str(), GIVEN] {
        let called = server.with_bearer(token).get("/tools/todo/todos").await.unwrap();
        assert_eq!(called.status, 200, "{}", called.text);
        hunt.answer("a call of a tool", &called);
        let elsewhere = server.with_bearer(token).get("/v1/models").await.unwrap();
        assert_eq!(elsewhere.status, 401);
        hunt.answer("a service token at another door", &elsewhere);
    }
    let wrong =
        json!({"upstream_auth": {"type": "basic", "username": "a:b", "password": UPSTREAM}});
    let wrong = owner.api("PATCH", "/api/v1/tools/todo", &wrong).await;
    assert_eq!(wrong.status, 400);
    hunt.answer("a secret that does not fit", &wrong);
    let open: Value = json!({"id": "down", "upstream_url": "http://127.0.0.1:1", "upstream_auth":
        {"type": "basic", "username": "us", "password": UPSTREAM}});
    owner.api("POST", "/api/v1/tools", &open).await;
    let down = server.anonymous().get("/tools/down/x").await.unwrap();
    assert_eq!(down.status, 502);
    hunt.answer("an API that is down", &down);
}
