//! Who calls: nobody in particular, services, people with keys.

use serde_json::{Value, json};

use super::{House, titles};

#[tokio::test]
async fn an_open_tool_is_called_by_anybody() {
    let house = House::new().await;
    house.tool("todo", json!({})).await;
    let plugin = house.plugin("todo").await;
    assert_eq!(plugin.auth(), "none");
    let body = json!({"title": "Buy milk"});
    let added = plugin.call("addTodo", None, Some(&body)).await.unwrap();
    assert_eq!((added.status, &added.json()["title"]), (201, &json!("Buy milk")));
    let listed = plugin.call("listTodos", None, None).await.unwrap();
    assert_eq!(titles(&listed), ["Buy milk"]);
    let claims = house.introduced();
    assert_eq!(claims["sub"], "anonymous");
    assert_eq!((&claims["aud"], &claims["tool"]), (&json!(house.at("todo")), &json!("todo")));
    assert_eq!(claims["iss"], house.server.url);

    // It is the same tool under a path of ours.
    let listed = house.server.anonymous().get("/tools/todo/todos?x=1").await.unwrap();
    assert_eq!(titles(&listed), ["Buy milk"]);
    assert_eq!(house.todo.seen().last().unwrap().path, "/todos?x=1");
    let gone = house.server.anonymous();
    let gone = gone.send(gone.request("DELETE", "/tools/todo/todos/1")).await.unwrap();
    assert_eq!(gone.status, 204);
    house.stop().await;
}

#[tokio::test]
async fn each_service_has_a_token_of_its_own_in_both_schemes() {
    for (scheme, word) in [("bearer", "Bearer"), ("basic", "Basic")] {
        let house = House::new().await;
        let auth = json!({"type": "service_http", "authorization_type": scheme});
        house.tool("todo", json!({"auth": auth})).await;
        let (_, openai) = house.service_token("todo", json!({"service": "openai"})).await;
        let given = json!({"service": "other", "token": "given-by-the-owner-0123456789"});
        let (other, theirs) = house.service_token("todo", given).await;
        assert!(openai.starts_with("tg_tool_"), "{openai}");

        let plugin = house.plugin("todo").await;
        assert_eq!(plugin.auth(), "service_http");
        assert_eq!(plugin.header("x"), format!("{word} x"));
        for (token, name) in [(&openai, "openai"), (&theirs, "other")] {
            let answer = plugin.call("listTodos", Some(&plugin.header(token)), None).await.unwrap();
            assert_eq!(answer.status, 200, "{scheme} {name}: {}", answer.text);
            assert_eq!(house.introduced()["sub"], format!("service:{name}"));
        }
        let nobody = plugin.call("listTodos", None, None).await.unwrap();
        assert_eq!(nobody.status, 401);
        assert!(nobody.header("www-authenticate").starts_with(word), "{:?}", nobody.headers);
        let wrong = if scheme == "bearer" { "Basic" } else { "Bearer" };
        let wrong =
            plugin.call("listTodos", Some(&format!("{wrong} {openai}")), None).await.unwrap();
        assert_eq!(wrong.status, 401, "the other scheme");

        // One is cut off; the other goes on.
        let path = format!("/api/v1/tools/todo/service-tokens/{other}");
        house.done("DELETE", &path, Value::Null).await;
        let cut = plugin.call("listTodos", Some(&plugin.header(&theirs)), None).await.unwrap();
        assert_eq!(cut.status, 401);
        let on = plugin.call("listTodos", Some(&plugin.header(&openai)), None).await.unwrap();
        assert_eq!(on.status, 200);
        house.stop().await;
    }
}

#[tokio::test]
async fn a_service_token_is_rotated_with_an_overlap() {
    let house = House::new().await;
    house.tool("todo", json!({"auth": {"type": "service_http"}})).await;
    let (id, first) = house.service_token("todo", json!({"service": "openai"})).await;
    let plugin = house.plugin("todo").await;
    let path = format!("/api/v1/tools/todo/service-tokens/{id}/rotate");
    let rotated = house.done("POST", &path, json!({"overlap_s": 3600})).await;
    let second = rotated["token"].as_str().unwrap();
    for token in [first.as_str(), second] {
        let answer = plugin.call("listTodos", Some(&plugin.header(token)), None).await.unwrap();
        assert_eq!(answer.status, 200, "both work for a while");
    }
    let third = house.done("POST", &path, json!({})).await;
    let third = third["token"].as_str().unwrap();
    for (token, status) in [(first.as_str(), 401), (second, 401), (third, 200)] {
        let answer = plugin.call("listTodos", Some(&plugin.header(token)), None).await.unwrap();
        assert_eq!(answer.status, status);
    }
    let shown = house.done("GET", "/api/v1/tools/todo/service-tokens", Value::Null).await;
    assert!(!shown.to_string().contains(third), "shown once");
    assert_eq!(shown["items"][0]["service"], "openai");
    house.stop().await;
}

#[tokio::test]
async fn people_have_keys_for_one_tool_in_both_schemes() {
    for scheme in ["bearer", "basic"] {
        let house = House::new().await;
        let auth = json!({"type": "user_http", "authorization_type": scheme});
        house.tool("todo", json!({"auth": auth.clone()})).await;
        house.tool("other", json!({"auth": auth})).await;
        let key = house.key_for("todo").await;
        let plugin = house.plugin("todo").await;
        let credential = plugin.header(&key);
        let body = json!({"title": "Water the plants"});
        let added = plugin.call("addTodo", Some(&credential), Some(&body)).await.unwrap();
        assert_eq!(added.status, 201, "{}", added.text);
        assert_eq!(house.introduced()["sub"], house.alice.to_string());

        // It opens nothing else, and nothing else opens this.
        let other = house.plugin("other").await;
        let elsewhere = other.call("listTodos", Some(&credential), None).await.unwrap();
        assert_eq!(elsewhere.status, 401, "another tool");
        let models = house.server.with_bearer(&key).get("/v1/models").await.unwrap();
        assert_eq!(models.status, 401, "the models door");
        let manage = house.server.with_bearer(&key).get("/api/v1/me").await.unwrap();
        assert_eq!(manage.status, 401, "management");
        let (_, unbound) = house.server.add_key(house.alice, &Default::default()).await.unwrap();
        let unbound = plugin.call("listTodos", Some(&plugin.header(&unbound)), None).await.unwrap();
        assert_eq!(unbound.status, 401, "a key for models");
        house.stop().await;
    }
}

#[tokio::test]
async fn keys_for_a_tool_are_for_people_and_for_tools_that_take_them() {
    let house = House::new().await;
    house.tool("open", json!({})).await;
    house.tool("todo", json!({"auth": {"type": "user_http"}})).await;
    for (tool, status) in [("open", 400), ("nothing", 404)] {
        let body = json!({"name": "x", "tool": tool});
        let refused = house.browser.post("/api/v1/keys", &body).await.unwrap();
        assert_eq!((refused.status, &refused.json()["param"]), (status, &json!("tool")));
    }
    let body = json!({"name": "x", "tool": "todo", "admin": true});
    assert_eq!(house.asked("POST", "/api/v1/keys", body).await.status, 400);
    // With the tool its keys go.
    let key = house.key_for("todo").await;
    house.done("DELETE", "/api/v1/tools/todo", Value::Null).await;
    house.tool("todo", json!({"auth": {"type": "user_http"}})).await;
    let plugin = house.plugin("todo").await;
    let answer = plugin.call("listTodos", Some(&plugin.header(&key)), None).await.unwrap();
    assert_eq!(answer.status, 401);
    house.stop().await;
}

#[tokio::test]
async fn a_call_of_a_tool_leaves_an_entry_and_counts() {
    let house = House::new().await;
    house.tool("todo", json!({"auth": {"type": "user_http"}})).await;
    let plugin = house.plugin("todo").await;
    let key = house.key_for("todo").await;
    let answer = plugin.call("listTodos", Some(&plugin.header(&key)), None).await.unwrap();
    assert_eq!(answer.status, 200);
    let entry = house.entry(&answer).await;
    assert_eq!((&entry["tool"], &entry["state"]), (&json!("todo"), &json!("settled")));
    assert_eq!(entry["user"], house.alice.to_string());
    assert!(entry["model"].is_null(), "{entry}");
    let usage = house.done("GET", "/api/v1/usage?by=tool", Value::Null).await;
    let of_tool = usage["items"].as_array().unwrap().iter().find(|item| item["tool"] == "todo");
    assert_eq!(of_tool.expect("a sum of the tool")["calls"], 1);
    house.stop().await;
}
