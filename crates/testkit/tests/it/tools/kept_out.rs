//! What is kept out: identity headers of others, ways around, credentials of another place.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tollgate_edge::NetworkLimits;
use tollgate_testkit::Setup;

use super::House;

#[tokio::test]
async fn t68_no_identity_header_from_outside_reaches_an_api() {
    let house = House::new().await;
    house.tool("todo", json!({})).await;
    let url = format!("{}/todos", house.at("todo"));
    let names = [
        "Tollgate-Identity",
        "TOLLGATE-IDENTITY",
        "Tollgate-User",
        "X-Tollgate-User",
        "X-Forwarded-User",
        "X-Forwarded-For",
        "X-User",
        "X-User-Id",
        "Remote-User",
        "Forwarded",
        "X-Real-IP",
        "X-Auth-Request-Email",
    ];
    for name in names {
        let sent = house.host.send(|http| http.get(&url).header(name, "mallory")).await.unwrap();
        assert_eq!(sent.status, 200, "{name}: {}", sent.text);
        let seen = house.todo.seen().last().unwrap().headers.clone();
        let smuggled = seen.iter().any(|(_, value)| value.as_bytes() == b"mallory");
        assert!(!smuggled, "{name}: {seen:?}");
        assert_eq!(house.introduced()["sub"], "anonymous");
    }
    // Other software reads an underscore as a hyphen.
    let sent = house.host.send(|http| http.get(&url).header("tollgate_identity", "mallory")).await;
    assert_eq!(sent.unwrap().status, 400);
    house.stop().await;
}

#[tokio::test]
async fn g4_the_callers_credential_stays_with_us_and_ours_goes_on() {
    let house = House::new().await;
    let auth = json!({"type": "header", "name": "X-Api-Key", "value": "canary-upstream-secret"});
    let made =
        house.tool("todo", json!({"auth": {"type": "service_http"}, "upstream_auth": auth})).await;
    assert!(!made.to_string().contains("canary-upstream-secret"));
    let (_, token) = house.service_token("todo", json!({"service": "openai"})).await;
    let plugin = house.plugin("todo").await;
    let answer = plugin.call("listTodos", Some(&plugin.header(&token)), None).await.unwrap();
    assert_eq!(answer.status, 200);
    let seen = house.todo.seen().last().unwrap().headers.clone();
    assert_eq!(seen["x-api-key"], "canary-upstream-secret");
    assert!(!seen.contains_key("authorization") && !seen.contains_key("cookie"));
    assert!(!seen.values().any(|value| value.to_str().is_ok_and(|text| text.contains(&token))));

    let basic = json!({"upstream_auth": {"type": "basic", "username": "us", "password": "pw"}});
    house.done("PATCH", "/api/v1/tools/todo", basic).await;
    let answer = plugin.call("listTodos", Some(&plugin.header(&token)), None).await.unwrap();
    assert_eq!(answer.status, 200);
    let seen = house.todo.seen().last().unwrap().headers.clone();
    assert_eq!(seen["authorization"], "Basic dXM6cHc=");
    assert!(!seen.contains_key("x-api-key"));
    // A new version of the record has the secret still.
    let token_path = "/api/v1/tools/todo/verification-tokens/openai";
    house.done("PUT", token_path, json!({"token": "abc"})).await;
    plugin.call("listTodos", Some(&plugin.header(&token)), None).await.unwrap();
    assert_eq!(house.todo.seen().last().unwrap().headers["authorization"], "Basic dXM6cHc=");
    house.stop().await;
}

#[tokio::test]
async fn g3_a_token_of_another_tool_or_service_opens_nothing() {
    let house = House::new().await;
    let auth = json!({"auth": {"type": "service_http"}});
    house.tool("todo", auth.clone()).await;
    house.tool("other", auth).await;
    let (_, made) = house.service_token("other", json!({"service": "openai"})).await;
    let given = json!({"service": "theirs", "token": "given-by-the-owner-0123456789"});
    let (_, given) = house.service_token("other", given).await;
    let (_, todo) = house.service_token("todo", json!({"service": "openai"})).await;
    let plugin = house.plugin("todo").await;
    let mut garbled = todo.clone();
    garbled.replace_range(garbled.len() - 1.., if todo.ends_with('x') { "y" } else { "x" });
    for bad in [made.as_str(), given.as_str(), garbled.as_str(), "short", ""] {
        let answer = plugin.call("listTodos", Some(&plugin.header(bad)), None).await.unwrap();
        assert_eq!(answer.status, 401, "{bad:?}: {}", answer.text);
    }
    // A service token is nothing at our other doors.
    for path in ["/v1/models", "/api/v1/tools"] {
        let answer = house.server.with_bearer(&todo).get(path).await.unwrap();
        assert_eq!(answer.status, 401, "{path}");
    }
    let seen = house.todo.seen();
    assert!(seen.iter().all(|request| !request.path.starts_with("/todos")), "nothing went on");
    house.stop().await;
}

#[tokio::test]
async fn t62_guessing_a_token_that_was_given_stops_at_the_limit() {
    let network_limits = NetworkLimits { anonymous_per_minute: 6, ..NetworkLimits::LAX };
    let house = House::with(Setup { network_limits, ..Setup::on(crate::ENGINE) }).await;
    for (scheme, id) in [("bearer", "todo"), ("basic", "other")] {
        let auth = json!({"type": "service_http", "authorization_type": scheme});
        house.tool(id, json!({"auth": auth})).await;
    }
    let given = "given-by-the-owner-0123456789";
    let call = async |id: &str, header: String| {
        let url = format!("{}/todos", house.at(id));
        house.host.send(|http| http.get(&url).header("authorization", header)).await.unwrap()
    };
    house.service_token("todo", json!({"service": "theirs", "token": given})).await;
    let (_, made) = house.service_token("todo", json!({"service": "openai"})).await;
    // Whoever knows it is not counted, nor what nobody guesses.
    for _ in 0..20 {
        assert_eq!(call("todo", format!("Bearer {given}")).await.status, 200);
        assert_eq!(call("todo", format!("Bearer {made}")).await.status, 200);
    }
    // Guesses at one tool keep nobody from another.
    let guess = |n: u32| format!("Basic {}", STANDARD.encode(format!("us:{n:016}")));
    for n in 0..6 {
        let wrong = call("other", guess(n)).await;
        assert_eq!(wrong.status, 401, "{n}: {}", wrong.text);
    }
    assert_eq!(call("other", guess(6)).await.status, 429);
    assert_eq!(call("todo", format!("Bearer {given}")).await.status, 200);
    for n in 0..6 {
        let wrong = call("todo", format!("Bearer given-by-the-owner-{n:010}")).await;
        assert_eq!(wrong.status, 401, "{n}: {}", wrong.text);
    }
    // From then on the right one is not told from the others, known or not.
    for header in ["Bearer given-by-the-owner-x".to_owned(), format!("Bearer {given}")] {
        let refused = call("todo", header).await;
        assert_eq!((refused.status, &refused.json()["code"]), (429, &json!("rate_limited")));
        assert_eq!(refused.header("content-type"), "application/problem+json");
        assert!(!refused.header("retry-after").is_empty(), "{:?}", refused.headers);
    }
    // What cannot be guessed goes on, and so do the documents.
    assert_eq!(call("todo", format!("Bearer {made}")).await.status, 200);
    let pair = format!("Basic {}", STANDARD.encode(format!("us:{made}")));
    assert_eq!(call("other", pair).await.status, 401, "no guess");
    house.plugin("todo").await;
    house.stop().await;
}

#[tokio::test]
async fn g7_pages_of_other_sites_ask_nothing_of_a_tool() {
    let house = House::new().await;
    house.tool("todo", json!({})).await;
    let ours = house.at("todo");
    for path in ["/todos", "/.well-known/ai-plugin.json", "/openapi.json"] {
        let url = format!("{ours}{path}");
        for bad in ["null", "https://evil.example", "http://todo.localhost", "http://localhost:1"] {
            let refused = house.host.send(|http| http.get(&url).header("origin", bad)).await;
            let refused = refused.unwrap();
            let said = (refused.status, refused.json()["code"].clone());
            assert_eq!(said, (403, json!("forbidden")), "{path} {bad}: {}", refused.text);
            assert!(refused.header("access-control-allow-origin").is_empty());
        }
        for good in [&*ours, &*house.server.url, "https://chat.openai.com"] {
            let asked = house.host.send(|http| http.get(&url).header("origin", good)).await;
            assert_eq!(asked.unwrap().status, 200, "{path} {good}");
        }
    }
    // Nor may it ask first, and the API hears of none of it.
    let calls = house.todo.seen().len();
    let url = format!("{ours}/todos");
    let asks = house.host.send(|http| {
        http.request("OPTIONS".parse().unwrap(), &url).header("origin", "https://evil.example")
    });
    assert_eq!(asks.await.unwrap().status, 403);
    let body = json!({"title": "x"});
    let posts = house.host.send(|http| http.post(&url).header("origin", "null").json(&body));
    assert_eq!(posts.await.unwrap().status, 403);
    assert_eq!(house.todo.seen().len(), calls);
    house.stop().await;
}

/// The beginning of what is answered to these bytes.
async fn told(url: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 64];
    let length = stream.read(&mut head).await.unwrap();
    String::from_utf8_lossy(&head[..length]).into_owned()
}

#[tokio::test]
async fn t69_no_path_leads_out_of_a_tool() {
    let house = House::new().await;
    let url = format!("{}/inner", house.todo.url());
    house.tool("todo", json!({"upstream_url": url})).await;
    let odd = ["/../todos", "/%2e%2e/todos", "/a/%2E%2e/%2e./todos", "/..%2ftodos", "/..%5ctodos"];
    for path in odd.into_iter().chain(["/..;/todos", "/a%00"]) {
        // As it stands: a client of the usual kind would mend the path.
        let request = format!("GET /tools/todo{path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let head = told(&house.server.url, &request).await;
        assert!(head.starts_with("HTTP/1.1 400 "), "{path}: {head}");
    }
    assert!(house.todo.seen().is_empty());
    let inside = house.server.anonymous().get("/tools/todo/todos").await.unwrap();
    assert_eq!((inside.status, house.todo.seen()[0].path.as_str()), (404, "/inner/todos"));
    house.stop().await;
}

#[tokio::test]
async fn our_pages_do_not_answer_on_the_name_of_a_tool_nor_a_tool_on_ours() {
    let house = House::new().await;
    house.tool("todo", json!({})).await;
    for path in ["/login", "/account", "/api/v1/me", "/v1/models", "/livez", "/tools/todo/todos"] {
        let there = house.host.get(&format!("{}{path}", house.at("todo"))).await.unwrap();
        assert_eq!(there.status, 404, "{path}");
        assert_eq!(house.todo.seen().last().unwrap().path, path, "it went to the API");
    }
    let here = house.server.anonymous().get("/todos").await.unwrap();
    assert_eq!(here.status, 404);
    let here = house.server.anonymous().get("/.well-known/ai-plugin.json").await.unwrap();
    assert_eq!(here.status, 404);
    let none = house.host.get(&format!("{}/todos", house.at("nothing"))).await.unwrap();
    assert_eq!(none.status, 404);
    house.stop().await;
}

#[tokio::test]
async fn an_api_that_is_down_or_slow_is_named() {
    let house = House::new().await;
    house.tool("todo", json!({"timeouts": {"first_byte_ms": 100}})).await;
    let nobody = json!({"id": "down", "upstream_url": "http://127.0.0.1:1", "openapi": OPENAPI});
    house.done("POST", "/api/v1/tools", nobody).await;
    let down = house.server.anonymous().get("/tools/down/todos").await.unwrap();
    assert_eq!(down.status, 502, "{}", down.text);
    assert!(down.json()["detail"].as_str().unwrap().contains("down"), "{}", down.text);
    assert_eq!(house.entry(&down).await["state"], "failed");
    let slow = house.server.anonymous();
    let slow = tokio::time::timeout(Duration::from_secs(20), slow.get("/tools/todo/slow"));
    let slow = slow.await.unwrap().unwrap();
    assert_eq!(slow.status, 504, "{}", slow.text);
    assert!(slow.json()["detail"].as_str().unwrap().contains("todo"), "{}", slow.text);
    house.stop().await;
}

/// A small OpenAPI document.
const OPENAPI: &str = "{openapi: 3.0.1, info: {title: t, version: '1'}, paths: {}}";

#[tokio::test]
async fn what_an_api_answers_runs_nothing_in_a_browser() {
    let house = House::new().await;
    house.tool("todo", json!({})).await;
    let answer = house.server.anonymous().get("/tools/todo/todos").await.unwrap();
    let policy = answer.header("content-security-policy");
    assert!(policy.starts_with("sandbox; default-src 'none'"), "{policy}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    house.stop().await;
}

#[tokio::test]
async fn g9_a_plan_says_which_tools_its_members_may_call() {
    let house = House::new().await;
    house.tool("todo", json!({"auth": {"type": "user_http"}})).await;
    let plugin = house.plugin("todo").await;
    let key = house.key_for("todo").await;
    house.done("PATCH", "/api/v1/plans/alice", json!({"tools": ["other"]})).await;
    let answer = plugin.call("listTodos", Some(&plugin.header(&key)), None).await.unwrap();
    assert_eq!(answer.status, 404, "{}", answer.text);
    house.done("PATCH", "/api/v1/plans/alice", json!({"tools": ["*"]})).await;
    let answer = plugin.call("listTodos", Some(&plugin.header(&key)), None).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    let _: Value = answer.json();
    house.stop().await;
}
