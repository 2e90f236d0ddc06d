use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::sse::SseSplitter;

fn event(text: &str) -> RawEvent {
    let mut splitter = SseSplitter::new();
    splitter.push(&Bytes::copy_from_slice(text.as_bytes()));
    splitter.next_event().ok().flatten().or_else(|| splitter.finish()).expect("an event")
}

fn data(json: &str) -> RawEvent {
    event(&format!("data: {json}\n\n"))
}

fn chat(usage_asked: bool) -> StreamMeter {
    StreamMeter::new(Route::ChatCompletions, usage_asked, false)
}

fn tokens(meter: &StreamMeter) -> Option<(u64, u64)> {
    meter.usage().map(|usage| (usage.input_tokens, usage.output_tokens))
}

const WORD: &str = r#"{"id":"c","choices":[{"index":0,"delta":{"content":"Hello"}}],"usage":null}"#;
const EXTRA: &str = r#"{"id":"c","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2}}"#;

#[test]
fn a_chat_stream_is_metered_and_the_extra_chunk_kept_back() {
    for asked in [false, true] {
        let mut meter = chat(asked);
        assert_eq!(meter.event(&data(WORD)), Pass::Forward);
        assert_eq!(meter.event(&data(&WORD.replace("null", " \t null"))), Pass::Forward);
        assert_eq!(meter.usage(), None);
        assert!(!meter.ended_cleanly());
        let expected = if asked { Pass::Forward } else { Pass::Drop };
        assert_eq!(meter.event(&data(EXTRA)), expected);
        assert_eq!(tokens(&meter), Some((9, 2)));
        assert_eq!(meter.event(&data("[DONE]")), Pass::Forward);
        assert!(meter.ended_cleanly() && !meter.failed());
        assert_eq!((meter.text_bytes(), meter.text_frames()), (10, 2));
    }
}

#[test]
fn usage_on_a_chunk_with_choices_passes() {
    let mut meter = chat(false);
    let chunk = r#"{"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}],
        "usage" : {"prompt_tokens":4,"completion_tokens":1}}"#
        .replace('\n', "");
    assert_eq!(meter.event(&data(&chunk)), Pass::Forward);
    assert_eq!(tokens(&meter), Some((4, 1)));
    assert_eq!(meter.text_bytes(), 1);
}

#[test]
fn cumulative_usage_is_not_added_up() {
    let mut meter = chat(false);
    for output in [1, 2, 3] {
        let usage = format!(r#"{{"prompt_tokens":4,"completion_tokens":{output}}}"#);
        assert_eq!(meter.event(&data(&WORD.replace("null", &usage))), Pass::Forward);
        assert_eq!(tokens(&meter), Some((4, output)));
    }
    meter.event(&data(&WORD.replace("null", r#"{"prompt_tokens":-4,"completion_tokens":9}"#)));
    assert_eq!(tokens(&meter), Some((4, 3)), "nonsense does not replace what was good");
}

#[test]
fn zero_usage_is_usage() {
    let mut meter = chat(true);
    meter.event(&data(r#"{"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0}}"#));
    assert_eq!(tokens(&meter), Some((0, 0)));
}

#[test]
fn a_first_chunk_without_choices_passes() {
    let mut meter = chat(false);
    assert_eq!(meter.event(&data(r#"{"choices":[],"prompt_filter_results":[]}"#)), Pass::Forward);
    assert_eq!(meter.event(&data(r#"{"choices":[],"usage":null}"#)), Pass::Forward);
    assert_eq!(meter.event(&data(r#"{"choices":[],"x":{"usage":{}}}"#)), Pass::Forward);
}

#[test]
fn text_that_speaks_of_usage_and_errors_is_text() {
    let mut meter = chat(false);
    let chunk =
        r#"{"choices":[{"delta":{"content":"{\"usage\":{\"prompt_tokens\":1}} \"error\":1"}}]}"#;
    assert_eq!(meter.event(&data(chunk)), Pass::Forward);
    let inner = r#"{"choices":[{"delta":{"content":"usage"},"error":null}],"x":{"error":{}}}"#;
    assert_eq!(meter.event(&data(inner)), Pass::Forward);
    assert_eq!((meter.usage(), meter.failed()), (None, false));
}

#[test]
fn errors_in_a_chat_stream_are_seen() {
    let object = data(r#"{"error":{"message":"m","type":"server_error","code":null}}"#);
    let named = event("event: error\ndata: overloaded\n\n");
    for bad in [object, named] {
        let mut meter = chat(false);
        assert_eq!(meter.event(&bad), Pass::Forward);
        assert!(meter.failed() && !meter.ended_cleanly());
    }
    let mut meter = chat(false);
    let both = EXTRA.replace("\"id\":\"c\"", r#""error":{"message":"m"}"#);
    assert_eq!(meter.event(&data(&both)), Pass::Forward, "an error is never kept back");
    assert!(meter.failed() && meter.usage().is_some());
}

#[test]
fn the_text_of_a_chat_delta_is_what_the_model_wrote() {
    let tool_call = r#"{"tool_calls":[{"index":0,"id":"call_1","type":"function",
        "function":{"name":"f","arguments":"{}"}}]}"#
        .replace('\n', "");
    for (delta, bytes) in [
        (r#"{"role":"assistant","content":""}"#, 0),
        (r#"{"role":"assistant","content":"ab"}"#, 2),
        (r#"{ "content" : "a\"b\\" , "refusal" : null }"#, 6),
        (r#"{"reasoning_content":"hm","content":"x"}"#, 3),
        (tool_call.as_str(), 3),
        ("{}", 0),
    ] {
        let mut meter = chat(false);
        let chunk = format!(r#"{{"choices":[{{"delta":{delta},"finish_reason":"stop"}}]}}"#);
        meter.event(&data(&chunk));
        assert_eq!(meter.text_bytes(), bytes, "{delta}");
        assert_eq!(meter.text_frames(), u64::from(bytes > 0), "{delta}");
    }
    let mut meter = chat(false);
    let unknown = r#"{"choices":[{"text":"abc"}]}"#;
    meter.event(&data(unknown));
    assert_eq!(meter.text_bytes(), unknown.len() as u64, "an unknown form counts whole");
    let two = r#"{"choices":[{"delta":{"content":"ab"}},{"delta":{"content":"c"}}]}"#;
    let mut meter = chat(false);
    meter.event(&data(two));
    assert_eq!(meter.text_bytes(), 3);
}

#[test]
fn the_ends_of_a_responses_stream_carry_usage() {
    for (kind, failed) in
        [("response.completed", false), ("response.incomplete", false), ("response.failed", true)]
    {
        let error = if failed { r#"{"code":"server_error","message":"m"}"# } else { "null" };
        let json = format!(
            r#"{{"type":"{kind}","sequence_number":9,"response":{{"id":"r","error":{error},
            "usage":{{"input_tokens":3,"output_tokens":2,"total_tokens":5,
            "output_tokens_details":{{"reasoning_tokens":1}}}}}}}}"#
        )
        .replace('\n', "");
        let last = json.replace(&format!(r#""type":"{kind}","#), "");
        let last = last
            .replacen('{', "{\"a\":0,", 1)
            .replace("}}}}", &format!("}}}}}},\"type\":\"{kind}\"}}"));
        for text in [
            format!("event: {kind}\ndata: {json}\n\n"),
            format!("data: {}\n\n", json.replacen(':', " : ", 1)),
            format!("event: {kind}\ndata: {last}\n\n"),
            format!("data: {last}\n\n"),
        ] {
            let mut meter = StreamMeter::new(Route::Responses, false, false);
            assert_eq!(meter.event(&event(&text)), Pass::Forward);
            assert_eq!(tokens(&meter), Some((3, 2)), "{text}");
            assert!(meter.ended_cleanly(), "{text}");
            assert_eq!(meter.failed(), failed, "{text}");
            assert!(meter.reasoning_hidden());
        }
    }
}

#[test]
fn a_responses_stream_counts_its_deltas() {
    let mut meter = StreamMeter::new(Route::Responses, false, false);
    let created = r#"{"type":"response.created","response":{"instructions":"long","usage":null}}"#;
    meter.event(&data(created));
    assert_eq!(meter.text_bytes(), 0);
    let delta = r#"{"type":"response.output_text.delta","delta":"Hello","obfuscation":"xyz"}"#;
    meter.event(&data(delta));
    let sorted = r#"{"content_index":0,"delta":"You","type":"response.output_text.delta"}"#;
    meter.event(&event(&format!("event: response.output_text.delta\ndata: {sorted}\n\n")));
    meter.event(&data(sorted));
    assert_eq!((meter.text_bytes(), meter.text_frames()), (11, 3));
    let done = r#"{"type":"response.output_text.done","text":"HelloYouYou"}"#;
    meter.event(&data(done));
    assert_eq!(meter.text_bytes(), done.len() as u64, "for upstreams without deltas");
    assert!(!meter.ended_cleanly() && !meter.reasoning_hidden());
}

#[test]
fn the_data_says_what_an_event_is_and_its_name_only_helps() {
    let end = r#"{"type":"response.completed","response":{"usage":null}}"#;
    let mut meter = StreamMeter::new(Route::Responses, false, false);
    meter.event(&event(&format!("event: response.output_text.delta\ndata: {end}\n\n")));
    assert!(meter.ended_cleanly());
}

#[test]
fn errors_in_a_responses_stream_are_seen() {
    for text in [
        r#"{"type":"error","code":"server_error","message":"m","param":null,"sequence_number":1}"#,
        r#"{"error":{"message":"m"}}"#,
    ] {
        let mut meter = StreamMeter::new(Route::Responses, false, false);
        meter.event(&data(text));
        assert!(meter.failed() && !meter.ended_cleanly(), "{text}");
    }
}

#[test]
fn reasoning_is_hidden_where_the_request_or_the_usage_speaks_of_it() {
    assert!(StreamMeter::new(Route::ChatCompletions, false, true).reasoning_hidden());
    let mut meter = chat(false);
    assert!(!meter.reasoning_hidden());
    let details = r#"{"prompt_tokens":1,"completion_tokens":5,
        "completion_tokens_details":{"reasoning_tokens":4}}"#
        .replace('\n', "");
    meter.event(&data(&WORD.replace("null", &details)));
    assert!(meter.reasoning_hidden());
}

#[test]
fn m9_garbage_counts_as_output_and_ends_nothing() {
    let mut meter = chat(false);
    for text in ["data: {\"usage\": {\"prom\n\n", ": ping\n\n", "data\n\n", "\n", "data: [DON\n\n"]
    {
        assert_eq!(meter.event(&event(text)), Pass::Forward);
    }
    assert_eq!(meter.usage(), None);
    assert!(!meter.ended_cleanly() && !meter.failed());
    assert!(meter.text_bytes() > 0);
}

proptest! {
    #[test]
    fn the_bound_is_never_below_the_text(
        texts in prop::collection::vec(any::<String>(), 0..8), responses in any::<bool>(),
    ) {
        let route = if responses { Route::Responses } else { Route::ChatCompletions };
        let mut meter = StreamMeter::new(route, false, false);
        for text in &texts {
            let text = serde_json::Value::from(text.as_str());
            meter.event(&data(&match route {
                Route::Responses => {
                    format!(r#"{{"type":"response.output_text.delta","delta":{text}}}"#)
                }
                _ => format!(r#"{{"choices":[{{"delta":{{"content":{text}}}}}]}}"#),
            }));
        }
        let written: usize = texts.iter().map(String::len).sum();
        prop_assert!(meter.text_bytes() >= written as u64);
        prop_assert!(!meter.failed() && meter.usage().is_none());
        prop_assert_eq!(meter.text_frames(), texts.iter().filter(|t| !t.is_empty()).count() as u64);
    }

    #[test]
    fn never_panics(
        noise in any::<Vec<u8>>(),
        parts in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "\"usage\"", "\"error\"", "\"delta\"", "\"type\"", ":", "\"", "\\", "null",
            "response.completed", "[]", "choices", ",", "1e30", "-1", " ",
        ]), 0..30),
    ) {
        let mut bytes = b"data: ".to_vec();
        bytes.extend_from_slice(parts.concat().as_bytes());
        bytes.extend_from_slice(&noise);
        bytes.extend_from_slice(b"\n\n");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for route in Route::ALL {
            let mut meter = StreamMeter::new(route, false, false);
            meter.event(&event(&text));
        }
    }
}

#[test]
fn f18_deltas_in_deltas_are_counted_and_looked_at_once() {
    let deep = format!("{}\"word\"{}", "{\"delta\":".repeat(20_000), "}".repeat(20_000));
    for route in [Route::ChatCompletions, Route::Responses] {
        let mut meter = StreamMeter::new(route, false, false);
        let typed = format!("{{\"type\":\"a.delta\",\"delta\":{deep}}}");
        meter.event(&data(&typed));
        assert_eq!(meter.text_bytes(), 4, "{route:?}");
        assert_eq!(meter.said(), b"word", "{route:?}");
        // And two beside each other are two.
        meter.event(&data(r#"{"type":"a.delta","delta":"ab","more":{"delta":{"content":"cd"}}}"#));
        assert_eq!(meter.text_bytes(), 8, "{route:?}");
    }
}
