//! Providers that fail in every way: the caller is told, one entry is left in the right state, and
//! our key for the provider is seen by nobody.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_kernel::{Budget, EntryState, Period, Unit};
use tollgate_server::demo_model;
use tollgate_store::ledger::EntryRow;
use tollgate_testkit::{Answer, Client, Engine, PROVIDER_KEY, Setup, TestServer, chat_body, count};

use super::both::until;
use crate::logged::logged;

const CHAT: &str = "/v1/chat/completions";

/// A server whose upstream may be silent for half a second.
async fn server() -> (TestServer, Client) {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let timeouts = [("first_byte_ms", 500), ("silence_ms", 500)];
    server.set_timeouts("demo", &timeouts).await.unwrap();
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    let client = server.with_bearer(&key);
    (server, client)
}

/// Makes one call of a model that does what `directives` say, then one that is good: a connection
/// that had a fault must not harm the next call. The answer of the first, and all its entries.
async fn call(
    (server, client): &(TestServer, Client),
    directives: &str,
    stream: bool,
) -> (Answer, Vec<EntryRow>) {
    let alias = format!("m{}", server.model.seen().len());
    server.mocks(&[(&alias, directives)]).await.unwrap();
    let mut body = chat_body(&alias, 60);
    body["stream"] = json!(stream);
    let answer = client.post(CHAT, &body).await.unwrap();
    let good = client.chat("tollgate-demo", 5).await.unwrap();
    assert_eq!(good.status, 200, "after {directives}: {}", good.text);
    let id = answer.header("x-request-id").to_owned();
    server.entry_of(&id).await.unwrap();
    server.entry_of(good.header("x-request-id")).await.unwrap();
    let entries = server.entries_now().await.unwrap();
    (answer, entries.into_iter().filter(|entry| entry.request_id == id).collect())
}

/// What stands in an answer: its text and all headers.
fn everything(answer: &Answer) -> String {
    let headers = answer.headers.iter();
    let headers: String = headers
        .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    format!("{headers}\n{}", answer.text)
}

#[tokio::test]
async fn m9_faults_before_an_answer_have_the_right_status_and_one_entry() {
    let house = server().await;
    let (failed, estimated) = (EntryState::Failed, EntryState::Estimated);
    for (directives, status, code, state) in [
        ("stall=head", 504, "upstream_timeout", estimated),
        ("reset=head", 502, "upstream_failed", estimated),
        ("garbage=head", 502, "upstream_failed", estimated),
        ("redirect", 502, "upstream_failed", failed),
        ("status=301", 502, "upstream_failed", failed),
        ("status=401", 502, "upstream_failed", failed),
        ("status=403", 502, "upstream_failed", failed),
        ("status=408", 502, "upstream_failed", failed),
        ("status=429,retry-after=7", 503, "upstream_busy", failed),
        ("status=429,retry-after=700", 503, "upstream_busy", failed),
        ("status=429", 503, "upstream_busy", failed),
        ("quota", 503, "upstream_quota", failed),
        ("status=500", 502, "upstream_failed", failed),
        ("status=502", 502, "upstream_failed", failed),
        ("status=503", 502, "upstream_failed", failed),
    ] {
        for stream in [false, true] {
            let what = format!("{directives} {stream}");
            let (answer, entries) = call(&house, directives, stream).await;
            assert_eq!((answer.status, answer.code().as_str()), (status, code), "{what}");
            assert_eq!(answer.json()["error"]["type"], "server_error", "{what}");
            let [entry] = &entries[..] else { panic!("{what}: one entry, not {entries:?}") };
            assert_eq!(entry.state, state, "{what}");
            let charged = entry.charged_tokens > 0;
            assert_eq!(charged, state == estimated, "{what}: {entry:?}");
            let wait = match directives {
                "status=429,retry-after=7" => "7",
                // Longer waits are for the owner to know, not for callers to sit out.
                "status=429,retry-after=700" => "60",
                "status=429" => "1",
                _ => "",
            };
            assert_eq!(answer.header("retry-after"), wait, "{what}");
            let is_final = ["quota", "status=401", "status=403"].contains(&directives);
            let retry = if is_final { "false" } else { "" };
            assert_eq!(answer.header("x-should-retry"), retry, "{what}");
            assert_eq!(answer.header("location"), "", "{what}");
        }
    }
    assert_eq!(house.0.model.totals().redirects_followed, 0);
    house.0.stop().await.unwrap();
}

/// What the management API says is wrong with the upstream.
async fn trouble(admin: &Client) -> Value {
    admin.get("/api/v1/upstreams/demo").await.unwrap().json()["trouble"].clone()
}

#[tokio::test]
async fn the_owner_is_told_what_only_they_can_mend() {
    let (server, client) = server().await;
    let admin = server.with_bearer(&server.add_admin_key().await.unwrap());
    assert_eq!(trouble(&admin).await, Value::Null);
    for (alias, directives, code) in [
        ("unauthorised", "status=401", "key_refused"),
        ("forbidden", "status=403", "key_refused"),
        ("dry", "quota", "quota_spent"),
    ] {
        server.mocks(&[(alias, directives)]).await.unwrap();
        for calls in 1..=2 {
            let answer = client.chat(alias, 5).await.unwrap();
            assert!(answer.status >= 500, "{directives}: {}", answer.text);
            let told = trouble(&admin).await;
            assert_eq!((&told["code"], &told["calls"]), (&json!(code), &json!(calls)));
            assert!(told["since"].as_str() <= told["last"].as_str());
        }
        assert_eq!(client.chat("tollgate-demo", 5).await.unwrap().status, 200);
        assert_eq!(trouble(&admin).await, Value::Null, "a good call ends {code}");
    }
    // An answer with our key in it is no longer good, whatever the next ones hold.
    server.mocks(&[("leaky", "echo-key=body")]).await.unwrap();
    assert_eq!(client.chat("leaky", 5).await.unwrap().status, 502);
    assert_eq!(client.chat("tollgate-demo", 5).await.unwrap().status, 200);
    assert_eq!(trouble(&admin).await["code"], "secret_leaked");
    let key = json!({ "api_key": "sk-another-key-of-ours-123456" });
    assert_eq!(admin.patch("/api/v1/upstreams/demo", &key).await.unwrap().status, 200);
    assert_eq!(trouble(&admin).await, Value::Null, "a new key ends it");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn what_the_caller_did_wrong_is_said_in_the_providers_words() {
    let house = server().await;
    for (directives, status, words) in [
        ("status=400", 400, "This request is refused."),
        ("status=404", 404, "No such model."),
        ("status=422", 422, "This request is refused."),
    ] {
        let (answer, entries) = call(&house, directives, false).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.message(), words);
        let [entry] = &entries[..] else { panic!("one entry: {entries:?}") };
        assert_eq!((entry.state, entry.charged_tokens), (EntryState::Failed, 0));
    }
    house.0.stop().await.unwrap();
}

#[tokio::test]
async fn m9_a_stream_that_is_cut_ends_with_an_error_and_never_cleanly() {
    let house = server().await;
    for (directives, code) in [
        ("stall,chunks=20", "upstream_timeout"),
        ("reset,chunks=20", "upstream_failed"),
        ("half-frame,chunks=20", "upstream_failed"),
        ("garbage,chunks=20", "upstream_failed"),
        ("failed,chunks=20", "upstream_failed"),
    ] {
        let (answer, entries) = call(&house, directives, true).await;
        assert_eq!(answer.status, 200, "{directives}");
        assert!(answer.said().split_whitespace().count() >= 9, "{directives}: {}", answer.text);
        assert_eq!(answer.last_error(), code, "{directives}: {}", answer.text);
        assert!(!answer.text.contains("[DONE]"), "{directives}");
        assert!(answer.text.ends_with("\n\n"), "{directives}: whole events alone");
        let [entry] = &entries[..] else { panic!("{directives}: one entry, not {entries:?}") };
        assert_eq!(entry.state, EntryState::Estimated, "{directives}");
        // What was used is not known: the bound of the input, and no less than what was seen.
        assert!(entry.usage.input_tokens > 60, "{directives}: {entry:?}");
        assert!((10..=60).contains(&entry.usage.output_tokens), "{directives}: {entry:?}");
    }
    // In the dialect of Responses, with the next number.
    house.0.mocks(&[("cut", "reset,chunks=20")]).await.unwrap();
    let body = json!({"model": "cut", "input": "Hi", "stream": true, "max_output_tokens": 60});
    let answer = house.1.post("/v1/responses", &body).await.unwrap();
    let frames = answer.frames();
    let [.., before, last] = &frames[..] else { panic!("{}", answer.text) };
    assert_eq!(last["type"], "error");
    assert_eq!(last["code"], "upstream_failed");
    let number = |frame: &Value| frame["sequence_number"].as_u64().unwrap();
    assert_eq!(number(last), number(before) + 1);
    house.0.stop().await.unwrap();
}

#[tokio::test]
async fn m9_a_whole_answer_that_is_cut_breaks_off_and_is_charged_a_bound() {
    let house = server().await;
    for directives in ["stall", "reset"] {
        let (answer, entries) = call(&house, directives, false).await;
        assert_eq!((answer.status, answer.cut), (200, true), "{directives}: {}", answer.text);
        is_bounded(directives, &entries);
    }
    // What is whole and yet no answer is told from a good one.
    for directives in ["half-frame", "garbage"] {
        let (answer, entries) = call(&house, directives, false).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (502, "upstream_failed"),
            "{directives}"
        );
        is_bounded(directives, &entries);
    }
    house.0.stop().await.unwrap();
}

fn is_bounded(what: &str, entries: &[EntryRow]) {
    let [entry] = entries else { panic!("{what}: one entry, not {entries:?}") };
    assert_eq!(entry.state, EntryState::Estimated, "{what}");
    assert!(entry.charged_tokens > 60, "{what}: {entry:?}");
}

#[tokio::test]
async fn og07_a_stream_that_ignores_its_ceiling_is_stopped() {
    let house = server().await;
    for directives in [
        "ignore-ceiling=3000",
        "ignore-ceiling=3000,every=1ms",
        "ignore-ceiling=3000,cumulative-usage,every=1ms",
        "ignore-ceiling=3000,no-usage,every=1ms",
    ] {
        let (answer, entries) = call(&house, directives, true).await;
        assert_eq!(answer.last_error(), "upstream_failed", "{directives}");
        assert!(!answer.text.contains("[DONE]"), "{directives}");
        let words = answer.said().split_whitespace().count();
        assert!(words < 60 + 200, "{directives}: {words} tokens of 60 came through");
        let [entry] = &entries[..] else { panic!("{directives}: one entry, not {entries:?}") };
        assert_eq!(entry.state, EntryState::Estimated, "{directives}");
        assert!(entry.charged_tokens <= entry.hold_tokens, "{directives}");
        assert_eq!(entry.usage.output_tokens, 60, "{directives}: all of the ceiling");
    }
    house.0.stop().await.unwrap();
}

#[tokio::test]
async fn k6_m6_m13_our_key_for_the_provider_is_seen_by_nobody() {
    let log = logged();
    let house = server().await;
    let mut answers = Vec::new();
    for place in
        ["echo-key", "echo-key=header", "echo-key=body", "echo-key=split", "echo-key=deltas"]
    {
        for more in
            ["", ",every=2ms", ",no-usage", ",status=400", ",status=401", ",status=500", ",quota"]
        {
            for stream in [false, true] {
                let directives = format!("{place}{more}");
                let (answer, entries) = call(&house, &directives, stream).await;
                let all = everything(&answer);
                let said = answer.said();
                for heard in [&all, &said] {
                    assert!(!heard.contains(PROVIDER_KEY), "{directives} {stream}: {heard}");
                }
                assert_eq!(entries.len(), 1, "{directives} {stream}: {entries:?}");
                if more.is_empty() && !place.ends_with("header") {
                    // What comes in one piece is known before anything was said; the rest breaks
                    // off.
                    let code = if stream { answer.last_error() } else { answer.code() };
                    let told = code == "upstream_failed";
                    assert!(told || (!stream && answer.cut), "{directives} {stream}: {all}");
                }
                answers.push(all);
            }
        }
    }
    assert_eq!(answers.len(), 70);
    let (server, client) = house;
    // Nor where nothing is wrong, or all is.
    for directives in ["stall=head", "reset=head", "garbage=head", "redirect", "reset"] {
        server.mocks(&[(format!("x-{}", directives.replace('=', "-")), directives)]).await.unwrap();
        let alias = format!("x-{}", directives.replace('=', "-"));
        let answer = client.chat_stream(&alias, 5).await.unwrap();
        assert!(!everything(&answer).contains(PROVIDER_KEY), "{directives}");
    }
    let request_log = server.log.text();
    assert!(request_log.contains("upstream_failed"), "something was logged");
    assert!(!request_log.contains(PROVIDER_KEY));
    assert!(!request_log.contains("You sent"), "no bodies");

    // The files are read by another process: to close one here would take the server's locks away.
    let files = server.database().files().unwrap();
    assert!(files.len() >= 2, "{files:?}");
    let found = std::process::Command::new("grep")
        .args(["-l", "-a", "-F", PROVIDER_KEY])
        .args(&files)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "", "files that hold our key");
    server.stop().await.unwrap();
    let lines = log.text();
    assert!(lines.contains("our own key"), "the alarm is raised");
    assert!(!lines.contains(PROVIDER_KEY), "the server's own log");
}

#[tokio::test]
async fn an_upstream_that_cannot_be_reached_costs_nothing() {
    let (server, client) = server().await;
    // A port that was free a moment ago: nobody listens.
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    server
        .add_upstream("gone", &format!("http://127.0.0.1:{port}/v1"), PROVIDER_KEY)
        .await
        .unwrap();
    server.add_model("nowhere", "gone", "m", Vec::new()).await.unwrap();
    let answer = client.chat("nowhere", 5).await.unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_failed"));
    assert!(!everything(&answer).contains(&port.to_string()), "addresses are not told");
    let entries = server.entries(1).await.unwrap();
    assert_eq!(count(&entries, EntryState::Failed), 1);
    assert_eq!(entries[0].charged_tokens, 0);
    server.stop().await.unwrap();
}

/// A provider that lists our model and fails whenever it is called. Gives its base URL.
async fn failing_lister() -> String {
    let listed = json!({"object": "list", "data": [{"id": "tollgate-demo", "object": "model",
        "created": 0, "owned_by": "nobody"}]});
    parrot_by("500 Oh", "{}".to_owned(), Some(listed.to_string())).await
}

#[tokio::test]
async fn the_next_candidate_is_asked_where_the_first_used_nothing() {
    let prices = "model,also_matches,input,output\ntollgate-demo,,1,2\n";
    let setup = Setup { prices: Some(prices), ..Setup::on(Engine::Sqlite) };
    let server = TestServer::start_as(setup).await.unwrap();
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    let client = server.with_bearer(&key);
    // Asked first, by its name.
    server.add_upstream("aaa", &failing_lister().await, PROVIDER_KEY).await.unwrap();
    server.gate.refresh_lists().await;
    let one = Budget { unit: Unit::Calls, limit: 1, period: Period::Day };
    server.add_model("counted", "demo", "tollgate-demo", vec![one]).await.unwrap();

    let good = client.chat("tollgate-demo", 5).await.unwrap();
    assert_eq!(good.status, 200, "{}", good.text);
    let id = good.header("x-request-id");
    let mut entries = server.entries(2).await.unwrap();
    entries.sort_by_key(|entry| entry.attempt);
    let [first, second] = &entries[..] else { panic!("two attempts: {entries:?}") };
    assert!(entries.iter().all(|entry| entry.request_id == id));
    let of = |entry: &EntryRow| (entry.upstream.clone(), entry.attempt, entry.state);
    assert_eq!(of(first), (Some("aaa".to_owned()), 1, EntryState::Failed));
    assert_eq!((first.charged_tokens, first.charged_nano, first.cost_nano), (0, 0, Some(0)));
    assert_eq!(of(second), (Some("demo".to_owned()), 2, EntryState::Settled));
    let usage = second.usage;
    assert!(usage.output_tokens > 0, "{second:?}");
    let cost = i64::try_from(usage.input_tokens * 1_000 + usage.output_tokens * 2_000).unwrap();
    assert_eq!((second.cost_nano, second.charged_nano), (Some(cost), cost));

    // The second's own budget was charged, and is spent: the first is asked alone, and no more is
    // said than that it failed.
    let failed = client.chat("tollgate-demo", 5).await.unwrap();
    assert_eq!(
        (failed.status, failed.code().as_str()),
        (502, "upstream_failed"),
        "{}",
        failed.text
    );
    assert_eq!(server.entries(3).await.unwrap().len(), 3);
    assert_eq!(client.chat("counted", 5).await.unwrap().status, 429);
    server.stop().await.unwrap();
}

/// Whether our model is in the list of `client`.
async fn is_listed(client: &Client) -> bool {
    let models = client.get("/v1/models").await.unwrap().json();
    models["data"].as_array().unwrap().iter().any(|model| model["id"] == "tollgate-demo")
}

#[tokio::test]
async fn lists_of_models_follow_their_upstreams() {
    let (server, client) = server().await;
    let admin = server.with_bearer(&server.add_admin_key().await.unwrap());
    let move_to = async |base_url: &str| {
        let moved = json!({ "base_url": base_url, "api_key": PROVIDER_KEY });
        let answer = admin.patch("/api/v1/upstreams/demo", &moved).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    assert!(is_listed(&client).await);
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let dead = format!("http://127.0.0.1:{port}/v1");
    move_to(&dead).await;
    assert!(!is_listed(&client).await, "the list of where it was says nothing of where it is");

    let within = |s| Duration::from_secs(s);
    move_to(&server.model.base_url()).await;
    assert!(until(within(5), || is_listed(&client)).await, "a moved upstream is asked at once");

    move_to(&dead).await;
    assert!(!is_listed(&client).await);
    let listen = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let options = demo_model::Options { listen, ..demo_model::Options::default() };
    let late = demo_model::DemoModel::start(options).await.unwrap();
    assert!(until(within(20), || is_listed(&client)).await, "it is asked again soon");
    late.stop().await;
    server.stop().await.unwrap();
}

/// A provider that answers everything with `status` and `body`. Gives its base URL.
async fn parrot(status: &'static str, body: String) -> String {
    parrot_by(status, body, None).await
}

/// The same, with a list of its models where it is asked for that.
async fn parrot_by(status: &'static str, body: String, list: Option<String>) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut heard = vec![0; 65_536];
            drop(stream.read(&mut heard).await);
            let list = list.as_ref().filter(|_| heard.starts_with(b"GET"));
            let (status, body) = list.map_or((status, &body), |list| ("200 OK", list));
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n\
                 Content-Length: {length}\r\nConnection: close\r\n\r\n"
            );
            drop(stream.write_all(format!("{head}{body}").as_bytes()).await);
        }
    });
    url
}

#[tokio::test]
async fn m13_our_key_is_found_behind_the_escapes_of_json() {
    let (server, client) = server().await;
    let escaped = PROVIDER_KEY.replace('-', "\\u002d").replace('p', "\\u0070");
    for (id, status) in [("good", "200 OK"), ("bad", "400 Bad Request")] {
        let body = format!(
            "{{\"choices\":[{{\"message\":{{\"content\":\"{escaped}\"}}}}],\
             \"error\":{{\"message\":\"{escaped}\"}},\
             \"usage\":{{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2}}}}"
        );
        server.add_upstream(id, &parrot(status, body).await, PROVIDER_KEY).await.unwrap();
        server.add_model(&format!("of-{id}"), id, "m", Vec::new()).await.unwrap();
        let answer = client.chat(&format!("of-{id}"), 5).await.unwrap();
        assert!(!everything(&answer).contains("u0070"), "{id}: {}", answer.text);
        assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_failed"), "{id}");
    }
    server.stop().await.unwrap();
}
