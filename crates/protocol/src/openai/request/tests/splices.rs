//! What is put into a request on its way.

use serde_json::{Value, json};

use super::*;

#[test]
fn identity_is_overwritten_in_place_or_added() {
    let body = r#"{ "user" : {"a":1} , "model":"m","safety_identifier":"forged" , "x":1 }"#;
    assert_eq!(
        spliced(ChatCompletions, body, &SET),
        r#"{ "user" : "S" , "model":"m","safety_identifier":"S" , "x":1 }"#
    );
    let added = r#"{"model":"m","user":"S","safety_identifier":"S"}"#;
    assert_eq!(spliced(Responses, r#"{"model":"m"}"#, &SET), added);
    assert_eq!(spliced(Embeddings, r#"{"model":"m"}"#, &SET), r#"{"model":"m","user":"S"}"#);
    assert_eq!(
        spliced(Embeddings, r#"{"model":"m","safety_identifier":"forged"}"#, &SET),
        r#"{"model":"m","safety_identifier":"S","user":"S"}"#
    );
}

fn modern(tokens: u64) -> Ceiling {
    Ceiling { tokens, by_max_tokens: false }
}

/// What splicing with `set` adds to or changes in a body that has our identity already.
fn limits(route: Route, members: &str, ceiling: Option<u64>) -> String {
    let identity = r#""user":"S","safety_identifier":"S","#;
    let body = format!(r#"{{{identity}"model":"m"{members}}}"#);
    let out = spliced(route, &body, &Splice { output_ceiling: ceiling.map(modern), ..SET });
    let out = out.strip_prefix(&format!(r#"{{{identity}"model":"m""#)).unwrap();
    out.strip_suffix('}').unwrap().to_owned()
}

#[test]
fn m5_the_output_ceiling_is_set_or_lowered_and_never_raised() {
    let chat = |members: &str, ceiling| limits(ChatCompletions, members, ceiling);
    assert_eq!(chat("", Some(9)), r#","max_completion_tokens":9"#);
    assert_eq!(chat(r#","max_tokens":10"#, Some(9)), r#","max_tokens":9"#);
    assert_eq!(chat(r#","max_tokens":8"#, Some(9)), r#","max_tokens":8"#);
    assert_eq!(chat(r#","max_completion_tokens":10"#, Some(9)), r#","max_completion_tokens":9"#);
    assert_eq!(chat(r#","max_completion_tokens":null"#, Some(9)), r#","max_completion_tokens":9"#);
    assert_eq!(
        chat(r#","max_tokens":null"#, Some(9)),
        r#","max_tokens":null,"max_completion_tokens":9"#
    );
    let both = r#","max_tokens":5,"max_completion_tokens":90"#;
    for ceiling in [None, Some(9), Some(100)] {
        assert_eq!(chat(both, ceiling), r#","max_tokens":5,"max_completion_tokens":5"#);
    }
    assert_eq!(chat(r#","max_output_tokens":90"#, None), r#","max_output_tokens":90"#);
    // Servers that turn a call of one route into one of another read these too.
    let foreign = r#","max_output_tokens":90"#;
    let lowered = r#","max_output_tokens":9,"max_completion_tokens":9"#;
    assert_eq!(chat(foreign, Some(9)), lowered);
    assert_eq!(chat(r#","max_tokens":5,"max_output_tokens":90"#, Some(9)), {
        r#","max_tokens":5,"max_output_tokens":5"#
    });
    let responses = |members: &str, ceiling| limits(Responses, members, ceiling);
    assert_eq!(responses("", Some(9)), r#","max_output_tokens":9"#);
    assert_eq!(responses(r#","max_output_tokens":10"#, Some(9)), r#","max_output_tokens":9"#);
    assert_eq!(responses("", None), "");
    let foreign = r#","max_tokens":90,"max_completion_tokens":8"#;
    let lowered = r#","max_tokens":9,"max_completion_tokens":8,"max_output_tokens":9"#;
    assert_eq!(responses(foreign, Some(9)), lowered);
    assert_eq!(limits(Embeddings, "", Some(9)), "");
}

#[test]
fn m5_servers_that_read_max_tokens_alone_are_told_it() {
    let told = |route, members: &str| {
        let ceiling = Some(Ceiling { tokens: 9, by_max_tokens: true });
        let body = with(members);
        let out = spliced(route, &body, &Splice { output_ceiling: ceiling, ..SET });
        let out: Value = serde_json::from_str(&out).unwrap();
        ["max_tokens", "max_completion_tokens", "max_output_tokens"].map(|it| out[it].as_u64())
    };
    assert_eq!(told(ChatCompletions, r#""x":1"#), [Some(9), None, None]);
    assert_eq!(told(ChatCompletions, r#""max_tokens":null"#), [Some(9), None, None]);
    let given = r#""max_completion_tokens":90"#;
    assert_eq!(told(ChatCompletions, given), [None, Some(9), None], "two members are refused");
    assert_eq!(told(Responses, r#""x":1"#), [None, None, Some(9)]);
    assert_eq!(told(Embeddings, r#""x":1"#), [None, None, None]);
}

#[test]
fn usage_is_asked_for_in_chat_streams_alone() {
    let set = Splice { include_usage: true, ..SET };
    let options = |route, options: &str| {
        let body = with(&format!(r#""stream":true{options}"#));
        let out: Value = serde_json::from_str(&spliced(route, &body, &set)).unwrap();
        out.get("stream_options").cloned()
    };
    for (given, sent) in [
        ("", r#"{"include_usage":true}"#),
        (r#","stream_options":null"#, r#"{"include_usage":true}"#),
        (r#","stream_options":{ }"#, r#"{"include_usage":true}"#),
        (r#","stream_options":{"include_usage":false}"#, r#"{"include_usage":true}"#),
        (
            r#","stream_options":{"a":[1], "include_usage" : null}"#,
            r#"{"a":[1],"include_usage":true}"#,
        ),
        (
            r#","stream_options":{"a":{"include_usage":1} }"#,
            r#"{"a":{"include_usage":1},"include_usage":true}"#,
        ),
    ] {
        assert_eq!(options(ChatCompletions, given), serde_json::from_str(sent).ok(), "{given}");
    }
    assert_eq!(options(Responses, ""), None);
    let plain = spliced(ChatCompletions, r#"{"model":"m"}"#, &set);
    assert!(!plain.contains("stream_options"));
}

#[test]
fn nothing_is_stored_for_us() {
    let set = Splice { store_false: true, ..SET };
    let store = |route, members: &str| {
        let out: Value = serde_json::from_str(&spliced(route, &with(members), &set)).unwrap();
        out.get("store").cloned()
    };
    for given in [r#""store":true"#, r#""store":null"#, r#""store":"yes""#] {
        assert_eq!(store(Responses, given), Some(json!(false)));
        assert_eq!(store(ChatCompletions, given), Some(json!(false)));
    }
    assert_eq!(store(Responses, r#""x":1"#), Some(json!(false)));
    assert_eq!(store(ChatCompletions, r#""x":1"#), None);
}

#[test]
fn a_splice_allocates_once() {
    let body = with(r#""stream":true,"prompt_cache_key":"k""#);
    let long = "\u{1}".repeat(50);
    let set = Splice {
        model: Some(&long),
        safety_identifier: &long,
        prompt_cache_key: Some(&long),
        output_ceiling: Some(modern(u64::MAX)),
        include_usage: true,
        store_false: true,
    };
    let out = good(ChatCompletions, &body).splice(&set);
    let added = out.len() - body.len();
    // Each escape takes all six bytes that were reserved for it: what was reserved was enough.
    assert!(added >= 4 * 6 * 50, "{added}");
    assert_eq!(serde_json::from_slice::<Value>(&out).unwrap()["user"], json!(long));
}
