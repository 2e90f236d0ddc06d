//! What a call used is metered exactly, in every form in which providers tell it; and what the
//! provider gets is what the caller sent, with our members in it.

use serde_json::{Value, json};
use tollgate_kernel::{EntryState, Rates, Usage};
use tollgate_server::demo_model::Seen;
use tollgate_store::ledger::EntryRow;
use tollgate_testkit::{
    Answer, Client, Engine, KeySpec, PROVIDER_KEY, PlanSpec, Setup, TestServer, chat_body,
};

const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";
const EMBEDDINGS: &str = "/v1/embeddings";

/// In nano-dollars for a token: 1,250 of input, 125 from the cache, 10,000 of output.
const PRICES: &str = "model,also_matches,input,cached_input,output\nmock,mock/*,1.25,0.125,10\n";

async fn server() -> (TestServer, Client) {
    let setup = Setup { prices: Some(PRICES), ..Setup::on(Engine::Sqlite) };
    let server = TestServer::start_as(setup).await.unwrap();
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    let client = server.with_bearer(&key);
    (server, client)
}

fn cost(usage: &Usage) -> i64 {
    let Usage { input_tokens, cached_tokens, output_tokens, .. } = *usage;
    let plain = input_tokens - cached_tokens;
    i64::try_from(plain * 1_250 + cached_tokens * 125 + output_tokens * 10_000).unwrap()
}

/// Makes one call of a model that does what `directives` say, and gives its answer, entry, and
/// what the demo model's own meter says: input and output tokens.
async fn metered(
    (server, client): &(TestServer, Client),
    directives: &str,
    path: &str,
    mut body: Value,
) -> (Answer, EntryRow, (u64, u64)) {
    let before = server.model.totals();
    let alias = format!("m{}", before.finished);
    server.mocks(&[(&alias, directives)]).await.unwrap();
    body["model"] = Value::from(alias);
    let answer = client.post(path, &body).await.unwrap();
    assert_eq!(answer.status, 200, "{directives}: {}", answer.text);
    assert!(!answer.cut, "{directives}");
    let entry = server.entry_of(answer.header("x-request-id")).await.unwrap();
    let lines = server.metered(std::time::Duration::from_secs(5)).await.unwrap();
    assert_eq!(server.model.totals().finished, before.finished + 1, "{directives}: one attempt");
    let line = lines.last().unwrap();
    (answer, entry, (line.input_tokens, line.output_tokens))
}

/// The entry is exact: settled, with the tokens that the provider metered, at their price.
fn is_exact(what: &str, entry: &EntryRow, (input, output): (u64, u64)) {
    assert_eq!(entry.state, EntryState::Settled, "{what}: {entry:?}");
    let told = (entry.usage.input_tokens, entry.usage.output_tokens);
    assert_eq!(told, (input, output), "{what}");
    assert_eq!(entry.cost_nano, Some(cost(&entry.usage)), "{what}");
    assert_eq!(entry.charged_nano, cost(&entry.usage), "{what}");
    assert_eq!(entry.charged_tokens, i64::try_from(input + output).unwrap(), "{what}");
    assert!(!entry.excess, "{what}");
}

fn streamed(options: Option<Value>) -> Value {
    let mut body = chat_body("", 60);
    body["stream"] = json!(true);
    if let Some(options) = options {
        body["stream_options"] = options;
    }
    body
}

#[tokio::test]
async fn chat_streams_are_exact_and_usage_is_shown_to_those_who_asked() {
    let house = server().await;
    let asked = || Some(json!({"include_usage": true}));
    // What the provider does, what the caller says of usage, and whether the caller sees it.
    for (directives, options, shown) in [
        ("chunks=7", None, false),
        ("chunks=7", Some(json!({})), false),
        ("chunks=7", Some(json!({"include_usage": false})), false),
        ("chunks=7", Some(json!({"include_usage": null})), false),
        ("chunks=7", Some(json!({"include_obfuscation": false})), false),
        ("chunks=7", Some(json!({"include_obfuscation": false, "include_usage": true})), true),
        ("chunks=7", asked(), true),
        ("chunks=7,cached=2,reasoning=5", asked(), true),
        ("chunks=7,usage-on-last-chunk", None, true),
        ("chunks=7,usage-on-last-chunk", asked(), true),
        ("chunks=7,cumulative-usage", None, true),
        ("chunks=7,cumulative-usage", asked(), true),
        ("chunks=90", None, false),
        ("incomplete,chunks=3", asked(), true),
    ] {
        let what = format!("{directives} {options:?}");
        let (answer, entry, meter) =
            metered(&house, directives, CHAT, streamed(options.clone())).await;
        is_exact(&what, &entry, meter);
        assert!(meter.1 > 0, "{what}");
        let frames = answer.frames();
        let usages = frames.iter().filter(|frame| !frame["usage"].is_null()).count();
        let extras =
            frames.iter().filter(|frame| frame["choices"].as_array().is_some_and(Vec::is_empty));
        assert_eq!(usages > 0, shown, "{what}: {}", answer.text);
        let extra_chunk = usize::from(shown && !directives.contains("usage"));
        assert_eq!(extras.count(), extra_chunk, "{what}: {}", answer.text);
        assert!(answer.text.ends_with("data: [DONE]\n\n"), "{what}");
        assert_eq!(
            answer.said().split_whitespace().count() as u64 + entry.usage.reasoning_tokens,
            meter.1
        );
    }
    house.0.stop().await.unwrap();
}

#[tokio::test]
async fn whole_answers_are_exact() {
    let house = server().await;
    let weather = json!({"messages": [{"role": "user", "content": "The weather in Paris?"}],
        "tools": [{"type": "function", "function": {"name": "weather",
            "parameters": {"type": "object", "required": ["city"]}}}]});
    let choices = {
        let mut body = chat_body("", 60);
        body["n"] = json!(3);
        body
    };
    let embeddings = json!({"input": ["one two three", "four five"]});
    let of_responses = json!({"input": "Say something.", "max_output_tokens": 60});
    for (directives, path, body) in [
        ("chunks=9", CHAT, chat_body("", 60)),
        ("chunks=9,cached=3,reasoning=4", CHAT, chat_body("", 60)),
        ("chunks=5", CHAT, choices.clone()),
        ("spend=hold", CHAT, choices),
        ("delay=1ms", CHAT, weather),
        ("chunks=90", CHAT, chat_body("", 60)),
        ("chunks=9,cached=1,reasoning=4", RESPONSES, of_responses.clone()),
        ("chunks=9,incomplete", RESPONSES, of_responses.clone()),
        ("chunks=9,failed", RESPONSES, of_responses),
        ("delay=1ms", EMBEDDINGS, embeddings),
    ] {
        let what = format!("{path} {directives}");
        let (answer, entry, meter) = metered(&house, directives, path, body).await;
        is_exact(&what, &entry, meter);
        assert!(answer.json().is_object(), "{what}: {}", answer.text);
        let cached = if directives.contains("cached") { 1.. } else { 0.. };
        assert!(cached.contains(&entry.usage.cached_tokens), "{what}");
        let reasoning = if directives.contains("reasoning") { 4 } else { 0 };
        assert_eq!(entry.usage.reasoning_tokens, reasoning, "{what}");
    }
    house.0.stop().await.unwrap();
}

#[tokio::test]
async fn responses_streams_are_exact_however_they_end() {
    let house = server().await;
    for (directives, last) in [
        ("chunks=9", "response.completed"),
        ("chunks=9,cached=1,reasoning=3", "response.completed"),
        ("chunks=9,incomplete", "response.incomplete"),
        ("chunks=9,failed", "response.failed"),
        ("chunks=90", "response.incomplete"),
    ] {
        let body = json!({"input": "Say something.", "max_output_tokens": 60, "stream": true});
        let (answer, entry, meter) = metered(&house, directives, RESPONSES, body).await;
        is_exact(directives, &entry, meter);
        let frames = answer.frames();
        assert_eq!(frames.last().unwrap()["type"], last, "{directives}");
        let numbers = frames.iter().map(|frame| frame["sequence_number"].as_u64().unwrap());
        assert!(numbers.eq(0..frames.len() as u64), "{directives}: all events, in order");
    }
    house.0.stop().await.unwrap();
}

#[tokio::test]
async fn a_tool_call_and_several_choices_stream_exactly() {
    let house = server().await;
    let mut body = streamed(None);
    body["n"] = json!(3);
    let (answer, entry, meter) = metered(&house, "chunks=6", CHAT, body).await;
    is_exact("n=3", &entry, meter);
    assert_eq!(meter.1, 18);
    let finished = answer.frames();
    let finished = finished.iter().filter(|frame| frame["choices"][0]["finish_reason"] == "stop");
    assert_eq!(finished.count(), 3);

    let body = json!({"stream": true, "messages": [{"role": "user", "content": "weather"}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]});
    let (answer, entry, meter) = metered(&house, "delay=1ms", CHAT, body).await;
    is_exact("a tool call", &entry, meter);
    assert!(answer.text.contains("\"tool_calls\""));
    house.0.stop().await.unwrap();
}

#[tokio::test]
async fn zero_is_a_value_and_no_usage_is_an_estimate() {
    let house = server().await;
    for body in [chat_body("", 60), streamed(None)] {
        let (_, entry, _) = metered(&house, "chunks=7,zero-usage", CHAT, body).await;
        is_exact("zero", &entry, (0, 0));
    }
    for body in [chat_body("", 60), streamed(None)] {
        let bytes = {
            let mut body = body.clone();
            body["model"] = json!(format!("m{}", house.0.model.totals().finished));
            body.to_string().len() as u64
        };
        let (_, entry, (input, output)) = metered(&house, "chunks=7,no-usage", CHAT, body).await;
        assert_eq!(entry.state, EntryState::Estimated);
        // The bound of what went in, and no less than what came out.
        assert_eq!(entry.usage.input_tokens, bytes);
        assert!((output..=60).contains(&entry.usage.output_tokens), "{entry:?}");
        assert!(entry.usage.input_tokens >= input);
        assert!(entry.charged_nano >= cost(&entry.usage), "{entry:?}");
        assert!(entry.charged_nano <= entry.hold_nano);
    }
    // What reasoned in hiding is charged its whole hold.
    let mut body = streamed(None);
    body["reasoning_effort"] = json!("high");
    let (_, entry, _) = metered(&house, "chunks=7,reasoning=9,no-usage", CHAT, body).await;
    assert_eq!(entry.state, EntryState::Estimated);
    assert_eq!((entry.charged_nano, entry.charged_tokens), (entry.hold_nano, entry.hold_tokens));
    house.0.stop().await.unwrap();
}

#[tokio::test]
async fn what_goes_beyond_the_hold_is_kept_and_charged_up_to_it() {
    let house = server().await;
    let directives = "ignore-ceiling=500,input=40";
    let (_, entry, meter) = metered(&house, directives, CHAT, chat_body("", 60)).await;
    assert_eq!(entry.state, EntryState::Settled);
    assert!(entry.excess);
    assert_eq!((entry.usage.input_tokens, entry.usage.output_tokens), meter);
    assert_eq!(entry.cost_nano, Some(cost(&entry.usage)), "the entry says what it came to");
    assert_eq!(entry.charged_tokens, entry.hold_tokens);
    assert_eq!(entry.charged_nano, entry.hold_nano);
    house.0.stop().await.unwrap();
}

/// The last request that the provider saw.
fn seen(server: &TestServer) -> (Seen, Value) {
    let seen = server.model.seen();
    let call = seen.iter().rev().find(|seen| seen.method == "POST").unwrap().clone();
    let body = serde_json::from_slice(&call.body).unwrap();
    (call, body)
}

#[tokio::test]
async fn og40_the_provider_is_told_who_asks_whatever_the_caller_says() {
    let (server, _) = server().await;
    let (alice, _) = server.caller("a", Vec::new()).await.unwrap();
    let (_, bobs) = server.caller("b", Vec::new()).await.unwrap();
    let (_, one) = server.add_key(alice, &KeySpec::default()).await.unwrap();
    let (_, two) = server.add_key(alice, &KeySpec::default()).await.unwrap();
    let mut identities = Vec::new();
    let mut buckets = Vec::new();
    for key in [&one, &two, &bobs] {
        for (path, input) in [(CHAT, "messages"), (RESPONSES, "input")] {
            let text = json!([{"role": "user", "content": "Hi"}]);
            let mut body = json!({"model": "tollgate-demo", "user": "mallory",
                "safety_identifier": "mallory", "prompt_cache_key": "bucket"});
            body[input] = text;
            let answer = server.with_bearer(key).post(path, &body).await.unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text);
            let (call, body) = seen(&server);
            assert!(!String::from_utf8_lossy(&call.body).contains("mallory"));
            assert_eq!(body["user"], body["safety_identifier"]);
            identities.push(body["safety_identifier"].as_str().unwrap().to_owned());
            buckets.push(body["prompt_cache_key"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(identities[0].len(), 64);
    assert!(identities[..4].iter().all(|identity| *identity == identities[0]), "keys, routes");
    assert_eq!(identities[4], identities[5]);
    assert_ne!(identities[0], identities[4], "another person");
    assert!(!identities[0].contains(&alice.to_string()));
    assert_ne!(buckets[0], "bucket");
    assert!(buckets.iter().all(|bucket| *bucket == buckets[0]), "one app, one bucket");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_ceiling_is_set_and_told_where_the_caller_gives_none() {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let spec = PlanSpec { max_output_tokens: 200, ..PlanSpec::default() };
    server.add_plan("short", &spec).await.unwrap();
    let user = server.add_user("alice@example.com", Some("short")).await.unwrap();
    let (_, key) = server.add_key(user, &KeySpec::default()).await.unwrap();
    let client = server.with_bearer(&key);
    let told = "x-tollgate-max-output-tokens";
    for (path, input, member, added, asked, sent) in [
        (CHAT, "messages", "max_tokens", "max_tokens", None, 200),
        (CHAT, "messages", "max_tokens", "max_tokens", Some(50), 50),
        (CHAT, "messages", "max_tokens", "max_tokens", Some(5_000), 200),
        (CHAT, "messages", "max_completion_tokens", "max_completion_tokens", Some(5_000), 200),
        (RESPONSES, "input", "max_output_tokens", "max_output_tokens", None, 200),
        (RESPONSES, "input", "max_output_tokens", "max_output_tokens", Some(5_000), 200),
    ] {
        let mut body = json!({"model": "tollgate-demo"});
        body[input] = json!([{"role": "user", "content": "Hi"}]);
        if let Some(asked) = asked {
            body[member] = json!(asked);
        }
        let answer = client.post(path, &body).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
        let header = if asked == Some(50) { "" } else { "200" };
        assert_eq!(answer.header(told), header, "{path} {asked:?}");
        assert_eq!(seen(&server).1[added], sent, "{path} {asked:?}");
    }
    let answer = client.post(EMBEDDINGS, &json!({"model": "tollgate-demo", "input": "Hi"})).await;
    assert_eq!(answer.unwrap().header(told), "");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn reasoning_that_the_provider_did_not_keep_does_not_end_the_loop() {
    let (server, client) = server().await;
    let items = json!([
        {"role": "user", "content": "Hi"},
        {"id": "rs_1", "type": "reasoning", "summary": []},
        {"id": "fc_1", "type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "7"},
        {"id": "rs_2", "type": "reasoning", "summary": [], "encrypted_content": "c2VhbGVk"},
        {"id": "msg_1", "type": "message", "role": "assistant",
            "content": [{"type": "output_text", "text": "Seven.", "annotations": []}]},
        {"role": "user", "content": "Thanks"},
    ]);
    let body = json!({"model": "tollgate-demo", "input": items, "reasoning": {"effort": "low"}});
    let answer = client.post(RESPONSES, &body).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.json()["output"][0]["encrypted_content"].is_string(), "{}", answer.text);
    let (_, sent) = seen(&server);
    let mut left = items.as_array().unwrap().clone();
    left.remove(1);
    assert_eq!(sent["input"], json!(left));
    assert_eq!(sent["include"], json!(["reasoning.encrypted_content"]));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn og56_every_other_byte_reaches_the_provider_as_it_came() {
    let (server, client) = server().await;
    let body = "{ \"unknown\" : [1.0e2, \"\\u00e9\\/\"],\n \"messages\":[{\"role\":\"user\",\
        \"content\":\"H\\u0069\"}], \"model\" : \"tollgate-demo\" ,\"max_tokens\": 5,\
        \"metadata\":{\"b\":\"2\",\"a\":\"1\"}\t}";
    let answer = client.post_text(CHAT, body).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    let (call, _) = seen(&server);
    let sent = String::from_utf8(call.body.to_vec()).unwrap();
    let kept = body.trim_end_matches('}');
    assert!(sent.starts_with(kept), "{sent}");
    let added: Value =
        serde_json::from_str(&format!("{{{}", sent[kept.len()..].trim_start_matches(','))).unwrap();
    let names: Vec<&String> = added.as_object().unwrap().keys().collect();
    assert_eq!(names, ["safety_identifier", "user"], "and nothing but these was added");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn h4_h5_only_the_headers_on_the_lists_pass() {
    let (server, _) = server().await;
    let rates = Rates {
        requests_per_minute: Some(100),
        tokens_per_minute: Some(100_000),
        ..Rates::default()
    };
    server.add_plan("rated", &PlanSpec { rates, ..PlanSpec::default() }).await.unwrap();
    let user = server.add_user("r@example.com", Some("rated")).await.unwrap();
    let (_, key) = server.add_key(user, &KeySpec::default()).await.unwrap();
    let client = server.with_bearer(&key);
    let request = client
        .request("POST", CHAT)
        .header("openai-beta", "agents=v1")
        .header("openai-organization", "org-mine")
        .header("openai-project", "proj-mine")
        .header("cookie", "theirs=1")
        .header("x-stainless-lang", "python")
        .header("x-forwarded-for", "10.9.8.7")
        .header("x-anything", "else");
    let answer = client.send(request.json(&chat_body("tollgate-demo", 5))).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("openai-processing-ms"), "1");
    assert!(answer.header("x-upstream-request-id").starts_with("req_chatcmpl-demo"));
    assert_eq!(answer.header("x-request-id").len(), 36, "our own");
    assert_eq!(answer.header("set-cookie"), "");
    assert_eq!(answer.header("openai-organization"), "");
    assert_eq!(answer.header("x-ratelimit-limit-requests"), "100");
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), "99");
    assert_eq!(answer.header("x-ratelimit-limit-tokens"), "100000");
    assert!(answer.header("x-ratelimit-remaining-tokens").parse::<u32>().unwrap() < 100_000);

    let (call, _) = seen(&server);
    let mut names: Vec<&str> = call.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "accept",
            "authorization",
            "content-length",
            "content-type",
            "host",
            "openai-beta",
            "user-agent"
        ]
    );
    assert_eq!(call.headers["authorization"], format!("Bearer {PROVIDER_KEY}"));
    assert_eq!(call.headers["user-agent"], "tollgate");
    let body = json!({"model": "tollgate-demo", "input": "Hi"});
    assert_eq!(client.post(RESPONSES, &body).await.unwrap().status, 200);
    assert_eq!(seen(&server).1["store"], false);
    server.stop().await.unwrap();
}

/// From 100 input tokens on a token of input costs ten times as much: the hold is at that price,
/// for the request alone does not say that it stays below.
#[tokio::test]
async fn a_long_inputs_tier_is_held_and_a_call_is_charged_by_its_own() {
    const TIERS: &str = "model,also_matches,input,output,tiers\nmock,mock/*,1,2,input=100+:10\n";
    let setup = Setup { prices: Some(TIERS), ..Setup::on(Engine::Sqlite) };
    let server = TestServer::start_as(setup).await.unwrap();
    let (_, key) = server.caller("alice", Vec::new()).await.unwrap();
    let client = server.with_bearer(&key);
    server.mocks(&[("short", "input=99,chunks=5"), ("long", "input=100,chunks=5")]).await.unwrap();
    for (model, input_nano) in [("short", 99 * 1_000), ("long", 100 * 10_000)] {
        let mut body = chat_body(model, 60);
        body["messages"][0]["content"] = json!("x".repeat(100));
        let bytes = i64::try_from(body.to_string().len()).unwrap();
        let answer = client.post(CHAT, &body).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
        let entry = server.entry_of(answer.header("x-request-id")).await.unwrap();
        assert_eq!(entry.hold_nano, bytes * 10_000 + 60 * 2_000, "{model}");
        let output = i64::try_from(entry.usage.output_tokens).unwrap();
        assert_eq!(entry.cost_nano, Some(input_nano + output * 2_000), "{model}");
    }
    server.stop().await.unwrap();
}
