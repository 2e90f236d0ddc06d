//! What a tool publishes.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tollgate_testkit::{HOST_KEY, Setup, faults};

use super::House;

#[tokio::test]
async fn a_manifest_has_every_field_whatever_the_owner_left_out() {
    let house = House::new().await;
    house.tool("todo.list_1", json!({})).await;
    let plugin = house.plugin("todo.list_1").await;
    assert_eq!(faults(&plugin.manifest, &plugin.root), Vec::<String>::new());
    assert_eq!(plugin.manifest["name_for_model"], "todo_list_1");
    for name in ["logo_url", "legal_info_url"] {
        let there = house.host.get(plugin.manifest[name].as_str().unwrap()).await.unwrap();
        assert_eq!(there.status, 200, "{name}");
    }
    assert_eq!(plugin.openapi["info"]["title"], "Todo");
    assert_eq!(plugin.server, plugin.root);
    assert!(plugin.openapi["components"]["schemas"]["Todo"].is_object(), "all else is kept");
    house.stop().await;
}

#[tokio::test]
async fn what_the_owner_says_is_published_at_once() {
    let house = House::new().await;
    let manifest = json!({
        "name_for_human": "Todo", "name_for_model": "todo", "contact_email": "help@example.com",
        "description_for_human": "A list.", "description_for_model": "Things\nto do.",
        "legal_info_url": "/legal", "logo_url": "/logo.png",
    });
    house.tool("todo", json!({"manifest": manifest})).await;
    let plugin = house.plugin("todo").await;
    assert_eq!(plugin.manifest["description_for_model"], "Things\nto do.");
    assert_eq!(plugin.manifest["logo_url"], format!("{}/logo.png", plugin.root));
    let answer =
        house.host.get(&format!("{}/.well-known/ai-plugin.json", plugin.root)).await.unwrap();
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(answer.header("cache-control"), "no-store");
    let change = json!({"manifest": {"name_for_human": "Lists"}});
    house.done("PATCH", "/api/v1/tools/todo", change).await;
    let changed = house.plugin("todo").await;
    assert_eq!(changed.manifest["name_for_human"], "Lists");
    assert_eq!(changed.manifest["contact_email"], "help@example.com");
    house.stop().await;
}

#[tokio::test]
async fn verification_tokens_of_any_number_of_services_are_seen_at_once() {
    let house = House::new().await;
    house.tool("todo", json!({"auth": {"type": "service_http"}})).await;
    let place = |service: &str| format!("/api/v1/tools/todo/verification-tokens/{service}");
    for (service, token) in [(HOST_KEY, "0123456789abcdef0123456789abcdef"), ("other", "abc123")] {
        house.done("PUT", &place(service), json!({"token": token})).await;
        let plugin = house.plugin("todo").await;
        assert_eq!(plugin.manifest["auth"]["verification_tokens"][service], token);
    }
    house.done("PUT", &place(HOST_KEY), json!({"token": "another"})).await;
    house.done("DELETE", &place("other"), Value::Null).await;
    let plugin = house.plugin("todo").await;
    assert_eq!(plugin.manifest["auth"]["verification_tokens"], json!({HOST_KEY: "another"}));
    assert_eq!(house.asked("DELETE", &place("other"), Value::Null).await.status, 404);
    for (service, token, param) in [("open-ai", "x", "service"), ("openai", "a b", "token")] {
        let refused = house.asked("PUT", &place(service), json!({"token": token})).await;
        assert_eq!((refused.status, &refused.json()["param"]), (400, &json!(param)));
    }
    house.stop().await;
}

#[tokio::test]
async fn a_tool_under_a_path_publishes_there() {
    let house = House::new().await;
    house.tool("todo", json!({"path": "/lists/todo"})).await;
    let root = format!("{}/lists/todo", house.server.url);
    let plugin = house.host.read(&root).await.unwrap();
    assert_eq!(plugin.server, root);
    assert_eq!(plugin.call("listTodos", None, None).await.unwrap().status, 200);
    house.done("PATCH", "/api/v1/tools/todo", json!({"path": "/"})).await;
    let plugin = house.host.read(&house.server.url).await.unwrap();
    assert_eq!(plugin.server, house.server.url);
    assert_eq!(plugin.call("listTodos", None, None).await.unwrap().status, 200);
    // What is ours stays ours.
    let ours = house.server.anonymous().get("/livez").await.unwrap();
    assert_eq!(ours.status, 200);
    house.stop().await;
}

#[tokio::test]
async fn a_tool_has_a_name_of_its_own() {
    let house = House::new().await;
    house.tool("todo", json!({"host": "todo.example.com"})).await;
    let root = house.server.url.replace("localhost", "todo.example.com");
    let plugin = house.host.read(&root).await.unwrap();
    assert_eq!(plugin.server, root);
    assert_eq!(plugin.call("listTodos", None, None).await.unwrap().status, 200);
    house.stop().await;
}

#[tokio::test]
async fn on_loopback_open_tools_alone_are_published_unless_a_switch_says_so() {
    let setup = Setup { loopback_tools: false, ..Setup::on(crate::ENGINE) };
    let house = House::with(setup).await;
    let made = house.tool("open", json!({})).await;
    assert!(made["manifest_url"].is_string());
    assert_eq!(house.plugin("open").await.auth(), "none");
    let made = house.tool("todo", json!({"auth": {"type": "service_http"}})).await;
    assert!(made["manifest_url"].is_null());
    for path in ["/.well-known/ai-plugin.json", "/openapi.json"] {
        let hidden = house.host.get(&format!("{}{path}", house.at("todo"))).await.unwrap();
        assert_eq!(hidden.status, 404, "{path}");
        assert!(hidden.text.contains("dev.loopback_tools"), "{}", hidden.text);
    }
    // It is guarded all the same.
    let call = house.host.get(&format!("{}/todos", house.at("todo"))).await.unwrap();
    assert_eq!(call.status, 401);
    house.stop().await;
}

#[tokio::test]
async fn an_openapi_document_is_given_or_fetched_and_a_bad_one_is_said_so() {
    let house = House::new().await;
    let given = "openapi: 3.1.0\ninfo: {title: Given, version: 1}\npaths: {}\n";
    house.tool("todo", json!({"openapi_url": null, "openapi": given})).await;
    assert_eq!(house.plugin("todo").await.openapi["info"]["title"], "Given");
    let fetched = json!({"openapi_url": format!("{}/openapi.yaml", house.todo.url())});
    house.done("PATCH", "/api/v1/tools/todo", fetched).await;
    assert_eq!(house.plugin("todo").await.openapi["info"]["title"], "Todo");
    let elsewhere = json!({"openapi_url": format!("{}/todos", house.todo.url())});
    house.done("PATCH", "/api/v1/tools/todo", elsewhere).await;
    let place = format!("{}/openapi.json", house.at("todo"));
    let bad = house.host.get(&place).await.unwrap();
    assert_eq!(bad.status, 502);
    assert!(bad.text.contains("todo") && bad.text.contains("OpenAPI"), "{}", bad.text);
    house.done("PATCH", "/api/v1/tools/todo", json!({"openapi_url": null})).await;
    assert_eq!(house.host.get(&place).await.unwrap().status, 404);
    house.stop().await;
}

/// What is open to everybody takes nothing in: strangers are not counted there.
#[tokio::test]
async fn a_declared_picture_is_answered_before_any_body_comes() {
    let house = House::new().await;
    let manifest = json!({"logo_url": "/todos?logo=1"});
    house.tool("todo", json!({"auth": {"type": "user_http"}, "manifest": manifest})).await;
    let place = house.server.url.trim_start_matches("http://").to_owned();
    let head = "GET /tools/todo/todos?logo=1 HTTP/1.1\r\nhost: localhost\r\n\
                content-length: 1000000\r\n\r\n";
    let answered = async {
        let mut stream = TcpStream::connect(place).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut line = [0; 13];
        stream.read_exact(&mut line).await.unwrap();
        assert_eq!(&line, b"HTTP/1.1 200 ", "{}", String::from_utf8_lossy(&line));
    };
    tokio::time::timeout(Duration::from_secs(3), answered).await.expect("it waits for the body");
    assert_eq!(house.todo.seen().last().unwrap().path, "/todos?logo=1");
    house.stop().await;
}

#[tokio::test]
async fn hosts_read_a_declared_picture_and_legal_page_without_a_credential() {
    let house = House::new().await;
    let manifest = json!({"logo_url": "/todos?logo=1", "legal_info_url": "/openapi.yaml"});
    for mode in ["service_http", "user_http", "oauth"] {
        house.tool(mode, json!({"auth": {"type": mode}, "manifest": manifest})).await;
        let plugin = house.plugin(mode).await;
        for name in ["logo_url", "legal_info_url"] {
            let there = house.host.get(plugin.manifest[name].as_str().unwrap()).await.unwrap();
            assert_eq!(there.status, 200, "{mode} {name}: {}", there.text);
            assert_eq!(house.introduced()["sub"], "anonymous");
            let entry = house.entry(&there).await;
            assert_eq!((&entry["tool"], &entry["user"]), (&json!(mode), &Value::Null));
        }
        // That and nothing else, and a credential that is no good is none.
        let seen = house.todo.seen().len();
        let root = house.at(mode);
        for path in ["/todos", "/todos?logo=1&x=1", "/todos?logo=2", "/openapi.yaml?", "/"] {
            let kept = house.host.get(&format!("{root}{path}")).await.unwrap();
            assert_eq!(kept.status, 401, "{mode} {path}: {}", kept.text);
        }
        let logo = format!("{root}/todos?logo=1");
        assert_eq!(house.host.send(|http| http.post(&logo)).await.unwrap().status, 401);
        let wrong = house.host.send(|http| http.get(&logo).bearer_auth("tg_tool_x")).await;
        assert_eq!(wrong.unwrap().status, 401);
        assert_eq!(house.todo.seen().len(), seen, "nothing went on");
    }
    house.stop().await;
}

#[tokio::test]
async fn a_document_that_did_not_change_is_not_sent_again() {
    let house = House::new().await;
    house.tool("todo", json!({})).await;
    let place = format!("{}/openapi.json", house.at("todo"));
    let first = house.host.get(&place).await.unwrap();
    let etag = first.header("etag").to_owned();
    assert_eq!((first.status, first.header("cache-control")), (200, "no-cache"));
    let with = async |known: &str| {
        house.host.send(|http| http.get(&place).header("if-none-match", known)).await.unwrap()
    };
    for known in [etag.clone(), format!("\"x\", W/{etag}"), "*".to_owned()] {
        let same = with(&known).await;
        assert_eq!((same.status, same.header("etag"), &*same.text), (304, &*etag, ""), "{known}");
    }
    assert_eq!(with("\"x\"").await.text, first.text);
    // Each root has its own, and a change shows at once.
    let path = house.server.anonymous().get("/tools/todo/openapi.json").await.unwrap();
    assert_ne!(path.header("etag"), etag);
    house.done("PATCH", "/api/v1/tools/todo", json!({"auth": {"type": "user_http"}})).await;
    let changed = with(&etag).await;
    assert_eq!(changed.status, 200);
    assert!(changed.text.contains("securitySchemes"), "{}", changed.text);
    house.stop().await;
}

#[tokio::test]
async fn of_paths_within_each_other_the_longest_is_meant() {
    let house = House::new().await;
    for (id, path) in
        [("whole", "/api-of"), ("deep", "/api-of/deep"), ("deeper", "/api-of/deep/er")]
    {
        house.tool(id, json!({ "path": path })).await;
    }
    for (path, tool) in [
        ("/api-of/todos", "whole"),
        ("/api-of/deep/todos", "deep"),
        ("/api-of/deep/er/todos", "deeper"),
    ] {
        let answer = house.server.anonymous().get(path).await.unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        assert_eq!(house.introduced()["tool"], tool, "{path}");
    }
    house.stop().await;
}
