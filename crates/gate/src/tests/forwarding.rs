//! What goes to the API, what comes back, and what is left of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt;
use tollgate_kernel::{Budget, EntryState, Error, Kind, Period, ToolPattern, Unit};
use tollgate_store::ledger::{EntryFilter, UsageSplit};
use tollgate_store::{KeyHolder, ToolAuth, ToolRecord, UpstreamAuth};

use super::house::{Act, Api, HERE, House, answer, ok, slug};

const USER: ToolAuth = ToolAuth::UserHttp { scheme: tollgate_store::HttpScheme::Bearer };

#[tokio::test]
async fn g4_a_call_goes_through_and_is_one_call() {
    let house = House::new().await;
    let api = Api::new(|_| {
        let headers = "content-type: text/plain\r\nset-cookie: a=b\r\nx-request-id: theirs\r\n\
                       location: /v2/todos/1\r\n";
        Act::Say(answer("201 Created", headers, "made"))
    })
    .await;
    let record = ToolRecord::new(slug("todo"), format!("{}/v2", api.url()), USER);
    let tool = house.tool_with(record, None).await;
    let ada = house.user("ada@example.com").await;
    let (key, token) = house.key(KeyHolder::User(ada), Some("todo")).await;
    let bearer = format!("Bearer {}", token.expose());
    let who = house.at(&tool, &[&bearer]).await.unwrap();

    let (text, json) = ("text/plain", "application/json");
    let kept = [("accept", text), ("content-type", json)];
    let lost = [("authorization", &*bearer), ("cookie", "tollgate=1"), ("te", "trailers")];
    let headers = [&kept[..], &lost[..]].concat();
    let mut request = house.request("/todos?done=%20x", &headers);
    request.method = Method::POST;
    request.body = Bytes::from_static(b"{\"a\":1}");
    let id = request.id.to_string();
    let answer = house.send(&who, &tool, request).await.unwrap();
    // The journal has it before the caller has a byte.
    let filter = EntryFilter { tool: Some("todo".to_owned()), ..EntryFilter::default() };
    let open = house.gate.entry_rows(&house.warrant(), &filter, 9).await.unwrap();
    assert!(open.iter().all(|row| row.request_id == id) && open.len() == 1, "{open:?}");

    assert_eq!(answer.status(), 201);
    let expected = [
        "cache-control",
        "content-security-policy",
        "content-type",
        "location",
        "x-content-type-options",
        "x-upstream-request-id",
    ];
    assert_eq!(sorted(answer.headers().keys().map(|name| name.as_str())), expected);
    assert_eq!(answer.headers()["location"], format!("{HERE}/tools/todo/todos/1"));
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "made");

    let seen = api.seen().pop().unwrap();
    assert!(seen.starts_with("POST /v2/todos?done=%20x HTTP/1.1\r\n"), "{seen}");
    assert!(seen.ends_with("\r\n\r\n{\"a\":1}"), "{seen}");
    let head = seen.split("\r\n\r\n").next().unwrap().to_ascii_lowercase();
    let names = head.lines().skip(1).filter_map(|line| line.split(':').next());
    let expected = [
        "accept",
        "accept-encoding",
        "content-length",
        "content-type",
        "host",
        "tollgate-identity",
        "x-request-id",
    ];
    assert_eq!(sorted(names), expected);
    assert!(!seen.contains(token.expose()));
    assert_eq!(api.heard("x-request-id"), [&*id]);

    let entry = house.entries(1).await.remove(0);
    assert_eq!((entry.tool.as_deref(), entry.model.as_str()), (Some("todo"), ""));
    assert_eq!((entry.state, entry.charged_calls), (EntryState::Settled, 1));
    assert_eq!((entry.charged_tokens, entry.charged_nano, entry.cost_nano), (0, 0, Some(0)));
    assert_eq!((entry.request_id, entry.user), (id, Some(ada.to_string())));
    assert_eq!((entry.key, entry.upstream), (Some(key.id.to_string()), None));
    is_one_call_of_the_tool(&house).await;
}

async fn is_one_call_of_the_tool(house: &House) {
    let split = UsageSplit { tool: true, ..UsageSplit::default() };
    let warrant = house.warrant();
    let rows = house.gate.usage_rows(&warrant, &EntryFilter::default(), split).await.unwrap();
    let sums: Vec<_> = rows.iter().map(|it| (it.tool.as_deref(), it.calls, it.unpriced)).collect();
    assert_eq!(sums, [(Some("todo"), 1, 0)]);
}

fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn budgets_in_calls_hold_and_those_in_tokens_do_not_matter() {
    let house = House::new().await;
    let api = Api::new(|_| ok("{}")).await;
    let tool = house.tool("todo", &api, USER).await;
    let ada = house.user("ada@example.com").await;
    let (_, token) = house.key(KeyHolder::User(ada), Some("todo")).await;
    let bearer = format!("Bearer {}", token.expose());
    let budget = |unit, limit| Budget { unit, limit, period: Period::Day };
    house.plan(None, vec![budget(Unit::Calls, 2), budget(Unit::Tokens, 0)]).await;
    let who = house.at(&tool, &[&bearer]).await.unwrap();
    for _ in 0..2 {
        assert_eq!(house.get(&who, &tool, "/").await.unwrap(), (200, "{}".to_owned()));
    }
    let error = house.get(&who, &tool, "/").await.unwrap_err();
    assert!(matches!(error.kind(), Kind::BudgetExhausted | Kind::BudgetInUse), "{error:?}");
    assert_eq!(api.seen().len(), 2);
    house.entries(2).await;
}

#[tokio::test]
async fn g9_what_the_plan_does_not_name_is_not_there() {
    let house = House::new().await;
    let api = Api::new(|_| ok("{}")).await;
    let tool = house.tool("todo", &api, USER).await;
    let ada = house.user("ada@example.com").await;
    let (_, token) = house.key(KeyHolder::User(ada), Some("todo")).await;
    let bearer = format!("Bearer {}", token.expose());
    for (tools, allowed) in [
        (Some(vec![]), false),
        (Some(vec![ToolPattern::One(slug("other"))]), false),
        (Some(vec![ToolPattern::One(slug("todo"))]), true),
        (Some(vec![ToolPattern::All]), true),
        (None, true),
    ] {
        house.plan(tools.clone(), Vec::new()).await;
        let who = house.at(&tool, &[&bearer]).await.unwrap();
        let status = house.get(&who, &tool, "/").await.map_err(|error| error.kind());
        let expected = if allowed { Ok((200, "{}".to_owned())) } else { Err(Kind::NotFound) };
        assert_eq!(status, expected, "{tools:?}");
    }
}

#[tokio::test]
async fn our_own_secret_goes_to_the_api_and_does_not_come_back() {
    const SECRET: &str = "canary-of-the-todo-api";
    let house = House::new().await;
    let api = Api::new(|request| {
        let path = request.split(' ').nth(1).unwrap_or_default();
        match path {
            "/echo" => ok(&format!("[\"x {SECRET} y\"]")),
            "/escaped" => ok("\"can\\u0061ry-of-the-todo-api\""),
            "/header" => Act::Say(answer("200 OK", &format!("etag: {SECRET}\r\n"), "fine")),
            "/cut" => {
                let (first, second) = SECRET.split_at(9);
                let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
                let close = "connection: close\r\ntransfer-encoding: chunked";
                let head = format!("HTTP/1.1 200 OK\r\n{close}\r\n\r\n");
                let end = "0\r\n\r\n".to_owned();
                Act::Pieces(vec![head, chunk(&format!("x{first}")), chunk(second), end])
            }
            "/zipped" => Act::Say(answer("200 OK", "content-encoding: gzip\r\n", "??")),
            _ => ok("canary-of-the-other-api, canary-of-the-todo-"),
        }
    })
    .await;
    let header = UpstreamAuth::Header { name: "authorization".to_owned() };
    let value = format!("Bearer {SECRET}");
    for (id, how, secret, sent) in [
        ("one", header, value.clone(), value),
        ("two", UpstreamAuth::Basic, format!("us:{SECRET}"), {
            format!("Basic {}", STANDARD.encode(format!("us:{SECRET}")))
        }),
    ] {
        let record = ToolRecord::new(slug(id), api.url(), ToolAuth::None);
        let tool = house.tool_with(record, Some((how, &secret))).await;
        let who = house.at(&tool, &["Bearer of-the-caller"]).await.unwrap();
        let (_, body) = house.get(&who, &tool, "/").await.unwrap();
        assert_eq!(body, "canary-of-the-other-api, canary-of-the-todo-");
        assert_eq!(api.heard("authorization"), [sent]);
        for path in ["/echo", "/escaped", "/cut", "/zipped"] {
            let error: Error = house.get(&who, &tool, path).await.unwrap_err();
            assert_eq!(error.kind(), Kind::UpstreamFailed, "{path}");
            let told = format!("{error:?}");
            assert!(told.contains(&format!("The tool {id}")) && !told.contains(SECRET), "{told}");
        }
        let answer = house.send(&who, &tool, house.request("/header", &[])).await.unwrap();
        assert!(answer.headers().get("etag").is_none());
    }
    let mut files = String::new();
    for file in std::fs::read_dir(house.folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        files.push_str(&String::from_utf8_lossy(&bytes));
    }
    assert!(files.contains("todo") || files.contains("one"));
    assert!(!files.contains(SECRET));
}

/// A secret that was sealed for one tool opens at no other, and at no other version.
#[tokio::test]
async fn s9_swapped_secrets_do_not_open() {
    let house = House::new().await;
    let api = Api::new(|_| ok("{}")).await;
    let record = ToolRecord::new(slug("todo"), api.url(), ToolAuth::None);
    let first = house.tool_with(record, Some((UpstreamAuth::Basic, "us:secret-one"))).await;
    let mut other = ToolRecord::new(slug("other"), api.url(), ToolAuth::None);
    other.upstream_auth = Some(UpstreamAuth::Basic);
    other.upstream_auth_sealed.clone_from(&first.record().upstream_auth_sealed);
    let mut tx = house.begin().await;
    tx.insert_tool(&other).await.unwrap();
    // Changed without being sealed anew.
    tx.update_tool(first.record()).await.unwrap();
    house.commit(tx).await;
    assert!(house.gate.tool(&slug("other")).is_none());
    assert!(house.gate.tool(&slug("todo")).is_none());
    let stored = house.gate.read(&house.warrant()).tool(&slug("todo")).await.unwrap().unwrap();
    assert!(house.gate.carry_tool_auth(&house.warrant(), &stored).is_err());
    let carried = house.gate.carry_tool_auth(&house.warrant(), first.record()).unwrap();
    let storable = |record: &ToolRecord| house.gate.check_tool(&house.warrant(), record).is_ok();
    assert!(!storable(first.record()), "it would not open");
    assert!(storable(&ToolRecord {
        upstream_auth_sealed: carried.clone(),
        ..first.record().clone()
    }));
    let name = UpstreamAuth::Header { name: "cookie".to_owned() };
    let odd = ToolRecord { upstream_auth: Some(name), ..first.record().clone() };
    assert!(!storable(&ToolRecord { upstream_auth_sealed: carried.clone(), ..odd }));
    assert!(!storable(&ToolRecord::new(slug("new"), "ftp://x".to_owned(), ToolAuth::None)));
    let mut tx = house.begin().await;
    let right = ToolRecord { upstream_auth_sealed: carried, version: 1, ..first.record().clone() };
    assert!(tx.update_tool(&right).await.is_err(), "it has another version by now");
}
