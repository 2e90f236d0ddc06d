#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use base64::Engine;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// An answer as it came over the wire.
struct Got {
    status: u16,
    head: String,
    /// The pieces of a chunked body, else one.
    chunks: Vec<String>,
    /// Whether the body came to its proper end.
    whole: bool,
}

impl Got {
    fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        let head = head.to_lowercase();
        let (mut chunks, mut whole) = (Vec::new(), false);
        if head.contains("transfer-encoding: chunked") {
            let mut rest = body;
            while let Some((size, after)) = rest.split_once("\r\n") {
                let size = usize::from_str_radix(size, 16).unwrap();
                whole = size == 0;
                let Some(chunk) = after.get(..size).filter(|chunk| !chunk.is_empty()) else {
                    break;
                };
                chunks.push(chunk.to_owned());
                rest = after.get(size + 2..).unwrap_or("");
            }
        } else {
            let length = head.split("content-length: ").nth(1).and_then(|s| s.lines().next());
            whole = length == Some(&body.len().to_string());
            chunks.push(body.to_owned());
        }
        Self { status, head, chunks, whole }
    }

    fn body(&self) -> String {
        self.chunks.concat()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body()).unwrap()
    }

    /// The JSON of each event, without `[DONE]`.
    fn events(&self) -> Vec<Value> {
        let body = self.body();
        let data = body.lines().filter_map(|line| line.strip_prefix("data: "));
        data.filter(|data| *data != "[DONE]").map(|d| serde_json::from_str(d).unwrap()).collect()
    }

    fn done(&self) -> bool {
        self.body().ends_with("data: [DONE]\n\n")
    }
}

fn request(path: &str, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "POST {path} HTTP/1.1\r\nhost: demo\r\nauthorization: Bearer sk-canary-0123\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn model() -> DemoModel {
    DemoModel::start(Options::default()).await.unwrap()
}

async fn connect(model: &DemoModel) -> TcpStream {
    TcpStream::connect(model.address).await.unwrap()
}

/// All that is answered, until the connection ends in whichever way.
async fn answer_to(model: &DemoModel, request: &str) -> (Got, io::Result<()>) {
    let mut stream = connect(model).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let end = loop {
        match stream.read_buf(&mut bytes).await {
            Ok(0) => break Ok(()),
            Ok(_) => {}
            Err(error) => break Err(error),
        }
    };
    (Got::read(&bytes), end)
}

async fn post(model: &DemoModel, path: &str, body: Value) -> Got {
    let (got, end) = answer_to(model, &request(path, &body)).await;
    end.unwrap();
    got
}

async fn chat(model: &DemoModel, name: &str, more: Value) -> Got {
    post(model, "/v1/chat/completions", chat_body(name, more)).await
}

fn chat_body(name: &str, more: Value) -> Value {
    let mut body = json!({"model": name, "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hello you there"}]},
    ]});
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    body
}

/// The totals when no call is under way any more.
async fn settled(model: &DemoModel) -> Totals {
    loop {
        let totals = model.totals();
        if totals.open == 0 {
            return totals;
        }
        tokio::task::yield_now().await;
    }
}

fn text_of(events: &[Value]) -> String {
    events.iter().filter_map(|e| e.pointer("/choices/0/delta/content")?.as_str()).collect()
}

#[tokio::test]
async fn a_chat_answer_is_friendly_and_its_usage_is_what_it_wrote() {
    let model = model().await;
    let got = chat(&model, "anything", json!({})).await;
    let body = got.json();
    let text = body["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(text.contains("demo model that is built into Tollgate"), "{text}");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    assert_eq!(body["usage"]["prompt_tokens"], 5);
    assert_eq!(body["usage"]["completion_tokens"], tokens(text));
    assert_eq!(body["usage"]["total_tokens"], 5 + tokens(text));
    let totals = settled(&model).await;
    assert_eq!((totals.input_tokens, totals.output_tokens), (5, tokens(text)));
    assert_eq!((totals.finished, totals.cut), (1, 0));
}

#[tokio::test]
async fn a_chat_stream_tells_usage_exactly_when_asked() {
    let model = model().await;
    let asked = json!({"stream": true, "stream_options": {"include_usage": true}});
    let got = chat(&model, "anything", asked).await;
    let events = got.events();
    let (last, others) = events.split_last().unwrap();
    assert!(others.iter().all(|event| event.get("usage") == Some(&Value::Null)));
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["completion_tokens"], tokens(&text_of(&events)));
    assert!(got.done() && got.whole);

    for more in [
        json!({"stream": true}),
        json!({"stream": true, "stream_options": {"include_usage": false}}),
        json!({"stream": true, "stream_options": {"include_obfuscation": false}}),
    ] {
        let events = chat(&model, "anything", more).await.events();
        assert!(events.iter().all(|event| event.get("usage").is_none()));
        assert_eq!(events.last().unwrap()["choices"][0]["finish_reason"], "stop");
    }
}

#[tokio::test]
async fn ceilings_answers_and_spending_are_respected() {
    let model = model().await;
    for (name, more, output, finish) in [
        ("x", json!({"max_tokens": 3}), 3, "length"),
        ("x", json!({"max_completion_tokens": 4, "max_tokens": 9, "n": 2}), 8, "length"),
        ("mock/chunks=7", json!({"max_tokens": 100}), 7, "stop"),
        ("mock/chunks=7", json!({"max_tokens": 5}), 5, "length"),
        ("mock/spend=hold", json!({"max_tokens": 500, "n": 3}), 1_500, "length"),
        ("mock/spend=third", json!({"max_tokens": 500}), 166, "stop"),
        ("mock/ignore-ceiling", json!({"max_tokens": 10}), 40, "stop"),
        ("mock/ignore-ceiling=99", json!({"max_tokens": 10}), 99, "stop"),
        ("mock/incomplete", json!({}), 44, "length"),
        ("mock/reasoning=6,chunks=2", json!({}), 8, "stop"),
    ] {
        let before = settled(&model).await.output_tokens;
        let body = chat(&model, name, more.clone()).await.json();
        assert_eq!(body["usage"]["completion_tokens"], output, "{name} {more}");
        assert_eq!(body["choices"][0]["finish_reason"], finish, "{name} {more}");
        let choices = body["choices"].as_array().unwrap();
        assert_eq!(choices.len() as u64, more["n"].as_u64().unwrap_or(1));
        assert_eq!(settled(&model).await.output_tokens - before, output, "{name}");

        let mut streamed = more.clone();
        streamed["stream"] = json!(true);
        streamed["stream_options"] = json!({"include_usage": true});
        let events = chat(&model, name, streamed).await.events();
        assert_eq!(events.last().unwrap()["usage"]["completion_tokens"], output, "{name}");
        assert_eq!(settled(&model).await.output_tokens - before, 2 * output, "{name}");
    }
}

#[tokio::test]
async fn input_counts_as_a_test_says() {
    let model = model().await;
    let bytes = chat_body("mock/input=bytes;cached=2", json!({})).to_string().len();
    let usage = chat(&model, "mock/input=bytes;cached=2", json!({})).await.json()["usage"].clone();
    assert_eq!(usage["prompt_tokens"], bytes);
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 2);
    let usage = chat(&model, "mock/input=77", json!({})).await.json()["usage"].clone();
    assert_eq!(usage["prompt_tokens"], 77);
    assert_eq!(settled(&model).await.input_tokens, bytes as u64 + 77);
}

#[tokio::test]
async fn a_tool_is_called_for_the_weather_and_its_answer_ends_the_matter() {
    let model = model().await;
    let tools = json!([{"type": "function", "function": {"name": "look_up",
        "parameters": {"type": "object", "required": ["city"]}}}]);
    let ask = json!([{"role": "user", "content": "What is the Weather?"}]);
    let more = json!({"messages": ask, "tools": tools});
    let body = chat(&model, "x", more.clone()).await.json();
    let call = &body["choices"][0]["message"]["tool_calls"][0]["function"];
    assert_eq!(call["name"], "look_up");
    let arguments: Value = serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
    assert_eq!(arguments, json!({"city": "Paris"}));
    assert_eq!(body["choices"][0]["finish_reason"], "tool_calls");

    let mut streamed = more.clone();
    streamed["stream"] = json!(true);
    let events = chat(&model, "x", streamed).await.events();
    let pointer = "/choices/0/delta/tool_calls/0/function/arguments";
    let arguments: String =
        events.iter().filter_map(|event| event.pointer(pointer)?.as_str()).collect();
    assert_eq!(serde_json::from_str::<Value>(&arguments).unwrap(), json!({"city": "Paris"}));

    let after = json!([{"role": "user", "content": "weather?"}, {"role": "assistant"},
        {"role": "tool", "content": "sun"}]);
    let body = chat(&model, "x", json!({"messages": after, "tools": tools})).await.json();
    assert!(body["choices"][0]["message"]["content"].is_string());
    let none = json!({"messages": ask, "tools": tools, "tool_choice": "none"});
    let body = chat(&model, "x", none).await.json();
    assert!(body["choices"][0]["message"]["content"].is_string());
}

#[tokio::test]
async fn usage_is_told_in_all_the_ways_that_providers_have() {
    let model = model().await;
    let told = |name: &'static str, asked: bool| {
        let model = &model;
        async move {
            let more = json!({"stream": true, "stream_options": {"include_usage": asked}});
            let events = chat(model, name, more).await.events();
            let usages: Vec<(usize, u64)> = events
                .iter()
                .filter(|event| event["usage"].is_object())
                .map(|event| {
                    let choices = event["choices"].as_array().unwrap().len();
                    (choices, event["usage"]["completion_tokens"].as_u64().unwrap())
                })
                .collect();
            usages
        }
    };
    assert_eq!(told("mock/no-usage,chunks=3", true).await, []);
    assert_eq!(told("mock/zero-usage,chunks=3", true).await, [(0, 0)]);
    assert_eq!(told("mock/usage-on-last-chunk,chunks=3", false).await, [(1, 3)]);
    let grown = [(1, 0), (1, 1), (1, 2), (1, 3), (1, 3)];
    assert_eq!(told("mock/cumulative-usage,chunks=3", false).await, grown);
    let body = chat(&model, "mock/no-usage", json!({})).await.json();
    assert!(body.get("usage").is_none());
    let body = chat(&model, "mock/zero-usage", json!({})).await.json();
    assert_eq!(body["usage"]["total_tokens"], 0);
    let totals = settled(&model).await;
    assert_eq!(totals.output_tokens, 4 * 3 + 2 * 44, "the meter counts whatever is told");
}

#[tokio::test]
async fn responses_come_whole_and_as_numbered_events() {
    let model = model().await;
    let ask = |name: &str, more: Value| {
        let mut body = json!({"model": name, "instructions": "Be brief.", "input": "Hello there"});
        body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        body
    };
    for (name, more, last, output) in [
        ("x", json!({}), "completed", 44),
        ("x", json!({"max_output_tokens": 5}), "incomplete", 5),
        ("mock/incomplete", json!({}), "incomplete", 44),
        ("mock/failed", json!({}), "failed", 44),
        ("mock/reasoning=4;chunks=3", json!({}), "completed", 7),
    ] {
        let body = post(&model, "/v1/responses", ask(name, more.clone())).await.json();
        assert_eq!(
            (&body["status"], &body["usage"]["output_tokens"]),
            (&json!(last), &json!(output))
        );
        assert_eq!(body["usage"]["input_tokens"], 4);
        let mut streamed = ask(name, more);
        streamed["stream"] = json!(true);
        let got = post(&model, "/v1/responses", streamed).await;
        let events = got.events();
        let numbers: Vec<u64> =
            events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (0..events.len() as u64).collect::<Vec<_>>());
        let end = events.last().unwrap();
        assert_eq!(end["type"], format!("response.{last}"));
        assert_eq!(end["response"]["usage"]["output_tokens"], output);
        let deltas: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
        assert_eq!(end["response"]["output"][0]["content"][0]["text"], deltas);
        assert!(got.body().starts_with("event: response.created\ndata: {"), "{}", got.body());
        assert!(!got.done(), "Responses end without [DONE]");
    }
    assert_eq!(settled(&model).await.output_tokens, 2 * (44 + 5 + 44 + 44 + 7));
}

#[tokio::test]
async fn reasoning_comes_first_and_comes_back_sealed_alone() {
    let model = model().await;
    let item = json!({"id": "rs_1", "type": "reasoning", "summary": []});
    let mut sealed = item.clone();
    sealed["encrypted_content"] = json!("c2VhbGVk");
    for (include, input, status) in [
        (json!(null), json!("Hello"), 200),
        (json!(["reasoning.encrypted_content"]), json!([sealed]), 200),
        (json!(null), json!([item]), 400),
    ] {
        let seals = include.is_array();
        let mut body = json!({"model": "x", "input": input, "reasoning": {}, "include": include});
        let got = post(&model, "/v1/responses", body.clone()).await;
        assert_eq!(got.status, status, "{}", got.body());
        if status != 200 {
            continue;
        }
        let output = got.json()["output"].clone();
        assert_eq!(
            (&output[0]["type"], &output[1]["type"]),
            (&json!("reasoning"), &json!("message"))
        );
        assert_eq!(output[0]["encrypted_content"].is_string(), seals);
        body["stream"] = json!(true);
        let events = post(&model, "/v1/responses", body).await.events();
        for (at, event) in events.iter().enumerate() {
            assert_eq!(event["sequence_number"], at);
        }
        assert_eq!(events[3]["item"]["type"], "reasoning");
        assert_eq!(
            (&events[4]["item"]["type"], &events[4]["output_index"]),
            (&json!("message"), &json!(1))
        );
        let delta = events.iter().find(|event| event["delta"].is_string()).unwrap();
        assert_eq!(delta["output_index"], 1);
        let last = &events.last().unwrap()["response"]["output"];
        assert_eq!(last.as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn responses_call_functions() {
    let model = model().await;
    let body = json!({"model": "x", "stream": true,
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "weather"}]}],
        "tools": [{"type": "function", "name": "look_up", "parameters": {}}]});
    let events = post(&model, "/v1/responses", body).await.events();
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    let last = &events.last().unwrap()["response"]["output"][0];
    assert_eq!((&last["type"], &last["name"]), (&json!("function_call"), &json!("look_up")));
    assert_eq!(last["arguments"], "{ \"location\": \"Paris\" } ");
    let added = kinds.iter().position(|kind| *kind == "response.output_item.added").unwrap();
    assert!(kinds[added + 1..].starts_with(&["response.function_call_arguments.delta"]));
    assert_eq!(
        kinds[kinds.len() - 3..],
        [
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
}

#[tokio::test]
async fn embeddings_are_the_same_as_floats_and_as_base64() {
    let model = model().await;
    let ask = |more: Value| {
        let mut body = json!({"model": "e", "input": ["one two", "three"], "dimensions": 8});
        body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        post(&model, "/v1/embeddings", body)
    };
    let floats = ask(json!({})).await.json();
    let packed = ask(json!({"encoding_format": "base64"})).await.json();
    assert_eq!(floats["usage"], json!({"prompt_tokens": 3, "total_tokens": 3}));
    for index in 0..2 {
        let floats: Vec<f32> =
            serde_json::from_value(floats["data"][index]["embedding"].clone()).unwrap();
        let text = packed["data"][index]["embedding"].as_str().unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
        let unpacked: Vec<f32> =
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        assert_eq!(floats, unpacked);
        let length: f32 = floats.iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-5 && floats.len() == 8);
    }
    assert_ne!(floats["data"][0]["embedding"], floats["data"][1]["embedding"]);
    let tokens = ask(json!({"input": [[1, 2, 3], [4]]})).await.json();
    assert_eq!(tokens["usage"]["total_tokens"], 4);
}

#[tokio::test]
async fn errors_have_the_form_of_openais() {
    let model = model().await;
    for (name, status, kind, code) in [
        ("mock/quota", 429, "insufficient_quota", json!("insufficient_quota")),
        (
            "mock/status=429,retry-after=700",
            429,
            "rate_limit_exceeded",
            json!("rate_limit_exceeded"),
        ),
        ("mock/status=401", 401, "invalid_request_error", json!("invalid_api_key")),
        ("mock/status=404", 404, "invalid_request_error", json!("model_not_found")),
        ("mock/status=503", 503, "server_error", json!("server_error")),
        ("mock/failed", 500, "server_error", json!("server_error")),
        ("mock/no-such-thing", 400, "invalid_request_error", json!(null)),
    ] {
        let got = chat(&model, name, json!({})).await;
        let error = &got.json()["error"];
        assert_eq!((got.status, &error["type"], &error["code"]), (status, &json!(kind), &code));
        assert_eq!(got.head.contains("retry-after: 700"), name.contains("700"));
    }
    let (got, _) = answer_to(&model, &request("/v1/nothing", &json!({}))).await;
    assert_eq!(got.status, 404);
    let got = post(&model, "/v1/chat/completions", json!({"model": "x"})).await;
    assert_eq!(got.status, 400);
    let totals = settled(&model).await;
    assert_eq!((totals.input_tokens, totals.output_tokens, totals.cut), (0, 0, 0));
}

#[tokio::test]
async fn the_key_is_checked_where_one_is_configured() {
    for (key, status) in [("sk-canary-0123", 200), ("sk-other", 401)] {
        let options = Options { api_key: Some(key.to_owned()), ..Options::default() };
        let model = DemoModel::start(options).await.unwrap();
        assert_eq!(chat(&model, "x", json!({})).await.status, status);
    }
}

#[tokio::test]
async fn faults_break_streams_in_the_middle() {
    let model = model().await;
    for path in ["/v1/chat/completions", "/v1/responses"] {
        let ask = |name: &str| {
            request(
                path,
                &json!({"model": name, "stream": true, "input": "x",
                "messages": [{"role": "user", "content": "x"}]}),
            )
        };
        let (got, end) = answer_to(&model, &ask("mock/reset,chunks=10")).await;
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert!(!got.whole && got.chunks.len() >= 6, "{:?}", got.chunks);

        let (got, end) = answer_to(&model, &ask("mock/half-frame,chunks=10")).await;
        assert!(end.is_ok() && got.whole && !got.body().ends_with('\n'), "{}", got.body());

        let (got, end) = answer_to(&model, &ask("mock/garbage,chunks=10")).await;
        assert!(end.is_ok() && got.whole && got.body().ends_with("not JSON %%\n\n"));

        let mut stream = connect(&model).await;
        stream.write_all(ask("mock/stall,chunks=10").as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        while Got::read(&bytes).chunks.len() < 6 {
            stream.read_buf(&mut bytes).await.unwrap();
        }
        assert!(!Got::read(&bytes).whole);
    }
    let totals = settled(&model).await;
    assert_eq!(totals.finished, 8);
    assert_eq!((totals.cut, totals.output_tokens), (4, 8 * 5), "half of the tokens went out");
    let got = chat(&model, "mock/failed,chunks=10", json!({"stream": true})).await;
    assert_eq!(got.events().last().unwrap()["error"]["code"], "server_error");
    assert!(got.whole && !got.done());
}

#[tokio::test]
async fn faults_break_json_answers_too() {
    let model = model().await;
    let ask = |name: &str| request("/v1/chat/completions", &chat_body(name, json!({})));
    let (got, end) = answer_to(&model, &ask("mock/reset")).await;
    assert!(end.is_err() && !got.whole && got.body().starts_with('{'));
    let (got, end) = answer_to(&model, &ask("mock/half-frame")).await;
    assert!(end.is_ok() && got.whole && serde_json::from_str::<Value>(&got.body()).is_err());
    let (got, end) = answer_to(&model, &ask("mock/garbage")).await;
    assert!(end.is_ok() && got.whole && got.body().contains("not JSON"));
    let (got, end) = answer_to(&model, &ask("mock/reset=head")).await;
    assert!(end.is_err() && got.head.is_empty());
    let (got, _) = answer_to(&model, &ask("mock/garbage=head")).await;
    assert!(got.head.contains("this is no http"), "{}", got.head);
    let (got, _) = answer_to(&model, &ask("mock/redirect")).await;
    assert_eq!(got.status, 307);
    assert!(got.head.contains("location: /v1/redirected"));
    assert_eq!(model.totals().redirects_followed, 0);
    answer_to(&model, &request("/v1/redirected", &json!({}))).await.1.unwrap();
    assert_eq!(model.totals().redirects_followed, 1);
    let mut silent = connect(&model).await;
    silent.write_all(ask("mock/stall=head").as_bytes()).await.unwrap();
    while model.totals().open == 0 {
        tokio::task::yield_now().await;
    }
    drop(silent);
    let totals = settled(&model).await;
    assert_eq!((totals.finished, totals.cut), (7, 4));
}

#[tokio::test]
async fn the_key_is_echoed_where_a_test_wants_it() {
    const KEY: &str = "sk-canary-0123";
    let model = model().await;
    for stream in [false, true] {
        let ask = |name: &'static str| chat(&model, name, json!({"stream": stream}));
        let got = ask("mock/echo-key").await;
        assert!(got.head.contains(&format!("x-echo-authorization: bearer {KEY}")));
        assert!(got.chunks.iter().any(|chunk| chunk.contains(KEY)));
        let got = ask("mock/echo-key=header").await;
        assert!(got.head.contains(KEY) && !got.body().contains(KEY));
        let got = ask("mock/echo-key=body").await;
        assert!(!got.head.contains(KEY) && got.body().contains(KEY));
    }
    let got = chat(&model, "mock/echo-key=split", json!({"stream": true})).await;
    assert!(got.body().contains(KEY));
    assert!(!got.chunks.iter().any(|chunk| chunk.contains(KEY)));
    let got = chat(&model, "mock/echo-key=deltas", json!({"stream": true})).await;
    assert!(!got.body().contains(KEY) && text_of(&got.events()).contains(KEY));
    let got = chat(&model, "mock/status=401;echo-key=body", json!({})).await;
    assert!(got.body().contains(KEY));
}

#[tokio::test]
async fn the_meter_counts_what_went_out_when_a_caller_hangs_up() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("meter.jsonl");
    let options = Options { meter: Some(file.clone()), ..Options::default() };
    let model = DemoModel::start(options).await.unwrap();
    const ALL: u64 = 400_000;
    let more = json!({"stream": true, "safety_identifier": "somebody"});
    let ask = request("/v1/chat/completions", &chat_body(&format!("mock/chunks={ALL}"), more));
    let mut stream = connect(&model).await;
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    while bytes.len() < 100_000 {
        stream.read_buf(&mut bytes).await.unwrap();
    }
    drop(stream);
    let totals = settled(&model).await;
    let read = bytes.windows(11).filter(|window| window == b"{\"content\":").count() as u64;
    assert!(totals.output_tokens + 1 >= read, "{} tokens, {read} were read", totals.output_tokens);
    assert!(totals.output_tokens < ALL / 2, "{}: buffers are not that large", totals.output_tokens);
    assert_eq!((totals.finished, totals.cut), (1, 1));
    chat(&model, "mock/chunks=3", json!({"stream": true})).await;
    model.stop().await;
    let lines = read_meter(&file).unwrap();
    let [cut, whole] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!(cut.output_tokens, totals.output_tokens);
    assert_eq!(cut.subject.as_deref(), Some("somebody"));
    assert!(cut.cut && !cut.reported && cut.status == 200 && cut.input_tokens == 5);
    assert!(!whole.cut && whole.output_tokens == 3 && whole.model == "mock/chunks=3");
    assert_ne!(cut.id, whole.id);
}

#[tokio::test]
async fn the_meter_is_exact_for_each_call_on_one_connection() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("meter.jsonl");
    let options = Options { meter: Some(file.clone()), ..Options::default() };
    let model = DemoModel::start(options).await.unwrap();
    let mut stream = connect(&model).await;
    for (at, name) in ["mock/chunks=300", "mock/fixed", "mock/chunks=20"].iter().enumerate() {
        let more = if at == 1 {
            json!({})
        } else {
            json!({"stream": true, "stream_options": {"include_usage": true}})
        };
        let ask = request("/v1/chat/completions", &chat_body(name, more));
        stream.write_all(ask.replace("connection: close\r\n", "").as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        while bytes.is_empty() || !Got::read(&bytes).whole {
            stream.read_buf(&mut bytes).await.unwrap();
        }
    }
    model.stop().await;
    let lines = read_meter(&file).unwrap();
    let output: Vec<u64> = lines.iter().map(|line| line.output_tokens).collect();
    assert_eq!(output, [300, 100, 20]);
    assert!(lines.iter().all(|line| !line.cut && line.reported));
}

#[tokio::test]
async fn the_fixed_answer_is_about_a_kilobyte_and_honest() {
    let model = model().await;
    let got = chat(&model, "mock/fixed", json!({})).await;
    let body = got.json();
    let text = body["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!(body["usage"]["completion_tokens"], tokens(text));
    assert!((900..1_200).contains(&got.body().len()), "{}", got.body().len());
    let totals = settled(&model).await;
    assert_eq!((totals.input_tokens, totals.output_tokens), (FIXED_INPUT_TOKENS, tokens(text)));
}

#[tokio::test]
async fn it_lists_its_models_and_its_totals_and_remembers_requests() {
    let options = Options { remember: true, ..Options::default() };
    let model = DemoModel::start(options).await.unwrap();
    let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let (got, _) = answer_to(&model, &ask("/v1/models")).await;
    assert_eq!(got.json()["data"][0]["id"], "tollgate-demo");
    let (got, _) = answer_to(&model, &ask("/meter")).await;
    assert_eq!(serde_json::from_value::<Totals>(got.json()).unwrap(), model.totals());
    let paths: Vec<String> = model.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["/v1/models", "/meter"]);
}

#[tokio::test]
async fn pauses_are_at_least_as_long_as_a_test_wants_them() {
    let model = model().await;
    for (name, stream, ms) in [
        ("mock/delay=40ms", false, 40),
        ("mock/delay=40ms", true, 40),
        ("mock/chunks=10,every=4ms", true, 40),
        ("mock/slow-tail=40ms", true, 40),
        ("mock/slow-tail=40ms", false, 40),
    ] {
        let start = tokio::time::Instant::now();
        let got = chat(&model, name, json!({"stream": stream})).await;
        let took = start.elapsed();
        assert!(took >= std::time::Duration::from_millis(ms) && got.whole, "{name}: {took:?}");
    }
}
