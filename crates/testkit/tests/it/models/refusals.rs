//! Who and what is refused, how it is said, and that nothing of it reaches the provider.

use std::time::Duration;

use serde_json::json;
use tollgate_kernel::{Budget, Period, Unit};
use tollgate_testkit::{Answer, Engine, KeySpec, PlanSpec, Setup, TestServer, chat_body};

use super::both::until;

const CHAT: &str = "/v1/chat/completions";

async fn server() -> TestServer {
    TestServer::start(Engine::Sqlite).await.unwrap()
}

/// The refusal has this status and code, in OpenAI's shape, and no SDK tries again.
fn is_final(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}", answer.text);
    let error = &answer.json()["error"];
    assert_eq!(error["type"], "invalid_request_error", "{}", answer.text);
    assert!(error["message"].as_str().is_some_and(|words| !words.is_empty()));
    assert_eq!(answer.header("x-should-retry"), "false", "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("x-request-id").len(), 36);
}

/// Nothing was forwarded, held or written.
async fn nothing_happened(server: &TestServer) {
    let totals = server.model.totals();
    assert_eq!((totals.open, totals.finished), (0, 0));
    assert!(server.model.seen().iter().all(|seen| seen.path == "/v1/models"));
    assert!(server.entries_now().await.unwrap().is_empty());
}

#[tokio::test]
async fn calls_without_a_good_key_are_refused() {
    let server = server().await;
    let (user, _) = server.caller("alice", Vec::new()).await.unwrap();
    let unknown = server.gate.new_token(tollgate_protocol::api_key::TokenType::User).0;
    let past = Some(server.gate.clock().now().minus(Duration::from_secs(1)));
    let spec = KeySpec { expires_at: past, ..KeySpec::default() };
    let (_, expired) = server.add_key(user, &spec).await.unwrap();
    let (id, revoked) = server.add_key(user, &KeySpec::default()).await.unwrap();
    server.revoke_key(id).await.unwrap();
    for key in [unknown.expose(), &expired, &revoked] {
        let answer = server.with_bearer(key).chat("tollgate-demo", 5).await.unwrap();
        is_final(&answer, 401, "invalid_api_key");
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
        // Never echoed, not even a part that could be searched for.
        assert!(!answer.text.contains(&key[8..20]), "{}", answer.text);
    }
    let answer = server.anonymous().chat("tollgate-demo", 5).await.unwrap();
    is_final(&answer, 401, "invalid_api_key");
    let basic = server.anonymous().request("GET", "/v1/models").basic_auth("a", Some("b"));
    is_final(&server.anonymous().send(basic).await.unwrap(), 401, "invalid_api_key");
    nothing_happened(&server).await;
    assert!(!server.log.text().contains(&expired[8..20]));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn k1_garbled_keys_are_refused_without_a_look_up() {
    let server = server().await;
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    // Whoever asks the store from now on is told that it is away.
    server.gate.read(&server.system).close().await;
    let answer = server.with_bearer(&key).chat("tollgate-demo", 5).await.unwrap();
    assert_eq!(answer.status, 503, "a fault of ours is never a 401: {}", answer.text);
    assert_eq!(answer.header("retry-after"), "1");

    let last = if key.ends_with('0') { '1' } else { '0' };
    let wrong_sum = format!("{}{last}", &key[..key.len() - 1]);
    let middle = key.len() / 2;
    let other = if key.as_bytes()[middle] == b'a' { "b" } else { "a" };
    let typo = format!("{}{other}{}", &key[..middle], &key[middle + 1..]);
    let long = format!("{key}{}", "x".repeat(20_000));
    for garbled in [
        wrong_sum.as_str(),
        typo.as_str(),
        &long,
        &key[..key.len() - 1],
        "tg_user_",
        "tg_",
        "sk-proj-0123456789012345678901234567890123456789",
        "x",
        "a.b.c",
        "' OR 1=1 --",
    ] {
        let answer = server.with_bearer(garbled).chat("tollgate-demo", 5).await.unwrap();
        // Headers of more than 16 KiB are none that HTTP servers take.
        if answer.status != 431 {
            is_final(&answer, 401, "invalid_api_key");
        }
    }
    nothing_happened(&server).await;
}

#[tokio::test]
async fn m11_several_credentials_are_refused_before_any_look_up() {
    let server = server().await;
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    server.gate.read(&server.system).close().await;
    let bearer = format!("Bearer {key}");
    let cookie = format!("tollgate={key}");
    let table: &[&[(&str, &str)]] = &[
        &[("authorization", &bearer), ("authorization", &bearer)],
        &[("authorization", &bearer), ("authorization", "Basic YTpi")],
        &[("authorization", &bearer), ("api-key", &key)],
        &[("authorization", &bearer), ("x-api-key", &key)],
        &[("api-key", &key), ("x-api-key", &key)],
        &[("authorization", &bearer), ("cookie", &cookie)],
        &[("authorization", &bearer), ("cookie", "a=b; tollgate=x")],
        &[("api-key", &key), ("cookie", &cookie)],
        &[("cookie", "tollgate=x; tollgate=y"), ("origin", &server.url)],
        &[("cookie", "tollgate=x"), ("cookie", "tollgate=x"), ("origin", &server.url)],
    ];
    for headers in table {
        let client = server.anonymous();
        let mut request = client.request("POST", CHAT).json(&chat_body("tollgate-demo", 5));
        for (name, value) in *headers {
            request = request.header(*name, *value);
        }
        let answer = client.send(request).await.unwrap();
        is_final(&answer, 400, "ambiguous_credentials");
        let hint = "Send one: an Authorization header or the session cookie, not both";
        assert!(answer.message().contains(hint), "{}", answer.text);
    }
    nothing_happened(&server).await;
}

#[tokio::test]
async fn a_key_in_each_header_that_sdks_use_is_taken() {
    let server = server().await;
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    for (name, value) in [
        ("api-key", key.clone()),
        ("x-api-key", key.clone()),
        ("authorization", format!("bearer {key}")),
    ] {
        let client = server.anonymous();
        let answer = client.send(client.request("GET", "/v1/models").header(name, value)).await;
        assert_eq!(answer.unwrap().status, 200, "{name}");
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn an_expired_key_ends_at_its_time_though_it_was_seen_before() {
    let server = server().await;
    let (user, _) = server.caller("alice", Vec::new()).await.unwrap();
    let soon = server.gate.clock().now().plus(Duration::from_millis(700));
    let spec = KeySpec { expires_at: Some(soon), ..KeySpec::default() };
    let (_, key) = server.add_key(user, &spec).await.unwrap();
    let client = server.with_bearer(&key);
    assert_eq!(client.get("/v1/models").await.unwrap().status, 200);
    let refused = || async { client.get("/v1/models").await.unwrap().status == 401 };
    assert!(until(Duration::from_secs(3), refused).await);
    assert!(server.gate.clock().now() >= soon);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn t24_a_person_who_is_let_in_again_comes_in_again() {
    let server = server().await;
    let (user, key) = server.caller("alice", Vec::new()).await.unwrap();
    let client = server.with_bearer(&key);
    for _ in 0..2 {
        assert_eq!(client.get("/v1/models").await.unwrap().status, 200);
        server.set_active(user, false).await.unwrap();
        let refused = || async { client.get("/v1/models").await.unwrap().status == 401 };
        assert!(until(Duration::from_secs(2), refused).await, "suspended");
        server.set_active(user, true).await.unwrap();
        let good = || async { client.get("/v1/models").await.unwrap().status == 200 };
        assert!(until(Duration::from_secs(2), good).await, "let in again");
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn models_that_are_not_allowed_do_not_exist() {
    let server = server().await;
    let spec = PlanSpec { models: vec!["small*", "tollgate-demo"], ..PlanSpec::default() };
    server.add_plan("few", &spec).await.unwrap();
    let user = server.add_user("alice@example.com", Some("few")).await.unwrap();
    let (_, key) = server.add_key(user, &KeySpec::default()).await.unwrap();
    let spec = KeySpec { models: Some(vec!["small-a", "large"]), ..KeySpec::default() };
    let (_, narrow) = server.add_key(user, &spec).await.unwrap();
    server
        .mocks(&[("small-a", "chunks=1"), ("small-b", "chunks=1"), ("large", "chunks=1")])
        .await
        .unwrap();

    let ids = async |key: &str| {
        let list = server.with_bearer(key).get("/v1/models").await.unwrap().json();
        let ids = list["data"].as_array().unwrap().iter();
        ids.map(|model| model["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&key).await, ["small-a", "small-b", "tollgate-demo"]);
    assert_eq!(ids(&narrow).await, ["small-a"], "a key can only narrow what the plan allows");
    for (key, model) in
        [(&key, "large"), (&key, "no-such"), (&narrow, "small-b"), (&narrow, "large")]
    {
        let client = server.with_bearer(key);
        let answer = client.chat(model, 5).await.unwrap();
        is_final(&answer, 404, "model_not_found");
        assert_eq!(answer.json()["error"]["param"], "model");
        let card = client.get(&format!("/v1/models/{model}")).await.unwrap();
        is_final(&card, 404, "model_not_found");
    }
    nothing_happened(&server).await;
    assert_eq!(server.with_bearer(&narrow).chat("small-a", 5).await.unwrap().status, 200);
    let card = server.with_bearer(&key).get("/v1/models/small-b").await.unwrap();
    assert_eq!(card.json()["id"], "small-b");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn keys_are_bound_to_networks() {
    let server = server().await;
    let (user, _) = server.caller("alice", Vec::new()).await.unwrap();
    let of = |networks: &[&str]| KeySpec {
        networks: Some(networks.iter().map(|network| (*network).to_owned()).collect()),
        ..KeySpec::default()
    };
    let (_, here) = server.add_key(user, &of(&["127.0.0.0/8", "::1/128"])).await.unwrap();
    let (_, elsewhere) = server.add_key(user, &of(&["10.0.0.0/8"])).await.unwrap();
    let (_, nowhere) = server.add_key(user, &of(&[])).await.unwrap();
    assert_eq!(server.with_bearer(&here).get("/v1/models").await.unwrap().status, 200);
    for key in [elsewhere, nowhere] {
        let client = server.with_bearer(&key);
        assert_eq!(client.get("/v1/models").await.unwrap().status, 403);
        // What a caller says of its own address is not believed.
        let request = client.request("GET", "/v1/models").header("x-forwarded-for", "10.1.2.3");
        assert_eq!(client.send(request).await.unwrap().status, 403);
    }
    nothing_happened(&server).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn routes_that_are_not_offered_are_refused_in_openais_shape() {
    let server = server().await;
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    let client = server.with_bearer(&key);
    for path in [
        "/v1/assistants",
        "/v1/files",
        "/v1/organization/users",
        "/v1/chat/completions/x",
        "/v1/",
        "/v1",
    ] {
        for client in [&client, &server.anonymous()] {
            let answer = client.get(path).await.unwrap();
            is_final(&answer, 404, "route_not_allowed");
        }
    }
    let answer = client.get(CHAT).await.unwrap();
    is_final(&answer, 405, "method_not_allowed");
    assert!(answer.header("allow").contains("POST"));
    nothing_happened(&server).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn bad_bodies_are_refused() {
    let setup = Setup { request_bytes: 10_000, ..Setup::on(Engine::Sqlite) };
    let server = TestServer::start_as(setup).await.unwrap();
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    let client = server.with_bearer(&key);
    for body in [
        "",
        "{",
        "[]",
        "null",
        "{}",
        "not JSON",
        "{\"model\":1}",
        "{\"model\":\"\"}",
        "{\"model\":\"tollgate-demo\"} x",
        "{\"model\":\"tollgate-demo\",}",
        "{\"model\":\"tollgate-demo\",\"stream\":\"yes\"}",
        "{\"model\":\"tollgate-demo\",\"max_tokens\":-1}",
        "{\"model\":\"tollgate-demo\",\"max_tokens\":1.5}",
        "{\"model\":\"tollgate-demo\",\"n\":0}",
        "{\"model\":\"tollgate-demo\",\"n\":1000000}",
    ] {
        let answer = client.post_text(CHAT, body).await.unwrap();
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
        assert_eq!(answer.json()["error"]["type"], "invalid_request_error", "{body}");
        assert_eq!(answer.header("x-should-retry"), "false", "{body}");
    }
    let large = "x".repeat(20_000);
    is_final(&client.post_text(CHAT, &large).await.unwrap(), 413, "request_too_large");
    let pieces = (0..20).map(|_| Ok::<_, std::io::Error>("x".repeat(1_000)));
    let stream = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let chunked = client.request("POST", CHAT).body(stream);
    is_final(&client.send(chunked).await.unwrap(), 413, "request_too_large");
    nothing_happened(&server).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn m10_members_that_two_parsers_might_read_differently_are_refused() {
    let server = server().await;
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    let client = server.with_bearer(&key);
    let messages = r#""messages":[{"role":"user","content":"Hi"}]"#;
    for members in [
        r#""model":"tollgate-demo","model":"other""#,
        r#""model":"tollgate-demo","Model":"other""#,
        r#""MODEL":"tollgate-demo""#,
        r#""model":"tollgate-demo","mod\u0065l":"other""#,
        r#""model":"tollgate-demo","max_tokens":5,"max_tokens":500"#,
        r#""model":"tollgate-demo","Max_Tokens":500"#,
        r#""model":"tollgate-demo","USER":"x""#,
        r#""model":"tollgate-demo","safety_identifier":"a","Safety_Identifier":"b""#,
        r#""model":"tollgate-demo","stream":true,"Stream":false"#,
        r#""model":"tollgate-demo","unknown":1,"unknown":2"#,
        concat!(
            r#""model":"tollgate-demo","stream":true,"#,
            r#""stream_options":{"include_usage":true,"include_usage":false}"#
        ),
    ] {
        let body = format!("{{{members},{messages}}}");
        let answer = client.post_text(CHAT, &body).await.unwrap();
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
        assert_eq!(answer.header("x-should-retry"), "false");
    }
    nothing_happened(&server).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn objects_that_are_stored_at_the_provider_are_refused() {
    let server = server().await;
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    let client = server.with_bearer(&key);
    for (param, value) in [
        ("previous_response_id", json!("resp_1")),
        ("conversation", json!("conv_1")),
        ("prompt", json!({"id": "pmpt_1"})),
        ("background", json!(true)),
        ("input", json!([{"type": "item_reference", "id": "msg_1"}])),
    ] {
        let mut body = json!({"model": "tollgate-demo", "input": "Hi"});
        body[param] = value;
        let answer = client.post("/v1/responses", &body).await.unwrap();
        assert_eq!(answer.status, 400, "{param}: {}", answer.text);
        assert_eq!(answer.json()["error"]["param"], param);
    }
    for (param, tool) in [
        ("vector_store_ids", json!({"type": "file_search", "vector_store_ids": ["vs_1"]})),
        ("container", json!({"type": "code_interpreter", "container": "cntr_1"})),
        ("file_ids", json!({"type": "code_interpreter", "container": {"file_ids": ["file_1"]}})),
    ] {
        for (route, input) in [("/v1/responses", "input"), (CHAT, "messages")] {
            let mut body = json!({"model": "tollgate-demo", "tools": [tool]});
            body[input] = json!([{"role": "user", "content": "Hi"}]);
            let answer = client.post(route, &body).await.unwrap();
            assert_eq!(answer.status, 400, "{param}: {}", answer.text);
            assert_eq!(answer.json()["error"]["param"], param, "{}", answer.text);
        }
    }
    nothing_happened(&server).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn m5_tools_that_run_at_the_provider_are_refused_under_any_plan() {
    let prices = "model,also_matches,input,output,context_tokens\nmock,mock/*,1,2,128000\n";
    let setup = Setup { prices: Some(prices), ..Setup::on(Engine::Sqlite) };
    let server = TestServer::start_as(setup).await.unwrap();
    server.mocks(&[("priced", "chunks=1")]).await.unwrap();
    let dollar = Budget { unit: Unit::Money, limit: 1_000_000_000, period: Period::Month };
    let (_, free) = server.caller("free", Vec::new()).await.unwrap();
    let (_, paid) = server.caller("paid", vec![dollar]).await.unwrap();
    let [free, paid] = [free, paid].map(|key| server.with_bearer(&key));
    for (member, value) in [
        ("tools", json!([{"type": "web_search"}])),
        ("tools", json!([{"type": "mcp", "server_url": "https://example.com"}])),
        ("web_search_options", json!({})),
        ("search_parameters", json!({"mode": "on"})),
        ("plugins", json!([{"id": "web"}])),
    ] {
        for (route, input) in [("/v1/responses", "input"), (CHAT, "messages")] {
            let mut body = json!({"model": "priced"});
            body[input] = json!([{"role": "user", "content": "Hi"}]);
            body[member] = value.clone();
            for client in [&free, &paid] {
                let answer = client.post(route, &body).await.unwrap();
                is_final(&answer, 400, "price_unknown");
                assert_eq!(answer.json()["error"]["param"], member);
                assert!(answer.message().contains("no price here yet"), "{}", answer.text);
            }
        }
    }
    nothing_happened(&server).await;
    // It is the tools: the model itself has a price, and that budget has money.
    assert_eq!(paid.chat("priced", 5).await.unwrap().status, 200);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn m5_no_other_name_for_the_longest_answer_passes() {
    let server = server().await;
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    let client = server.with_bearer(&key);
    for (member, value) in [
        ("n_predict", json!(100_000)),
        ("N_PREDICT", json!(-1)),
        ("maxTokens", json!(100_000)),
        ("max_new_tokens", json!(100_000)),
        ("best_of", json!(20)),
        ("options", json!({"num_predict": -1})),
        ("extra_body", json!({"n_predict": -1})),
    ] {
        for (route, input) in [("/v1/responses", "input"), (CHAT, "messages")] {
            let mut body = json!({"model": "tollgate-demo"});
            body[input] = json!([{"role": "user", "content": "Hi"}]);
            body[member] = value.clone();
            let answer = client.post(route, &body).await.unwrap();
            is_final(&answer, 400, "");
            assert_eq!(answer.json()["error"]["param"], member);
            assert!(answer.message().contains("eave this member out"), "{}", answer.text);
        }
    }
    nothing_happened(&server).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn m14_nothing_is_called_beside_the_model_that_was_authorised() {
    let server = server().await;
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    let client = server.with_bearer(&key);
    for (member, value) in [
        ("models", json!(["dear/model"])),
        ("route", json!("fallback")),
        ("data_sources", json!([{"type": "azure_search"}])),
        ("access_programs", json!(["x"])),
        ("context_management", json!([{"type": "compaction"}])),
        ("api_base", json!("http://203.0.113.7")),
        ("lora", json!([{"id": 0, "scale": 1}])),
    ] {
        let mut body = chat_body("tollgate-demo", 5);
        body[member] = value;
        let answer = client.post(CHAT, &body).await.unwrap();
        assert_eq!(answer.status, 400, "{member}: {}", answer.text);
        assert_eq!(answer.json()["error"]["param"], member);
    }
    nothing_happened(&server).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn names_of_models_with_control_characters_are_refused_before_anything_is_sent() {
    let server = server().await;
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    let client = server.with_bearer(&key);
    for name in ["gpt\n4", "\u{0}", "tollgate-demo\u{7f}", "\u{85}x"] {
        let body = json!({"model": name, "messages": [{"role": "user", "content": "Hi"}]});
        let answer = client.post(CHAT, &body).await.unwrap();
        assert_eq!(answer.status, 400, "{name:?}: {}", answer.text);
        assert_eq!(answer.json()["error"]["param"], "model");
    }
    nothing_happened(&server).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn without_a_plan_nothing_is_called() {
    let server = server().await;
    let user = server.add_user("alice@example.com", None).await.unwrap();
    let (_, key) = server.add_key(user, &KeySpec::default()).await.unwrap();
    let client = server.with_bearer(&key);
    for answer in [client.chat("tollgate-demo", 5).await, client.get("/v1/models").await] {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 403, "{}", answer.text);
        assert!(answer.message().contains("No plan is in effect"));
        assert_eq!(answer.header("x-should-retry"), "false");
    }
    nothing_happened(&server).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_budget_in_money_needs_a_price_and_content_needs_a_bound() {
    let prices = "model,also_matches,input,output,context_tokens\nmock,mock/*,1,2,128000\n";
    let setup = Setup { prices: Some(prices), ..Setup::on(Engine::Sqlite) };
    let server = TestServer::start_as(setup).await.unwrap();
    server.mocks(&[("priced", "chunks=1")]).await.unwrap();
    let dollar = Budget { unit: Unit::Money, limit: 1_000_000_000, period: Period::Month };
    let (_, paid) = server.caller("paid", vec![dollar]).await.unwrap();
    let (_, free) = server.caller("free", Vec::new()).await.unwrap();
    let (paid, free) = (server.with_bearer(&paid), server.with_bearer(&free));

    let answer = paid.chat("tollgate-demo", 5).await.unwrap();
    is_final(&answer, 400, "price_unknown");
    for (member, value) in [
        ("service_tier", json!("priority")),
        ("modalities", json!(["text", "image"])),
        ("prediction", json!({"type": "content", "content": "x"})),
    ] {
        let mut body = chat_body("priced", 5);
        body[member] = value;
        is_final(&paid.post(CHAT, &body).await.unwrap(), 400, "price_unknown");
    }
    let mut picture = chat_body("tollgate-demo", 5);
    picture["messages"][0]["content"] =
        json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]);
    let answer = free.post(CHAT, &picture).await.unwrap();
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(answer.message().contains("context window"), "{}", answer.text);
    nothing_happened(&server).await;

    // Where the window is known it bounds what a picture may cost.
    picture["model"] = json!("priced");
    let answer = paid.post(CHAT, &picture).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    let entry = server.entry_of(answer.header("x-request-id")).await.unwrap();
    assert_eq!(entry.hold_tokens, 128_000 + 5);
    server.stop().await.unwrap();
}
